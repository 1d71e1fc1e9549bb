//! [`Reader`]: a CSV file as Arrow record batches, and [`infer`], which finds
//! the columns' types.
//!
//! It follows RFC 4180 with any delimiter, and refuses to guess: a row with
//! more or fewer fields than the header is an error, and so is text that is
//! not UTF-8. Blank lines are passed over.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, NullArray, PrimitiveBuilder, RecordBatch, RecordBatchOptions,
    StringBuilder,
};
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Float64Type, Int32Type, Int64Type, SchemaRef,
    TimeUnit, TimestampMicrosecondType,
};
use csv_core::ReadRecordResult;

use super::source::{BatchError, SourceError};
use crate::plan::CsvOptions;

/// The bytes read from the file at a time.
const BUFFER: usize = 256 << 10;

#[cfg(not(test))]
fn buffer() -> usize {
    BUFFER
}

#[cfg(test)]
thread_local! {
    static SMALL: std::cell::Cell<Option<usize>> = const { std::cell::Cell::new(None) };
}

#[cfg(test)]
fn buffer() -> usize {
    SMALL.get().unwrap_or(BUFFER)
}

/// Runs `f` with files read so few bytes at a time that records are cut at
/// every place.
#[cfg(test)]
pub(super) fn with_buffer<R>(bytes: usize, f: impl FnOnce() -> R) -> R {
    SMALL.set(Some(bytes));
    let result = f();
    SMALL.set(None);
    result
}

/// The bytes from which types are inferred at first. A value further on that
/// does not fit makes the whole source be looked at.
pub(super) const SAMPLE: u64 = 4 << 20;

/// What CSV files have in common.
#[derive(Clone, Debug)]
pub(super) struct Dialect {
    delimiter: u8,
    header: bool,
    names: Option<Vec<String>>,
    nulls: Nulls,
}

impl Dialect {
    /// The dialect of a plan, for files whose names end in `ending`.
    pub(super) fn new(options: &CsvOptions, ending: &str) -> Self {
        let delimiter = u8::try_from(options.delimiter).unwrap_or(b',');
        // Nobody separates the values of a `.tsv` by commas.
        let delimiter = if ending == "tsv" && delimiter == b',' {
            b'\t'
        } else {
            delimiter
        };
        Self {
            delimiter,
            header: options.header,
            names: options.names.clone(),
            nulls: Nulls::new(&options.null_values),
        }
    }
}

/// The texts that mean a missing value.
#[derive(Clone, Debug)]
struct Nulls {
    texts: Vec<Vec<u8>>,
    /// By first byte, a bit for each length: rejects almost every other text
    /// without a comparison.
    lengths: Box<[u64; 256]>,
    empty: bool,
}

impl Nulls {
    fn new(texts: &[String]) -> Self {
        let mut lengths = Box::new([0; 256]);
        for text in texts.iter().map(String::as_bytes) {
            if let Some(first) = text.first() {
                lengths[usize::from(*first)] |= 1 << text.len().min(63);
            }
        }
        Self {
            texts: texts.iter().map(|text| text.clone().into_bytes()).collect(),
            lengths,
            empty: texts.iter().any(String::is_empty),
        }
    }

    #[inline]
    fn contains(&self, field: &[u8]) -> bool {
        match field.first() {
            None => self.empty,
            Some(first) => {
                self.lengths[usize::from(*first)] >> field.len().min(63) & 1 == 1
                    && self.texts.iter().any(|text| text == field)
            }
        }
    }
}

/// The records of a file, tokenised but not yet parsed.
struct Records<'a> {
    path: &'a Path,
    input: BufReader<Box<dyn Read>>,
    core: csv_core::Reader,
    /// The columns' names.
    names: Vec<String>,
    done: bool,
}

/// Some records in a row: the fields' bytes one after the other.
#[derive(Default)]
struct Rows {
    data: Vec<u8>,
    used: usize,
    /// Where each field ends in `data`; one more at the start.
    ends: Vec<usize>,
    /// The line on which each record starts.
    lines: Vec<u64>,
}

