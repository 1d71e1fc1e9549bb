//! [`CodedBlock`]: the columns of a one-hot encoded category, as one code a row.

use serde::{Deserialize, Serialize};

use super::chunk::is_consecutive;
use super::{CHUNK, Shared};

/// One code per row, in the narrowest type that holds the number of levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Codes {
    /// At most 256 levels.
    U8(Shared<Vec<u8>>),
    /// At most 65,536 levels.
    U16(Shared<Vec<u16>>),
    /// More levels.
    U32(Shared<Vec<u32>>),
}

/// Calls `$body` with `$codes` as the vector of any of the types.
macro_rules! with_codes {
    ($of:expr, $codes:ident => $body:expr) => {
        match $of {
            $crate::matrix::coded::Codes::U8($codes) => $body,
            $crate::matrix::coded::Codes::U16($codes) => $body,
            $crate::matrix::coded::Codes::U32($codes) => $body,
        }
    };
}
pub(super) use with_codes;

impl Codes {
    /// Codes below `levels`.
    ///
    /// # Panics
    /// If a code is `levels` or more.
    pub fn new(levels: usize, codes: impl ExactSizeIterator<Item = u32>) -> Self {
        let codes = codes.inspect(|&code| {
            assert!((code as usize) < levels, "code {code} of {levels} levels");
        });
        if levels <= 1 << 8 {
            Self::U8(Shared::new(codes.map(|code| code as u8).collect()))
        } else if levels <= 1 << 16 {
            Self::U16(Shared::new(codes.map(|code| code as u16).collect()))
        } else {
            Self::U32(Shared::new(codes.collect()))
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        with_codes!(self, codes => codes.len())
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The code of a row.
    pub fn get(&self, row: usize) -> u32 {
        with_codes!(self, codes => usize::from_code(codes[row]) as u32)
    }

    /// The entries of a table, by level, of some rows.
    pub(super) fn look_up(&self, rows: &[u32], table: &[f64]) -> Vec<f64> {
        with_codes!(self, codes => {
            let entry = |&row: &u32| table[usize::from_code(codes[row as usize])];
            rows.iter().map(entry).collect()
        })
    }

    /// The address of the codes, and their bytes.
    pub(crate) fn memory(&self) -> (usize, usize) {
        with_codes!(self, codes => (codes.as_ptr().addr(), size_of_val(codes.as_slice())))
    }

    pub(super) fn take(&self, rows: &[u32]) -> Self {
        match self {
            Self::U8(codes) => Self::U8(Shared::new(
                rows.iter().map(|&row| codes[row as usize]).collect(),
            )),
            Self::U16(codes) => Self::U16(Shared::new(
                rows.iter().map(|&row| codes[row as usize]).collect(),
            )),
            Self::U32(codes) => Self::U32(Shared::new(
                rows.iter().map(|&row| codes[row as usize]).collect(),
            )),
        }
    }
}

/// One column of a [`CodedBlock`]: it is `offset + scale` in the rows of its
/// levels, and `offset` in all others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodedColumn {
    /// The column's name.
    pub name: String,
    /// The value in the rows of other levels: 0 unless the column was scaled.
    pub offset: f64,
    /// What is added in the rows of the column's levels: 1 unless the column was
    /// scaled.
    pub scale: f64,
}

/// The columns of a one-hot encoded category: each row has one level, and each
/// level belongs to one column or to none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CodedBlock {
    codes: Codes,
    /// By level.
    column_of: Shared<Vec<u32>>,
    columns: Vec<CodedColumn>,
}

impl CodedBlock {
    /// The column of a level that has none: it was dropped, or is unknown.
    pub const NONE: u32 = u32::MAX;

    /// A block of `codes`. `column_of` has, by level, the index of its column, or
    /// [`Self::NONE`].
    ///
    /// # Panics
    /// If `column_of` names a column that there is not. A code without an entry
    /// in `column_of` panics when it is used.
    pub fn new(codes: Codes, column_of: Vec<u32>, columns: Vec<CodedColumn>) -> Self {
        assert!(
            column_of
                .iter()
                .all(|&column| column == Self::NONE || (column as usize) < columns.len()),
            "levels belong to columns of the block"
        );
        Self {
            codes,
            column_of: Shared::new(column_of),
            columns,
        }
    }

