//! [`Svc`] and [`Svr`]: support vector machines with kernels.

use std::convert::Infallible;

use fanout_sdk::contract::MemoryUse;
use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Matrix, Param, ParamKind, Params, PredictionValues, TrainerDescription};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{
    Gives, Values, any_number, at_least, choice, class_weight, count, dense, positive,
};

mod kernel;
mod solver;

pub use kernel::{Kernel, Vectors};

use solver::{Problem, Solution};

/// scikit-learn's `SVC`: two classes by one machine, more by one for each pair, of
/// which each has a vote. Predicts classes.
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
/// | `max_iter` | null | the greatest number of steps; null: none |
///
/// The solver is that of libsvm: sequential minimal optimisation, with the working
/// set of second order of Fan, Chen and Lin (2005). It shrinks no problem, and its
/// kernel's rows are of 64-bit numbers.
#[derive(Debug)]
pub struct Svc(Infallible);

/// scikit-learn's `SVR`. Its parameters are those of [`Svc`] without
/// `class_weight`, and `epsilon` (0.1), the error that costs nothing.
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
}

/// A fitted [`Svr`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SvrModel(Machines);

/// What a fit holds: the kernel's rows that the cache keeps.
fn kernel_rows() -> MemoryUse {
    MemoryUse {
        row_pair: 8,
        row_pairs: 200_000_000,
        ..MemoryUse::default()
    }
}

impl Machines {
    /// The machines of solutions: by solution, the training rows with their
    /// coefficients.
    fn new(
        kernel: Kernel,
        matrix: &Matrix,
        train: &[u32],
        solutions: Vec<(Vec<(usize, f64)>, f64)>,
    ) -> Self {
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
}

/// The pairs of classes, the lesser first, in libsvm's order.
fn pairs(classes: usize) -> impl Iterator<Item = (u32, u32)> {
    let classes = classes as u32;
    (0..classes).flat_map(move |a| (a + 1..classes).map(move |b| (a, b)))
}

/// The parameters that both estimators have.
fn shared_params() -> Vec<Param> {
    vec![
        Param::new(
            "C",
            vec![positive()],
            json!(1.0),
            "The inverse strength of the penalty.",
        ),
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
            vec![ParamKind::Null, count(1)],
            Value::Null,
            "The greatest number of steps; null: no limit.",
        ),
    ]
}

/// What the solver takes of the parameters.
fn limits(params: &Params) -> solver::Limits {
    solver::Limits {
        tol: params.number("tol"),
        steps: match params["max_iter"] {
            Value::Null => usize::MAX,
            _ => params.count("max_iter"),
        },
        cache: (params.number("cache_size") * 1e6) as usize,
    }
}

impl DenseTrainer for Svc {
    type Model = SvcModel;

    fn description() -> TrainerDescription {
        let mut params = shared_params();
        params.push(class_weight());
        dense(
            "svc",
            "Support vector machines with kernels, by the algorithm of libsvm (ours, not \
             linfa's: several classes, weights, coded columns). Predicts classes, no \
             probabilities. The time rises with the square of the rows at least.",
            Gives::Classes,
            params,
        )
        .effort(0.4, 2.0, 0.5)
        .memory(kernel_rows())
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<SvcModel, Fault> {
        let classes = Classes::of::<Self>(data, 2)?;
        let rows = data.weights.as_deref();
        let of_class = classes.weights(params, rows, Balance::Rows)?;
        let kernel = Kernel::of(params, data);
        let solve = |(a, b): (u32, u32)| {
            // Rows without a weight are left out, as by libsvm.
            let weight = |row: usize| rows.map_or(1.0, |weights| weights[row]);
            let places: Vec<usize> = (0..classes.codes.len())
                .filter(|&row| [a, b].contains(&classes.codes[row]) && weight(row) > 0.0)
                .collect();
            let signs: Vec<f64> = places
                .iter()
                .map(|&row| if classes.codes[row] == a { 1.0 } else { -1.0 })
                .collect();
            let bounds = places.iter().map(|&row| {
                params.number("C") * of_class[classes.codes[row] as usize] * weight(row)
            });
            let of_rows: Vec<u32> = places.iter().map(|&row| data.train[row]).collect();
            let problem = Problem {
                linear: vec![-1.0; places.len()],
                bounds: bounds.collect(),
                signs,
                vectors: &Vectors::new(data.matrix, &of_rows),
                matrix: data.matrix,
                rows: &of_rows,
                kernel,
            };
            let Solution { duals, offset } = problem.solve(&limits(params));
            let signed = duals.iter().zip(&problem.signs).zip(&places);
            let coefficients = signed
                .filter(|((dual, _), _)| **dual > 0.0)
                .map(|((dual, sign), &row)| (row, dual * sign));
            (coefficients.collect(), offset)
        };
        let solutions = pairs(classes.count()).map(solve).collect();
        Ok(SvcModel {
            machines: Machines::new(kernel, data.matrix, data.train, solutions),
            classes: classes.occurring,
        })
    }

    fn predict(model: &SvcModel, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
        let count = model.classes.count();
        let pairs: Vec<(u32, u32)> = pairs(count).collect();
        let decisions = model.decisions(matrix, rows);
        let class = |decisions: &[f64]| {
            let mut votes = vec![0.0; count];
            for (&(a, b), &decision) in pairs.iter().zip(decisions) {
                votes[if decision > 0.0 { a } else { b } as usize] += 1.0;
            }
            model.classes.labels[crate::classes::first_greatest(&votes)]
        };
        let rows = decisions.chunks_exact(pairs.len());
        Ok(PredictionValues::Classes(rows.map(class).collect()))
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
}