impl Rows {
    fn clear(&mut self) {
        self.used = 0;
        self.ends.clear();
        self.ends.push(0);
        self.lines.clear();
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    fn field(&self, row: usize, column: usize, width: usize) -> &[u8] {
        let at = row * width + column;
        &self.data[self.ends[at]..self.ends[at + 1]]
    }
}

/// How one record was read.
enum Record {
    Whole,
    TooMany { at_least: usize },
    End,
}

impl<'a> Records<'a> {
    /// Opens a file and reads its header. At most `limit` bytes are read.
    fn open(path: &'a Path, dialect: &Dialect, limit: u64) -> Result<Self, SourceError> {
        let file = File::open(path).map_err(|source| SourceError::open(path, source))?;
        let input: Box<dyn Read> = if limit == u64::MAX {
            Box::new(file)
        } else {
            Box::new(WholeLines::new(file, limit))
        };
        let mut records = Self {
            path,
            input: BufReader::with_capacity(buffer(), input),
            core: csv_core::ReaderBuilder::new()
                .delimiter(dialect.delimiter)
                .build(),
            names: Vec::new(),
            done: false,
        };
        let start = records.fill()?;
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(SourceError::Utf16 {
                path: path.to_owned(),
            });
        }
        if dialect.header {
            let mut rows = Rows::default();
            rows.clear();
            // The header says how many fields there are; nothing bounds it.
            match records.record(&mut rows, usize::MAX)? {
                Record::End => {
                    return Err(SourceError::Empty {
                        path: path.to_owned(),
                    });
                }
                Record::TooMany { .. } | Record::Whole => {}
            }
            let width = rows.ends.len() - 1;
            for column in 0..width {
                let name = std::str::from_utf8(rows.field(0, column, width)).map_err(|_| {
                    SourceError::NotUtf8 {
                        path: path.to_owned(),
                        line: rows.lines[0],
                        column: format!("number {}", column + 1),
                    }
                })?;
                // As the index of a table that pandas wrote.
                let unnamed = || format!("column_{}", column + 1);
                let name = if name.is_empty() {
                    unnamed()
                } else {
                    name.to_owned()
                };
                records.names.push(name);
            }
        }
        if let Some(names) = &dialect.names {
            if dialect.header && names.len() != records.names.len() {
                return Err(SourceError::Names {
                    path: path.to_owned(),
                    expected: names.len(),
                    found: records.names.len(),
                });
            }
            records.names.clone_from(names);
        }
        Ok(records)
    }

    fn fill(&mut self) -> Result<&[u8], SourceError> {
        self.input
            .fill_buf()
            .map_err(|source| SourceError::read(self.path, source))
    }

    /// Reads one record onto the end of `rows`; of at most `width` fields, or
    /// one more, so that it shows.
    fn record(&mut self, rows: &mut Rows, width: usize) -> Result<Record, SourceError> {
        let base = rows.used;
        let first = rows.ends.len();
        let mut fields = 0;
        loop {
            let input = self
                .input
                .fill_buf()
                .map_err(|e| SourceError::read(self.path, e))?;
            if rows.data.len() - rows.used < 4096 {
                rows.data
                    .resize((rows.data.len() * 2).max(rows.used + 65_536), 0);
            }
            let room = if width == usize::MAX {
                64
            } else {
                (width + 1).saturating_sub(fields)
            };
            rows.ends.resize(first + fields + room, 0);
            let (result, read, wrote, ends) = self.core.read_record(
                input,
                &mut rows.data[rows.used..],
                &mut rows.ends[first + fields..],
            );
            let newline = read > 0 && input[read - 1] == b'\n';
            self.input.consume(read);
            rows.used += wrote;
            fields += ends;
            match result {
                ReadRecordResult::InputEmpty | ReadRecordResult::OutputFull => {}
                ReadRecordResult::OutputEndsFull if width == usize::MAX => {}
                ReadRecordResult::End => {
                    rows.ends.truncate(first);
                    return Ok(Record::End);
                }
                ReadRecordResult::OutputEndsFull | ReadRecordResult::Record => {
                    rows.ends.truncate(first + fields);
                    let within = rows.data[base..rows.used]
                        .iter()
                        .filter(|b| **b == b'\n')
                        .count();
                    rows.lines
                        .push(self.core.line() - within as u64 - u64::from(newline));
                    for end in &mut rows.ends[first..] {
                        *end += base;
                    }
                    return Ok(if matches!(result, ReadRecordResult::Record) {
                        Record::Whole
                    } else {
                        Record::TooMany { at_least: fields }
                    });
                }
            }
        }
    }

