//! The `cv` and `holdout` sections.

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::form::{Section, Variant, default, optional, required};
use super::list::List;
use super::mistake::Found;
use super::node::{Atom, Node};
use super::scalar::{Bool, Int, LABEL, Label, Number, SEED, Scalar, Takes};
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

/// The number of folds: between 2 and many more than anyone fits.
const N_SPLITS: Int = Int(2, MAX_SPLITS);
/// The number of splits that are drawn one by one.
const DRAWN: Int = Int(1, MAX_SPLITS);
const MAX_SPLITS: u64 = 10_000;
const N_SPLITS_AKA: &[&str] = &["folds", "n_folds", "k", "splits"];
const REPEATS_AKA: &[&str] = &["repeats", "times"];
/// A number of rows, groups, or rows left out.
const COUNT: Int = Int(1, u32::MAX as u64);
const GAP: Int = Int(0, u32::MAX as u64);

tagged! {
    /// The cross-validation splits.
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
        /// scikit-learn's GroupKFold: no group (`dataset.groups`) is in two folds, and the
        /// folds have about as many rows; shuffled, as many groups.
        GroupKFold = "group_k_fold" {
            /// The number of folds.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// Whether groups are shuffled first.
            shuffle: bool = default(&Bool, "false"),
            /// The seed of the shuffle. A mistake without `shuffle: true`.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]).needs("shuffle"),
        },
        /// scikit-learn's StratifiedGroupKFold: no group (`dataset.groups`) is in two folds,
        /// and each fold has about its share of each class.
        StratifiedGroupKFold = "stratified_group_k_fold" {
            /// The number of folds.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// Whether groups are shuffled first.
            shuffle: bool = default(&Bool, "false"),
            /// The seed of the shuffle. A mistake without `shuffle: true`.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]).needs("shuffle"),
        },
        /// scikit-learn's RepeatedKFold: KFold, shuffled anew each time.
        RepeatedKFold = "repeated_k_fold" {
            /// The number of folds of each repeat.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// The number of repeats.
            n_repeats: u32 = default(&DRAWN, "10").aka(REPEATS_AKA),
            /// The seed. The first repeat is `k_fold` with this seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// scikit-learn's RepeatedStratifiedKFold: StratifiedKFold, shuffled anew each time.
        RepeatedStratifiedKFold = "repeated_stratified_k_fold" {
            /// The number of folds of each repeat.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// The number of repeats.
            n_repeats: u32 = default(&DRAWN, "10").aka(REPEATS_AKA),
            /// The seed. The first repeat is `stratified_k_fold` with this seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// scikit-learn's ShuffleSplit: the test rows of each split are drawn anew.
        ShuffleSplit = "shuffle_split" {
            /// The number of splits.
            n_splits: u32 = default(&DRAWN, "10").aka(N_SPLITS_AKA),
            /// The test rows: a share, or their number. Default: all but `train_size`, or 0.1.
            test_size: Option<SplitSize> = optional(&SIZE).aka(&["fraction"]),
            /// The training rows: a share, or their number. Default: all other rows.
            train_size: Option<SplitSize> = optional(&SIZE),
            /// The seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// scikit-learn's StratifiedShuffleSplit: the test rows of each split are drawn anew,
        /// with its share of each class.
        StratifiedShuffleSplit = "stratified_shuffle_split" {
            /// The number of splits.
            n_splits: u32 = default(&DRAWN, "10").aka(N_SPLITS_AKA),
            /// The test rows: a share, or their number. Default: all but `train_size`, or 0.1.
            test_size: Option<SplitSize> = optional(&SIZE).aka(&["fraction"]),
            /// The training rows: a share, or their number. Default: all other rows.
            train_size: Option<SplitSize> = optional(&SIZE),
            /// The seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// scikit-learn's GroupShuffleSplit: the test groups (`dataset.groups`) of each split
        /// are drawn anew.
        GroupShuffleSplit = "group_shuffle_split" {
            /// The number of splits.
            n_splits: u32 = default(&DRAWN, "5").aka(N_SPLITS_AKA),
            /// The test groups: a share, or their number. Default: all but `train_size`, or 0.2.
            test_size: Option<SplitSize> = optional(&SIZE).aka(&["fraction"]),
            /// The training groups: a share, or their number. Default: all other groups.
            train_size: Option<SplitSize> = optional(&SIZE),
            /// The seed.
            random_state: u64 = default(&SEED, "0").aka(&["seed"]),
        },
        /// scikit-learn's LeaveOneOut: each row is tested by itself.
        LeaveOneOut = "leave_one_out" {},
        /// scikit-learn's LeavePOut: each set of `p` rows is tested.
        LeavePOut = "leave_p_out" {
            /// The number of test rows of each split.
            p: u32 = required(&COUNT).aka(&["n", "n_rows"]),
        },
        /// scikit-learn's LeaveOneGroupOut: each group (`dataset.groups`) is tested by itself.
        LeaveOneGroupOut = "leave_one_group_out" {},
        /// scikit-learn's LeavePGroupsOut: each set of `n_groups` groups (`dataset.groups`) is
        /// tested.
        LeavePGroupsOut = "leave_p_groups_out" {
            /// The number of test groups of each split.
            n_groups: u32 = required(&COUNT).aka(&["p", "n"]),
        },
        /// scikit-learn's TimeSeriesSplit: each block of rows is tested, and rows before it are
        /// trained on. The rows are in the order of time.
        TimeSeriesSplit = "time_series_split" {
            /// The number of splits.
            n_splits: u32 = default(&N_SPLITS, "5").aka(N_SPLITS_AKA),
            /// The most training rows of a split, the last ones. Default: all before the test
            /// rows.
            max_train_size: Option<u32> = optional(&COUNT).aka(&["train_size", "window"]),
            /// The test rows of a split. Default: the rows by `n_splits + 1`.
            test_size: Option<u32> = optional(&COUNT).aka(&["horizon"]),
            /// The rows left out between the training rows and the test rows.
            gap: u32 = default(&GAP, "0").aka(&["embargo", "purge"]),
        },
        /// A column names the fold of each row, by any values; a row without one is in
        /// every training set (scikit-learn's PredefinedSplit with -1).
        PredefinedSplit = "predefined_split" {
            /// The column that holds the fold of each row; it is not a feature.
            column: String = required(&LABEL).aka(&["fold", "fold_column", "test_fold"]),
        },
        /// Splits of your own: a column each, which says of each row whether it is trained on
        /// (`train` or 0), tested (`test` or 1) or neither (no value).
        Columns = "columns" {
            /// The columns, in the order of the splits, or patterns such as `split_*`; they are
            /// not features.
            columns: Vec<String> = required(&COLUMNS).aka(&["column", "names", "splits"]),
        },
    }
}

/// The columns of splits, or patterns of their names.
static COLUMNS: List = List::new(&Label("a column's name"), "columns", "column")
    .single()
    .filled("name the column of each split, or a pattern such as `split_*`")
    .unique("remove one");

/// Methods that take the groups of the rows.
const OF_GROUPS: [&str; 5] = [
    "group_k_fold",
    "stratified_group_k_fold",
    "group_shuffle_split",
    "leave_one_group_out",
    "leave_p_groups_out",
];

impl Cv {
    /// The method's name in a plan.
    pub fn method(&self) -> &'static str {
        match self {
            Self::KFold { .. } => "k_fold",
            Self::StratifiedKFold { .. } => "stratified_k_fold",
            Self::GroupKFold { .. } => "group_k_fold",
            Self::StratifiedGroupKFold { .. } => "stratified_group_k_fold",
            Self::RepeatedKFold { .. } => "repeated_k_fold",
            Self::RepeatedStratifiedKFold { .. } => "repeated_stratified_k_fold",
            Self::ShuffleSplit { .. } => "shuffle_split",
            Self::StratifiedShuffleSplit { .. } => "stratified_shuffle_split",
            Self::GroupShuffleSplit { .. } => "group_shuffle_split",
            Self::LeaveOneOut {} => "leave_one_out",
            Self::LeavePOut { .. } => "leave_p_out",
            Self::LeaveOneGroupOut {} => "leave_one_group_out",
            Self::LeavePGroupsOut { .. } => "leave_p_groups_out",
            Self::TimeSeriesSplit { .. } => "time_series_split",
            Self::PredefinedSplit { .. } => "predefined_split",
            Self::Columns { .. } => "columns",
        }
    }

    /// The number of folds in which each row is tested once; `None` where they are
    /// not numbered so.
    pub fn folds(&self) -> Option<u32> {
        match self {
            Self::KFold { n_splits, .. }
            | Self::StratifiedKFold { n_splits, .. }
            | Self::GroupKFold { n_splits, .. }
            | Self::StratifiedGroupKFold { n_splits, .. }
            | Self::RepeatedKFold { n_splits, .. }
            | Self::RepeatedStratifiedKFold { n_splits, .. } => Some(*n_splits),
            _ => None,
        }
    }

    /// Whether the splits depend on the classes of the rows.
    pub fn is_stratified(&self) -> bool {
        matches!(
            self,
            Self::StratifiedKFold { .. }
                | Self::RepeatedStratifiedKFold { .. }
                | Self::StratifiedGroupKFold { .. }
                | Self::StratifiedShuffleSplit { .. }
        )
    }

    /// Whether it takes the groups of the rows, `dataset.groups`.
    pub fn takes_groups(&self) -> bool {
        Self::of_groups(self.method())
    }

    /// The same of a method by its name in a plan.
    pub(super) fn of_groups(method: &str) -> bool {
        OF_GROUPS.contains(&method)
    }
}

/// How many rows, or groups, a split trains on or tests, or a learning curve trains on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitSize {
    /// A share above 0.
    Fraction(f64),
    /// A number of at least 1.
    Count(u32),
}

/// [`SplitSize`]: a number with a fraction is a share, a whole number counts.
#[derive(Debug)]
struct Size;

const SIZE: Size = Size;

impl Scalar for Size {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let percent = |given: f64| format!("write `{}` for {given} percent", given / 100.0);
        let hint = match node.atom() {
            Some(Atom::Int(count)) if (1..=i64::from(u32::MAX)).contains(&count) => {
                return Ok(json!({"count": count}));
            }
            Some(Atom::Float(share)) if share > 0.0 && share < 1.0 => {
                return Ok(json!({"fraction": share}));
            }
            Some(Atom::Float(share)) if share > 1.0 && share < 100.0 && share.fract() != 0.0 => {
                Some(percent(share))
            }
            Some(Atom::Float(count)) if count >= 1.0 && count.fract() == 0.0 => {
                Some(format!("write `{count}` for a number of rows"))
            }
            _ => None,
        };
        let takes = "a share above 0 and below 1, such as `0.25`, or a number of at least 1";
        Err(Takes(takes.to_owned(), hint))
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [
            {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            {"type": "integer", "minimum": 1, "maximum": u32::MAX},
        ]})
    }
}

