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

/// What is predicted of rows: named columns.
pub(super) struct Predictions {
    rows: usize,
    columns: Vec<(String, Cells)>,
}

enum Cells {
    Numbers(Vec<f64>),
    /// Classes, their labels, and whether these are texts.
    Classes(Vec<u32>, Vec<String>, bool),
}

impl Predictions {
    /// Those of `rows` rows, without columns yet.
    pub(super) fn of_rows(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
        }
    }

    /// Adds what is predicted of a target: `prediction`, and `probability_<class>` of each
    /// class where there are probabilities. `name` is that of the target where others stand
    /// beside it.
    ///
    /// # Errors
    /// If the trainer did not predict each row.
    pub(super) fn add(
        &mut self,
        target: &ServedTarget,
        name: Option<&str>,
        predicted: &PredictionBuf,
    ) -> Result<(), Fault> {
        let rows = self.rows;
        let (kind, of) = match name {
            Some(name) => (format!("prediction_{name}"), format!("probability_{name}")),
            None => ("prediction".to_owned(), "probability".to_owned()),
        };
        let classes = predicted.classes.len();
        let values = predicted.as_prediction();
        if values.rows(classes) != Some(rows) || predicted.classes != target.classes {
            return Err(Fault::Failed(format!(
                "the trainer did not give one prediction for each of {rows} rows"
            )));
        }
        let table = match values {
            Prediction::Numbers(numbers) => {
                self.columns.push((kind, Cells::Numbers(numbers.to_vec())));
                return Ok(());
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
        let codes = match (target.threshold, positive) {
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
        let labels = target.classes.clone();
        self.columns
            .push((kind, Cells::Classes(codes, labels, target.texts)));
        for (class, values) in target.classes.iter().zip(probabilities) {
            let name = format!("{of}_{class}");
            self.columns.push((name, Cells::Numbers(values)));
        }
        Ok(())
    }

    /// Adds the columns of a target of which there are no rows.
    pub(super) fn add_none(&mut self, name: Option<&str>) {
        let kind = match name {
            Some(name) => format!("prediction_{name}"),
            None => "prediction".to_owned(),
        };
        self.columns.push((kind, Cells::Numbers(Vec::new())));
    }

    /// The answer.
    pub(super) fn write(&self, wanted: Wanted, shape: Shape, unknown: Unknown) -> Answered {
        let body = match (wanted, shape) {
            (Wanted::Json, Shape::Rows) => self.json_rows(),
            (Wanted::Json, Shape::Columns) => self.json_columns(),
            (Wanted::Csv, _) => self.csv(),
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

    fn json_rows(&self) -> String {
        let keys: Vec<String> = self.columns.iter().map(|(name, _)| json(name)).collect();
        let mut out = String::from("[");
        for row in 0..self.rows {
            out.push_str(if row == 0 { "{" } else { ",\n{" });
            for (at, (key, (_, cells))) in keys.iter().zip(&self.columns).enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                out.push_str(key);
                out.push(':');
                cells.json_value(row, &mut out);
            }
            out.push('}');
        }
        out + "]"
    }

    fn json_columns(&self) -> String {
        let mut out = String::from("{");
        for (at, (name, cells)) in self.columns.iter().enumerate() {
            out.push_str(if at == 0 { "" } else { ",\n" });
            out.push_str(&json(name));
            out.push_str(":[");
            for row in 0..self.rows {
                out.push_str(if row == 0 { "" } else { "," });
                cells.json_value(row, &mut out);
            }
            out.push(']');
        }
        out + "}"
    }

    fn csv(&self) -> String {
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| csv_text(name))
            .collect();
        let mut out = names.join(",") + "\n";
        for row in 0..self.rows {
            for (at, (_, cells)) in self.columns.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                match cells {
                    Cells::Classes(codes, labels, _) => {
                        out.push_str(&csv_text(&labels[codes[row] as usize]));
                    }
                    Cells::Numbers(numbers) => out.push_str(&csv_number(numbers[row])),
                }
            }
            out.push('\n');
        }
        out
    }
}

impl Cells {
    /// Appends the value of `row`, as JSON.
    fn json_value(&self, row: usize, out: &mut String) {
        match self {
            Self::Numbers(numbers) => out.push_str(&json(&numbers[row])),
            Self::Classes(codes, labels, are_texts) => {
                let label = &labels[codes[row] as usize];
                match are_texts {
                    true => out.push_str(&json(label)),
                    false => out.push_str(label),
                }
            }
        }
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
