//! Errors of predicted numbers. `truth` and `predicted` have one finite number per
//! row.
//!
//! Formulas: scikit-learn 1.9's `r2_score`, `explained_variance_score` and the
//! errors of the functions' names.

use super::quantile::{median, weighted_quantile};
use super::{Weights, weighted_mean};

/// The coefficient of determination. If `truth` is constant, it is 1 for exact
/// predictions, else 0; for fewer than two rows it is NaN.
pub fn r2(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    if truth.len() < 2 {
        return f64::NAN;
    }
    explained(
        mean_squared_error(truth, predicted, weights),
        variance(truth.iter().copied(), weights),
    )
}

/// As [`r2`], with the variance of the errors in place of their mean square.
pub fn explained_variance(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    let errors = truth.iter().zip(predicted).map(|(t, p)| t - p);
    explained(
        variance(errors, weights),
        variance(truth.iter().copied(), weights),
    )
}

fn variance(numbers: impl Iterator<Item = f64> + Clone, weights: Weights<'_>) -> f64 {
    if let Some(weights) = weights {
        // The weighted mean of a constant need not be the constant to the last bit.
        let mut rows = numbers.clone().zip(weights).filter(|row| *row.1 > 0.0);
        if let Some((first, _)) = rows.next()
            && rows.all(|(number, _)| number == first)
        {
            return 0.0;
        }
    }
    let centre = weighted_mean(numbers.clone(), weights);
    weighted_mean(numbers.map(|number| (number - centre).powi(2)), weights)
}

/// 1 - `error` / `spread`; 1 without an error, else 0 without a spread.
fn explained(error: f64, spread: f64) -> f64 {
    match (error == 0.0, spread == 0.0) {
        (true, _) => 1.0,
        (false, true) => 0.0,
        (false, false) => 1.0 - error / spread,
    }
}

/// The mean squared error.
pub fn mean_squared_error(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    let errors = truth.iter().zip(predicted).map(|(t, p)| (t - p).powi(2));
    weighted_mean(errors, weights)
}

/// The mean absolute error.
pub fn mean_absolute_error(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    weighted_mean(absolute_errors(truth, predicted), weights)
}

/// The greatest absolute error; NaN without rows.
pub fn max_error(truth: &[f64], predicted: &[f64]) -> f64 {
    absolute_errors(truth, predicted).fold(f64::NAN, f64::max)
}

/// The mean of the absolute errors divided by the absolute true values, or by the
/// machine epsilon where these are less.
pub fn mean_absolute_percentage_error(
    truth: &[f64],
    predicted: &[f64],
    weights: Weights<'_>,
) -> f64 {
    let sizes = truth.iter().map(|truth| truth.abs().max(f64::EPSILON));
    let errors = absolute_errors(truth, predicted).zip(sizes);
    weighted_mean(errors.map(|(error, size)| error / size), weights)
}

/// The median of the absolute errors.
pub fn median_absolute_error(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    let errors = absolute_errors(truth, predicted);
    match weights {
        None => median(errors.collect()),
        Some(weights) => weighted_quantile(errors.zip(weights.iter().copied()), 0.5),
    }
}

fn absolute_errors(truth: &[f64], predicted: &[f64]) -> impl Iterator<Item = f64> + Clone {
    truth.iter().zip(predicted).map(|(t, p)| (t - p).abs())
}

/// The mean squared error of the logarithms of 1 + value. NaN if a value is -1 or
/// less.
pub fn mean_squared_log_error(truth: &[f64], predicted: &[f64], weights: Weights<'_>) -> f64 {
    if truth.iter().chain(predicted).any(|number| *number <= -1.0) {
        return f64::NAN;
    }
    let rows = truth.iter().zip(predicted);
    let errors = rows.map(|(t, p)| (libm::log1p(*t) - libm::log1p(*p)).powi(2));
    weighted_mean(errors, weights)
}

/// The mean pinball loss of predictions of the quantile `alpha`, from 0 to 1.
pub fn mean_pinball_loss(
    truth: &[f64],
    predicted: &[f64],
    weights: Weights<'_>,
    alpha: f64,
) -> f64 {
    pinball(
        truth.iter().copied().zip(predicted.iter().copied()),
        weights,
        alpha,
    )
}

fn pinball(rows: impl Iterator<Item = (f64, f64)>, weights: Weights<'_>, alpha: f64) -> f64 {
    let losses = rows.map(|(truth, predicted)| {
        let error = truth - predicted;
        match error >= 0.0 {
            true => alpha * error,
            false => -(1.0 - alpha) * error,
        }
    });
    weighted_mean(losses, weights)
}

/// The fraction of the pinball loss of the quantile `alpha` of `truth` that the
/// predictions save. Constants and fewer than two rows are as in [`r2`].
pub fn d2_pinball(truth: &[f64], predicted: &[f64], weights: Weights<'_>, alpha: f64) -> f64 {
    if truth.len() < 2 {
        return f64::NAN;
    }
    let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
    let rows = truth.iter().enumerate();
    let quantile = weighted_quantile(rows.map(|(row, number)| (*number, weight(row))), alpha);
    explained(
        mean_pinball_loss(truth, predicted, weights, alpha),
        pinball(
            truth.iter().map(|number| (*number, quantile)),
            weights,
            alpha,
        ),
    )
}
