//! The documents that a host and a guest exchange: the [`Description`] of a
//! guest, a [`Task`] and its [`Answer`] or [`Fault`], and the [`Layout`] in the
//! metadata of a dataset's Parquet file.
//!
//! A model that a guest serves comes with a [`Served`] document.
//!
//! All documents are JSON, the same through both interfaces of a guest; over HTTP,
//! files stand beside them in a [`multipart`] body. The crate does no I/O, and depends
//! on neither WebAssembly nor Parquet.

pub mod bagging;
mod form;
mod importance;
pub mod label;
pub mod metric;
pub mod multipart;
mod needs;
pub mod number;
mod param;
mod score;
pub mod served;
pub mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use form::{ModelForm, OnnxForm, Threshold};
pub use importance::{ImportanceKind, Importances};
pub use metric::Metric;
pub use needs::{Effort, MemoryUse, StepsMemory, TreesMemory, WideColumns};
pub use score::Score;
pub use served::Served;
pub use step::{Columns, StepDescription, Takes, TaskStep};

/// The version of the contract. A guest refuses tasks of other versions.
pub const CONTRACT: u32 = 2;

/// The key of a Parquet file's metadata whose value is the dataset's [`Layout`] as
/// JSON.
pub const LAYOUT_KEY: &str = "fanout";

/// Values of hyper-parameters by name. The trainer's [`Param`]s define which
/// values are allowed.
pub type Params = BTreeMap<String, serde_json::Value>;

/// A guest and its trainers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The version of the contract that the guest implements: [`CONTRACT`].
    pub contract: u32,
    /// The name and the version of the guest, to be shown.
    pub guest: String,
    /// The trainers. Two of one name have no kind of target in common: one learns
    /// classes, the other numbers.
    pub trainers: Vec<TrainerDescription>,
    /// The steps that it offers before any of its trainers, of different names.
    #[serde(default)]
    pub steps: Vec<StepDescription>,
    /// How long an instance lives.
    #[serde(default, skip_serializing_if = "Instances::are_kept")]
    pub instances: Instances,
}

/// How long an instance of a guest lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instances {
    /// It runs one task after the other.
    #[default]
    Kept,
    /// It runs one task: what a task leaves behind in it could change the next one.
    OneTask,
}

impl Instances {
    fn are_kept(&self) -> bool {
        *self == Self::Kept
    }
}

impl Description {
    /// The place of the trainer `name` for targets of the kind `learning`: of those
    /// of that name, the one that learns classes, or the one that learns numbers.
    pub fn place(&self, name: &str, learning: Learning) -> Option<usize> {
        let mut trainers = self.trainers.iter();
        trainers.position(|trainer| trainer.name == name && trainer.learns(learning))
    }
}

/// One estimator of a guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerDescription {
    /// The name that a plan uses, such as `random_forest`.
    pub name: String,
    /// A summary in one sentence.
    pub summary: String,
    /// The kinds of target that it supports.
    pub tasks: Vec<Learning>,
    /// What it takes and gives.
    #[serde(default)]
    pub abilities: Abilities,
    /// The hyper-parameter of kind [`ParamKind::Bool`] that, where it is true, makes
    /// it predict probabilities of classes; `None` if [`Abilities::probabilities`]
    /// says all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities_if: Option<String>,
    /// The hyper-parameter whose value counts the parts of a model that can be
    /// fitted apart, such as `n_estimators`; `None` if a model has no parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<String>,
    /// How the time of a fit grows; `None` if nobody measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effort: Option<Effort>,
    /// What a fit holds; `None` for the default [`MemoryUse`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryUse>,
    /// The hyper-parameters, in the order in which they are shown.
    pub params: Vec<Param>,
}

/// What a trainer takes and gives, so that a host finds before any fit that it
/// can't serve a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Abilities {
    /// Whether features may have missing values.
    pub missing: bool,
    /// Whether it takes categories as they are. Else a step has to encode them.
    pub categories: bool,
    /// Whether it takes weights of the rows.
    pub weights: bool,
    /// Whether it predicts probabilities of classes, whatever its hyper-parameters.
    pub probabilities: bool,
    /// Whether it predicts decisions: numbers by which rows are ranked, as
    /// probabilities rank them.
    pub decisions: bool,
    /// Whether it can be bagged ([`bagging`]). A guest that does not say so can't.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub bagging: bool,
}

