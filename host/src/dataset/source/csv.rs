//! [`Batches`]: CSV files as Arrow record batches, parsed in chunks by several
//! threads, and [`infer_schema`], which finds the columns' types.
//!
//! It follows RFC 4180 with any delimiter. A row with more or fewer fields
//! than the header is an error, and so is text that is not UTF-8. Blank lines
//! are skipped. The batches do not depend on the number of threads: a file is
//! divided into the same chunks by any number of them.

use std::sync::Mutex;

use arrow_array::RecordBatch;
use rayon::prelude::*;
use rustc_hash::FxHashSet;

use super::SourceColumn;
use super::error::{BatchError, SourceError};
use super::file::SourceFile;
use super::notes::{LostText, Notes};
use super::reading::Reading;
use chunk::{Chunk, Chunker};
use fanout_contract::number::parse_int;
use infer::InferredType;
use records::{Ragged, Records};
use values::{Lost, ValueError};

mod chunk;
mod dialect;
mod infer;
mod records;
mod values;

pub(in crate::dataset) use chunk::CHUNK_BYTES;
pub(super) use dialect::Dialect;

/// The most values of a first column without a name that are compared, to find
/// whether it numbers the rows.
const NUMBERED: usize = 1 << 20;

/// The bytes of each file from which types are inferred at first. A later
/// value that is not of its column's type makes every row be read for types.
pub(in crate::dataset) const SAMPLE_BYTES: u64 = 4 << 20;

/// A file whose header has been read.
#[derive(Debug)]
struct CsvFile<'a> {
    input: &'a SourceFile,
    chunker: Chunker,
    /// The columns' names; empty if the file has no record.
    names: Vec<String>,
    /// Whether the header names all columns but the first.
    unnamed: bool,
    /// The rest of the chunk that holds the header.
    next: Option<Chunk>,
}

impl<'a> CsvFile<'a> {
    fn open(input: &'a SourceFile, dialect: &Dialect) -> Result<Self, SourceError> {
        let path = input.path();
        let mut chunker = Chunker::new(path, input.text()?, dialect.delimiter, dialect.chunk_bytes);
        // The first chunk with a record, which may have any number of fields.
        let (mut chunk, first, end) = loop {
            let Some(chunk) = chunker.next()? else {
                if dialect.header {
                    let path = path.to_owned();
                    return Err(SourceError::Empty { path });
                }
                return Ok(Self {
                    input,
                    chunker,
                    names: dialect.names.clone().unwrap_or_default(),
                    unnamed: false,
                    next: None,
                });
            };
            let first = Records::read(&chunk.bytes, dialect.delimiter, None, 1);
            let (first, end) = first.expect("the first record sets the number of fields");
            if first.len() == 1 {
                break (chunk, first, end);
            }
        };
        let numbered = |column: usize| format!("column_{}", column + 1);
        let mut names = Vec::with_capacity(first.width());
        for column in 0..first.width() {
            if !dialect.header {
                names.push(numbered(column));
                continue;
            }
            let name = std::str::from_utf8(first.field(&chunk.bytes, 0, column)).map_err(|_| {
                SourceError::NotUtf8 {
                    path: path.to_owned(),
                    line: chunk.line_of(first.start(0)),
                    column: format!("number {}", column + 1),
                }
            })?;
            names.push(name.to_owned());
        }
        // pandas writes the index of a table without a name.
        let unnamed = matches!(names.as_slice(), [first, rest @ ..]
            if first.is_empty() && rest.iter().all(|name| !name.is_empty()));
        for column in 0..names.len() {
            if names[column].is_empty() {
                let made_up = (0..).map(|number| match number {
                    0 => numbered(column),
                    number => format!("{}_{number}", numbered(column)),
                });
                let free = made_up.into_iter().find(|name| !names.contains(name));
                names[column] = free.expect("names are endless");
            }
        }
        if let Some(given) = &dialect.names {
            if dialect.header && given.len() != names.len() {
                return Err(SourceError::Names {
                    path: path.to_owned(),
                    expected: given.len(),
                    found: names.len(),
                });
            }
            names.clone_from(given);
        }
        if dialect.header {
            chunk.remove_start(end);
        }
        Ok(Self {
            input,
            chunker,
            names,
            unnamed: unnamed && dialect.names.is_none(),
            next: Some(chunk),
        })
    }

    fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        match self.next.take() {
            Some(chunk) => Ok(Some(chunk)),
            None => self.chunker.next(),
        }
    }

    fn is_done(&self) -> bool {
        self.next.is_none() && self.chunker.is_done()
    }
}

