//! The whole way of a run, for any caller: [`load()`] a plan, [`execute`] it with
//! listeners, and take the [`Report`]. The command line is one caller.
//!
//! Nothing here prints. What happens on the way is told to listeners as
//! [`Event`]s.

mod assess;
pub mod catalogue;
mod drift;
mod effort;
mod error;
mod explain;
mod explained;
mod export;
mod first_step;
mod load;
mod memory;
mod model;
mod pools;
mod retrain;
mod training;
mod unscored;

use std::time::Instant;

use crate::dataset::{self, Prepared};
use crate::expand::Expansion;
use crate::pool::PoolError;
use crate::reduce::Lead;
use crate::report::{Report, Usage};
use crate::run::event::{Event, Listeners};
use crate::run::findings::{find, fit_outer};
use crate::run::manifest::Manifest;
use crate::run::pool::Pool;
use crate::run::predictions::PredictionsError;
use crate::run::record::Record;
use crate::run::search::search;
use crate::run::summary::Explained;
use crate::store::{Key, Settled, Store};
use crate::task::Cancel;
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

/// Executes a plan: prepares its dataset in the store, runs its tasks on its
/// pool, reduces their scores, refits the best candidate, and writes the files
/// of results where the plan has a folder for them.
///
/// # Errors
///
/// See [`SessionError`]. Whatever tasks were finished are in the store all the
/// same: executing the plan again goes on from there. What fails after the search
/// is in [`Report::failure`], beside its results.
pub fn execute(
    loaded: &LoadedPlan,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Report, SessionError> {
    let places = Places::reach(loaded)?;
    let prepared = prepare(loaded, &places.store, listeners)?;
    let suited = &loaded.suited(&prepared)?;
    let opened = open(
        loaded,
        suited,
        Opening {
            places,
            prepared: &prepared,
            options,
        },
        listeners,
    )?;
    let SuitedPlan { plan, .. } = suited;
    let Opened {
        manifest,
        expansion,
        record,
        pool,
    } = &opened;
    let digests = manifest.digests();
    let (mut results, baseline) = search(
        plan,
        digests.run,
        expansion,
        &**pool,
        &options.cancel,
        listeners,
    )?;
    let findings = find(plan, expansion, &mut results, |fits| {
        fit_outer(plan, expansion, fits, &**pool, &options.cancel, listeners)
    })?;
    let mut report = Report {
        plan: (**plan).clone(),
        digests,
        candidates: expansion.candidates.clone(),
        results,
        findings,
        baseline,
        lead: None,
        threshold: None,
        worth: None,
        holdout: None,
        model: None,
        explanations: None,
        warnings: warnings(loaded, &prepared),
        failure: None,
        usage: None,
    };
    // There is nobody to be ahead of one candidate.
    if report.findings.is_none() && report.candidates.len() > 1 {
        let sizes = dataset::split_sizes(&prepared.splits_content, &prepared.folds);
        let sizes = sizes.map_err(PredictionsError::from)?;
        report.lead = Lead::new(&report.results, report.ranked_by(), &sizes);
    }
    let exported = Export {
        loaded,
        manifest,
        expansion,
        prepared: &prepared,
        pool: &**pool,
        record,
        cancel: &options.cancel,
        with_guest: !options.without_guest,
    }
    .run(&mut report, listeners);
    let interrupted = options.cancel.is_cancelled();
    let kept = match interrupted {
        true => Ok(()),
        false => report
            .summary()
            .with_explained(explained(&report, &prepared))
            .keep(record.store())
            .map_err(SessionError::from),
    };
    report.failure = match exported.and(kept) {
        Ok(()) => unscored::failure(&report, &prepared),
        Err(error) => Some(error.into_failure()),
    };
    report.usage = Some(Usage::since(options.started));
    Ok(report)
}

/// What was explained of a run, for its summary.
fn explained(report: &Report, prepared: &Prepared) -> Option<Explained> {
    report.explanations.as_ref()?;
    Some(Explained {
        plan: report.plan.explain.clone()?,
        refit: prepared.refit.clone(),
    })
}

/// Where the tasks of a plan run, and where their data are.
struct Places {
    remote: Option<Remote>,
    workers: usize,
    store: Store,
}

impl Places {
    /// Opens both, before the data are read.
    fn reach(loaded: &LoadedPlan) -> Result<Self, SessionError> {
        let remote = Remote::open(&loaded.plan)?;
        let workers = match &remote {
            Some(remote) => remote.workers(loaded.workers)?,
            None => loaded.workers,
        };
        let store = Store::open(&loaded.plan.store)?;
        store.probe()?;
        store.mark_layout()?;
        Ok(Self {
            remote,
            workers,
            store,
        })
    }
}

/// With what a run is opened, beside its plan.
struct Opening<'a> {
    places: Places,
    prepared: &'a Prepared,
    options: &'a Options,
}

