//! [`SortedRows`]: the rows of a node sorted by the codes of one feature. Where a
//! node has fewer rows than a histogram has counts, sorting takes less time than
//! counting.

use crate::bins::Coding;
use crate::chunks;
use crate::coarse::CoarseCodes;
use crate::codes::{CodesRef, NARROW};
use crate::entries::{BoundedSlice, Entry};
use crate::payload::Payload;
use crate::runs::Runs;
use crate::tally::TallyLayout;

/// The number of rows up to which comparing them is faster than binning them.
const FEW_ROWS: usize = 20;

/// The rows of one node, sorted by the codes of one feature. Its buffers are
/// used for one feature and node after the other.
#[derive(Debug)]
pub(crate) struct SortedRows<P: Payload> {
    /// Each row's code with its payload.
    rows: Vec<P::Coded>,
    /// The rows in the order of their bins.
    binned: Vec<P::Coded>,
    /// The payloads, sorted by code.
    payloads: Vec<P>,
    /// The next place of each code while sorting; zero between features.
    places: [u32; NARROW],
    /// The codes that occur, ascending.
    codes: Vec<u32>,
    /// The end of each code's payloads, by index into `codes`.
    ends: Vec<u32>,
    /// The number of codes that occur. What follows them in `codes` and `ends`
    /// does not matter.
    number: usize,
}

impl<P: Payload> SortedRows<P> {
    /// Empty buffers.
    pub(crate) fn new() -> Self {
        Self {
            rows: Vec::new(),
            binned: Vec::new(),
            payloads: Vec::new(),
            places: [0; NARROW],
            codes: Vec::new(),
            ends: Vec::new(),
            number: 0,
        }
    }

    /// Whether sorting a node of `rows` rows is faster than counting it into a
    /// histogram of `values` tallies of `stride` counts. Never for subsets of categories,
    /// whose order is computed from their tallies.
    pub(crate) fn is_faster(coding: &Coding, values: usize, rows: usize, stride: usize) -> bool {
        coding.is_ordered() && rows * 2 <= values * stride
    }

    /// Sorts the rows of a node by their codes in `column`, which has more than
    /// one byte a code if it has bins. Returns whether they have more than one
    /// code.
    pub(crate) fn sort<L: TallyLayout<Payload = P>>(
        &mut self,
        entries: BoundedSlice<'_, Entry<L>>,
        column: CodesRef<'_>,
        bins: Option<&CoarseCodes>,
    ) -> bool {
        match (column, bins) {
            (CodesRef::Narrow(column), _) => return self.sort_narrow(entries, column),
            (CodesRef::Wide(column), Some(bins)) if entries.len() > FEW_ROWS => {
                self.sort_by_bins(entries, column, &bins.codes);
            }
            (CodesRef::Wide(column), _) => {
                let rows = &mut self.binned;
                rows.clear();
                entries.extend_codes(column, rows, |entry, code| entry.payload().coded(code));
                P::sort(rows);
            }
        }
        self.find_runs();
        self.number > 1
    }

    /// The same for codes of one byte.
    pub(crate) fn sort_narrow<L: TallyLayout<Payload = P>>(
        &mut self,
        entries: BoundedSlice<'_, Entry<L>>,
        column: &[u8],
    ) -> bool {
        let mut present = [0_u64; NARROW / 64];
        self.rows.clear();
        let places = &mut self.places;
        entries.extend_codes(column, &mut self.rows, |entry, code| {
            places[usize::from(code)] += 1;
            present[usize::from(code >> 6)] |= 1 << (code & 63);
            entry.payload().coded(u32::from(code))
        });
        self.start_runs(present);
        let varies = self.number > 1;
        if varies {
            self.payloads
                .resize(self.rows.len(), P::of_coded(self.rows[0]));
            let (payloads, places) = (&mut self.payloads[..], &mut self.places);
            chunks::for_each(&self.rows, |row| {
                let place = &mut places[usize::from(P::code(row) as u8)];
                payloads[*place as usize] = P::of_coded(row);
                *place += 1;
            });
        }
        self.clear_places();
        varies
    }

    /// Turns the counts in `places` into the start of each code's payloads, and
    /// lists the codes and their ends.
    fn start_runs(&mut self, present: [u64; NARROW / 64]) {
        self.codes.resize(NARROW.max(self.codes.len()), 0);
        self.ends.resize(self.codes.len(), 0);
        let (codes, ends) = (&mut self.codes[..NARROW], &mut self.ends[..NARROW]);
        let mut number = 0;
        let mut end = 0;
        for (index, mut word) in present.into_iter().enumerate() {
            while word != 0 {
                let code = (index * 64) as u8 + word.trailing_zeros() as u8;
                word &= word - 1;
                let place = &mut self.places[usize::from(code)];
                let rows = *place;
                *place = end;
                end += rows;
                codes[number & (NARROW - 1)] = u32::from(code);
                ends[number & (NARROW - 1)] = end;
                number += 1;
            }
        }
        self.number = number;
    }