impl Default for Abilities {
    /// All but weights, decisions and bagging.
    fn default() -> Self {
        Self {
            missing: true,
            categories: true,
            weights: false,
            probabilities: true,
            decisions: false,
            bagging: false,
        }
    }
}

impl TrainerDescription {
    /// A trainer with the default [`Abilities`], whose models have no parts.
    pub fn new(name: &str, summary: &str, tasks: Vec<Learning>, params: Vec<Param>) -> Self {
        Self {
            name: name.to_owned(),
            summary: summary.to_owned(),
            tasks,
            abilities: Abilities::default(),
            probabilities_if: None,
            parts: None,
            effort: None,
            memory: None,
            params,
        }
    }

    /// The same with the effort of a fit: seconds for 10,000 rows and 10 columns, and
    /// the exponents of the rows and of the columns.
    #[must_use]
    pub fn effort(mut self, seconds: f64, rows: f64, columns: f64) -> Self {
        self.effort = Some(Effort {
            seconds,
            rows,
            columns,
            candidate: 0.0,
            numbers: 1.0,
        });
        self
    }

    /// The same, in which a target of numbers takes so many times as long.
    #[must_use]
    pub fn numbers_take(mut self, factor: f64) -> Self {
        self.effort = self.effort.map(|effort| Effort {
            numbers: factor,
            ..effort
        });
        self
    }

    /// The same, in which further candidates of a family take this share of a fit.
    #[must_use]
    pub fn each_candidate(mut self, share: f64) -> Self {
        self.effort = self.effort.map(|effort| Effort {
            candidate: share,
            ..effort
        });
        self
    }

    /// The same with what a fit holds.
    #[must_use]
    pub fn memory(mut self, memory: MemoryUse) -> Self {
        self.memory = Some(memory);
        self
    }

    /// Whether it learns classes, or numbers, as targets of the kind `learning` are.
    pub fn learns(&self, learning: Learning) -> bool {
        let mut tasks = self.tasks.iter();
        tasks.any(|task| task.is_classes() == learning.is_classes())
    }

    /// The hyper-parameter `name`, if there is one.
    pub fn param(&self, name: &str) -> Option<&Param> {
        self.params.iter().find(|param| param.name == name)
    }
}

/// A kind of learning problem, given by the target.
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

impl Learning {
    /// Whether the target is of classes, not a number.
    pub fn is_classes(self) -> bool {
        self != Self::Regression
    }
}

/// A hyper-parameter. A value is valid if one of `kinds` allows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// The name, that of scikit-learn if it has one.
    pub name: String,
    /// The kinds of values that it takes.
    pub kinds: Vec<ParamKind>,
    /// The value if none is given.
    pub default: serde_json::Value,
    /// The meaning in one or two sentences.
    pub meaning: String,
    /// Whether one fit at the largest value (the smallest for a threshold) gives
    /// exactly the results of all other values. Candidates that differ only in
    /// nested hyper-parameters form a family.
    #[serde(default)]
    pub nested: bool,
    /// Of a nested hyper-parameter: whether each of its values takes a fit of its own
    /// all the same, so that a family shares no more than the preparation. A host may
    /// divide such a family between its values where workers would idle; the results
    /// are the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub separate: bool,
    /// How the time of a fit grows with the value.
    #[serde(default, skip_serializing_if = "Cost::is_none")]
    pub cost: Cost,
}

/// How the time of a fit grows with the value of a hyper-parameter. A host runs
/// the costliest tasks first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// It does not, or not in a way that can be said.
    #[default]
    None,
    /// In proportion to it; `null` stands for more than any number.
    Linear,
    /// In proportion to its logarithm.
    Log,
}

