//! [`run`]: what follows searches: their files of results, the refitted models of the best
//! candidates, and their scores on the hold-out rows.

mod combined;
mod stacked;

use bytes::Bytes;
use fanout_contract::{Answer, Output, Split};

use super::assess::{self, Assessor};
use super::explain::Explainer;
use super::training::{FeatureDistributions, dataset, training};
use super::{LoadedPlan, Options, SessionError, SuitedPlan};
use crate::dataset::{ColumnValues, Prepared, rows_in};
use crate::expand::Expansion;
use crate::model::{Model, ModelFile, ModelHead, ModelScore, ModelTarget, Training};
use crate::plan::{DatasetPlan, ExplainPlan, Plan};
use crate::pool::PoolError;
use crate::report::{Report, files};
use crate::run::event::{Event, Listeners};
use crate::run::manifest::Manifest;
use crate::run::pool::Pool;
use crate::run::predictions::PredictionsError;
use crate::run::record::Record;
use crate::run::search::run_outside_search;
use crate::run::tasks::SingleTask;
use crate::task::{Cancel, TaskFault};
use crate::worth::OverTargets;

/// A search that ended, with what its export needs.
pub(super) struct Export<'a> {
    pub(super) loaded: &'a LoadedPlan,
    pub(super) manifest: &'a Manifest,
    pub(super) expansion: &'a Expansion,
    pub(super) prepared: &'a Prepared,
    pub(super) pool: &'a dyn Pool<Error = PoolError>,
    pub(super) record: &'a Record,
    pub(super) cancel: &'a Cancel,
    pub(super) suited: &'a SuitedPlan,
    pub(super) options: &'a Options,
    /// Whether the model file holds the guest.
    pub(super) with_guest: bool,
}

/// The candidate to refit, and the tasks of it.
struct Chosen {
    index: usize,
    /// The first makes the model, the last scores the hold-out rows.
    tasks: Vec<SingleTask>,
    /// Whether a model is wanted.
    makes_model: bool,
    /// Whether there are hold-out rows.
    scores_holdout: bool,
}

