//! [`SplitSearch`]: the search for the best split of a node, feature by
//! feature, in histograms or in sorted rows.

use crate::noise::{order_multiple, subset_multiple};
use crate::number_criterion::DESIGN_EFFECT;
use crate::runs::Place;
use crate::sorted::SortedRows;
use crate::split::{BestSplit, Feature, FeatureHistogram, SplitRule};
use crate::tally::{Count, LeafLimits, TallyLayout, add, clear, copy};
use crate::tree::{CodeSet, insert};

/// The search for the best split of one node after the other.
#[derive(Debug)]
pub(crate) struct SplitSearch<L: TallyLayout> {
    /// How rows are counted.
    pub(crate) layout: L,
    /// The minimum of either side.
    pub(crate) limits: LeafLimits,
    /// The factor by which repeated draws increase the noise of a tally: the
    /// mean of the squares of a row's draws divided by the mean of its draws.
    pub(crate) noise_factor: f64,
    /// The best split found so far.
    pub(crate) best: BestSplit<L::Count>,
    /// [`TallyLayout::variance`] of the node, where categories are split into
    /// subsets.
    pub(crate) variance: f64,
    /// The left side of the split that is evaluated.
    pub(crate) left: Vec<L::Count>,
    /// A buffer of [`TallyLayout::search_integers`].
    sides: Vec<[u32; 2]>,
    /// Buffers of layouts whose purities are computed by rows.
    pub(crate) rows: [Vec<L::Payload>; 2],
    pub(crate) purities: Vec<f64>,
}

impl<L: TallyLayout> SplitSearch<L> {
    /// A search that has not found a split.
    pub(crate) fn new(layout: L) -> Self {
        let stride = layout.stride();
        Self {
            limits: LeafLimits {
                rows: 0,
                weight: 0.0,
            },
            noise_factor: 1.0,
            variance: 0.0,
            sides: Vec::new(),
            rows: [Vec::new(), Vec::new()],
            purities: Vec::new(),
            best: BestSplit::new(stride),
            left: vec![L::Count::default(); stride],
            layout,
        }
    }

    /// Searches all splits of one feature. Returns whether it is not constant.
    pub(crate) fn search(
        &mut self,
        feature: FeatureHistogram<'_, L::Count>,
        total: &[L::Count],
    ) -> bool {
        let varies = !feature.is_constant();
        if varies {
            self.search_all(feature, total);
        }
        varies
    }

    /// Searches all splits of an ordered feature by the sorted rows of the node,
    /// which have more than one code.
    pub(crate) fn search_sorted(
        &mut self,
        feature: Feature<'_>,
        sorted: &SortedRows<L::Payload>,
        total: &[L::Count],
    ) {
        if !self.layout.has_integers(total) {
            self.sweep_sorted(feature, sorted, total);
            return;
        }
        let missing = feature.missing();
        let runs = sorted.runs(missing);
        let (layout, sides) = (&self.layout, &mut self.sides);
        let Some(place) = layout.search_integers(runs, sides, total, self.limits) else {
            return;
        };
        clear(&mut self.left);
        for payload in runs.left(place) {
            self.layout.add(&mut self.left, L::unpack(payload));
        }
        let purity = self.layout.split_purity(&self.left, total);
        if self.best.improve(feature.index, purity, 0.0, &self.left) {
            let (codes, has_missing) = sorted.codes(missing);
            self.best.rule = SplitRule::Threshold {
                last_left: feature.last_left(codes[place.at], codes.get(place.at + 1).copied()),
                missing_left: has_missing.then_some(place.missing_left),
            };
        }
    }

