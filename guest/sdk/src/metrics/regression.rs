//! Errors of predicted numbers. `truth` and `predicted` have one number per row.
//!
//! Formulas: scikit-learn 1.9's `r2_score`, `mean_squared_error`,
//! `mean_absolute_error`.

use super::mean;

/// The coefficient of determination. If `truth` is constant, it is 1 for exact
/// predictions, else 0; for fewer than two rows it is NaN.
pub fn r2(truth: &[f64], predicted: &[f64]) -> f64 {
    if truth.len() < 2 {
        return f64::NAN;
    }
    let centre = mean(truth.iter().copied());
    let spread = mean(truth.iter().map(|number| (number - centre).powi(2)));
    let error = mean_squared_error(truth, predicted);
    match (error == 0.0, spread == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - error / spread,
    }
}

/// The mean squared error.
pub fn mean_squared_error(truth: &[f64], predicted: &[f64]) -> f64 {
    mean(truth.iter().zip(predicted).map(|(t, p)| (t - p).powi(2)))
}

/// The mean absolute error.
pub fn mean_absolute_error(truth: &[f64], predicted: &[f64]) -> f64 {
    mean(truth.iter().zip(predicted).map(|(t, p)| (t - p).abs()))
}
