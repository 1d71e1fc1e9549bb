//! [`Model`]: what a file `model.fanout` holds: a [`ModelFile`], one fitted model with all
//! that it takes to use it, or a [`Composite`] of several with a [`Rule`]; [`predict()`],
//! which applies it to rows of any source, in the guests that made it; [`export_onnx()`], which
//! has a guest write its model for others; and [`with_model()`], which makes a component of
//! the guest that has a [`package()`] of the model inside and answers rows over HTTP.

use std::collections::BTreeMap;

use fanout_contract::{Learning, Params, TaskStep, bagging};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::dataset::Recipe;
use crate::digest::Digest;
use crate::plan::DatasetPlan;

mod chain;
mod combination;
mod component;
mod composite;
mod contributions;
mod dependence;
mod export;
mod file;
mod form;
mod onnx;
mod output;
mod predict;
mod predictions;
mod rule;
mod served;
mod training;
mod votes;

pub use chain::Link;
pub use combination::{Combination, Wanted};
pub use component::with_model;
pub use composite::{Composite, CompositeError, CompositeHead, Model};
pub use contributions::DrawnContributions;
pub use dependence::{FeatureDependence, PartialDependence};
pub use export::{ExportError, export_onnx};
pub use file::ModelFile;
pub use form::ModelFileError;
pub use output::RowWriter;
pub use predict::{PredictError, Predicted, Predictor, predict};
pub use predictions::{Columns, PredictionTable};
pub use rule::{Rule, TargetMembers};
pub use served::{ServedError, package};
pub use training::{Distribution, Observed, QUANTILES, Training, bin, sorted};
pub use votes::Votes;

/// What a model is: the head of its file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelHead {
    /// The name of the plan that made it.
    pub name: String,
    /// The id of the run that made it.
    pub run: Digest,
    /// The guest that reads it.
    pub guest: Digest,
    /// The trainer.
    pub trainer: String,
    /// Whether it is bagged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bagging: bool,
    /// The hyper-parameters that the plan set.
    pub params: Params,
    /// The steps before the trainer, in order.
    pub steps: Vec<TaskStep>,
    /// What it predicts.
    pub target: ModelTarget,
    /// How the features were made of the columns of the training data.
    pub recipe: Recipe,
    /// How the training data was read, without where it was.
    pub reading: DatasetPlan,
    /// The number of rows that it was fitted on.
    pub rows: u64,
    /// Its scores in the search, by metric.
    pub scores: BTreeMap<String, ModelScore>,
    /// Its scores on the hold-out rows, by metric, where there are any; null where a
    /// metric is not defined on them.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The score of its training rows out of bag, where its hyper-parameters want one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oob_score: Option<f64>,
    /// The plan that made it, without what decides no score.
    pub plan: Map<String, Value>,
}

impl ModelHead {
    /// The name of its target. It is not that of the column where the target is made of
    /// one, as `delay_above_15` is.
    pub fn target_name(&self) -> &str {
        &self.reading.target
    }

    /// The trainer's name, for people: `bagging(decision_tree)` where it is bagged.
    pub fn label(&self) -> String {
        bagging::label(&self.trainer, self.bagging)
    }
}

/// What a model predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelTarget {
    /// The kind of the target.
    pub learning: Learning,
    /// The labels of the classes, sorted; empty for numbers.
    pub classes: Vec<String>,
    /// The positive class of two, where the plan names it.
    pub positive: Option<String>,
    /// The probability of the positive class from which on it is predicted, or the
    /// decision for it where there are no probabilities; `None`: the trainer decides.
    pub threshold: Option<f64>,
}

impl ModelTarget {
    /// The columns of predictions from which an estimator of a second stage learns: numbers,
    /// the probability of the second of two classes, or those of all classes, as
    /// scikit-learn's `StackingClassifier` has them.
    pub fn stacked(&self) -> Vec<String> {
        let named = |class: &String| format!("probability_{class}");
        match self.classes.as_slice() {
            [] => vec!["prediction".to_owned()],
            [_, second] => vec![named(second)],
            all => all.iter().map(named).collect(),
        }
    }

    /// The positive class: the one that the plan names, or else the last of two.
    pub fn positive(&self) -> Option<&str> {
        let last = self.classes.last().filter(|_| self.classes.len() == 2);
        self.positive.as_ref().or(last).map(String::as_str)
    }
}

/// A score of the search over its splits. NaN is null in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelScore {
    /// The mean.
    #[serde(deserialize_with = "nan_if_null")]
    pub mean: f64,
    /// The standard deviation.
    #[serde(deserialize_with = "nan_if_null")]
    pub std: f64,
}

fn nan_if_null<'de, D: serde::Deserializer<'de>>(json: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(json)?.unwrap_or(f64::NAN))
}
