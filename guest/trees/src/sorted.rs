//! [`SortedRows`]: the rows of a node sorted by the codes of one feature, and
//! the search for the best split among them. Where a node has fewer rows than
//! a histogram has counts, sorting takes less time than counting.
//!
//! [`SortedRows::search`] is for classes of weight 1, so that all sums are
//! integers and do not depend on the order of the rows.

use std::ops::Range;

use crate::bins::Coding;
use crate::chunks;
use crate::coarse::CoarseCodes;
use crate::codes::{CodesRef, NARROW};
use crate::criterion::{Criterion, INTEGER_DRAWS, IntegerCriterion};
use crate::entries::{BoundedSlice, Entry};
use crate::split::LeafLimits;
use crate::tally::TallyLayout;

/// The number of draws from which on a node is not sorted by codes of one byte:
/// all criteria have integer forms for smaller nodes.
pub(crate) const MAX_DRAWS: u32 = INTEGER_DRAWS as u32;

/// The number of rows up to which comparing them is faster than binning them.
const FEW_ROWS: usize = 20;

/// The rows of one node, sorted by the codes of one feature. Its buffers are
/// used for one feature and node after the other.
#[derive(Debug)]
pub(crate) struct SortedRows {
    /// Each row's payload in the low half and its code above.
    rows: Vec<u64>,
    /// The rows in the order of their bins.
    binned: Vec<u64>,
    /// The payloads, sorted by code.
    payloads: Vec<u32>,
    /// The next place of each code while sorting; zero between features.
    places: [u32; NARROW],
    /// The codes that occur, ascending.
    codes: Vec<u32>,
    /// The end of each code's payloads, by index into `codes`.
    ends: Vec<u32>,
    /// The number of codes that occur. What follows them in `codes` and `ends`
    /// does not matter.
    number: usize,
    /// By class: its draws on the left and on the right side.
    sides: Vec<[u32; 2]>,
}

/// A split of ordered codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The index of the last code on the left, among those that occur.
    pub(crate) at: usize,
    /// Whether missing values go left.
    pub(crate) missing_left: bool,
}

type Score<C> = <<C as Criterion>::Integer as IntegerCriterion>::Score;

/// Sums over the left and the right side, while rows move from right to left.
#[derive(Clone, Copy, Debug)]
struct Sums {
    /// The sums of [`IntegerCriterion::term`].
    terms: [i64; 2],
    draws: [u32; 2],
    /// The number of distinct rows on the left.
    rows: u32,
}

