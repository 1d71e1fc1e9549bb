//! Linear models: the normal equations that they share, and a fitted
//! [`LinearModel`].

use fanout_sdk::Matrix;
use serde::{Deserialize, Serialize};

mod normal;

pub(crate) use normal::{NormalEquations, column_means, mean, model};

/// Coefficients and an intercept for each output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearModel {
    /// By output: one coefficient per column.
    pub coefficients: Vec<Vec<f64>>,
    /// One per output.
    pub intercepts: Vec<f64>,
}

/// The functions of a [`DenseTrainer`](fanout_sdk::DenseTrainer) that predict by a
/// [`LinearModel`] of numbers.
macro_rules! predicts_numbers {
    () => {
        fn predict(
            model: &$crate::linear::LinearModel,
            matrix: &fanout_sdk::Matrix,
            rows: &[u32],
        ) -> Result<fanout_sdk::PredictionValues, fanout_sdk::Fault> {
            let numbers = model.decisions(matrix, rows);
            Ok(fanout_sdk::PredictionValues::Numbers(numbers))
        }

        fn onnx(
            model: &$crate::linear::LinearModel,
            graph: &mut fanout_sdk::onnx::Graph,
            columns: &fanout_sdk::onnx::Columns,
            _: &[String],
        ) -> Result<fanout_sdk::onnx::Prediction, fanout_sdk::Fault> {
            let numbers = model.onnx(graph, columns)?;
            Ok(fanout_sdk::onnx::Prediction::Numbers(numbers))
        }
    };
}

pub(crate) use predicts_numbers;

impl LinearModel {
    /// `X b + intercept` of shape (rows, outputs), row-major.
    pub(crate) fn decisions(&self, matrix: &Matrix, rows: &[u32]) -> Vec<f64> {
        let outputs = self.coefficients.len();
        let mut columns = self
            .coefficients
            .iter()
            .zip(&self.intercepts)
            .map(|(coefficients, intercept)| matrix.multiply(rows, coefficients, *intercept));
        if outputs == 1 {
            return columns.next().unwrap_or_default();
        }
        let mut table = vec![0.0; rows.len() * outputs];
        for (output, column) in columns.enumerate() {
            for (row, value) in table.chunks_exact_mut(outputs).zip(column) {
                row[output] = value;
            }
        }
        table
    }
}
