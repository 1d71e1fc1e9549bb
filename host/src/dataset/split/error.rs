//! [`SplitError`].

/// Why rows can't be split as the plan says.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Fewer rows than folds.
    #[error(
        "can't make {folds} folds of {rows} rows; ask for fewer with `n_splits`, or bring more rows"
    )]
    TooFewRows {
        /// The number of folds.
        folds: u32,
        /// The number of rows of the search.
        rows: usize,
    },
    /// Every class has fewer rows than there are folds.
    #[error(
        "can't make {folds} stratified folds: every class has fewer rows than that, the most \
         frequent one {most}; ask for fewer with `n_splits`"
    )]
    TooFewOfEachClass {
        /// The number of folds.
        folds: u32,
        /// The rows of the most frequent class.
        most: usize,
    },
    /// A regression target where classes are needed.
    #[error("{what} needs classes, and the target holds numbers; use {instead}")]
    NotClasses {
        /// What needs them.
        what: String,
        /// What to use.
        instead: &'static str,
    },
    /// A splitter of groups, and no column that holds them.
    #[error("`{method}` needs the groups of the rows; name their column with `dataset.groups`")]
    NoGroups {
        /// The splitter.
        method: &'static str,
    },
    /// Fewer groups than folds.
    #[error(
        "can't make {folds} folds of {groups} groups, of which each stays whole; ask for fewer \
         with `n_splits`"
    )]
    TooFewGroups {
        /// The number of folds.
        folds: u32,
        /// The number of groups.
        groups: usize,
    },
    /// As many rows or groups are left out as there are.
    #[error(
        "`{method}` leaves out {out} of {of} {what} in each split, and none is left to train on; \
         {remedy}"
    )]
    NothingLeft {
        /// The splitter.
        method: &'static str,
        /// How many are left out.
        out: u32,
        /// How many there are.
        of: usize,
        /// `rows` or `groups`.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// More splits than a run is made for.
    #[error(
        "`{method}` makes {splits} splits of {rows} rows, more than the {most} that are allowed, \
         and each of them takes a fit of every candidate; use `k_fold` or `shuffle_split`, or \
         fewer rows"
    )]
    TooManySplits {
        /// The splitter.
        method: &'static str,
        /// The number of rows of the search.
        rows: usize,
        /// The number of splits.
        splits: String,
        /// The most.
        most: u64,
    },
    /// A splits file beyond what a guest can hold.
    #[error(
        "the splits of `{method}` take {columns} columns of {rows} rows, more than {most} values; \
         ask for fewer, or use `k_fold`"
    )]
    TooManyValues {
        /// The splitter.
        method: &'static str,
        /// The number of columns.
        columns: u64,
        /// The number of rows of the dataset.
        rows: usize,
        /// The most values.
        most: u64,
    },
    /// Sizes of shuffled splits that do not fit.
    #[error(
        "can't train on {train} and test {test} of {of} {what}: each takes one at least, and both \
         together all at most; choose another `test_size` or `train_size`"
    )]
    Sizes {
        /// The training rows or groups.
        train: usize,
        /// The test rows or groups.
        test: usize,
        /// How many there are.
        of: usize,
        /// `rows` or `groups`.
        what: &'static str,
    },
    /// Stratified shuffled splits with fewer rows than classes.
    #[error(
        "`stratified_shuffle_split` would {what} {size} rows, fewer than the {classes} classes; \
         choose another `test_size` or `train_size`"
    )]
    FewerThanClasses {
        /// `test` or `train on`.
        what: &'static str,
        /// The number of rows.
        size: usize,
        /// The number of classes.
        classes: usize,
    },
    /// A class with one row can't be in both parts of a stratified split.
    #[error(
        "the class `{label}` has one row, and `stratified_shuffle_split` needs two of each class; \
         use `shuffle_split`, or leave the row out"
    )]
    LoneClass {
        /// Its label.
        label: String,
    },
    /// Fewer rows than splits of a time series.
    #[error(
        "`time_series_split` needs {} rows for {splits} splits, and there are {rows}; ask for \
         fewer with `n_splits`, or bring more rows",
        splits + 1
    )]
    TooFewInTime {
        /// The number of splits.
        splits: u32,
        /// The number of rows of the search.
        rows: usize,
    },
    /// The test rows and the gap leave nothing before them.
    #[error(
        "{splits} splits of {test} test rows and a gap of {gap} leave no row of {rows} to train \
         on; ask for a smaller `n_splits`, `test_size` or `gap`"
    )]
    NothingBefore {
        /// The number of splits.
        splits: u32,
        /// The number of test rows of each.
        test: usize,
        /// The gap before them.
        gap: u32,
        /// The number of rows of the search.
        rows: usize,
    },
    /// The hold-out or the rest would be empty or too small.
    #[error("a hold-out of {fraction} of {rows} rows leaves {left}; choose another `fraction`")]
    HoldoutSize {
        /// The plan's fraction.
        fraction: String,
        /// The number of rows.
        rows: usize,
        /// What would be empty or too small.
        left: String,
    },
    /// More rows than 32 bits can number.
    #[error(
        "{rows} rows are more than the {} that fit in a dataset; take a sample",
        u32::MAX
    )]
    TooManyRows {
        /// The number of rows.
        rows: usize,
    },
    /// A class with one row can't be stratified.
    #[error(
        "the class `{label}` has one row, and a stratified hold-out needs two of each class; say \
         `stratify: false`, or leave the row out"
    )]
    HoldoutClass {
        /// Its label.
        label: String,
    },
    /// The column of the folds has no value.
    #[error("the column `{column}` names no fold; give each row to test a value")]
    NoFold {
        /// The column.
        column: String,
    },
    /// All rows are in one fold, so that none is left to train on.
    #[error(
        "the column `{column}` puts every row into the fold `{fold}`, and none is left to train \
         on; name two folds or more"
    )]
    OneFold {
        /// The column.
        column: String,
        /// The fold.
        fold: String,
    },
    /// The hold-out took all rows of a fold.
    #[error("after the hold-out, no row is left in the fold `{fold}` of the column `{column}`")]
    EmptyFold {
        /// The column.
        column: String,
        /// The fold.
        fold: String,
    },
    /// A column of the user's has no test rows or no training rows.
    #[error(
        "{}the column `{column}` has no row to {what}; give at least one the value `{value}`, or \
         leave the column out of `cv.columns`",
        if *held_out { "after the hold-out, " } else { "" }
    )]
    NoMark {
        /// The column.
        column: String,
        /// `test` or `train on`.
        what: &'static str,
        /// The value that such rows have.
        value: &'static str,
        /// Whether there is a hold-out, which may have taken them.
        held_out: bool,
    },
    /// A size of a learning curve beyond the training rows.
    #[error(
        "`train_sizes` asks for {size} rows, and the first split trains on {most}; ask for fewer, \
         or write shares such as `1.0`"
    )]
    TrainSize {
        /// The size.
        size: u32,
        /// The training rows of the first split.
        most: usize,
    },
    /// The training rows of a split can't be divided by `inner_cv`.
    #[error("`inner_cv` can't divide the training rows of split {outer} of `cv`")]
    Inside {
        /// The split of `cv`.
        outer: usize,
        /// Why.
        #[source]
        source: Box<Self>,
    },
    /// A split without rows.
    #[error("`{method}` leaves split {split} without a {what}; ask for fewer with `n_splits`")]
    EmptySplit {
        /// The splitter.
        method: &'static str,
        /// The split.
        split: usize,
        /// What it has none of.
        what: &'static str,
    },
}