    /// The same for numbers, where classes have weights, or where a node has more
    /// draws than the criterion in integers takes.
    fn sweep_sorted(
        &mut self,
        feature: Feature<'_>,
        sorted: &SortedRows<L::Payload>,
        total: &[L::Count],
    ) {
        let Self {
            layout,
            limits,
            best,
            left,
            ..
        } = self;
        let (codes, has_missing) = sorted.codes(feature.missing());
        let runs = sorted.runs(feature.missing());
        // Missing values go right, which includes the split of them from all
        // others; then left.
        for missing_left in [false, true] {
            clear(left);
            if missing_left {
                if !has_missing {
                    break;
                }
                for &payload in runs.run(codes.len()) {
                    layout.add(left, L::unpack(payload));
                }
            }
            let are_all = !has_missing || missing_left;
            for at in 0..codes.len() - usize::from(are_all) {
                for &payload in runs.run(at) {
                    layout.add(left, L::unpack(payload));
                }
                if !limits.is_met_by_all() && !limits.is_met(layout, left, total) {
                    continue;
                }
                let purity = layout.split_purity(left, total);
                if best.improve(feature.index, purity, 0.0, left) {
                    best.rule = SplitRule::Threshold {
                        last_left: feature.last_left(codes[at], codes.get(at + 1).copied()),
                        missing_left: has_missing.then_some(missing_left),
                    };
                }
            }
        }
    }

    /// Codes are split by their order, those of a category also into subsets.
    fn search_all(&mut self, feature: FeatureHistogram<'_, L::Count>, total: &[L::Count]) {
        if feature.feature.column.coding.is_ordered() {
            let place = self.search_in_order(feature, total, 0.0);
            if let Some(Place { at, missing_left }) = place {
                self.best.rule = SplitRule::Threshold {
                    last_left: feature.last_left(at),
                    missing_left: feature.has_missing.then_some(missing_left),
                };
            }
            return;
        }
        let mut codes = [0_u8; 256];
        let (codes, present) = all_codes(&feature, &mut codes);
        let penalties = self.penalties(codes.len(), total);
        let place = self.search_in_order(feature, total, penalties.order);
        if let Some(Place { at, missing_left }) = place {
            let mut left = set_of(&feature.codes[..=at]);
            if missing_left {
                insert(&mut left, feature.missing());
            }
            self.best.rule = SplitRule::Subset { left, present };
        }
        if codes.len() > 2 {
            // Two categories are split by their order.
            self.search_subsets(feature, codes, present, total, penalties.subsets);
        }
    }

    /// The penalties of the splits of a node that has `categories` categories.
    pub(crate) fn penalties(&self, categories: usize, total: &[L::Count]) -> Penalties {
        let noise_gain = self.noise_factor * self.layout.noise_gain(total, self.variance);
        let design_effect = if L::IS_NUMERIC { DESIGN_EFFECT } else { 1.0 };
        Penalties {
            order: noise_gain * order_multiple(categories),
            subsets: noise_gain * design_effect * subset_multiple(categories),
        }
    }

    /// Searches the splits of codes by their order, with missing values on either
    /// side. Their purity is compared after the `penalty`. Returns the place of the
    /// best, if one is better than the best so far.
    fn search_in_order(
        &mut self,
        feature: FeatureHistogram<'_, L::Count>,
        total: &[L::Count],
        penalty: f64,
    ) -> Option<Place> {
        let last = feature.codes.len() - 1;
        // Missing values go right, which includes the split of them from all
        // others.
        let end = if feature.has_missing { last + 1 } else { last };
        clear(&mut self.left);
        let right = self.sweep(feature, end, total, penalty);
        let mut left = None;
        if feature.has_missing {
            let stride = self.layout.stride();
            copy(&mut self.left, feature.tally(feature.missing(), stride));
            left = self.sweep(feature, last, total, penalty);
        }
        // The second, if it was found, is the better one.
        let place = |at, missing_left| Place { at, missing_left };
        left.map(|at| place(at, true))
            .or(right.map(|at| place(at, false)))
    }

    /// Searches the splits of the categories `codes`, which include missing values,
    /// into two subsets. Their purity is compared after a `penalty` for the number
    /// of subsets, so that subsets are preferred only where the rows of the node
    /// are evidence enough.
    fn search_subsets(
        &mut self,
        feature: FeatureHistogram<'_, L::Count>,
        codes: &mut [u8],
        present: CodeSet,
        total: &[L::Count],
        penalty: f64,
    ) {
        if self.layout.greatest_purity(total) - penalty <= self.best.score {
            // Not even a split into pure sides would be the best.
            return;
        }
        self.layout.sort_codes(codes, feature.histogram, total);
        let sorted = FeatureHistogram {
            codes,
            has_missing: false,
            ..feature
        };
        clear(&mut self.left);
        if let Some(at) = self.sweep(sorted, sorted.codes.len() - 1, total, penalty) {
            let left = set_of(&sorted.codes[..=at]);
            self.best.rule = SplitRule::Subset { left, present };
        }
    }

