//! The documents that pass between a host and a guest: a trainer's
//! [`Description`], a [`Task`] and its [`Answer`], and the [`Layout`] that a
//! dataset's Parquet file carries.
//!
//! All of them are JSON, the same bytes through every door. This crate holds
//! types alone: it does no I/O, and knows neither WebAssembly nor Parquet.

pub mod metric;
mod param;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use metric::Metric;

/// The version of every document here; a guest refuses a task of another one.
pub const CONTRACT: u32 = 1;

/// The key of the Parquet file's metadata under which a dataset's [`Layout`]
/// stands as JSON.
pub const LAYOUT_KEY: &str = "fanout";

/// Hyper-parameters by name. A value is any JSON value; the trainer's
/// [`Param`] says which ones it takes.
pub type Params = BTreeMap<String, serde_json::Value>;

/// What a guest offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The version of the contract that the guest keeps: [`CONTRACT`].
    pub contract: u32,
    /// The guest's name and version, for people.
    pub guest: String,
    /// The trainers, by name, each offered once.
    pub trainers: Vec<TrainerDescription>,
}

/// One estimator of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerDescription {
    /// The name that a plan uses, such as `random_forest`.
    pub name: String,
    /// One sentence for people.
    pub summary: String,
    /// The kinds of target that it can be fitted to.
    pub tasks: Vec<Learning>,
    /// The hyper-parameters, in the order to show them.
    pub params: Vec<Param>,
}

impl TrainerDescription {
    /// The hyper-parameter called `name`, where there is one.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// What is learnt from a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Learning {
    /// Two classes.
    Binary,
    /// Three classes or more.
    Multiclass,
    /// A number.
    Regression,
}

/// One hyper-parameter. A value is good if any of its `kinds` takes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Its name, scikit-learn's where it has one.
    pub name: String,
    /// The kinds of value that it takes.
    pub kinds: Vec<ParamKind>,
    /// The value that holds when a plan names none.
    pub default: serde_json::Value,
    /// Its meaning, one sentence for people.
    pub meaning: String,
    /// Whether one fit at the largest value (smallest, for thresholds) serves
    /// all others exactly. Candidates that differ only in nested
    /// hyper-parameters form a family.
    #[serde(default)]
    pub nested: bool,
}

/// One kind of value that a hyper-parameter takes. Bounds are inclusive
/// unless their name says otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParamKind {
    /// JSON's `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number.
    Int {
        /// The least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// The greatest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// A finite number written with a fraction or exponent (`1.0`), or a
    /// whole number where no [`ParamKind::Int`] of the same parameter takes it.
    Float {
        /// The least.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The greatest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        /// Whether `min` itself is out of range.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        above_min: bool,
    },
    /// One of these strings.
    Choice {
        /// The strings.
        of: Vec<String>,
    },
    /// Any string.
    Text,
    /// An object from class label to a weight that is not negative.
    Weights,
}

/// What is sent to a guest: the candidates of one family, on one split, for
/// one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`CONTRACT`].
    pub contract: u32,
    /// The trainer's name.
    pub trainer: String,
    /// The hyper-parameters that all candidates share. What is left out has
    /// its default.
    #[serde(default)]
    pub params: Params,
    /// One entry a candidate: the hyper-parameters in which they differ.
    /// Never empty; an entry may be.
    pub candidates: Vec<Params>,
    /// Which rows to fit on and which to score.
    pub split: Split,
    /// The name of the target's column.
    pub target: String,
    /// The label of the positive class, for two classes. Left out: the last
    /// of the sorted labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// The names of the metrics, scikit-learn's.
    #[serde(default)]
    pub scoring: Vec<String>,
    /// Whether to score the training rows too.
    #[serde(default)]
    pub train_score: bool,
}

/// One train/test partition, read from a column of the splits file: an
/// integer for each row of the dataset, null where the row takes no part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The column's name.
    pub column: String,
    /// Rows with this value are the test rows. Left out: no row is tested,
    /// and all that take part are trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<i32>,
    /// Which of the other rows are the training rows.
    #[serde(default, skip_serializing_if = "Train::is_rest")]
    pub train: Train,
}

/// The training rows of a [`Split`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Train {
    /// Every row that takes part and is not a test row.
    #[default]
    Rest,
    /// The rows whose value is less than the test rows' (time series).
    Before,
}

impl Train {
    fn is_rest(&self) -> bool {
        *self == Self::Rest
    }
}

/// A guest's answer to a [`Task`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// [`CONTRACT`].
    pub contract: u32,
    /// How many models were fitted to serve the candidates.
    pub fits: u32,
    /// One entry a candidate, in the task's order.
    pub scores: Vec<Scores>,
}

/// The scores of one candidate on one split. A score that is not a number
/// (a metric that is not defined on these rows) is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// By metric, on the test rows.
    pub test: BTreeMap<String, Option<f64>>,
    /// By metric, on the training rows; empty unless the task asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub train: BTreeMap<String, Option<f64>>,
}

/// Why a guest did not answer: the same four, in the same words, through
/// every door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", content = "message", rename_all = "kebab-case")]
pub enum Fault {
    /// The dataset or its splits can't be read.
    InvalidDataset(String),
    /// The task is not of the contract, or does not fit the dataset.
    InvalidTask(String),
    /// A hyper-parameter is unknown or out of range.
    InvalidParams(String),
    /// The algorithm gave up.
    Failed(String),
}

impl Fault {
    /// The same fault with another message.
    pub fn map_message(self, change: impl FnOnce(String) -> String) -> Self {
        match self {
            Self::InvalidDataset(message) => Self::InvalidDataset(change(message)),
            Self::InvalidTask(message) => Self::InvalidTask(change(message)),
            Self::InvalidParams(message) => Self::InvalidParams(change(message)),
            Self::Failed(message) => Self::Failed(change(message)),
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InvalidDataset(message) => write!(f, "invalid dataset: {message}"),
            Self::InvalidTask(message) => write!(f, "invalid task: {message}"),
            Self::InvalidParams(message) => write!(f, "invalid hyper-parameters: {message}"),
            Self::Failed(message) => write!(f, "the fit failed: {message}"),
        }
    }
}

impl std::error::Error for Fault {}

/// What the columns of a dataset's Parquet file mean. The file holds exactly
/// these columns, in this order; it carries the layout as JSON in its
/// metadata, under [`LAYOUT_KEY`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// [`CONTRACT`].
    pub contract: u32,
    /// The columns.
    pub columns: Vec<Column>,
}

/// One column of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name, unique in the dataset.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// How its values are stored.
    pub kind: ColumnKind,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It is learnt from.
    Feature,
    /// It is predicted. Never null.
    Target,
}

/// How the values of a column are stored; null is a missing value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnKind {
    /// A number: Parquet's BOOLEAN (as 0 and 1), INT32, INT64, FLOAT or
    /// DOUBLE. NaN counts as missing.
    Number,
    /// A category: INT32, an index into `labels`.
    Category {
        /// The labels, in the order in which they first appear in the data.
        labels: Vec<String>,
    },
}
