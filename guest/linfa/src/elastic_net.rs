//! [`ElasticNet`] and [`Lasso`]: least squares with an l1 penalty.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, Params, TrainerDescription};
use serde_json::json;

use crate::algebra::{Cholesky, dot};
use crate::descent::{Descent, Quadratic};
use crate::describe::{Gives, Values, at_least, choice, count, dense, fit_intercept, pairs, share};
use crate::linear::{LinearModel, NormalEquations, predicts_numbers};
use crate::linear_regression::least_squares;

/// scikit-learn's `ElasticNet`: minimises `‖y - X b‖² / (2 n) + alpha l1_ratio ‖b‖₁ +
/// alpha (1 - l1_ratio) / 2 ‖b‖²`; weights of rows are scaled to a sum of `n`.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `alpha` | 1.0 | the strength of the penalty (nested) |
/// | `l1_ratio` | 0.5 | the share of the l1 penalty (nested) |
/// | `fit_intercept` | true | whether an intercept is fitted |
/// | `max_iter` | 1000 | the greatest number of passes over the columns |
/// | `tol` | 1e-4 | stops if the duality gap is at most this share of `‖y‖²` |
/// | `selection` | `cyclic` | the order of the columns |
///
/// All candidates share the products of the columns; each is coordinate descent on
/// them from coefficients of 0 on. Without an l1 penalty the optimum is solved for.
#[derive(Debug)]
pub struct ElasticNet(Infallible);

/// scikit-learn's `Lasso`: [`ElasticNet`] with an `l1_ratio` of 1.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `alpha` | 1.0 | the strength of the penalty (nested) |
/// | `fit_intercept` | true | whether an intercept is fitted |
/// | `max_iter` | 1000 | the greatest number of passes over the columns |
/// | `tol` | 1e-4 | stops if the duality gap is at most this share of `‖y‖²` |
/// | `selection` | `cyclic` | the order of the columns |
#[derive(Debug)]
pub struct Lasso(Infallible);

fn parameters(l1_ratio: Option<Param>) -> Vec<Param> {
    let alpha = Param::new(
        "alpha",
        vec![at_least(0.0)],
        json!(1.0),
        "The strength of the penalty.",
    );
    let rest = [
        fit_intercept(),
        Param::new(
            "max_iter",
            vec![count(1)],
            json!(1000),
            "The greatest number of passes over the columns.",
        ),
        Param::new(
            "tol",
            vec![at_least(0.0)],
            json!(1e-4),
            "Stops if the duality gap is at most this share of the target's sum of squares.",
        ),
        Param::new(
            "selection",
            vec![choice(&["cyclic"])],
            json!("cyclic"),
            "The order of the columns in a pass.",
        ),
    ];
    [alpha.nested_separately()]
        .into_iter()
        .chain(l1_ratio)
        .chain(rest)
        .collect()
}

/// The products of a fit, and what else an exact solution reads.
struct Problem<'a> {
    matrix: &'a Matrix,
    rows: &'a [u32],
    weights: Option<&'a [f64]>,
    target: &'a [f64],
    normal: NormalEquations,
}

impl<'a> Problem<'a> {
    fn new<T: DenseTrainer>(data: &'a DenseData<'_>, fit_intercept: bool) -> Result<Self, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<T>());
        };
        let weights = data.weights.as_deref();
        let targets = std::slice::from_ref(target);
        Ok(Self {
            matrix: data.matrix,
            rows: data.train,
            weights,
            target,
            normal: NormalEquations::new(data.matrix, data.train, weights, targets, fit_intercept),
        })
    }

    fn solve(&self, params: &Params, l1_ratio: f64) -> LinearModel {
        let strength = params.number("alpha") * self.normal.weight;
        let quadratic = Quadratic {
            matrix: &self.normal.gram,
            linear: &self.normal.right[0],
            l1: strength * l1_ratio,
            l2: strength * (1.0 - l1_ratio),
        };
        if quadratic.l1 == 0.0 {
            return self.solve_exactly(quadratic.l2);
        }
        let columns = self.normal.size;
        let square = self.normal.squares[0];
        let tol = params.number("tol");
        let steps = params.count("max_iter");
        let all: Vec<usize> = (0..columns).collect();
        let mut descent = Descent::zero(columns);
        for step in 1..=steps {
            let (change, most) = descent.pass(&quadratic, &all);
            let is_steady = most == 0.0 || change <= tol * most;
            if (is_steady || step == steps) && gap(&quadratic, &descent, square) <= tol * square {
                break;
            }
        }
        self.normal.model(vec![descent.coefficients])
    }

    /// The optimum without an l1 penalty.
    fn solve_exactly(&self, l2: f64) -> LinearModel {
        let size = self.normal.size;
        let mut penalised = self.normal.gram.clone();
        for column in 0..size {
            penalised[column * size + column] += l2;
        }
        match Cholesky::new(size, penalised).filter(|_| l2 > 0.0) {
            Some(factor) => {
                let mut coefficients = self.normal.right[0].clone();
                factor.solve(&mut coefficients);
                self.normal.model(vec![coefficients])
            }
            None => {
                let targets = [self.target.to_vec()];
                least_squares(self.matrix, self.rows, self.weights, &targets, &self.normal)
            }
        }
    }
}

