//! [`Sorted`]: the rows of a node in the order of one feature's codes, and the
//! search for its best split among them. Where rows are fewer than the words
//! of a histogram, to sort them takes less time than to count them.
//!
//! It takes rows whose classes all weigh the same, so that everything it sums
//! is a whole number: its sums are those of the rows, in whatever order.

use std::ops::Range;

use crate::bins::Coding;
use crate::criterion::{Criterion, SMALL, Whole};
use crate::histogram::Layout;
use crate::rows::{Entry, extend_in_chunks, in_chunks};
use crate::split::Least;

/// A node of so many draws is not sorted: the criteria's whole numbers are
/// those of smaller ones.
pub(crate) const TOO_MANY: u32 = SMALL as u32;

/// The rows of one node by one feature's code, in buffers that outlive it.
#[derive(Debug)]
pub(crate) struct Sorted {
    /// Each row's payload and, above it, its code; as the node has them.
    rows: Vec<u64>,
    /// The payloads, sorted by code.
    payloads: Vec<u32>,
    /// By code. Zero between features.
    places: [u32; 256],
    /// The codes that the node has, ascending.
    codes: [u8; 256],
    /// Where the rows of each of `codes` end.
    ends: [u32; 256],
    number: usize,
    /// How often rows of each class were drawn, left and right.
    sides: Vec<[u32; 2]>,
}

/// The best split among sorted rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The index of the code after which it lies.
    pub(crate) at: usize,
    /// Whether missing values go left.
    pub(crate) missing_left: bool,
}

type Score<C> = <<C as Criterion>::Whole as Whole>::Score;

/// What is known of either side while rows move from right to left.
#[derive(Clone, Copy, Debug)]
struct Sums {
    /// The sums of [`Whole::term`].
    terms: [i64; 2],
    drawn: [u32; 2],
    /// Rows on the left.
    rows: u32,
}

impl Sorted {
    /// Room for rows of `classes` classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self {
            rows: Vec::new(),
            payloads: Vec::new(),
            places: [0; 256],
            codes: [0; 256],
            ends: [0; 256],
            number: 0,
            sides: vec![[0; 2]; classes],
        }
    }

    /// Whether a node of so many rows is better off sorted than counted into
    /// a histogram of tallies of `stride` words. Categories never are: their
    /// order is found from their tallies.
    pub(crate) fn is_worth(coding: &Coding, rows: usize, stride: usize) -> bool {
        matches!(coding, Coding::Number { .. }) && rows * 2 <= coding.values() * stride
    }

    /// Sorts the rows of a node by their codes in `column`. Returns whether
    /// they have more than one.
    pub(crate) fn sort(&mut self, entries: &[Entry], column: &[u8]) -> bool {
        let mut present = [0_u64; 4];
        self.rows.clear();
        let places = &mut self.places;
        extend_in_chunks(&mut self.rows, entries, |entry| {
            let code = column[entry.row()];
            places[usize::from(code)] += 1;
            present[usize::from(code >> 6)] |= 1 << (code & 63);
            (u64::from(code) << 32) | u64::from(entry.payload())
        });
        self.number = 0;
        let mut end = 0;
        for (index, mut word) in present.into_iter().enumerate() {
            while word != 0 {
                let code = (index * 64) as u8 + word.trailing_zeros() as u8;
                word &= word - 1;
                let place = &mut self.places[usize::from(code)];
                let rows = *place;
                *place = end;
                end += rows;
                self.codes[self.number & 255] = code;
                self.ends[self.number & 255] = end;
                self.number += 1;
            }
        }
        let varies = self.number > 1;
        if varies {
            self.payloads.resize(entries.len(), 0);
            let payloads = &mut self.payloads[..];
            in_chunks(&self.rows, |row| {
                let place = &mut self.places[usize::from((row >> 32) as u8)];
                payloads[*place as usize] = row as u32;
                *place += 1;
            });
        }
        for &code in &self.codes[..self.number] {
            self.places[usize::from(code)] = 0;
        }
        varies
    }

    /// The codes, ascending, without `missing`, and whether that is there.
    pub(crate) fn codes(&self, missing: u8) -> (&[u8], bool) {
        let codes = &self.codes[..self.number];
        match codes.split_last() {
            Some((&last, others)) if last == missing => (others, true),
            _ => (codes, false),
        }
    }

    /// The payloads of the rows left of a split.
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

    /// The best split of numbers, if either side of any has at least `least`.
    /// `total` counts the draws of each class.
    pub(crate) fn search<L: Layout, C: Criterion>(
        &mut self,
        missing: u8,
        total: impl Iterator<Item = u32>,
        least: Least,
    ) -> Option<Place> {
        let whole = C::whole();
        let mut sums = Sums {
            terms: [0; 2],
            drawn: [0; 2],
            rows: 0,
        };
        for (side, drawn) in self.sides.iter_mut().zip(total) {
            *side = [0, drawn];
            sums.terms[1] += whole.term(drawn);
            sums.drawn[1] += drawn;
        }
        let has_missing = self.codes(missing).1;
        let last = self.number - 1;
        let runs = Runs {
            payloads: &self.payloads,
            ends: &self.ends,
        };
        let sides = &mut self.sides[..];
        // Missing values right: also the split that parts them from all others.
        let kept = has_missing.then(|| sides.to_vec());
        let mut found = runs.sweep::<L, C>(sides, sums, 0..last, least);
        let mut missing_left = false;
        if let Some(kept) = kept
            && last > 1
        {
            sides.copy_from_slice(&kept);
            runs.move_run::<L, _>(last, &whole, sides, &mut sums);
            let left = runs.sweep::<L, C>(sides, sums, 0..last - 1, least);
            if let Some((_, score)) = left
                && found.is_none_or(|(_, best)| score > best)
            {
                (found, missing_left) = (left, true);
            }
        }
        found.map(|(at, _)| Place { at, missing_left })
    }
}

