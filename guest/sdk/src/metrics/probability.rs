//! Losses of predicted probabilities.
//!
//! Formulas: scikit-learn 1.9's `log_loss` and `brier_score_loss`.

use super::mean;

/// The mean negative logarithm of the probability of the true class. `truth` has
/// one class per row; `probability(row, class)` is that of a class in a row, and
/// is clipped to `[epsilon, 1 - epsilon]` with the machine epsilon.
pub fn log_loss(truth: &[u32], probability: impl Fn(usize, u32) -> f64) -> f64 {
    let rows = truth.iter().enumerate();
    mean(rows.map(|(row, class)| {
        let probability = probability(row, *class);
        -probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
    }))
}

/// The mean squared error of the probability of class 1, for two classes. `ones`
/// has one probability per row.
pub fn brier_binary(truth: &[u32], ones: impl Iterator<Item = f64>) -> f64 {
    let rows = truth.iter().zip(ones);
    mean(rows.map(|(class, one)| {
        let error = f64::from(*class) - one;
        error * error
    }))
}

/// The mean over the rows of the sum of the squared errors of all classes, from 0
/// to 2, for three or more classes. `table` has shape (rows, classes), row-major.
pub fn brier_multiclass(truth: &[u32], table: &[f64], classes: usize) -> f64 {
    let rows = truth.iter().zip(table.chunks_exact(classes));
    mean(rows.map(|(real, row)| {
        let errors = row.iter().enumerate().map(|(class, probability)| {
            let error = f64::from(u8::from(class == *real as usize)) - probability;
            error * error
        });
        errors.sum::<f64>()
    }))
}
