//! [`Predictions`]: what a model predicts of rows, as JSON or CSV.

use super::columns::Unknown;
use super::format::Shape;
use crate::Fault;
use crate::contract::served::ServedTarget;
use crate::request::Refusal;
use crate::trainer::{Prediction, PredictionBuf};

/// The format of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    Json,
    Csv,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) content_type: &'static str,
    pub(crate) body: Vec<u8>,
    /// Which features have unknown categories, and in how many rows.
    pub(crate) unknown: Unknown,
}

impl Wanted {
    /// The first format of the header `accept` that there is; JSON without the header.
    pub(super) fn of(accept: Option<&str>) -> Result<Self, Refusal> {
        let Some(accept) = accept else {
            return Ok(Self::Json);
        };
        let kinds = accept.split(',').filter_map(|kind| kind.split(';').next());
        for kind in kinds {
            match kind.trim().to_ascii_lowercase().as_str() {
                "application/json" | "application/*" | "*/*" => return Ok(Self::Json),
                "text/csv" | "text/*" => return Ok(Self::Csv),
                _ => {}
            }
        }
        Err(Refusal {
            status: 406,
            fault: Fault::InvalidTask(format!(
                "predictions come as `application/json` or `text/csv`, not as `{accept}`"
            )),
        })
    }
}

/// What a model predicts.
pub(super) struct Predictions {
    rows: usize,
    column: Predicted,
    /// By class: its probability in each row; none if the model has no probabilities.
    probabilities: Vec<Vec<f64>>,
}

enum Predicted {
    Classes(Vec<u32>),
    Numbers(Vec<f64>),
}

impl Predictions {
    /// Those of no rows.
    pub(super) fn none() -> Self {
        Self {
            rows: 0,
            column: Predicted::Numbers(Vec::new()),
            probabilities: Vec::new(),
        }
    }

    /// The predictions of `rows` rows.
    ///
    /// # Errors
    /// If the trainer did not predict each row.
    pub(super) fn of(
        target: &ServedTarget,
        predicted: &PredictionBuf,
        rows: usize,
    ) -> Result<Self, Fault> {
        let classes = predicted.classes.len();
        let values = predicted.as_prediction();
        if values.rows(classes) != Some(rows) || predicted.classes != target.classes {
            return Err(Fault::Failed(format!(
                "the trainer did not give one prediction for each of {rows} rows"
            )));
        }
        let table = match values {
            Prediction::Numbers(numbers) => {
                return Ok(Self {
                    rows,
                    column: Predicted::Numbers(numbers.to_vec()),
                    probabilities: Vec::new(),
                });
            }
            Prediction::Binary(table) | Prediction::Multiclass(table) => Some(table),
            Prediction::Decisions { probabilities, .. } => probabilities,
            Prediction::Classes(_) => None,
        };
        let probabilities: Vec<Vec<f64>> = match table {
            None => Vec::new(),
            Some(ones) if classes == 2 => {
                vec![ones.iter().map(|one| 1.0 - one).collect(), ones.to_vec()]
            }
            Some(table) => (0..classes)
                .map(|class| table.iter().skip(class).step_by(classes).copied().collect())
                .collect(),
        };
        let positive = target.positive.as_ref();
        let positive = positive.and_then(|label| target.classes.iter().position(|c| c == label));
        let column = match (target.threshold, positive) {
            (Some(threshold), Some(positive)) if classes == 2 => {
                let ones = probabilities.get(positive).ok_or_else(|| {
                    Fault::Failed(
                        "the model has a threshold, but predicts no probabilities".to_owned(),
                    )
                })?;
                let class = |one: &f64| {
                    if *one >= threshold {
                        positive
                    } else {
                        1 - positive
                    }
                };
                ones.iter().map(|one| class(one) as u32).collect()
            }
            _ => values.classes(classes).into_owned(),
        };
        Ok(Self {
            rows,
            column: Predicted::Classes(column),
            probabilities,
        })
    }

    /// The answer: `prediction`, and `probability_<class>` of each class, of each row.
    pub(super) fn write(
        &self,
        target: &ServedTarget,
        wanted: Wanted,
        shape: Shape,
        unknown: Unknown,
    ) -> Answered {
        let names = target.classes.iter().take(self.probabilities.len());
        let names = names.map(|class| format!("probability_{class}"));
        let names: Vec<String> = std::iter::once("prediction".to_owned())
            .chain(names)
            .collect();
        let body = match (wanted, shape) {
            (Wanted::Json, Shape::Rows) => self.json_rows(target, &names),
            (Wanted::Json, Shape::Columns) => self.json_columns(target, &names),
            (Wanted::Csv, _) => self.csv(target, &names),
        };
        let content_type = match wanted {
            Wanted::Json => "application/json",
            Wanted::Csv => "text/csv",
        };
        Answered {
            content_type,
            body: body.into_bytes(),
            unknown,
        }
    }

    /// Appends column `column` of `row`, as JSON.
    fn json_value(&self, target: &ServedTarget, column: usize, row: usize, out: &mut String) {
        match (column.checked_sub(1), &self.column) {
            (Some(class), _) => out.push_str(&json(&self.probabilities[class][row])),
            (None, Predicted::Numbers(numbers)) => out.push_str(&json(&numbers[row])),
            (None, Predicted::Classes(classes)) => {
                let label = &target.classes[classes[row] as usize];
                match target.texts {
                    true => out.push_str(&json(label)),
                    false => out.push_str(label),
                }
            }
        }
    }

    fn json_rows(&self, target: &ServedTarget, names: &[String]) -> String {
        let keys: Vec<String> = names.iter().map(json).collect();
        let mut out = String::from("[");
        for row in 0..self.rows {
            out.push_str(if row == 0 { "{" } else { ",\n{" });
            for (column, key) in keys.iter().enumerate() {
                out.push_str(if column == 0 { "" } else { "," });
                out.push_str(key);
                out.push(':');
                self.json_value(target, column, row, &mut out);
            }
            out.push('}');
        }
        out + "]"
    }

    fn json_columns(&self, target: &ServedTarget, names: &[String]) -> String {
        let mut out = String::from("{");
        for (column, name) in names.iter().enumerate() {
            out.push_str(if column == 0 { "" } else { ",\n" });
            out.push_str(&json(name));
            out.push_str(":[");
            for row in 0..self.rows {
                out.push_str(if row == 0 { "" } else { "," });
                self.json_value(target, column, row, &mut out);
            }
            out.push(']');
        }
        out + "}"
    }

    fn csv(&self, target: &ServedTarget, names: &[String]) -> String {
        let names: Vec<String> = names.iter().map(|name| csv_text(name)).collect();
        let labels: Vec<String> = target.classes.iter().map(|label| csv_text(label)).collect();
        let mut out = names.join(",") + "\n";
        for row in 0..self.rows {
            match &self.column {
                Predicted::Classes(classes) => out.push_str(&labels[classes[row] as usize]),
                Predicted::Numbers(numbers) => out.push_str(&csv_number(numbers[row])),
            }
            for class in &self.probabilities {
                out.push(',');
                out.push_str(&csv_number(class[row]));
            }
            out.push('\n');
        }
        out
    }
}

/// A text or a number; numbers that JSON lacks are null.
fn json(value: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(value).expect("texts and numbers are JSON")
}

fn csv_number(number: f64) -> String {
    match number.is_finite() {
        true => json(&number),
        false => number.to_string(),
    }
}

fn csv_text(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}
