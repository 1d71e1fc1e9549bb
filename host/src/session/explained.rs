//! [`explain_again`]: the explanations of a run of another process, from the store alone.

use std::ops::ControlFlow;

use bytes::Bytes;
use fanout_contract::Output;

use super::SessionError;
use super::explain::Explainer;
use super::export::fitted;
use crate::dataset::feature_names;
use crate::model::ModelTarget;
use crate::plan::ExplainPlan;
use crate::pool::PoolError;
use crate::report::Report;
use crate::report::stored::StoredRun;
use crate::run::event::Listeners;
use crate::run::pool::{Pool, PoolEvent};
use crate::run::predictions::{self, PredictionsError};
use crate::run::record::Record;
use crate::run::tasks::{SingleTask, Tasks};
use crate::sandbox::{Sandbox, default_cache};
use crate::store::Store;
use crate::task::{Cancel, TaskFault};

/// Explains the chosen candidate of a run as the run did: the scores of permuted
/// features are those of the store, and the rest is told by the model there, in the
/// sandbox. What the store has no more is a warning of the report. A run that explained
/// nothing stays as it is.
///
/// # Errors
/// If the store can't be read, or the guest does not run.
pub fn explain_again(store: &Store, run: &mut StoredRun) -> Result<(), SessionError> {
    let StoredRun {
        manifest,
        expansion,
        report,
        explained: Some(explained),
        ..
    } = run
    else {
        return Ok(());
    };
    let (manifest, expansion, explained) = (&*manifest, &*expansion, &*explained);
    let Some(chosen) = report.chosen().map(|chosen| chosen.index) else {
        return Ok(());
    };
    let mut not_explained = |lacks: &str| {
        let warning = format!("not explained: the store has no {lacks}; run the plan again");
        report.warnings.push(warning);
    };
    let digest = expansion.guest(chosen);
    let Some(component) = store.guest(digest)? else {
        not_explained("guest");
        return Ok(());
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let guest = Sandbox::new(cores + 1, default_cache())?
        .load(&component, digest)
        .map_err(|source| SessionError::Guest {
            name: digest.short(),
            source,
        })?;
    let record = Record::to_read(store.clone());
    let mut plan = explained.plan.clone();
    let outputs = vec![Output::Model];
    let refit = SingleTask::outside_search(expansion, chosen, &explained.refit, outputs);
    let model = match fitted(&record, &refit) {
        _ if !plan.needs_model() => None,
        Err(SessionError::ModelLost) => {
            not_explained("model");
            None
        }
        found => Some(found?),
    };
    let truth = predictions::truth(store, manifest)?;
    let model = model.map(|fitted| {
        let target = ModelTarget {
            learning: manifest.inputs.learning,
            classes: truth.target.classes().to_vec(),
            positive: refit.task(0).positive,
            threshold: report.threshold.as_ref().map(|tuned| tuned.threshold),
        };
        (target, fitted)
    });
    let dataset = predictions::dataset(store, manifest.inputs.data.dataset)?;
    let explainer = Explainer {
        guest: &guest,
        limits: report.plan.limits.into(),
        expansion,
        features: feature_names(&dataset).map_err(PredictionsError::from)?,
        dataset,
        holdout: manifest.holdout.as_ref(),
        pool: &Kept(record),
        cancel: &Cancel::default(),
        chosen,
    };
    let explain = |plan: &ExplainPlan, report: &mut Report| {
        let model: Option<(ModelTarget, Bytes)> = model.clone();
        explainer.run(plan, model, report, &mut Listeners::default())
    };
    let known = report.warnings.len();
    report.explanations = Some(match explain(&plan, report) {
        // Some of them: what is in no part of the record has not ended.
        Err(SessionError::Explanation(TaskFault::Cancelled)) => {
            let warning = "not explained: the store has not all scores of permuted features; run \
                           the plan again";
            report.warnings.push(warning.to_owned());
            plan.permutation_importance = None;
            explain(&plan, report)?
        }
        found => found?,
    });
    // What the model has not, the run told already.
    let new = report.warnings.split_off(known);
    let new = new
        .into_iter()
        .filter(|warning| !report.warnings.contains(warning));
    let new: Vec<String> = new.collect();
    report.warnings.extend(new);
    Ok(())
}

/// Reports what a record has of tasks, and runs none.
struct Kept(Record);

impl Pool for Kept {
    type Error = PoolError;

    fn workers(&self) -> usize {
        1
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let wanted: Vec<_> = (0..tasks.len()).map(|task| tasks.wanted(task)).collect();
        for (task, mut found) in self.0.look(&wanted)?.into_iter().enumerate() {
            for event in PoolEvent::of_found(task, &mut found) {
                if report(event).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