    /// Reads up to `most` records into `rows`. Every record has the width of
    /// the first, or of the names.
    fn read(&mut self, rows: &mut Rows, most: usize) -> Result<(), SourceError> {
        rows.clear();
        while !self.done && rows.len() < most {
            let first = rows.ends.len();
            let width = if self.names.is_empty() {
                usize::MAX
            } else {
                self.names.len()
            };
            let (found, more) = match self.record(rows, width)? {
                Record::End => {
                    self.done = true;
                    break;
                }
                Record::Whole => (rows.ends.len() - first, false),
                Record::TooMany { at_least } => (at_least, true),
            };
            if self.names.is_empty() {
                self.names = (1..=found)
                    .map(|number| format!("column_{number}"))
                    .collect();
            }
            if found != self.names.len() || more {
                let hint = if found > self.names.len() {
                    "quote a field that holds the delimiter"
                } else {
                    "is a delimiter missing, or a quote left open?"
                };
                return Err(SourceError::Ragged {
                    hint,
                    path: self.path.to_owned(),
                    line: rows.lines[rows.len() - 1],
                    expected: self.names.len(),
                    found: if more {
                        format!("{found} or more")
                    } else {
                        found.to_string()
                    },
                });
            }
        }
        Ok(())
    }
}

/// The first bytes of a file, cut after a line; a file that is shorter whole.
struct WholeLines {
    bytes: std::io::Cursor<Vec<u8>>,
    file: Option<std::io::Take<File>>,
}

impl WholeLines {
    fn new(file: File, limit: u64) -> Self {
        Self {
            bytes: std::io::Cursor::default(),
            file: Some(file.take(limit)),
        }
    }
}

impl Read for WholeLines {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if let Some(mut file) = self.file.take() {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            // A line break within quotes is cut at, too: the record is then
            // one field short or has an open quote, and is dropped by `infer`.
            if file.limit() == 0
                && let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n')
            {
                bytes.truncate(end + 1);
            }
            self.bytes = std::io::Cursor::new(bytes);
        }
        self.bytes.read(buffer)
    }
}

/// The types that every value of a column so far could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Guess(u8);

impl Guess {
    const INT32: u8 = 1;
    const INT64: u8 = 2;
    const FLOAT: u8 = 4;
    const BOOL: u8 = 8;
    const DATE: u8 = 16;
    const TIMESTAMP: u8 = 32;
    /// No value has been seen.
    const NONE: Self = Self(64);

    fn of(text: &[u8]) -> u8 {
        match whole(text) {
            Some(value) if i32::try_from(value).is_ok() => Self::INT32 | Self::INT64 | Self::FLOAT,
            Some(_) => Self::INT64 | Self::FLOAT,
            None if real(text).is_some() => Self::FLOAT,
            None if boolean(text).is_some() => Self::BOOL,
            None if date(text).is_some() => Self::DATE | Self::TIMESTAMP,
            None if timestamp(text).is_some() => Self::TIMESTAMP,
            None => 0,
        }
    }

    #[inline]
    fn see(&mut self, text: &[u8]) {
        if *self == Self::NONE {
            *self = Self(Self::of(text));
        } else if self.0 != 0 {
            // Every other type has been ruled out by the value before.
            let still = match self.0 {
                Self::BOOL => u8::from(boolean(text).is_some()) * Self::BOOL,
                Self::FLOAT => u8::from(real(text).is_some()) * Self::FLOAT,
                _ => Self::of(text),
            };
            self.0 &= still;
        }
    }

    fn data_type(self) -> DataType {
        let is = |kind| self.0 & kind != 0;
        if self == Self::NONE {
            DataType::Null
        } else if is(Self::INT32) {
            DataType::Int32
        } else if is(Self::INT64) {
            DataType::Int64
        } else if is(Self::FLOAT) {
            DataType::Float64
        } else if is(Self::BOOL) {
            DataType::Boolean
        } else if is(Self::DATE) {
            DataType::Date32
        } else if is(Self::TIMESTAMP) {
            DataType::Timestamp(TimeUnit::Microsecond, None)
        } else {
            DataType::Utf8
        }
    }
}

/// What [`infer`] finds.
pub(super) struct Inferred {
    pub(super) names: Vec<String>,
    /// The type of each column, and whether a value may be missing.
    pub(super) types: Vec<(DataType, bool)>,
    /// The number of rows; `None` where the file was not read to its end.
    pub(super) rows: Option<u64>,
}

