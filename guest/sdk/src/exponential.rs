//! [`exp`]: the exponential function of many numbers at once.

/// Below it, the exponential is taken for 0; it is less than 3.4e-308.
const LEAST: f64 = -708.0;

/// One over the logarithm of 2, and that logarithm in two parts, of which the first
/// has few bits, so that multiples of it are exact.
const INVERSE: f64 = std::f64::consts::LOG2_E;
const HIGH: f64 = 6.931_471_803_691_238e-1;
const LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Added to a number of less than 2⁵¹, it leaves the nearest whole number in the
/// last bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// `1 / n!` from the 13th on down to the second.
const TERMS: [f64; 12] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    0.5,
];

/// Replaces numbers of at most 0 by their exponentials, to two units in the last
/// place. `libm` does one number at a time; this has no branches and no calls, so
/// that a processor does two or more, to the same bits everywhere.
pub fn exp(numbers: &mut [f64]) {
    let (turns, rest) = numbers.as_chunks_mut::<8>();
    for numbers in turns {
        *numbers = numbers.map(exp_of);
    }
    for number in rest {
        *number = exp_of(*number);
    }
}

#[inline(always)]
fn exp_of(number: f64) -> f64 {
    let x = if number > LEAST { number } else { LEAST };
    // x = n log 2 + r, |r| ≤ ½ log 2.
    let shifted = x * INVERSE + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * HIGH) - n * LOW;
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * r + term;
    }
    let fraction = 1.0 + (r + r * r * sum);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    if number > LEAST {
        fraction * power
    } else {
        0.0
    }
}

/// Replaces numbers by `1 / (1 + exp(-x))`.
pub fn sigmoid(numbers: &mut [f64]) {
    let mut buffer = [0.0; 256];
    for numbers in numbers.chunks_mut(buffer.len()) {
        let small = &mut buffer[..numbers.len()];
        for (small, x) in small.iter_mut().zip(numbers.iter()) {
            *small = -x.abs();
        }
        exp(small);
        for (x, &small) in numbers.iter_mut().zip(small.iter()) {
            *x = of_small(*x, small);
        }
    }
}

/// `1 / (1 + exp(-x))` by `small`, which is `exp(-|x|)`.
pub fn of_small(x: f64, small: f64) -> f64 {
    let above = if x >= 0.0 { 1.0 } else { small };
    above / (1.0 + small)
}

/// Replaces numbers `x` by `exp(x)` over the sum of all of these.
pub fn softmax(row: &mut [f64]) {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value -= greatest;
    }
    exp(row);
    for value in row.iter() {
        sum += value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_libm_to_two_units() {
        let numbers: Vec<f64> = (0..200_000).map(|i| f64::from(i) * -0.003_541).collect();
        let mut found = numbers.clone();
        exp(&mut found);
        for (x, found) in numbers.iter().zip(found) {
            let expected = libm::exp(*x);
            let unit = f64::from_bits(expected.to_bits() + 1) - expected;
            if *x > LEAST {
                assert!((found - expected).abs() <= 2.0 * unit, "{x}: {found}");
            } else {
                assert_eq!(found, 0.0);
            }
        }
        let mut found: Vec<f64> = numbers.iter().flat_map(|x| [*x, -x]).collect();
        sigmoid(&mut found);
        for (x, [small, great]) in numbers.iter().zip(found.as_chunks().0) {
            let expected = 1.0 / (1.0 + libm::exp(-x));
            assert!(
                (small - expected).abs() <= 1e-15 * expected + 1e-307,
                "{x}: {small}"
            );
            assert!((great - (1.0 - expected)).abs() <= 4e-16, "{x}: {great}");
        }
        let mut ends = [0.0, -0.0, f64::NEG_INFINITY, -1e300, LEAST];
        exp(&mut ends);
        assert_eq!(ends, [1.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
