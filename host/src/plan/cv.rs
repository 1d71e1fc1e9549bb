//! The `cv` and `holdout` sections.

use serde::{Deserialize, Serialize};

use super::form::{Field, Section, Variant, default, required};
use super::scalar::{Bool, Int, LABEL, Number, SEED};

/// The `holdout` section.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Holdout {
    /// The share of the rows that is kept apart, above 0 and below 1.
    pub fraction: f64,
    /// Whether each class gives its share.
    pub stratify: bool,
    /// The seed.
    pub random_state: u64,
}

#[rustfmt::skip] // a row a field
pub(super) static HOLDOUT: Section = Section::new(
    "holdout", "Rows kept apart from the search, to score the refitted model once.", &[
    required("fraction", &Number(0.0, 1.0), "The share of the rows that is kept apart.")
        .aka(&["test_size", "size"]),
    default("stratify", &Bool, "false", "Whether each class gives its share."),
    default("random_state", &SEED, "0", "The seed.").aka(&["seed"]),
]);

/// The `cv` section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Cv {
    /// scikit-learn's `KFold`.
    KFold {
        /// The number of folds, at least 2.
        n_splits: u32,
        /// Whether rows are shuffled first.
        shuffle: bool,
        /// The seed of the shuffle.
        random_state: u64,
    },
    /// scikit-learn's `StratifiedKFold`.
    StratifiedKFold {
        /// The number of folds, at least 2.
        n_splits: u32,
        /// Whether rows are shuffled first, within each class.
        shuffle: bool,
        /// The seed of the shuffle.
        random_state: u64,
    },
    /// A column of the source names the fold of each row: any values, sorted.
    /// A row without a value is in every training set (scikit-learn's
    /// `PredefinedSplit` with -1).
    PredefinedSplit {
        /// The column; not a feature.
        column: String,
    },
}

#[rustfmt::skip] // a row a field
const FOLDS: &[Field] = &[
    default("n_splits", &Int(2, 10_000), "5", "The number of folds.")
        .aka(&["folds", "n_folds", "k", "splits"]),
    default("shuffle", &Bool, "false", "Whether rows are shuffled first."),
    default("random_state", &SEED, "0", "The seed of the shuffle. A mistake without `shuffle: true`.")
        .aka(&["seed"]).needs("shuffle"),
];

#[rustfmt::skip] // a row a field
pub(super) static CV: Section = Section::new("cv", "The cross-validation splits.", &[])
    .tagged("method", "stratified_k_fold", &[
    Variant { name: "k_fold", about: "scikit-learn's KFold.", fields: FOLDS },
    Variant { name: "stratified_k_fold", about: "scikit-learn's StratifiedKFold: each fold has its share of each class.", fields: FOLDS },
    Variant { name: "predefined_split", about: "A column names the fold of each row; a row without a value is in every training set.", fields: &[
        required("column", &LABEL, "The column that holds the fold of each row; it is not a feature.")
            .aka(&["fold", "fold_column", "test_fold"]),
    ] },
]);
