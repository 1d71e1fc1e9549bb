//! [`DummyClassifier`]: the class frequencies of the training rows.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{any_number, choice, description, onnx_refused};
use crate::random::Random;
use crate::{
    Fault, Job, Learning, Param, ParamKind, Params, Prediction, PredictionBuf, PredictionValues,
    Scorer, Table, Target, Trainer, TrainerDescription, onnx,
};

/// Predicts from the class frequencies of the training rows.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `strategy` | `prior` | the prediction, see [`Strategy`] |
/// | `random_state` | 0 | the seed of `stratified` and `uniform` |
/// | `constant` | null | the label that `constant` predicts |
///
/// `stratified` and `uniform` have the frequencies of scikit-learn, but not its
/// random numbers.
#[derive(Debug)]
pub struct DummyClassifier(Infallible);

/// The strategy of a [`DummyClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Strategy {
    /// The most frequent class; the probabilities are the class frequencies.
    Prior,
    /// The most frequent class, with probability 1.
    MostFrequent,
    /// A random class per row, drawn by the class frequencies.
    Stratified {
        /// The seed.
        seed: u64,
    },
    /// A random class per row, drawn uniformly.
    Uniform {
        /// The seed.
        seed: u64,
    },
    /// A given class.
    Constant {
        /// The index of the class.
        class: u32,
    },
}

/// A fitted [`DummyClassifier`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    classes: Vec<String>,
    frequencies: Vec<f64>,
    strategy: Strategy,
}

impl Trainer for DummyClassifier {
    type Prepared = ();
    type Model = Model;

    fn description() -> TrainerDescription {
        description(
            vec![Learning::Binary, Learning::Multiclass],
            vec![
                Param::new(
                    "strategy",
                    vec![choice(&[
                        "prior",
                        "most_frequent",
                        "stratified",
                        "uniform",
                        "constant",
                    ])],
                    json!("prior"),
                    "The prediction: the class frequencies of the training rows, the most \
                     frequent class, random classes by frequency or uniform, or a given class.",
                ),
                Param::new(
                    "random_state",
                    vec![ParamKind::Int {
                        min: Some(0),
                        max: None,
                    }],
                    json!(0),
                    "The seed of `stratified` and `uniform`.",
                ),
                Param::new(
                    "constant",
                    vec![ParamKind::Null, ParamKind::Text, any_number()],
                    Value::Null,
                    "The label that strategy `constant` predicts.",
                ),
            ],
        )
    }

    fn prepare(_: &Table) -> Result<(), Fault> {
        Ok(())
    }

    fn evaluate((): &(), job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
        let (classes, frequencies) = frequencies(job)?;
        for (index, candidate) in job.candidates.iter().enumerate() {
            let strategy = Strategy::of(candidate, classes)?;
            let predict = |rows| strategy.probabilities(&frequencies, rows);
            score(predict(job.test.len()), classes, |p| scorer.test(index, p))?;
            if scorer.wants_train() {
                score(predict(job.train.len()), classes, |p| {
                    scorer.train(index, p)
                })?;
            }
        }
        Ok(job.candidates.len() as u32)
    }

    fn fit((): &(), job: &Job<'_>) -> Result<Model, Fault> {
        let (classes, frequencies) = frequencies(job)?;
        Ok(Model {
            classes: classes.to_vec(),
            frequencies,
            strategy: Strategy::of(&job.candidates[0], classes)?,
        })
    }

    fn predict(model: &Model, table: &Table) -> Result<PredictionBuf, Fault> {
        let probabilities = model
            .strategy
            .probabilities(&model.frequencies, table.rows());
        Ok(PredictionBuf {
            classes: model.classes.clone(),
            values: match model.classes.len() {
                2 => PredictionValues::Binary(probabilities),
                _ => PredictionValues::Multiclass(probabilities),
            },
        })
    }

    fn onnx(
        _: &Model,
        _: &mut onnx::Graph,
        _: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        Err(onnx_refused())
    }
}

/// Passes probabilities to the scorer, as binary for two classes.
fn score(
    probabilities: Vec<f64>,
    classes: &[String],
    scorer: impl FnOnce(Prediction<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    scorer(match classes.len() {
        2 => Prediction::Binary(&probabilities),
        _ => Prediction::Multiclass(&probabilities),
    })
}

/// The class labels, and the shares of the classes in the training rows' weights.
fn frequencies<'a>(job: &Job<'a>) -> Result<(&'a [String], Vec<f64>), Fault> {
    let Target::Classes { classes, codes } = job.target else {
        return Err(Fault::InvalidTask(
            "`dummy` is a classifier, but the target is numeric".to_owned(),
        ));
    };
    let mut counts = vec![0.0; classes.len()];
    for &row in job.train {
        counts[codes[row as usize] as usize] += job.weights.map_or(1.0, |w| w[row as usize]);
    }
    let total: f64 = counts.iter().sum();
    Ok((classes, counts.iter().map(|count| count / total).collect()))
}

impl Strategy {
    fn of(params: &Params, classes: &[String]) -> Result<Self, Fault> {
        let seed = params["random_state"].as_u64().unwrap_or_default();
        Ok(match params["strategy"].as_str().unwrap_or_default() {
            "most_frequent" => Self::MostFrequent,
            "stratified" => Self::Stratified { seed },
            "uniform" => Self::Uniform { seed },
            "constant" => {
                let label = match &params["constant"] {
                    Value::String(label) => label.clone(),
                    other => other.to_string(),
                };
                let class = classes.iter().position(|class| *class == label);
                let class = class.ok_or_else(|| {
                    Fault::InvalidParams(format!(
                        "`constant` is `{label}`, which is not one of the classes `{}`",
                        classes.join("`, `")
                    ))
                })?;
                Self::Constant {
                    class: class as u32,
                }
            }
            _ => Self::Prior,
        })
    }

    /// The probabilities of `rows` rows, row-major: of class 1 for two classes,
    /// else of each class.
    fn probabilities(&self, frequencies: &[f64], rows: usize) -> Vec<f64> {
        let classes = frequencies.len();
        let one_hot = |class: usize| {
            let mut row = vec![0.0; classes];
            row[class] = 1.0;
            row
        };
        let row = match self {
            Self::Prior => frequencies.to_vec(),
            Self::MostFrequent => one_hot(most_frequent(frequencies)),
            Self::Constant { class } => one_hot(*class as usize),
            Self::Stratified { seed } => return draw_classes(*seed, frequencies, rows),
            Self::Uniform { seed } => {
                return draw_classes(*seed, &vec![1.0 / classes as f64; classes], rows);
            }
        };
        match row.as_slice() {
            [_, one] => vec![*one; rows],
            _ => row.repeat(rows),
        }
    }
}

/// The first of the most frequent classes.
fn most_frequent(frequencies: &[f64]) -> usize {
    let mut best = 0;
    for (class, share) in frequencies.iter().enumerate() {
        if *share > frequencies[best] {
            best = class;
        }
    }
    best
}

/// A random class per row, as probabilities of 0 and 1.
fn draw_classes(seed: u64, frequencies: &[f64], rows: usize) -> Vec<f64> {
    let classes = frequencies.len();
    let width = if classes == 2 { 1 } else { classes };
    let mut table = vec![0.0; rows * width];
    let mut random = Random::new(seed);
    for row in table.chunks_exact_mut(width) {
        let mut left = random.next_f64();
        let mut class = 0;
        while class + 1 < classes && left >= frequencies[class] {
            left -= frequencies[class];
            class += 1;
        }
        match width {
            1 => row[0] = class as f64,
            _ => row[class] = 1.0,
        }
    }
    table
}
