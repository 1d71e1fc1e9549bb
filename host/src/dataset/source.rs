//! [`Source`]: the files of a table, read as a stream of Arrow record
//! batches, only the columns that are needed.
//!
//! It refuses files that do not agree with each other, and takes a folder's
//! files by their endings: `.csv`, `.tsv` (both also packed, with `.gz` or
//! `.zst` after it), `.parquet`, `.pq`, `.arrow`, `.feather`, `.ipc`,
//! `.arrows`.

use std::collections::VecDeque;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};

use self::arrow::ArrowReader;
use self::parquet::ParquetFile;
use super::csv;
use crate::plan::{DatasetPlan, SourceFormat};
use crate::store::Location;
use files::{ending, resolve};

mod arrow;
mod error;
mod files;
mod guard;
mod input;
mod ipc;
mod parquet;

pub(super) use error::BatchError;
pub use error::SourceError;
#[cfg(any(fuzzing, test))]
pub(super) use files::by_ending as format_of_name;
pub(super) use input::Input;
#[cfg(any(fuzzing, test))]
pub(super) use input::{Ranged, ReadSeek};

/// One column of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceColumn {
    /// Its name.
    pub name: String,
    /// Its type. All texts are [`DataType::Utf8`], however they are stored.
    pub data_type: DataType,
    /// Whether a value may be missing.
    pub nullable: bool,
}

/// What is known of a source without reading it whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Outline {
    /// The columns. The types of a CSV file's are those of its first rows.
    pub columns: Vec<SourceColumn>,
    /// The number of rows; `None` where only reading all would tell.
    pub rows: Option<u64>,
    /// The number of files.
    pub files: usize,
    /// The size of all files in bytes.
    pub bytes: u64,
}

/// The files of a table.
#[derive(Debug)]
pub(super) struct Source {
    files: Vec<Input>,
    format: SourceFormat,
    dialect: csv::Dialect,
    columns: Vec<SourceColumn>,
    rows: Option<u64>,
    looked_at_all: bool,
}

impl Source {
    /// Finds the files, and their columns; `at` is the plan's store. Of a text file, `piece` bytes are
    /// read by a thread at a time.
    pub(super) fn open(
        plan: &DatasetPlan,
        at: &Location,
        piece: usize,
    ) -> Result<Self, SourceError> {
        let (files, format) = resolve(&plan.source, plan.format, at)?;
        Self::of(files, format, plan, piece)
    }