    fn clear_places(&mut self) {
        for &code in &self.codes[..self.number] {
            self.places[code as usize & (NARROW - 1)] = 0;
        }
    }

    /// Fills `binned` with the rows in the order of their codes: first in the
    /// order of their bins, as [`Self::sort_narrow`] does, then within each bin.
    fn sort_by_bins<L: TallyLayout<Payload = P>>(
        &mut self,
        entries: BoundedSlice<'_, Entry<L>>,
        column: &[u32],
        bins: &[u8],
    ) {
        let mut present = [0_u64; NARROW / 64];
        self.rows.clear();
        let places = &mut self.places;
        entries.extend_codes(column, &mut self.rows, |entry, code| {
            entry.payload().coded(code)
        });
        entries.for_each_code(bins, |_, bin| {
            places[usize::from(bin)] += 1;
            present[usize::from(bin >> 6)] |= 1 << (bin & 63);
        });
        self.start_runs(present);
        let Some(&first) = self.rows.first() else {
            return;
        };
        self.binned.resize(self.rows.len(), first);
        let mut rows = self.rows.iter();
        let (binned, places) = (&mut self.binned[..], &mut self.places);
        entries.for_each_code(bins, |_, bin| {
            let place = &mut places[usize::from(bin)];
            if let Some(&row) = rows.next() {
                binned[*place as usize] = row;
            }
            *place += 1;
        });
        self.clear_places();
        let mut start = 0;
        for &end in &self.ends[..self.number] {
            P::sort(&mut self.binned[start..end as usize]);
            start = end as usize;
        }
    }

    /// Lists the codes of the rows in `binned`, and their payloads.
    fn find_runs(&mut self) {
        self.codes.clear();
        self.ends.clear();
        self.payloads.clear();
        let mut last = None;
        for (at, &row) in (0..).zip(&self.binned) {
            let code = P::code(row);
            if last != Some(code) {
                if last.is_some() {
                    self.ends.push(at);
                }
                last = Some(code);
                self.codes.push(code);
            }
            self.payloads.push(P::of_coded(row));
        }
        self.ends.push(self.binned.len() as u32);
        self.number = self.codes.len();
    }

    /// The codes that occur, ascending, without `missing`; and whether
    /// `missing` occurs.
    pub(crate) fn codes(&self, missing: u32) -> (&[u32], bool) {
        let codes = &self.codes[..self.number];
        match codes.split_last() {
            Some((&last, others)) if last == missing => (others, true),
            _ => (codes, false),
        }
    }

    /// The rows by their codes. `missing` is the code of missing values.
    pub(crate) fn runs(&self, missing: u32) -> Runs<'_, P> {
        Runs {
            payloads: &self.payloads,
            ends: &self.ends[..self.number],
            has_missing: self.codes(missing).1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::binary::BinaryLayout;
    use crate::bins::Bins;
    use crate::class_layout::ClassLayout as _;
    use crate::criterion::Gini;
    use crate::sample::{ClassRows, ClassSample, RowSource as _};

    proptest! {
        #[test]
        fn rows_are_sorted_by_codes_of_any_number(
            rows in prop::collection::vec((0..40_u32, 0..2_u32), 1..200),
            scale in prop_oneof![Just(1_u32), Just(97)],
        ) {
            let classes: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let sample = ClassSample::new(&Bins::new(rows.len()), &classes, 2, &numbers).unwrap();
            let source = ClassRows {
                sample: &sample,
                class_weights: vec![1.0; 2],
                balance_drawn: false,
            };
            let mut layout = BinaryLayout::<Gini, false>::new();
            let mut entries = source.new_entries();
            source.take(None, &mut layout, &mut entries);
            let codes: Vec<u32> = rows.iter().map(|row| row.0 * row.0 * scale).collect();
            let mut expected: Vec<(u32, u32)> = codes.iter().copied().zip(classes).collect();
            expected.sort_unstable();
            let mut distinct = codes.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let mut sorted = SortedRows::new();
            let all = entries.slice(0..rows.len());
            let bins = CoarseCodes::of(&codes, 1_600 * scale as usize);
            let varies = sorted.sort(all, CodesRef::Wide(&codes), Some(&bins));
            prop_assert_eq!(varies, distinct.len() > 1);
            prop_assert_eq!(&sorted.codes[..sorted.number], &distinct);
            for (index, code) in distinct.into_iter().enumerate().filter(|_| varies) {
                let mut of_code: Vec<(u32, u32)> = sorted
                    .runs(u32::MAX)
                    .run(index)
                    .iter()
                    .map(|&payload| (code, BinaryLayout::<Gini, false>::parts(payload).1))
                    .collect();
                of_code.sort_unstable();
                let rest = expected.split_off(of_code.len());
                prop_assert_eq!(of_code, std::mem::replace(&mut expected, rest));
            }
        }
    }
}
