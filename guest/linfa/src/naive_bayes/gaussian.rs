//! [`GaussianNaiveBayes`]: normal distributions of each column in each class.

use std::convert::Infallible;
use std::f64::consts::PI;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::matrix::{Block, CodedBlock};
use fanout_sdk::{Fault, Matrix, Param, Params, PredictionValues, TrainerDescription, onnx};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{given_priors, of_log_likelihoods, prior_kinds, rows_by_class};
use crate::classes::{Classes, Occurring};
use crate::describe::{Gives, Values, at_least, dense};

/// scikit-learn's `GaussianNB`.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `priors` | null | the probabilities of the classes, by label; null: their shares of the weights |
/// | `var_smoothing` | 1e-9 | this share of the greatest variance of a column is added to all variances (nested) |
#[derive(Debug)]
pub struct GaussianNaiveBayes(Infallible);

/// A fitted [`GaussianNaiveBayes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GaussianModel {
    classes: Occurring,
    /// By class: the logarithm of the prior probability.
    log_priors: Vec<f64>,
    /// By class, then by column.
    means: Vec<Vec<f64>>,
    variances: Vec<Vec<f64>>,
}

impl DenseTrainer for GaussianNaiveBayes {
    type Model = GaussianModel;

    fn description() -> TrainerDescription {
        dense(
            "gaussian_nb",
            "Naive Bayes with normal distributions (ours, not linfa's: weights, probabilities, \
             coded columns).",
            Gives::Probabilities,
            vec![
                Param::new(
                    "priors",
                    prior_kinds(),
                    Value::Null,
                    "The probabilities of the classes, by label; null: their shares of the \
                     training rows' weights.",
                ),
                Param::new(
                    "var_smoothing",
                    vec![at_least(0.0)],
                    json!(1e-9),
                    "This share of the greatest variance of a column is added to all variances.",
                )
                .nested(),
            ],
        )
        .effort(0.002, 1.0, 1.0)
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<GaussianModel, Fault> {
        Statistics::new(data)?.model(params)
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, GaussianModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let statistics = Statistics::new(data)?;
        for (candidate, params) in candidates.iter().enumerate() {
            each(candidate, statistics.model(params)?)?;
        }
        Ok(candidates.len() as u32)
    }

    fn predict(
        model: &GaussianModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let by_class = log_likelihoods(model, matrix, rows);
        Ok(of_log_likelihoods(&model.classes, &by_class))
    }

    fn onnx(
        model: &GaussianModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let value = columns.numbers(graph)?;
        // Of shape (rows, classes, columns).
        let value = graph.reshape(value, vec![0, 1, -1]);
        let shape = vec![1, model.means.len(), columns.len()];
        let mut constant =
            |all: &[Vec<f64>]| graph.constant(onnx::Tensor::Double(shape.clone(), all.concat()));
        let (means, variances) = (constant(&model.means), constant(&model.variances));
        let from_means = graph.op("Sub", [value, means]);
        let squares = graph.op("Mul", [from_means, from_means]);
        let shares = graph.op("Div", [squares, variances]);
        let sums = graph.sum(shares, 2, false);
        let half = graph.number(-0.5);
        let terms = graph.op("Mul", [sums, half]);
        let constants = graph.row(model.constants().collect());
        let logs = graph.op("Add", [terms, constants]);
        Ok(model.classes.onnx_likely(graph, labels, logs))
    }
}

/// What all candidates share.
struct Statistics<'a> {
    classes: Classes<'a>,
    /// By class: the share of the weights.
    shares: Vec<f64>,
    means: Vec<Vec<f64>>,
    variances: Vec<Vec<f64>>,
    /// The greatest variance of a column over all training rows, without weights.
    greatest: f64,
}

impl<'a> Statistics<'a> {
    fn new(data: &DenseData<'a>) -> Result<Self, Fault> {
        let classes = Classes::of::<GaussianNaiveBayes>(data, 1)?;
        let mut totals = Vec::new();
        let (mut means, mut variances): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (vec![], vec![]);
        for places in rows_by_class(&classes) {
            let rows: Vec<u32> = places.iter().map(|&place| data.train[place]).collect();
            let weights: Option<Vec<f64>> = data
                .weights
                .as_ref()
                .map(|weights| places.iter().map(|&place| weights[place]).collect());
            let moments = data.matrix.moments(&rows, weights.as_deref());
            totals.push(moments[0].weight);
            means.push(moments.iter().map(|column| column.mean).collect());
            variances.push(moments.iter().map(|column| column.variance).collect());
        }
        let total: f64 = totals.iter().sum();
        let greatest = |most: f64, variance: f64| if variance > most { variance } else { most };
        let greatest = if data.weights.is_some() {
            let all = data.matrix.moments(data.train, None).into_iter();
            all.map(|column| column.variance).fold(0.0, greatest)
        } else {
            let columns = 0..data.matrix.columns();
            let variance = |column: usize| {
                // That within the classes, and that between them.
                let classes = || totals.iter().zip(&means).zip(&variances);
                let mean = classes()
                    .map(|((n, means), _)| n * means[column])
                    .sum::<f64>()
                    / total;
                let squares = classes().map(|((n, means), variances)| {
                    let from_mean = means[column] - mean;
                    n * (variances[column] + from_mean * from_mean)
                });
                squares.sum::<f64>() / total
            };
            columns.map(variance).fold(0.0, greatest)
        };
        Ok(Self {
            classes,
            shares: totals.into_iter().map(|weight| weight / total).collect(),
            means,
            variances,
            greatest,
        })
    }

