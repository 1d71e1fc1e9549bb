//! [`Retraining`]: the fit of the new model, the predictions of both, and which is better.

use std::collections::BTreeMap;

use bytes::Bytes;
use fanout_contract::{Output, Split};

use super::{Retrain, Retrained, Rows, Winner};
use crate::dataset::{Arrivals, FileStamp, Newest, Recipe, RowSource, Truth};
use crate::model::{Combination, ModelFile, ModelHead, ModelTarget, Predictor, predict};
use crate::plan::Plan;
use crate::run::event::Listeners;
use crate::run::predictions::{self, PredictionsError};
use crate::run::search::{ranking_metric, run_outside_search};
use crate::run::summary::Summary;
use crate::run::tasks::SingleTask;
use crate::session::drift::of_columns;
use crate::session::export::fitted;
use crate::session::training::{FeatureDistributions, training};
use crate::session::{LoadedPlan, Opened, Options, RetrainError, SessionError, SuitedPlan};
use crate::worth::{self, PredictedRows, Scoring, threshold};

/// The scores of the new model on the newest rows.
fn held_out(told: &Retrained) -> BTreeMap<String, Option<f64>> {
    let scores = told.scores.iter();
    scores
        .map(|(name, compared)| (name.clone(), compared.new.score))
        .collect()
}

/// A retraining whose data are in the store.
pub(super) struct Retraining<'a> {
    pub(super) file: &'a ModelFile,
    pub(super) loaded: &'a LoadedPlan,
    pub(super) suited: &'a SuitedPlan,
    pub(super) arrivals: &'a Arrivals,
    pub(super) newest: &'a Newest,
    pub(super) opened: &'a Opened,
    pub(super) options: &'a Options,
    pub(super) dataset: Bytes,
    pub(super) truth: Truth,
    pub(super) cores: usize,
}