/// Sorted payloads, and where those of each code end.
#[derive(Clone, Copy, Debug)]
struct Runs<'a> {
    payloads: &'a [u32],
    ends: &'a [u32; 256],
}

impl<'a> Runs<'a> {
    /// The payloads of one code's rows.
    #[inline]
    fn run(self, index: usize) -> &'a [u32] {
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1],
        };
        &self.payloads[start as usize..self.ends[index] as usize]
    }

    /// The class of one code's rows where they have one alone.
    fn class<L: Layout>(self, index: usize) -> Option<u32> {
        let run = self.run(index);
        let class = |payload: u32| L::parts(payload).1;
        let first = class(run[0]);
        run.iter()
            .all(|&payload| class(payload) == first)
            .then_some(first)
    }

    /// Moves the rows of one code to the left; returns their class where
    /// they have one alone.
    #[inline]
    fn move_run<L: Layout, W: Whole>(
        self,
        index: usize,
        whole: &W,
        sides: &mut [[u32; 2]],
        sums: &mut Sums,
    ) -> Option<u32> {
        let run = self.run(index);
        sums.rows += run.len() as u32;
        let (_, first) = L::parts(*run.first()?);
        let mut differing = 0;
        let (mut terms, mut drawn) = ([0, 0], 0);
        for &payload in run {
            let (weight, class) = L::parts(payload);
            differing |= class ^ first;
            let [left, right] = &mut sides[class as usize];
            *right -= weight;
            terms[0] += whole.step(*left, weight);
            terms[1] += whole.step(*right, weight);
            *left += weight;
            drawn += weight;
        }
        sums.terms[0] += terms[0];
        sums.terms[1] -= terms[1];
        sums.drawn[0] += drawn;
        sums.drawn[1] -= drawn;
        (differing == 0).then_some(first)
    }

    /// Moves one code's rows after the other to the left, and looks at the
    /// split after each of `indices`. Returns the best one's index and score.
    fn sweep<L: Layout, C: Criterion>(
        self,
        sides: &mut [[u32; 2]],
        mut sums: Sums,
        indices: Range<usize>,
        least: Least,
    ) -> Option<(usize, Score<C>)> {
        let whole = C::whole();
        let rows = self.payloads.len() as u32;
        let free = least.is_met_by_all();
        let mut best: Option<(usize, Score<C>)> = None;
        let end = indices.end;
        let mut class = self.move_run::<L, _>(indices.start, &whole, sides, &mut sums);
        for index in indices {
            let here = sums;
            let next = if index + 1 < end {
                self.move_run::<L, _>(index + 1, &whole, sides, &mut sums)
            } else {
                self.class::<L>(index + 1)
            };
            let before = std::mem::replace(&mut class, next);
            if free {
                // Between two codes of one and the same class alone no split is
                // better than before the first or after the second of them:
                // both criteria are concave (Fayyad and Irani, 1992).
                if before.is_some() && before == next {
                    continue;
                }
            } else if here.rows < least.rows
                || rows - here.rows < least.rows
                || f64::from(here.drawn[0]) < least.weight
                || f64::from(here.drawn[1]) < least.weight
            {
                continue;
            }
            let score = whole.score(here.terms, here.drawn);
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
    use crate::bins::Bins;
    use crate::criterion::{Entropy, Gini};
    use crate::histogram::{Binary, Many};
    use crate::rows::Sample;
    use crate::split::{Best, Feature, Present, Search};

    /// The best split of one feature, from sorted rows and from a histogram.
    fn both<L: Layout, C: Criterion>(
        layout: impl Fn() -> L,
        bins: &Bins,
        entries: &[Entry],
        least: Least,
    ) -> [Best<L::Word>; 2] {
        let column = &bins.columns()[0];
        let (stride, codes) = (layout().stride(), column.coding.values() + 1);
        let mut histogram = vec![L::Word::default(); stride * codes];
        let mut total = vec![L::Word::default(); stride];
        for entry in entries {
            let row = L::unpack(entry.payload());
            let code = usize::from(bins.codes(0)[entry.row()]);
            layout().add_row(&mut histogram[code * stride..][..stride], row);
            layout().add_row(&mut total, row);
        }
        let mut from_sorted = Search::new(layout());
        from_sorted.least = least;
        let mut sorted = Sorted::new(layout().classes());
        if sorted.sort(entries, bins.codes(0)) {
            from_sorted.look_at_sorted::<C>(0, column, &mut sorted, &total);
        }
        let mut from_histogram = Search::new(layout());
        from_histogram.least = least;
        let mut present = Present::NONE;
        present.note_histogram(&histogram, codes);
        let feature = Feature {
            index: 0,
            column,
            histogram: &histogram,
            codes: present.codes(),
            has_missing: present.has_missing,
        };
        from_histogram.look::<C>(feature, &total, None);
        [from_sorted.best, from_histogram.best]
    }

    /// The splits are as good, but for rounding.
    fn agree<L: Layout, C: Criterion>(
        layout: impl Fn() -> L,
        bins: &Bins,
        entries: &[Entry],
        least: Least,
    ) -> Result<(), TestCaseError> {
        let [sorted, histogram] = both::<L, C>(layout, bins, entries, least);
        prop_assert_eq!(sorted.is_some(), histogram.is_some());
        if sorted.is_some() {
            let difference = (sorted.purity - histogram.purity).abs();
            prop_assert!(difference <= 1e-12 * (1.0 + histogram.purity.abs()));
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn sorted_rows_are_split_as_histograms_are(
            rows in prop::collection::vec((0..12_u8, 0..3_u32, 0..4_u16), 1..60),
            rows_a_side in 0..4_u32,
            weight_a_side in 0..6_u32,
            is_binary in any::<bool>(),
        ) {
            let value = |code: u8| if code == 11 { f64::NAN } else { f64::from(code) };
            let values: Vec<f64> = rows.iter().map(|row| value(row.0)).collect();
            let mut bins = Bins::new(rows.len());
            bins.push_numbers("x", &values).unwrap();
            let classes = if is_binary { 2 } else { 3 };
            let codes: Vec<u32> = rows.iter().map(|row| row.1 % classes).collect();
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let sample = Sample::new(&bins, &codes, classes as usize, &numbers).unwrap();
            let times: Vec<u16> = rows.iter().map(|row| row.2).collect();
            // A node of one class alone is a leaf: nobody looks for its split.
            let drawn = sample.count_drawn(&times);
            prop_assume!(drawn.iter().filter(|&&drawn| drawn > 0).count() > 1);
            let least = Least { rows: rows_a_side, weight: f64::from(weight_a_side) };
            let mut entries = Vec::new();
            if is_binary {
                sample.drawn::<Binary<true>>(&times, &mut entries);
                agree::<_, Gini>(Binary::<true>::new, &bins, &entries, least)?;
                agree::<_, Entropy>(Binary::<true>::new, &bins, &entries, least)?;
            } else {
                sample.drawn::<Many>(&times, &mut entries);
                agree::<_, Gini>(|| Many::new(3, true), &bins, &entries, least)?;
                agree::<_, Entropy>(|| Many::new(3, true), &bins, &entries, least)?;
            }
        }
    }
}
