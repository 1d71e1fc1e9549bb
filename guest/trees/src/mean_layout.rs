//! [`MeanLayout`]: sums of weights and of numeric targets, for criteria that they
//! determine. All sums are exact (see `fixed_point`), so that sorted rows and
//! histograms give the same bits.

use std::marker::PhantomData;

use crate::fixed_point::FixedPoint;
use crate::number_criterion::NumberCriterion;
use crate::payload::NumberPayload;
use crate::tally::{Count, TallyLayout};

/// A sum of targets times weights.
pub(crate) trait Sum: Count {
    /// Whether weights are sample weights, and not draws.
    const IS_WEIGHTED: bool;
    /// The bits of a target whose square, times the weights of `2^log2_draws`
    /// rows, fits.
    fn bits_of_squares(log2_draws: u32) -> u32;
    /// A weight times a number.
    fn product(weight: u32, number: i64) -> Self;
    /// The nearest floating-point number.
    fn to_f64(self) -> f64;
}

/// For draws.
impl Sum for i64 {
    const IS_WEIGHTED: bool = false;

    fn bits_of_squares(log2_draws: u32) -> u32 {
        (62 - log2_draws) / 2
    }

    #[inline]
    fn product(weight: u32, number: i64) -> Self {
        i64::from(weight) * number
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self as f64
    }
}

/// For sample weights.
impl Sum for i128 {
    const IS_WEIGHTED: bool = true;

    fn bits_of_squares(_log2_draws: u32) -> u32 {
        31
    }

    #[inline]
    fn product(weight: u32, number: i64) -> Self {
        Self::from(weight) * Self::from(number)
    }

    #[inline]
    fn to_f64(self) -> f64 {
        self as f64
    }
}

/// The sum of the weights, the sum of the weighted targets, and, if `ROWS`, the
/// number of distinct rows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MeanLayout<C, S, const ROWS: bool> {
    fixed: FixedPoint,
    /// [`FixedPoint::per_step`].
    per_step: f64,
    criterion: PhantomData<(C, S)>,
}

impl<C: NumberCriterion, S: Sum, const ROWS: bool> MeanLayout<C, S, ROWS> {
    /// A layout of targets in fixed point.
    pub(crate) fn new(fixed: FixedPoint) -> Self {
        const {
            assert!(
                ROWS || !S::IS_WEIGHTED,
                "weights do not tell the number of rows"
            )
        };
        Self {
            fixed,
            per_step: fixed.per_step(),
            criterion: PhantomData,
        }
    }

    /// The purity of weights and targets of these sums.
    #[inline]
    fn purity_of(&self, weight: S, sum: S) -> f64 {
        C::purity(weight.to_f64(), sum.to_f64() * self.per_step)
    }
}