/// The columns of some files, from the first `limit` bytes of each. Every
/// value counts: a column is whole numbers if all of its values are, else
/// numbers, and text if nothing else fits.
pub(super) fn infer(
    files: &[impl AsRef<Path>],
    dialect: &Dialect,
    limit: u64,
) -> Result<Inferred, SourceError> {
    let mut names: Vec<String> = Vec::new();
    let mut guesses: Vec<Guess> = Vec::new();
    let mut missing: Vec<bool> = Vec::new();
    let mut total = Some(0);
    let mut rows = Rows::default();
    for (index, path) in files.iter().enumerate() {
        let path = path.as_ref();
        let size = std::fs::metadata(path)
            .map_err(|e| SourceError::open(path, e))?
            .len();
        let cut = size > limit;
        let mut records = Records::open(path, dialect, if cut { limit } else { u64::MAX })?;
        loop {
            match records.read(&mut rows, 4096) {
                Ok(()) => {}
                // The last record may be one that was cut.
                Err(SourceError::Ragged { .. }) if cut => records.done = true,
                Err(error) => return Err(error),
            }
            let width = records.names.len();
            guesses.resize(width.max(guesses.len()), Guess::NONE);
            missing.resize(guesses.len(), false);
            let whole = (rows.ends.len() - 1).checked_div(width).unwrap_or(0);
            for row in 0..whole.min(rows.len()) {
                for (column, guess) in guesses.iter_mut().enumerate().take(width) {
                    let field = rows.field(row, column, width);
                    if dialect.nulls.contains(field) {
                        missing[column] = true;
                    } else {
                        guess.see(field);
                    }
                }
            }
            total = total
                .filter(|_| !cut)
                .map(|total| total + rows.len() as u64);
            if records.done {
                break;
            }
        }
        if index == 0 {
            names.clone_from(&records.names);
        } else if names != records.names && !records.names.is_empty() {
            return Err(SourceError::other_columns(
                path,
                files[0].as_ref(),
                &names,
                &records.names,
            ));
        }
    }
    Ok(Inferred {
        types: guesses
            .iter()
            .zip(missing)
            .map(|(guess, missing)| (guess.data_type(), missing || total.is_none()))
            .collect(),
        names,
        rows: total,
    })
}

/// A file's record batches.
pub(super) struct Reader<'a> {
    records: Records<'a>,
    dialect: &'a Dialect,
    schema: SchemaRef,
    projection: Vec<usize>,
    batch: usize,
    rows: Rows,
}

