//! [`Export`]: what follows a search: its files of results, the refitted model of the
//! best candidate, and its scores on the hold-out rows.

use bytes::Bytes;
use fanout_contract::Output;

use super::assess::{self, Assessor};
use super::explain::Explainer;
use super::training::{dataset, training};
use super::{LoadedPlan, SessionError};
use crate::dataset::{Prepared, rows_in};
use crate::expand::Expansion;
use crate::model::{ModelFile, ModelHead, ModelScore, ModelTarget, Training};
use crate::plan::{DatasetPlan, ExplainPlan};
use crate::pool::PoolError;
use crate::report::{Report, files};
use crate::run::event::{Event, Listeners};
use crate::run::manifest::Manifest;
use crate::run::pool::Pool;
use crate::run::predictions::PredictionsError;
use crate::run::record::Record;
use crate::run::search::run_outside_search;
use crate::run::tasks::SingleTask;
use crate::task::Cancel;

/// A search that ended, with what its export needs.
pub(super) struct Export<'a> {
    pub(super) loaded: &'a LoadedPlan,
    pub(super) manifest: &'a Manifest,
    pub(super) expansion: &'a Expansion,
    pub(super) prepared: &'a Prepared,
    pub(super) pool: &'a dyn Pool<Error = PoolError>,
    pub(super) record: &'a Record,
    pub(super) cancel: &'a Cancel,
    /// Whether the model file holds the guest.
    pub(super) with_guest: bool,
}

