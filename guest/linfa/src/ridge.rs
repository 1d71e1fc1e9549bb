//! [`Ridge`] and [`RidgeClassifier`]: least squares with an l2 penalty.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, Params, PredictionValues, TrainerDescription, onnx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::algebra::{Cholesky, dot};
use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{Gives, Values, at_least, class_weight, dense, fit_intercept, pairs};
use crate::linear::{LinearModel, NormalEquations, column_means, mean, model, predicts_numbers};
use crate::linear_regression::least_squares;

/// scikit-learn's `Ridge`: minimises `‖y - X b‖² + alpha ‖b‖²`.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `alpha` | 1.0 | the strength of the penalty (nested) |
/// | `fit_intercept` | true | whether an intercept is fitted |
///
/// All values of `alpha` share the products of the columns, of which each takes a
/// Cholesky factorisation: for `p` columns `p³ / 3` operations, where the products
/// take `n p²`, and a decomposition by eigenvectors for all values would take some
/// `9 p³` and lose small columns beside great ones. With more columns than rows the
/// products are those of the rows. `alpha` of 0 is `linear_regression`.
#[derive(Debug)]
pub struct Ridge(Infallible);

/// scikit-learn's `RidgeClassifier`: [`Ridge`] on a target of -1 and 1 for each
/// class, or for the second of two. The class of the greatest output is predicted.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `alpha` | 1.0 | the strength of the penalty (nested) |
/// | `fit_intercept` | true | whether an intercept is fitted |
/// | `class_weight` | null | the weights of the classes |
#[derive(Debug)]
pub struct RidgeClassifier(Infallible);

/// A fitted [`RidgeClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RidgeClassifierModel {
    classes: Occurring,
    linear: LinearModel,
}

fn alpha() -> Param {
    Param::new(
        "alpha",
        vec![at_least(0.0)],
        json!(1.0),
        "The strength of the l2 penalty.",
    )
    .nested()
}

/// The part of a fit that does not depend on `alpha`.
enum Shared {
    /// Products of columns.
    Columns(NormalEquations),
    /// Products of rows.
    Rows(RowProducts),
}

/// `Z Zᵀ` of the centred rows `Z`, scaled by the roots of their weights.
struct RowProducts {
    /// `Z` of shape (rows, columns).
    rows: Vec<f64>,
    products: Vec<f64>,
    /// By target, centred and scaled.
    targets: Vec<Vec<f64>>,
    means: Vec<f64>,
    target_means: Vec<f64>,
}

/// What a fit reads.
struct Problem<'a> {
    matrix: &'a Matrix,
    rows: &'a [u32],
    weights: Option<Vec<f64>>,
    targets: Vec<Vec<f64>>,
    fit_intercept: bool,
}

impl Problem<'_> {
    fn share(&self) -> Shared {
        let weights = self.weights.as_deref();
        if self.matrix.columns() > self.rows.len() {
            return Shared::Rows(RowProducts::new(self));
        }
        Shared::Columns(NormalEquations::new(
            self.matrix,
            self.rows,
            weights,
            &self.targets,
            self.fit_intercept,
        ))
    }

    fn solve(&self, shared: &Shared, alpha: f64) -> LinearModel {
        let found = match shared {
            Shared::Columns(normal) => of_columns(normal, alpha),
            Shared::Rows(products) => products.solve(alpha),
        };
        // No penalty, or one that rounding swallows: as scikit-learn, of least norm.
        found.unwrap_or_else(|| {
            let weights = self.weights.as_deref();
            let normal = NormalEquations::new(
                self.matrix,
                self.rows,
                weights,
                &self.targets,
                self.fit_intercept,
            );
            least_squares(self.matrix, self.rows, weights, &self.targets, &normal)
        })
    }
}

fn of_columns(normal: &NormalEquations, alpha: f64) -> Option<LinearModel> {
    if alpha == 0.0 {
        return None;
    }
    let mut penalised = normal.gram.clone();
    for column in 0..normal.size {
        penalised[column * normal.size + column] += alpha;
    }
    let factor = Cholesky::new(normal.size, penalised)?;
    let solve = |right: &Vec<f64>| {
        let mut coefficients = right.clone();
        factor.solve(&mut coefficients);
        coefficients
    };
    Some(normal.model(normal.right.iter().map(solve).collect()))
}

impl RowProducts {
    fn new(problem: &Problem<'_>) -> Self {
        let weights = problem.weights.as_deref();
        let columns = problem.matrix.columns();
        let means = column_means(problem.matrix, problem.rows, weights, problem.fit_intercept);
        let target_means: Vec<f64> = problem
            .targets
            .iter()
            .map(|target| {
                if problem.fit_intercept {
                    mean(target, weights)
                } else {
                    0.0
                }
            })
            .collect();
        let root = |row: usize| weights.map_or(1.0, |weights| weights[row].sqrt());
        let mut rows = vec![0.0; problem.rows.len() * columns];
        problem.matrix.gather(problem.rows, &mut rows);
        for (at, row) in rows.chunks_exact_mut(columns).enumerate() {
            for (value, mean) in row.iter_mut().zip(&means) {
                *value = (*value - mean) * root(at);
            }
        }
        let count = problem.rows.len();
        let mut products = vec![0.0; count * count];
        for (a, row) in rows.chunks_exact(columns).enumerate() {
            for (b, other) in rows.chunks_exact(columns).enumerate().take(a + 1) {
                products[a * count + b] = dot(row, other);
            }
        }
        let centre = |(target, mean): (&Vec<f64>, &f64)| {
            let centred = target.iter().enumerate();
            centred.map(|(row, y)| (y - mean) * root(row)).collect()
        };
        Self {
            targets: problem
                .targets
                .iter()
                .zip(&target_means)
                .map(centre)
                .collect(),
            rows,
            products,
            means,
            target_means,
        }
    }

