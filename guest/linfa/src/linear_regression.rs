//! [`LinearRegression`]: ordinary least squares.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Params, TrainerDescription};

use crate::algebra::LeastSquares;
use crate::describe::{Gives, Values, dense, fit_intercept, pairs};
use crate::linear::{LinearModel, NormalEquations, predicts_numbers};

/// scikit-learn's `LinearRegression`: least squares, of least norm where columns
/// are linearly dependent.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `fit_intercept` | true | whether an intercept is fitted |
///
/// The normal equations are solved by a Cholesky factorisation with pivots on
/// columns of one scale, and the solution is refined by the residuals of all rows,
/// twice, which wins back the digits that the normal equations lose.
#[derive(Debug)]
pub struct LinearRegression(Infallible);

impl DenseTrainer for LinearRegression {
    type Model = LinearModel;

    fn description() -> TrainerDescription {
        dense(
            "linear_regression",
            "Ordinary least squares, of least norm for dependent columns (ours, not linfa's: \
             weights, coded columns, any rank).",
            Gives::Numbers,
            vec![fit_intercept()],
        )
        .effort(0.001, 1.0, 1.5)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearModel, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<Self>());
        };
        let weights = data.weights.as_deref();
        let targets = std::slice::from_ref(target);
        let intercept = params.flag("fit_intercept");
        let normal = NormalEquations::new(data.matrix, data.train, weights, targets, intercept);
        Ok(least_squares(
            data.matrix,
            data.train,
            weights,
            targets,
            &normal,
        ))
    }

    predicts_numbers!();
}

/// The least-squares solution of least norm for each target.
pub(crate) fn least_squares(
    matrix: &Matrix,
    rows: &[u32],
    weights: Option<&[f64]>,
    targets: &[Vec<f64>],
    normal: &NormalEquations,
) -> LinearModel {
    let solver = LeastSquares::new(normal.size, &normal.gram);
    let solve = |(right, target): (&Vec<f64>, (&Vec<f64>, &f64))| {
        let (target, mean) = target;
        let mut coefficients = solver.solve(right);
        for _ in 0..2 {
            let centre: f64 = coefficients
                .iter()
                .zip(&normal.means)
                .map(|(b, m)| b * m)
                .sum();
            let mut residuals = matrix.multiply(rows, &coefficients, mean - centre);
            for (row, (residual, y)) in residuals.iter_mut().zip(target).enumerate() {
                *residual = (y - *residual) * weights.map_or(1.0, |weights| weights[row]);
            }
            let total: f64 = residuals.iter().sum();
            let mut right = matrix.transposed_multiply(rows, &residuals);
            for (right, mean) in right.iter_mut().zip(&normal.means) {
                *right -= mean * total;
            }
            for (coefficient, step) in coefficients.iter_mut().zip(solver.solve(&right)) {
                *coefficient += step;
            }
        }
        coefficients
    };
    let each = targets.iter().zip(&normal.target_means);
    normal.model(normal.right.iter().zip(each).map(solve).collect())
}
