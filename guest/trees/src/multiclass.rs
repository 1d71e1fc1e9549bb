//! [`MulticlassLayout`]: tallies of any number of classes, one `u32` each.

use std::marker::PhantomData;

use crate::class_layout::{ClassLayout, weighted_noise_gain};
use crate::criterion::{Criterion, EPSILON, INTEGER_DRAWS};
use crate::integers;
use crate::runs::{Place, Runs};
use crate::tally::{LeafLimits, TallyLayout};

/// The number of classes from which on integers are faster than floating point.
const MANY_CLASSES: usize = 12;

/// One count of draws per class, followed by the number of distinct rows
/// where these are counted.
#[derive(Clone, Debug)]
pub(crate) struct MulticlassLayout<C> {
    class_weights: Vec<f64>,
    /// Whether every class has weight 1.
    is_unweighted: bool,
    /// Whether purities are computed in integers, which takes less time where
    /// there are many classes of weight 1.
    in_integers: bool,
    count_rows: bool,
    criterion: PhantomData<C>,
}

impl<C: Criterion> MulticlassLayout<C> {
    /// A layout of `classes` classes, all of weight 1.
    pub(crate) fn new(classes: usize, count_rows: bool) -> Self {
        Self {
            class_weights: vec![1.0; classes],
            is_unweighted: true,
            in_integers: classes >= MANY_CLASSES,
            count_rows,
            criterion: PhantomData,
        }
    }

    /// The draws of each class.
    #[inline]
    fn counts<'a>(&self, tally: &'a [u32]) -> &'a [u32] {
        &tally[..self.class_weights.len()]
    }

    /// The weight of each class.
    #[inline]
    fn weights_of<'a>(&'a self, tally: &'a [u32]) -> impl Iterator<Item = f64> + 'a {
        tally
            .iter()
            .zip(&self.class_weights)
            .map(|(&count, weight)| f64::from(count) * weight)
    }

    /// The weight of each class in `total - left`.
    #[inline]
    fn weights_of_rest<'a>(
        &'a self,
        left: &'a [u32],
        total: &'a [u32],
    ) -> impl Iterator<Item = f64> + 'a {
        total
            .iter()
            .zip(left)
            .zip(&self.class_weights)
            .map(|((&total, &left), weight)| f64::from(total - left) * weight)
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: neither the number of classes nor `count_rows` ever changes. The
// elements of a tally that are accessed are that of the class, below the
// number of classes, and the last one where rows are counted.
unsafe impl<C: Criterion> TallyLayout for MulticlassLayout<C> {
    type Count = u32;
    type Payload = u32;
    type Increment = (u32, u32);

    const MAX_DRAWS: u16 = u16::MAX;

    fn classes(&self) -> usize {
        self.class_weights.len()
    }

    fn is_within(payload: u32, classes: usize) -> bool {
        (Self::parts(payload).1 as usize) < classes
    }

    #[inline]
    fn stride(&self) -> usize {
        self.class_weights.len() + usize::from(self.count_rows)
    }

    #[inline]
    fn unpack(payload: u32) -> (u32, u32) {
        (payload & 0xffff, payload >> 16)
    }

    #[inline]
    unsafe fn add_unchecked(&self, counts: &mut [u32], at: usize, (draws, class): (u32, u32)) {
        debug_assert!((class as usize) < self.classes());
        debug_assert!(at + self.stride() <= counts.len());
        // SAFETY: the class is less than the number of classes, which is less
        // than the stride where rows are counted.
        unsafe {
            *counts.get_unchecked_mut(at + class as usize) += draws;
            if self.count_rows {
                *counts.get_unchecked_mut(at + self.class_weights.len()) += 1;
            }
        }
    }

    #[inline]
    fn masked((draws, class): (u32, u32), is_kept: bool) -> (u32, u32) {
        (if is_kept { draws } else { 0 }, class)
    }