impl SortedRows {
    /// Empty buffers for rows of `classes` classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self {
            rows: Vec::new(),
            binned: Vec::new(),
            payloads: Vec::new(),
            places: [0; NARROW],
            codes: Vec::new(),
            ends: Vec::new(),
            number: 0,
            sides: vec![[0; 2]; classes],
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
    pub(crate) fn sort<L: TallyLayout>(
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
                entries.extend_codes(column, rows, |entry, code| {
                    (u64::from(code) << 32) | u64::from(entry.payload())
                });
                // The order of the rows of one code does not matter.
                rows.sort_unstable();
            }
        }
        self.find_runs();
        self.number > 1
    }

    /// The same for codes of one byte.
    pub(crate) fn sort_narrow<L: TallyLayout>(
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
            (u64::from(code) << 32) | u64::from(entry.payload())
        });
        self.start_runs(present);
        let varies = self.number > 1;
        if varies {
            self.payloads.resize(self.rows.len(), 0);
            let (payloads, places) = (&mut self.payloads[..], &mut self.places);
            chunks::for_each(&self.rows, |row| {
                let place = &mut places[usize::from((row >> 32) as u8)];
                payloads[*place as usize] = row as u32;
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
    fn sort_by_bins<L: TallyLayout>(
        &mut self,
        entries: BoundedSlice<'_, Entry<L>>,
        column: &[u32],
        bins: &[u8],
    ) {
        let mut present = [0_u64; NARROW / 64];
        self.rows.clear();
        let places = &mut self.places;
        entries.extend_codes(column, &mut self.rows, |entry, code| {
            (u64::from(code) << 32) | u64::from(entry.payload())
        });
        entries.for_each_code(bins, |_, bin| {
            places[usize::from(bin)] += 1;
            present[usize::from(bin >> 6)] |= 1 << (bin & 63);
        });
        self.start_runs(present);
        self.binned.resize(self.rows.len(), 0);
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
            self.binned[start..end as usize].sort_unstable();
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
            let code = (row >> 32) as u32;
            if last != Some(code) {
                if last.is_some() {
                    self.ends.push(at);
                }
                last = Some(code);
                self.codes.push(code);
            }
            self.payloads.push(row as u32);
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

    /// The payloads of code `index` among those that occur.
    pub(crate) fn run(&self, index: usize) -> &[u32] {
        self.runs().run(index)
    }

    fn runs(&self) -> Runs<'_> {
        Runs {
            payloads: &self.payloads,
            ends: &self.ends,
        }
    }

    /// The payloads of the rows on the left of a split.
    pub(crate) fn left(&self, place: Place) -> impl Iterator<Item = u32> + '_ {
        let end = self.ends[place.at] as usize;
        let missing = if place.missing_left {
            self.ends[self.number - 2] as usize
        } else {
            self.payloads.len()
        };
        let (left, others) = self.payloads.split_at(end);
        left.iter()
            .chain(&others[missing.max(end) - end..])
            .copied()
    }

    /// The best split of a number feature that meets `limits`. `total` is the
    /// number of draws of each class. There is more than one code.
    pub(crate) fn search<L: TallyLayout, C: Criterion>(
        &mut self,
        missing: u32,
        total: impl Iterator<Item = u32>,
        limits: LeafLimits,
    ) -> Option<Place> {
        let criterion = C::integer();
        let mut sums = Sums {
            terms: [0; 2],
            draws: [0; 2],
            rows: 0,
        };
        for (side, draws) in self.sides.iter_mut().zip(total) {
            *side = [0, draws];
            sums.terms[1] += criterion.term(draws);
            sums.draws[1] += draws;
        }
        let has_missing = self.codes(missing).1;
        let last = self.number - 1;
        let runs = Runs {
            payloads: &self.payloads,
            ends: &self.ends,
        };
        let sides = &mut self.sides[..];
        // Missing values go right, which includes the split of them from all
        // others.
        let kept = has_missing.then(|| sides.to_vec());
        let mut found = runs.sweep::<L, C>(sides, sums, 0..last, limits);
        let mut missing_left = false;
        if let Some(kept) = kept
            && last > 1
        {
            sides.copy_from_slice(&kept);
            runs.move_run::<L, _>(last, &criterion, sides, &mut sums);
            let left = runs.sweep::<L, C>(sides, sums, 0..last - 1, limits);
            if let Some((_, score)) = left
                && found.is_none_or(|(_, best)| score > best)
            {
                (found, missing_left) = (left, true);
            }
        }
        found.map(|(at, _)| Place { at, missing_left })
    }
}

/// Sorted payloads with the end of each code's.
#[derive(Clone, Copy, Debug)]
struct Runs<'a> {
    payloads: &'a [u32],
    ends: &'a [u32],
}

