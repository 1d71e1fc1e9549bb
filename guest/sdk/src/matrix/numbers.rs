//! [`Numbers`]: the values of a column of numbers.

use serde::{Deserialize, Serialize};

use super::chunk::{Chunk, are_finite, chunk_of_slice, gathered};
use super::coded::{FromCode, with_codes};
use super::{Codes, Shared};

/// Fewer rows than this are not worth a table.
const LEAST_ROWS: usize = 1024;

/// The values of a column of numbers, NaN for a missing one: one number a row, or a
/// code a row and a table of the numbers. A function of such a column takes a new
/// table alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbers(Form);

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Form {
    Plain(Shared<Vec<f64>>),
    Coded(Codes, Shared<Vec<f64>>),
}

impl From<Vec<f64>> for Numbers {
    /// One number a row.
    fn from(values: Vec<f64>) -> Self {
        Self(Form::Plain(Shared::new(values)))
    }
}

impl PartialEq for Numbers {
    /// Whether the rows have equal numbers, however they are kept.
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Numbers {
    /// The values of a column in the narrowest form: codes of one or two bytes a row
    /// where all are whole numbers, or missing, that are less than 65,535 apart.
    pub fn compact(values: Vec<f64>) -> Self {
        match Whole::of(&values) {
            Some(whole) if values.len() >= LEAST_ROWS => Self(whole.coded(&values)),
            _ => values.into(),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Plain(values) => values.len(),
            Form::Coded(codes, _) => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a row.
    pub fn get(&self, row: usize) -> f64 {
        match &self.0 {
            Form::Plain(values) => values[row],
            Form::Coded(codes, table) => table[codes.get(row) as usize],
        }
    }

    /// The numbers of all rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f64> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// The numbers of all rows, if they are kept as such.
    pub fn as_slice(&self) -> Option<&[f64]> {
        match &self.0 {
            Form::Plain(values) => Some(values),
            Form::Coded(..) => None,
        }
    }

    /// Whether one of the rows may have such a number; `false` is certain.
    pub fn may_have(&self, is_such: impl Fn(f64) -> bool) -> bool {
        self.stored().iter().any(|&number| is_such(number))
    }

    /// Whether all numbers are finite; `true` is certain.
    pub(crate) fn are_finite(&self) -> bool {
        are_finite(self.stored())
    }

    /// The numbers that there are, each at least once if a row has it.
    fn stored(&self) -> &[f64] {
        match &self.0 {
            Form::Plain(values) => values,
            Form::Coded(_, table) => table,
        }
    }

    /// A function of each number.
    #[must_use]
    pub fn map(&self, map: impl Fn(f64) -> f64) -> Self {
        let mapped = || self.stored().iter().map(|&number| map(number)).collect();
        Self(match &self.0 {
            Form::Plain(_) => Form::Plain(Shared::new(mapped())),
            Form::Coded(codes, _) => Form::Coded(codes.clone(), Shared::new(mapped())),
        })
    }

    /// The numbers of some rows, in their order.
    pub fn of_rows(&self, rows: &[u32]) -> Vec<f64> {
        match &self.0 {
            Form::Plain(values) => rows.iter().map(|&row| values[row as usize]).collect(),
            Form::Coded(codes, table) => codes.look_up(rows, table),
        }
    }

    /// The numbers of all rows.
    pub fn to_vec(&self) -> Vec<f64> {
        match &self.0 {
            Form::Plain(values) => values.to_vec(),
            Form::Coded(codes, table) => with_codes!(codes, codes => {
                codes.iter().map(|&code| table[usize::from_code(code)]).collect()
            }),
        }
    }

    /// The numbers of `rows`, at most [`super::CHUNK`]: a slice if the rows are
    /// consecutive, fill the chunk and are kept as numbers, else gathered into `buffer`.
    pub(super) fn chunk<'a>(
        &'a self,
        rows: &[u32],
        consecutive: bool,
        buffer: &'a mut Chunk,
    ) -> &'a Chunk {
        match (&self.0, rows.first()) {
            (Form::Plain(values), Some(&first)) if consecutive => {
                chunk_of_slice(&values[first as usize..][..rows.len()], buffer)
            }
            (Form::Plain(values), _) => gathered(rows, buffer, |row| values[row as usize]),
            (Form::Coded(codes, table), _) => with_codes!(codes, codes => {
                gathered(rows, buffer, |row| table[usize::from_code(codes[row as usize])])
            }),
        }
    }

    /// The address of what grows with the rows, and its bytes.
    pub(crate) fn memory(&self) -> (usize, usize) {
        match &self.0 {
            Form::Plain(values) => (values.as_ptr().addr(), size_of_val(values.as_slice())),
            Form::Coded(codes, _) => codes.memory(),
        }
    }
}

/// The range of whole numbers.
struct Whole {
    least: f64,
    /// The number of whole numbers in it.
    span: usize,
}

impl Whole {
    /// The most numbers in a range: with NaN as many as codes of two bytes.
    const MOST: f64 = 65_535.0;

