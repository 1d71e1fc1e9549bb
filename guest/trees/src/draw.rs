//! Random splits (Geurts, Ernst, Wehenkel: Extremely randomized trees, 2006),
//! drawn and counted in two passes over the rows of a node, without sorting or
//! a histogram.
//!
//! An ordered feature is split at a threshold that is uniform between the least
//! and the greatest value of the node; another one, with equal probability, at
//! such a threshold between its labels or by a random subset of the categories in
//! the node. The labels of many tables have a meaningful order, those of others
//! none. Missing values go to a random side. A split that
//! leaves a side empty is rejected, and its feature counts as
//! searched. So a node whose searched features each have a single value besides
//! missing ones becomes a leaf by chance, before it is pure. scikit-learn draws
//! by the same rule: on tables with many missing values it keeps trees from
//! separating rows by nothing but what is missing, and the probabilities of a
//! forest from being 0 or 1.

use crate::bins::Column;
use crate::codes::{Code, CodesRef, with_codes};
use crate::entries::{BoundedSlice, Entry};
use crate::random::{Key, Rng};
use crate::search::SplitSearch;
use crate::split::SplitRule;
use crate::tally::{TallyLayout, clear};
use crate::tree::{CodeSet, contains, insert};

impl<L: TallyLayout> SplitSearch<L> {
    /// Draws one split of a feature by a key of the node, and evaluates it.
    /// Returns whether the feature is not constant.
    pub(crate) fn draw(
        &mut self,
        index: usize,
        column: &Column,
        codes: CodesRef<'_>,
        entries: BoundedSlice<'_, Entry<L>>,
        total: &[L::Count],
        key: Key,
    ) -> bool {
        let mut rng = key.child(index as u64).rng();
        let rule = if column.coding.is_ordered() {
            with_codes!(codes, codes => self.draw_threshold(column, codes, entries, &mut rng))
        } else {
            // Subsets are of codes of one byte.
            let codes = codes.narrow().unwrap_or_default();
            self.draw_subset(column, codes, entries, &mut rng)
        };
        let Some(rule) = rule else { return false };
        let (layout, left) = (&self.layout, &self.left);
        let draws = layout.draws(left);
        let is_split = draws > 0 && draws < layout.draws(total);
        let limits = self.limits;
        if !is_split || !(limits.is_met_by_all() || limits.is_met(layout, left, total)) {
            return true;
        }
        let purity = if L::BY_ROWS {
            self.purity_by_rows(rule, column.coding.missing(), codes, entries)
        } else {
            self.layout.split_purity(&self.left, total)
        };
        if self.best.improve(index, purity, 0.0, &self.left) {
            self.best.rule = rule;
        }
        true
    }

    /// Draws a threshold, and counts the left side; `None` if the feature is
    /// constant.
    fn draw_threshold<K: Code>(
        &mut self,
        column: &Column,
        codes: &[K],
        entries: BoundedSlice<'_, Entry<L>>,
        rng: &mut Rng,
    ) -> Option<SplitRule> {
        let missing = column.coding.missing();
        let (low, high, has_missing) = range(codes, entries, missing);
        if low == missing || (low == high && !has_missing) {
            return None;
        }
        let last_left = random_threshold(column, low, high, rng);
        let missing_left = has_missing.then(|| rng.below(2) == 1);
        let (layout, left) = (&self.layout, &mut self.left);
        clear(left);
        // No row has a code beyond that of missing values.
        let also_left = match missing_left {
            Some(true) => missing,
            _ => u32::MAX,
        };
        entries.for_each_code(codes, |entry, code| {
            let code = code.as_usize() as u32;
            let is_left = (code <= last_left) | (code == also_left);
            layout.add(left, L::masked(L::unpack(entry.payload()), is_left));
        });
        Some(SplitRule::Threshold {
            last_left,
            missing_left,
        })
    }

