//! [`Target`]: a column to predict, as classes or as numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Learning;
use crate::labels::sort_order;

/// A decoded target column, without missing values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Two or more classes.
    Classes {
        /// The labels, sorted as numbers if all of them are numbers, else as text.
        classes: Vec<String>,
        /// The class of every row of the table, as an index into `classes`.
        codes: Vec<u32>,
    },
    /// One number per row of the table.
    Numbers(Vec<f64>),
}

impl Target {
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
/// into them per row. `codes` are indices into `labels`.
pub(crate) fn category_classes(mut codes: Vec<u32>, labels: &[String]) -> (Vec<String>, Vec<u32>) {
    let mut occurs = vec![false; labels.len()];
    codes.iter().for_each(|&code| occurs[code as usize] = true);
    let mut ranks = vec![0; labels.len()];
    let mut classes = Vec::new();
    for label in sort_order(labels)
        .into_iter()
        .filter(|&label| occurs[label])
    {
        ranks[label] = classes.len() as u32;
        classes.push(labels[label].clone());
    }
    codes
        .iter_mut()
        .for_each(|code| *code = ranks[*code as usize]);
    (classes, codes)
}

/// The classes of a column of integers.
pub(crate) fn integer_classes(numbers: &[f64]) -> (Vec<String>, Vec<u32>) {
    // Adding zero turns -0 into 0. Integers below 2^63 are keyed exactly; the
    // conversion saturates for greater ones.
    let key = |number: f64| (number + 0.0) as i64;
    let mut ranks = BTreeMap::new();
    let mut last = None;
    for &number in numbers {
        // Neighbouring rows are often of one class.
        if last != Some(key(number)) {
            last = Some(key(number));
            ranks.insert(key(number), 0);
        }
    }
    for (rank, slot) in (0u32..).zip(ranks.values_mut()) {
        *slot = rank;
    }
    let (mut last, mut code) = (None, 0);
    let codes = numbers.iter().map(|&number| {
        if last != Some(key(number)) {
            last = Some(key(number));
            code = ranks[&key(number)];
        }
        code
    });
    let codes = codes.collect();
    (ranks.keys().map(i64::to_string).collect(), codes)
}
