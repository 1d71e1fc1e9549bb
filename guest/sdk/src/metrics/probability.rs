//! Losses of predicted probabilities, and the accuracy of the first of them.
//!
//! Formulas: scikit-learn 1.9's `log_loss`, `brier_score_loss`,
//! `d2_log_loss_score`, `d2_brier_score` and `top_k_accuracy_score`.

use super::{Sum, Weights, weighted_mean};

/// The mean negative logarithm of the probability of the true class. `truth` has
/// one class per row; `probability(row, class)` is that of a class in a row, and
/// is clipped to `[epsilon, 1 - epsilon]` with the machine epsilon.
pub fn log_loss(
    truth: &[u32],
    weights: Weights<'_>,
    probability: impl Fn(usize, u32) -> f64,
) -> f64 {
    let rows = truth.iter().enumerate();
    let losses = rows.map(|(row, class)| surprise(probability(row, *class)));
    weighted_mean(losses, weights)
}

fn surprise(probability: f64) -> f64 {
    -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// The mean squared error of the probability of class 1, for two classes. `ones`
/// has one probability per row.
pub fn brier_binary(truth: &[u32], weights: Weights<'_>, ones: impl Iterator<Item = f64>) -> f64 {
    let rows = truth.iter().zip(ones);
    let errors = rows.map(|(class, one)| {
        let error = f64::from(*class) - one;
        error * error
    });
    weighted_mean(errors, weights)
}

/// The mean over the rows of the sum of the squared errors of all classes, from 0
/// to 2, for three or more classes. `table` has shape (rows, classes), row-major.
pub fn brier_multiclass(truth: &[u32], weights: Weights<'_>, table: &[f64], classes: usize) -> f64 {
    let rows = truth.iter().zip(table.chunks_exact(classes));
    let errors = rows.map(|(real, row)| {
        let errors = row.iter().enumerate().map(|(class, probability)| {
            let error = f64::from(u8::from(class == *real as usize)) - probability;
            error * error
        });
        errors.sum::<f64>()
    });
    weighted_mean(errors, weights)
}

/// [`log_loss`] if the probabilities are the frequencies of the classes in the
/// scored rows: `rows` is the weight of each class.
pub fn log_loss_of_frequencies(rows: &[f64]) -> f64 {
    mean_over_classes(rows, surprise)
}

/// [`brier_multiclass`] if the probabilities are the frequencies of the classes;
/// twice [`brier_binary`].
pub fn brier_of_frequencies(rows: &[f64]) -> f64 {
    // Over the rows, the sum of (1 - f)^2 and the squares of the others' f.
    mean_over_classes(rows, |frequency| 1.0 - frequency)
}

/// The mean over the rows of a function of the frequency of their class. 0 if all
/// weight is on one class.
fn mean_over_classes(rows: &[f64], of: impl Fn(f64) -> f64) -> f64 {
    let all = rows.iter().copied().collect::<Sum>().total();
    let present = rows.iter().filter(|rows| **rows > 0.0);
    if present.clone().count() == 1 {
        return 0.0;
    }
    let sum: Sum = present.map(|rows| rows * of(rows / all)).collect();
    sum.total() / all
}

/// The fraction of `baseline`, the loss of the class frequencies, that is saved: D².
/// Not finite if that is 0; scikit-learn then divides by its rounding error.
pub fn saved(loss: f64, baseline: f64) -> f64 {
    1.0 - loss / baseline
}

/// The fraction of rows whose class is among the `k` most probable, for three or
/// more classes. Of equal probabilities, that of the later class counts as
/// greater. `table` has shape (rows, classes), row-major, and may hold decisions. NaN
/// if one of its numbers is.
pub fn top_k_accuracy(
    truth: &[u32],
    weights: Weights<'_>,
    table: &[f64],
    classes: usize,
    k: u64,
) -> f64 {
    let rows = truth.iter().zip(table.chunks_exact(classes));
    let hits = rows.map(|(real, row)| {
        let real = *real as usize;
        if row.iter().any(|probability| probability.is_nan()) {
            return f64::NAN;
        }
        let before = row[..real].iter().filter(|other| **other > row[real]);
        let behind = row[real + 1..].iter().filter(|other| **other >= row[real]);
        let rank = before.count() + behind.count();
        f64::from(u8::from((rank as u64) < k))
    });
    weighted_mean(hits, weights)
}

/// [`top_k_accuracy`] of two classes: `ones` are the probabilities of class 1, or
/// decisions. Class 1 is predicted above 0.5, or above 0 if a number is not between 0
/// and 1. All rows are hits for a `k` of 2 or more.
pub fn top_k_accuracy_binary(
    truth: &[u32],
    weights: Weights<'_>,
    ones: impl Iterator<Item = f64> + Clone,
    k: u64,
) -> f64 {
    let are_shares = ones.clone().all(|one| (0.0..=1.0).contains(&one));
    let threshold = if are_shares { 0.5 } else { 0.0 };
    let rows = truth.iter().zip(ones);
    let hits = rows.map(|(real, one)| match one.is_nan() {
        true => f64::NAN,
        false => f64::from(u8::from(k > 1 || (one > threshold) == (*real == 1))),
    });
    weighted_mean(hits, weights)
}
