//! [`LogisticRegression`]: binary and multinomial logistic regression.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::{
    Fault, Matrix, Param, ParamKind, Params, PredictionValues, TrainerDescription, onnx,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{
    Gives, Values, choice, class_weight, count, dense, fit_intercept, pairs, positive, share,
};
use crate::linear::LinearModel;
use fanout_sdk::exponential::{sigmoid, softmax};

mod design;
mod likelihood;
mod proximal;
mod quasi_newton;
mod reference;

use design::Design;
use likelihood::Likelihood;
use quasi_newton::Stop;
use reference::Reference;

/// scikit-learn's `LogisticRegression`, of two classes by one output, of more by
/// the multinomial likelihood with one output per class. It minimises
/// `C Σᵢ sᵢ lossᵢ + (1 - l1_ratio) / 2 ‖b‖² + l1_ratio ‖b‖₁`; the intercept is not
/// penalised.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `C` | 1.0 | the inverse strength of the penalty; null: no penalty (nested) |
/// | `l1_ratio` | 0.0 | the share of the l1 penalty |
/// | `penalty` | `deprecated` | `l2`, `l1`, `elasticnet` or null (none), as of scikit-learn before 1.8 |
/// | `fit_intercept` | true | whether an intercept is fitted |
/// | `class_weight` | null | the weights of the classes |
/// | `tol` | 1e-4 | the greatest entry of the gradient of the mean loss to stop at |
/// | `max_iter` | 100 | the greatest number of steps |
///
/// Without an l1 penalty it is the limited-memory BFGS method, preconditioned by the
/// Hessian at a point of reference, near the optimum for `C` of 1. Every value of
/// `C` starts there, so that a fit does not depend on which others share it. With an
/// l1 penalty it is a proximal Newton method whose quadratic problems are solved by
/// coordinate descent.
#[derive(Debug)]
pub struct LogisticRegression(Infallible);

/// A fitted [`LogisticRegression`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogisticModel {
    classes: Occurring,
    linear: LinearModel,
}

/// The penalty of the sum of the losses.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Penalty {
    l1: f64,
    l2: f64,
}

impl Penalty {
    fn of(params: &Params) -> Result<Self, Fault> {
        let share = params.number("l1_ratio");
        let l1 = match (&params["penalty"], params.text("penalty")) {
            (Value::Null, _) => return Ok(Self { l1: 0.0, l2: 0.0 }),
            (_, "l2") => 0.0,
            (_, "l1") => 1.0,
            _ => share,
        };
        if matches!(params.text("penalty"), "l1" | "l2") && share != 0.0 && share != l1 {
            return Err(Fault::InvalidParams(format!(
                "`l1_ratio` is {share}, but `penalty` is `{}`; leave `penalty` out",
                params.text("penalty")
            )));
        }
        let strength = params.optional_number("C").map_or(0.0, |c| 1.0 / c);
        Ok(Self {
            l1: strength * l1,
            l2: strength * (1.0 - l1),
        })
    }
}

/// What the candidates of one list share, by `fit_intercept` and `class_weight`.
struct Shared<'a> {
    key: (bool, Value),
    design: Design<'a>,
    likelihood: Likelihood,
    /// For fits without an l1 penalty.
    reference: Option<Reference>,
}

fn key(params: &Params) -> (bool, Value) {
    (params.flag("fit_intercept"), params["class_weight"].clone())
}

impl<'a> Shared<'a> {
    /// `matrix` has the training rows alone.
    fn new(
        matrix: &'a Matrix,
        classes: &Classes<'_>,
        weights: Option<&[f64]>,
        params: &Params,
    ) -> Result<Self, Fault> {
        let weights = classes.row_weights(params, weights, Balance::Weights)?;
        Ok(Self {
            key: key(params),
            design: Design::new(matrix, weights.as_deref(), params.flag("fit_intercept")),
            likelihood: Likelihood {
                codes: classes.codes.clone(),
                weights,
                outputs: if classes.count() == 2 {
                    1
                } else {
                    classes.count()
                },
            },
            reference: None,
        })
    }