    #[inline]
    fn add(&self, tally: &mut [u32], (draws, class): (u32, u32)) {
        tally[class as usize] += draws;
        if self.count_rows {
            // A row that was drawn counts once.
            tally[self.class_weights.len()] += u32::from(draws > 0);
        }
    }

    #[inline]
    fn draws(&self, tally: &[u32]) -> u32 {
        self.counts(tally).iter().sum()
    }

    #[inline]
    fn rows(&self, tally: &[u32]) -> u32 {
        if self.count_rows {
            tally[self.class_weights.len()]
        } else {
            self.draws(tally)
        }
    }

    #[inline]
    fn weight(&self, tally: &[u32]) -> f64 {
        if self.in_integers {
            return f64::from(self.draws(tally));
        }
        self.weights_of(tally).sum()
    }

    #[inline]
    fn purity(&self, tally: &[u32]) -> f64 {
        if self.in_integers {
            return C::unweighted(self.draws(tally), self.counts(tally).iter().copied());
        }
        C::multiclass(self.weight(tally), self.weights_of(tally))
    }

    #[inline]
    fn split_purity(&self, left: &[u32], total: &[u32]) -> f64 {
        if self.in_integers {
            let (left, total) = (self.counts(left), self.counts(total));
            let draws: u32 = left.iter().sum();
            let all: u32 = total.iter().sum();
            let rest = total.iter().zip(left).map(|(total, left)| total - left);
            return C::unweighted(draws, left.iter().copied()) + C::unweighted(all - draws, rest);
        }
        let (a, b) = self.split_weights(left, total);
        C::multiclass(a, self.weights_of(left))
            + C::multiclass(b, self.weights_of_rest(left, total))
    }

    #[inline]
    fn split_weights(&self, left: &[u32], total: &[u32]) -> (f64, f64) {
        if self.in_integers {
            let draws = self.draws(left);
            return (f64::from(draws), f64::from(self.draws(total) - draws));
        }
        (
            self.weights_of(left).sum(),
            self.weights_of_rest(left, total).sum(),
        )
    }

    fn greatest_purity(&self, tally: &[u32]) -> f64 {
        C::pure(self.weight(tally))
    }

    fn may_be_impure(&self, tally: &[u32]) -> bool {
        C::impurity(self.weight(tally), self.purity(tally)) > EPSILON
    }

    /// The greatest noise gain of any one class: an upper bound for the
    /// variance along the best axis between classes (Gershgorin's theorem).
    fn noise_gain(&self, tally: &[u32], _variance: f64) -> f64 {
        let weight = self.weight(tally);
        let shares = || self.weights_of(tally).map(|class| class / weight);
        let mean: f64 = shares()
            .zip(&self.class_weights)
            .map(|(share, weight)| share * weight)
            .sum();
        shares()
            .zip(&self.class_weights)
            .filter(|&(share, _)| share > 0.0 && share < 1.0)
            .map(|(share, &class)| {
                weighted_noise_gain::<C>(share, class, (mean - share * class) / (1.0 - share))
            })
            .fold(0.0, f64::max)
    }

    #[inline]
    fn is_same_pure_class(&self, _a: &[u32], _b: &[u32]) -> bool {
        false
    }

    fn push_values(&self, tally: &[u32], values: &mut Vec<f64>) {
        let weight = self.weight(tally);
        let first = usize::from(self.class_weights.len() == 2);
        values.extend(
            self.weights_of(tally)
                .skip(first)
                .map(|class| class / weight),
        );
    }

    fn sort_codes(&self, codes: &mut [u8], histogram: &[u32], node: &[u32]) {
        let stride = self.stride();
        let weights = |code: u8| {
            let tally = &histogram[usize::from(code) * stride..][..stride];
            (self.weight(tally), self.weights_of(tally))
        };
        sort_by_axis(codes, (self.weight(node), self.weights_of(node)), weights);
    }

    /// Sorted and counted rows may differ in the rounding of scores. All smaller
    /// nodes of classes of weight 1 are sorted: all criteria have integer forms
    /// for them.
    fn may_sort(&self, tally: &[u32]) -> bool {
        self.is_unweighted() && self.draws(tally) < INTEGER_DRAWS as u32
    }

