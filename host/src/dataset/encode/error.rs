//! [`EncodeError`], and [`StreamError`], which is that or another error of the
//! stream from source to dataset.

use crate::dataset::source::{BatchError, SourceError};
use crate::dataset::writer::WriteError;

/// Why a table can't be encoded as the plan says.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The source lacks a column that the plan names.
    #[error("{} has no column `{name}`, which is {role}{hint}", source_name)]
    NoColumn {
        /// The source's first file.
        source_name: String,
        /// The name.
        name: String,
        /// Its role in the plan.
        role: &'static str,
        /// A column with a similar name, or the columns that there are.
        hint: String,
    },
    /// The source lacks columns that a model reads.
    #[error("{source_name} lacks {names}, which the model reads")]
    LacksColumns {
        /// The source's first file.
        source_name: String,
        /// The columns, or the first of them.
        names: String,
    },
    /// The source lacks a column that is to be kept.
    #[error("{source_name} has no column `{name}`, which is to be kept")]
    LacksKept {
        /// The source's first file.
        source_name: String,
        /// The name.
        name: String,
    },
    /// A column is of another kind than in the training data.
    #[error(
        "the column `{name}` of {source_name} has the type `{found}`; the model was trained on \
         `{trained}`"
    )]
    OtherKind {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
        /// Its type.
        found: String,
        /// Its type in the training data.
        trained: String,
    },
    /// A column holds times that are no dates of the training data's kind.
    #[error(
        "the column `{name}` of {source_name} holds a time that no `{trained}` holds, on which \
         the model was trained"
    )]
    NotADate {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
        /// Its type in the training data.
        trained: String,
    },
    /// A column of an unsupported type.
    #[error(
        "the column `{name}` of {source_name} has the type `{data_type}`, which holds no number, \
         text, date or truth value; leave it out with `drop`"
    )]
    UnsupportedType {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
        /// Its type.
        data_type: String,
    },
    /// A value that fits in no 64-bit number.
    #[error("the column `{name}` of {source_name} holds a value that no 64-bit number holds")]
    TooLarge {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
    },
    /// The target is also a feature.
    #[error("the target `{name}` is among the features; take it out of them")]
    TargetAmongFeatures {
        /// The target.
        name: String,
    },
    /// Two features have one name.
    #[error("two features are called `{name}`; name each once")]
    DuplicateFeature {
        /// The name.
        name: String,
    },
    /// There is no feature.
    #[error("no feature is left; {source_name} has no column but those with another role")]
    NoFeatures {
        /// The source's first file.
        source_name: String,
    },
    /// Rows without a target.
    #[error(
        "the target `{name}` is missing in {count} of {rows} rows{first}; {}",
        missing_remedy(text.as_deref())
    )]
    MissingTarget {
        /// The target.
        name: String,
        /// The number of rows without it.
        count: u64,
        /// The number of rows.
        rows: u64,
        /// The first of these rows.
        first: String,
        /// The text of a CSV file that means a missing value there.
        text: Option<String>,
    },
    /// A category that has no place in its column's order.
    #[error(
        "the column `{name}` of {source_name} holds `{label}`, which is not {labels}, the order of \
         `dataset.columns`; add it there, or to `csv.null_values` if it means a missing value"
    )]
    NotInOrder {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
        /// The category.
        label: String,
        /// The order.
        labels: String,
    },
    /// A row without a group.
    #[error(
        "row {row} (the first row of data is 1) has no group: the column `{name}` is missing \
         there; fill it in, with a value of its own for a row that belongs to no other"
    )]
    MissingGroup {
        /// The column of the groups.
        name: String,
        /// The row, from 1.
        row: u64,
    },
    /// A value of one of the user's splits that says nothing.
    #[error(
        "the column `{name}` is a split of `cv.columns` and holds `{label}` in row {row} (the \
         first row of data is 1); it takes `train` or 0, `test` or 1, and no value for a row that \
         is neither"
    )]
    NotAMark {
        /// The column.
        name: String,
        /// The row, from 1.
        row: u64,
        /// The value.
        label: String,
    },
    /// An infinite target.
    #[error("the target `{name}` is infinite in row {row} (the first row of data is 1)")]
    InfiniteTarget {
        /// The target.
        name: String,
        /// The row, from 1.
        row: u64,
    },
    /// A target with a single class.
    #[error(
        "the target `{name}` is `{label}` in every row; a classifier needs two classes or more"
    )]
    OneClass {
        /// The target.
        name: String,
        /// The label of the class.
        label: String,
    },
    /// The positive class does not occur.
    #[error("no row has the target `{name}` = `{positive}`, the positive class; it is {labels}")]
    UnknownPositive {
        /// The target.
        name: String,
        /// The positive class.
        positive: String,
        /// The labels that occur.
        labels: String,
    },
    /// A positive class for a regression target.
    #[error(
        "the target `{name}` is a number, a regression target, which has no positive class; \
         leave `positive` out"
    )]
    PositiveNumber {
        /// The target.
        name: String,
    },
    /// The column of the weights holds no numbers.
    #[error(
        "the column `{name}` of the weights holds {data_type}, not numbers; name a column of \
         numbers, or leave `weight` out"
    )]
    WeightNotNumeric {
        /// The column.
        name: String,
        /// The type of its values.
        data_type: String,
    },
    /// A weight is not a number of at least 0.
    #[error(
        "the column `{name}` of the weights holds {value} in row {row} (the first row of data is \
         1); a weight is a number of at least 0"
    )]
    NotAWeight {
        /// The column.
        name: String,
        /// The row.
        row: u64,
        /// What it holds.
        value: String,
    },
    /// A regression target that holds no numbers.
    #[error(
        "the target `{name}` is to be learnt as a number, but it holds {data_type}; name a column \
         of numbers, or leave `learn: regression` out"
    )]
    TargetNotNumeric {
        /// The target.
        name: String,
        /// The type of its values.
        data_type: String,
    },
}

