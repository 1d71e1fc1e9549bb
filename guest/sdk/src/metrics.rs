//! scikit-learn's metrics as pure functions: [`Counts`] of right and wrong
//! classes, [`Ranking`]s of rows by score, [`probability`] losses, and
//! [`regression`] errors.
//!
//! Values equal scikit-learn's 1.9 to 1e-12, edge cases included. Where
//! scikit-learn raises an error for what was predicted (a class that no true
//! row has), the value is NaN. Names and their meaning for a target are
//! [`Metric`](crate::contract::Metric)'s business.

pub mod counts;
pub mod probability;
pub mod ranking;
pub mod regression;

pub use counts::Counts;
pub use ranking::Ranking;

/// The mean of some numbers; NaN of none. The error of the sum does not grow
/// with their number (Neumaier, 1974).
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
