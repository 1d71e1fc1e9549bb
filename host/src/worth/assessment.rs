//! [`Assessment`]: what is told of the predictions of some rows, and [`Worth`]: of
//! those of a model.

use std::collections::BTreeMap;

use fanout_contract::{CONTRACT, Params, Score, Split, Task};
use fanout_sdk::{Fault, PredictionValues, Target};
use serde::{Deserialize, Serialize};

use super::bootstrap::{self, Comparison, Interval};
use super::calibration::Calibration;
use super::classes::ClassificationReport;
use super::residuals::{PredictionInterval, Residuals, differences};
use super::rows::PredictedRows;

/// What the predictions of a candidate tell; the content of `worth.json`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// Of the test rows of all splits, each row once.
    pub out_of_fold: Option<Assessment>,
    /// Of the hold-out rows, by a fit on all rows of the search.
    pub holdout: Option<Assessment>,
    /// For numbers: intervals around the predictions of new rows, by the residuals
    /// out of fold or else of the hold-out rows.
    pub prediction_intervals: Option<Vec<PredictionInterval>>,
}

/// What the predictions of some rows tell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// The number of rows.
    pub rows: usize,
    /// By metric of the plan: its score of all of these rows at once.
    pub scores: BTreeMap<String, Interval>,
    /// For classes.
    pub classification_report: Option<ClassificationReport>,
    /// For probabilities of classes: of the positive class of two, or of each.
    pub calibration: Option<Vec<Calibration>>,
    /// For numbers.
    pub residuals: Option<Residuals>,
}

/// How rows are scored.
#[derive(Clone, Copy, Debug)]
pub struct Scoring<'a> {
    /// The metrics.
    pub scores: &'a [Score],
    /// The label of the positive class of two; if `None`, the last.
    pub positive: Option<&'a str>,
}

impl Scoring<'_> {
    /// The document by which the metrics are asked for.
    pub(super) fn task(&self, target: &Target) -> Task {
        Task {
            contract: CONTRACT,
            trainer: "the best candidate".to_owned(),
            steps: Vec::new(),
            params: Params::new(),
            candidates: vec![Params::new()],
            split: Split {
                column: String::new(),
                test: None,
                train: Default::default(),
                shuffle: None,
            },
            target: String::new(),
            learning: target.learning(),
            positive: self.positive.map(ToOwned::to_owned),
            weight: None,
            scoring: self.scores.to_vec(),
            train_score: false,
            outputs: Vec::new(),
            part: None,
            permute: None,
            bagging: false,
        }
    }

    /// The index of the positive class; `None` unless there are two classes.
    pub fn positive(&self, classes: &[String]) -> Option<usize> {
        let named = self.positive;
        let named = named.and_then(|label| classes.iter().position(|class| class == label));
        (classes.len() == 2).then(|| named.unwrap_or(1))
    }

    /// The classes whose curves and calibration are told: the positive one of two, or
    /// all.
    pub fn classes(&self, classes: &[String]) -> std::ops::Range<usize> {
        match self.positive(classes) {
            Some(positive) => positive..positive + 1,
            None => 0..classes.len(),
        }
    }
}

impl Assessment {
    /// What the predictions of at least one row tell. The same rows give the same,
    /// bit for bit.
    ///
    /// # Errors
    /// If a metric does not suit the predictions.
    pub fn new(rows: &PredictedRows, scoring: Scoring<'_>) -> Result<Self, Fault> {
        let task = scoring.task(&rows.target);
        let mut assessment = Self {
            rows: rows.len(),
            scores: bootstrap::intervals(rows, &task)?,
            classification_report: None,
            calibration: None,
            residuals: None,
        };
        match &rows.target {
            Target::Classes { classes, codes } => {
                let predicted = rows.prediction().classes(classes.len());
                let weights = rows.weights.as_deref();
                let report = ClassificationReport::new(classes, codes, &predicted, weights);
                assessment.classification_report = Some(report);
                let calibration = scoring.classes(classes).map(|class| {
                    let truth: Vec<bool> = codes.iter().map(|c| *c as usize == class).collect();
                    let probabilities = rows.probabilities(class)?;
                    Some(Calibration::new(&classes[class], &truth, &probabilities))
                });
                assessment.calibration = calibration.collect();
            }
            Target::Numbers(_) => {
                let residuals = rows.residuals();
                assessment.residuals = residuals.and_then(|of| Residuals::new(&of));
            }
        }
        Ok(assessment)
    }
}

impl Worth {
    /// What predictions out of fold and of hold-out rows tell, as far as there are
    /// any.
    ///
    /// # Errors
    /// As [`Assessment::new`].
    pub fn new(
        out_of_fold: Option<&PredictedRows>,
        holdout: Option<&PredictedRows>,
        scoring: Scoring<'_>,
    ) -> Result<Self, Fault> {
        let assess = |rows: Option<&PredictedRows>| {
            let rows = rows.filter(|rows| !rows.is_empty());
            rows.map(|rows| Assessment::new(rows, scoring)).transpose()
        };
        let residuals = |rows: Option<&PredictedRows>| rows.and_then(PredictedRows::residuals);
        let intervals = match (residuals(out_of_fold), residuals(holdout)) {
            (Some(own), other) => Some(PredictionInterval::of_residuals(&own, other.as_deref())),
            (None, Some(own)) => Some(PredictionInterval::of_residuals(&own, None)),
            (None, None) => None,
        };
        Ok(Self {
            out_of_fold: assess(out_of_fold)?,
            holdout: assess(holdout)?,
            prediction_intervals: intervals,
        })
    }
}

/// The scores of an old and a new model on the same rows, by metric, with intervals of
/// 95 %.
///
/// # Errors
/// If a metric does not suit the predictions.
pub fn compare(
    old: &PredictedRows,
    new: &PredictedRows,
    scoring: Scoring<'_>,
) -> Result<BTreeMap<String, Comparison>, Fault> {
    bootstrap::compare(old, new, &scoring.task(&old.target))
}

impl PredictedRows {
    /// True minus predicted numbers; `None` for classes.
    fn residuals(&self) -> Option<Vec<f64>> {
        match (&self.target, &self.predicted.values) {
            (Target::Numbers(truth), PredictionValues::Numbers(predicted)) => {
                Some(differences(truth, predicted))
            }
            _ => None,
        }
    }
}
