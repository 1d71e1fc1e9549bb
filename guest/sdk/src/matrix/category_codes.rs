//! [`CategoryCodes`]: the categories of the rows of a column.

use serde::{Deserialize, Serialize};

use super::{CategoryColumn, Codes};

/// One code per row, in the narrowest type; [`CategoryColumn::MISSING`] is missing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CategoryCodes {
    codes: Codes,
    /// The stored code of a missing category: one above the others.
    missing: u32,
}

impl From<Vec<u32>> for CategoryCodes {
    fn from(codes: Vec<u32>) -> Self {
        let known = codes
            .iter()
            .filter(|code| **code != CategoryColumn::MISSING);
        let missing = known.max().map_or(0, |greatest| greatest + 1);
        // A missing category has the greatest code of all.
        let stored = codes.iter().map(|&code| code.min(missing));
        Self {
            codes: Codes::new(missing as usize + 1, stored),
            missing,
        }
    }
}

impl FromIterator<u32> for CategoryCodes {
    fn from_iter<I: IntoIterator<Item = u32>>(codes: I) -> Self {
        codes.into_iter().collect::<Vec<u32>>().into()
    }
}

impl PartialEq for CategoryCodes {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl CategoryCodes {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The code of a row.
    pub fn get(&self, row: usize) -> u32 {
        match self.codes.get(row) {
            code if code == self.missing => CategoryColumn::MISSING,
            code => code,
        }
    }

    /// The codes of all rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The codes of some rows, in their order.
    #[must_use]
    pub fn of_rows(&self, rows: &[u32]) -> Self {
        Self {
            codes: self.codes.take(rows),
            missing: self.missing,
        }
    }

    /// The address of the codes, and their bytes.
    pub(crate) fn memory(&self) -> (usize, usize) {
        self.codes.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_kept_in_few_bytes() {
        for (greatest, bytes) in [(0, 1), (254, 1), (255, 2), (65_534, 2), (65_535, 4)] {
            let codes = vec![greatest, CategoryColumn::MISSING, 0];
            let kept = CategoryCodes::from(codes.clone());
            assert_eq!(kept.iter().collect::<Vec<_>>(), codes);
            assert_eq!(kept.memory().1, 3 * bytes);
            let rows = kept.of_rows(&[1, 0]);
            assert_eq!(rows, vec![CategoryColumn::MISSING, greatest].into());
        }
        assert!(CategoryCodes::from(vec![]).is_empty());
    }
}
