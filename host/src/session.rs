//! The whole way of a run, for any caller: [`load()`] a plan, [`execute`] it with
//! listeners, and take the [`Reports`], one a target. The command line is one caller.
//!
//! Nothing here prints. What happens on the way is told to listeners as
//! [`Event`]s.

mod assess;
pub mod catalogue;
mod chain;
mod combinable;
mod drift;
mod effort;
mod ensemble;
mod error;
mod explain;
mod explained;
mod export;
mod first_step;
mod load;
mod memory;
mod model;
mod output;
mod page;
mod pools;
mod retrain;
mod training;
mod unscored;

use std::rc::Rc;
use std::time::Instant;

use fanout_contract::Split;

use crate::dataset::{self, Prepared, Warning};
use crate::digest::Digest;
use crate::error::chained;
use crate::expand::Expansion;
use crate::model::{Composite, CompositeHead, Model, Rule, TargetMembers};
use crate::pool::PoolError;
use crate::reduce::Lead;
use crate::report::{Report, Reports, Usage};
use crate::run::data_summary::{DataColumn, DataSummary};
use crate::run::event::{Event, Listeners};
use crate::run::findings::{find, fit_outer};
use crate::run::journal::{Journal, Lost};
use crate::run::manifest::Manifest;
use crate::run::pool::Pool;
use crate::run::predictions::PredictionsError;
use crate::run::record::Record;
use crate::run::search::{Search, Searched, search};
use crate::run::summary::Explained;
use crate::run::tasks::SingleTask;
use crate::store::{Key, Settled, Store, packed};
use crate::task::Cancel;
use crate::worth::OverTargets;
use export::Export;
use pools::{PoolInputs, Remote};

pub use drift::Drift;
pub use effort::TimeEstimate;
pub use error::{RetrainError, SessionError};
pub use explain::most_important;
pub use explained::explain_again;
pub use load::{LoadedGuest, LoadedPlan, SuitedPlan, load};
pub use memory::MemoryEstimate;
pub use model::{OpenModel, component};
pub use pools::queue_settings;
pub use retrain::{Files, Retrain, Retrained, Rows, Winner, retrain};

/// How a plan is executed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stops the run; what is done is kept.
    pub cancel: Cancel,
    /// Makes every fit again, whatever the store has.
    pub fresh: bool,
    /// Leaves the guest out of the model file, which is smaller then and needs it beside.
    pub without_guest: bool,
    /// When the wall time of [`Report::usage`] begins. Default: when the options
    /// are made.
    pub started: Instant,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cancel: Cancel::default(),
            fresh: false,
            without_guest: false,
            started: Instant::now(),
        }
    }
}

