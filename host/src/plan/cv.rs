//! The `cv` and `holdout` sections.

use super::form::{Section, Variant, default, required};
use super::scalar::{Bool, Int, LABEL, Number, SEED};
use super::table::{section, tagged};

section! {
    /// Rows kept apart from the search, to score the refitted model once.
    pub struct Holdout = HOLDOUT("holdout") {
        /// The share of the rows that is kept apart.
        fraction: f64 = required(&Number(0.0, 1.0)).aka(&["test_size", "size"]),
        /// Whether each class gives its share.
        stratify: bool = default(&Bool, "false"),
        /// The seed.
        random_state: u64 = default(&SEED, "0").aka(&["seed"]),
    }
}

/// Between 2 and many more than anyone fits.
const N_SPLITS: Int = Int(2, 10_000);
const N_SPLITS_AKA: &[&str] = &["folds", "n_folds", "k", "splits"];

tagged! {
    /// The cross-validation splits.
    #[derive(Eq)]
    pub enum Cv = CV("cv", "method", "stratified_k_fold") {
        /// scikit-learn's KFold.
        KFold = "k_fold" {
            /// The number of folds.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// Whether rows are shuffled first.
            shuffle: bool = default(&Bool, "false"),
            /// The seed of the shuffle. A mistake without `shuffle: true`.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]).needs("shuffle"),
        },
        /// scikit-learn's StratifiedKFold: each fold has its share of each class.
        StratifiedKFold = "stratified_k_fold" {
            /// The number of folds.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// Whether rows are shuffled first, within each class.
            shuffle: bool = default(&Bool, "false"),
            /// The seed of the shuffle. A mistake without `shuffle: true`.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]).needs("shuffle"),
        },
        /// A column names the fold of each row, by any values; a row without one is in
        /// every training set (scikit-learn's PredefinedSplit with -1).
        PredefinedSplit = "predefined_split" {
            /// The column that holds the fold of each row; it is not a feature.
            column: String = required(&LABEL).aka(&["fold", "fold_column", "test_fold"]),
        },
    }
}