    /// `None` if a number is not whole or the range is too wide, or there is no number.
    fn of(values: &[f64]) -> Option<Self> {
        let mut least = f64::INFINITY;
        let mut greatest = f64::NEG_INFINITY;
        for values in values.chunks(1024) {
            // A number that is not whole, and -0, which a table of sums would not keep.
            let other =
                |value: f64| !value.is_nan() && (value + 0.0).to_bits() != value.trunc().to_bits();
            if values.iter().any(|&value| other(value)) {
                return None;
            }
            // They skip NaN.
            least = values.iter().fold(least, |a, &b| a.min(b));
            greatest = values.iter().fold(greatest, |a, &b| a.max(b));
            if greatest - least >= Self::MOST {
                return None;
            }
        }
        // Not of infinite numbers alone, whose difference is NaN.
        let is_range = least <= greatest && greatest - least < Self::MOST;
        is_range.then(|| Self {
            least,
            span: (greatest - least) as usize + 1,
        })
    }

    /// The place of a number in the range, behind it for a missing one.
    fn place(&self, value: f64) -> usize {
        if value.is_nan() {
            self.span
        } else {
            (value - self.least) as usize
        }
    }

    fn coded(&self, values: &[f64]) -> Form {
        let mut code_of = vec![None; self.span + 1];
        values
            .iter()
            .for_each(|&value| code_of[self.place(value)] = Some(0));
        let mut table = Vec::new();
        for (place, code) in code_of.iter_mut().enumerate() {
            if let Some(code) = code {
                *code = table.len() as u32;
                table.push(if place == self.span {
                    f64::NAN
                } else {
                    self.least + place as f64
                });
            }
        }
        let codes = values.iter().map(|&value| {
            let code = code_of[self.place(value)];
            code.unwrap_or(u32::MAX)
        });
        Form::Coded(Codes::new(table.len(), codes), Shared::new(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{CHUNK, chunk::is_consecutive};

    fn same(a: &[f64], b: &[f64]) {
        let bits = |values: &[f64]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(a), bits(b));
    }

    /// `count` whole numbers from `least` on, over and over, one missing.
    fn whole(least: f64, count: usize) -> Vec<f64> {
        let number = |row: usize| least + (row * 7 % count) as f64;
        let mut values: Vec<f64> = (0..3 * LEAST_ROWS.max(count)).map(number).collect();
        values[5] = f64::NAN;
        values
    }

    #[test]
    fn codes_give_the_bits_of_the_numbers() {
        for (count, bytes) in [(31, 1), (255, 1), (256, 2), (65_535, 2)] {
            let values = whole(-20.0, count);
            let (numbers, plain) = (Numbers::compact(values.clone()), values.clone().into());
            assert_eq!(numbers.memory().1, values.len() * bytes, "{count}");
            assert!(numbers.as_slice().is_none());
            same(&numbers.to_vec(), &values);
            let map = |x: f64| (x - 3.5) / 7.25;
            same(
                &numbers.map(map).to_vec(),
                &Numbers::map(&plain, map).to_vec(),
            );
            assert_eq!(numbers.map(map).memory(), numbers.memory());
            let rows: Vec<u32> = (0..600).map(|at| at * 37 % 1000).collect();
            same(&numbers.of_rows(&rows), &plain.of_rows(&rows));
            let (mut of_codes, mut of_plain) = ([1.0; CHUNK], [2.0; CHUNK]);
            for rows in [&rows[..256], &rows[..100], &[4, 5, 6], &[]] {
                let consecutive = is_consecutive(rows);
                let chunk = numbers.chunk(rows, consecutive, &mut of_codes);
                same(chunk, plain.chunk(rows, consecutive, &mut of_plain));
            }
            assert!(numbers.may_have(f64::is_nan) && !numbers.are_finite());
        }
    }

    #[test]
    fn other_numbers_stay_as_they_are() {
        let with = |odd: f64| {
            let mut values = whole(0.0, 10);
            values[1500] = odd;
            values
        };
        for odd in [0.5, -0.0, 65_536.0, 1e300, f64::INFINITY, f64::NEG_INFINITY] {
            let values = with(odd);
            let numbers = Numbers::compact(values.clone());
            assert!(numbers.as_slice().is_some(), "{odd}");
            same(&numbers.to_vec(), &values);
        }
        assert!(Numbers::compact(vec![f64::NAN; 4096]).as_slice().is_some());
        assert!(Numbers::compact(vec![1.0; 100]).as_slice().is_some());
        assert!(Numbers::compact(with(7.0)).as_slice().is_none());
    }
}