impl<'a> Runs<'a> {
    /// The payloads of code `index`.
    #[inline]
    fn run(self, index: usize) -> &'a [u32] {
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1],
        };
        &self.payloads[start as usize..self.ends[index] as usize]
    }

    /// The class of the rows of code `index`; `None` if they have several.
    fn class<L: TallyLayout>(self, index: usize) -> Option<u32> {
        let run = self.run(index);
        let class = |payload: u32| L::parts(payload).1;
        let first = class(run[0]);
        run.iter()
            .all(|&payload| class(payload) == first)
            .then_some(first)
    }

    /// Moves the rows of code `index` to the left side. Returns their class;
    /// `None` if they have several.
    #[inline]
    fn move_run<L: TallyLayout, W: IntegerCriterion>(
        self,
        index: usize,
        criterion: &W,
        sides: &mut [[u32; 2]],
        sums: &mut Sums,
    ) -> Option<u32> {
        let run = self.run(index);
        sums.rows += run.len() as u32;
        let (_, first) = L::parts(*run.first()?);
        let mut differing = 0;
        let (mut terms, mut draws) = ([0, 0], 0);
        for &payload in run {
            let (weight, class) = L::parts(payload);
            differing |= class ^ first;
            let [left, right] = &mut sides[class as usize];
            *right -= weight;
            terms[0] += criterion.step(*left, weight);
            terms[1] += criterion.step(*right, weight);
            *left += weight;
            draws += weight;
        }
        sums.terms[0] += terms[0];
        sums.terms[1] -= terms[1];
        sums.draws[0] += draws;
        sums.draws[1] -= draws;
        (differing == 0).then_some(first)
    }

    /// Moves the rows of one code after the other to the left side, and
    /// evaluates the split after each of `indices`. Returns the index and the
    /// score of the best.
    fn sweep<L: TallyLayout, C: Criterion>(
        self,
        sides: &mut [[u32; 2]],
        mut sums: Sums,
        indices: Range<usize>,
        limits: LeafLimits,
    ) -> Option<(usize, Score<C>)> {
        let criterion = C::integer();
        let rows = self.payloads.len() as u32;
        let is_unlimited = limits.is_met_by_all();
        let mut best: Option<(usize, Score<C>)> = None;
        let end = indices.end;
        let mut class = self.move_run::<L, _>(indices.start, &criterion, sides, &mut sums);
        for index in indices {
            let here = sums;
            let next = if index + 1 < end {
                self.move_run::<L, _>(index + 1, &criterion, sides, &mut sums)
            } else {
                self.class::<L>(index + 1)
            };
            let before = std::mem::replace(&mut class, next);
            if is_unlimited {
                // No split between two codes of one same class is better than
                // the split before the first or after the second of them: both
                // criteria are concave (Fayyad and Irani, 1992).
                if before.is_some() && before == next {
                    continue;
                }
            } else if here.rows < limits.rows
                || rows - here.rows < limits.rows
                || f64::from(here.draws[0]) < limits.weight
                || f64::from(here.draws[1]) < limits.weight
            {
                continue;
            }
            let score = criterion.score(here.terms, here.draws);
            if best.is_none_or(|(_, best)| score > best) {
                best = Some((index, score));
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::binary::BinaryLayout;
    use crate::bins::Bins;
    use crate::sample::Sample;

    proptest! {
        #[test]
        fn rows_are_sorted_by_codes_of_any_number(
            rows in prop::collection::vec((0..40_u32, 0..2_u32), 1..200),
            scale in prop_oneof![Just(1_u32), Just(97)],
        ) {
            let classes: Vec<u32> = rows.iter().map(|row| row.1).collect();
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let sample = Sample::new(&Bins::new(rows.len()), &classes, 2, &numbers).unwrap();
            let mut entries = sample.new_entries::<BinaryLayout<false>>();
            sample.take_all(&[1.0; 2], &mut entries);
            let codes: Vec<u32> = rows.iter().map(|row| row.0 * row.0 * scale).collect();
            let mut expected: Vec<(u32, u32)> = codes.iter().copied().zip(classes).collect();
            expected.sort_unstable();
            let mut distinct = codes.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let mut sorted = SortedRows::new(2);
            let all = entries.slice(0..rows.len());
            let bins = CoarseCodes::of(&codes, 1_600 * scale as usize);
            let varies = sorted.sort(all, CodesRef::Wide(&codes), Some(&bins));
            prop_assert_eq!(varies, distinct.len() > 1);
            prop_assert_eq!(&sorted.codes[..sorted.number], &distinct);
            for (index, code) in distinct.into_iter().enumerate().filter(|_| varies) {
                let mut of_code: Vec<(u32, u32)> = sorted
                    .run(index)
                    .iter()
                    .map(|&payload| (code, BinaryLayout::<false>::parts(payload).1))
                    .collect();
                of_code.sort_unstable();
                let rest = expected.split_off(of_code.len());
                prop_assert_eq!(of_code, std::mem::replace(&mut expected, rest));
            }
        }
    }
}