/// The difference of the function and its dual at the residuals, scaled into the
/// feasible region (scikit-learn's formulation A). `square` is `‖y‖²`.
fn gap(of: &Quadratic<'_>, descent: &Descent, square: f64) -> f64 {
    let b = &descent.coefficients;
    let with_target = dot(of.linear, b);
    let residuals = square + dot(b, &descent.product) - 2.0 * with_target;
    let residual_target = square - with_target;
    let most = (0..b.len()).fold(0.0, |most: f64, column| {
        let entry = of.linear[column] - descent.product[column] - of.l2 * b[column];
        most.max(entry.abs())
    });
    let scale = if most > of.l1 { of.l1 / most } else { 1.0 };
    let absolute: f64 = b.iter().map(|b| b.abs()).sum();
    0.5 * (1.0 + scale * scale) * (residuals + of.l2 * dot(b, b)) + of.l1 * absolute
        - scale * residual_target
}

/// Fits all candidates. Those that follow one another with the same
/// `fit_intercept` share the products.
fn fit_all<T: DenseTrainer<Model = LinearModel>>(
    data: &DenseData<'_>,
    candidates: &[Params],
    l1_ratio: fn(&Params) -> f64,
    each: &mut dyn FnMut(usize, LinearModel) -> Result<(), Fault>,
) -> Result<u32, Fault> {
    let mut known: Option<(bool, Problem<'_>)> = None;
    for (candidate, params) in candidates.iter().enumerate() {
        let intercept = params.flag("fit_intercept");
        let kept = known.take().filter(|(of, _)| *of == intercept);
        let (_, problem) = match kept {
            Some(kept) => known.insert(kept),
            None => known.insert((intercept, Problem::new::<T>(data, intercept)?)),
        };
        each(candidate, problem.solve(params, l1_ratio(params)))?;
    }
    Ok(candidates.len() as u32)
}

impl DenseTrainer for ElasticNet {
    type Model = LinearModel;

    fn description() -> TrainerDescription {
        let l1_ratio = Param::new(
            "l1_ratio",
            vec![share()],
            json!(0.5),
            "The share of the l1 penalty.",
        );
        dense(
            "elastic_net",
            "Least squares with an l1 and an l2 penalty, by coordinate descent; all candidates \
             share one pass over the rows (ours, not linfa's: weights, coded columns).",
            Gives::Numbers,
            parameters(Some(l1_ratio.nested_separately())),
        )
        .effort(0.001, 1.0, 1.5)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearModel, Fault> {
        let problem = Problem::new::<Self>(data, params.flag("fit_intercept"))?;
        Ok(problem.solve(params, params.number("l1_ratio")))
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, LinearModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        fit_all::<Self>(data, candidates, |params| params.number("l1_ratio"), each)
    }

    predicts_numbers!();
}

impl DenseTrainer for Lasso {
    type Model = LinearModel;

    fn description() -> TrainerDescription {
        dense(
            "lasso",
            "Least squares with an l1 penalty, by coordinate descent; all values of `alpha` share \
             one pass over the rows (ours, not linfa's: weights, coded columns).",
            Gives::Numbers,
            parameters(None),
        )
        .effort(0.001, 1.0, 1.5)
        .memory(pairs())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearModel, Fault> {
        let problem = Problem::new::<Self>(data, params.flag("fit_intercept"))?;
        Ok(problem.solve(params, 1.0))
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, LinearModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        fit_all::<Self>(data, candidates, |_| 1.0, each)
    }

    predicts_numbers!();
}
