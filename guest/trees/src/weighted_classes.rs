//! [`WeightedClassLayout`]: tallies of classes whose rows have sample weights in
//! fixed point; [`WeightedClassRows`]: such rows.

use std::marker::PhantomData;

use crate::criterion::Criterion;
use crate::entries::{BoundedRows, Entry};
use crate::fixed_point::fixed_weights;
use crate::multiclass::sort_by_axis;
use crate::payload::ClassPayload;
use crate::sample::{ClassSample, RowSource};
use crate::tally::TallyLayout;

/// One sum of weights per class, followed by the number of rows. Below 2^32 rows
/// of weights below 2^31, all sums fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightedClassLayout<C> {
    classes: usize,
    criterion: PhantomData<C>,
}

impl<C: Criterion> WeightedClassLayout<C> {
    /// A layout of `classes` classes.
    pub(crate) fn new(classes: usize) -> Self {
        Self {
            classes,
            criterion: PhantomData,
        }
    }

    /// The weight of each class.
    fn weights_of<'a>(&self, tally: &'a [u64]) -> impl Iterator<Item = f64> + 'a {
        tally[..self.classes].iter().map(|&weight| weight as f64)
    }

    /// The weight of each class in `total - left`.
    fn weights_of_rest<'a>(
        &self,
        left: &'a [u64],
        total: &'a [u64],
    ) -> impl Iterator<Item = f64> + 'a {
        let pairs = total[..self.classes].iter().zip(left);
        pairs.map(|(total, left)| (total - left) as f64)
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: the number of classes never changes. The elements of a tally that are
// accessed are that of the class, below the number of classes, and the last one.
unsafe impl<C: Criterion> TallyLayout for WeightedClassLayout<C> {
    type Count = u64;
    type Payload = ClassPayload;
    type Increment = (u64, u32);

    const MAX_DRAWS: u16 = 1;

    fn classes(&self) -> usize {
        self.classes
    }

    fn is_within(payload: ClassPayload, classes: usize) -> bool {
        (payload.class as usize) < classes
    }

    fn stride(&self) -> usize {
        self.classes + 1
    }

    #[inline]
    fn unpack(payload: ClassPayload) -> (u64, u32) {
        (u64::from(payload.weight), payload.class)
    }

    #[inline]
    unsafe fn add_unchecked(&self, counts: &mut [u64], at: usize, (weight, class): (u64, u32)) {
        debug_assert!((class as usize) < self.classes);
        debug_assert!(at + self.stride() <= counts.len());
        // SAFETY: the class is less than the number of classes, which is less
        // than the stride.
        unsafe {
            *counts.get_unchecked_mut(at + class as usize) += weight;
            *counts.get_unchecked_mut(at + self.classes) += 1;
        }
    }

    #[inline]
    fn masked((weight, class): (u64, u32), is_kept: bool) -> (u64, u32) {
        (if is_kept { weight } else { 0 }, class)
    }

    #[inline]
    fn add(&self, tally: &mut [u64], (weight, class): (u64, u32)) {
        tally[class as usize] += weight;
        // A row of weight 0 is no row.
        tally[self.classes] += u64::from(weight > 0);
    }

    fn draws(&self, tally: &[u64]) -> u32 {
        tally[self.classes] as u32
    }

    fn rows(&self, tally: &[u64]) -> u32 {
        tally[self.classes] as u32
    }

    fn weight(&self, tally: &[u64]) -> f64 {
        tally[..self.classes].iter().sum::<u64>() as f64
    }

    fn purity(&self, tally: &[u64]) -> f64 {
        C::multiclass(self.weight(tally), self.weights_of(tally))
    }

    fn split_purity(&self, left: &[u64], total: &[u64]) -> f64 {
        let (a, b) = self.split_weights(left, total);
        C::multiclass(a, self.weights_of(left))
            + C::multiclass(b, self.weights_of_rest(left, total))
    }

