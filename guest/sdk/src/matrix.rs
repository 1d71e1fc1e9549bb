//! [`Matrix`]: the design matrix of a pipeline, rows × named columns.
//!
//! A matrix is a list of blocks: [`Block::Number`] is one column of numbers (NaN
//! is missing; whole numbers are kept as codes, see [`Numbers`]),
//! [`Block::Category`] one column of categories that is not encoded
//! yet, and [`Block::Coded`] a one-hot encoded category: one code a row for any
//! number of columns. Blocks are shared between matrices, so that a step that
//! passes a column on copies nothing, and no operation makes a dense copy of a
//! coded block.
//!
//! # For estimators
//!
//! Columns are numbered from 0 in the order of [`Matrix::names`]. Every operation
//! takes `rows`, a list of row indices (in any order, repetitions allowed), and
//! its vectors have one entry per entry of `rows`. An estimator that passes over
//! its training rows often should take them out once with [`Matrix::take`] and
//! number them `0..rows()` ([`Matrix::all_rows`]); consecutive rows are read as
//! slices.
//!
//! | operation | function |
//! | --- | --- |
//! | `X b + intercept` | [`Matrix::multiply`], [`Matrix::multiply_add`], [`Matrix::multiply_add_many`] |
//! | `Xᵀ r` | [`Matrix::transposed_multiply`], [`Matrix::transposed_multiply_many`] |
//! | both of these of all rows, many times | [`Joined`] |
//! | `(X - s)ᵀ W (X - s)`, `(X - s)ᵀ W Y` | [`Matrix::gram`], [`Matrix::centred_gram`] |
//! | weighted means and variances | [`Matrix::moments`] |
//! | squared norms of rows | [`Matrix::squared_norms`] |
//! | rows as a dense buffer, for kernels and distances | [`Matrix::gather`] |
//! | one column, for coordinate descent | [`ColumnIndex`] |
//! | one column as numbers | [`Matrix::column`] |
//!
//! These panic if the matrix has a [`Block::Category`]; call
//! [`Matrix::check_numbers`] first (an adapter of `DenseTrainer` does). NaN is
//! carried through, except where a function says that it skips it.
//!
//! Sums over rows are taken over blocks of [`CHUNK`] entries of `rows` in a fixed
//! order of additions, which depends on neither the memory layout nor the
//! processor: the same arguments give the same bits natively and in WebAssembly.

use serde::{Deserialize, Serialize};

use crate::Fault;

pub use category_codes::CategoryCodes;
pub use coded::{CodedBlock, CodedColumn, Codes};
pub use gram::{CentredGram, Gram};
pub use index::{ColumnIndex, ColumnRef};
pub use joined::Joined;
pub use moments::Moments;
pub use numbers::Numbers;
pub use product::{dot, sum};
pub use shared::Shared;

mod category_codes;
mod chunk;
mod coded;
mod gram;
mod index;
mod joined;
mod moments;
mod numbers;
mod pair;
mod product;
mod shared;
#[cfg(test)]
mod tests;

/// The number of entries of a list of rows that are summed at a time.
pub const CHUNK: usize = 256;

/// Rows × named columns, as blocks. See the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Matrix {
    rows: usize,
    blocks: Vec<Block>,
}

/// One or more neighbouring columns of a [`Matrix`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Block {
    /// One column of numbers; NaN is missing.
    Number(NumberColumn),
    /// One column of categories that is not encoded.
    Category(CategoryColumn),
    /// The columns of a one-hot encoded category.
    Coded(CodedBlock),
}

/// A column of numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NumberColumn {
    /// The column's name.
    pub name: String,
    /// One number per row; NaN is missing.
    pub values: Numbers,
}

/// A column of categories.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CategoryColumn {
    /// The column's name.
    pub name: String,
    /// The labels, sorted as those of [`crate::Feature`]. Some may occur in no
    /// row.
    pub labels: Shared<Vec<String>>,
    /// One index into `labels` per row; [`Self::MISSING`] is missing.
    pub codes: CategoryCodes,
}

impl CategoryColumn {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;

    /// How often each label occurs in `rows`, and how many of these are missing.
    pub(crate) fn counts(&self, rows: &[u32]) -> (Vec<usize>, usize) {
        let mut counts = vec![0; self.labels.len()];
        let mut missing = 0;
        for &row in rows {
            match self.codes.get(row as usize) {
                Self::MISSING => missing += 1,
                code => counts[code as usize] += 1,
            }
        }
        (counts, missing)
    }
}

/// The place of a column: its block, and its number within the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) block: usize,
    pub(crate) column: usize,
}