/// Exports searches of one pool: writes their files of results, tunes the thresholds of
/// the chosen candidates, refits these on all rows of the search, assesses their
/// predictions, and explains them. The files are written first, so that a refit that fails
/// loses nothing; and all refits are run together. What fails is the failure of its report.
/// Returns the models that were written, in the order of the exports.
pub(super) fn run(
    exports: &[Export<'_>],
    reports: &mut [Report],
    over: &mut OverTargets,
    listeners: &mut Listeners<'_>,
) -> Vec<Option<Model>> {
    let mut files = vec![None; exports.len()];
    let Some(pool) = exports.first().map(|export| export.pool) else {
        return files;
    };
    let fail = |report: &mut Report, error: SessionError| {
        report.failure = Some(error.into_failure());
    };
    let mut chosen = Vec::with_capacity(exports.len());
    let mut tasks = Vec::new();
    for (export, report) in exports.iter().zip(reports.iter_mut()) {
        match export.choose(report) {
            Ok(found) => {
                tasks.extend(found.iter().flat_map(|chosen| chosen.tasks.clone()));
                chosen.push(found);
            }
            Err(error) => {
                fail(report, error);
                chosen.push(None);
            }
        }
    }
    let mut results = Vec::new();
    if !tasks.is_empty() {
        listeners.emit(Event::RefitStarted);
        match run_outside_search(&tasks, pool, listeners) {
            Ok(ended) => results = ended,
            Err(error) => {
                fail(&mut reports[0], error.into());
                return files;
            }
        }
    }
    let mut results = results.into_iter();
    let mut features = FeatureDistributions::default();
    let exports = exports.iter().zip(reports).zip(chosen).zip(&mut files);
    for (((export, report), chosen), file) in exports {
        let Some(chosen) = chosen else { continue };
        let ended = results.by_ref().take(chosen.tasks.len()).collect();
        let finished = export.finish(
            &chosen,
            ended,
            report,
            (&mut features, &mut *over),
            listeners,
        );
        match finished {
            Ok(written) => *file = written,
            Err(error) => fail(report, error),
        }
    }
    files
}

/// A model that was refitted.
struct Refitted {
    /// What it predicts, and the model in the guest's form.
    model: (ModelTarget, Bytes),
    /// Its file, where the plan has a folder.
    file: Option<ModelFile>,
}

/// How the tasks of a candidate ended.
type Ended = Vec<Result<Answer, TaskFault>>;

impl<'a> Export<'a> {
    /// Writes the files of results where the plan has a folder for them, and chooses the
    /// candidate to refit; `None` where none has a score.
    fn choose(&self, report: &Report) -> Result<Option<Chosen>, SessionError> {
        let plan = &report.plan;
        if let Some(folder) = &plan.output {
            files::write(folder, report)?;
        }
        let chosen = report.chosen();
        Ok(chosen.map(|chosen| self.refit(plan, chosen.index)))
    }

    /// The tasks that refit the only candidate of the search, which are known before the
    /// search begins; none where there are several to choose from.
    pub(super) fn ahead(&self) -> Vec<SingleTask> {
        match self.expansion.candidates.len() {
            1 => self.refit(&self.suited.plan, 0).tasks,
            _ => Vec::new(),
        }
    }

    /// The refit of a candidate, as the plan wants it.
    fn refit(&self, plan: &Plan, index: usize) -> Chosen {
        let is_refitted = plan.refit.is_some() && plan.kind.refits();
        // Without a folder there is nowhere to write the model.
        let explain = plan.explain.as_ref();
        let wants_model = plan.output.is_some() || explain.is_some_and(ExplainPlan::needs_model);
        // The model of an ensemble is that of its members.
        let makes_model = is_refitted && wants_model && plan.ensemble.is_none();
        let holdout = self.prepared.holdout.as_ref().filter(|_| is_refitted);
        Chosen {
            index,
            tasks: self.tasks(index, makes_model, holdout),
            makes_model,
            scores_holdout: holdout.is_some(),
        }
    }

    /// The tasks that refit a candidate: the first makes the model, the last scores the
    /// hold-out rows.
    fn tasks(&self, index: usize, makes_model: bool, holdout: Option<&Split>) -> Vec<SingleTask> {
        let (of_model, scored) = (self.model_split(index), vec![Output::Predictions]);
        let wanted = match (makes_model, holdout) {
            (false, None) => Vec::new(),
            (true, None) => vec![(of_model, vec![Output::Model])],
            (false, Some(holdout)) => vec![(holdout, scored)],
            (true, Some(holdout)) if holdout == of_model => {
                vec![(holdout, vec![Output::Predictions, Output::Model])]
            }
            // Fitted twice, and at the same time.
            (true, Some(holdout)) => vec![(of_model, vec![Output::Model]), (holdout, scored)],
        };
        let task =
            |(split, outputs)| SingleTask::outside_search(self.expansion, index, split, outputs);
        wanted.into_iter().map(task).collect()
    }

    /// The split of the model of a candidate, whose training rows are those of the search:
    /// a model of parts is scored as it is, where there are hold-out rows.
    pub(super) fn model_split(&self, index: usize) -> &'a Split {
        let holdout = self.prepared.holdout.as_ref();
        let holdout = holdout.filter(|_| self.expansion.has_parts(index));
        holdout.unwrap_or(&self.prepared.refit)
    }

    /// Makes of the refitted candidate what the plan wants, and the ensemble. Returns the
    /// model, where one was written.
    fn finish(
        &self,
        chosen: &Chosen,
        ended: Ended,
        report: &mut Report,
        (features, over): (&mut FeatureDistributions, &mut OverTargets),
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<Model>, SessionError> {
        let folder = report.plan.output.clone();
        let best = chosen.index;
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
        let refitted = self.refitted(chosen, ended, assessor.as_ref(), report, features)?;
        let (model, file) = match refitted {
            Some(Refitted { model, file }) => (Some(model), file),
            None => (None, None),
        };
        if let Some(assessor) = assessor {
            assessor.assess(report, over)?;
        }
        let combined = self.combine(report, features, listeners);
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
        Ok(combined?.or(file.map(|file| Model::One(file.into()))))
    }

    /// Takes what the refit of a candidate on all rows of the search gave: the model, into
    /// its file where the plan has a folder, and the scores of the hold-out rows. Returns the
    /// model, where one was wanted.
    fn refitted(
        &self,
        chosen: &Chosen,
        ended: Ended,
        assessor: Option<&Assessor<'_>>,
        report: &mut Report,
        features: &mut FeatureDistributions,
    ) -> Result<Option<Refitted>, SessionError> {
        let answers: Result<Vec<Answer>, TaskFault> = ended.into_iter().collect();
        let answers = answers.map_err(SessionError::Refit)?;
        let scores = |answer: &Answer| answer.scores.first().cloned().unwrap_or_default();
        if let Some(answer) = answers.last().filter(|_| chosen.scores_holdout) {
            let scores = self.expansion.named(&scores(answer));
            report.holdout = Some(scores.into_iter().collect());
        }
        let (Some(task), Some(answer)) = (chosen.tasks.first(), answers.first()) else {
            return Ok(None);
        };
        if !chosen.makes_model {
            return Ok(None);
        }
        report.oob_score = scores(answer).oob_score;
        let fitted = fitted(self.record, task)?;
        let head = self.head(chosen.index, report);
        let target = head.target.clone();
        let mut written = None;
        if let Some(folder) = report.plan.output.clone() {
            let guest = self.loaded.guest(self.expansion.guest(chosen.index));
            let guest = guest.map(|loaded| loaded.file.wasm.clone());
            let guest = guest.filter(|_| self.with_guest);
            let path = folder.join(files::MODEL);
            let predicted = assessor.map(|assessor| assessor.predicted(&report.plan));
            let training = self.training(predicted.transpose()?.flatten(), report, features)?;
            let file = ModelFile::new(head, fitted.clone(), guest, Some(training));
            files::replace(&path, |output| file.write(output))?;
            report.model = Some(files::MODEL.into());
            written = Some(file);
        }
        Ok(Some(Refitted {
            model: (target, fitted),
            file: written,
        }))
    }

    /// The record of the data of the model, with what it `predicted` of rows that it was not
    /// fitted on.
    fn training(
        &self,
        predicted: Option<(String, ColumnValues)>,
        report: &Report,
        features: &mut FeatureDistributions,
    ) -> Result<Training, SessionError> {
        let prepared = self.prepared;
        let dataset = dataset(self.record.store(), prepared)?;
        let fitted = match prepared.search_rows == prepared.rows {
            true => None,
            false => Some(rows_in(&prepared.splits_content, &prepared.refit.column)),
        };
        let fitted = fitted.transpose().map_err(PredictionsError::from)?;
        Ok(training(
            &report.plan,
            prepared,
            &dataset,
            fitted,
            predicted,
            features,
        )?)
    }

    fn head(&self, best: usize, report: &Report) -> ModelHead {
        let prepared = self.prepared;
        let task = self.expansion.single(best, &prepared.refit);
        let searched = report.results.metrics.iter();
        let searched = searched.filter(|_| report.plan.kind.has_splits());
        let searched = searched.map(|metric| {
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
            bagging: task.bagging,
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
            oob_score: report.oob_score,
            plan: self.manifest.plan_fields().clone(),
        }
    }
}

/// The model of a task that ended well.
pub(super) fn fitted(record: &Record, task: &SingleTask) -> Result<Bytes, SessionError> {
    let found = record.models(std::slice::from_ref(task.wanted_fits()))?;
    let model = found.and_then(|(models, _)| models.into_iter().next());
    model.ok_or(SessionError::ModelLost)
}