    /// Draws a subset, of the labels up to a threshold or of any, and counts the
    /// left side; `None` if the feature is constant.
    fn draw_subset(
        &mut self,
        column: &Column,
        codes: &[u8],
        entries: BoundedSlice<'_, Entry<L>>,
        rng: &mut Rng,
    ) -> Option<SplitRule> {
        let missing = column.coding.missing() as u8;
        let mut present = CodeSet::default();
        entries.for_each_code(codes, |_, code| insert(&mut present, code));
        let has_missing = contains(&present, missing);
        let mut list = [0_u8; 256];
        let mut number = 0;
        for code in (0..missing).filter(|&code| contains(&present, code)) {
            list[number & 255] = code;
            number += 1;
        }
        if number == 0 || (number == 1 && !has_missing) {
            return None;
        }
        let mut set = CodeSet::default();
        let list = &mut list[..number];
        let chosen = match rng.below(2) {
            0 => random_subset(list, rng),
            _ => random_prefix(column, list, rng),
        };
        chosen.iter().for_each(|&code| insert(&mut set, code));
        if has_missing && rng.below(2) == 1 {
            insert(&mut set, missing);
        }
        let (layout, left) = (&self.layout, &mut self.left);
        clear(left);
        entries.for_each_code(codes, |entry, code| {
            let is_left = contains(&set, code);
            layout.add(left, L::masked(L::unpack(entry.payload()), is_left));
        });
        Some(SplitRule::Subset { left: set, present })
    }
}

/// The least and the greatest code of the rows that are not missing, and whether
/// some are. If all are, the least is `missing`.
fn range<K: Code, L: TallyLayout>(
    codes: &[K],
    entries: BoundedSlice<'_, Entry<L>>,
    missing: u32,
) -> (u32, u32, bool) {
    let (mut low, mut high, mut has_missing) = (missing, 0, false);
    entries.for_each_code(codes, |_, code| {
        let code = code.as_usize() as u32;
        let is_missing = code == missing;
        has_missing |= is_missing;
        low = low.min(code);
        high = high.max(if is_missing { 0 } else { code });
    });
    (low, high, has_missing)
}

/// The greatest code that goes left at a random threshold.
fn random_threshold(column: &Column, low: u32, high: u32, rng: &mut Rng) -> u32 {
    if low == high {
        return low;
    }
    let (from, to) = (column.center(low), column.center(high));
    let share = rng.next_f64();
    column.code_at(from * (1.0 - share) + to * share, low, high)
}

/// The codes, which are ascending, up to a random threshold.
fn random_prefix<'b>(column: &Column, codes: &'b [u8], rng: &mut Rng) -> &'b [u8] {
    let (low, high) = (codes[0], codes[codes.len() - 1]);
    let last_left = random_threshold(column, u32::from(low), u32::from(high), rng);
    &codes[..codes.partition_point(|&code| u32::from(code) <= last_left)]
}