impl Cost {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// A kind of values of a hyper-parameter. Bounds are inclusive unless stated
/// otherwise.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParamKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// An integer.
    Int {
        /// The minimum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<i64>,
        /// The maximum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<i64>,
    },
    /// A finite number, written with a fraction or exponent (`1.0`), or as an
    /// integer if the parameter has no [`ParamKind::Int`].
    Float {
        /// The minimum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The maximum.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
        /// Whether `min` is exclusive.
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
    /// A list of two finite numbers, the lesser first.
    Pair {
        /// The minimum of both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        min: Option<f64>,
        /// The maximum of both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max: Option<f64>,
    },
    /// A list with a list of categories for each column: texts or finite numbers, at
    /// least one, each once.
    Categories,
    /// An object from class labels to weights of at least 0.
    Weights,
    /// The label of a class, as text.
    Label,
    /// An object from true class labels to objects from predicted class labels to
    /// costs, which are finite numbers.
    Costs,
    /// An object from the names of features to -1, 0 or 1.
    Signs,
    /// A list of lists of the names of features.
    Sets,
    /// Any value: the trainer alone knows which ones it takes.
    Any,
}

/// A unit of work for a guest: the candidates of one family, on one split, for one
/// target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`CONTRACT`].
    pub contract: u32,
    /// The trainer's name.
    pub trainer: String,
    /// Whether the trainer is bagged ([`bagging`]): its hyper-parameters are those of
    /// [`TrainerDescription::bagged`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bagging: bool,
    /// The steps that features pass before the trainer, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<TaskStep>,
    /// The hyper-parameters that all candidates share. Others have their
    /// defaults. `<step>__<parameter>` is a parameter of a step, by the step's name
    /// in the task.
    #[serde(default)]
    pub params: Params,
    /// One entry per candidate: the hyper-parameters in which they differ. There
    /// is at least one entry, which may be empty.
    pub candidates: Vec<Params>,
    /// The training and test rows.
    pub split: Split,
    /// The name of the target column. Rows in which it is null take no part.
    pub target: String,
    /// The kind of the target: a category column for classes, a number column for
    /// regression.
    pub learning: Learning,
    /// The label of the positive class of two classes; if `None`, the last of the
    /// sorted labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// The name of the column of the rows' weights, for fits and scores; if `None`,
    /// all rows weigh the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<String>,
    /// The metrics, of different names.
    #[serde(default)]
    pub scoring: Vec<Score>,
    /// Whether the training rows are scored as well.
    #[serde(default)]
    pub train_score: bool,
    /// What is wanted beside the scores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// The part of a model that a fit is to make; if `None`, the whole model. A part is
    /// the only output, and is not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// A feature whose values are permuted among the test rows. The task has one
    /// candidate then, and no outputs: its model is fitted once, and its test rows are
    /// scored as they are and in every permutation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permute: Option<Permute>,
}

/// Permutations of a feature's values among the test rows of a task, before the steps.
///
/// The permutations depend on the number of test rows, `random_state` and the number
/// of the repeat alone, so that they are the same for every feature, as scikit-learn's
/// are, and on every host. Repeat `r` shuffles the places 0, 1, …, n - 1 by Fisher and
/// Yates, from the last place down: place `i` is swapped with the high 64 bits of the
/// product of `i + 1` and the next number of SplitMix64, whose state begins with the
/// `r`-th number (from 0) of a SplitMix64 that begins with `random_state`. Row `i` of
/// the test rows then has the value of row `places[i]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Permute {
    /// The name of the feature in the dataset.
    pub feature: String,
    /// How many times it is permuted, from 1 to [`Permute::MAX_REPEATS`].
    pub n_repeats: u32,
    /// The seed.
    pub random_state: u64,
}

impl Permute {
    /// The most repeats. Threat: an answer that fills the memory.
    pub const MAX_REPEATS: u32 = 10_000;
}

impl Output {
    /// The name, as it is serialised.
    pub fn name(self) -> &'static str {
        match self {
            Self::Predictions => "predictions",
            Self::Model => "model",
        }
    }
}

/// A part of a model: a range of what [`TrainerDescription::parts`] counts, such as
/// the trees 0 to 63 of 1,000. The parts of a model, merged in order, are the very
/// model that one fit makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The first.
    pub start: u32,
    /// The one behind the last.
    pub end: u32,
}

impl Part {
    /// The most parts of a model. Threat: a request of many that fills the memory.
    pub const MOST: usize = 4096;
}

