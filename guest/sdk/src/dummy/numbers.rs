//! [`DummyRegressor`]: one number of the training rows' targets.

use std::convert::Infallible;

use serde_json::{Value, json};

use super::{any_number, choice, description, onnx_refused};
use crate::metrics::quantile::{linear_quantile, lower_quantile};
use crate::{
    Fault, Job, Learning, Param, ParamKind, Params, Prediction, PredictionBuf, PredictionValues,
    Scorer, Table, Target, Trainer, TrainerDescription, onnx,
};

/// Predicts one number of the training rows' targets.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `strategy` | `mean` | `mean`, `median`, `quantile` or `constant` |
/// | `quantile` | null | the quantile of `quantile`, from 0 to 1 |
/// | `constant` | null | the number of `constant` |
///
/// With weights, a quantile is the least value below which lies that share of the
/// weights.
#[derive(Debug)]
pub struct DummyRegressor(Infallible);

impl Trainer for DummyRegressor {
    type Prepared = ();
    /// The number.
    type Model = f64;

    fn description() -> TrainerDescription {
        description(
            vec![Learning::Regression],
            vec![
                Param::new(
                    "strategy",
                    vec![choice(&["mean", "median", "quantile", "constant"])],
                    json!("mean"),
                    "The number that is predicted.",
                ),
                Param::new(
                    "quantile",
                    vec![
                        ParamKind::Null,
                        ParamKind::Float {
                            min: Some(0.0),
                            max: Some(1.0),
                            above_min: false,
                        },
                    ],
                    Value::Null,
                    "The quantile that strategy `quantile` predicts, from 0 to 1.",
                ),
                Param::new(
                    "constant",
                    vec![ParamKind::Null, any_number()],
                    Value::Null,
                    "The number that strategy `constant` predicts.",
                ),
            ],
        )
    }

    fn prepare(_: &Table) -> Result<(), Fault> {
        Ok(())
    }

    fn evaluate((): &(), job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
        for (index, params) in job.candidates.iter().enumerate() {
            let number = fit(job, params)?;
            scorer.test(index, Prediction::Numbers(&vec![number; job.test.len()]))?;
            if scorer.wants_train() {
                scorer.train(index, Prediction::Numbers(&vec![number; job.train.len()]))?;
            }
        }
        Ok(job.candidates.len() as u32)
    }

    fn fit((): &(), job: &Job<'_>) -> Result<f64, Fault> {
        fit(job, &job.candidates[0])
    }

    fn predict(number: &f64, table: &Table) -> Result<PredictionBuf, Fault> {
        Ok(PredictionBuf {
            classes: Vec::new(),
            values: PredictionValues::Numbers(vec![*number; table.rows()]),
        })
    }

    fn onnx(
        _: &f64,
        _: &mut onnx::Graph,
        _: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        Err(onnx_refused())
    }
}

fn fit(job: &Job<'_>, params: &Params) -> Result<f64, Fault> {
    let Target::Numbers(numbers) = job.target else {
        return Err(Fault::InvalidTask(
            "`dummy` for numbers does not learn classes".to_owned(),
        ));
    };
    let strategy = params["strategy"].as_str().unwrap_or_default();
    // `quantile` and `constant` are numbers of the same names.
    let number = || {
        params[strategy].as_f64().ok_or_else(|| {
            Fault::InvalidParams(format!(
                "strategy `{strategy}` of `dummy` needs the hyper-parameter `{strategy}`"
            ))
        })
    };
    match strategy {
        "median" => Ok(quantile(job, numbers, 0.5)),
        "quantile" => Ok(quantile(job, numbers, number()?)),
        "constant" => number(),
        _ => {
            let (mut sum, mut total) = (0.0, 0.0);
            for &row in job.train {
                let weight = job.weights.map_or(1.0, |weights| weights[row as usize]);
                sum += weight * numbers[row as usize];
                total += weight;
            }
            Ok(sum / total)
        }
    }
}

/// A quantile of the training rows: without weights between the two nearest values
/// (NumPy's `linear`), with weights one of them.
fn quantile(job: &Job<'_>, numbers: &[f64], share: f64) -> f64 {
    let number = |row: &u32| numbers[*row as usize];
    match job.weights {
        None => linear_quantile(job.train.iter().map(number).collect(), share),
        Some(weights) => {
            let weighted = |row: &u32| (number(row), weights[*row as usize]);
            lower_quantile(job.train.iter().map(weighted), share)
        }
    }
}