impl<'a> Reader<'a> {
    /// A reader of the columns `projection` of a file, with the names and
    /// types of `schema` (the projected one), `batch` rows at a time.
    pub(super) fn open(
        path: &'a Path,
        dialect: &'a Dialect,
        schema: SchemaRef,
        projection: &[usize],
        batch: usize,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            records: Records::open(path, dialect, u64::MAX)?,
            dialect,
            schema,
            projection: projection.to_vec(),
            batch,
            rows: Rows::default(),
        })
    }

    /// The next batch; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>, BatchError> {
        self.records.read(&mut self.rows, self.batch)?;
        if self.rows.len() == 0 {
            return Ok(None);
        }
        let columns = self
            .projection
            .iter()
            .zip(self.schema.fields())
            .map(|(column, field)| self.column(*column, field.name(), field.data_type()))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        let batch = RecordBatch::try_new_with_options(self.schema.clone(), columns, &options)
            .map_err(|source| SourceError::arrow(self.records.path, source))?;
        Ok(Some(batch))
    }

    fn column(&self, column: usize, name: &str, kind: &DataType) -> Result<ArrayRef, BatchError> {
        let nulls = &self.dialect.nulls;
        let width = self.records.names.len();
        let fields = (0..self.rows.len()).map(|row| self.rows.field(row, column, width));
        Ok(match kind {
            DataType::Int32 => self.primitive::<Int32Type>(column, |text| {
                whole(text).and_then(|value| i32::try_from(value).ok())
            })?,
            DataType::Int64 => self.primitive::<Int64Type>(column, whole)?,
            DataType::Float64 => self.primitive::<Float64Type>(column, real)?,
            DataType::Date32 => self.primitive::<Date32Type>(column, date)?,
            DataType::Timestamp(..) => {
                self.primitive::<TimestampMicrosecondType>(column, timestamp)?
            }
            DataType::Boolean => {
                let mut builder = BooleanBuilder::with_capacity(self.rows.len());
                for field in fields {
                    if nulls.contains(field) {
                        builder.append_null();
                    } else {
                        builder.append_value(boolean(field).ok_or(BatchError::Wider)?);
                    }
                }
                Arc::new(builder.finish())
            }
            DataType::Null => {
                if fields.into_iter().any(|field| !nulls.contains(field)) {
                    return Err(BatchError::Wider);
                }
                Arc::new(NullArray::new(self.rows.len()))
            }
            _ => {
                let mut builder =
                    StringBuilder::with_capacity(self.rows.len(), self.rows.len() * 8);
                for (row, field) in fields.enumerate() {
                    if nulls.contains(field) {
                        builder.append_null();
                    } else {
                        let text =
                            std::str::from_utf8(field).map_err(|_| SourceError::NotUtf8 {
                                path: self.records.path.to_owned(),
                                line: self.rows.lines[row],
                                column: format!("`{name}`"),
                            })?;
                        builder.append_value(text);
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
        let width = self.records.names.len();
        let mut builder = PrimitiveBuilder::<T>::with_capacity(self.rows.len());
        for row in 0..self.rows.len() {
            let field = self.rows.field(row, column, width);
            if self.dialect.nulls.contains(field) {
                builder.append_null();
            } else {
                builder.append_value(parse(field).ok_or(BatchError::Wider)?);
            }
        }
        Ok(Arc::new(builder.finish()))
    }
}

/// A whole number, as pandas takes it: signs and blanks around are fine.
#[inline]
fn whole(text: &[u8]) -> Option<i64> {
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

#[inline]
fn real(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    // `infinity` and `nan` are words that a column of text may well hold, but
    // then its other values tell.
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[inline]
fn boolean(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

/// A date as ISO 8601 writes it, `2013-01-31`, in days since 1970-01-01.
fn date(text: &[u8]) -> Option<i32> {
    let text = text.trim_ascii();
    let shape = text.len() == 10 && text[4] == b'-' && text[7] == b'-';
    if !shape {
        return None;
    }
    Date32Type::parse(std::str::from_utf8(text).ok()?)
}

/// A point in time as ISO 8601 or RFC 3339 writes it, in microseconds since
/// 1970-01-01 UTC; a time without an offset is UTC.
fn timestamp(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    if text.len() < 10 || text[4] != b'-' || text[7] != b'-' {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let utc: arrow::array::timezone::Tz = "+00:00".parse().ok()?;
    Some(string_to_datetime(&utc, text).ok()?.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_far_as_they_fit() {
        assert_eq!(whole(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(whole(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(whole(b"9223372036854775808"), None);
        assert_eq!(whole(b" +7 "), Some(7));
        for text in [&b""[..], b"-", b"1.0", b"1_000", b"x", b"1 2"] {
            assert_eq!(whole(text), None);
        }
        assert_eq!(
            real(b"9223372036854775808"),
            Some(9_223_372_036_854_775_808.0)
        );
        assert_eq!(real(b"1e-3"), Some(0.001));
        assert_eq!(real(b"1,5"), None);
    }

    #[test]
    fn dates_and_times_are_iso() {
        assert_eq!(date(b"1970-01-02"), Some(1));
        assert_eq!(date(b"2013-13-01"), None);
        assert_eq!(date(b"20130101"), None);
        assert_eq!(timestamp(b"1970-01-01T00:00:01Z"), Some(1_000_000));
        assert_eq!(timestamp(b"1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(timestamp(b"1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(timestamp(b"1970-01-02"), Some(86_400_000_000));
        assert_eq!(timestamp(b"12:00"), None);
    }

    #[test]
    fn a_guess_widens() {
        let guess = |texts: &[&str]| {
            let mut guess = Guess::NONE;
            texts.iter().for_each(|text| guess.see(text.as_bytes()));
            guess.data_type()
        };
        assert_eq!(guess(&[]), DataType::Null);
        assert_eq!(guess(&["1", "-2"]), DataType::Int32);
        assert_eq!(guess(&["1", "3000000000"]), DataType::Int64);
        assert_eq!(guess(&["1", "2.5"]), DataType::Float64);
        assert_eq!(guess(&["2.5", "1"]), DataType::Float64);
        assert_eq!(guess(&["1", "99999999999999999999"]), DataType::Float64);
        assert_eq!(guess(&["1", "2.5", "x"]), DataType::Utf8);
        assert_eq!(guess(&["true", "False"]), DataType::Boolean);
        assert_eq!(guess(&["true", "1"]), DataType::Utf8);
        assert_eq!(guess(&["2013-01-01"]), DataType::Date32);
        assert_eq!(
            guess(&["2013-01-01", "2013-01-01T10:00:00"]),
            DataType::Timestamp(TimeUnit::Microsecond, None)
        );
        assert_eq!(guess(&["2013-01-01", "1"]), DataType::Utf8);
    }
}