impl Block {
    /// The number of columns.
    pub fn columns(&self) -> usize {
        match self {
            Self::Number(_) | Self::Category(_) => 1,
            Self::Coded(block) => block.columns().len(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Self::Number(column) => column.values.len(),
            Self::Category(column) => column.codes.len(),
            Self::Coded(block) => block.codes().len(),
        }
    }

    /// A column of numbers.
    pub fn number(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self::numbers(name, values.into())
    }

    /// A column of numbers in any form.
    pub fn numbers(name: impl Into<String>, values: Numbers) -> Self {
        Self::Number(NumberColumn {
            name: name.into(),
            values,
        })
    }

    /// The name of column `column` of the block.
    pub fn name(&self, column: usize) -> &str {
        match self {
            Self::Number(number) => &number.name,
            Self::Category(category) => &category.name,
            Self::Coded(block) => &block.columns()[column].name,
        }
    }

    /// The names of the columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        (0..self.columns()).map(|column| self.name(column))
    }

    /// The rows of the block in the order of a list.
    pub(crate) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::Number(column) => Self::number(&column.name, column.values.of_rows(rows)),
            Self::Category(column) => Self::Category(CategoryColumn {
                name: column.name.clone(),
                labels: column.labels.clone(),
                codes: column.codes.of_rows(rows),
            }),
            Self::Coded(block) => Self::Coded(block.take(rows)),
        }
    }
}

impl Matrix {
    /// A matrix of blocks of `rows` rows each.
    ///
    /// # Panics
    /// If a block has another number of rows.
    pub fn new(rows: usize, blocks: Vec<Block>) -> Self {
        assert!(
            blocks.iter().all(|block| block.rows() == rows),
            "every block of a matrix has its {rows} rows"
        );
        Self { rows, blocks }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The indices of all rows.
    pub fn all_rows(&self) -> Vec<u32> {
        (0..self.rows as u32).collect()
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.blocks.iter().map(Block::columns).sum()
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.blocks.iter().flat_map(Block::names)
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The bytes that the columns take. What is shared with other matrices, or
    /// by two blocks of this one, counts each time.
    pub fn bytes(&self) -> usize {
        let bytes = self.blocks.iter().map(|block| match block {
            Block::Number(column) => column.values.memory().1,
            Block::Category(column) => column.codes.memory().1,
            Block::Coded(block) => block.codes().memory().1,
        });
        bytes.sum()
    }

    /// The name of the first column of categories that is not encoded.
    pub fn first_category(&self) -> Option<&str> {
        self.blocks.iter().find_map(|block| match block {
            Block::Category(column) => Some(column.name.as_str()),
            _ => None,
        })
    }

    /// The name of the first column of numbers that is missing in one of `rows`,
    /// and that row.
    pub fn first_missing(&self, rows: &[u32]) -> Option<(&str, u32)> {
        self.first_of(rows, f64::is_nan)
    }

    /// The name of the first column of numbers that is infinite in one of `rows`,
    /// and that row.
    pub fn first_infinite(&self, rows: &[u32]) -> Option<(&str, u32)> {
        self.first_of(rows, f64::is_infinite)
    }

    /// Whether all numbers of all rows are finite.
    pub(crate) fn is_finite(&self) -> bool {
        self.blocks.iter().all(|block| match block {
            Block::Number(column) => column.values.are_finite(),
            _ => true,
        })
    }

    /// The name of the first column with such a number in one of `rows`, and that
    /// row.
    fn first_of(&self, rows: &[u32], is_such: fn(f64) -> bool) -> Option<(&str, u32)> {
        self.blocks.iter().find_map(|block| match block {
            Block::Number(column) => rows
                .iter()
                .find(|&&row| is_such(column.values.get(row as usize)))
                .map(|&row| (column.name.as_str(), row)),
            _ => None,
        })
    }

    /// Checks that an estimator of numbers can take the columns: that there is one,
    /// and all categories are encoded. `who` is the estimator's name.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] that names the column and the step to add.
    pub(crate) fn check_columns(&self, who: &str) -> Result<(), Fault> {
        if self.columns() == 0 {
            return Err(Fault::InvalidDataset(format!(
                "`{who}` has no column to learn from: the steps before it leave none"
            )));
        }
        if let Some(name) = self.first_category() {
            return Err(Fault::InvalidDataset(format!(
                "`{who}` takes numbers, but column `{name}` is a category; add the step \
                 `one_hot_encoder` (or `ordinal_encoder`, `target_encoder`)"
            )));
        }
        Ok(())
    }

    /// Checks that an estimator of numbers can take the matrix: that there is a
    /// column, all categories are encoded, and no number of `rows` is missing or
    /// infinite.
    /// `who` is the estimator's name.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] that names the column and the step to add.
    pub fn check_numbers(&self, who: &str, rows: &[u32]) -> Result<(), Fault> {
        self.check_columns(who)?;
        if self.is_finite() {
            return Ok(());
        }
        if let Some((name, row)) = self.first_missing(rows) {
            return Err(Fault::InvalidDataset(format!(
                "`{who}` takes no missing values, but column `{name}` is missing in row {row} \
                 (counted from 0); add the step `simple_imputer`"
            )));
        }
        if let Some((name, row)) = self.first_infinite(rows) {
            return Err(Fault::InvalidDataset(format!(
                "`{who}` takes no infinite numbers, but column `{name}` is infinite in row {row} \
                 (counted from 0)"
            )));
        }
        Ok(())
    }

    /// The rows of a list, as a matrix of their own: row `i` of it is row
    /// `rows[i]` of this one. Copies a number per row and column of numbers, and a
    /// code per row and coded block.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        Self {
            rows: rows.len(),
            blocks: self.blocks.iter().map(|block| block.take(rows)).collect(),
        }
    }