    /// Moves one code after the other to the left side, and evaluates the
    /// split after each of the first `end` codes. Returns the index of the code
    /// after which the best split lies, if one of these is better than the best
    /// so far.
    fn sweep(
        &mut self,
        feature: FeatureHistogram<'_, L::Count>,
        end: usize,
        total: &[L::Count],
        penalty: f64,
    ) -> Option<usize> {
        let Self {
            layout,
            limits,
            best,
            left,
            ..
        } = self;
        let stride = layout.stride();
        let is_unlimited = limits.is_met_by_all();
        let mut found = None;
        for (index, &code) in feature.codes[..end].iter().enumerate() {
            let tally = feature.tally(code, stride);
            add(left, tally);
            if is_unlimited {
                // No split between two codes of one same class is better than
                // the split before the first or after the second of them: both
                // criteria are concave (Fayyad and Irani: On the handling of
                // continuous-valued attributes in decision tree generation, 1992).
                if let Some(&next) = feature.codes.get(index + 1)
                    && layout.is_same_pure_class(tally, feature.tally(next, stride))
                {
                    continue;
                }
            } else if !limits.is_met(layout, left, total) {
                continue;
            }
            let purity = layout.split_purity(left, total);
            if best.improve(feature.feature.index, purity, penalty, left) {
                found = Some(index);
            }
        }
        found
    }
}

/// What is subtracted from the purity of a category's splits before they are
/// compared with those of other features.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Penalties {
    /// Of splits by the order of the labels.
    pub(crate) order: f64,
    /// Of splits into any two subsets.
    pub(crate) subsets: f64,
}

/// The codes of a category feature in a node, including that of missing
/// values, ascending, and the same as a set.
fn all_codes<'b, W: Count>(
    feature: &FeatureHistogram<'_, W>,
    buffer: &'b mut [u8; 256],
) -> (&'b mut [u8], CodeSet) {
    let mut number = feature.codes.len();
    buffer[..number].copy_from_slice(feature.codes);
    if feature.has_missing {
        buffer[number] = feature.feature.column.coding.missing() as u8;
        number += 1;
    }
    let codes = &mut buffer[..number];
    let present = set_of(codes);
    (codes, present)
}

