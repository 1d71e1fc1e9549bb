//! [`NormalEquations`]: what a least-squares fit needs of the training rows.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::CentredGram;

use super::LinearModel;

/// `Xᵀ W X` and `Xᵀ W Y` of columns and targets about their weighted means, or
/// about 0 for a model without intercept.
#[derive(Debug)]
pub(crate) struct NormalEquations {
    /// The number of columns.
    pub(crate) size: usize,
    /// Of shape (size, size), row-major.
    pub(crate) gram: Vec<f64>,
    /// By target: one number per column.
    pub(crate) right: Vec<Vec<f64>>,
    /// By target: the weighted sum of squares.
    pub(crate) squares: Vec<f64>,
    /// The sum of the weights.
    pub(crate) weight: f64,
    /// What was taken from each column.
    pub(crate) means: Vec<f64>,
    /// What was taken from each target.
    pub(crate) target_means: Vec<f64>,
}

impl NormalEquations {
    /// `rows` are the training rows; `targets` and `weights` have an entry for each.
    pub(crate) fn new(
        matrix: &Matrix,
        rows: &[u32],
        weights: Option<&[f64]>,
        targets: &[Vec<f64>],
        fit_intercept: bool,
    ) -> Self {
        let size = matrix.columns();
        let slices: Vec<&[f64]> = targets.iter().map(Vec::as_slice).collect();
        let CentredGram {
            mut gram,
            means,
            target_means,
        } = if fit_intercept {
            matrix.centred_gram(rows, weights, &slices)
        } else {
            CentredGram {
                gram: matrix.gram(rows, weights, &slices, None),
                means: vec![0.0; size],
                target_means: vec![0.0; targets.len()],
            }
        };
        let (weight, squares) = (gram.weight, std::mem::take(&mut gram.target_squares));
        let mut right = std::mem::take(&mut gram.target_products);
        let mut gram = gram.into_products();
        // A constant column is rounding errors of its mean once that is taken off.
        for column in 0..size {
            let noise = 1e-14 * means[column].abs();
            if gram[column * size + column] <= weight * noise * noise {
                for other in 0..size {
                    gram[column * size + other] = 0.0;
                    gram[other * size + column] = 0.0;
                }
                right.iter_mut().for_each(|right| right[column] = 0.0);
            }
        }
        Self {
            size,
            gram,
            right,
            squares,
            weight,
            means,
            target_means,
        }
    }

    /// The model of these coefficients, one list per target.
    pub(crate) fn model(&self, coefficients: Vec<Vec<f64>>) -> LinearModel {
        model(coefficients, &self.means, &self.target_means)
    }
}

/// The model whose output is the mean of its target at the means of the columns.
pub(crate) fn model(
    coefficients: Vec<Vec<f64>>,
    means: &[f64],
    target_means: &[f64],
) -> LinearModel {
    let intercept = |(coefficients, mean): (&Vec<f64>, &f64)| {
        let products = coefficients.iter().zip(means).map(|(b, mean)| b * mean);
        mean - products.sum::<f64>()
    };
    LinearModel {
        intercepts: coefficients
            .iter()
            .zip(target_means)
            .map(intercept)
            .collect(),
        coefficients,
    }
}

/// The weighted mean of each column, or 0 without an intercept.
pub(crate) fn column_means(
    matrix: &Matrix,
    rows: &[u32],
    weights: Option<&[f64]>,
    fit_intercept: bool,
) -> Vec<f64> {
    if !fit_intercept {
        return vec![0.0; matrix.columns()];
    }
    let moments = matrix.moments(rows, weights).into_iter();
    moments.map(|moments| moments.mean).collect()
}

/// The weighted mean of a target.
pub(crate) fn mean(target: &[f64], weights: Option<&[f64]>) -> f64 {
    match weights {
        None => target.iter().sum::<f64>() / target.len() as f64,
        Some(weights) => {
            let sum: f64 = target.iter().zip(weights).map(|(y, w)| y * w).sum();
            sum / weights.iter().sum::<f64>()
        }
    }
}
