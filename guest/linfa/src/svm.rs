//! [`Svc`] and [`Svr`]: support vector machines with kernels.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, ParamKind, Params, PredictionValues, TrainerDescription};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{
    Gives, Values, any_number, at_least, choice, class_weight, count, dense, inverse_penalty,
    positive,
};

mod kernel;
mod platt;
mod solver;

pub use kernel::{Kernel, Vectors};

use platt::{Folds, Sigmoid};
use solver::{Limits, Problem, Solution};

/// scikit-learn's `SVC`: two classes by one machine, more by one for each pair, of
/// which each has a vote. Decisions are those of `decision_function_shape: ovr`: of two
/// classes that of their machine, else by class its votes, and between -1/3 and 1/3 for
/// the decisions of its machines.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `C` | 1.0 | the inverse strength of the penalty |
/// | `kernel` | `rbf` | `rbf`, `poly`, `linear` or `sigmoid` |
/// | `degree` | 3 | the degree of `poly` |
/// | `gamma` | `scale` | the factor of the kernel: `scale`, 1 / (columns × variance of all values), `auto`, 1 / columns, or a number |
/// | `coef0` | 0.0 | the constant of `poly` and `sigmoid` |
/// | `class_weight` | null | the weights of the classes |
/// | `tol` | 1e-3 | the violation of the optimum's conditions to stop at |
/// | `cache_size` | 200 | the size of the cache of the kernel's rows in megabytes |
/// | `max_iter` | -1 | the greatest number of steps; -1 or null: no limit |
/// | `break_ties` | false | whether ties of votes go to the greatest decision, not to the first class |
/// | `probability` | false | whether probabilities are predicted: by sigmoids of the decisions of five folds |
/// | `random_state` | 0 | the seed of these folds |
///
/// The solver is that of libsvm: sequential minimal optimisation, with the working
/// set of second order of Fan, Chen and Lin (2005). It shrinks no problem, and its
/// kernel's rows are of 64-bit numbers.
#[derive(Debug)]
pub struct Svc(Infallible);

/// scikit-learn's `SVR`. Its parameters are those of [`Svc`] without
/// `class_weight`, `break_ties`, `probability` and `random_state`, and `epsilon` (0.1), the
/// error that costs nothing.
#[derive(Debug)]
pub struct Svr(Infallible);

/// One machine: a decision is `Σ coefficientᵢ K(supportᵢ, x) - offset`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Machine {
    /// By support of the model; 0 for those of other machines.
    coefficients: Vec<f64>,
    offset: f64,
}

/// The machines that share their supports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Machines {
    kernel: Kernel,
    supports: Vectors,
    machines: Vec<Machine>,
}

/// A fitted [`Svc`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvcModel {
    classes: Occurring,
    /// By pair of classes, the lesser first.
    machines: Machines,
    /// By machine; none without probabilities.
    sigmoids: Vec<Sigmoid>,
    break_ties: bool,
}

/// A fitted [`Svr`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvrModel(Machines);

impl Machines {
    /// The machines of solutions: by solution, the training rows with their
    /// coefficients.
    fn new(kernel: Kernel, matrix: &Matrix, train: &[u32], solutions: Vec<Solved>) -> Self {
        let mut supports: Vec<usize> = solutions
            .iter()
            .flat_map(|(coefficients, _)| coefficients.iter().map(|(row, _)| *row))
            .collect();
        supports.sort_unstable();
        supports.dedup();
        let place = |row: usize| supports.partition_point(|&support| support < row);
        let machines = solutions.iter().map(|(of_rows, offset)| {
            let mut coefficients = vec![0.0; supports.len()];
            for &(row, coefficient) in of_rows {
                coefficients[place(row)] += coefficient;
            }
            Machine {
                coefficients,
                offset: *offset,
            }
        });
        let machines = machines.collect();
        let rows: Vec<u32> = supports.iter().map(|&row| train[row]).collect();
        Self {
            supports: Vectors::new(matrix, &rows),
            kernel,
            machines,
        }
    }

    /// The decisions of all machines, one row after the other.
    fn decisions(&self, matrix: &Matrix, rows: &[u32]) -> Vec<f64> {
        let mut out = Vec::with_capacity(rows.len() * self.machines.len());
        let mut values = Vec::new();
        for query in crate::points::queries(matrix, rows) {
            self.supports.kernel_row(self.kernel, &query, &mut values);
            for machine in &self.machines {
                let sum = crate::algebra::dot(&machine.coefficients, &values);
                out.push(sum - machine.offset);
            }
        }
        out
    }
}

impl SvcModel {
    /// By row and pair of classes: above 0 for the first of the two.
    pub(crate) fn decisions(&self, matrix: &Matrix, rows: &[u32]) -> Vec<f64> {
        self.machines.decisions(matrix, rows)
    }

