//! [`FixedPoint`]: numeric targets as whole numbers of one small step, so that
//! their sums are exact and do not depend on the order of the rows.
//!
//! A target `y` is `middle + (shift + q) * 2^exponent` with a whole number `q`
//! for each row. The step `2^exponent` is `2^-bits` of (the power of two above)
//! the greatest distance of a target from the middle of their range. `bits` is 52
//! where sums have 128 bits; else as many as sums of 64 bits allow, `61 - log2
//! (draws)`: 47 for 10,000 rows, 43 for 250,000, 29 for 2^32. So the error of a
//! target, and of the mean of any rows, is at most `2^-(bits + 1)` of that
//! distance, where scikit-learn's sums in floating point have rounding errors
//! that grow with the number of rows and with the distance of the targets from 0.
//! Targets that are whole multiples of the step are exact, which whole numbers
//! and multiples of 1/2, 1/4 and so on are, unless the range is extreme.
//! `shift` is the mean, rounded: sums of numbers near 0 lose least when they are
//! squared.

/// How targets are stored as whole numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FixedPoint {
    middle: f64,
    shift: i64,
    exponent: i32,
    bits: i32,
    least: f64,
    greatest: f64,
}

/// The greatest number of bits of a target: all that a floating-point number has.
const MOST_BITS: i32 = 52;

impl FixedPoint {
    /// The bits for which sums of `draws` targets fit into 64 bits.
    pub(crate) fn bits_of(draws: u64) -> i32 {
        let log2 = 64 - draws.max(1).saturating_sub(1).leading_zeros() as i32;
        (61 - log2).min(MOST_BITS)
    }

    /// The bits of targets whose sums have 128 bits.
    pub(crate) const WIDE_BITS: i32 = MOST_BITS;

    /// Stores finite targets, of which there is at least one. `from_zero`:
    /// whether 0 stays 0, for targets of at least 0.
    pub(crate) fn of(targets: &[f64], bits: i32, from_zero: bool) -> (Self, Vec<i64>) {
        let least = targets.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = targets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let middle = match from_zero {
            true => 0.0,
            false => least / 2.0 + greatest / 2.0,
        };
        let distance = (greatest - middle).max(middle - least);
        let (_, above) = libm::frexp(distance);
        let mut fixed = Self {
            middle,
            shift: 0,
            exponent: above - bits,
            bits,
            least,
            greatest,
        };
        if distance <= 0.0 {
            return (fixed, vec![0; targets.len()]);
        }
        // On the grid, so that targets on the grid are exact. A middle that is
        // far from the targets' range is on it.
        let steps = libm::scalbn(middle, -fixed.exponent);
        if steps.abs() < (1_u64 << MOST_BITS) as f64 {
            fixed.middle = libm::scalbn(steps.round_ties_even(), fixed.exponent);
        }
        let steps = |target: &f64| {
            let steps = libm::scalbn(target - fixed.middle, -fixed.exponent);
            steps.round_ties_even() as i64
        };
        let mut values: Vec<i64> = targets.iter().map(steps).collect();
        if !from_zero {
            let sum: i128 = values.iter().map(|&value| i128::from(value)).sum();
            fixed.shift = (sum / values.len() as i128) as i64;
            values.iter_mut().for_each(|value| *value -= fixed.shift);
        }
        (fixed, values)
    }

    /// The target of a mean of whole numbers, within the range of the targets.
    pub(crate) fn target(&self, mean: f64) -> f64 {
        let distance = libm::scalbn(self.shift as f64 + mean, self.exponent);
        (self.middle + distance).clamp(self.least, self.greatest)
    }

    /// The unit in which criteria measure targets: about the distance of the
    /// farthest. In steps, it is `2^bits`.
    pub(crate) fn per_step(&self) -> f64 {
        libm::scalbn(1.0, -self.bits)
    }

    /// A number of that unit to the power `power`, in the unit of the targets.
    pub(crate) fn unscaled(&self, number: f64, power: i32) -> f64 {
        libm::scalbn(number, (self.exponent + self.bits) * power)
    }

    /// The number of bits of a target, without its sign and one for the shift.
    pub(crate) fn bits(&self) -> i32 {
        self.bits
    }
}