    fn split_weights(&self, left: &[u64], total: &[u64]) -> (f64, f64) {
        let sum = |tally: &[u64]| tally[..self.classes].iter().sum::<u64>();
        let (left, total) = (sum(left), sum(total));
        (left as f64, (total - left) as f64)
    }

    fn greatest_purity(&self, tally: &[u64]) -> f64 {
        C::pure(self.weight(tally))
    }

    fn may_be_impure(&self, tally: &[u64]) -> bool {
        let classes = tally[..self.classes].iter();
        classes.filter(|&&weight| weight > 0).count() > 1
    }

    /// As if every row had the mean weight of the node.
    fn noise_gain(&self, tally: &[u64], _variance: f64) -> f64 {
        let weight = self.weight(tally);
        let gains = self
            .weights_of(tally)
            .map(|class| class / weight)
            .filter(|&share| share > 0.0 && share < 1.0)
            .map(C::noise_gain);
        gains.fold(0.0, f64::max) * weight / f64::from(self.rows(tally))
    }

    fn is_same_pure_class(&self, _a: &[u64], _b: &[u64]) -> bool {
        false
    }

    fn push_values(&self, tally: &[u64], values: &mut Vec<f64>) {
        let weight = self.weight(tally);
        let first = usize::from(self.classes == 2);
        values.extend(
            self.weights_of(tally)
                .skip(first)
                .map(|class| class / weight),
        );
    }

    fn sort_codes(&self, codes: &mut [u8], histogram: &[u64], node: &[u64]) {
        let stride = self.stride();
        let weights = |code: u8| {
            let tally = &histogram[usize::from(code) * stride..][..stride];
            (self.weight(tally), self.weights_of(tally))
        };
        sort_by_axis(codes, (self.weight(node), self.weights_of(node)), weights);
    }

    /// Sums are exact, and both compute the same from them.
    fn may_sort(&self, _tally: &[u64]) -> bool {
        true
    }
}

/// The rows of a [`ClassSample`] with weights in fixed point: their sample weights
/// times the weights of their classes.
#[derive(Debug)]
pub(crate) struct WeightedClassRows<'a> {
    sample: &'a ClassSample<'a>,
    weights: Vec<u32>,
}

impl<'a> WeightedClassRows<'a> {
    /// The rows with `weights`, one per training row.
    pub(crate) fn new(sample: &'a ClassSample<'a>, weights: &[f64]) -> Self {
        Self {
            sample,
            weights: fixed_weights(weights),
        }
    }
}

impl<C: Criterion> RowSource<WeightedClassLayout<C>> for WeightedClassRows<'_> {
    fn len(&self) -> usize {
        self.sample.len()
    }

    fn new_entries(&self) -> BoundedRows<Entry<WeightedClassLayout<C>>> {
        BoundedRows::new(self.sample.bounds())
    }

    /// Rows that are drawn are drawn by their weights, and have none: `draws` is
    /// not given.
    #[expect(unsafe_code, reason = "the rows were checked once, by `ClassSample`")]
    fn take(
        &self,
        draws: Option<&[u16]>,
        _layout: &mut WeightedClassLayout<C>,
        entries: &mut BoundedRows<Entry<WeightedClassLayout<C>>>,
    ) {
        assert!(draws.is_none(), "drawn rows have no sample weights");
        assert_eq!(
            entries.bounds(),
            self.sample.bounds(),
            "entries of another sample"
        );
        let of_rows = self.sample.rows().iter().zip(self.sample.classes());
        let weighted = of_rows
            .zip(&self.weights)
            .filter(|(_, weight)| **weight > 0);
        // SAFETY: the rows and classes of the sample are within its bounds.
        unsafe {
            entries.refill(|entries| {
                entries.extend(weighted.map(|((&row, &class), &weight)| {
                    let class = u32::from(class);
                    Entry::new(row, ClassPayload { weight, class })
                }));
            });
        }
    }
}
