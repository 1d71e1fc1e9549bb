//! [`Source`]: the files of a table, read as a stream of Arrow record batches
//! of the needed columns.
//!
//! All files must have the same columns. Of a folder, it reads the files with
//! these extensions: `.csv`, `.tsv` (both also with `.gz` or `.zst` behind),
//! `.parquet`, `.pq`, `.arrow`, `.feather`, `.ipc`, `.arrows`.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema};

use self::arrow::ArrowReader;
use self::parquet::ParquetFile;
use crate::plan::{DatasetPlan, SourceFormat};
use crate::store::Location;
use notes::Notes;
use reading::Reading;
use resolve::extension;
pub(super) use resolve::resolve;

mod arrow;
mod compression;
mod csv;
mod date;
mod error;
mod file;
mod index;
mod ipc;
mod notes;
mod parquet;
mod reading;
mod resolve;

pub(super) use csv::CHUNK_BYTES;
#[cfg(test)]
pub(super) use csv::SAMPLE_BYTES;
pub(super) use date::{DateFormat, parse_date, parse_local, parse_timestamp};
pub(super) use error::BatchError;
pub use error::SourceError;
pub use fanout_contract::number::Loss;
pub(super) use fanout_contract::number::NumberFormat;
pub use file::FileStamp;
pub(super) use file::SourceFile;
#[cfg(any(fuzzing, test))]
pub(super) use file::{RangeRead, ReadSeek};
#[cfg(any(fuzzing, test))]
pub(super) use resolve::format_of_file;

/// One column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type. All texts are [`DataType::Utf8`], however they are stored.
    pub data_type: DataType,
    /// Whether a value may be missing.
    pub nullable: bool,
    /// Whether it numbers or names the rows, and was written by pandas.
    pub index: bool,
}

/// The columns and size of a source, found without reading all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceSchema {
    /// The columns. The types of a CSV file's are those of its first rows.
    pub columns: Vec<SourceColumn>,
    /// The number of rows; `None` if only reading all of it would show.
    pub rows: Option<u64>,
    /// The number of files.
    pub files: usize,
    /// The size of all files in bytes.
    pub bytes: u64,
}

/// The files of a table.
#[derive(Debug)]
pub(super) struct Source {
    files: Vec<SourceFile>,
    format: SourceFormat,
    dialect: csv::Dialect,
    plan: DatasetPlan,
    columns: Vec<SourceColumn>,
    /// How each column is read.
    readings: Vec<Reading>,
    rows: Option<u64>,
    inferred_from_all_rows: bool,
    notes: Mutex<Notes>,
}

impl Source {
    /// Finds the files of a plan and their columns. `store` is the plan's; text
    /// files are parsed in chunks of `chunk_bytes` bytes.
    pub(super) fn open(
        plan: &DatasetPlan,
        store: &Location,
        chunk_bytes: usize,
    ) -> Result<Self, SourceError> {
        let (files, format) = resolve(&plan.source, plan.format, store)?;
        Self::from_files(files, format, plan, chunk_bytes)
    }

