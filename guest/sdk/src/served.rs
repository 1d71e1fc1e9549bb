//! [`ServedModel`]: a model, or several together, that answers rows over HTTP. It reads them from JSON, CSV,
//! Parquet or Arrow, makes the features that the training data had, and predicts.
//!
//! No row is predicted unless all are read: an error names the column and the row.

use bytes::Bytes;
use serde::Serialize;

use crate::contract::Learning;
use crate::contract::served::{Holds, ServedMember, ServedTogether, unpack};
use crate::request::Refusal;
use crate::{Fault, Guest};
pub(crate) use answer::Answered;
use answer::{Predictions, Wanted};
use columns::Columns;
use format::{Format, Shape};
use together::Together;

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
mod together;

#[cfg(target_family = "wasm")]
pub(crate) use embedded::embedded;
#[cfg(not(target_family = "wasm"))]
pub(crate) fn embedded() -> Option<Bytes> {
    None
}

/// Models that are open, with their document.
#[derive(Debug)]
pub(crate) struct ServedModel {
    served: ServedTogether,
    models: Together,
}

/// What a model is, for `GET /`.
#[derive(Serialize)]
struct Described<'a> {
    name: &'a str,
    #[serde(flatten)]
    only: Option<DescribedMember<'a>>,
    /// Of several.
    #[serde(skip_serializing_if = "Option::is_none")]
    members: Option<Vec<DescribedMember<'a>>>,
    columns: Vec<DescribedColumn<'a>>,
}

/// One model.
#[derive(Serialize)]
struct DescribedMember<'a> {
    run: &'a str,
    trainer: &'a str,
    steps: &'a [String],
    target: &'a str,
    learning: Learning,
    classes: &'a [String],
    positive: Option<&'a str>,
    threshold: Option<f64>,
}

impl<'a> DescribedMember<'a> {
    fn of(member: &'a ServedMember) -> Self {
        let target = &member.target;
        Self {
            run: &member.run,
            trainer: &member.trainer,
            steps: &member.steps,
            target: &target.name,
            learning: target.learning,
            classes: &target.classes,
            positive: target.positive.as_deref(),
            threshold: target.threshold,
        }
    }
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
        let models = Together::open::<G>(&fitted)?;
        Ok(Self { served, models })
    }

    /// What the model is, as JSON.
    pub(crate) fn describe(&self) -> String {
        let ServedTogether {
            name,
            columns,
            features,
            members,
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
        let (only, members) = match members.as_slice() {
            [only] => (Some(DescribedMember::of(only)), None),
            members => {
                let members = members.iter().map(DescribedMember::of);
                (None, Some(members.collect()))
            }
        };
        let described = Described {
            name,
            only,
            members,
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
        let (features, unknown) = columns.finish().map_err(unsuited)?;
        let mut first = 0;
        let targets = self.served.targets.iter().map(|target| {
            let member = &self.served.members[first].target;
            first += target.members;
            let name = self.served.side_by_side.then_some(member.name.as_str());
            (member, name)
        });
        let rows = features.as_ref().and_then(|features| features.first());
        let rows = rows.map_or(0, |(_, values)| values.len());
        let mut predictions = Predictions::of_rows(rows);
        match features {
            None => targets.for_each(|(_, name)| predictions.add_none(name)),
            Some(features) => {
                let predicted = self.models.predict(&self.served, &features);
                for ((target, name), predicted) in targets.zip(predicted.map_err(unsuited)?) {
                    predictions
                        .add(target, name, &predicted)
                        .map_err(unsuited)?;
                }
            }
        }
        Ok(predictions.write(wanted, shape, unknown))
    }
}