    fn model(&self, params: &Params) -> Result<GaussianModel, Fault> {
        let given = given_priors(&self.classes, params, "priors")?;
        let priors = given.as_ref().unwrap_or(&self.shares).iter();
        let smoothing = params.number("var_smoothing") * self.greatest;
        let smoothed = self.variances.iter().map(|class| {
            let class = class.iter();
            class.map(|variance| variance + smoothing).collect()
        });
        Ok(GaussianModel {
            classes: self.classes.occurring.clone(),
            log_priors: priors.map(|prior| libm::log(*prior)).collect(),
            means: self.means.clone(),
            variances: smoothed.collect(),
        })
    }
}

/// The rows whose terms are added at a time.
const CHUNK: usize = 256;

impl GaussianModel {
    /// By class: the part of the logarithm of a likelihood that is the same for all rows.
    fn constants(&self) -> impl Iterator<Item = f64> {
        let classes = self.log_priors.iter().zip(&self.variances);
        classes.map(|(prior, variances)| {
            let logarithms = variances.iter().map(|v| 0.5 * libm::log(2.0 * PI * v));
            prior - logarithms.sum::<f64>()
        })
    }
}

/// By class: the logarithm of the likelihood of each row in it times its prior.
fn log_likelihoods(model: &GaussianModel, matrix: &Matrix, rows: &[u32]) -> Vec<Vec<f64>> {
    let constants = model.constants();
    let mut out: Vec<Vec<f64>> = constants
        .map(|constant| vec![constant; rows.len()])
        .collect();
    let classes = || model.means.iter().zip(&model.variances);
    let mut first = 0;
    for block in matrix.blocks() {
        match block {
            Block::Number(column) => {
                let mut values = [0.0; CHUNK];
                for (at, rows) in rows.chunks(CHUNK).enumerate() {
                    let values = &mut values[..rows.len()];
                    for (value, &row) in values.iter_mut().zip(rows) {
                        *value = column.values.get(row as usize);
                    }
                    for (out, (means, variances)) in out.iter_mut().zip(classes()) {
                        let out = &mut out[at * CHUNK..][..rows.len()];
                        add_terms(out, values, means[first], -0.5 / variances[first]);
                    }
                }
            }
            Block::Coded(block) => {
                for (out, (means, variances)) in out.iter_mut().zip(classes()) {
                    let term = |column: usize, value: f64| {
                        let from_mean = value - means[first + column];
                        -0.5 * from_mean * from_mean / variances[first + column]
                    };
                    let by_level = terms_by_level(block, term);
                    for (out, &row) in out.iter_mut().zip(rows) {
                        *out += by_level[block.codes().get(row as usize) as usize];
                    }
                }
            }
            Block::Category(column) => {
                unreachable!("`{}` was checked to be of numbers", column.name)
            }
        }
        first += block.columns();
    }
    out
}

/// Adds the squares of the distances from the mean, times a factor.
fn add_terms(out: &mut [f64], values: &[f64], mean: f64, factor: f64) {
    let (turns, rest) = out.as_chunks_mut::<8>();
    let (value_turns, value_rest) = values.as_chunks::<8>();
    for (out, values) in turns.iter_mut().zip(value_turns) {
        for (out, value) in out.iter_mut().zip(values) {
            *out += factor * ((value - mean) * (value - mean));
        }
    }
    for (out, value) in rest.iter_mut().zip(value_rest) {
        *out += factor * ((value - mean) * (value - mean));
    }
}

/// By level of a block: the sum of the terms of its columns, given a column of the
/// block and its value.
fn terms_by_level(block: &CodedBlock, term: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let columns = block.columns().iter().enumerate();
    let outside: Vec<f64> = columns
        .clone()
        .map(|(index, column)| term(index, column.offset))
        .collect();
    let none: f64 = outside.iter().sum();
    let by_column: Vec<f64> = columns
        .map(|(index, column)| {
            let others = outside.iter().enumerate();
            let others = others.filter(|(other, _)| *other != index);
            let rest: f64 = others.map(|(_, term)| term).sum();
            rest + term(index, column.offset + column.scale)
        })
        .collect();
    let levels = block.column_of().iter();
    levels
        .map(|&column| match column {
            CodedBlock::NONE => none,
            column => by_column[column as usize],
        })
        .collect()
}
