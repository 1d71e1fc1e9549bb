//! [`Batches`]: CSV files as Arrow record batches, parsed in chunks by several
//! threads, and [`infer_schema`], which finds the columns' types.
//!
//! It follows RFC 4180 with any delimiter. A row with more or fewer fields
//! than the header is an error, and so is text that is not UTF-8. Blank lines
//! are skipped. The batches do not depend on the number of threads: a file is
//! divided into the same chunks by any number of them.

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::SourceColumn;
use super::error::{BatchError, SourceError};
use super::file::SourceFile;
use chunk::{Chunk, Chunker};
use infer::InferredType;
use records::{Ragged, Records};
use values::ValueError;

mod chunk;
mod dialect;
mod infer;
mod records;
mod values;

pub(in crate::dataset) use chunk::CHUNK_BYTES;
pub(super) use dialect::Dialect;

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
            // pandas writes the index of a table without a name.
            let unnamed = name.is_empty();
            names.push(if unnamed {
                numbered(column)
            } else {
                name.to_owned()
            });
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
        width: usize,
    ) -> Result<Self, SourceError> {
        let records = read(input, chunk, dialect, width)?;
        let mut types = Self::new(width);
        types.rows = records.len() as u64;
        for row in 0..records.len() {
            for (column, (inferred, missing)) in types.columns.iter_mut().enumerate() {
                let field = records.field(&chunk.bytes, row, column);
                if dialect.nulls.contains(field) {
                    *missing = true;
                } else {
                    inferred.update(field);
                }
            }
        }
        Ok(types)
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
    limit: u64,
) -> Result<InferredSchema, SourceError> {
    let mut names: Vec<String> = Vec::new();
    let mut types = ChunkTypes::new(0);
    let mut complete = true;
    for (index, input) in files.iter().enumerate() {
        let mut file = CsvFile::open(input, dialect)?;
        let width = file.names.len();
        if index == 0 {
            names.clone_from(&file.names);
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
                .map(|chunk| ChunkTypes::of(input, chunk, dialect, width))
                .collect();
            for of_chunk in of_chunks {
                types.merge(&of_chunk?);
            }
        }
        complete &= file.is_done();
    }
    Ok(InferredSchema {
        types: types
            .columns
            .iter()
            .map(|(inferred, missing)| (inferred.data_type(), *missing || !complete))
            .collect(),
        names,
        rows: complete.then_some(types.rows),
    })
}

/// The number of chunks that are parsed at a time.
fn chunks_in_flight() -> usize {
    2 * rayon::current_num_threads()
}

/// The record batches of some files, in order.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    files: std::slice::Iter<'a, SourceFile>,
    parser: Parser<'a>,
    open: Option<CsvFile<'a>>,
}

/// Parses a chunk to a batch.
#[derive(Clone, Copy, Debug)]
struct Parser<'a> {
    dialect: &'a Dialect,
    columns: &'a [SourceColumn],
    projection: &'a [usize],
}

impl<'a> Batches<'a> {
    /// The columns `projection` of `files`, all of which have `columns`.
    pub(super) fn new(
        files: &'a [SourceFile],
        dialect: &'a Dialect,
        columns: &'a [SourceColumn],
        projection: &'a [usize],
    ) -> Self {
        Self {
            files: files.iter(),
            parser: Parser {
                dialect,
                columns,
                projection,
            },
            open: None,
        }
    }

    fn next(&mut self) -> Result<Option<(&'a SourceFile, Chunk)>, SourceError> {
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                none => match self.files.next() {
                    Some(input) => none.insert(CsvFile::open(input, self.parser.dialect)?),
                    None => return Ok(None),
                },
            };
            if let Some(chunk) = open.next()? {
                return Ok(Some((open.input, chunk)));
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
                .map(|(input, chunk)| parser.batch(input, chunk))
                .filter(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0))
                .collect();
            batches.extend(failed.map(|error| Err(error.into())));
        }
        batches
    }
}

impl Parser<'_> {
    fn batch(self, input: &SourceFile, chunk: &Chunk) -> Result<RecordBatch, BatchError> {
        let records = read(input, chunk, self.dialect, self.columns.len())?;
        let nulls = &self.dialect.nulls;
        values::parse_columns(chunk, &records, nulls, self.columns, self.projection).map_err(
            |error| match error {
                ValueError::Batch(error) => error,
                ValueError::NotUtf8 { row, column } => SourceError::NotUtf8 {
                    path: input.path().to_owned(),
                    line: chunk.line_of(records.start(row)),
                    column: format!("`{}`", self.columns[column].name),
                }
                .into(),
            },
        )
    }
}
