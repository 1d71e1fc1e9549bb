//! [`LinearSvc`]: linear support vector machines.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, Params, PredictionValues, TrainerDescription, onnx};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{
    Gives, Values, choice, class_weight, count, dense, fit_intercept, inverse_penalty, positive,
};
use crate::linear::LinearModel;

mod dual;
mod primal;

/// scikit-learn's `LinearSVC` with an l2 penalty: minimises `½ ‖b‖² + C Σᵢ sᵢ lossᵢ`,
/// of two classes by one output, of more by one output per class against the rest.
/// As in liblinear, the intercept is the coefficient of a constant column, and is
/// penalised like the others.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `C` | 1.0 | the inverse strength of the penalty |
/// | `loss` | `squared_hinge` | `squared_hinge` or `hinge` |
/// | `fit_intercept` | true | whether there is a constant column |
/// | `intercept_scaling` | 1.0 | its value |
/// | `class_weight` | null | the weights of the classes |
/// | `tol` | 1e-4 | the tolerance, as liblinear's |
/// | `max_iter` | 1000 | the greatest number of steps, or passes over the rows |
/// | `random_state` | 0 | the seed of the order of rows for `hinge` |
///
/// `squared_hinge` is solved by Newton's method on the coefficients, of which
/// products of coded columns are look-ups; `hinge` by coordinate descent on the
/// rows (Hsieh et al., 2008), in an order that is not liblinear's.
#[derive(Debug)]
pub struct LinearSvc(Infallible);

/// A fitted [`LinearSvc`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LinearSvcModel {
    classes: Occurring,
    linear: LinearModel,
}

/// One output: rows of sign 1 against rows of sign -1.
struct Problem<'a> {
    matrix: &'a Matrix,
    rows: &'a [u32],
    signs: Vec<f64>,
    /// By row: `C` times its weight and that of its class.
    costs: Vec<f64>,
    /// The value of the constant column; 0 for none.
    constant: f64,
    tol: f64,
    steps: usize,
}

impl Problem<'_> {
    /// The coefficients, and that of the constant column behind them.
    fn model(problems: &[Self], points: Vec<Vec<f64>>) -> LinearModel {
        let mut model = LinearModel {
            coefficients: Vec::new(),
            intercepts: Vec::new(),
        };
        for (problem, mut point) in problems.iter().zip(points) {
            let last = point.pop().unwrap_or_default();
            model.intercepts.push(last * problem.constant);
            model.coefficients.push(point);
        }
        model
    }
}

impl DenseTrainer for LinearSvc {
    type Model = LinearSvcModel;

    fn description() -> TrainerDescription {
        dense(
            "linear_svc",
            "Linear support vector machines (ours, not linfa's: squared hinge, weights, several \
             classes, coded columns). Predicts decisions, no probabilities.",
            Gives::Decisions,
            vec![
                inverse_penalty(),
                Param::new(
                    "loss",
                    vec![choice(&["squared_hinge", "hinge"])],
                    json!("squared_hinge"),
                    "The loss of a row.",
                ),
                fit_intercept(),
                Param::new(
                    "intercept_scaling",
                    vec![positive()],
                    json!(1.0),
                    "The value of the constant column whose coefficient is the intercept; the \
                     greater, the less is it penalised.",
                ),
                class_weight(),
                Param::new(
                    "tol",
                    vec![positive()],
                    json!(1e-4),
                    "The tolerance of the gradient, relative to that of coefficients of 0; of \
                     `hinge`, of the dual's gradient.",
                ),
                Param::new(
                    "max_iter",
                    vec![count(1)],
                    json!(1000),
                    "The greatest number of Newton's steps; of `hinge`, of passes over the rows.",
                ),
                Param::new(
                    "random_state",
                    vec![count(0)],
                    json!(0),
                    "The seed of the order of rows for `hinge`.",
                ),
            ],
        )
        .effort(0.003, 1.0, 1.0)
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearSvcModel, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let rows = data.weights.as_deref();
        let of_class = classes.weights(params, rows, Balance::Weights)?;
        let outputs: Vec<u32> = match classes.count() {
            2 => vec![1],
            count => (0..count as u32).collect(),
        };
        let matrix = data.matrix.take(data.train);
        let all = matrix.all_rows();
        let problem = |positive: u32| {
            let is_binary = classes.count() == 2;
            let cost = |(row, &code): (usize, &u32)| {
                // As liblinear: the rest has no weight but that of its rows.
                let of_class = if is_binary || code == positive {
                    of_class[code as usize]
                } else {
                    1.0
                };
                params.number("C") * of_class * rows.map_or(1.0, |weights| weights[row])
            };
            let codes = classes.codes.iter();
            Problem {
                matrix: &matrix,
                rows: &all,
                signs: codes
                    .clone()
                    .map(|&code| if code == positive { 1.0 } else { -1.0 })
                    .collect(),
                costs: codes.enumerate().map(cost).collect(),
                constant: if params.flag("fit_intercept") {
                    params.number("intercept_scaling")
                } else {
                    0.0
                },
                tol: params.number("tol"),
                steps: params.count("max_iter"),
            }
        };
        let problems: Vec<Problem<'_>> = outputs.into_iter().map(problem).collect();
        let seed = params.count("random_state") as u64;
        let solve = |problem: &Problem<'_>| match params.text("loss") {
            "hinge" => dual::minimise(problem, seed),
            _ => primal::minimise(problem),
        };
        let points = problems.iter().map(solve).collect();
        Ok(LinearSvcModel {
            linear: Problem::model(&problems, points),
            classes: classes.occurring,
        })
    }

    fn predict(
        model: &LinearSvcModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let decisions = model.linear.decisions(matrix, rows);
        Ok(model.classes.of_decisions(decisions))
    }

    fn onnx(
        model: &LinearSvcModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let decisions = model.linear.onnx(graph, columns)?;
        Ok(model.classes.onnx_decided(graph, labels, decisions))
    }
}