    /// The columns of a list, in its order. Copies no values: neighbouring columns
    /// of a coded block stay one block.
    ///
    /// # Panics
    /// If there is no such column.
    #[must_use]
    pub fn select(&self, columns: &[usize]) -> Self {
        let places = self.places();
        let mut blocks = Vec::new();
        let mut at = 0;
        while at < columns.len() {
            let Place { block, column } = places[columns[at]];
            let Block::Coded(coded) = &self.blocks[block] else {
                blocks.push(self.blocks[block].clone());
                at += 1;
                continue;
            };
            let mut kept = vec![column];
            while let Some(place) = columns.get(at + kept.len()).map(|&next| places[next])
                && place.block == block
                && !kept.contains(&place.column)
            {
                kept.push(place.column);
            }
            at += kept.len();
            blocks.push(Block::Coded(coded.select(&kept)));
        }
        Self {
            rows: self.rows,
            blocks,
        }
    }

    /// The columns of this matrix, and after them those of `other`, which has as
    /// many rows.
    ///
    /// # Panics
    /// If the numbers of rows differ.
    #[must_use]
    pub fn beside(mut self, other: Self) -> Self {
        assert_eq!(self.rows, other.rows, "both matrices have the same rows");
        self.blocks.extend(other.blocks);
        self
    }

    /// The values of column `column` in `rows`; a column of categories gives its
    /// codes, NaN if missing.
    pub fn column(&self, column: usize, rows: &[u32]) -> Vec<f64> {
        let Place { block, column } = self.place(column);
        self.blocks[block].values(column, rows)
    }

    /// The same columns under other names.
    #[must_use]
    pub fn renamed(mut self, mut rename: impl FnMut(&str) -> String) -> Self {
        for block in &mut self.blocks {
            match block {
                Block::Number(column) => column.name = rename(&column.name),
                Block::Category(column) => column.name = rename(&column.name),
                Block::Coded(block) => block.rename(&mut rename),
            }
        }
        self
    }

    /// The block and the column within it, by column.
    pub(crate) fn places(&self) -> Vec<Place> {
        let blocks = self.blocks.iter().enumerate();
        blocks
            .flat_map(|(block, of)| (0..of.columns()).map(move |column| Place { block, column }))
            .collect()
    }

    /// The place of one column.
    fn place(&self, mut column: usize) -> Place {
        for (block, of) in self.blocks.iter().enumerate() {
            if column < of.columns() {
                return Place { block, column };
            }
            column -= of.columns();
        }
        panic!("the matrix has no column {column} after its last block");
    }

    /// The blocks with the number of the first column of each.
    fn numbered(&self) -> impl Iterator<Item = (usize, &Block)> {
        self.blocks.iter().scan(0, |next, block| {
            let first = *next;
            *next += block.columns();
            Some((first, block))
        })
    }
}

impl Block {
    /// The values of one column of the block in `rows`, as [`Matrix::column`].
    pub(crate) fn values(&self, column: usize, rows: &[u32]) -> Vec<f64> {
        match self {
            Self::Number(number) => number.values.of_rows(rows),
            Self::Category(category) => rows
                .iter()
                .map(|&row| match category.codes.get(row as usize) {
                    CategoryColumn::MISSING => f64::NAN,
                    code => f64::from(code),
                })
                .collect(),
            Self::Coded(block) => block.values(column, rows),
        }
    }
}

/// The panic of an operation on numbers for a matrix with categories.
fn not_encoded(column: &CategoryColumn) -> ! {
    panic!(
        "column `{}` is a category: `Matrix::check_numbers` is called before numbers are read",
        column.name
    )
}