/// A difference.
#[inline]
fn minus<S: Sum>(mut a: S, b: S) -> S {
    a -= b;
    a
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a tally is the elements from `at` on, two or three, whatever the
// payload; both numbers are constants.
unsafe impl<C: NumberCriterion, S: Sum, const ROWS: bool> TallyLayout for MeanLayout<C, S, ROWS> {
    type Count = S;
    type Payload = NumberPayload;
    type Increment = (S, S);

    const MAX_DRAWS: u16 = u16::MAX;
    const IS_NUMERIC: bool = true;

    fn classes(&self) -> usize {
        0
    }

    fn is_within(_payload: NumberPayload, _classes: usize) -> bool {
        true
    }

    #[inline]
    fn stride(&self) -> usize {
        if ROWS { 3 } else { 2 }
    }

    #[inline]
    fn unpack(payload: NumberPayload) -> (S, S) {
        (
            S::product(payload.weight, 1),
            S::product(payload.weight, payload.value),
        )
    }

    #[inline]
    unsafe fn add_unchecked(&self, counts: &mut [S], at: usize, (weight, sum): (S, S)) {
        debug_assert!(at + self.stride() <= counts.len());
        // SAFETY: `at + stride()` is at most the length.
        unsafe {
            *counts.get_unchecked_mut(at) += weight;
            *counts.get_unchecked_mut(at + 1) += sum;
            if ROWS {
                *counts.get_unchecked_mut(at + 2) += S::product(1, 1);
            }
        }
    }

    #[inline]
    fn masked((weight, sum): (S, S), is_kept: bool) -> (S, S) {
        if is_kept {
            (weight, sum)
        } else {
            (S::default(), S::default())
        }
    }

    #[inline]
    fn add(&self, tally: &mut [S], (weight, sum): (S, S)) {
        tally[0] += weight;
        tally[1] += sum;
        if ROWS {
            // A row that was drawn counts once.
            tally[2] += S::product(u32::from(weight != S::default()), 1);
        }
    }

    #[inline]
    fn draws(&self, tally: &[S]) -> u32 {
        tally[if S::IS_WEIGHTED { 2 } else { 0 }].to_f64() as u32
    }

    #[inline]
    fn rows(&self, tally: &[S]) -> u32 {
        tally[if ROWS { 2 } else { 0 }].to_f64() as u32
    }

    #[inline]
    fn weight(&self, tally: &[S]) -> f64 {
        tally[0].to_f64()
    }

    #[inline]
    fn purity(&self, tally: &[S]) -> f64 {
        self.purity_of(tally[0], tally[1])
    }

    #[inline]
    fn split_purity(&self, left: &[S], total: &[S]) -> f64 {
        let rest = (minus(total[0], left[0]), minus(total[1], left[1]));
        self.purity_of(left[0], left[1]) + self.purity_of(rest.0, rest.1)
    }

    #[inline]
    fn split_weights(&self, left: &[S], total: &[S]) -> (f64, f64) {
        (left[0].to_f64(), minus(total[0], left[0]).to_f64())
    }

    /// Tallies do not tell it.
    fn greatest_purity(&self, _tally: &[S]) -> f64 {
        f64::INFINITY
    }

    /// [`Self::is_pure`] decides.
    fn may_be_impure(&self, _tally: &[S]) -> bool {
        true
    }

    fn noise_gain(&self, tally: &[S], variance: f64) -> f64 {
        let mean = tally[1].to_f64() / tally[0].to_f64() * self.per_step;
        C::noise_gain(mean, variance)
    }

    #[inline]
    fn is_same_pure_class(&self, _a: &[S], _b: &[S]) -> bool {
        false
    }

    fn push_values(&self, tally: &[S], values: &mut Vec<f64>) {
        values.push(self.fixed.target(tally[1].to_f64() / tally[0].to_f64()));
    }

    /// Sorts by the mean target, which makes the best partition a prefix (Breiman
    /// et al.: Classification and regression trees, 1984).
    fn sort_codes(&self, codes: &mut [u8], histogram: &[S], _node: &[S]) {
        let stride = self.stride();
        let mean = |code: u8| {
            let tally = &histogram[usize::from(code) * stride..][..stride];
            tally[1].to_f64() / tally[0].to_f64()
        };
        let mut order: Vec<(f64, u8)> = codes.iter().map(|&code| (mean(code), code)).collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (code, (_, sorted)) in codes.iter_mut().zip(order) {
            *code = sorted;
        }
    }

    fn may_sort(&self, _tally: &[S]) -> bool {
        true
    }

    fn scale_decrease(&self, decrease: f64) -> f64 {
        self.fixed.unscaled(decrease, C::POWER)
    }

    fn is_pure(mut rows: impl Iterator<Item = NumberPayload>) -> bool {
        let first = rows.next();
        rows.all(|row| Some(row.value) == first.map(|first| first.value))
    }

    /// Of targets that are rounded so that sums of their squares are exact.
    fn variance(&self, rows: impl Iterator<Item = NumberPayload>) -> f64 {
        let log2_draws = (61 - self.fixed.bits()).clamp(0, 32) as u32;
        let bits = (self.fixed.bits() + 1) as u32;
        let dropped = bits.saturating_sub(S::bits_of_squares(log2_draws));
        let (mut weight, mut sum, mut squares) = (S::default(), S::default(), S::default());
        for row in rows {
            let value = row.value >> dropped;
            weight += S::product(row.weight, 1);
            sum += S::product(row.weight, value);
            squares += S::product(row.weight, value * value);
        }
        let (mean, squares) = (
            sum.to_f64() / weight.to_f64(),
            squares.to_f64() / weight.to_f64(),
        );
        let unit = libm::scalbn(self.per_step, dropped as i32);
        (squares - mean * mean).max(0.0) * unit * unit
    }
}
