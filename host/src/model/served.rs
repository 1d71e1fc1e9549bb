//! [`served`]: what the model's guest has to know to answer rows over HTTP.

use arrow_schema::{DataType, TimeUnit};
use fanout_contract::served::{Holds, ServedColumn, ServedCsv, ServedFeature, ServedTarget};
use fanout_contract::{CONTRACT, Served};

use super::{Columns, ModelHead};
use crate::dataset::Made;

/// Why a guest can't serve a model.
#[derive(Debug, thiserror::Error)]
pub enum ServedError {
    /// It reads a column that guests can't make features of.
    #[error(
        "the model reads the column `{name}`, which held `{data_type}`; a component reads numbers, \
         truth values, texts, dates and times, and makes no categories of times"
    )]
    Column {
        /// The column.
        name: String,
        /// Its type in the training data.
        data_type: String,
    },
    /// Its guest is of a version without the place for a model.
    #[error(
        "the model's guest has no place for a model, or a form that this program does not know"
    )]
    Guest,
    /// It does not fit into a component.
    #[error("the model has {bytes} bytes; a component's memory has no room for them")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
}

/// The document of a model.
///
/// # Errors
/// If a guest can't make its features.
pub fn served(head: &ModelHead) -> Result<Served, ServedError> {
    let (recipe, reading) = (&head.recipe, &head.reading);
    let columns = recipe.columns.iter().map(|column| {
        let mut readers = recipe.readers(&column.name);
        let is_label = readers.any(|feature| feature.made != Made::Number);
        let plan = reading.columns.get(&column.name);
        let holds = column.arrow().and_then(|kind| holds(&kind));
        let is_time = |holds: &Holds| {
            !matches!(
                holds,
                Holds::Number | Holds::Truth | Holds::Text | Holds::Date
            )
        };
        // The texts of dates in milliseconds have a time of the day.
        let is_long = column.arrow() == Some(DataType::Date64);
        let holds = holds.filter(|holds| !is_label || !(is_time(holds) || is_long));
        let holds = holds.ok_or_else(|| ServedError::Column {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        })?;
        Ok(ServedColumn {
            name: column.name.clone(),
            holds,
            decimal: plan.and_then(|plan| plan.decimal).or(reading.csv.decimal),
            thousands: plan
                .and_then(|plan| plan.thousands)
                .or(reading.csv.thousands),
        })
    });
    let features = recipe.features.iter().map(|feature| {
        let place = |name: &String| {
            recipe
                .columns
                .iter()
                .position(|column| column.name == *name)
        };
        ServedFeature {
            name: feature.name.clone(),
            of: feature.of.iter().filter_map(place).collect(),
            made: feature.made.clone(),
        }
    });
    let target = &head.target;
    Ok(Served {
        contract: CONTRACT,
        name: head.name.clone(),
        run: head.run.to_string(),
        trainer: head.label(),
        steps: head.steps.iter().map(|step| step.step.clone()).collect(),
        target: ServedTarget {
            name: recipe.target.name.clone(),
            learning: target.learning,
            classes: target.classes.clone(),
            texts: Columns::new(head, false).labels_are_texts(),
            positive: target.positive().map(str::to_owned),
            threshold: target.threshold,
        },
        features: features.collect(),
        columns: columns.collect::<Result<_, _>>()?,
        csv: ServedCsv {
            delimiter: reading.csv.delimiter,
            header: reading.csv.header,
            names: reading.csv.names.clone(),
            null_values: reading.csv.null_values.clone(),
        },
    })
}

fn holds(kind: &DataType) -> Option<Holds> {
    Some(match kind {
        DataType::Boolean => Holds::Truth,
        DataType::Utf8 => Holds::Text,
        DataType::Date32 | DataType::Date64 => Holds::Date,
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => Holds::Seconds,
            TimeUnit::Millisecond => Holds::Milliseconds,
            TimeUnit::Microsecond => Holds::Microseconds,
            TimeUnit::Nanosecond => Holds::Nanoseconds,
        },
        // A column without a value.
        DataType::Null => Holds::Number,
        kind if kind.is_numeric() => Holds::Number,
        _ => return None,
    })
}
