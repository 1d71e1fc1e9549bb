//! [`Coded`]: a column of values as codes and labels, and [`Ranked`], its values
//! numbered in their order.

use crate::dataset::labels::{LabelSet, ranks};

/// A column that a splitter reads: the target, the groups or the folds.
#[derive(Clone, Copy, Debug)]
pub(in crate::dataset) struct Coded<'a> {
    /// The code of each row's value.
    pub(in crate::dataset) codes: &'a [u32],
    /// The values, by code.
    pub(in crate::dataset) labels: &'a [String],
    /// Whether the values are texts, which have their order even where all of them
    /// are digits.
    pub(in crate::dataset) texts: bool,
}

impl<'a> Coded<'a> {
    /// A column of these codes and values.
    pub(in crate::dataset) fn of(codes: &'a [u32], set: &'a LabelSet) -> Self {
        Self {
            codes,
            labels: &set.labels,
            texts: set.texts,
        }
    }
}

/// The values of some rows, numbered in their order as by `numpy.unique`.
#[derive(Debug)]
pub(super) struct Ranked {
    /// The number of each row's value.
    pub(super) of_rows: Vec<u32>,
    /// The number of rows of each value.
    pub(super) sizes: Vec<usize>,
    /// The code of each value.
    pub(super) codes: Vec<u32>,
}

impl Ranked {
    /// Those of the given rows of a column, in which no value is missing.
    pub(super) fn of(column: Coded<'_>, rows: &[u32]) -> Self {
        let ranks = ranks(column.labels, column.texts);
        let mut sizes = vec![0_usize; ranks.len()];
        let rank = |row: &u32| ranks[column.codes[*row as usize] as usize];
        rows.iter().for_each(|row| sizes[rank(row) as usize] += 1);
        let mut codes = vec![0; ranks.len()];
        for (code, rank) in (0..).zip(&ranks) {
            codes[*rank as usize] = code;
        }
        // Values of other rows alone are left out.
        let mut numbers = vec![0; ranks.len()];
        let mut next = 0;
        for (number, size) in numbers.iter_mut().zip(&sizes) {
            *number = next;
            next += u32::from(*size > 0);
        }
        let of_rows = rows.iter().map(|row| numbers[rank(row) as usize]);
        let of_rows = of_rows.collect();
        let mut kept = sizes.iter().map(|size| *size > 0);
        codes.retain(|_| kept.next().unwrap_or_default());
        sizes.retain(|size| *size > 0);
        Self {
            of_rows,
            sizes,
            codes,
        }
    }

    /// The number of values.
    pub(super) fn count(&self) -> usize {
        self.sizes.len()
    }
}
