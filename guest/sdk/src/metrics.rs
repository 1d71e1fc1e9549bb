//! scikit-learn's metrics as pure functions: [`Counts`] of predicted classes,
//! [`Ranking`]s by score, losses of probabilities ([`probability`]) and errors of
//! numbers ([`regression`]).
//!
//! Values equal those of scikit-learn 1.9 to 1e-12, edge cases included. Where
//! scikit-learn raises an error because of the rows (a class without a row), the
//! value is NaN. The names of the metrics are in
//! [`Metric`](crate::contract::Metric).

pub mod counts;
pub mod probability;
pub mod ranking;
pub mod regression;

pub use counts::Counts;
pub use ranking::Ranking;

/// The mean of `numbers`, NaN if there are none. By compensated summation, whose
/// error does not grow with the number of summands (Neumaier, 1974).
pub(crate) fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let (mut sum, mut lost, mut count) = (0.0f64, 0.0, 0u64);
    for number in numbers {
        let next = sum + number;
        lost += if sum.abs() >= number.abs() {
            (sum - next) + number
        } else {
            (number - next) + sum
        };
        sum = next;
        count += 1;
    }
    (sum + lost) / count as f64
}
