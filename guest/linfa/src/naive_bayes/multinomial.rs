//! [`MultinomialNaiveBayes`]: counts of columns in each class.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::matrix::Block;
use fanout_sdk::{
    Fault, Matrix, Param, ParamKind, Params, PredictionValues, TrainerDescription, onnx,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{given_priors, of_log_likelihoods, prior_kinds, rows_by_class};
use crate::classes::{Classes, Occurring};
use crate::describe::{Gives, Values, at_least, dense};
use crate::linear::LinearModel;

/// scikit-learn's `MultinomialNB`, for columns of counts.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `alpha` | 1.0 | what is added to the count of each column in each class (nested) |
/// | `force_alpha` | true | whether an `alpha` below 1e-10 is taken as it is |
/// | `fit_prior` | true | whether the classes' probabilities are learned, or all the same |
/// | `class_prior` | null | the probabilities of the classes, by label |
#[derive(Debug)]
pub struct MultinomialNaiveBayes(Infallible);

/// A fitted [`MultinomialNaiveBayes`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MultinomialModel {
    classes: Occurring,
    /// By class: the logarithms of the columns' probabilities, and of the prior.
    linear: LinearModel,
}

impl DenseTrainer for MultinomialNaiveBayes {
    type Model = MultinomialModel;

    fn description() -> TrainerDescription {
        dense(
            "multinomial_nb",
            "Naive Bayes for counts (ours, not linfa's: weights, priors, coded columns).",
            Gives::Probabilities,
            vec![
                Param::new(
                    "alpha",
                    vec![at_least(0.0)],
                    json!(1.0),
                    "What is added to the count of each column in each class.",
                )
                .nested(),
                Param::new(
                    "force_alpha",
                    vec![ParamKind::Bool],
                    json!(true),
                    "Whether an `alpha` below 1e-10 is taken as it is; else 1e-10 is.",
                ),
                Param::new(
                    "fit_prior",
                    vec![ParamKind::Bool],
                    json!(true),
                    "Whether the probabilities of the classes are learned; else all are the same.",
                ),
                Param::new(
                    "class_prior",
                    prior_kinds(),
                    Value::Null,
                    "The probabilities of the classes, by label.",
                ),
            ],
        )
        .effort(0.002, 1.0, 1.0)
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<MultinomialModel, Fault> {
        Counts::new(data)?.model(params)
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, MultinomialModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let counts = Counts::new(data)?;
        for (candidate, params) in candidates.iter().enumerate() {
            each(candidate, counts.model(params)?)?;
        }
        Ok(candidates.len() as u32)
    }

    fn predict(
        model: &MultinomialModel,
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<PredictionValues, Fault> {
        let linear = &model.linear;
        let classes = linear.coefficients.iter().zip(&linear.intercepts);
        let by_class: Vec<Vec<f64>> = classes
            .map(|(coefficients, intercept)| matrix.multiply(rows, coefficients, *intercept))
            .collect();
        Ok(of_log_likelihoods(&model.classes, &by_class))
    }

    fn onnx(
        model: &MultinomialModel,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let logs = model.linear.onnx(graph, columns)?;
        Ok(model.classes.onnx_likely(graph, labels, logs))
    }
}

/// What all candidates share.
struct Counts<'a> {
    classes: Classes<'a>,
    /// By class: the sum of the weights.
    weights: Vec<f64>,
    /// By class: the weighted sum of each column.
    sums: Vec<Vec<f64>>,
}

/// The name of a column that is below 0 in one of the rows.
fn first_negative<'a>(matrix: &'a Matrix, rows: &[u32]) -> Option<&'a str> {
    matrix.blocks().iter().find_map(|block| match block {
        Block::Number(column) => rows
            .iter()
            .any(|&row| column.values.get(row as usize) < 0.0)
            .then_some(column.name.as_str()),
        Block::Coded(block) => block
            .columns()
            .iter()
            .find(|column| column.offset < 0.0 || column.offset + column.scale < 0.0)
            .map(|column| column.name.as_str()),
        Block::Category(_) => None,
    })
}

impl<'a> Counts<'a> {
    fn new(data: &DenseData<'a>) -> Result<Self, Fault> {
        let classes = Classes::of::<MultinomialNaiveBayes>(data, 1)?;
        if let Some(name) = first_negative(data.matrix, data.train) {
            return Err(Fault::InvalidDataset(format!(
                "`multinomial_nb` takes counts of at least 0, but column `{name}` has a number \
                 below 0; leave out scalers that centre, or add the step `min_max_scaler`"
            )));
        }
        let (mut weights, mut sums) = (Vec::new(), Vec::new());
        for places in rows_by_class(&classes) {
            let rows: Vec<u32> = places.iter().map(|&place| data.train[place]).collect();
            let of_rows: Vec<f64> = places
                .iter()
                .map(|&place| data.weights.as_ref().map_or(1.0, |weights| weights[place]))
                .collect();
            weights.push(of_rows.iter().sum());
            sums.push(data.matrix.transposed_multiply(&rows, &of_rows));
        }
        Ok(Self {
            classes,
            weights,
            sums,
        })
    }

    fn model(&self, params: &Params) -> Result<MultinomialModel, Fault> {
        let total: f64 = self.weights.iter().sum();
        let count = self.weights.len() as f64;
        let priors = match given_priors(&self.classes, params, "class_prior")? {
            Some(given) => given,
            None if params.flag("fit_prior") => self.weights.iter().map(|w| w / total).collect(),
            None => vec![1.0 / count; self.weights.len()],
        };
        let mut alpha = params.number("alpha");
        if !params.flag("force_alpha") {
            alpha = alpha.max(1e-10);
        }
        let coefficients = self.sums.iter().map(|sums| {
            let total: f64 = sums.iter().map(|sum| sum + alpha).sum();
            let total = libm::log(total);
            let logs = sums.iter().map(|sum| libm::log(sum + alpha) - total);
            logs.collect()
        });
        Ok(MultinomialModel {
            classes: self.classes.occurring.clone(),
            linear: LinearModel {
                coefficients: coefficients.collect(),
                intercepts: priors.into_iter().map(libm::log).collect(),
            },
        })
    }
}
