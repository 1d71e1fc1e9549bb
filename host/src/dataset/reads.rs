//! [`Reads`]: as what the columns of a source were read.

use serde::Serialize;

/// As what a column of the dataset was read.
#[derive(Debug)]
pub(super) struct ReadColumn {
    /// Its type in the source.
    pub(super) source_type: String,
    pub(super) reads: Reads,
    /// A value of it.
    pub(super) example: Option<String>,
    /// The column of the source that it is, if it is one.
    pub(super) source: Option<usize>,
    /// Whether the plan says how it is read.
    pub(super) declared: bool,
}

/// As what a column is read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// Numbers.
    Number,
    /// Truth values: 0 and 1.
    Boolean,
    /// Dates: days.
    Date,
    /// Times: whole numbers.
    Time,
    /// Categories: how many there are.
    Category(u64),
    /// Categories in this order, the least first: 0, 1, ...
    Ordered(Vec<String>),
}

impl std::fmt::Display for Reads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number => write!(f, "number"),
            Self::Boolean => write!(f, "true or false"),
            Self::Date => write!(f, "date"),
            Self::Time => write!(f, "date and time"),
            Self::Category(1) => write!(f, "category of 1 level"),
            Self::Category(levels) => write!(f, "category of {levels} levels"),
            Self::Ordered(labels) => {
                const SHOWN: usize = 4;
                let shown: Vec<&str> = labels.iter().take(SHOWN).map(String::as_str).collect();
                let more = if labels.len() > SHOWN { " < ..." } else { "" };
                write!(f, "ordered: {}{more}", shown.join(" < "))
            }
        }
    }
}
