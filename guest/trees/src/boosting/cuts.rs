//! [`Cuts`]: where numbers are divided that no training row has.

use crate::bins::{Coding, Column};
use crate::boosting::codes::{ByteCodes, CODES};

/// By feature, where a split of its numbers is made. Codes are of all rows of a
/// dataset, so that some have no training row; a split is half-way between the codes of
/// training rows on either side of it, as if these alone had been binned.
#[derive(Debug)]
pub(crate) struct Cuts {
    /// By feature and code: the last code that goes left where this is the last before
    /// a code of a training row. Empty for features without such gaps.
    last_left: Vec<Vec<u8>>,
}

impl Cuts {
    /// For trees that learn from `rows`.
    pub(crate) fn new(codes: &ByteCodes<'_>, rows: &[u32]) -> Self {
        let columns = codes.columns().iter().enumerate();
        let last_left = columns
            .map(|(feature, column)| match column.coding {
                Coding::Number { .. } => cuts_of(column, codes.column(feature), rows),
                Coding::Category { .. } => Vec::new(),
            })
            .collect();
        Self { last_left }
    }

    /// The last code that goes left if all up to `last` do and the next has training
    /// rows.
    pub(crate) fn last_left(&self, feature: usize, last: u8) -> u8 {
        let cuts = &self.last_left[feature];
        cuts.get(usize::from(last)).copied().unwrap_or(last)
    }
}

fn cuts_of(column: &Column, codes: &[u8], rows: &[u32]) -> Vec<u8> {
    let number = column.coding.values();
    let (mut is_present, mut absent) = ([false; CODES], number);
    for &row in rows {
        let code = usize::from(codes[row as usize]);
        if code < number && !is_present[code] {
            is_present[code] = true;
            absent -= 1;
            if absent == 0 {
                return Vec::new();
            }
        }
    }
    let mut cuts: Vec<u8> = (0..=u8::MAX).take(number).collect();
    let present: Vec<u32> = (0..)
        .take(number)
        .filter(|&c| is_present[c as usize])
        .collect();
    for pair in present.windows(2) {
        cuts[pair[1] as usize - 1] = column.last_left(pair[0], Some(pair[1])) as u8;
    }
    cuts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bins::Bins;

    #[test]
    fn a_split_is_half_way_between_numbers_of_training_rows() {
        let mut bins = Bins::new(6);
        let values = [0.0, 1.0, 2.0, 7.0, 10.0, f64::NAN];
        bins.push_numbers("x", &values).expect("six values");
        let codes = ByteCodes::new(&bins, 255);
        // 0 and 10: 1 and 2 are nearer to 0.
        let cuts = Cuts::new(&codes, &[0, 4, 5]);
        assert_eq!(cuts.last_left(0, 3), 2);
        // 2 is nearer to 1 than to 7.
        let cuts = Cuts::new(&codes, &[0, 1, 3, 4]);
        assert_eq!(cuts.last_left(0, 0), 0);
        assert_eq!(cuts.last_left(0, 2), 2);
        assert_eq!(cuts.last_left(0, 3), 3);
        // Without gaps, and past the last number.
        let cuts = Cuts::new(&codes, &[0, 1, 2, 3, 4]);
        assert_eq!((0..5).map(|last| cuts.last_left(0, last)).sum::<u8>(), 10);
    }

    #[test]
    fn joined_numbers_are_divided_by_their_middles() {
        let mut bins = Bins::new(8);
        let values = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 100.0];
        bins.push_numbers("x", &values).expect("eight values");
        // Bins of two numbers: 0.5, 2.5, 4.5 and 53.
        let codes = ByteCodes::new(&bins, 4);
        let cuts = Cuts::new(&codes, &[0, 1, 6, 7]);
        assert_eq!(cuts.last_left(0, 2), 2);
        let cuts = Cuts::new(&codes, &[0, 4]);
        assert_eq!(cuts.last_left(0, 1), 1);
    }
}