/// Executes a plan: prepares its dataset in the store, runs the tasks of the search of
/// each target on its pool, reduces their scores, refits the best candidates, and writes
/// the files of results where the plan has a folder for them.
///
/// # Errors
///
/// See [`SessionError`]. Whatever tasks were finished are in the store all the
/// same: executing the plan again goes on from there. What fails after the search
/// is in [`Reports::failure`], beside its results.
pub fn execute(
    loaded: &LoadedPlan,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Reports, SessionError> {
    let places = Places::reach(loaded)?;
    let journal = Journal::start(places.store.clone());
    listeners.attach(journal.listener());
    tracing::info!(
        store = places.store.url(),
        workers = places.workers,
        "the plan is about to be executed"
    );
    let activity = page::Watched::default();
    listeners.attach(activity.listener());
    let executed = execute_at(&places, loaded, options, &activity, listeners);
    listeners.detach();
    let failure = match &executed {
        Ok(reports) => reports
            .failure
            .as_ref()
            .map(|failure| failure.message.clone()),
        Err(error) => Some(chained(error)),
    };
    listeners.emit(Event::RunClosed { failure });
    listeners.detach();
    if let Some(Lost { events, reason }) = journal.finish() {
        listeners.emit(Event::EventsLost { events, reason });
    }
    executed
}

fn execute_at(
    places: &Places,
    loaded: &LoadedPlan,
    options: &Options,
    activity: &page::Watched,
    listeners: &mut Listeners<'_>,
) -> Result<Reports, SessionError> {
    let prepared = prepare(loaded, &places.store, listeners)?;
    let plans = loaded.searches();
    // All mistakes are told before the first search.
    let chained = loaded.chained(prepared.clone())?;
    let suited = plans.iter().zip(&chained);
    let suited = suited.map(|(loaded, prepared)| loaded.suited(prepared));
    let suited: Vec<SuitedPlan> = suited.collect::<Result<_, _>>()?;
    let mut over = OverTargets::default();
    let order = chain::order(&loaded.plan);
    let (reports, models) = match &order {
        Some(order) => chain::run(
            &plans, &prepared, order, places, &mut over, options, listeners,
        )?,
        None => {
            let openings = plans.iter().zip(&suited).zip(&prepared);
            let openings = openings.map(|((loaded, suited), prepared)| Opening {
                loaded,
                suited,
                prepared,
            });
            let openings: Vec<Opening<'_>> = openings.collect();
            let mut opened = open(&openings, places, options, listeners)?;
            together(&openings, &mut opened, &mut over, options, listeners)?
        }
    };
    let rule = match order {
        Some(order) => Rule::Chain { order },
        None => Rule::Targets,
    };
    let failure = reports.iter().find_map(|report| report.failure.clone());
    let mut reports = Reports {
        plan: (*loaded.plan).clone(),
        warnings: shared_warnings(loaded, &prepared),
        model: None,
        over_targets: over.finish(),
        failure,
        usage: None,
        targets: reports,
    };
    let composite = composite(&loaded.plan.name, rule, models);
    if let Err(error) = reports.write(composite.as_ref()) {
        let failure = reports.failure.take();
        reports.failure = failure.or_else(|| Some(SessionError::from(error).into_failure()));
    }
    let usage = Some(Usage::since(options.started));
    match reports.targets.as_mut_slice() {
        [only] => only.usage = usage,
        _ => reports.usage = usage,
    }
    page::write(&mut reports, activity);
    Ok(reports)
}

/// Runs searches, exports what they found, and keeps their summaries. Returns the reports
/// and the models that were written.
fn together(
    openings: &[Opening<'_>],
    opened: &mut [Opened],
    over: &mut OverTargets,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<(Vec<Report>, Vec<Option<Model>>), SessionError> {
    let ahead = exports(openings, opened, options);
    let ahead: Vec<Vec<SingleTask>> = ahead.iter().map(Export::ahead).collect();
    let mut reports = searched(openings, opened, &ahead, options, listeners)?;
    for (opened, report) in opened.iter_mut().zip(&reports) {
        opened.expansion.note_times(&report.results.fit_time.mean);
    }
    let exports = exports(openings, opened, options);
    let mut models = Vec::with_capacity(opened.len());
    let of_one_pool = opened.chunk_by(|one, other| Rc::ptr_eq(&one.pool, &other.pool));
    let mut done = 0;
    for count in of_one_pool.map(<[Opened]>::len) {
        let some = done..done + count;
        done += count;
        let own = &mut reports[some.clone()];
        models.extend(export::run(&exports[some], own, over, listeners));
    }
    for (report, export) in reports.iter_mut().zip(&exports) {
        let kept = match options.cancel.is_cancelled() {
            true => Ok(()),
            false => report
                .summary()
                .with_explained(explained(report, export))
                .keep(export.record.store()),
        };
        if report.failure.is_none() {
            report.failure = match kept {
                Ok(()) => unscored::failure(report, export.prepared),
                Err(error) => Some(SessionError::from(error).into_failure()),
            };
        }
    }
    Ok((reports, models))
}

fn exports<'a>(
    openings: &'a [Opening<'_>],
    opened: &'a [Opened],
    options: &'a Options,
) -> Vec<Export<'a>> {
    let exports = openings.iter().zip(opened);
    let exports = exports.map(|(opening, opened)| Export {
        loaded: opening.loaded,
        manifest: &opened.manifest,
        expansion: &opened.expansion,
        prepared: opening.prepared,
        pool: &*opened.pool,
        record: &opened.record,
        cancel: &options.cancel,
        suited: opening.suited,
        options,
        with_guest: !options.without_guest,
    });
    exports.collect()
}

/// The model of several targets; `None` where one of these has no model.
fn composite(name: &str, rule: Rule, models: Vec<Option<Model>>) -> Option<Composite> {
    let models: Vec<Model> = models.into_iter().collect::<Option<_>>()?;
    if models.len() < 2 {
        return None;
    }
    let rule = match models.iter().any(|model| model.rule().is_some()) {
        false => rule,
        true => {
            let target = |model: &Model| TargetMembers {
                members: model.members().len(),
                rule: model.rule().cloned().map(Box::new),
            };
            let targets = models.iter().map(target).collect();
            Rule::Ensembles { targets }
        }
    };
    let members = models.into_iter().flat_map(Model::into_members).collect();
    let head = CompositeHead {
        name: name.to_owned(),
        rule,
    };
    let composite = Composite::new(head, members);
    Some(composite.expect("targets of one dataset have names and features in common"))
}

