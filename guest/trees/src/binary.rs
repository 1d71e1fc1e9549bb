//! [`BinaryLayout`]: tallies of two classes, packed into one `u64`.

use std::marker::PhantomData;

use crate::class_layout::{ClassLayout, weighted_noise_gain};
use crate::criterion::{Criterion, EPSILON, INTEGER_DRAWS};
use crate::integers;
use crate::runs::{Place, Runs};
use crate::tally::{LeafLimits, TallyLayout};

/// Two classes in one word: the draws in the low bits, the draws of class 1
/// in the middle, and, if `ROWS`, the number of distinct rows in the high
/// bits. A payload is the lower half of what its row adds, so that the
/// histogram loop has little to compute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BinaryLayout<C, const ROWS: bool> {
    class_weights: [f64; 2],
    criterion: PhantomData<C>,
}

impl<C: Criterion, const ROWS: bool> BinaryLayout<C, ROWS> {
    const SHIFT: u32 = if ROWS { 21 } else { 24 };
    const MASK: u64 = (1 << Self::SHIFT) - 1;

    /// The greatest number of draws that a tally can hold.
    const CAPACITY: u64 = Self::MASK;

    /// The greatest expected number of draws of one row. The number of draws
    /// is about Poisson distributed; with this mean it exceeds
    /// [`TallyLayout::MAX_DRAWS`] with a probability below 10^-70.
    const MAX_EXPECTED_DRAWS: f64 = 64.0;

    /// Whether the layout can count `draws` draws, if each row is expected to
    /// be drawn at most `expected_draws` times.
    pub(crate) fn can_count(draws: u64, expected_draws: f64) -> bool {
        draws <= Self::CAPACITY && expected_draws <= Self::MAX_EXPECTED_DRAWS
    }

    /// A layout whose classes both have weight 1.
    pub(crate) fn new() -> Self {
        Self {
            class_weights: [1.0; 2],
            criterion: PhantomData,
        }
    }

    /// All draws, and those of class 1.
    #[inline]
    fn draws_and_positives(word: u64) -> (u64, u64) {
        (word & Self::MASK, (word >> Self::SHIFT) & Self::MASK)
    }