/// A run whose tasks can be run.
struct Opened {
    manifest: Manifest,
    expansion: Expansion,
    record: Record,
    pool: Box<dyn Pool<Error = PoolError>>,
}

/// Stores what the tasks of a run need, and opens its pool.
fn open(
    loaded: &LoadedPlan,
    suited: &SuitedPlan,
    opening: Opening<'_>,
    listeners: &mut Listeners<'_>,
) -> Result<Opened, SessionError> {
    let SuitedPlan { plan, inputs } = suited;
    let Opening {
        places,
        prepared,
        options,
    } = opening;
    let Places {
        remote,
        workers,
        store,
    } = places;
    // What the tasks need is stored before the manifest that names it, and the
    // manifest before the tasks.
    for LoadedGuest { guest, component } in &loaded.guests {
        let key = Key::guest(&guest.digest());
        let settled = store.settle(&key, guest.digest(), component.clone())?;
        if settled == Settled::Repaired {
            listeners.emit(Event::ObjectRepaired { key });
        }
    }
    let manifest = Manifest::new(plan, inputs.clone(), prepared);
    let run = manifest.run();
    let key = Key::plan(&run);
    let settled = store.settle(&key, run, manifest.bytes())?;
    let mut expansion = Expansion::new(plan, inputs, workers);
    match settled {
        Settled::Written => {}
        // Another run of the same plan may be under way.
        Settled::Found => expansion.reverse_with_jitter(),
        Settled::Repaired => {
            listeners.emit(Event::ObjectRepaired { key });
            expansion.reverse_with_jitter();
        }
    }
    let record = Record::new(store.clone(), plan.limits.into(), !options.fresh);
    let pool = PoolInputs {
        loaded,
        workers,
        prepared,
        run,
        record: record.clone(),
        options,
        share: inputs.share_prepared(),
    };
    Ok(Opened {
        pool: pool.open(remote)?,
        manifest,
        expansion,
        record,
    })
}

/// What people should know of the plan and the data, one sentence each.
fn warnings(loaded: &LoadedPlan, prepared: &Prepared) -> Vec<String> {
    let of_data = prepared.summary.warnings.iter().map(ToString::to_string);
    loaded.cut().into_iter().chain(of_data).collect()
}

fn prepare(
    loaded: &LoadedPlan,
    store: &Store,
    listeners: &mut Listeners<'_>,
) -> Result<Prepared, SessionError> {
    let started = Instant::now();
    let prepared = dataset::prepare(&loaded.plan, store)?;
    listeners.emit(Event::DatasetPrepared {
        rows: prepared.rows,
        features: prepared.features(),
        reused: prepared.reused,
        wall: started.elapsed(),
    });
    for key in &prepared.repaired {
        listeners.emit(Event::ObjectRepaired { key: key.clone() });
    }
    for message in loaded.cut() {
        listeners.emit(Event::PlanWarned { message });
    }
    for warning in &prepared.summary.warnings {
        listeners.emit(Event::DatasetWarned {
            message: warning.to_string(),
        });
    }
    Ok(prepared)
}
