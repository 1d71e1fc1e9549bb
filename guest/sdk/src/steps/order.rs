//! [`Ordered`]: the values of a column in order, for medians and quantiles.

use crate::Matrix;
use crate::matrix::{Block, Place};

/// The values of a column in some rows, ascending, without missing ones.
#[derive(Debug)]
pub(super) enum Ordered {
    /// Those of a column of numbers.
    Values(Vec<f64>),
    /// Those of a coded column: a value and how often it occurs, twice.
    Two([(f64, usize); 2]),
}

impl Ordered {
    /// The values of column `place` of a matrix.
    pub(super) fn new(matrix: &Matrix, place: Place, rows: &[u32]) -> Self {
        match &matrix.blocks()[place.block] {
            Block::Coded(block) => {
                let mut inside = 0;
                for &row in rows {
                    let level = block.codes().get(row as usize);
                    inside += usize::from(block.column_of()[level as usize] == place.column as u32);
                }
                let column = &block.columns()[place.column];
                let mut values = [
                    (column.offset, rows.len() - inside),
                    (column.offset + column.scale, inside),
                ];
                values.sort_by(|a, b| a.0.total_cmp(&b.0));
                Self::Two(values)
            }
            block => {
                let mut values = block.values(place.column, rows);
                values.retain(|value| !value.is_nan());
                values.sort_unstable_by(f64::total_cmp);
                Self::Values(values)
            }
        }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Values(values) => values.len(),
            Self::Two([low, high]) => low.1 + high.1,
        }
    }

    /// The value of a rank, from 0.
    pub(super) fn get(&self, rank: usize) -> f64 {
        match self {
            Self::Values(values) => values[rank],
            Self::Two([low, high]) => {
                if rank < low.1 {
                    low.0
                } else {
                    high.0
                }
            }
        }
    }

    /// The least value; NaN if there is none.
    pub(super) fn min(&self) -> f64 {
        if self.len() == 0 {
            return f64::NAN;
        }
        self.get(0)
    }

    /// The greatest value; NaN if there is none.
    pub(super) fn max(&self) -> f64 {
        match self.len() {
            0 => f64::NAN,
            len => self.get(len - 1),
        }
    }

    /// The median: the mean of the two middle values. NaN if there is no value.
    pub(super) fn median(&self) -> f64 {
        match self.len() {
            0 => f64::NAN,
            len if len % 2 == 1 => self.get(len / 2),
            len => (self.get(len / 2 - 1) + self.get(len / 2)) / 2.0,
        }
    }

    /// The quantile of `share`, 0 to 1, as NumPy's method `linear` interpolates
    /// it. NaN if there is no value.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let len = self.len();
        if len == 0 {
            return f64::NAN;
        }
        let place = (len - 1) as f64 * share;
        let below = place.floor();
        let (a, b) = (
            self.get(below as usize),
            self.get((below as usize + 1).min(len - 1)),
        );
        let (weight, step) = (place - below, b - a);
        // As NumPy's `_lerp`: exact at both ends.
        if weight >= 0.5 {
            b - step * (1.0 - weight)
        } else {
            a + step * weight
        }
    }

    /// The different values, ascending, and how often each occurs.
    pub(super) fn counted(&self) -> Vec<(f64, f64)> {
        match self {
            Self::Values(values) => {
                let groups = values.chunk_by(|a, b| a == b);
                groups.map(|group| (group[0], group.len() as f64)).collect()
            }
            Self::Two(values) => {
                let occurring = values.iter().filter(|(_, count)| *count > 0);
                occurring
                    .map(|&(value, count)| (value, count as f64))
                    .collect()
            }
        }
    }
}
