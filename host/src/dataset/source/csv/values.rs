//! [`parse_columns`]: the fields of a chunk as Arrow arrays, and the parsers of
//! values.

use std::sync::{Arc, LazyLock};

use arrow_array::builder::{BooleanBuilder, PrimitiveBuilder, StringDictionaryBuilder};
use arrow_array::timezone::Tz;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{ArrayRef, NullArray, RecordBatch, RecordBatchOptions};
use arrow_cast::parse::{Parser, string_to_datetime};
use arrow_schema::{DataType, Field, Schema};

use super::chunk::Chunk;
use super::dialect::Nulls;
use super::records::Records;
use crate::dataset::source::SourceColumn;
use crate::dataset::source::error::BatchError;

static UTC: LazyLock<Tz> = LazyLock::new(|| "+00:00".parse().expect("an offset is a time zone"));

/// Why the values of a chunk can't be parsed.
#[derive(Debug)]
pub(super) enum ValueError {
    /// See [`BatchError`].
    Batch(BatchError),
    /// The text in this record and column is not UTF-8.
    NotUtf8 { row: usize, column: usize },
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
}

/// Parses the columns `projection` of a chunk. Texts are dictionary-encoded.
pub(super) fn parse_columns(
    chunk: &Chunk,
    records: &Records,
    nulls: &Nulls,
    columns: &[SourceColumn],
    projection: &[usize],
) -> Result<RecordBatch, ValueError> {
    let fields = Fields {
        bytes: &chunk.bytes,
        records,
        nulls,
    };
    let arrays = projection
        .iter()
        .map(|column| fields.array(*column, &columns[*column].data_type))
        .collect::<Result<Vec<_>, _>>()?;
    let schema = projection
        .iter()
        .zip(&arrays)
        .map(|(column, array)| Field::new(&columns[*column].name, array.data_type().clone(), true));
    let schema = Schema::new(schema.collect::<Vec<_>>());
    let options = RecordBatchOptions::new().with_row_count(Some(records.len()));
    RecordBatch::try_new_with_options(Arc::new(schema), arrays, &options)
        .map_err(|_| unreachable!("all columns have as many rows as there are records"))
}

impl<'a> Fields<'a> {
    fn column(&self, column: usize) -> impl Iterator<Item = Option<&'a [u8]>> + '_ {
        (0..self.records.len()).map(move |row| {
            let field = self.records.field(self.bytes, row, column);
            (!self.nulls.contains(field)).then_some(field)
        })
    }

    fn array(&self, column: usize, kind: &DataType) -> Result<ArrayRef, ValueError> {
        let rows = self.records.len();
        Ok(match kind {
            DataType::Int32 => self.primitive::<Int32Type>(column, |text| {
                parse_int(text).and_then(|value| i32::try_from(value).ok())
            })?,
            DataType::Int64 => self.primitive::<Int64Type>(column, parse_int)?,
            DataType::Float64 => self.primitive::<Float64Type>(column, parse_float)?,
            DataType::Date32 => self.primitive::<Date32Type>(column, parse_date)?,
            DataType::Timestamp(..) => {
                self.primitive::<TimestampMicrosecondType>(column, parse_timestamp)?
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
}

/// A 64-bit whole number, with a sign or without; blanks around it are ignored,
/// as by pandas. From bytes, since `str::parse` takes half as long again.
#[inline]
pub(super) fn parse_int(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards: the least number has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A number; blanks around it are ignored.
#[inline]
pub(super) fn parse_float(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    // `infinity` and `nan` are numbers here. In a column of texts, the other
    // values rule numbers out.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A truth value: `true`, `True`, `TRUE`, or the same of `false`.
#[inline]
pub(super) fn parse_bool(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// A date in ISO 8601, `2013-01-31`, as days since 1970-01-01.
pub(super) fn parse_date(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    // Arrow's parser takes `20130131` and `2013-1-31`, too.
    if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    Date32Type::parse(std::str::from_utf8(text).ok()?)
}

/// A timestamp in ISO 8601 or RFC 3339, as microseconds since 1970-01-01 UTC; a
/// time without an offset is UTC.
pub(super) fn parse_timestamp(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    // Not `TimestampMicrosecondType::parse`, which ends in the year 2262.
    Some(string_to_datetime(&*UTC, text).ok()?.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fit_are_parsed() {
        assert_eq!(parse_int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_int(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_int(b"9223372036854775808"), None);
        assert_eq!(parse_int(b" +7 "), Some(7));
        for text in [&b""[..], b"-", b"1.0", b"1_000", b"x", b"1 2"] {
            assert_eq!(parse_int(text), None);
        }
        assert_eq!(
            parse_float(b"9223372036854775808"),
            Some(9_223_372_036_854_775_808.0)
        );
        assert_eq!(parse_float(b"1e-3"), Some(0.001));
        assert_eq!(parse_float(b"1,5"), None);
    }

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(parse_date(b"1970-01-02"), Some(1));
        assert_eq!(parse_date(b"2013-13-01"), None);
        assert_eq!(parse_date(b"20130101"), None);
        assert_eq!(parse_timestamp(b"1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(parse_timestamp(b"1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(parse_timestamp(b"1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(parse_timestamp(b"1970-01-02"), Some(86_400_000_000));
        assert_eq!(parse_timestamp(b"12:00"), None);
    }
}