    /// The predictions of a row by the decisions of its pairs.
    fn row(&self, of_pairs: &[f64], out: &mut Rows) {
        let count = self.classes.count();
        let (mut votes, mut ranks) = (vec![0.0; count], vec![0.0; count]);
        let mut sums = vec![0.0; count];
        for ((a, b), &decision) in pairs(count).zip(of_pairs) {
            let (a, b) = (a as usize, b as usize);
            votes[if decision > 0.0 { a } else { b }] += 1.0;
            // As scikit-learn, whose ranks count a decision of 0 for the first.
            ranks[if decision < 0.0 { b } else { a }] += 1.0;
            sums[a] += decision;
            sums[b] -= decision;
        }
        for (rank, sum) in ranks.iter_mut().zip(&sums) {
            *rank += sum / (3.0 * (sum.abs() + 1.0));
        }
        let decided = if self.break_ties && count > 2 {
            &ranks
        } else {
            &votes
        };
        let class = crate::classes::first_greatest(decided);
        out.classes.push(self.classes.labels[class]);
        match of_pairs {
            [one] => out.values.push(-one),
            _ => out.values.extend(ranks),
        }
        if !self.sigmoids.is_empty() {
            let of_first = self.sigmoids.iter().zip(of_pairs);
            let of_first: Vec<f64> = of_first
                .map(|(sigmoid, &decision)| sigmoid.bounded(decision))
                .collect();
            let found = platt::couple(count, &of_first);
            out.probabilities.extend(match found.as_slice() {
                [_, second] => std::slice::from_ref(second),
                all => all,
            });
        }
    }
}

/// The predictions of rows, by the classes that occur.
#[derive(Default)]
struct Rows {
    classes: Vec<u32>,
    values: Vec<f64>,
    probabilities: Vec<f64>,
}

/// The pairs of classes, the lesser first, in libsvm's order.
fn pairs(classes: usize) -> impl Iterator<Item = (u32, u32)> {
    let classes = classes as u32;
    (0..classes).flat_map(move |a| (a + 1..classes).map(move |b| (a, b)))
}

/// The parameters that both estimators have.
fn shared_params() -> Vec<Param> {
    vec![
        inverse_penalty(),
        Param::new(
            "kernel",
            vec![choice(&["rbf", "poly", "linear", "sigmoid"])],
            json!("rbf"),
            "The kernel.",
        ),
        Param::new(
            "degree",
            vec![count(0)],
            json!(3),
            "The degree of the kernel `poly`.",
        ),
        Param::new(
            "gamma",
            vec![choice(&["scale", "auto"]), at_least(0.0)],
            json!("scale"),
            "The factor of the kernel; `scale`: 1 / (columns × variance of all values), `auto`: \
             1 / columns.",
        ),
        Param::new(
            "coef0",
            vec![any_number()],
            json!(0.0),
            "The constant of the kernels `poly` and `sigmoid`.",
        ),
        Param::new(
            "tol",
            vec![positive()],
            json!(1e-3),
            "The violation of the optimum's conditions to stop at.",
        ),
        Param::new(
            "cache_size",
            vec![positive()],
            json!(200),
            "The size of the cache of the kernel's rows in megabytes.",
        ),
        Param::new(
            "max_iter",
            vec![ParamKind::Null, count(-1)],
            json!(-1),
            "The greatest number of steps; -1 or null: no limit.",
        ),
    ]
}

/// The parameters of classes alone.
fn class_params() -> [Param; 4] {
    let flag =
        |name: &str, meaning: &str| Param::new(name, vec![ParamKind::Bool], json!(false), meaning);
    [
        class_weight(),
        flag(
            "break_ties",
            "Whether ties of votes among three or more classes go to the greatest decision; else \
             to the first class.",
        ),
        flag(
            PROBABILITY,
            "Whether probabilities are predicted, by sigmoids of the decisions of five folds, \
             which takes six times as long. Classes and decisions are the same.",
        ),
        Param::new(
            "random_state",
            vec![ParamKind::Int {
                min: Some(0),
                max: Some(i64::from(u32::MAX)),
            }],
            json!(0),
            "The seed of the folds of `probability`.",
        ),
    ]
}

const PROBABILITY: &str = "probability";

/// What the solver takes of the parameters.
fn limits(params: &Params) -> Limits {
    Limits {
        tol: params.number("tol"),
        // -1 is no limit, as null.
        steps: params["max_iter"]
            .as_u64()
            .map_or(usize::MAX, |steps| steps as usize),
        cache: (params.number("cache_size") * 1e6) as usize,
    }
}

/// What the machines of one fit share.
struct Fit<'a> {
    matrix: &'a Matrix,
    train: &'a [u32],
    kernel: Kernel,
    limits: Limits,
}