impl EncodeError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoColumn { .. } | Self::LacksKept { .. } => {
                "correct the name, or bring a table that has the column"
            }
            Self::LacksColumns { .. } | Self::OtherKind { .. } | Self::NotADate { .. } => {
                "bring a table with the columns of the training; `fanout model show` lists them"
            }
            Self::TooLarge { .. } => "leave the column out, or read it as text",
            Self::NoFeatures { .. } => "name columns with `features`, or bring a table with more",
            Self::NotAMark { .. } | Self::NotAWeight { .. } => "correct the value there",
            Self::InfiniteTarget { .. } => "correct the value there, or leave the row out",
            Self::OneClass { .. } => {
                "name another target, bring rows of another class, or, for numbers, say `learn: \
                 regression`"
            }
            Self::UnknownPositive { .. } => "set `positive` to one of these",
            Self::UnsupportedType { .. }
            | Self::TargetAmongFeatures { .. }
            | Self::DuplicateFeature { .. }
            | Self::MissingTarget { .. }
            | Self::NotInOrder { .. }
            | Self::MissingGroup { .. }
            | Self::PositiveNumber { .. }
            | Self::WeightNotNumeric { .. }
            | Self::TargetNotNumeric { .. } => return None,
        })
    }
}

/// What to do about rows without a target.
fn missing_remedy(text: Option<&str>) -> String {
    let drop = "leave those rows out with `missing_target: drop`";
    match text {
        None => format!("fill it in, or {drop}"),
        Some(text) => format!(
            "`{text}` is read as a missing value: if it is a label, say `csv: {{null_values: \
             [\"\"]}}`; or {drop}"
        ),
    }
}

/// Why the stream from source to dataset ended early.
#[derive(Debug)]
pub(in crate::dataset) enum StreamError {
    Batch(BatchError),
    Encode(EncodeError),
    Write(WriteError),
}

impl From<WriteError> for StreamError {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<BatchError> for StreamError {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

impl From<SourceError> for StreamError {
    fn from(error: SourceError) -> Self {
        Self::Batch(error.into())
    }
}

impl From<EncodeError> for StreamError {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
