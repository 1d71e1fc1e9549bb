//! [`parse_columns`]: the fields of a chunk as Arrow arrays.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringDictionaryBuilder};
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, NullArray, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema};

use super::chunk::Chunk;
use super::dialect::Nulls;
use super::records::Records;
use crate::dataset::source::SourceColumn;
use crate::dataset::source::error::BatchError;
use crate::dataset::source::reading::{Declared, Reading};
use fanout_contract::number::{Loss, may_lose, parse_bool, parse_float, parse_int};

/// Why the values of a chunk can't be parsed.
#[derive(Debug)]
pub(super) enum ValueError {
    /// See [`BatchError`].
    Batch(BatchError),
    /// The text in this record and column is not UTF-8.
    NotUtf8 { row: usize, column: usize },
    /// The text in this record and column is not what the plan says that the
    /// column holds.
    Unlike { row: usize, column: usize },
}

/// The first number of a column of a chunk that did not keep its text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) row: usize,
    pub(super) column: usize,
    pub(super) loss: Loss,
}

impl From<BatchError> for ValueError {
    fn from(error: BatchError) -> Self {
        Self::Batch(error)
    }
}

/// The fields of some columns of a chunk.
struct Fields<'a> {
    bytes: &'a [u8],
    records: &'a Records,
    nulls: &'a Nulls,
    lost: Vec<Lost>,
}

/// Parses the columns `projection` of a chunk, each as its reading says. Texts
/// are dictionary-encoded. Also returns which numbers did not keep their texts.
pub(super) fn parse_columns(
    chunk: &Chunk,
    records: &Records,
    nulls: &Nulls,
    columns: &[SourceColumn],
    readings: &[Reading],
    projection: &[usize],
) -> Result<(RecordBatch, Vec<Lost>), ValueError> {
    let mut fields = Fields {
        bytes: &chunk.bytes,
        records,
        nulls,
        lost: Vec::new(),
    };
    let arrays = projection
        .iter()
        .map(|column| {
            let (kind, reading) = (&columns[*column].data_type, &readings[*column]);
            let array = fields.array(*column, kind, reading);
            array.map_err(|error| fields.unlike(error, *column, reading))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let schema = projection
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(&columns[*column].name, array.data_type().clone(), true));
    let schema = Schema::new(schema.collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
    let batch = RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options);
    let batch = batch.expect("all columns have as many rows as there are records");
    Ok((batch, fields.lost))
}

impl<'a> Fields<'a> {
    fn column(&self, column: usize) -> impl Iterator<Item = Option<&'a [u8]>> + use<'a> {
        let (bytes, records, nulls) = (self.bytes, self.records, self.nulls);
        (0..records.len()).map(move |row| {
            let field = records.field(bytes, row, column);
            (!nulls.contains(field)).then_some(field)
        })
    }

    fn array(
        &mut self,
        column: usize,
        kind: &DataType,
        reading: &Reading,
    ) -> Result<ArrayRef, ValueError> {
        let rows = self.records.len();
        let numbers = reading.numbers;
        Ok(match kind {
            // The usual format has loops of its own: they are what reading costs.
            DataType::Int32 if numbers.is_plain() => {
                let parse = |text: &_| parse_int(text).and_then(|value| i32::try_from(value).ok());
                self.numbers::<Int32Type>(column, reading, parse, |_| false)?
            }
            DataType::Int64 if numbers.is_plain() => {
                self.numbers::<Int64Type>(column, reading, parse_int, |_| false)?
            }
            DataType::Float64 if numbers.is_plain() => {
                self.numbers::<Float64Type>(column, reading, parse_float, f64::is_infinite)?
            }
            DataType::Int32 => {
                let parse = |text: &_| {
                    numbers
                        .int(text)
                        .and_then(|value| i32::try_from(value).ok())
                };
                self.numbers::<Int32Type>(column, reading, parse, |_| false)?
            }
            DataType::Int64 => {
                let parse = |text: &_| numbers.int(text);
                self.numbers::<Int64Type>(column, reading, parse, |_| false)?
            }
            DataType::Float64 => {
                let parse = |text: &_| numbers.float(text);
                self.numbers::<Float64Type>(column, reading, parse, f64::is_infinite)?
            }
            DataType::Date32 => self.primitive::<Date32Type>(column, |text| reading.date(text))?,
            DataType::Timestamp(..) => {
                self.primitive::<TimestampMicrosecondType>(column, |text| reading.timestamp(text))?
            }
            DataType::Boolean => {
                let mut builder = BooleanBuilder::with_capacity(rows);
                for field in self.column(column) {
                    let value =
                        field.map(|field| parse_bool(field).ok_or(BatchError::TypeTooNarrow));
                    builder.append_option(value.transpose()?);
                }
                Arc::new(builder.finish())
            }
            DataType::Null => {
                if self.column(column).any(|field| field.is_some()) {
                    return Err(BatchError::TypeTooNarrow.into());
                }
                Arc::new(NullArray::new(rows))
            }
            _ => {
                let mut builder = StringDictionaryBuilder::<Int32Type>::new();
                for (row, field) in self.column(column).enumerate() {
                    match field.map(std::str::from_utf8) {
                        None => builder.append_null(),
                        Some(Ok(text)) => builder.append_value(text),
                        Some(Err(_)) => return Err(ValueError::NotUtf8 { row, column }),
                    }
                }
                Arc::new(builder.finish())
            }
        })
    }

    /// The numbers of a column. Notes the first that did not keep its text;
    /// labels have none such.
    fn numbers<T: ArrowPrimitiveType>(
        &mut self,
        column: usize,
        reading: &Reading,
        parse: impl Fn(&[u8]) -> Option<T::Native>,
        is_infinite: impl Fn(T::Native) -> bool,
    ) -> Result<ArrayRef, BatchError> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(self.records.len());
        let mut first = None;
        for (row, field) in self.column(column).enumerate() {
            let Some(field) = field else {
                builder.append_null();
                continue;
            };
            let value = parse(field).ok_or(BatchError::TypeTooNarrow)?;
            builder.append_value(value);
            if (may_lose(field) || is_infinite(value))
                && first.is_none()
                && let Some(loss) = reading.numbers.loss(field)
            {
                first = Some(Lost { row, column, loss });
            }
        }
        if first.is_some() && reading.labels {
            return Err(BatchError::TypeTooNarrow);
        }
        self.lost.extend(first);
        Ok(Arc::new(builder.finish()))
    }

    fn primitive<T: ArrowPrimitiveType>(
        &self,
        column: usize,
        parse: impl Fn(&[u8]) -> Option<T::Native>,
    ) -> Result<ArrayRef, BatchError> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(self.records.len());
        for field in self.column(column) {
            match field {
                None => builder.append_null(),
                Some(field) => builder.append_value(parse(field).ok_or(BatchError::TypeTooNarrow)?),
            }
        }
        Ok(Arc::new(builder.finish()))
    }

    /// The error of a column whose type was too narrow for a value that is not
    /// what the plan says, either.
    fn unlike(&self, error: ValueError, column: usize, reading: &Reading) -> ValueError {
        let declared = !matches!(reading.declared, Declared::Nothing | Declared::Text);
        if !declared || !matches!(error, ValueError::Batch(BatchError::TypeTooNarrow)) {
            return error;
        }
        let mut fields = self.column(column).enumerate();
        let unlike = fields.find(|(_, field)| field.is_some_and(|field| !reading.suits(field)));
        unlike.map_or(error, |(row, _)| ValueError::Unlike { row, column })
    }
}
