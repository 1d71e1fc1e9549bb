//! The whole way of a run, for any caller: [`load()`] a plan, [`execute`] it with
//! listeners, and take the [`Report`]. The command line is one caller.
//!
//! Nothing here prints. What happens on the way is told to listeners as
//! [`Event`]s.

pub mod catalogue;
mod error;
mod load;
mod pools;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::dataset::{self, Prepared};
use crate::expand::{Data, Expansion};
use crate::plan::CheckedPlan;
use crate::reduce::SearchResults;
use crate::report::{Report, Usage, files};
use crate::run::event::{Event, Listeners};
use crate::run::manifest::Manifest;
use crate::run::record::Record;
use crate::run::search::{score_outside_search, search};
use crate::store::{Key, Settled, Store};
use crate::task::Cancel;
use pools::{Pools, Remote};

pub use error::SessionError;
pub use load::{LoadedPlan, load};
pub use pools::queue_settings;

/// The file of the refitted model, in the folder of results.
const MODEL: &str = "model.bin";

/// How a plan is executed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Stops the run; what is done is kept.
    pub cancel: Cancel,
    /// Makes every fit again, whatever the store has.
    pub fresh: bool,
    /// When the wall time of [`Report::usage`] begins. Default: when the options
    /// are made.
    pub started: Instant,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cancel: Cancel::default(),
            fresh: false,
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
/// same: executing the plan again goes on from there.
pub fn execute(
    loaded: &LoadedPlan,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Report, SessionError> {
    let plan = &loaded.plan;
    let remote = Remote::open(plan)?;
    let workers = match &remote {
        Some(remote) => remote.workers(loaded.workers)?,
        None => loaded.workers,
    };
    let store = Store::open(&plan.store)?;
    store.probe()?;
    store.mark_layout()?;
    let prepared = prepare(plan, &store, listeners)?;
    loaded.check_target(&prepared)?;
    let data = Data {
        guest: loaded.guest.digest(),
        dataset: prepared.dataset,
        splits: prepared.splits,
    };
    // What the tasks need is stored before the manifest that names it, and the
    // manifest before the tasks.
    let key = Key::guest(&data.guest);
    let settled = store.settle(&key, data.guest, loaded.component.clone())?;
    if settled == Settled::Repaired {
        listeners.emit(Event::ObjectRepaired { key });
    }
    let manifest = Manifest::new(plan, &loaded.trainer, &prepared, data);
    let digests = manifest.digests();
    let key = Key::plan(&digests.run);
    let settled = store.settle(&key, digests.run, manifest.bytes())?;
    let mut expansion = Expansion::new(
        plan,
        &loaded.trainer,
        &manifest.data,
        prepared.folds.clone(),
        workers,
    );
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
    let pools = Pools::new(
        loaded,
        workers,
        remote,
        &prepared,
        digests.run,
        record,
        options,
    )?;
    let results = search(
        plan,
        digests.run,
        &expansion,
        pools.search(),
        &options.cancel,
        listeners,
    )?;
    let refitted = refit(plan, &expansion, &results, &prepared, &pools, listeners)?;
    let report = Report {
        plan: (**plan).clone(),
        digests,
        candidates: expansion.candidates,
        results,
        holdout: refitted.holdout,
        model: refitted.model,
        warnings: prepared
            .summary
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect(),
        usage: Some(Usage::since(options.started)),
    };
    if let Some(folder) = &plan.output {
        files::write(folder, &report)?;
    }
    report.summary().keep(&store)?;
    Ok(report)
}

fn prepare(
    plan: &CheckedPlan,
    store: &Store,
    listeners: &mut Listeners<'_>,
) -> Result<Prepared, SessionError> {
    let started = Instant::now();
    let prepared = dataset::prepare(plan, store)?;
    listeners.emit(Event::DatasetPrepared {
        rows: prepared.rows,
        features: prepared.layout.columns.len() - 1,
        reused: prepared.reused,
        wall: started.elapsed(),
    });
    for key in &prepared.repaired {
        listeners.emit(Event::ObjectRepaired { key: key.clone() });
    }
    for warning in &prepared.summary.warnings {
        listeners.emit(Event::DatasetWarned {
            message: warning.to_string(),
        });
    }
    Ok(prepared)
}

/// The best candidate, fitted once more on all rows of the search.
#[derive(Default)]
struct Refitted {
    /// The model's file in the folder of results, where there is a folder.
    model: Option<PathBuf>,
    /// The scores on the hold-out rows by metric, where the plan has any.
    holdout: Option<BTreeMap<String, Option<f64>>>,
}

fn refit(
    plan: &CheckedPlan,
    expansion: &Expansion,
    results: &SearchResults,
    prepared: &Prepared,
    pools: &Pools,
    listeners: &mut Listeners<'_>,
) -> Result<Refitted, SessionError> {
    let metric = plan.refit.as_ref().and_then(|name| results.metric(name));
    let mut refitted = Refitted::default();
    let Some(best) = metric.and_then(|metric| results.best(metric)) else {
        return Ok(refitted);
    };
    if plan.output.is_none() && prepared.holdout.is_none() {
        return Ok(refitted);
    }
    listeners.emit(Event::RefitStarted);
    // Without a folder there is nowhere to write the model.
    if let Some(folder) = &plan.output {
        let task = expansion.single(best, &prepared.refit);
        let model = pools.local.fit(&task)?.map_err(SessionError::Refit)?;
        refitted.model = Some(save_model(folder, &model)?);
    }
    if let Some(split) = &prepared.holdout {
        let scores = score_outside_search(expansion, best, split, &pools.local, listeners)?;
        let scores = scores.map_err(SessionError::Refit)?;
        refitted.holdout = Some(scores.into_iter().collect());
    }
    Ok(refitted)
}

/// Writes the model into the folder of results. Returns its path there.
fn save_model(folder: &Path, model: &[u8]) -> Result<PathBuf, SessionError> {
    files::make_folder(folder)?;
    let path = folder.join(MODEL);
    files::replace(&path, |output| output.write_all(model))?;
    Ok(MODEL.into())
}
