//! [`EncodeError`], and [`EncodeStop`], which is that or another end of the
//! stream.

use crate::dataset::parquet::WriteError;
use crate::dataset::source::{BatchError, SourceError};

/// Why a table can't be learnt from as the plan says.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// A column that the plan names is not there.
    #[error("{} has no column `{name}`, which is {role}{hint}", source_name)]
    NoColumn {
        /// The source's first file.
        source_name: String,
        /// The name.
        name: String,
        /// Where the plan names it.
        role: &'static str,
        /// What may have been meant.
        hint: String,
    },
    /// The type can't be learnt from.
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
    /// A value of this column is too large.
    #[error("the column `{name}` of {source_name} holds a value that no 64-bit number holds")]
    TooLarge {
        /// The source's first file.
        source_name: String,
        /// The column.
        name: String,
    },
    /// The answer would be among the questions.
    #[error("the target `{name}` is among the features; take it out of them")]
    TargetAmongFeatures {
        /// The target.
        name: String,
    },
    /// Two features of one name.
    #[error("two features are called `{name}`; name each once")]
    DuplicateFeature {
        /// The name.
        name: String,
    },
    /// Nothing to learn from.
    #[error("no feature is left; {source_name} has no column but those with another role")]
    NoFeatures {
        /// The source's first file.
        source_name: String,
    },
    /// The target is not known everywhere.
    #[error(
        "the target `{name}` is missing in {count} of {rows} rows, first in {first} (the \
         first row of data is 1); fill it in or leave those rows out"
    )]
    MissingTarget {
        /// The target.
        name: String,
        /// How often.
        count: u64,
        /// The number of rows.
        rows: u64,
        /// The first rows.
        first: String,
    },
    /// A number that is none.
    #[error("the target `{name}` is infinite in row {row} (the first row of data is 1)")]
    InfiniteTarget {
        /// The target.
        name: String,
        /// The row, from 1.
        row: u64,
    },
    /// Nothing to tell apart.
    #[error(
        "the target `{name}` is `{label}` in every row; a classifier needs two classes or more"
    )]
    OneClass {
        /// The target.
        name: String,
        /// Its one label.
        label: String,
    },
    /// The positive class is no class.
    #[error("no row has the target `{name}` = `{positive}`, the positive class; it is {labels}")]
    UnknownPositive {
        /// The target.
        name: String,
        /// The positive class.
        positive: String,
        /// The labels that there are.
        labels: String,
    },
    /// A positive class of a number.
    #[error(
        "the target `{name}` holds numbers with fractions, which are predicted and not told \
         apart; leave `positive` out"
    )]
    PositiveNumber {
        /// The target.
        name: String,
    },
}

/// What goes wrong while a batch is encoded.
#[derive(Debug)]
pub(in crate::dataset) enum EncodeStop {
    Batch(BatchError),
    Encode(EncodeError),
    Write(WriteError),
}

impl From<WriteError> for EncodeStop {
    fn from(error: WriteError) -> Self {
        Self::Write(error)
    }
}

impl From<BatchError> for EncodeStop {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

impl From<SourceError> for EncodeStop {
    fn from(error: SourceError) -> Self {
        Self::Batch(error.into())
    }
}

impl From<EncodeError> for EncodeStop {
    fn from(error: EncodeError) -> Self {
        Self::Encode(error)
    }
}