/// Runs the searches, those of one pool together, and reports each. `ahead` are the tasks
/// that will be wanted after each of them, whatever it finds.
fn searched(
    openings: &[Opening<'_>],
    opened: &[Opened],
    ahead: &[Vec<SingleTask>],
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Report>, SessionError> {
    let mut reports = Vec::with_capacity(opened.len());
    let mut sizes = SplitSizes::default();
    for opened in opened.chunk_by(|one, other| Rc::ptr_eq(&one.pool, &other.pool)) {
        let (openings, ahead) = (&openings[reports.len()..], &ahead[reports.len()..]);
        let searches = openings.iter().zip(opened).zip(ahead);
        let searches = searches.map(|((opening, opened), ahead)| Search {
            plan: &opening.suited.plan,
            expansion: &opened.expansion,
            ahead,
        });
        let searches: Vec<Search<'_>> = searches.collect();
        let runs: Vec<Digest> = opened.iter().map(|of| of.manifest.run()).collect();
        let pool = &*opened[0].pool;
        let searched = search(&searches, &runs, pool, &options.cancel, listeners)?;
        for ((opening, opened), searched) in openings.iter().zip(opened).zip(searched) {
            let report = report(opening, opened, searched, &mut sizes, options, listeners)?;
            reports.push(report);
        }
    }
    Ok(reports)
}

/// The report of a search that ended.
fn report(
    Opening {
        loaded,
        suited,
        prepared,
    }: &Opening<'_>,
    opened: &Opened,
    (mut results, baseline): Searched,
    sizes: &mut SplitSizes,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Report, SessionError> {
    let SuitedPlan { plan, .. } = suited;
    let Opened {
        manifest,
        expansion,
        pool,
        ..
    } = opened;
    let findings = find(plan, expansion, &mut results, |fits| {
        fit_outer(plan, expansion, fits, &**pool, &options.cancel, listeners)
    })?;
    let own = prepared.own_warnings().iter().map(ToString::to_string);
    let mut report = Report {
        plan: (**plan).clone(),
        digests: manifest.digests(),
        candidates: expansion.candidates.clone(),
        results,
        findings,
        baseline,
        lead: None,
        threshold: None,
        ensemble: None,
        worth: None,
        drawn: None,
        holdout: None,
        oob_score: None,
        model: None,
        explanations: None,
        data: DataSummary::new(prepared),
        warnings: match prepared.is_alone {
            true => loaded.cut().into_iter().chain(own).collect(),
            false => own.collect(),
        },
        failure: None,
        usage: None,
    };
    // There is nobody to be ahead of one candidate.
    if report.findings.is_none() && report.candidates.len() > 1 && plan.kind.has_splits() {
        let sizes = sizes.of(prepared)?;
        report.lead = Lead::new(&report.results, report.ranked_by(), sizes);
    }
    Ok(report)
}

/// The numbers of rows of splits, which those of several targets may have in common.
#[derive(Debug, Default)]
struct SplitSizes {
    latest: Option<(Vec<Split>, Vec<[u64; 2]>)>,
}

impl SplitSizes {
    fn of(&mut self, prepared: &Prepared) -> Result<&[[u64; 2]], PredictionsError> {
        let latest = self.latest.take();
        let latest = match latest.filter(|(splits, _)| *splits == prepared.folds) {
            Some(known) => known,
            None => {
                let sizes = dataset::split_sizes(&prepared.splits_content, &prepared.folds)?;
                (prepared.folds.clone(), sizes)
            }
        };
        Ok(&self.latest.insert(latest).1)
    }
}

/// What was explained of a run, for its summary.
fn explained(report: &Report, export: &Export<'_>) -> Option<Explained> {
    let found = report.explanations.as_ref()?;
    Some(Explained {
        plan: report.plan.explain.clone()?,
        refit: export.model_split(report.chosen()?.index).clone(),
        found: Some(found.short_json()),
    })
}

/// Where the tasks of a plan run, and where their data and results are.
struct Places {
    remote: Option<Remote>,
    workers: usize,
    store: Store,
}

impl Places {
    /// Opens them and makes the folders of results, before the data are read.
    fn reach(loaded: &LoadedPlan) -> Result<Self, SessionError> {
        let remote = Remote::open(&loaded.plan)?;
        let workers = match &remote {
            Some(remote) => remote.workers(loaded.workers)?,
            None => loaded.workers,
        };
        let store = Store::open(&loaded.plan.store)?;
        store.probe()?;
        store.mark_layout()?;
        output::make(&loaded.plan)?;
        Ok(Self {
            remote,
            workers,
            store,
        })
    }
}

/// A search to open.
struct Opening<'a> {
    loaded: &'a LoadedPlan,
    suited: &'a SuitedPlan,
    prepared: &'a Prepared,
}

/// A search whose tasks can be run.
struct Opened {
    manifest: Manifest,
    expansion: Expansion,
    record: Record,
    pool: Rc<dyn Pool<Error = PoolError>>,
}

/// Stores what the tasks of searches of one dataset need, and opens their pool: one for
/// all, or one for each where workers take tasks of one run at a time.
fn open(
    searches: &[Opening<'_>],
    places: &Places,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Opened>, SessionError> {
    let Places {
        remote,
        workers,
        store,
    } = places;
    let workers = *workers;
    // What the tasks need is stored before the manifest that names it, and the
    // manifest before the tasks.
    let guests = searches.first().map(|first| first.loaded.guests.iter());
    for loaded in guests.into_iter().flatten() {
        let (digest, file) = (loaded.guest.digest(), &loaded.file);
        let packed = file.packed.clone().unwrap_or_else(|| packed(&file.wasm));
        if store.settle_guest(digest, packed)? == Settled::Repaired {
            let key = Key::guest(&digest);
            listeners.emit(Event::ObjectRepaired { key });
        }
    }
    let mut all: Vec<Opened> = Vec::with_capacity(searches.len());
    for Opening {
        loaded,
        suited: SuitedPlan { plan, inputs, .. },
        prepared,
    } in searches
    {
        let manifest = Manifest::new(plan, inputs.clone(), prepared);
        let run = manifest.run();
        tracing::debug!(column = %prepared.target, %run, "the run's plan goes to the store");
        let key = Key::plan(&run);
        let settled = store.settle(&key, run, manifest.bytes())?;
        // Together they keep the workers busy.
        let workers_of = workers.div_ceil(searches.len());
        let mut expansion = Expansion::new(plan, inputs, workers_of);
        match settled {
            Settled::Written => {}
            // Another run of the same plan may be under way.
            Settled::Found => expansion.reverse_with_jitter(),
            Settled::Repaired => {
                listeners.emit(Event::ObjectRepaired { key });
                expansion.reverse_with_jitter();
            }
        }
        let size = (prepared.rows, prepared.features());
        let expansion = expansion.with_cuts(inputs, size, workers_of);
        let record = Record::new(store.clone(), plan.limits.into(), !options.fresh);
        let is_of_one_run = remote.as_ref().is_some_and(Remote::is_of_one_run);
        let pool = match all.first().filter(|_| !is_of_one_run) {
            Some(first) => Rc::clone(&first.pool),
            None => PoolInputs {
                loaded,
                workers,
                prepared,
                run,
                record: record.clone(),
                options,
                // What is shared is of one target.
                share: prepared.is_alone && inputs.share_prepared(),
            }
            .open(remote.as_ref())?,
        };
        all.push(Opened {
            manifest,
            expansion,
            record,
            pool,
        });
    }
    Ok(all)
}

/// What people should know of the plan and the table of several targets, one sentence
/// each. For one target, its report has it.
fn shared_warnings(loaded: &LoadedPlan, prepared: &[Prepared]) -> Vec<String> {
    match prepared {
        [_] => Vec::new(),
        several => {
            let of_table = table_warnings(several).iter().map(ToString::to_string);
            loaded.cut().into_iter().chain(of_table).collect()
        }
    }
}

/// The warnings about the data: all of them, for one target, or those about the table.
fn table_warnings(prepared: &[Prepared]) -> &[Warning] {
    match prepared {
        [one] => &one.summary.warnings,
        several => several.first().map_or(&[], Prepared::table_warnings),
    }
}

fn prepare(
    loaded: &LoadedPlan,
    store: &Store,
    listeners: &mut Listeners<'_>,
) -> Result<Vec<Prepared>, SessionError> {
    let started = Instant::now();
    let prepared = dataset::prepare(&loaded.plan, store)?;
    let first = &prepared[0];
    listeners.emit(Event::DatasetPrepared {
        rows: first.rows,
        features: first.features(),
        reused: first.reused,
        wall: started.elapsed(),
        columns: DataColumn::of_table(first),
    });
    tracing::info!(
        dataset = %first.dataset.short(),
        rows = first.rows,
        features = first.features(),
        reused = first.reused,
        seconds = started.elapsed().as_secs_f64(),
        "the dataset is in the store"
    );
    for key in &first.repaired {
        listeners.emit(Event::ObjectRepaired { key: key.clone() });
    }
    for message in loaded.cut() {
        listeners.emit(Event::PlanWarned { message });
    }
    for warning in table_warnings(&prepared) {
        listeners.emit(Event::DatasetWarned {
            message: warning.to_string(),
        });
    }
    Ok(prepared)
}
