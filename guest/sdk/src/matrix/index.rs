//! [`ColumnIndex`]: the columns of a [`Matrix`] one by one, for coordinate
//! descent.

use std::borrow::Cow;

use super::product::dot;
use super::{Block, CodedBlock, Matrix, not_encoded};

/// The columns of all rows of a matrix, one by one. It borrows columns of numbers
/// and lists the rows of each coded column: 4 bytes per row and coded block.
#[derive(Debug)]
pub struct ColumnIndex<'a> {
    columns: Vec<Entry<'a>>,
    /// By coded block: its rows, grouped by column.
    lists: Vec<Vec<u32>>,
}

#[derive(Debug)]
enum Entry<'a> {
    Number(Cow<'a, [f64]>),
    Coded {
        offset: f64,
        scale: f64,
        list: usize,
        range: std::ops::Range<usize>,
    },
}

/// One column of a [`ColumnIndex`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ColumnRef<'a> {
    /// One number per row.
    Number(&'a [f64]),
    /// `offset + scale` in some rows, `offset` in all others.
    Coded {
        /// The value in the other rows.
        offset: f64,
        /// What is added in the rows of the list.
        scale: f64,
        /// The rows, ascending.
        rows: &'a [u32],
    },
}

impl<'a> ColumnIndex<'a> {
    /// The columns of all rows of `matrix`: take the training rows out first
    /// ([`Matrix::take`]).
    ///
    /// # Panics
    /// If a column is a category.
    pub fn new(matrix: &'a Matrix) -> Self {
        let (mut columns, mut lists) = (Vec::new(), Vec::new());
        for block in matrix.blocks() {
            match block {
                Block::Number(column) => columns.push(Entry::Number(
                    column
                        .values
                        .as_slice()
                        .map_or_else(|| Cow::Owned(column.values.to_vec()), Cow::Borrowed),
                )),
                Block::Category(column) => not_encoded(column),
                Block::Coded(block) => {
                    let (starts, list) = grouped(block);
                    let entries = block.columns().iter().enumerate();
                    columns.extend(entries.map(|(index, column)| Entry::Coded {
                        offset: column.offset,
                        scale: column.scale,
                        list: lists.len(),
                        range: starts[index]..starts[index + 1],
                    }));
                    lists.push(list);
                }
            }
        }
        Self { columns, lists }
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Whether there is no column.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// Column `column`.
    pub fn get(&self, column: usize) -> ColumnRef<'_> {
        match &self.columns[column] {
            Entry::Number(values) => ColumnRef::Number(values),
            Entry::Coded {
                offset,
                scale,
                list,
                range,
            } => ColumnRef::Coded {
                offset: *offset,
                scale: *scale,
                rows: &self.lists[*list][range.clone()],
            },
        }
    }
}

impl ColumnRef<'_> {
    /// The inner product with `vector`, of one entry per row, whose sum is `sum`.
    pub fn dot(&self, vector: &[f64], sum: f64) -> f64 {
        match self {
            Self::Number(values) => dot(values, vector),
            Self::Coded {
                offset,
                scale,
                rows,
            } => {
                let within: f64 = rows.iter().map(|&row| vector[row as usize]).sum();
                offset * sum + scale * within
            }
        }
    }

    /// Adds `step` times the column to `vector`, except for a constant that is
    /// returned: it is still to be added to every entry. It is 0 for a column of
    /// numbers. The caller can keep it as a sum, since an intercept takes it up.
    #[must_use]
    pub fn add_to(&self, step: f64, vector: &mut [f64]) -> f64 {
        match self {
            Self::Number(values) => {
                for (cell, value) in vector.iter_mut().zip(*values) {
                    *cell += step * value;
                }
                0.0
            }
            Self::Coded {
                offset,
                scale,
                rows,
            } => {
                let added = step * scale;
                for &row in *rows {
                    vector[row as usize] += added;
                }
                step * offset
            }
        }
    }

    /// The sum of the squares, weighted by `weights`, whose sum is `total`.
    pub fn weighted_squares(&self, weights: &[f64], total: f64) -> f64 {
        match self {
            Self::Number(values) => {
                let squares = values.iter().zip(weights);
                squares.map(|(value, weight)| weight * value * value).sum()
            }
            Self::Coded {
                offset,
                scale,
                rows,
            } => {
                let within: f64 = rows.iter().map(|&row| weights[row as usize]).sum();
                let inside = offset + scale;
                within * inside * inside + (total - within) * offset * offset
            }
        }
    }
}

/// The rows of a block grouped by column, and where each column's begin.
fn grouped(block: &CodedBlock) -> (Vec<usize>, Vec<u32>) {
    let columns = block.columns().len();
    let column = |row: usize| match block.column_of()[block.codes().get(row) as usize] {
        CodedBlock::NONE => None,
        column => Some(column as usize),
    };
    let rows = block.codes().len();
    let mut starts = vec![0; columns + 1];
    for column in (0..rows).filter_map(column) {
        starts[column + 1] += 1;
    }
    for column in 0..columns {
        starts[column + 1] += starts[column];
    }
    let mut next = starts.clone();
    let mut list = vec![0; starts[columns]];
    for row in 0..rows {
        if let Some(column) = column(row) {
            list[next[column]] = row as u32;
            next[column] += 1;
        }
    }
    (starts, list)
}