fn read(
    input: &SourceFile,
    chunk: &Chunk,
    dialect: &Dialect,
    width: usize,
) -> Result<Records, SourceError> {
    let records = Records::read(&chunk.bytes, dialect.delimiter, Some(width), usize::MAX);
    match records {
        Ok((records, _)) => Ok(records),
        Err(Ragged {
            at,
            expected,
            found,
        }) => Err(SourceError::Ragged {
            path: input.path().to_owned(),
            line: chunk.line_of(at),
            expected,
            found,
            hint: if found > expected {
                "quote a field that holds the delimiter"
            } else {
                "is a delimiter missing, or a quote left open?"
            },
        }),
    }
}

/// The columns of some CSV files, as [`infer_schema`] finds them.
pub(super) struct InferredSchema {
    pub(super) names: Vec<String>,
    /// The type of each column, and whether it may have missing values.
    pub(super) types: Vec<(arrow_schema::DataType, bool)>,
    /// How each column is read.
    pub(super) readings: Vec<Reading>,
    /// Whether the first column has no name and numbers the rows.
    pub(super) numbered: bool,
    /// The number of rows; `None` unless every file was read to its end.
    pub(super) rows: Option<u64>,
}

/// The inferred types of the columns of some chunks.
#[derive(Clone, Debug)]
struct ChunkTypes {
    rows: u64,
    columns: Vec<(InferredType, bool)>,
}

impl ChunkTypes {
    fn new(width: usize) -> Self {
        Self {
            rows: 0,
            columns: vec![(InferredType::NO_VALUES, false); width],
        }
    }

    fn of(
        input: &SourceFile,
        chunk: &Chunk,
        dialect: &Dialect,
        readings: &[Reading],
    ) -> Result<(Self, Records), SourceError> {
        let records = read(input, chunk, dialect, readings.len())?;
        let mut types = Self::new(readings.len());
        types.rows = records.len() as u64;
        for row in 0..records.len() {
            let columns = types.columns.iter_mut().zip(readings);
            for (column, ((inferred, missing), reading)) in columns.enumerate() {
                let field = records.field(&chunk.bytes, row, column);
                if dialect.nulls.contains(field) {
                    *missing = true;
                } else {
                    inferred.update(field, reading);
                }
            }
        }
        Ok((types, records))
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (ours, theirs) in self.columns.iter_mut().zip(&other.columns) {
            ours.0.merge(theirs.0);
            ours.1 |= theirs.1;
        }
    }
}

/// The columns of some files, from the chunks that hold the first `limit` bytes
/// of each. A column has the narrowest type that all of its values have; text
/// if there is no other.
pub(super) fn infer_schema(
    files: &[SourceFile],
    dialect: &Dialect,
    reading: impl Fn(&str) -> Reading,
    limit: u64,
) -> Result<InferredSchema, SourceError> {
    let mut names: Vec<String> = Vec::new();
    let mut readings: Vec<Reading> = Vec::new();
    let mut types = ChunkTypes::new(0);
    let mut complete = true;
    let mut numbered = true;
    for (index, input) in files.iter().enumerate() {
        let mut file = CsvFile::open(input, dialect)?;
        let width = file.names.len();
        if index == 0 {
            names.clone_from(&file.names);
            readings = names.iter().map(|name| reading(name)).collect();
            types = ChunkTypes::new(width);
        } else if names != file.names && !file.names.is_empty() {
            return Err(SourceError::other_columns(
                input.path(),
                files[0].path(),
                &names,
                &file.names,
            ));
        }
        let mut bytes = 0;
        numbered &= file.unnamed;
        let mut numbers = FxHashSet::default();
        loop {
            let mut chunks = Vec::new();
            while chunks.len() < chunks_in_flight() && bytes < limit {
                let Some(chunk) = file.next()? else { break };
                bytes += chunk.bytes.len() as u64;
                chunks.push(chunk);
            }
            if chunks.is_empty() {
                break;
            }
            let of_chunks: Vec<_> = chunks
                .par_iter()
                .map(|chunk| ChunkTypes::of(input, chunk, dialect, &readings))
                .collect();
            for (chunk, of_chunk) in chunks.iter().zip(of_chunks) {
                let (of_chunk, records) = of_chunk?;
                types.merge(&of_chunk);
                let rows = 0..records.len();
                numbered = numbered
                    && (numbers.len() > NUMBERED
                        || rows.into_iter().all(|row| {
                            let number = parse_int(records.field(&chunk.bytes, row, 0));
                            number.is_some_and(|number| number >= 0 && numbers.insert(number))
                        }));
            }
        }
        complete &= file.is_done();
    }
    Ok(InferredSchema {
        types: types
            .columns
            .iter()
            .zip(&readings)
            .map(|((inferred, missing), reading)| {
                (inferred.data_type(reading), *missing || !complete)
            })
            .collect(),
        readings: types
            .columns
            .iter()
            .zip(&readings)
            .map(|((inferred, _), reading)| Reading {
                dates: inferred.dates(reading),
                ..reading.clone()
            })
            .collect(),
        names,
        numbered,
        rows: complete.then_some(types.rows),
    })
}

