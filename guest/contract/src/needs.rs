//! What a trainer's fits need, for a host's estimates before any fit: [`Effort`], time,
//! and [`MemoryUse`], bytes. Both are rough, and decide no result.

use serde::{Deserialize, Serialize};

/// How the time of a fit grows with the table: `seconds × (rows / 10,000)^rows ×
/// (columns / 10)^columns`, times what [`Param::cost`](crate::Param::cost) says of
/// hyper-parameters that differ from their defaults. It includes the predictions and
/// the scores. Right within a factor of about 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effort {
    /// Seconds on one core, with the defaults, for a table of 10,000 rows, of which two
    /// thirds are training rows, and 10 columns. A category counts as one column.
    pub seconds: f64,
    /// The exponent of the rows.
    pub rows: f64,
    /// The exponent of the columns.
    pub columns: f64,
    /// What each further candidate of a family takes, as a share of the first one's
    /// fit: 0 where one fit serves all, 1 where each is fitted by itself.
    #[serde(default)]
    pub candidate: f64,
    /// The factor for a target of numbers, where a trainer learns classes, too.
    #[serde(default = "one")]
    pub numbers: f64,
}

fn one() -> f64 {
    1.0
}

/// The bytes of an instance of a guest at a fit's peak.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MemoryUse {
    /// Whatever the table.
    pub instance: u64,
    /// Of each row.
    pub row: u64,
    /// Of each row and column of numbers.
    pub number: u64,
    /// Of each row and column of categories.
    pub category: u64,
    /// Of each row and column of many values, in place of the two above.
    pub wide: Option<WideColumns>,
    /// Of each label of a category.
    pub label: u64,
    /// Of each test row and class, of three classes or more.
    pub class: u64,
    /// Of each pair of columns; a category has as many as labels.
    pub column_pair: u64,
    /// Of each pair of rows.
    pub row_pair: u64,
    /// The most of all pairs of rows.
    pub row_pairs: u64,
    /// Of the features behind steps.
    pub steps: StepsMemory,
    /// Of trees, if models have any.
    pub trees: Option<TreesMemory>,
}

impl Default for MemoryUse {
    /// That of an estimator on a matrix of 64-bit numbers and 32-bit codes.
    fn default() -> Self {
        Self {
            instance: 4 << 20,
            row: 190,
            number: 8,
            category: 4,
            wide: None,
            label: 200,
            class: 24,
            column_pair: 0,
            row_pair: 0,
            row_pairs: 0,
            steps: StepsMemory::default(),
            trees: None,
        }
    }
}

/// The bytes of features behind steps, those that the steps take and those that each
/// leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StepsMemory {
    /// The bytes of columns of fitted steps that an instance keeps at most, unless
    /// `times` allows more.
    pub kept: u64,
    /// The same as a multiple of the bytes of the features.
    pub times: u64,
    /// Of each row and column of numbers.
    pub number: u64,
    /// Of each row and column of categories.
    pub category: u64,
}

/// Columns of many values. A column of numbers is one only if the target has many
/// classes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideColumns {
    /// More distinct values than these are many.
    pub above: u64,
    /// Of each row.
    pub bytes: u64,
    /// So many classes are many.
    pub classes: u64,
}

/// The bytes of trees, whose number is `n_estimators` or `max_iter` (1 without either) and
/// whose size is bounded by `max_depth`, `max_leaf_nodes` and `min_samples_leaf`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreesMemory {
    /// Of each row, where the depth has no limit.
    pub deep_row: u64,
    /// Of each leaf of a model.
    pub leaf: u64,
    /// Of each leaf and class in it, of three classes or more.
    pub leaf_class: u64,
    /// Of each leaf and class of the tree that is grown, of three classes or more.
    pub grown_class: u64,
    /// Of each test row and class where trees are fitted to all rows, not to bootstrap
    /// samples (`bootstrap`); in place of [`MemoryUse::class`].
    pub whole_class: u64,
    /// The leaves of a tree without limits, in hundredths of the rows, where trees are
    /// fitted to bootstrap samples.
    pub leaves: u64,
    /// The same where they are fitted to all rows.
    pub whole_leaves: u64,
}