    fn has_integers(&self, tally: &[u32]) -> bool {
        self.draws(tally) < C::INTEGER_LIMIT && self.is_unweighted()
    }

    fn search_integers(
        &self,
        runs: Runs<'_, u32>,
        sides: &mut Vec<[u32; 2]>,
        total: &[u32],
        limits: LeafLimits,
    ) -> Option<Place> {
        integers::search::<Self>(runs, sides, self.draws_by_class(total), limits)
    }
}

impl<C: Criterion> ClassLayout for MulticlassLayout<C> {
    type Criterion = C;

    fn set_class_weights(&mut self, weights: &[f64]) {
        self.class_weights.copy_from_slice(weights);
        self.is_unweighted = weights.iter().all(|&weight| weight == 1.0);
        self.in_integers = self.is_unweighted && weights.len() >= MANY_CLASSES;
    }

    fn is_unweighted(&self) -> bool {
        self.is_unweighted
    }

    fn draws_by_class(&self, tally: &[u32]) -> impl Iterator<Item = u32> {
        self.counts(tally).iter().copied()
    }

    fn pack(draws: u16, class: u16) -> u32 {
        u32::from(draws) | (u32::from(class) << 16)
    }

    #[inline]
    fn parts(payload: u32) -> (u32, u32) {
        (payload & 0xffff, payload >> 16)
    }
}

/// Sorts codes by the first principal component of their class proportions
/// (Coppersmith, Hong, Hosking: Partitioning nominal attributes in decision trees,
/// 1999), found by a fixed number of power iterations. `node` and `weights_of` of a
/// code are the weight of all classes, and that of each.
pub(crate) fn sort_by_axis<I: Iterator<Item = f64>>(
    codes: &mut [u8],
    node: (f64, impl Iterator<Item = f64>),
    weights_of: impl Fn(u8) -> (f64, I),
) {
    const ITERATIONS: usize = 12;
    let (node_weight, node) = node;
    let mean: Vec<f64> = node.map(|class| class / node_weight).collect();
    let classes = mean.len();
    let mut weights = Vec::with_capacity(codes.len());
    let mut deviations = Vec::with_capacity(codes.len() * classes);
    for &code in codes.iter() {
        let (weight, of_classes) = weights_of(code);
        weights.push(weight);
        deviations.extend(
            of_classes
                .zip(&mean)
                .map(|(class, mean)| class / weight - mean),
        );
    }
    let spread = |index: usize| {
        let row = &deviations[index * classes..][..classes];
        weights[index]
            * row
                .iter()
                .map(|deviation| deviation * deviation)
                .sum::<f64>()
    };
    let farthest = (0..codes.len()).max_by(|&a, &b| spread(a).total_cmp(&spread(b)));
    let Some(farthest) = farthest else { return };
    if codes.len() == 2 && spread(farthest) > 0.0 {
        // The deviations of two codes point in opposite directions, so that
        // the farther one is the greater along the axis.
        if farthest == 0 {
            codes.swap(0, 1);
        }
        return;
    }
    let mut axis = deviations[farthest * classes..][..classes].to_vec();
    let mut next = vec![0.0; classes];
    for _ in 0..ITERATIONS {
        next.fill(0.0);
        for (row, weight) in deviations.chunks_exact(classes).zip(&weights) {
            let along = weight * dot(row, &axis);
            for (next, deviation) in next.iter_mut().zip(row) {
                *next += along * deviation;
            }
        }
        let length = dot(&next, &next).sqrt();
        if length == 0.0 {
            break;
        }
        for (axis, next) in axis.iter_mut().zip(&next) {
            *axis = next / length;
        }
    }
    let mut order: Vec<(f64, u8)> = codes
        .iter()
        .zip(deviations.chunks_exact(classes))
        .map(|(&code, row)| (dot(row, &axis), code))
        .collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    for (code, (_, sorted)) in codes.iter_mut().zip(order) {
        *code = sorted;
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