/// A uniformly random subset of codes, neither empty nor all of them; a single
/// code itself.
fn random_subset<'b>(codes: &'b mut [u8], rng: &mut Rng) -> &'b [u8] {
    if codes.len() == 1 {
        return codes;
    }
    loop {
        let mut kept = 0;
        let mut bits = 0;
        for index in 0..codes.len() {
            if index % 64 == 0 {
                bits = rng.next_u64();
            }
            if (bits >> (index % 64)) & 1 == 1 {
                codes.swap(kept, index);
                kept += 1;
            }
        }
        if kept > 0 && kept < codes.len() {
            return &codes[..kept];
        }
        // The codes are in another order now, which does not matter.
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::BinaryLayout;
    use crate::bins::Bins;
    use crate::criterion::Gini;
    use crate::sample::{ClassRows, ClassSample, RowSource as _};
    use crate::split::BestSplit;

    const TOTAL: u64 = 6 + (3 << 24);

    fn numbers(values: [f64; 6]) -> Bins {
        let mut bins = Bins::new(6);
        bins.push_numbers("x", &values).unwrap();
        bins
    }

    fn categories(values: [u32; 6]) -> Bins {
        let labels: Vec<String> = (0..4).map(|label| label.to_string()).collect();
        let mut bins = Bins::new(6);
        bins.push_categories("c", &labels, &values).unwrap();
        bins
    }

    /// The splits of six rows, three of each class, that many keys draw.
    fn drawn(bins: &Bins) -> Vec<(bool, BestSplit<u64>)> {
        let rows: Vec<u32> = (0..6).collect();
        let sample = ClassSample::new(bins, &[0, 1, 0, 1, 0, 1], 2, &rows).unwrap();
        let rows = ClassRows {
            sample: &sample,
            class_weights: vec![1.0; 2],
            balance_drawn: false,
        };
        let mut layout = BinaryLayout::<Gini, false>::new();
        let mut entries = rows.new_entries();
        rows.take(None, &mut layout, &mut entries);
        let draw = |key: u64| {
            let mut search = SplitSearch::new(BinaryLayout::<Gini, false>::new());
            let (column, codes) = (&bins.columns()[0], bins.codes(0));
            let (all, key) = (entries.slice(0..6), Key::new(key));
            let varies = search.draw(0, column, codes, all, &[TOTAL], key);
            (varies, search.best)
        };
        (0..400).map(draw).collect()
    }

    /// The number of rows on the left of each split; 0 for none.
    fn lefts(bins: &Bins) -> Vec<u64> {
        let splits = drawn(bins).into_iter();
        let rows = splits.map(|(varies, best)| {
            assert!(varies);
            if best.is_some() {
                best.left[0] & 0xff
            } else {
                0
            }
        });
        rows.collect()
    }

    fn share(of: u64, lefts: &[u64]) -> f64 {
        lefts.iter().filter(|&&left| left == of).count() as f64 / lefts.len() as f64
    }

    #[test]
    fn thresholds_are_uniform_between_the_least_and_the_greatest() {
        // Five rows are left of a threshold above 2, with probability 0.8.
        let lefts = lefts(&numbers([0.0, 0.0, 0.0, 2.0, 2.0, 10.0]));
        assert!((share(5, &lefts) - 0.8).abs() < 0.06);
        assert!((share(3, &lefts) - 0.2).abs() < 0.06);
    }

    #[test]
    fn a_value_and_missing_ones_are_separated_by_chance() {
        // Four standard deviations of a share of 400 draws are 0.1.
        let nan = f64::NAN;
        let lefts_of_numbers = lefts(&numbers([1.0, 1.0, nan, nan, nan, nan]));
        assert!((share(2, &lefts_of_numbers) - 0.5).abs() < 0.1);
        assert!((share(0, &lefts_of_numbers) - 0.5).abs() < 0.1);
        let missing = u32::MAX;
        let lefts = lefts(&categories([3, 3, missing, missing, missing, missing]));
        assert!((share(2, &lefts) - 0.5).abs() < 0.1);
        assert!((share(0, &lefts) - 0.5).abs() < 0.1);
    }

    #[test]
    fn missing_values_go_to_either_side() {
        let lefts = lefts(&numbers([1.0, 2.0, f64::NAN, f64::NAN, f64::NAN, f64::NAN]));
        assert!((share(1, &lefts) - 0.5).abs() < 0.1);
        assert!((share(5, &lefts) - 0.5).abs() < 0.1);
    }

    #[test]
    fn categories_are_split_into_subsets_and_by_the_order_of_their_labels() {
        // The labels 0, 1 and 3 have one, two and three rows. One in two splits is
        // one of the six subsets; the others are at a threshold, which has one row
        // on its left in one of three cases, else three.
        let lefts = lefts(&categories([0, 1, 1, 3, 3, 3]));
        for (rows, expected) in [
            (0, 0.0),
            (1, 3.0 / 12.0),
            (2, 1.0 / 12.0),
            (3, 6.0 / 12.0),
            (4, 1.0 / 12.0),
            (5, 1.0 / 12.0),
        ] {
            assert!((share(rows, &lefts) - expected).abs() < 0.09, "{rows} rows");
            assert_eq!(share(rows, &lefts) > 0.0, expected > 0.0, "{rows} rows");
        }
    }

    #[test]
    fn constant_features_are_not_split() {
        for bins in [
            numbers([4.0; 6]),
            numbers([f64::NAN; 6]),
            categories([2; 6]),
            categories([u32::MAX; 6]),
        ] {
            assert!(
                drawn(&bins)
                    .iter()
                    .all(|(varies, best)| !varies && !best.is_some())
            );
        }
    }
}