    /// The weights of class 0 and of class 1.
    #[inline]
    fn weights_of(&self, word: u64) -> (f64, f64) {
        let (draws, positives) = Self::draws_and_positives(word);
        (
            (draws - positives) as u32 as f64 * self.class_weights[0],
            positives as u32 as f64 * self.class_weights[1],
        )
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a tally is the one element `at`, whatever the class; both numbers
// are constants.
unsafe impl<C: Criterion, const ROWS: bool> TallyLayout for BinaryLayout<C, ROWS> {
    type Count = u64;
    type Payload = u32;
    type Increment = u64;

    const MAX_DRAWS: u16 = (1 << (32 - Self::SHIFT)) - 1;

    fn classes(&self) -> usize {
        2
    }

    fn is_within(payload: u32, classes: usize) -> bool {
        (Self::parts(payload).1 as usize) < classes
    }

    #[inline]
    fn stride(&self) -> usize {
        1
    }

    #[inline]
    fn unpack(payload: u32) -> u64 {
        u64::from(payload) | if ROWS { 1 << 42 } else { 0 }
    }

    #[inline]
    unsafe fn add_unchecked(&self, counts: &mut [u64], at: usize, row: u64) {
        debug_assert!(at < counts.len());
        // SAFETY: `at + 1` is at most the length.
        unsafe { *counts.get_unchecked_mut(at) += row };
    }

    #[inline]
    fn masked(row: u64, is_kept: bool) -> u64 {
        row & u64::from(is_kept).wrapping_neg()
    }

    #[inline]
    fn add(&self, tally: &mut [u64], row: u64) {
        tally[0] += row;
    }

    #[inline]
    fn draws(&self, tally: &[u64]) -> u32 {
        (tally[0] & Self::MASK) as u32
    }

    #[inline]
    fn rows(&self, tally: &[u64]) -> u32 {
        if ROWS {
            (tally[0] >> 42) as u32
        } else {
            self.draws(tally)
        }
    }

    #[inline]
    fn weight(&self, tally: &[u64]) -> f64 {
        let (a, b) = self.weights_of(tally[0]);
        a + b
    }

    #[inline]
    fn purity(&self, tally: &[u64]) -> f64 {
        let (a, b) = self.weights_of(tally[0]);
        C::binary(a, b)
    }

    #[inline]
    fn split_purity(&self, left: &[u64], total: &[u64]) -> f64 {
        let (a, b) = self.weights_of(left[0]);
        let (c, d) = self.weights_of(total[0] - left[0]);
        C::binary(a, b) + C::binary(c, d)
    }

    #[inline]
    fn split_weights(&self, left: &[u64], total: &[u64]) -> (f64, f64) {
        let (a, b) = self.weights_of(left[0]);
        let (c, d) = self.weights_of(total[0] - left[0]);
        (a + b, c + d)
    }

    fn greatest_purity(&self, tally: &[u64]) -> f64 {
        C::pure(self.weight(tally))
    }

    fn may_be_impure(&self, tally: &[u64]) -> bool {
        C::impurity(self.weight(tally), self.purity(tally)) > EPSILON
    }

    fn noise_gain(&self, tally: &[u64], _variance: f64) -> f64 {
        let (a, b) = self.weights_of(tally[0]);
        let share = b / (a + b);
        weighted_noise_gain::<C>(share, self.class_weights[1], self.class_weights[0])
    }

    #[inline]
    fn is_same_pure_class(&self, a: &[u64], b: &[u64]) -> bool {
        let (draws_a, positives_a) = Self::draws_and_positives(a[0]);
        let (draws_b, positives_b) = Self::draws_and_positives(b[0]);
        (positives_a | positives_b) == 0 || (draws_a == positives_a && draws_b == positives_b)
    }

    fn push_values(&self, tally: &[u64], values: &mut Vec<f64>) {
        let (a, b) = self.weights_of(tally[0]);
        values.push(b / (a + b));
    }

    /// Sorts by the proportion of class 1, which makes the best partition a
    /// prefix (Breiman et al.: Classification and regression trees, 1984).
    fn sort_codes(&self, codes: &mut [u8], histogram: &[u64], _node: &[u64]) {
        let mut keys = [0_u64; 256];
        let keys = &mut keys[..codes.len()];
        for (key, &code) in keys.iter_mut().zip(codes.iter()) {
            let (a, b) = self.weights_of(histogram[usize::from(code)]);
            *key = sort_key(b / (a + b), code);
        }
        keys.sort_unstable();
        for (code, &key) in codes.iter_mut().zip(keys.iter()) {
            *code = key as u8;
        }
    }

    /// Sorted and counted rows may differ in the rounding of scores. All smaller
    /// nodes of classes of weight 1 are sorted: all criteria have integer forms
    /// for them.
    fn may_sort(&self, tally: &[u64]) -> bool {
        self.is_unweighted() && self.draws(tally) < INTEGER_DRAWS as u32
    }

    fn has_integers(&self, tally: &[u64]) -> bool {
        self.draws(tally) < C::INTEGER_LIMIT && self.is_unweighted()
    }

    fn search_integers(
        &self,
        runs: Runs<'_, u32>,
        sides: &mut Vec<[u32; 2]>,
        total: &[u64],
        limits: LeafLimits,
    ) -> Option<Place> {
        integers::search::<Self>(runs, sides, self.draws_by_class(total), limits)
    }
}

impl<C: Criterion, const ROWS: bool> ClassLayout for BinaryLayout<C, ROWS> {
    type Criterion = C;

    fn set_class_weights(&mut self, weights: &[f64]) {
        self.class_weights = [weights[0], weights[1]];
    }

    fn is_unweighted(&self) -> bool {
        self.class_weights == [1.0; 2]
    }

    fn draws_by_class(&self, tally: &[u64]) -> impl Iterator<Item = u32> {
        let (draws, positives) = Self::draws_and_positives(tally[0]);
        [(draws - positives) as u32, positives as u32].into_iter()
    }

    fn pack(draws: u16, class: u16) -> u32 {
        let draws = u32::from(draws);
        draws | if class == 0 { 0 } else { draws << Self::SHIFT }
    }

    #[inline]
    fn parts(payload: u32) -> (u32, u32) {
        (
            payload & Self::MASK as u32,
            u32::from(payload >> Self::SHIFT != 0),
        )
    }
}

/// Orders by a proportion in steps of 2^-52, then by code.
fn sort_key(proportion: f64, code: u8) -> u64 {
    (((proportion * (1_u64 << 52) as f64) as u64) << 8) | u64::from(code)
}
