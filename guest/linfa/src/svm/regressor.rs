//! [`Svr`]: numbers by one machine.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, Params, PredictionValues, TrainerDescription, onnx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::kernel::{Kernel, Vectors};
use super::machines::Machines;
use super::params::{kernel_rows, limits, shared_params};
use super::solver::{Problem, Solution};
use crate::describe::{Gives, Values, at_least, dense};

/// scikit-learn's `SVR`. Its parameters are those of [`Svc`](super::Svc) without
/// `class_weight`, `break_ties`, `probability` and `random_state`, and `epsilon` (0.1), the
/// error that costs nothing.
#[derive(Debug)]
pub struct Svr(Infallible);

/// A fitted [`Svr`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvrModel(Machines);

impl DenseTrainer for Svr {
    type Model = SvrModel;

    fn description() -> TrainerDescription {
        let mut params = shared_params();
        params.push(Param::new(
            "epsilon",
            vec![at_least(0.0)],
            json!(0.1),
            "The error that costs nothing.",
        ));
        dense(
            "svr",
            "Support vector regression with kernels, by the algorithm of libsvm (ours, not \
             linfa's: weights, coded columns). The time rises with the square of the rows at \
             least.",
            Gives::Numbers,
            params,
        )
        .effort(1.8, 2.1, 0.3)
        .memory(kernel_rows())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<SvrModel, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<Self>());
        };
        let kernel = Kernel::of(params, data);
        let weight = |row: usize| data.weights.as_ref().map_or(1.0, |weights| weights[row]);
        let places: Vec<usize> = (0..target.len()).filter(|&row| weight(row) > 0.0).collect();
        let of_rows: Vec<u32> = places.iter().map(|&row| data.train[row]).collect();
        let count = places.len();
        let epsilon = params.number("epsilon");
        // A row has two duals: for errors above and below.
        let above = places.iter().map(|&row| epsilon - target[row]);
        let below = places.iter().map(|&row| epsilon + target[row]);
        let bounds = places.iter().map(|&row| params.number("C") * weight(row));
        let problem = Problem {
            linear: above.chain(below).collect(),
            bounds: bounds.clone().chain(bounds).collect(),
            signs: [vec![1.0; count], vec![-1.0; count]].concat(),
            vectors: &Vectors::new(data.matrix, &of_rows),
            matrix: data.matrix,
            rows: &of_rows,
            kernel,
        };
        let Solution { duals, offset } = problem.solve(&limits(params));
        let coefficients = places
            .iter()
            .enumerate()
            .map(|(at, &row)| (row, duals[at] - duals[at + count]))
            .filter(|(_, coefficient)| *coefficient != 0.0);
        let solutions = vec![(coefficients.collect(), offset)];
        Ok(SvrModel(Machines::new(
            kernel,
            data.matrix,
            data.train,
            solutions,
        )))
    }

    fn predict(model: &SvrModel, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
        Ok(PredictionValues::Numbers(model.0.decisions(matrix, rows)))
    }

    fn onnx(
        model: &SvrModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        _: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        Ok(onnx::Prediction::Numbers(model.0.onnx(graph, columns)?))
    }
}
