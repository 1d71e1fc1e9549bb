//! numpy's mean and standard deviation to the last bit: ranks compare means
//! for equality, so that a mean must not depend on the order of summation.

/// `numpy.mean`.
pub(crate) fn mean(values: &[f64]) -> f64 {
    pairwise_sum(values.iter().copied()) / values.len() as f64
}

/// `numpy.mean` and `numpy.std`, the population's.
pub(crate) fn mean_and_std(values: &[f64]) -> (f64, f64) {
    let mean = mean(values);
    let squares = values.iter().map(|value| (value - mean) * (value - mean));
    (mean, (pairwise_sum(squares) / values.len() as f64).sqrt())
}

/// The sum as `numpy.add.reduce` forms it (`pairwise_sum` in
/// `loops_utils.h.src`): eight running sums for each block of at most 128
/// values.
fn pairwise_sum(mut values: impl ExactSizeIterator<Item = f64>) -> f64 {
    fn block(values: &mut impl Iterator<Item = f64>, len: usize) -> f64 {
        if len < 8 {
            return values.take(len).fold(0.0, |sum, value| sum + value);
        }
        if len <= 128 {
            let mut sums = [0.0; 8];
            for sum in &mut sums {
                *sum = values.next().unwrap_or_default();
            }
            for _ in 1..len / 8 {
                for sum in &mut sums {
                    *sum += values.next().unwrap_or_default();
                }
            }
            let [a, b, c, d, e, f, g, h] = sums;
            let sum = ((a + b) + (c + d)) + ((e + f) + (g + h));
            return values.take(len % 8).fold(sum, |sum, value| sum + value);
        }
        let half = len / 2;
        let half = half - half % 8;
        let left = block(values, half);
        left + block(values, len - half)
    }
    let len = values.len();
    block(&mut values, len)
}
