//! [`Warning`]: what makes the scores of a dataset doubtful.

use std::fmt;

use serde::Serialize;

use super::looks::Looks;
pub use super::source::Loss;
pub use super::statistics::{Count, LeakKind};

/// Something in a dataset that makes scores doubtful.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    /// A column alone determines the class, so that scores mean nothing.
    TargetLeakage {
        /// The column.
        column: String,
        /// What of it determines the class.
        by: LeakKind,
        /// The share of rows whose class it determines.
        share: f64,
    },
    /// A column alone tells the class of rows on which it was not fitted.
    TellsTarget {
        /// The column.
        column: String,
        /// The share of rows of which it tells the class.
        right: f64,
        /// The share of the most frequent class.
        most: f64,
    },
    /// The folds are blocks of rows, and the rows are in the order of a column.
    OrderedRows {
        /// The column.
        column: String,
        /// Whether it is the target.
        target: bool,
        /// The share of rows of which it tells the fold.
        right: f64,
    },
    /// Metrics are not defined on some splits, which lack a class.
    UndefinedScores {
        /// The metrics.
        metrics: Vec<String>,
        /// The number of these splits.
        splits: usize,
        /// The number of all splits.
        of: usize,
        /// The first of them.
        split: usize,
        /// What its test rows lack.
        lacks: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A class of which a split tests rows and trains on none.
    UntaughtClass {
        /// The split.
        split: usize,
        /// Its label.
        label: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A column of categories has another value in every row.
    Identifier {
        /// The column.
        column: String,
    },
    /// A column is the index of a table that pandas wrote, and no feature.
    Index {
        /// The column.
        column: String,
    },
    /// Numbers of a column did not keep all of the text in the source.
    Lost {
        /// The column.
        column: String,
        /// What was lost.
        what: Loss,
        /// The first such text.
        text: String,
        /// Its line in the source.
        line: u64,
    },
    /// The categories of a column look like something else.
    LooksLike {
        /// The column.
        column: String,
        /// What most of them look like, and what to do.
        looks: Looks,
    },
    /// Rows without a target were left out, as the plan says.
    MissingTargets {
        /// The target.
        target: String,
        /// The number of these rows.
        count: u64,
        /// The number of all rows.
        rows: u64,
    },
    /// A column has no value at all.
    AllMissing {
        /// The column.
        column: String,
    },
    /// A column has the same value in every row.
    Constant {
        /// The column.
        column: String,
    },
    /// Rows are repeated, and may be in a training set and its test set.
    DuplicateRows {
        /// The number of rows that repeat an earlier one.
        count: Count,
        /// The number of rows.
        rows: u64,
    },
    /// There are more classes than half the rows.
    ManyClasses {
        /// The target.
        target: String,
        /// The number of classes.
        classes: u64,
        /// The number of rows.
        rows: u64,
    },
    /// A class has few rows, so that its scores are noise.
    RareClass {
        /// Its label.
        label: String,
        /// Its number of rows.
        count: u64,
        /// The number of all rows.
        rows: u64,
    },
    /// There is a column of groups, and the splitter takes none.
    GroupsIgnored {
        /// The column.
        column: String,
        /// The splitter.
        method: &'static str,
    },
    /// The hold-out is drawn from rows, and the splits from groups.
    GroupsInHoldout {
        /// The column of the groups.
        column: String,
    },
    /// A class has fewer rows than there are folds, so that some have none of it.
    FewerRowsThanFolds {
        /// Its label.
        label: String,
        /// Its number of rows.
        count: u64,
        /// The number of folds.
        folds: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TargetLeakage { column, by, share } => {
                // Never rounded up to all rows.
                let share = (share * 10_000.0).floor() / 100.0;
                let part = match by {
                    LeakKind::Value => "its value".to_owned(),
                    LeakKind::Missing => "whether it is missing".to_owned(),
                    LeakKind::Threshold(at) => format!("whether it is above {at}"),
                };
                write!(
                    f,
                    "`{column}` leaks the target: {part} alone determines the class in {share} % \
                     of the rows; leave it out: `drop: [{column}]`"
                )
            }
            Self::TellsTarget {
                column,
                right,
                most,
            } => write!(
                f,
                "`{column}` alone tells the target: a small tree on it is right in {} of the rows \
                 that it has not seen, and the most frequent class is in {}; if it is not known \
                 before the target is, or only numbers the rows, leave it out: `drop: [{column}]`",
                percent(*right),
                percent(*most)
            ),
            Self::OrderedRows {
                column,
                target,
                right,
            } => {
                let by = match target {
                    true => format!("the target `{column}`"),
                    false => format!("`{column}`, or it drifts"),
                };
                write!(
                    f,
                    "the folds are blocks of rows, and the rows are sorted by {by}: it alone tells \
                     the fold of {} of them, so that each fold is unlike the rows that it is \
                     tested with; say `cv: {{shuffle: true}}`, unless the order is to count",
                    percent(*right)
                )
            }
            Self::UndefinedScores {
                metrics,
                splits,
                of,
                split,
                lacks,
                remedy,
            } => {
                let are = if metrics.len() == 1 { "is" } else { "are" };
                write!(
                    f,
                    "{} {are} not defined on {splits} of {of} splits: the test rows of split \
                     {split} {lacks}; {remedy}",
                    metrics.join(", ")
                )
            }
            Self::UntaughtClass {
                split,
                label,
                remedy,
            } => write!(
                f,
                "split {split} tests rows of the class `{label}` and trains on none of it; {remedy}"
            ),
            Self::Identifier { column } => write!(
                f,
                "`{column}` has another category in every row, which a model can only learn by \
                 heart; leave it out: `drop: [{column}]`"
            ),
            Self::Index { column } => write!(
                f,
                "`{column}` numbers or names the rows, as the index of a pandas table, and is no \
                 feature; name it in `dataset.columns` or in `features` if it is to be one"
            ),
            Self::Lost {
                column,
                what,
                text,
                line,
            } => {
                let lost = match what {
                    Loss::Zeros => "its zeros at the start",
                    Loss::Digits => "digits after the fifteenth",
                    Loss::Finite => "all of it: no number is so large",
                };
                write!(
                    f,
                    "`{column}` is read as numbers, and `{text}` on line {line} loses {lost}; if \
                     it is a code, say `columns: {{{column}: text}}`"
                )
            }
            Self::LooksLike { column, looks } => looks.tell(column, f),
            Self::MissingTargets {
                target,
                count,
                rows,
            } => write!(
                f,
                "{count} of {rows} rows have no target `{target}` and are left out"
            ),
            Self::AllMissing { column } => write!(f, "`{column}` has no value in any row"),
            Self::Constant { column } => write!(f, "`{column}` has the same value in every row"),
            Self::DuplicateRows { count, rows } => write!(
                f,
                "{count} of {rows} rows repeat an earlier row: a model may be tested on what it \
                 was trained on"
            ),
            Self::ManyClasses {
                target,
                classes,
                rows,
            } => write!(
                f,
                "the target `{target}` has {classes} classes in {rows} rows: is it a number to \
                 predict, or an identifier?"
            ),
            Self::RareClass { label, count, rows } => {
                write!(f, "the class `{label}` has only {count} of {rows} rows")
            }
            Self::GroupsIgnored { column, method } => write!(
                f,
                "`{method}` does not keep the groups of `{column}` together, so that a model may \
                 be tested on a group that it was trained on; use `group_k_fold` or another \
                 splitter of groups"
            ),
            Self::GroupsInHoldout { column } => write!(
                f,
                "the hold-out is drawn from rows, so that groups of `{column}` may be both in it \
                 and in the search: its score does not tell how the model does on new groups"
            ),
            Self::FewerRowsThanFolds {
                label,
                count,
                folds,
            } => write!(
                f,
                "the class `{label}` has {count} rows, fewer than the {folds} folds: some folds \
                 test none of it"
            ),
        }
    }
}

/// A share, never rounded up to all.
fn percent(share: f64) -> String {
    format!("{:.1} %", (share * 1000.0).floor() / 10.0)
}

impl Warning {
    /// The column that is said to leak the target.
    pub(super) fn leak(&self) -> Option<&str> {
        match self {
            Self::TargetLeakage { column, .. } => Some(column),
            _ => None,
        }
    }
}