/// The first text of a column that means a missing value and is not empty.
pub(super) fn null_text(
    files: &[SourceFile],
    dialect: &Dialect,
    column: usize,
) -> Result<Option<String>, SourceError> {
    for input in files {
        let mut file = CsvFile::open(input, dialect)?;
        let width = file.names.len();
        while let Some(chunk) = file.next()? {
            let records = read(input, &chunk, dialect, width)?;
            let mut fields = (0..records.len()).map(|row| records.field(&chunk.bytes, row, column));
            let null = fields.find(|field| !field.is_empty() && dialect.nulls.contains(field));
            if let Some(null) = null {
                return Ok(Some(String::from_utf8_lossy(null).into_owned()));
            }
        }
    }
    Ok(None)
}

/// The number of chunks that are parsed at a time.
fn chunks_in_flight() -> usize {
    2 * rayon::current_num_threads()
}

/// The record batches of some files, in order.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    files: std::iter::Enumerate<std::slice::Iter<'a, SourceFile>>,
    parser: Parser<'a>,
    open: Option<(usize, CsvFile<'a>)>,
}

/// Parses a chunk to a batch.
#[derive(Clone, Copy, Debug)]
struct Parser<'a> {
    dialect: &'a Dialect,
    columns: &'a [SourceColumn],
    readings: &'a [Reading],
    projection: &'a [usize],
    notes: &'a Mutex<Notes>,
}

impl<'a> Batches<'a> {
    /// The columns `projection` of `files`, all of which have `columns`, each read
    /// as its reading says. What is lost of texts is noted in `notes`.
    pub(super) fn new(
        files: &'a [SourceFile],
        dialect: &'a Dialect,
        columns: &'a [SourceColumn],
        readings: &'a [Reading],
        projection: &'a [usize],
        notes: &'a Mutex<Notes>,
    ) -> Self {
        Self {
            files: files.iter().enumerate(),
            parser: Parser {
                dialect,
                columns,
                readings,
                projection,
                notes,
            },
            open: None,
        }
    }

    fn next(&mut self) -> Result<Option<(usize, &'a SourceFile, Chunk)>, SourceError> {
        loop {
            let (index, open) = match &mut self.open {
                Some(open) => open,
                none => match self.files.next() {
                    Some((index, input)) => {
                        none.insert((index, CsvFile::open(input, self.parser.dialect)?))
                    }
                    None => return Ok(None),
                },
            };
            if let Some(chunk) = open.next()? {
                return Ok(Some((*index, open.input, chunk)));
            }
            self.open = None;
        }
    }

    /// The batches of the next chunks, one for each thread or more; none at the
    /// end. An error is the last of them.
    pub(super) fn next_batches(&mut self) -> Vec<Result<RecordBatch, BatchError>> {
        let mut batches = Vec::new();
        while batches.is_empty() {
            let mut chunks = Vec::new();
            let mut failed = None;
            while chunks.len() < chunks_in_flight() {
                match self.next() {
                    Ok(Some(chunk)) => chunks.push(chunk),
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if chunks.is_empty() && failed.is_none() {
                break;
            }
            let parser = self.parser;
            batches = chunks
                .par_iter()
                .map(|(file, input, chunk)| parser.batch(*file, input, chunk))
                .filter(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0))
                .collect();
            batches.extend(failed.map(|error| Err(error.into())));
        }
        batches
    }
}

impl Parser<'_> {
    /// The batch of a chunk of `input`, the file with the index `file`.
    fn batch(
        self,
        file: usize,
        input: &SourceFile,
        chunk: &Chunk,
    ) -> Result<RecordBatch, BatchError> {
        let records = read(input, chunk, self.dialect, self.columns.len())?;
        let Self {
            columns, readings, ..
        } = self;
        let nulls = &self.dialect.nulls;
        let parsed =
            values::parse_columns(chunk, &records, nulls, columns, readings, self.projection);
        let path = || input.path().to_owned();
        let line = |row| chunk.line_of(records.start(row));
        let text = |row, column| {
            let field = records.field(&chunk.bytes, row, column);
            String::from_utf8_lossy(field).into_owned()
        };
        let (batch, lost) = parsed.map_err(|error| match error {
            ValueError::Batch(error) => error,
            ValueError::NotUtf8 { row, column } => SourceError::NotUtf8 {
                path: path(),
                line: line(row),
                column: format!("`{}`", columns[column].name),
            }
            .into(),
            ValueError::Unlike { row, column } => SourceError::Unlike {
                path: path(),
                line: Some(line(row)),
                column: columns[column].name.clone(),
                text: text(row, column),
                expected: readings[column].expected(),
            }
            .into(),
        })?;
        if !lost.is_empty() {
            let mut notes = self.notes.lock().unwrap_or_else(|held| held.into_inner());
            for Lost { row, column, loss } in lost {
                notes.lose(column, || LostText {
                    file,
                    line: line(row),
                    text: text(row, column),
                    loss,
                });
            }
        }
        Ok(batch)
    }
}
