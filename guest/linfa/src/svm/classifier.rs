//! [`Svc`]: classes by a machine for each pair of them.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::{
    Fault, Matrix, Param, ParamKind, Params, PredictionValues, TrainerDescription, onnx,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::kernel::{Kernel, Vectors};
use super::machines::{Machines, Solved};
use super::params::{kernel_rows, limits, shared_params};
use super::platt::{self, Folds, Sigmoid, pairs};
use super::solver::{Limits, Problem, Solution};
use crate::classes::{Balance, Classes, Occurring};
use crate::describe::{Gives, Values, class_weight, dense};

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

impl SvcModel {
    /// See [`DenseTrainer::onnx`].
    fn onnx(
        &self,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        if !self.sigmoids.is_empty() {
            return Err(onnx::refused(
                "trainer `svc` with `probability: true`",
                "the probabilities of the pairs of classes are coupled by a search whose length \
                 differs from row to row; fit it with `probability: false`",
            ));
        }
        let of_pairs = self.machines.onnx(graph, columns)?;
        let count = self.classes.count();
        if count == 2 {
            // The decision of the pair is above 0 for the first.
            let decisions = graph.op("Neg", [of_pairs]);
            let zero = graph.number(0.0);
            let is_first = graph.op("Greater", [of_pairs, zero]);
            let is_second = graph.op("Not", [is_first]);
            let class = graph.int64(is_second);
            let class = graph.reshape(class, vec![-1]);
            return Ok((self.classes).onnx_classes(graph, labels, class, decisions));
        }
        // Of shape (pairs, classes): 1 for the first class of a pair, and for the second.
        let of = |side: fn((u32, u32)) -> u32| {
            let cell = move |pair, class| f64::from(side(pair) == class);
            let pairs = pairs(count);
            pairs.flat_map(move |pair| (0..count as u32).map(move |class| cell(pair, class)))
        };
        let firsts = graph.table(count, of(|pair| pair.0).collect());
        let seconds = graph.table(count, of(|pair| pair.1).collect());
        let (zero, one, three) = (graph.number(0.0), graph.number(1.0), graph.number(3.0));
        let mut votes = |operator, passing, others| {
            let passes = graph.op(operator, [of_pairs, zero]);
            let passes = graph.double(passes);
            let fails = graph.op("Sub", [one, passes]);
            let passing = graph.op("MatMul", [passes, passing]);
            let others = graph.op("MatMul", [fails, others]);
            graph.op("Add", [passing, others])
        };
        let decided = votes("Greater", firsts, seconds);
        let ranks = votes("Less", seconds, firsts);
        let signs = graph.op("Sub", [firsts, seconds]);
        let sums = graph.op("MatMul", [of_pairs, signs]);
        let sizes = graph.op("Abs", [sums]);
        let sizes = graph.op("Add", [sizes, one]);
        let sizes = graph.op("Mul", [sizes, three]);
        let shares = graph.op("Div", [sums, sizes]);
        let ranks = graph.op("Add", [ranks, shares]);
        let class = graph.first_greatest(if self.break_ties { ranks } else { decided });
        Ok(self.classes.onnx_classes(graph, labels, class, ranks))
    }
}

/// The predictions of rows, by the classes that occur.
#[derive(Default)]
struct Rows {
    classes: Vec<u32>,
    values: Vec<f64>,
    probabilities: Vec<f64>,
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
        )
        .effort(0.4, 2.0, 0.5)
        .memory(kernel_rows());
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
        for of_pairs in decisions.chunks_exact(model.machines.count()) {
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

    fn onnx(
        model: &SvcModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        model.onnx(graph, columns, labels)
    }
}