    /// The level of each row.
    pub fn codes(&self) -> &Codes {
        &self.codes
    }

    /// The columns.
    pub fn columns(&self) -> &[CodedColumn] {
        &self.columns
    }

    /// By level: the index of its column, or [`Self::NONE`].
    pub fn column_of(&self) -> &[u32] {
        &self.column_of
    }

    /// The same rows with other offsets and scales: `map` gets the index of a
    /// column and the column's value outside and inside of its levels, and returns
    /// the new ones. Codes are shared.
    #[must_use]
    pub fn map(&self, mut map: impl FnMut(usize, f64, f64) -> (f64, f64)) -> Self {
        let columns = self.columns.iter().enumerate().map(|(index, column)| {
            let (outside, inside) = map(index, column.offset, column.offset + column.scale);
            CodedColumn {
                name: column.name.clone(),
                offset: outside,
                scale: inside - outside,
            }
        });
        Self {
            codes: self.codes.clone(),
            column_of: self.column_of.clone(),
            columns: columns.collect(),
        }
    }

    /// The columns of a list without repetitions, in its order. Codes are shared.
    pub(super) fn select(&self, kept: &[usize]) -> Self {
        let mut renumbered = vec![Self::NONE; self.columns.len()];
        for (new, &old) in (0u32..).zip(kept) {
            renumbered[old] = new;
        }
        let column_of = self.column_of.iter().map(|&column| match column {
            Self::NONE => Self::NONE,
            column => renumbered[column as usize],
        });
        Self {
            codes: self.codes.clone(),
            column_of: Shared::new(column_of.collect()),
            columns: kept.iter().map(|&old| self.columns[old].clone()).collect(),
        }
    }

    pub(super) fn take(&self, rows: &[u32]) -> Self {
        Self {
            codes: self.codes.take(rows),
            column_of: self.column_of.clone(),
            columns: self.columns.clone(),
        }
    }

    pub(super) fn rename(&mut self, rename: &mut impl FnMut(&str) -> String) {
        for column in &mut self.columns {
            column.name = rename(&column.name);
        }
    }

    /// The values of one column in `rows`.
    pub(super) fn values(&self, column: usize, rows: &[u32]) -> Vec<f64> {
        let CodedColumn { offset, scale, .. } = self.columns[column];
        let by_level: Vec<f64> = self
            .column_of
            .iter()
            .map(|&of| {
                if of as usize == column {
                    offset + scale
                } else {
                    offset
                }
            })
            .collect();
        self.codes.look_up(rows, &by_level)
    }

    /// The index of the column of each of `rows`, `none` for no column.
    pub(super) fn slots(&self, rows: &[u32], none: u32, out: &mut [u32; CHUNK]) {
        let column_of = self.column_of.as_slice();
        let consecutive = is_consecutive(rows);
        with_codes!(&self.codes, codes => {
            if consecutive && let Some(&first) = rows.first() {
                let codes = &codes[first as usize..][..rows.len()];
                for (slot, &code) in out.iter_mut().zip(codes) {
                    *slot = column_of[usize::from_code(code)].min(none);
                }
            } else {
                for (slot, &row) in out.iter_mut().zip(rows) {
                    *slot = column_of[usize::from_code(codes[row as usize])].min(none);
                }
            }
        });
    }
}

/// A code as an index.
pub(super) trait FromCode<C> {
    /// The index.
    fn from_code(code: C) -> Self;
}

impl FromCode<u8> for usize {
    fn from_code(code: u8) -> Self {
        code.into()
    }
}

impl FromCode<u16> for usize {
    fn from_code(code: u16) -> Self {
        code.into()
    }
}

impl FromCode<u32> for usize {
    fn from_code(code: u32) -> Self {
        code as Self
    }
}