    /// Finds the columns of these files.
    pub(super) fn of(
        files: Vec<Input>,
        format: SourceFormat,
        plan: &DatasetPlan,
        piece: usize,
    ) -> Result<Self, SourceError> {
        let mut source = Self {
            dialect: csv::Dialect::new(&plan.csv, &ending(files[0].path()), piece),
            files,
            format,
            columns: Vec::new(),
            rows: None,
            looked_at_all: false,
        };
        match format {
            SourceFormat::Csv => source.infer(csv::SAMPLE)?,
            SourceFormat::Parquet => source.outline_parquet()?,
            SourceFormat::Arrow => source.outline_arrow()?,
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

    /// The error that there is nothing to learn from.
    pub(super) fn no_rows(&self) -> SourceError {
        SourceError::NoRows {
            path: self.path().to_owned(),
            columns: self.columns.len(),
        }
    }

    /// The columns, in order.
    pub(super) fn columns(&self) -> &[SourceColumn] {
        &self.columns
    }

    /// The number of rows, where it is known.
    pub(super) fn rows(&self) -> Option<u64> {
        self.rows
    }

    /// The first file, for messages.
    pub(super) fn path(&self) -> &Path {
        self.files[0].path()
    }

    /// What is known so far.
    pub(super) fn outline(&self) -> Result<Outline, SourceError> {
        let sizes = self.files.iter().map(Input::size);
        let mut columns = self.columns.clone();
        if self.rows.is_none() && self.format == SourceFormat::Csv {
            // Values may follow; what they are is not known yet.
            let unknown = columns
                .iter_mut()
                .filter(|column| column.data_type == DataType::Null);
            unknown.for_each(|column| column.data_type = DataType::Utf8);
        }
        Ok(Outline {
            columns,
            rows: self.rows,
            files: self.files.len(),
            bytes: sizes.sum::<Result<u64, SourceError>>()?,
        })
    }

    /// Takes the types of CSV columns from every value, and no other file's
    /// word that nothing is missing. To be called once after
    /// [`BatchError::Wider`].
    pub(super) fn look_at_all(&mut self) -> Result<(), SourceError> {
        if std::mem::replace(&mut self.looked_at_all, true) {
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

    /// Takes no value to be missing, as a file may say that is not so.
    #[cfg(test)]
    pub(super) fn promise_values(&mut self) {
        self.columns
            .iter_mut()
            .for_each(|column| column.nullable = false);
    }

    fn infer(&mut self, limit: u64) -> Result<(), SourceError> {
        let inferred = csv::infer(&self.files, &self.dialect, limit)?;
        if inferred.names.is_empty() {
            return Err(SourceError::Empty {
                path: self.path().to_owned(),
            });
        }
        self.columns = inferred
            .names
            .into_iter()
            .zip(inferred.types)
            .map(|(name, (data_type, nullable))| SourceColumn {
                name,
                data_type,
                nullable,
            })
            .collect();
        self.rows = inferred.rows;
        Ok(())
    }

    fn outline_parquet(&mut self) -> Result<(), SourceError> {
        let mut rows = 0;
        let mut first: Option<Vec<SourceColumn>> = None;
        for input in &self.files {
            let file = ParquetFile::open(input)?;
            rows += file.rows();
            let nullable = |index| file.may_be_missing(index);
            self.agree(input.path(), file.schema(), nullable, &mut first)?;
        }
        self.rows = Some(rows);
        self.columns = first.unwrap_or_default();
        Ok(())
    }

    fn outline_arrow(&mut self) -> Result<(), SourceError> {
        let mut first = None;
        for input in &self.files {
            let schema = ArrowReader::open(input, None)?.schema();
            let nullable = |index: usize| schema.field(index).is_nullable();
            self.agree(input.path(), &schema, nullable, &mut first)?;
        }
        self.columns = first.unwrap_or_default();
        Ok(())
    }

    fn agree(
        &self,
        path: &Path,
        schema: &Schema,
        nullable: impl Fn(usize) -> bool,
        first: &mut Option<Vec<SourceColumn>>,
    ) -> Result<(), SourceError> {
        let columns: Vec<SourceColumn> = schema
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| SourceColumn {
                name: field.name().clone(),
                data_type: plain(field.data_type()),
                nullable: nullable(index),
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
    /// at most `batch` rows; of a text file, a batch is what a piece holds.
    pub(super) fn batches<'a>(&'a self, projection: &'a [usize], batch: usize) -> Batches<'a> {
        let files = self.files.iter();
        let reader = match self.format {
            SourceFormat::Csv => Reader::Csv(csv::Batches::new(
                &self.files,
                &self.dialect,
                &self.columns,
                projection,
            )),
            SourceFormat::Parquet => Reader::Other(Box::new(files.flat_map(move |input| {
                let file = ParquetFile::open(input);
                let reader = file.map(|file| file.batches(projection, batch));
                each(reader, parquet::Batches::next)
            }))),
            SourceFormat::Arrow => Reader::Other(Box::new(files.flat_map(move |input| {
                let reader = ArrowReader::open(input, Some(projection.to_vec()));
                let mut rest: Option<RecordBatch> = None;
                each(reader, move |reader| {
                    // The batches of a file may be as large as the file.
                    let whole = match rest.take() {
                        Some(batch) => Some(batch),
                        None => reader
                            .next()
                            .transpose()
                            .map_err(|source| SourceError::arrow(input.path(), source))?,
                    };
                    Ok(whole.map(|whole| {
                        if whole.num_rows() > batch {
                            rest = Some(whole.slice(batch, whole.num_rows() - batch));
                            whole.slice(0, batch)
                        } else {
                            whole
                        }
                    }))
                })
            }))),
        };
        Batches {
            reader,
            ready: VecDeque::new(),
        }
    }
}

/// The batches of a source, in order. After an error there are no more.
pub(super) struct Batches<'a> {
    reader: Reader<'a>,
    ready: VecDeque<Result<RecordBatch, BatchError>>,
}

enum Reader<'a> {
    Csv(csv::Batches<'a>),
    Other(Box<dyn Iterator<Item = Result<RecordBatch, SourceError>> + Send + 'a>),
}

impl Batches<'_> {
    /// Some batches, as many as the threads are kept busy with; none at the
    /// end.
    pub(super) fn step(&mut self) -> Vec<Result<RecordBatch, BatchError>> {
        match &mut self.reader {
            Reader::Csv(batches) => batches.step(),
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
            self.ready = self.step().into();
        }
        self.ready.pop_front()
    }
}

/// An iterator that asks an opened reader until it has no more, and ends
/// after an error.
fn each<R>(
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

/// A type as people say it.
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

/// A type without the ways in which Arrow may store it.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, values) => plain(values),
        other => other.clone(),
    }
}