    /// Finds the columns of these files.
    pub(super) fn from_files(
        files: Vec<SourceFile>,
        format: SourceFormat,
        plan: &DatasetPlan,
        chunk_bytes: usize,
    ) -> Result<Self, SourceError> {
        let mut source = Self {
            dialect: csv::Dialect::new(&plan.csv, &extension(files[0].path()), chunk_bytes),
            files,
            format,
            plan: plan.clone(),
            columns: Vec::new(),
            readings: Vec::new(),
            rows: None,
            inferred_from_all_rows: false,
            notes: Mutex::default(),
        };
        match format {
            SourceFormat::Csv => source.infer(csv::SAMPLE_BYTES)?,
            SourceFormat::Parquet => source.read_parquet_schema()?,
            SourceFormat::Arrow => source.read_arrow_schema()?,
        }
        if source.rows == Some(0) {
            return Err(source.no_rows());
        }
        let mut names: Vec<&str> = source.columns.iter().map(|c| c.name.as_str()).collect();
        names.sort_unstable();
        if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(SourceError::Duplicate {
                path: source.path().to_owned(),
                name: pair[0].to_owned(),
            });
        }
        Ok(source)
    }

    /// The error of a source without rows.
    pub(super) fn no_rows(&self) -> SourceError {
        SourceError::NoRows {
            path: self.path().to_owned(),
            columns: self.columns.len(),
        }
    }

    /// The same source, of which nothing is known of the values.
    pub(super) fn again(&self) -> Result<Self, SourceError> {
        Self::from_files(self.files.clone(), self.format, &self.plan, CHUNK_BYTES)
    }

    /// What its files are now.
    pub(super) fn stamps(&self) -> Result<Vec<FileStamp>, SourceError> {
        self.files.iter().map(SourceFile::stamp).collect()
    }

    /// The columns, in order.
    pub(super) fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    /// The format of the files.
    pub(super) fn format(&self) -> SourceFormat {
        self.format
    }

    /// The number of rows, if it is known.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The first file, for messages.
    pub(super) fn path(&self) -> &Path {
        self.files[0].path()
    }

    /// What was seen of the values of a text file, once its batches were read.
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(|held| held.into_inner())
    }

    /// A text that means a missing value, is not empty, and occurs in the column
    /// `name` of a text file.
    pub(super) fn null_text(&self, name: &str) -> Result<Option<String>, SourceError> {
        let column = self.columns.iter().position(|column| column.name == name);
        match column.filter(|_| self.format == SourceFormat::Csv) {
            Some(column) => csv::null_text(&self.files, &self.dialect, column),
            None => Ok(None),
        }
    }

    /// The columns and size, as far as they are known.
    pub(super) fn schema(&self) -> Result<SourceSchema, SourceError> {
        let sizes = self.files.iter().map(SourceFile::size);
        let mut columns = self.columns.clone();
        if self.rows.is_none() && self.format == SourceFormat::Csv {
            // Values of any type may follow.
            let unknown = columns
                .iter_mut()
                .filter(|column| column.data_type == DataType::Null);
            unknown.for_each(|column| column.data_type = DataType::Utf8);
        }
        Ok(SourceSchema {
            columns,
            rows: self.rows,
            files: self.files.len(),
            bytes: sizes.sum::<Result<u64, SourceError>>()?,
        })
    }

    /// Infers the types of CSV columns from all rows, and takes every column of
    /// other formats to be nullable. To be called once after
    /// [`BatchError::TypeTooNarrow`].
    pub(super) fn infer_from_all_rows(&mut self) -> Result<(), SourceError> {
        if std::mem::replace(&mut self.inferred_from_all_rows, true) {
            return Err(SourceError::Changed {
                path: self.path().to_owned(),
            });
        }
        match self.format {
            SourceFormat::Csv => self.infer(u64::MAX),
            SourceFormat::Parquet | SourceFormat::Arrow => {
                self.columns
                    .iter_mut()
                    .for_each(|column| column.nullable = true);
                Ok(())
            }
        }
    }

    /// Makes every column not nullable, as the metadata of a file may wrongly do.
    #[cfg(test)]
    pub(super) fn assume_not_null(&mut self) {
        self.columns
            .iter_mut()
            .for_each(|column| column.nullable = false);
    }

    fn infer(&mut self, limit: u64) -> Result<(), SourceError> {
        let reading = |name: &str| Reading::new(&self.plan, name);
        let inferred = csv::infer_schema(&self.files, &self.dialect, reading, limit)?;
        if inferred.names.is_empty() {
            return Err(SourceError::Empty {
                path: self.path().to_owned(),
            });
        }
        self.columns = inferred
            .names
            .into_iter()
            .zip(inferred.types)
            .enumerate()
            .map(|(column, (name, (data_type, nullable)))| SourceColumn {
                name,
                data_type,
                nullable,
                index: column == 0 && inferred.numbered,
            })
            .collect();
        self.readings = inferred.readings;
        self.rows = inferred.rows;
        Ok(())
    }

    fn read_parquet_schema(&mut self) -> Result<(), SourceError> {
        let mut rows = 0;
        let mut first: Option<Vec<SourceColumn>> = None;
        for input in &self.files {
            let file = ParquetFile::open(input)?;
            rows += file.rows();
            let nullable = |index| file.is_nullable(index);
            self.check_columns(input.path(), file.schema(), nullable, &mut first)?;
        }
        self.rows = Some(rows);
        self.declare(first.unwrap_or_default())
    }

    /// Sets the columns of a Parquet or Arrow file, each with the type that the
    /// plan gives it.
    fn declare(&mut self, mut columns: Vec<SourceColumn>) -> Result<(), SourceError> {
        for column in &mut columns {
            let reading = Reading::new(&self.plan, &column.name);
            let Some(data_type) = reading.type_of(&column.data_type) else {
                return Err(SourceError::OtherType {
                    path: self.path().to_owned(),
                    column: column.name.clone(),
                    found: type_name(&column.data_type),
                    expected: reading.expected(),
                });
            };
            column.data_type = data_type;
            self.readings.push(reading);
        }
        self.columns = columns;
        Ok(())
    }

    /// The batch with the texts of declared columns converted.
    fn converted(
        &self,
        batch: RecordBatch,
        projection: &[usize],
        path: &Path,
    ) -> Result<RecordBatch, SourceError> {
        let declared = |column: &usize| self.readings[*column].is_declared();
        if !projection.iter().any(declared) {
            return Ok(batch);
        }
        let (schema, mut arrays, _) = batch.into_parts();
        let mut fields: Vec<Field> = schema.fields().iter().map(|f| (**f).clone()).collect();
        for ((array, field), column) in arrays.iter_mut().zip(&mut fields).zip(projection) {
            let (reading, target) = (&self.readings[*column], &self.columns[*column]);
            *array =
                reading
                    .convert(array, &target.data_type)
                    .map_err(|text| SourceError::Unlike {
                        path: path.to_owned(),
                        line: None,
                        column: target.name.clone(),
                        text,
                        expected: reading.expected(),
                    })?;
            *field = Field::new(&target.name, array.data_type().clone(), true);
        }
        RecordBatch::try_new(Schema::new(fields).into(), arrays)
            .map_err(|source| SourceError::arrow(path, source))
    }

    fn read_arrow_schema(&mut self) -> Result<(), SourceError> {
        let mut first = None;
        for input in &self.files {
            let schema = ArrowReader::open(input, None)?.schema();
            let nullable = |index: usize| schema.field(index).is_nullable();
            self.check_columns(input.path(), &schema, nullable, &mut first)?;
        }
        self.declare(first.unwrap_or_default())
    }

    fn check_columns(
        &self,
        path: &Path,
        schema: &Schema,
        nullable: impl Fn(usize) -> bool,
        first: &mut Option<Vec<SourceColumn>>,
    ) -> Result<(), SourceError> {
        let indices = index::of_pandas(schema);
        let columns: Vec<SourceColumn> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| SourceColumn {
                name: field.name().clone(),
                data_type: logical_type(field.data_type()),
                nullable: nullable(index),
                index: indices.contains(field.name()),
            })
            .collect();
        let Some(expected) = first else {
            *first = Some(columns);
            return Ok(());
        };
        let names = |columns: &[SourceColumn]| -> Vec<String> {
            columns.iter().map(|column| column.name.clone()).collect()
        };
        if names(expected) != names(&columns) {
            let (expected, found) = (names(expected), names(&columns));
            return Err(SourceError::other_columns(
                path,
                self.path(),
                &expected,
                &found,
            ));
        }
        match expected
            .iter()
            .zip(&columns)
            .find(|(a, b)| a.data_type != b.data_type)
        {
            None => {
                for (column, other) in expected.iter_mut().zip(columns) {
                    column.nullable |= other.nullable;
                }
                Ok(())
            }
            Some((expected, found)) => Err(SourceError::OtherColumns {
                path: path.to_owned(),
                first: self.path().to_owned(),
                difference: format!(
                    "the column `{}` of type `{}` and not `{}`",
                    found.name,
                    type_name(&found.data_type),
                    type_name(&expected.data_type)
                ),
            }),
        }
    }

    /// The columns with these indices (ascending, each once), in batches of
    /// at most `batch` rows; a batch of a text file holds the rows of a chunk.
    pub(super) fn batches<'a>(&'a self, projection: &'a [usize], batch: usize) -> Batches<'a> {
        let files = self.files.iter();
        let reader = match self.format {
            SourceFormat::Csv => Reader::Csv(Box::new(csv::Batches::new(
                &self.files,
                &self.dialect,
                &self.columns,
                &self.readings,
                projection,
                &self.notes,
            ))),
            SourceFormat::Parquet => Reader::Other(Box::new(files.flat_map(move |input| {
                let file = ParquetFile::open(input);
                let reader = file.map(|file| file.batches(projection, batch));
                until_error(reader, move |reader| {
                    let batch = reader.next()?;
                    let convert = |batch| self.converted(batch, projection, input.path());
                    batch.map(convert).transpose()
                })
            }))),
            SourceFormat::Arrow => Reader::Other(Box::new(files.flat_map(move |input| {
                let reader = ArrowReader::open(input, Some(projection.to_vec()));
                let mut rest: Option<RecordBatch> = None;
                until_error(reader, move |reader| {
                    // A file may be a single batch.
                    let whole = match rest.take() {
                        Some(batch) => Some(batch),
                        None => reader
                            .next()
                            .transpose()
                            .map_err(|source| SourceError::arrow(input.path(), source))?,
                    };
                    let whole = whole.map(|whole| {
                        if whole.num_rows() > batch {
                            rest = Some(whole.slice(batch, whole.num_rows() - batch));
                            whole.slice(0, batch)
                        } else {
                            whole
                        }
                    });
                    let convert = |batch| self.converted(batch, projection, input.path());
                    whole.map(convert).transpose()
                })
            }))),
        };
        let reader = match reader {
            Reader::Other(batches) => {
                let named = move |error| self.with_column(error, projection, batch);
                Reader::Other(Box::new(batches.map(move |batch| batch.map_err(named))))
            }
            csv => csv,
        };
        Batches {
            reader,
            ready: VecDeque::new(),
        }
    }

    /// The error of a damaged file with the first column that can't be read, where
    /// others can. Each is read alone again.
    fn with_column(
        &self,
        mut error: SourceError,
        projection: &[usize],
        batch: usize,
    ) -> SourceError {
        if let SourceError::NotWhole { column, .. } = &mut error
            && projection.len() > 1
        {
            let fails = |index: &&usize| {
                let mut batches = self.batches(std::slice::from_ref(*index), batch);
                batches.any(|batch| batch.is_err())
            };
            let failing: Vec<usize> = projection.iter().filter(fails).copied().collect();
            let partly = failing.first().filter(|_| failing.len() < projection.len());
            *column = partly.map(|first| self.columns[*first].name.clone());
        }
        error
    }
}