/// Weights of at least 0, of which one is greater, as whole numbers: in steps of
/// `2^-31` of (the power of two above) the greatest, at least one step where a
/// weight is above 0. Whole weights below 2^31 are exact.
pub(crate) fn fixed_weights(weights: &[f64]) -> Vec<u32> {
    let greatest = weights.iter().copied().fold(0.0, f64::max);
    let (_, above) = libm::frexp(greatest);
    let steps = |weight: &f64| {
        let steps = libm::scalbn(*weight, 31 - above).round_ties_even();
        (steps as u32).max(u32::from(*weight > 0.0))
    };
    weights.iter().map(steps).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn restored(targets: &[f64], bits: i32, from_zero: bool) -> Vec<f64> {
        let (fixed, values) = FixedPoint::of(targets, bits, from_zero);
        values
            .iter()
            .map(|&value| fixed.target(value as f64))
            .collect()
    }

    #[test]
    fn targets_of_any_magnitude_are_restored() {
        for targets in [
            &[1e300, -1e300, 3e299][..],
            &[f64::MAX, f64::MIN, 0.0],
            &[1e-300, 2e-300, -5e-300],
            &[5e-324, 0.0, 1.5e-323],
            &[1e9, 1e9 + 0.5, 1e9 - 0.25],
            &[7.25; 4],
            &[5e-324; 3],
            &[-86.0, 1272.0, 0.0, 11.0],
        ] {
            for bits in [29, FixedPoint::bits_of(250_000), 52] {
                let greatest = targets.iter().fold(0.0_f64, |most, y| most.max(y.abs()));
                for (target, restored) in targets.iter().zip(restored(targets, bits, false)) {
                    let error = (target / 2.0 - restored / 2.0).abs();
                    assert!(
                        error <= greatest * libm::scalbn(1.0, -bits),
                        "{target} is {restored}"
                    );
                }
            }
        }
        assert_eq!(
            restored(&[-86.0, 1272.0, 3.5], 43, false),
            [-86.0, 1272.0, 3.5]
        );
        assert_eq!(restored(&[1e9, 1e9 + 0.25], 43, false), [1e9, 1e9 + 0.25]);
        assert_eq!(restored(&[0.0, 0.5, 812.0], 43, true), [0.0, 0.5, 812.0]);
        assert_eq!(restored(&[5e-324, 0.0], 52, false), [5e-324, 0.0]);
    }

    #[test]
    fn sums_of_the_greatest_targets_fit() {
        for draws in [1, 2, 3, 1 << 20, (1 << 32) - 1] {
            let bits = FixedPoint::bits_of(draws);
            let (_, values) = FixedPoint::of(&[-1.0, 1.0, 1.0, 1.0], bits, false);
            let greatest = values
                .iter()
                .map(|value| value.unsigned_abs())
                .max()
                .unwrap();
            assert!(u128::from(greatest) * u128::from(draws) < 1 << 63);
        }
        assert_eq!(FixedPoint::bits_of(250_000), 43);
        assert_eq!(FixedPoint::bits_of(10_000), 47);
        assert_eq!(FixedPoint::bits_of(u64::from(u32::MAX)), 29);
    }

    #[test]
    fn whole_weights_keep_their_proportions() {
        assert_eq!(
            fixed_weights(&[3.0, 0.0, 1.0, 2.0]),
            [3 << 29, 0, 1 << 29, 2 << 29]
        );
        assert_eq!(
            fixed_weights(&[1e300, 1e-300]),
            [fixed_weights(&[1e300])[0], 1]
        );
    }

    proptest! {
        #[test]
        fn errors_are_below_a_step(
            targets in prop::collection::vec(-1e6..1e6_f64, 1..50), offset in -1e9..1e9_f64,
        ) {
            let targets: Vec<f64> = targets.iter().map(|target| target + offset).collect();
            let least = targets.iter().copied().fold(f64::INFINITY, f64::min);
            let greatest = targets.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            // Rounding of the result, and half a step.
            let most = (greatest - least) * libm::scalbn(1.0, -40) + offset.abs() * f64::EPSILON;
            for (target, restored) in targets.iter().zip(restored(&targets, 40, false)) {
                prop_assert!((target - restored).abs() <= most);
            }
        }
    }
}
