//! [`ServedModel`]: a model that answers rows over HTTP. It reads them from JSON, CSV,
//! Parquet or Arrow, makes the features that the training data had, and predicts.
//!
//! No row is predicted unless all are read: an error names the column and the row.

use bytes::Bytes;
use serde::Serialize;

use crate::contract::served::{Holds, unpack};
use crate::contract::{Learning, Served};
use crate::request::Refusal;
use crate::{Fault, Guest, Model};
pub(crate) use answer::Answered;
use answer::{Predictions, Wanted};
use columns::Columns;
use format::{Format, Shape};

mod answer;
mod arrow;
mod cell;
mod columns;
mod csv;
#[cfg(target_family = "wasm")]
mod embedded;
mod flatbuffer;
mod format;
mod json;
mod parquet;
#[cfg(test)]
mod tests;
mod time;

#[cfg(target_family = "wasm")]
pub(crate) use embedded::embedded;
#[cfg(not(target_family = "wasm"))]
pub(crate) fn embedded() -> Option<Bytes> {
    None
}

/// A model that is open, with its document.
#[derive(Debug)]
pub(crate) struct ServedModel {
    served: Served,
    model: Model,
}

/// What a model is, for `GET /`.
#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    run: &'a str,
    trainer: &'a str,
    steps: &'a [String],
    target: &'a str,
    learning: Learning,
    classes: &'a [String],
    positive: Option<&'a str>,
    threshold: Option<f64>,
    columns: Vec<DescribedColumn<'a>>,
}

#[derive(Serialize)]
struct DescribedColumn<'a> {
    name: &'a str,
    holds: Holds,
    features: Vec<&'a str>,
}

impl ServedModel {
    /// Opens a package of the contract.
    ///
    /// # Errors
    /// If it is none, or its model is not one of guest `G`.
    pub(crate) fn open<G: Guest>(package: &[u8]) -> Result<Self, Fault> {
        let (served, fitted) = unpack(package).map_err(Fault::InvalidTask)?;
        let model = Model::open::<G>(fitted)?;
        Ok(Self { served, model })
    }

    /// What the model is, as JSON.
    pub(crate) fn describe(&self) -> String {
        let Served {
            name,
            run,
            trainer,
            steps,
            target,
            columns,
            features,
            ..
        } = &self.served;
        let columns = columns.iter().enumerate().map(|(place, column)| {
            let made = features
                .iter()
                .filter(|feature| feature.of.contains(&place));
            DescribedColumn {
                name: &column.name,
                holds: column.holds,
                features: made.map(|feature| feature.name.as_str()).collect(),
            }
        });
        let described = Described {
            name,
            run,
            trainer,
            steps,
            target: &target.name,
            learning: target.learning,
            classes: &target.classes,
            positive: target.positive.as_deref(),
            threshold: target.threshold,
            columns: columns.collect(),
        };
        serde_json::to_string(&described).expect("a model has text keys")
    }

    /// Predicts the rows of a body. Its format is that of `content_type`, or else by its
    /// first bytes; the answer is in the one that `accept` asks for.
    ///
    /// # Errors
    /// Status 400 for a body that is not of its format, 406 and 415 for another format,
    /// 422 for rows that the model does not read.
    pub(crate) fn predict(
        &self,
        content_type: Option<&str>,
        accept: Option<&str>,
        body: &Bytes,
    ) -> Result<Answered, Refusal> {
        let wanted = Wanted::of(accept)?;
        let format = Format::of(content_type, body)?;
        let mut columns = Columns::new(&self.served);
        let mut shape = Shape::Rows;
        match format {
            Format::Json => shape = json::read(body, &mut columns)?,
            Format::Csv => csv::read(body, &self.served.csv, &mut columns)?,
            Format::Parquet => parquet::read(body.clone(), &mut columns)?,
            Format::Arrow => arrow::read(body, &mut columns)?,
        }
        let unsuited = |fault| Refusal { status: 422, fault };
        let (table, unknown) = columns.finish().map_err(unsuited)?;
        let predictions = match table {
            None => Predictions::none(),
            Some(table) => {
                let predicted = self.model.predict_table(&table).map_err(unsuited)?;
                Predictions::of(&self.served.target, &predicted, table.rows()).map_err(unsuited)?
            }
        };
        Ok(predictions.write(&self.served.target, wanted, shape, unknown))
    }
}
