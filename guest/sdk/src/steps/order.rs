//! [`Ordered`]: the values of a column in order, for medians and quantiles.

use crate::Matrix;
use crate::matrix::{Block, CodedBlock};
use crate::sort::sort_numbers;

/// The values of a column in some rows, ascending, without missing ones.
#[derive(Debug)]
pub(super) enum Ordered {
    /// Those of a column of numbers.
    Values(Vec<f64>),
    /// Those of a coded column: a value and how often it occurs, twice.
    Two([(f64, usize); 2]),
}

/// The least and the greatest value of each column of a matrix of numbers in some
/// rows, NaN for a column that is missing in all of them.
pub(super) fn extremes<'a>(
    matrix: &'a Matrix,
    rows: &'a [u32],
) -> impl Iterator<Item = (f64, f64)> + 'a {
    matrix.blocks().iter().flat_map(|block| match block {
        Block::Number(column) => {
            let values = rows.iter().map(|&row| column.values.get(row as usize));
            // `min` and `max` skip NaN.
            vec![
                values.fold((f64::NAN, f64::NAN), |(least, greatest), value| {
                    (least.min(value), greatest.max(value))
                }),
            ]
        }
        block => {
            let columns = Ordered::of_block(block, rows).into_iter();
            columns.map(|values| (values.min(), values.max())).collect()
        }
    })
}

impl Ordered {
    /// The values of each column of a matrix of numbers.
    pub(super) fn columns<'a>(
        matrix: &'a Matrix,
        rows: &'a [u32],
    ) -> impl Iterator<Item = Self> + 'a {
        matrix
            .blocks()
            .iter()
            .flat_map(|block| Self::of_block(block, rows))
    }

    /// The values of each column of a block of numbers.
    pub(super) fn of_block(block: &Block, rows: &[u32]) -> Vec<Self> {
        let Block::Coded(coded) = block else {
            let mut values = block.values(0, rows);
            values.retain(|value| !value.is_nan());
            sort_numbers(&mut values);
            return vec![Self::Values(values)];
        };
        let mut by_level = vec![0; coded.column_of().len()];
        for &row in rows {
            by_level[coded.codes().get(row as usize) as usize] += 1;
        }
        let mut inside = vec![0; coded.columns().len()];
        for (&column, count) in coded.column_of().iter().zip(by_level) {
            if column != CodedBlock::NONE {
                inside[column as usize] += count;
            }
        }
        let columns = coded.columns().iter().zip(inside);
        let columns = columns.map(|(column, inside)| {
            let mut values = [
                (column.offset, rows.len() - inside),
                (column.offset + column.scale, inside),
            ];
            values.sort_by(|a, b| a.0.total_cmp(&b.0));
            Self::Two(values)
        });
        columns.collect()
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
