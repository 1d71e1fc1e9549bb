//! [`Reading`]: how the values of one column are read, from what the plan says
//! of it; and the conversion of texts of Parquet and Arrow files.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Float64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, PrimitiveArray};
use arrow_cast::cast;
use arrow_schema::{DataType, TimeUnit};

use super::date::{
    DateFormat, Dates, days, parse_date, parse_local, parse_local_date, parse_timestamp,
};
use crate::plan::{ColumnPlan, CsvOptions, DatasetPlan, FeaturePlan};
use fanout_contract::number::NumberFormat;

/// Microseconds since 1970-01-01 UTC.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// How the values of a column are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) declared: Declared,
    pub(super) numbers: NumberFormat,
    pub(super) dates: Dates,
    /// Whether its values are labels: one that a number would not keep whole
    /// makes them texts.
    pub(super) labels: bool,
}

/// What the plan says that a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Declared {
    /// Nothing: its type is inferred.
    Nothing,
    Text,
    Number,
    Date,
}

impl Reading {
    /// The reading of the column `name`.
    pub(super) fn new(plan: &DatasetPlan, name: &str) -> Self {
        let nothing = ColumnPlan::default();
        let CsvOptions {
            decimal,
            thousands,
            dayfirst,
            ..
        } = &plan.csv;
        let column = plan.columns.get(name).unwrap_or(&nothing);
        let declared = match column {
            column if column.is_number() => Declared::Number,
            column if column.is_date() => Declared::Date,
            column if column.kind == Some(crate::plan::ColumnKind::Text) => Declared::Text,
            _ => Declared::Nothing,
        };
        let format = column.date.as_deref().and_then(DateFormat::new);
        Self {
            declared,
            numbers: NumberFormat::new(
                column.decimal.or(*decimal),
                column.thousands.or(*thousands),
            ),
            dates: match (format, dayfirst) {
                (Some(format), _) => Dates::Format(format),
                (None, Some(dayfirst)) => Dates::Either {
                    dayfirst: *dayfirst,
                },
                (None, None) => Dates::Iso,
            },
            labels: is_label(plan, name) || column.is_category() || column.ordered.is_some(),
        }
    }

    /// Whether the plan says that it holds numbers or dates.
    pub(super) fn is_declared(&self) -> bool {
        matches!(self.declared, Declared::Number | Declared::Date)
    }

    /// What it holds and how that is written, in a message: "a number with `,`
    /// before its fraction".
    pub(super) fn expected(&self) -> String {
        match (self.declared, &self.dates) {
            (Declared::Date, Dates::Format(format)) => format!("a date like `{}`", format.format),
            (Declared::Date, Dates::Either { dayfirst } | Dates::Local { dayfirst }) => {
                let part = if *dayfirst { "day" } else { "month" };
                format!("a date, in ISO 8601 or with the {part} first")
            }
            (Declared::Date, Dates::Iso) => "a date in ISO 8601, such as `2016-12-31`".to_owned(),
            _ => {
                let decimal = char::from(self.numbers.decimal);
                match self.numbers.thousands {
                    Some(thousands) => format!(
                        "a number with `{decimal}` before its fraction and `{thousands}` between \
                         thousands"
                    ),
                    None => format!("a number with `{decimal}` before its fraction"),
                }
            }
        }
    }

    /// The date of a text, as days since 1970-01-01.
    pub(super) fn date(&self, text: &[u8]) -> Option<i32> {
        match &self.dates {
            Dates::Iso => parse_date(text),
            Dates::Local { dayfirst } => parse_local_date(text, *dayfirst),
            Dates::Either { dayfirst } => {
                parse_date(text).or_else(|| parse_local_date(text, *dayfirst))
            }
            Dates::Format(format) => days(format.timestamp(text)?),
        }
    }

    /// The time of a text, in microseconds since 1970-01-01 UTC.
    pub(super) fn timestamp(&self, text: &[u8]) -> Option<i64> {
        let local = |dayfirst| parse_local(text, dayfirst).map(|(micros, _)| micros);
        match &self.dates {
            Dates::Iso => parse_timestamp(text),
            Dates::Local { dayfirst } => local(*dayfirst),
            Dates::Either { dayfirst } => parse_timestamp(text).or_else(|| local(*dayfirst)),
            Dates::Format(format) => format.timestamp(text),
        }
    }

    /// Whether a text is what the plan says that the column holds.
    pub(super) fn suits(&self, text: &[u8]) -> bool {
        match self.declared {
            Declared::Nothing | Declared::Text => true,
            Declared::Number => self.numbers.float(text).is_some(),
            Declared::Date => self.timestamp(text).is_some(),
        }
    }

    /// The type as which a column of a Parquet or Arrow file is read; `None` if
    /// it can't be what the plan says.
    pub(super) fn type_of(&self, stored: &DataType) -> Option<DataType> {
        let text = *stored == DataType::Utf8;
        let suits = match self.declared {
            Declared::Nothing | Declared::Text => true,
            Declared::Number if text => return Some(DataType::Float64),
            Declared::Number => stored.is_numeric() || *stored == DataType::Boolean,
            Declared::Date if text => {
                return Some(match &self.dates {
                    Dates::Format(format) if !format.has_time => DataType::Date32,
                    _ => TIMESTAMP,
                });
            }
            Declared::Date => stored.is_temporal(),
        };
        (suits || *stored == DataType::Null).then(|| stored.clone())
    }

    /// Converts the texts of a Parquet or Arrow file to `kind`, which
    /// [`Reading::type_of`] gave; the text that is no such value where there is
    /// one.
    pub(super) fn convert(&self, array: &ArrayRef, kind: &DataType) -> Result<ArrayRef, String> {
        let texts = match (array.data_type(), self.declared) {
            (_, Declared::Nothing | Declared::Text) => return Ok(Arc::clone(array)),
            (DataType::Utf8, _) => Arc::clone(array),
            (DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..), _)
                if super::logical_type(array.data_type()) == DataType::Utf8 =>
            {
                cast(array, &DataType::Utf8).map_err(|error| error.to_string())?
            }
            _ => return Ok(Arc::clone(array)),
        };
        match kind {
            DataType::Float64 => parsed::<Float64Type>(&texts, |text| self.numbers.float(text)),
            DataType::Date32 => parsed::<Date32Type>(&texts, |text| self.date(text)),
            _ => parsed::<TimestampMicrosecondType>(&texts, |text| self.timestamp(text)),
        }
    }
}

/// Whether the values of a column are labels: of classes, of categories, or of
/// parts of them.
fn is_label(plan: &DatasetPlan, name: &str) -> bool {
    let part = |feature: &FeaturePlan| match feature {
        FeaturePlan::Column(_) => false,
        FeaturePlan::Concat { concat, .. } => concat.iter().any(|part| part == name),
    };
    plan.target == name
        || plan.categorical.iter().any(|category| category == name)
        || plan.features.iter().flatten().any(part)
}

fn parsed<T: ArrowPrimitiveType>(
    texts: &ArrayRef,
    parse: impl Fn(&[u8]) -> Option<T::Native>,
) -> Result<ArrayRef, String> {
    let values = texts.as_string::<i32>().iter().map(|text| {
        let Some(text) = text else { return Ok(None) };
        parse(text.as_bytes())
            .map(Some)
            .ok_or_else(|| text.to_owned())
    });
    let values = values.collect::<Result<PrimitiveArray<T>, String>>()?;
    Ok(Arc::new(values))
}
