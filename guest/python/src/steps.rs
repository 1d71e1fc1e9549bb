//! [`PythonSteps`]: the transformers of the interpreter as steps.

use fanout_sdk::contract::StepDescription;
use fanout_sdk::steps::own::{OwnFit, OwnOutput, OwnSteps};
use fanout_sdk::{Fault, Learning, Matrix, Params, Table};
use serde::{Deserialize, Serialize};

use crate::described::{described, other_than_default};
use crate::features::{Columns, Features};
use crate::interpreter::call;
use crate::message::{Answer, Request};

/// The transformers of the interpreter.
pub(crate) struct PythonSteps;

/// The head of a request.
#[derive(Serialize)]
struct Head<'a> {
    op: &'static str,
    step: &'a str,
    columns: Columns<'a>,
    /// The number of rows that are transformed and not trained on.
    rows: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    fit: Option<FitHead<'a>>,
    /// The bytes of the fitted step.
    model: usize,
}

#[derive(Serialize)]
struct FitHead<'a> {
    /// The parameters that are not the default.
    params: Params,
    train: usize,
    learning: Learning,
    /// The labels of the classes, sorted; none for numbers.
    classes: &'a [String],
}

/// The head of an answer.
#[derive(Deserialize)]
struct Transformed {
    names: Vec<String>,
    #[serde(default)]
    model: usize,
}

/// The columns of an answer: the fitted step, and numbers row by row.
fn transformed(mut answer: Answer, rows: usize) -> Result<(Vec<u8>, OwnOutput), Fault> {
    let Transformed { names, model } = answer.head()?;
    let model = answer.take(model)?.to_vec();
    let numbers = answer.numbers(rows.saturating_mul(names.len()))?;
    Ok((model, OwnOutput { names, numbers }))
}

impl OwnSteps for PythonSteps {
    fn descriptions(&self) -> Vec<StepDescription> {
        described().steps.clone()
    }

    fn description(&self, name: &str) -> Option<StepDescription> {
        let mut steps = described().steps.iter();
        steps.find(|step| step.name == name).cloned()
    }

    fn suits(&self, name: &str, is_category: bool) -> bool {
        is_category == name.ends_with("Encoder")
    }

    fn fit_transform(
        &self,
        name: &str,
        fit: &OwnFit<'_>,
        others: &[u32],
    ) -> Result<(Vec<u8>, OwnOutput), Fault> {
        let features = Features::of(&Table::of_matrix(fit.matrix.clone())?)?;
        let mut steps = described().steps.iter();
        let known = steps.find(|step| step.name == name);
        let known = known.map_or(&[][..], |step| &step.params);
        let head = Head {
            op: "fit_step",
            step: name,
            columns: features.columns(),
            rows: others.len(),
            fit: Some(FitHead {
                params: other_than_default(fit.params, known),
                train: fit.train.len(),
                learning: fit.target.learning(),
                classes: fit.target.classes(),
            }),
            model: 0,
        };
        let rows = fit.train.len() + others.len();
        let mut request = Request::new(&head, features.bytes(rows) + 8 * rows);
        features.write(fit.train, &mut request);
        request.target(fit.target, fit.train);
        features.write(others, &mut request);
        transformed(call(request)?, rows)
    }

    fn transform(
        &self,
        name: &str,
        fitted: &[u8],
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<OwnOutput, Fault> {
        let features = Features::of(&Table::of_matrix(matrix.clone())?)?;
        let head = Head {
            op: "transform",
            step: name,
            columns: features.columns(),
            rows: rows.len(),
            fit: None,
            model: fitted.len(),
        };
        let room = features.bytes(rows.len()) + fitted.len();
        let mut request = Request::new(&head, room);
        request.bytes(fitted);
        features.write(rows, &mut request);
        Ok(transformed(call(request)?, rows.len())?.1)
    }
}