    fn fit(&mut self, params: &Params) -> Result<LinearModel, Fault> {
        let penalty = Penalty::of(params)?;
        let design = &self.design;
        let stop = Stop {
            gradient: params.number("tol") * self.likelihood.weight(),
            steps: params.count("max_iter"),
        };
        let point = if penalty.l1 > 0.0 {
            proximal::minimise(design, &self.likelihood, penalty, &stop)
        } else {
            let reference = self
                .reference
                .get_or_insert_with(|| Reference::new(design, &self.likelihood));
            reference.minimise(design, &self.likelihood, penalty.l2, &stop)
        };
        if point.iter().any(|value| !value.is_finite()) {
            return Err(Fault::Failed(
                "the coefficients of `logistic_regression` are not finite; scale the columns with \
                 the step `standard_scaler`, or choose a smaller `C`"
                    .to_owned(),
            ));
        }
        Ok(design.model(&point))
    }
}

impl DenseTrainer for LogisticRegression {
    type Model = LogisticModel;

    fn description() -> TrainerDescription {
        dense(
            "logistic_regression",
            "Binary and multinomial logistic regression with an l2, l1 or elastic-net penalty, by \
             BFGS and Newton's method (ours, not linfa's: weights, coded columns, l1).",
            Gives::Probabilities,
            vec![
                Param::new(
                    "C",
                    vec![ParamKind::Null, positive()],
                    json!(1.0),
                    "The inverse strength of the penalty; null: no penalty.",
                )
                .nested_separately(),
                Param::new(
                    "l1_ratio",
                    vec![share()],
                    json!(0.0),
                    "The share of the l1 penalty: 0 is l2, 1 is l1, between is elastic net.",
                ),
                Param::new(
                    "penalty",
                    vec![
                        ParamKind::Null,
                        choice(&["deprecated", "l2", "l1", "elasticnet"]),
                    ],
                    json!("deprecated"),
                    "The kind of penalty as of scikit-learn before 1.8 (null: none); \
                     `deprecated`: as `l1_ratio` says.",
                ),
                fit_intercept(),
                class_weight(),
                Param::new(
                    "tol",
                    vec![positive()],
                    json!(1e-4),
                    "Stops if no entry of the gradient of the mean loss is greater.",
                ),
                Param::new(
                    "max_iter",
                    vec![count(1)],
                    json!(100),
                    "The greatest number of steps.",
                ),
            ],
        )
        .effort(0.0016, 1.2, 1.5)
        .each_candidate(1.0)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LogisticModel, Fault> {
        let mut fitted = None;
        Self::fit_all(data, std::slice::from_ref(params), &mut |_, model| {
            fitted = Some(model);
            Ok(())
        })?;
        fitted.ok_or_else(|| Fault::Failed("there is no candidate".to_owned()))
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, LogisticModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let matrix = data.matrix.take(data.train);
        let mut shared: Option<Shared<'_>> = None;
        for (candidate, params) in candidates.iter().enumerate() {
            let known = shared.take().filter(|known| known.key == key(params));
            let shared = match known {
                Some(known) => shared.insert(known),
                None => {
                    let weights = data.weights.as_deref();
                    shared.insert(Shared::new(&matrix, &classes, weights, params)?)
                }
            };
            let model = LogisticModel {
                linear: shared.fit(params)?,
                classes: classes.occurring.clone(),
            };
            each(candidate, model)?;
        }
        Ok(candidates.len() as u32)
    }

    fn predict(
        model: &LogisticModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let mut table = model.linear.decisions(matrix, rows);
        match model.classes.count() {
            2 => sigmoid(&mut table),
            count => table.chunks_exact_mut(count).for_each(softmax),
        }
        Ok(model.classes.of_probabilities(table))
    }

    fn onnx(
        model: &LogisticModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let logits = model.linear.onnx(graph, columns)?;
        let probabilities = match model.classes.count() {
            2 => graph.op("Sigmoid", [logits]),
            _ => graph.softmax(logits),
        };
        Ok(model.classes.onnx_probable(graph, labels, probabilities))
    }
}
