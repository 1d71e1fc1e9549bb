//! The whole way of a run, for any caller: [`load()`] a plan, [`execute`] it with
//! listeners, and take the [`Report`]. The command line is one caller.
//!
//! Nothing here prints. What happens on the way is told to listeners as
//! [`Event`]s.

pub mod catalogue;
mod effort;
mod error;
mod first_step;
mod load;
mod memory;
mod pools;
mod unscored;

use std::io::Write as _;
use std::time::Instant;

use crate::dataset::{self, Prepared};
use crate::expand::Expansion;
use crate::plan::CheckedPlan;
use crate::report::{Report, Usage, files};
use crate::run::event::{Event, Listeners};
use crate::run::findings::{find, fit_outer};
use crate::run::manifest::Manifest;
use crate::run::record::Record;
use crate::run::search::{score_outside_search, search};
use crate::store::{Key, Settled, Store};
use crate::task::Cancel;
use pools::{Pools, Remote};

pub use effort::TimeEstimate;
pub use error::SessionError;
pub use load::{LoadedGuest, LoadedPlan, SuitedPlan, load};
pub use memory::MemoryEstimate;
pub use pools::queue_settings;

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
/// same: executing the plan again goes on from there. What fails after the search
/// is in [`Report::failure`], beside its results.
pub fn execute(
    loaded: &LoadedPlan,
    options: &Options,
    listeners: &mut Listeners<'_>,
) -> Result<Report, SessionError> {
    let remote = Remote::open(&loaded.plan)?;
    let workers = match &remote {
        Some(remote) => remote.workers(loaded.workers)?,
        None => loaded.workers,
    };
    let store = Store::open(&loaded.plan.store)?;
    store.probe()?;
    store.mark_layout()?;
    let prepared = prepare(loaded, &store, listeners)?;
    let SuitedPlan { plan, inputs } = &loaded.suited(&prepared)?;
    // What the tasks need is stored before the manifest that names it, and the
    // manifest before the tasks.
    for LoadedGuest { guest, component } in &loaded.guests {
        let key = Key::guest(&guest.digest());
        let settled = store.settle(&key, guest.digest(), component.clone())?;
        if settled == Settled::Repaired {
            listeners.emit(Event::ObjectRepaired { key });
        }
    }
    let manifest = Manifest::new(plan, inputs.clone(), &prepared);
    let digests = manifest.digests();
    let key = Key::plan(&digests.run);
    let settled = store.settle(&key, digests.run, manifest.bytes())?;
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
    let pools = Pools::new(
        loaded,
        workers,
        remote,
        &prepared,
        digests.run,
        record,
        options,
    )?;
    let pools = match inputs.share_prepared() {
        true => pools,
        false => pools.unshared(),
    };
    let (mut results, baseline) = search(
        plan,
        digests.run,
        &expansion,
        pools.search(),
        &options.cancel,
        listeners,
    )?;
    let findings = find(plan, &expansion, &mut results, |fits| {
        let pool = pools.search();
        fit_outer(plan, &expansion, fits, pool, &options.cancel, listeners)
    })?;
    let mut report = Report {
        plan: (**plan).clone(),
        digests,
        candidates: expansion.candidates.clone(),
        results,
        findings,
        baseline,
        holdout: None,
        model: None,
        warnings: warnings(loaded, &prepared),
        failure: None,
        usage: None,
    };
    let exported = export(&mut report, plan, &expansion, &prepared, &pools, listeners);
    let interrupted = options.cancel.is_cancelled();
    let kept = match interrupted {
        true => Ok(()),
        false => report.summary().keep(&store).map_err(SessionError::from),
    };
    report.failure = match exported.and(kept) {
        Ok(()) => unscored::failure(&report, &prepared),
        Err(error) => Some(error.into_failure()),
    };
    report.usage = Some(Usage::since(options.started));
    Ok(report)
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

/// Writes the files of results where the plan has a folder for them, and refits
/// the best candidate on all rows of the search. The files are written first, so
/// that a refit that fails loses nothing.
fn export(
    report: &mut Report,
    plan: &CheckedPlan,
    expansion: &Expansion,
    prepared: &Prepared,
    pools: &Pools,
    listeners: &mut Listeners<'_>,
) -> Result<(), SessionError> {
    let folder = plan.output.as_ref();
    if let Some(folder) = folder {
        files::write(folder, report)?;
    }
    let results = &report.results;
    let refit = plan.refit.as_ref().filter(|_| plan.kind.refits());
    let metric = refit.and_then(|name| results.metric(name));
    let Some(best) = metric.and_then(|metric| results.best(metric)) else {
        return Ok(());
    };
    if folder.is_none() && prepared.holdout.is_none() {
        return Ok(());
    }
    listeners.emit(Event::RefitStarted);
    // Without a folder there is nowhere to write the model.
    if let Some(folder) = folder {
        let task = expansion.single(best, &prepared.refit);
        let guest = expansion.guest(best);
        let model = pools.local.fit(guest, &task)?;
        let model = model.map_err(SessionError::Refit)?;
        let path = folder.join(files::MODEL);
        files::replace(&path, |output| output.write_all(&model))?;
        report.model = Some(files::MODEL.into());
    }
    if let Some(split) = &prepared.holdout {
        let scores = score_outside_search(expansion, best, split, &pools.local, listeners)?;
        let scores = scores.map_err(SessionError::Refit)?;
        report.holdout = Some(scores.into_iter().collect());
    }
    if let Some(folder) = folder {
        files::write_best(folder, report)?;
    }
    Ok(())
}