/// The rows of two classes.
struct Pair {
    /// By row: its place among the training rows.
    places: Vec<usize>,
    /// 1 for the first class, -1 for the second.
    signs: Vec<f64>,
    bounds: Vec<f64>,
}

/// The training rows with their coefficients, and the offset.
type Solved = (Vec<(usize, f64)>, f64);

impl Pair {
    /// The machine of some of the rows.
    fn solve(&self, fit: &Fit<'_>, chosen: &[usize]) -> Solved {
        let of = |values: &[f64]| chosen.iter().map(|&row| values[row]).collect();
        let places: Vec<usize> = chosen.iter().map(|&row| self.places[row]).collect();
        let rows: Vec<u32> = places.iter().map(|&place| fit.train[place]).collect();
        let problem = Problem {
            linear: vec![-1.0; places.len()],
            bounds: of(&self.bounds),
            signs: of(&self.signs),
            vectors: &Vectors::new(fit.matrix, &rows),
            matrix: fit.matrix,
            rows: &rows,
            kernel: fit.kernel,
        };
        let Solution { duals, offset } = problem.solve(&fit.limits);
        let signed = duals.iter().zip(&problem.signs).zip(&places);
        let coefficients = signed
            .filter(|((dual, _), _)| **dual > 0.0)
            .map(|((dual, sign), &place)| (place, dual * sign));
        (coefficients.collect(), offset)
    }

    /// The probability of the first class by the decisions of the rows' machine.
    fn sigmoid(&self, fit: &Fit<'_>, random_state: u32) -> Sigmoid {
        let folds = Folds::new(&self.signs, random_state);
        folds.sigmoid(&self.signs, |chosen, decided| {
            let solved = vec![self.solve(fit, chosen)];
            let machine = Machines::new(fit.kernel, fit.matrix, fit.train, solved);
            let rows = decided.iter().map(|&row| fit.train[self.places[row]]);
            machine.decisions(fit.matrix, &rows.collect::<Vec<u32>>())
        })
    }
}

impl DenseTrainer for Svc {
    type Model = SvcModel;

    fn description() -> TrainerDescription {
        let mut params = shared_params();
        params.extend(class_params());
        let mut description = dense(
            "svc",
            "Support vector machines with kernels, by the algorithm of libsvm (ours, not \
             linfa's: several classes, weights, coded columns). Predicts decisions, and \
             probabilities if `probability` is true. The time rises with the square of the \
             rows at least.",
            Gives::Decisions,
            params,
        );
        description.probabilities_if = Some(PROBABILITY.to_owned());
        description
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<SvcModel, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let rows = data.weights.as_deref();
        let of_class = classes.weights(params, rows, Balance::Rows)?;
        let fit = Fit {
            matrix: data.matrix,
            train: data.train,
            kernel: Kernel::of(params, data),
            limits: limits(params),
        };
        // Rows without a weight are left out, as by libsvm.
        let weight = |row: usize| rows.map_or(1.0, |weights| weights[row]);
        let pair = |(a, b): (u32, u32)| {
            let code = |row: usize| classes.codes[row];
            let places: Vec<usize> = (0..classes.codes.len())
                .filter(|&row| [a, b].contains(&code(row)) && weight(row) > 0.0)
                .collect();
            let signs = places.iter();
            let signs = signs.map(|&row| if code(row) == a { 1.0 } else { -1.0 });
            let bounds = places.iter();
            let bounds =
                bounds.map(|&row| params.number("C") * of_class[code(row) as usize] * weight(row));
            Pair {
                signs: signs.collect(),
                bounds: bounds.collect(),
                places,
            }
        };
        let random_state = params.count("random_state") as u32;
        let (mut solutions, mut sigmoids) = (Vec::new(), Vec::new());
        for pair in pairs(classes.count()).map(pair) {
            let all: Vec<usize> = (0..pair.places.len()).collect();
            solutions.push(pair.solve(&fit, &all));
            if params.flag(PROBABILITY) {
                sigmoids.push(pair.sigmoid(&fit, random_state));
            }
        }
        Ok(SvcModel {
            machines: Machines::new(fit.kernel, data.matrix, data.train, solutions),
            classes: classes.occurring,
            sigmoids,
            break_ties: params.flag("break_ties"),
        })
    }

    fn predict(model: &SvcModel, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
        let decisions = model.decisions(matrix, rows);
        let mut out = Rows::default();
        for of_pairs in decisions.chunks_exact(model.machines.machines.len()) {
            model.row(of_pairs, &mut out);
        }
        let probabilities =
            (!model.sigmoids.is_empty()).then(|| model.classes.probabilities(out.probabilities));
        Ok(PredictionValues::Decisions {
            classes: out.classes,
            values: model.classes.decisions(out.values),
            probabilities,
        })
    }
}

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
}