/// Notes splitters that lack the groups, and shares that add up to more than
/// all rows.
pub(super) fn check(root: &Node, found: &mut Found) {
    for section in ["cv", "inner_cv"] {
        check_section(root, section, found);
    }
}

fn check_section(root: &Node, section: &str, found: &mut Found) {
    let Some(cv) = root.entry(section) else {
        return;
    };
    let method = cv.value.entry("method");
    let name = method.and_then(|method| method.value.label());
    let grouped = name.filter(|name| OF_GROUPS.contains(name));
    // A column that is named in `cv` is a mistake that has its own hint.
    let named = root.get(&["dataset", "groups"]).is_some() || cv.value.entry("groups").is_some();
    if let (Some(method), Some(name), false) = (method, grouped, named) {
        let message = format!("`{name}` needs the groups of the rows");
        let hint = "name the column that holds the group of each row: `dataset: {groups: COLUMN}`";
        found.note(method.value.place, message).hint(hint);
    }
    let share = |field: &str| match cv.value.get(&[field]).and_then(Node::atom) {
        Some(Atom::Float(share)) if share > 0.0 && share < 1.0 => Some(share),
        _ => None,
    };
    if let (Some(test), Some(train)) = (share("test_size"), share("train_size"))
        && test + train > 1.0
        && let Some(entry) = cv.value.entry("train_size")
    {
        let message = format!("`test_size` and `train_size` add up to {}", test + train);
        let hint = "they are shares of the same rows, and add up to 1 at most";
        found.note(entry.place, message).hint(hint);
    }
}