impl Retraining<'_> {
    /// Fits the new model, holds both against each other, and tells it.
    pub(super) fn run(
        &self,
        asked: &Retrain,
        told: &mut Retrained,
        listeners: &mut Listeners<'_>,
    ) -> Result<(), SessionError> {
        let (head, prepared) = (&self.file.head, &self.newest.prepared);
        told.run = Some(self.opened.manifest.run());
        let (model, reused) = self.fit(&prepared.refit, listeners)?;
        told.reused = reused;
        let threshold = self.threshold(told, listeners)?;
        let old = self.predicted(&self.file.fitted, &head.recipe, head.target.threshold)?;
        let new = self.predicted(&model, &prepared.recipe, threshold)?;
        let compared = new.len() as u64;
        told.rows = Rows {
            read: prepared.rows,
            since: prepared.rows - self.newest.known_rows,
            fitted: prepared.search_rows,
            compared,
        };
        told.drift = match &self.file.training {
            Some(before) => {
                let since = |row: usize| row as u64 >= self.newest.known_rows;
                let recipes = (&head.recipe, &prepared.recipe);
                let classes = &head.target.classes;
                let mut drift = of_columns(before, classes, recipes, &self.dataset, since)?;
                drift.add_predictions(before, &worth::predicted(&old, self.scoring()).1);
                Some(drift)
            }
            None => None,
        };
        let scores = worth::compare(&old, &new, self.scoring());
        told.scores = scores.map_err(SessionError::Assessment)?;
        let metric = self.deciding(told)?;
        let run = self.opened.manifest.run();
        let summary = Summary::of_fit(run, Some(held_out(told)), told.warnings.clone());
        summary.keep(self.opened.record.store())?;
        let ahead = told.scores[&metric].difference.score;
        told.metric = Some(metric);
        if ahead.is_none_or(|ahead| ahead <= 0.0) {
            return Ok(());
        }
        told.winner = Winner::New;
        let (model, on_all) = match (asked.all_rows, &prepared.holdout) {
            (true, Some(holdout)) => {
                // The column of the hold-out has all rows.
                let all = Split {
                    test: None,
                    ..holdout.clone()
                };
                (self.fit(&all, listeners)?.0, true)
            }
            _ => (model, false),
        };
        if on_all {
            told.rows.fitted = prepared.rows;
        }
        told.model = Some(self.file_of(model, threshold, told, (&new, on_all), asked)?);
        Ok(())
    }

    fn plan(&self) -> &Plan {
        &self.suited.plan
    }

    fn scoring(&self) -> Scoring<'_> {
        let plan = self.plan();
        Scoring {
            scores: &plan.scoring,
            positive: plan.dataset.positive.as_deref(),
        }
    }

    /// The model of the training rows of a split, and whether the store had it.
    fn fit(
        &self,
        split: &Split,
        listeners: &mut Listeners<'_>,
    ) -> Result<(Bytes, bool), SessionError> {
        let Opened {
            expansion,
            record,
            pool,
            ..
        } = self.opened;
        let task = SingleTask::outside_search(expansion, 0, split, vec![Output::Model]);
        if !self.options.fresh
            && let Ok(model) = fitted(record, &task)
        {
            return Ok((model, true));
        }
        let ended = run_outside_search(&vec![task.clone()], &**pool, listeners)?;
        for result in ended {
            result.map_err(SessionError::Refit)?;
        }
        Ok((fitted(record, &task)?, false))
    }

    /// The decision threshold of the new model: tuned out of fold as the plan says, or
    /// else that of the old one.
    fn threshold(
        &self,
        told: &mut Retrained,
        listeners: &mut Listeners<'_>,
    ) -> Result<Option<f64>, SessionError> {
        let before = self.file.head.target.threshold;
        let Some(score) = &self.plan().threshold else {
            return Ok(before);
        };
        let Opened {
            expansion,
            record,
            pool,
            ..
        } = self.opened;
        let splits = &expansion.splits;
        let made = predictions::make(expansion, 0, splits, &**pool, listeners)?;
        made.map_err(SessionError::Refit)?;
        let rows = predictions::read(record, expansion, 0, splits, &self.truth)?;
        let rows = rows.ok_or(PredictionsError::Missing { candidate: 0 })?;
        let positive = self.plan().dataset.positive.as_deref();
        match threshold::tune(&rows, score, positive) {
            Ok(tuned) => Ok(Some(tuned.threshold)),
            Err(why) => {
                let warning = format!("no threshold was tuned, and the old one stays: {why}");
                told.warnings.push(warning);
                Ok(before)
            }
        }
    }

    /// What a model predicts of the newest rows.
    fn predicted(
        &self,
        model: &Bytes,
        recipe: &Recipe,
        threshold: Option<f64>,
    ) -> Result<PredictedRows, SessionError> {
        let (plan, marks) = (self.plan(), &self.newest.held_out);
        let rows = RowSource::of_arrivals(&plan.dataset, recipe, self.arrivals, marks)?;
        let predictor = Predictor {
            guest: &self.loaded.guests[0].guest,
            fitted: model,
            limits: plan.limits.into(),
            workers: self.cores,
            cancel: self.options.cancel.clone(),
        };
        let mut batches = Vec::new();
        let outputs = Combination::outputs_of_one();
        predict(&[predictor], &rows, &outputs, &mut |batch| {
            batches.push(batch);
            Ok(())
        })?;
        let numbers = (0..).zip(marks);
        let numbers = numbers.filter_map(|(row, marked)| marked.then_some(row));
        let rows = PredictedRows::of_model(&batches, numbers.collect(), &self.truth);
        let rows = rows.map_err(PredictionsError::from)?;
        let positive = self.scoring().positive(rows.target.classes());
        Ok(match positive.zip(threshold) {
            Some((positive, threshold)) => rows.with_threshold(positive, threshold),
            None => rows,
        })
    }

    /// The metric that decides: that of `refit`, or else the first that is defined for
    /// both models, which is a warning.
    fn deciding(&self, told: &mut Retrained) -> Result<String, RetrainError> {
        let scoring = &self.plan().scoring;
        let first = &scoring[ranking_metric(self.plan())].name;
        let names = scoring.iter().map(|score| &score.name);
        let names: Vec<&String> = std::iter::once(first).chain(names).collect();
        let is_defined = |name: &&&String| {
            let compared = told.scores.get(**name);
            compared.is_some_and(|compared| compared.difference.score.is_some())
        };
        let found = names.iter().find(is_defined).ok_or_else(|| {
            let listed: Vec<String> = names[1..].iter().map(|name| format!("`{name}`")).collect();
            RetrainError::Undefined {
                metrics: listed.join(", "),
                rows: self.newest.held_out.iter().filter(|held| **held).count(),
            }
        })?;
        if *found != first {
            told.warnings.push(format!(
                "`{first}` is not defined on the newest rows: `{found}` decides"
            ));
        }
        Ok((*found).clone())
    }

    /// The file of the new model.
    fn file_of(
        &self,
        fitted: Bytes,
        threshold: Option<f64>,
        told: &Retrained,
        (predicted, on_all): (&PredictedRows, bool),
        asked: &Retrain,
    ) -> Result<ModelFile, SessionError> {
        let (old, prepared) = (&self.file.head, &self.newest.prepared);
        let head = ModelHead {
            run: self.opened.manifest.run(),
            target: ModelTarget {
                threshold,
                ..old.target.clone()
            },
            recipe: prepared.recipe.clone(),
            rows: told.rows.fitted,
            scores: BTreeMap::new(),
            holdout: Some(held_out(told)),
            oob_score: None,
            ..old.clone()
        };
        let kept = self.newest.held_out.iter().map(|held_out| !held_out);
        let kept = (!on_all).then(|| kept.collect());
        let predicted = worth::predicted(predicted, self.scoring());
        let plan = self.plan();
        let mut record = training(
            plan,
            prepared,
            &self.dataset,
            kept,
            Some(predicted),
            &mut FeatureDistributions::default(),
        )?;
        record.retrained = Some(old.run);
        if let Some(before) = self.file.training.as_ref().filter(|_| asked.new_only) {
            // What the old model was trained on is known, too.
            let is_left_out =
                |stamp: &&FileStamp| record.files.iter().all(|read| read.name != stamp.name);
            let before = before.files.iter().chain(&before.earlier);
            record.earlier = before.filter(is_left_out).cloned().collect();
        }
        let guest = self.file.guest.clone();
        Ok(ModelFile::new(head, fitted, guest, Some(record)))
    }
}