/// The batches of a source, in order. After an error there are no more.
pub(super) struct Batches<'a> {
    reader: Reader<'a>,
    ready: VecDeque<Result<RecordBatch, BatchError>>,
}

enum Reader<'a> {
    Csv(Box<csv::Batches<'a>>),
    Other(Box<dyn Iterator<Item = Result<RecordBatch, SourceError>> + Send + 'a>),
}

impl Batches<'_> {
    /// The next batches, enough to keep all threads busy; none at the end.
    pub(super) fn next_batches(&mut self) -> Vec<Result<RecordBatch, BatchError>> {
        match &mut self.reader {
            Reader::Csv(batches) => batches.next_batches(),
            Reader::Other(batches) => {
                let batch = batches.next();
                batch
                    .into_iter()
                    .map(|b| b.map_err(BatchError::from))
                    .collect()
            }
        }
    }
}

impl Iterator for Batches<'_> {
    type Item = Result<RecordBatch, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            self.ready = self.next_batches().into();
        }
        self.ready.pop_front()
    }
}

/// The batches of an opened reader up to the end or the first error.
fn until_error<R>(
    reader: Result<R, SourceError>,
    mut next: impl FnMut(&mut R) -> Result<Option<RecordBatch>, SourceError>,
) -> impl Iterator<Item = Result<RecordBatch, SourceError>> {
    let mut state = Some(reader);
    std::iter::from_fn(move || {
        let mut reader = match state.take()? {
            Ok(reader) => reader,
            Err(error) => return Some(Err(error)),
        };
        let batch = next(&mut reader).transpose()?;
        if batch.is_ok() {
            state = Some(Ok(reader));
        }
        Some(batch)
    })
}

/// The name of a type in messages.
pub(super) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 => "string".to_owned(),
        DataType::Null => "missing".to_owned(),
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..) => {
            "list".to_owned()
        }
        DataType::Struct(_) => "struct".to_owned(),
        DataType::Map(..) => "map".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

/// The type of the values, however Arrow stores them.
fn logical_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => logical_type(values),
        other => other.clone(),
    }
}