/// Codes as a set.
fn set_of(codes: &[u8]) -> CodeSet {
    let mut set = CodeSet::default();
    codes.iter().for_each(|&code| insert(&mut set, code));
    set
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::binary::BinaryLayout;
    use crate::bins::Bins;
    use crate::class_layout::ClassLayout;
    use crate::criterion::{Entropy, Gini};
    use crate::entries::{BoundedRows, Entry, RowItem as _};
    use crate::mean_layout::MeanLayout;
    use crate::multiclass::MulticlassLayout;
    use crate::number_criterion::{Poisson, SquaredError};
    use crate::number_sample::NumberSample;
    use crate::sample::{ClassRows, ClassSample, RowSource};
    use crate::split::PresentCodes;

    fn entries<L: TallyLayout>(
        rows: &impl RowSource<L>,
        draws: &[u16],
        mut layout: L,
    ) -> BoundedRows<Entry<L>> {
        let mut entries = rows.new_entries();
        rows.take(Some(draws), &mut layout, &mut entries);
        entries
    }

    /// The best split of one feature, by sorted rows and by a histogram.
    fn both<L: TallyLayout>(
        layout: impl Fn() -> L,
        bins: &Bins,
        entries: &BoundedRows<Entry<L>>,
        limits: LeafLimits,
    ) -> [BestSplit<L::Count>; 2] {
        let column = &bins.columns()[0];
        let feature = Feature {
            index: 0,
            column,
            bins: None,
        };
        let (stride, codes) = (layout().stride(), column.coding.values() + 1);
        let mut histogram = vec![L::Count::default(); stride * codes];
        let mut total = vec![L::Count::default(); stride];
        for entry in entries.iter() {
            let row = L::unpack(entry.payload());
            let code = usize::from(bins.codes(0).narrow().unwrap()[entry.index()]);
            layout().add(&mut histogram[code * stride..][..stride], row);
            layout().add(&mut total, row);
        }
        let mut from_sorted = SplitSearch::new(layout());
        from_sorted.limits = limits;
        let mut sorted = SortedRows::new();
        if sorted.sort(entries.slice(0..entries.len()), bins.codes(0), None) {
            from_sorted.search_sorted(feature, &sorted, &total);
        }
        let mut from_histogram = SplitSearch::new(layout());
        from_histogram.limits = limits;
        let mut present = PresentCodes::NONE;
        present.set_from_histogram(&histogram, codes);
        let counted = FeatureHistogram {
            feature,
            histogram: &histogram,
            codes: present.codes(),
            has_missing: present.has_missing,
        };
        from_histogram.search(counted, &total);
        [from_sorted.best, from_histogram.best]
    }

    /// The splits have the same purity, up to rounding.
    fn agree<L: TallyLayout>(
        layout: impl Fn() -> L,
        bins: &Bins,
        entries: &BoundedRows<Entry<L>>,
        limits: LeafLimits,
    ) -> Result<(), TestCaseError> {
        let [sorted, histogram] = both::<L>(layout, bins, entries, limits);
        prop_assert_eq!(sorted.is_some(), histogram.is_some());
        if sorted.is_some() {
            let difference = (sorted.purity - histogram.purity).abs();
            prop_assert!(difference <= 1e-12 * (1.0 + histogram.purity.abs()));
        }
        Ok(())
    }

    /// The best split of a category by its histogram of draws and positives.
    fn split_of_category(counts: &[[u64; 2]]) -> BestSplit<u64> {
        let labels: Vec<String> = (0..counts.len()).map(|label| label.to_string()).collect();
        let mut bins = Bins::new(0);
        bins.push_categories("c", &labels, &[]).unwrap();
        let word = |[draws, positives]: [u64; 2]| draws + (positives << 24);
        let mut histogram: Vec<u64> = counts.iter().copied().map(word).collect();
        let total = [histogram.iter().sum()];
        histogram.push(0);
        let mut present = PresentCodes::NONE;
        present.set_from_histogram(&histogram, histogram.len());
        let feature = FeatureHistogram {
            feature: Feature {
                index: 0,
                column: &bins.columns()[0],
                bins: None,
            },
            histogram: &histogram,
            codes: present.codes(),
            has_missing: false,
        };
        let mut search = SplitSearch::new(BinaryLayout::<Gini, false>::new());
        assert!(search.search(feature, &total));
        search.best
    }

    /// Ten labels whose shares of class 1 are 0.4 and 0.6 in turn. The subsets of
    /// five labels leave 0.89 less impurity a five rows than the first label against
    /// the rest. The penalties are 3.9 and 2.5.
    #[test]
    fn a_category_is_split_into_subsets_where_its_rows_are_evidence_enough() {
        let counts = |rows: u64| [[5 * rows, 2 * rows], [5 * rows, 3 * rows]].repeat(5);
        let split = |left| SplitRule::Subset {
            left: [left, 0, 0, 0],
            present: [0b11_1111_1111, 0, 0, 0],
        };
        assert_eq!(split_of_category(&counts(1)).rule, split(0b1));
        assert_eq!(split_of_category(&counts(2)).rule, split(0b01_0101_0101));
    }

    /// The first of eight labels differs from the others, which are alike.
    #[test]
    fn the_score_of_an_order_is_its_purity_less_the_noise() {
        let counts = |labels: usize| [[20, 16]].into_iter().chain(vec![[20, 8]; labels - 1]);
        let penalty = |labels: usize| {
            let best = split_of_category(&counts(labels).collect::<Vec<_>>());
            let SplitRule::Subset { left, .. } = best.rule else {
                panic!("{:?}", best.rule);
            };
            assert_eq!(left, [1, 0, 0, 0]);
            best.purity - best.score
        };
        assert_eq!(penalty(7), 0.0);
        // 72 of 160 rows are of class 1.
        let noise_gain = 2.0 * 0.45 * 0.55;
        assert!((penalty(8) / noise_gain - order_multiple(8)).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn sorted_rows_and_histograms_give_equally_good_splits(
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
            let sample = ClassSample::new(&bins, &codes, classes as usize, &numbers).unwrap();
            let draws: Vec<u16> = rows.iter().map(|row| row.2).collect();
            // A node of one class is a leaf.
            let by_class = sample.draws_by_class(&draws);
            prop_assume!(by_class.iter().filter(|&&draws| draws > 0).count() > 1);
            let limits = LeafLimits { rows: rows_a_side, weight: f64::from(weight_a_side) };
            let class_weights = vec![1.0; classes as usize];
            let rows = ClassRows { sample: &sample, class_weights, balance_drawn: false };
            fn check<L: ClassLayout>(
                layout: impl Fn() -> L,
                bins: &Bins,
                (rows, draws): (&ClassRows<'_>, &[u16]),
                limits: LeafLimits,
            ) -> Result<(), TestCaseError> {
                agree(&layout, bins, &entries(rows, draws, layout()), limits)
            }
            let of = (&rows, &draws[..]);
            if is_binary {
                check(BinaryLayout::<Gini, true>::new, &bins, of, limits)?;
                check(BinaryLayout::<Entropy, true>::new, &bins, of, limits)?;
            } else {
                check(|| MulticlassLayout::<Gini>::new(3, true), &bins, of, limits)?;
                check(|| MulticlassLayout::<Entropy>::new(3, true), &bins, of, limits)?;
            }
        }

        #[test]
        fn sorted_rows_and_histograms_of_numbers_give_the_same_bits(
            rows in prop::collection::vec((0..12_u8, -5.0..9.0_f64, 0..4_u16), 2..60),
            rows_a_side in 0..4_u32,
            weight_a_side in 0..6_u32,
        ) {
            let value = |code: u8| if code == 11 { f64::NAN } else { f64::from(code) };
            let values: Vec<f64> = rows.iter().map(|row| value(row.0)).collect();
            let mut bins = Bins::new(rows.len());
            bins.push_numbers("x", &values).unwrap();
            let numbers: Vec<u32> = (0..rows.len() as u32).collect();
            let draws: Vec<u16> = rows.iter().map(|row| row.2).collect();
            prop_assume!(draws.iter().any(|&draws| draws > 0));
            let limits = LeafLimits { rows: rows_a_side, weight: f64::from(weight_a_side) };
            let targets: Vec<f64> = rows.iter().map(|row| row.1.max(0.0)).collect();
            let sample = NumberSample::new(&bins, &targets, &numbers).unwrap();
            let (fixed, rows) = sample.fixed(40, true, None);
            fn check<L: TallyLayout<Payload = crate::payload::NumberPayload>>(
                layout: impl Fn() -> L,
                bins: &Bins,
                entries: &BoundedRows<Entry<L>>,
                limits: LeafLimits,
            ) -> Result<(), TestCaseError> {
                let [sorted, histogram] = both::<L>(layout, bins, entries, limits);
                prop_assert_eq!(sorted.is_some(), histogram.is_some());
                prop_assert_eq!(sorted.score.to_bits(), histogram.score.to_bits());
                prop_assert_eq!(sorted.left, histogram.left);
                if sorted.score > f64::NEG_INFINITY {
                    prop_assert_eq!(sorted.rule, histogram.rule);
                }
                Ok(())
            }
            let layout = || MeanLayout::<SquaredError, i64, true>::new(fixed);
            check(layout, &bins, &entries(&rows, &draws, layout()), limits)?;
            let layout = || MeanLayout::<Poisson, i64, true>::new(fixed);
            check(layout, &bins, &entries(&rows, &draws, layout()), limits)?;
            let layout = || MeanLayout::<SquaredError, i128, true>::new(fixed);
            check(layout, &bins, &entries(&rows, &draws, layout()), limits)?;
        }
    }
}