impl Export<'_> {
    /// Writes the files of results where the plan has a folder for them, tunes the
    /// threshold of the chosen candidate, refits it on all rows of the search, assesses
    /// its predictions, and explains them. The files are written first, so that a refit that
    /// fails loses nothing.
    pub(super) fn run(
        &self,
        report: &mut Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<(), SessionError> {
        let folder = report.plan.output.clone();
        if let Some(folder) = &folder {
            files::write(folder, report)?;
        }
        let Some(best) = report.chosen().map(|chosen| chosen.index) else {
            return Ok(());
        };
        let assessor = match assess::is_wanted(&report.plan, self.prepared) {
            true => Some(Assessor::new(
                self.expansion,
                self.prepared,
                self.record,
                self.pool,
                best,
                report,
                listeners,
            )?),
            false => None,
        };
        let mut model = None;
        if report.plan.refit.is_some() && report.plan.kind.refits() {
            model = self.refit(best, assessor.as_ref(), report, listeners)?;
        }
        if let Some(assessor) = assessor {
            assessor.assess(report)?;
        }
        if let Some(explain) = report.plan.explain.clone() {
            let guest = self.loaded.guest(self.expansion.guest(best));
            let explainer = Explainer {
                guest: &guest.ok_or(SessionError::ModelLost)?.guest,
                limits: self.loaded.plan.limits.into(),
                expansion: self.expansion,
                dataset: dataset(self.record.store(), self.prepared)?,
                features: self.prepared.feature_names(),
                holdout: self.prepared.holdout.as_ref(),
                pool: self.pool,
                cancel: self.cancel,
                chosen: best,
            };
            let found = explainer.run(&explain, model, report, listeners)?;
            if let Some(folder) = &folder {
                found.write(folder)?;
            }
            report.explanations = Some(found);
        }
        if let Some(folder) = &folder {
            files::write_best(folder, report)?;
        }
        Ok(())
    }

    /// Refits the candidate `best` on all rows of the search: into the model file where
    /// the plan has a folder, and to score the hold-out rows where there are some. Returns
    /// what the model predicts, and the model in the guest's form, where one was wanted.
    fn refit(
        &self,
        best: usize,
        assessor: Option<&Assessor<'_>>,
        report: &mut Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<(ModelTarget, Bytes)>, SessionError> {
        let folder = report.plan.output.clone();
        let explain = report.plan.explain.as_ref();
        // Without a folder there is nowhere to write the model.
        let wants_model = folder.is_some() || explain.is_some_and(ExplainPlan::needs_model);
        let refit = wants_model.then(|| {
            let outputs = vec![Output::Model];
            SingleTask::outside_search(self.expansion, best, &self.prepared.refit, outputs)
        });
        let holdout = self.prepared.holdout.as_ref().map(|split| {
            let outputs = vec![Output::Predictions];
            SingleTask::outside_search(self.expansion, best, split, outputs)
        });
        let has_holdout = holdout.is_some();
        let tasks: Vec<SingleTask> = refit.into_iter().chain(holdout).collect();
        if tasks.is_empty() {
            return Ok(None);
        }
        listeners.emit(Event::RefitStarted);
        let mut results = run_outside_search(&tasks, self.pool, listeners)?;
        if has_holdout && let Some(result) = results.pop() {
            let answer = result.map_err(SessionError::Refit)?;
            let scores = self.expansion.named(&answer.scores[0]);
            report.holdout = Some(scores.into_iter().collect());
        }
        let Some(result) = results.pop() else {
            return Ok(None);
        };
        result.map_err(SessionError::Refit)?;
        let fitted = fitted(self.record, &tasks[0])?;
        let head = self.head(best, report);
        let target = head.target.clone();
        if let Some(folder) = folder {
            let guest = self.loaded.guest(self.expansion.guest(best));
            let guest = guest.map(|loaded| loaded.component.clone());
            let guest = guest.filter(|_| self.with_guest);
            let path = folder.join(files::MODEL);
            let training = self.training(assessor, report)?;
            let file = ModelFile::new(head, fitted.clone(), guest, Some(training));
            files::replace(&path, |output| file.write(output))?;
            report.model = Some(files::MODEL.into());
        }
        Ok(Some((target, fitted)))
    }

    /// The record of the data of the model.
    fn training(
        &self,
        assessor: Option<&Assessor<'_>>,
        report: &Report,
    ) -> Result<Training, SessionError> {
        let prepared = self.prepared;
        let dataset = dataset(self.record.store(), prepared)?;
        let fitted = match prepared.search_rows == prepared.rows {
            true => None,
            false => Some(rows_in(&prepared.splits_content, &prepared.refit.column)),
        };
        let fitted = fitted.transpose().map_err(PredictionsError::from)?;
        let is_fitted = |row: usize| fitted.as_ref().is_none_or(|fitted| fitted[row]);
        let predicted = assessor.map(|assessor| assessor.predicted(&report.plan));
        let predicted = predicted.transpose()?.flatten();
        let training = training(&report.plan, prepared, &dataset, is_fitted, predicted);
        Ok(training?)
    }

    fn head(&self, best: usize, report: &Report) -> ModelHead {
        let prepared = self.prepared;
        let task = self.expansion.single(best, &prepared.refit);
        let searched = report.results.metrics.iter().map(|metric| {
            let score = ModelScore {
                mean: metric.test.mean[best],
                std: metric.test.std[best],
            };
            (metric.name.clone(), score)
        });
        ModelHead {
            name: report.plan.name.clone(),
            run: report.digests.run,
            guest: self.expansion.guest(best),
            trainer: task.trainer,
            params: task.params,
            steps: task.steps,
            target: ModelTarget {
                learning: prepared.learning,
                classes: prepared.classes.clone(),
                positive: task.positive,
                threshold: report.threshold.as_ref().map(|tuned| tuned.threshold),
            },
            recipe: prepared.recipe.clone(),
            reading: DatasetPlan {
                source: String::new(),
                ..report.plan.dataset.clone()
            },
            rows: prepared.search_rows,
            scores: searched.collect(),
            holdout: report.holdout.clone(),
            plan: self.manifest.plan_fields().clone(),
        }
    }
}

/// The model of a task that ended well.
pub(super) fn fitted(record: &Record, task: &SingleTask) -> Result<Bytes, SessionError> {
    let wanted = task.wanted_fits();
    let found = record.reusing().look(std::slice::from_ref(wanted))?;
    let artifact = found.iter().flat_map(|found| &found.artifacts).next();
    let bytes = match artifact {
        Some((_, output, digest)) => record.artifact(&wanted.task, *output, *digest)?,
        None => None,
    };
    bytes.ok_or(SessionError::ModelLost)
}
