//! [`Target`]: a column to predict, as classes or as numbers.
//!
//! A table of many targets has rows without a value of one of them: these take no
//! part in its fits.

use serde::{Deserialize, Serialize};

use crate::Learning;
use crate::labels::sort_order;

/// A decoded target column. The rows of a job have a value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Two or more classes.
    Classes {
        /// The labels, sorted as numbers if all of them are numbers, else as text.
        classes: Vec<String>,
        /// The class of every row of the table, as an index into `classes`;
        /// [`Target::MISSING`] for a row without one.
        codes: Vec<u32>,
    },
    /// One number per row of the table; NaN for a row without one.
    Numbers(Vec<f64>),
}

impl Target {
    /// The code of a row without a class.
    pub const MISSING: u32 = u32::MAX;

    /// Whether some rows have no value.
    pub(crate) fn has_missing(&self) -> bool {
        match self {
            Self::Classes { codes, .. } => codes.contains(&Self::MISSING),
            Self::Numbers(numbers) => numbers.iter().any(|number| number.is_nan()),
        }
    }

    /// Whether `row` has a value.
    pub(crate) fn has(&self, row: u32) -> bool {
        match self {
            Self::Classes { codes, .. } => codes[row as usize] != Self::MISSING,
            Self::Numbers(numbers) => !numbers[row as usize].is_nan(),
        }
    }

    /// The sorted class labels; empty for numbers.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { classes, .. } => classes,
            Self::Numbers(_) => &[],
        }
    }

    /// The kind of learning problem.
    pub fn learning(&self) -> Learning {
        match self {
            Self::Classes { classes, .. } if classes.len() == 2 => Learning::Binary,
            Self::Classes { .. } => Learning::Multiclass,
            Self::Numbers(_) => Learning::Regression,
        }
    }
}

/// The classes of a category column: the labels that occur, sorted, and one index
/// into them per row. `codes` are indices into `labels`, or [`Target::MISSING`].
pub(crate) fn category_classes(mut codes: Vec<u32>, labels: &[String]) -> (Vec<String>, Vec<u32>) {
    let mut occurs = vec![false; labels.len()];
    let is_label = |code: &u32| *code != Target::MISSING;
    let present = codes.iter().copied().filter(is_label);
    present.for_each(|code| occurs[code as usize] = true);
    let mut ranks = vec![0; labels.len()];
    let mut classes = Vec::new();
    for label in sort_order(labels)
        .into_iter()
        .filter(|&label| occurs[label])
    {
        ranks[label] = classes.len() as u32;
        classes.push(labels[label].clone());
    }
    for code in codes.iter_mut().filter(|code| is_label(code)) {
        *code = ranks[*code as usize];
    }
    (classes, codes)
}