/// What a task gives beside its scores: an artifact of each candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// The predictions of the test rows by each candidate: a Parquet file with a
    /// column `row`, the indices of the rows in the dataset, ascending, and the
    /// columns of a prediction.
    Predictions,
    /// The model of each candidate, fitted on the training rows, or the part of it that
    /// the task asks for. It is in a form that only the guest reads that fitted it. A
    /// split without test rows gives it with scores that are undefined.
    Model,
}

impl Output {
    /// All outputs.
    pub const ALL: [Self; 2] = [Self::Predictions, Self::Model];
}

/// A train/test partition: a column of the splits file, which has an integer for
/// each row of the dataset, null for a row that takes no part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The name of the column.
    pub column: String,
    /// The value of the test rows. If `None`, there are no test rows, and all rows
    /// that take part are training rows, unless `train` names others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<i32>,
    /// The training rows.
    #[serde(default, skip_serializing_if = "Train::is_rest")]
    pub train: Train,
    /// How the values of the target are shuffled among the rows before anything else; if
    /// `None`, each row has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shuffle: Option<TargetShuffle>,
}

/// A permutation of the target's values among rows, that of scikit-learn's
/// `permutation_test_score`.
///
/// A column of the splits file has the group of each row, null for a row that keeps its
/// value. The random numbers are those of numpy's `RandomState(random_state)`: 32-bit
/// numbers of MT19937. A permutation shuffles the rows of each group, the least group
/// first, by Fisher and Yates from the last place down: of the rows of a group, ascending,
/// place `i` is swapped with the first of the next numbers, masked to the bits of `i`, that
/// is at most `i`. The row at place `i` of a group then has the value of the row that was
/// shuffled there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetShuffle {
    /// The name of the column of the splits file.
    pub column: String,
    /// The seed.
    pub random_state: u32,
    /// How many permutations the generator made before this one.
    pub number: u32,
}

/// The training rows of a [`Split`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Train {
    /// All rows that take part and are not test rows.
    #[default]
    Rest,
    /// The rows of lesser values than the test rows (time series).
    Before,
    /// The rows of one value of a column of their own, whatever their value in
    /// the split's column (learning curves, halving). None of them is a test row.
    Column {
        /// The name of the column.
        name: String,
        /// The value of the training rows.
        value: i32,
    },
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
    /// The number of models that were fitted.
    pub fits: u32,
    /// One entry per candidate, in the order of the task.
    pub scores: Vec<Scores>,
}

/// The scores of one candidate on one split, by the name of the [`Score`]. `None`
/// for a metric that is undefined on these rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scores {
    /// The scores of the test rows.
    pub test: BTreeMap<String, Option<f64>>,
    /// The scores of the training rows; empty unless [`Task::train_score`] is set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub train: BTreeMap<String, Option<f64>>,
    /// The score of the training rows out of bag by the whole model that the task asks
    /// for ([`Output::Model`]), where the trainer's hyper-parameters want one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oob_score: Option<f64>,
    /// By repeat of [`Task::permute`]: the scores of the test rows with the feature
    /// permuted; empty without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permuted: Vec<BTreeMap<String, Option<f64>>>,
}

/// An error of a guest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", content = "message", rename_all = "kebab-case")]
pub enum Fault {
    /// The dataset or its splits can't be read.
    InvalidDataset(String),
    /// The task violates the contract, or does not fit the dataset.
    InvalidTask(String),
    /// A hyper-parameter is unknown or out of range.
    InvalidParams(String),
    /// The fit failed.
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

/// The columns of a dataset's Parquet file. The file has exactly these columns, in
/// this order, and the layout as JSON in its metadata under [`LAYOUT_KEY`].
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
    /// The name, unique in the dataset.
    pub name: String,
    /// The role of the column.
    pub role: Role,
    /// The kind of its values.
    pub kind: ColumnKind,
}

/// The role of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// An input of the model.
    Feature,
    /// A value to predict.
    Target,
    /// The weights of the rows: numbers of at least 0, never null.
    Weight,
}

/// The kind of a column and its representation. Null is a missing value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum ColumnKind {
    /// Numbers, of Parquet type BOOLEAN (0 and 1), INT32, INT64, FLOAT or DOUBLE.
    /// NaN is missing.
    Number,
    /// Categories, of Parquet type INT32: indices into `labels`.
    Category {
        /// The labels, in the order of their first appearance in the data.
        labels: Vec<String>,
    },
}