    fn solve(&self, alpha: f64) -> Option<LinearModel> {
        if alpha == 0.0 {
            return None;
        }
        let count = self.targets[0].len();
        let mut penalised = self.products.clone();
        for row in 0..count {
            penalised[row * count + row] += alpha;
        }
        let factor = Cholesky::new(count, penalised)?;
        let columns = self.means.len();
        let solve = |target: &Vec<f64>| {
            let mut dual = target.clone();
            factor.solve(&mut dual);
            let mut coefficients = vec![0.0; columns];
            for (row, value) in self.rows.chunks_exact(columns).zip(dual) {
                crate::algebra::add(&mut coefficients, value, row);
            }
            coefficients
        };
        let coefficients = self.targets.iter().map(solve).collect();
        Some(model(coefficients, &self.means, &self.target_means))
    }
}

/// Fits all candidates. Those that follow one another and differ in `alpha` alone
/// share the products.
fn fit_all<'a, M>(
    candidates: &[Params],
    problem: impl Fn(&Params) -> Result<Problem<'a>, Fault>,
    model: impl Fn(LinearModel) -> M,
    each: &mut dyn FnMut(usize, M) -> Result<(), Fault>,
) -> Result<u32, Fault> {
    let without_alpha = |params: &Params| {
        let mut params = params.clone();
        params.insert("alpha".to_owned(), Value::Null);
        params
    };
    let mut shared: Option<(Params, Problem<'a>, Shared)> = None;
    for (candidate, params) in candidates.iter().enumerate() {
        let key = without_alpha(params);
        let known = shared.take().filter(|(known, ..)| *known == key);
        let (_, problem, products) = match known {
            Some(known) => shared.insert(known),
            None => {
                let problem = problem(params)?;
                let products = problem.share();
                shared.insert((key, problem, products))
            }
        };
        each(
            candidate,
            model(problem.solve(products, params.number("alpha"))),
        )?;
    }
    Ok(candidates.len() as u32)
}

/// The model of one candidate.
fn fit_one<'a>(
    params: &Params,
    problem: impl Fn(&Params) -> Result<Problem<'a>, Fault>,
) -> Result<LinearModel, Fault> {
    let problem = problem(params)?;
    Ok(problem.solve(&problem.share(), params.number("alpha")))
}

impl Ridge {
    fn problem<'a>(data: &DenseData<'a>, params: &Params) -> Result<Problem<'a>, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<Self>());
        };
        Ok(Problem {
            matrix: data.matrix,
            rows: data.train,
            weights: data.weights.clone(),
            targets: vec![target.clone()],
            fit_intercept: params.flag("fit_intercept"),
        })
    }
}

impl DenseTrainer for Ridge {
    type Model = LinearModel;

    fn description() -> TrainerDescription {
        dense(
            "ridge",
            "Least squares with an l2 penalty; all values of `alpha` share one pass over the \
             rows (ours, not linfa's: weights, coded columns, more columns than rows).",
            Gives::Numbers,
            vec![alpha(), fit_intercept()],
        )
        .effort(0.001, 1.0, 1.5)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearModel, Fault> {
        fit_one(params, |params| Self::problem(data, params))
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, LinearModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let problem = |params: &Params| Self::problem(data, params);
        fit_all(candidates, problem, |linear| linear, each)
    }

    predicts_numbers!();
}

impl RidgeClassifier {
    fn problem<'a>(
        data: &DenseData<'a>,
        classes: &Classes<'_>,
        params: &Params,
    ) -> Result<Problem<'a>, Fault> {
        let sign = |class: u32| {
            let codes = classes.codes.iter();
            codes
                .map(|&code| if code == class { 1.0 } else { -1.0 })
                .collect()
        };
        let targets = match classes.count() {
            2 => vec![sign(1)],
            count => (0..count as u32).map(sign).collect(),
        };
        let rows = data.weights.as_deref();
        Ok(Problem {
            matrix: data.matrix,
            rows: data.train,
            weights: classes.row_weights(params, rows, Balance::Rows)?,
            targets,
            fit_intercept: params.flag("fit_intercept"),
        })
    }
}

impl DenseTrainer for RidgeClassifier {
    type Model = RidgeClassifierModel;

    fn description() -> TrainerDescription {
        dense(
            "ridge_classifier",
            "Least squares with an l2 penalty on targets of -1 and 1, one per class (ours: linfa \
             has none). Predicts decisions, no probabilities.",
            Gives::Decisions,
            vec![alpha(), fit_intercept(), class_weight()],
        )
        .effort(0.001, 1.0, 1.5)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<RidgeClassifierModel, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let linear = fit_one(params, |params| Self::problem(data, &classes, params))?;
        Ok(RidgeClassifierModel {
            classes: classes.occurring,
            linear,
        })
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, RidgeClassifierModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let problem = |params: &Params| Self::problem(data, &classes, params);
        let model = |linear| RidgeClassifierModel {
            classes: classes.occurring.clone(),
            linear,
        };
        fit_all(candidates, problem, model, each)
    }

    fn predict(
        model: &RidgeClassifierModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let decisions = model.linear.decisions(matrix, rows);
        Ok(model.classes.of_decisions(decisions))
    }

    fn onnx(
        model: &RidgeClassifierModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let decisions = model.linear.onnx(graph, columns)?;
        Ok(model.classes.onnx_decided(graph, labels, decisions))
    }
}
