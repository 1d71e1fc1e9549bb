//! [`read`]: predictions of an answer.

use fanout_sdk::{Fault, PredictionValues};
use serde::Deserialize;

use crate::message::Answer;

/// What the head of an answer says of the predictions of a list of rows.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Predicted {
    /// Numbers, or classes.
    numbers: bool,
    /// Whether there are decisions.
    decisions: bool,
    /// Whether there are probabilities.
    probabilities: bool,
}

/// The predictions of `rows` rows, of `classes` classes.
pub(crate) fn read(
    answer: &mut Answer,
    of: Predicted,
    rows: usize,
    classes: usize,
) -> Result<PredictionValues, Fault> {
    if of.numbers {
        return Ok(PredictionValues::Numbers(answer.numbers(rows)?));
    }
    let codes = answer.codes(rows)?;
    let width = if classes == 2 { 1 } else { classes };
    let mut table = |wanted: bool| -> Result<Option<Vec<f64>>, Fault> {
        wanted.then(|| answer.numbers(rows * width)).transpose()
    };
    let decisions = table(of.decisions)?;
    let probabilities = table(of.probabilities)?;
    // As scikit-learn's scorers rank rows: by decisions, else by probabilities.
    Ok(match (decisions, probabilities) {
        (None, None) => PredictionValues::Classes(codes),
        (Some(values), probabilities) => PredictionValues::Decisions {
            classes: codes,
            values,
            probabilities,
        },
        (None, Some(probabilities)) => PredictionValues::Decisions {
            classes: codes,
            values: probabilities.clone(),
            probabilities: Some(probabilities),
        },
    })
}
