//! [`Batches`]: CSV files as Arrow record batches, several pieces at a time,
//! and [`infer`], which finds the columns' types.
//!
//! It follows RFC 4180 with any delimiter, and refuses to guess: a row with
//! more or fewer fields than the header is an error, and so is text that is
//! not UTF-8. Blank lines are passed over. How many threads read changes no
//! batch: a file is cut at the same places by any number of them.

use arrow_array::RecordBatch;
use rayon::prelude::*;

use super::source::{BatchError, Input, SourceColumn, SourceError};
use cut::{Cutter, Piece};
use guess::Guess;
use records::{Ragged, Records};
use values::Misfit;

mod cut;
mod dialect;
mod guess;
mod records;
mod values;

pub(super) use cut::PIECE;
pub(super) use dialect::Dialect;

/// The bytes from which types are inferred at first. A value further on that
/// does not fit makes the whole source be looked at.
pub(super) const SAMPLE: u64 = 4 << 20;

/// A file whose header has been read.
#[derive(Debug)]
struct Opened<'a> {
    input: &'a Input,
    cutter: Cutter,
    /// The columns' names; none where there is no record.
    names: Vec<String>,
    /// The piece that the header was in.
    next: Option<Piece>,
}

impl<'a> Opened<'a> {
    fn open(input: &'a Input, dialect: &Dialect) -> Result<Self, SourceError> {
        let path = input.path();
        let mut cutter = Cutter::new(path, input.text()?, dialect.delimiter, dialect.piece);
        // The first piece with a record. Nothing bounds how many fields it has.
        let (mut piece, first, end) = loop {
            let Some(piece) = cutter.next()? else {
                if dialect.header {
                    let path = path.to_owned();
                    return Err(SourceError::Empty { path });
                }
                return Ok(Self {
                    input,
                    cutter,
                    names: dialect.names.clone().unwrap_or_default(),
                    next: None,
                });
            };
            let first = Records::read(&piece.bytes, dialect.delimiter, None, 1);
            let (first, end) = first.expect("one record is as wide as itself");
            if first.len() == 1 {
                break (piece, first, end);
            }
        };
        let numbered = |column: usize| format!("column_{}", column + 1);
        let mut names = Vec::with_capacity(first.width());
        for column in 0..first.width() {
            if !dialect.header {
                names.push(numbered(column));
                continue;
            }
            let name = std::str::from_utf8(first.field(&piece.bytes, 0, column)).map_err(|_| {
                SourceError::NotUtf8 {
                    path: path.to_owned(),
                    line: piece.line_of(first.start(0)),
                    column: format!("number {}", column + 1),
                }
            })?;
            // As the index of a table that pandas wrote.
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
            piece.skip(end);
        }
        Ok(Self {
            input,
            cutter,
            names,
            next: Some(piece),
        })
    }

    fn next(&mut self) -> Result<Option<Piece>, SourceError> {
        match self.next.take() {
            Some(piece) => Ok(Some(piece)),
            None => self.cutter.next(),
        }
    }

    fn is_done(&self) -> bool {
        self.next.is_none() && self.cutter.is_done()
    }
}

fn read(
    input: &Input,
    piece: &Piece,
    dialect: &Dialect,
    width: usize,
) -> Result<Records, SourceError> {
    let records = Records::read(&piece.bytes, dialect.delimiter, Some(width), usize::MAX);
    match records {
        Ok((records, _)) => Ok(records),
        Err(Ragged {
            at,
            expected,
            found,
        }) => Err(SourceError::Ragged {
            path: input.path().to_owned(),
            line: piece.line_of(at),
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

/// What [`infer`] finds.
pub(super) struct Inferred {
    pub(super) names: Vec<String>,
    /// The type of each column, and whether a value may be missing.
    pub(super) types: Vec<(arrow_schema::DataType, bool)>,
    /// The number of rows; `None` where a file was not read to its end.
    pub(super) rows: Option<u64>,
}

/// What the values of some columns could be.
#[derive(Clone, Debug)]
struct Seen {
    rows: u64,
    columns: Vec<(Guess, bool)>,
}

impl Seen {
    fn nothing(width: usize) -> Self {
        Self {
            rows: 0,
            columns: vec![(Guess::NONE, false); width],
        }
    }

    fn of(
        input: &Input,
        piece: &Piece,
        dialect: &Dialect,
        width: usize,
    ) -> Result<Self, SourceError> {
        let records = read(input, piece, dialect, width)?;
        let mut seen = Self::nothing(width);
        seen.rows = records.len() as u64;
        for row in 0..records.len() {
            for (column, (guess, missing)) in seen.columns.iter_mut().enumerate() {
                let field = records.field(&piece.bytes, row, column);
                if dialect.nulls.contains(field) {
                    *missing = true;
                } else {
                    guess.see(field);
                }
            }
        }
        Ok(seen)
    }

    fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        for (ours, theirs) in self.columns.iter_mut().zip(&other.columns) {
            ours.0.merge(theirs.0);
            ours.1 |= theirs.1;
        }
    }
}

/// The columns of some files, from the first `limit` bytes of each and the
/// rest of the piece that these end in. Every value counts: a column is whole
/// numbers if all of its values are, else numbers, and text if nothing else
/// fits.
pub(super) fn infer(
    files: &[Input],
    dialect: &Dialect,
    limit: u64,
) -> Result<Inferred, SourceError> {
    let mut names: Vec<String> = Vec::new();
    let mut seen = Seen::nothing(0);
    let mut whole = true;
    for (index, input) in files.iter().enumerate() {
        let mut file = Opened::open(input, dialect)?;
        let width = file.names.len();
        if index == 0 {
            names.clone_from(&file.names);
            seen = Seen::nothing(width);
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
            let mut pieces = Vec::new();
            while pieces.len() < at_once() && bytes < limit {
                let Some(piece) = file.next()? else { break };
                bytes += piece.bytes.len() as u64;
                pieces.push(piece);
            }
            if pieces.is_empty() {
                break;
            }
            let of_pieces: Vec<_> = pieces
                .par_iter()
                .map(|piece| Seen::of(input, piece, dialect, width))
                .collect();
            for of_piece in of_pieces {
                seen.merge(&of_piece?);
            }
        }
        whole &= file.is_done();
    }
    Ok(Inferred {
        types: seen
            .columns
            .iter()
            .map(|(guess, missing)| (guess.data_type(), *missing || !whole))
            .collect(),
        names,
        rows: whole.then_some(seen.rows),
    })
}

/// The pieces that are worked on at a time.
fn at_once() -> usize {
    2 * rayon::current_num_threads()
}

/// The record batches of some files, in order.
#[derive(Debug)]
pub(super) struct Batches<'a> {
    files: std::slice::Iter<'a, Input>,
    parser: Parser<'a>,
    open: Option<Opened<'a>>,
}

/// Makes a batch of a piece.
#[derive(Clone, Copy, Debug)]
struct Parser<'a> {
    dialect: &'a Dialect,
    columns: &'a [SourceColumn],
    projection: &'a [usize],
}

impl<'a> Batches<'a> {
    /// The columns `projection` of `files`, all of which have `columns`.
    pub(super) fn new(
        files: &'a [Input],
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

    fn next(&mut self) -> Result<Option<(&'a Input, Piece)>, SourceError> {
        loop {
            let open = match &mut self.open {
                Some(open) => open,
                none => match self.files.next() {
                    Some(input) => none.insert(Opened::open(input, self.parser.dialect)?),
                    None => return Ok(None),
                },
            };
            if let Some(piece) = open.next()? {
                return Ok(Some((open.input, piece)));
            }
            self.open = None;
        }
    }

    /// The next batches; none at the end. An error is the last of them.
    pub(super) fn step(&mut self) -> Vec<Result<RecordBatch, BatchError>> {
        let mut batches = Vec::new();
        while batches.is_empty() {
            let mut pieces = Vec::new();
            let mut failed = None;
            while pieces.len() < at_once() {
                match self.next() {
                    Ok(Some(piece)) => pieces.push(piece),
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(error);
                        break;
                    }
                }
            }
            if pieces.is_empty() && failed.is_none() {
                break;
            }
            let parser = self.parser;
            batches = pieces
                .par_iter()
                .map(|(input, piece)| parser.batch(input, piece))
                .filter(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0))
                .collect();
            batches.extend(failed.map(|error| Err(error.into())));
        }
        batches
    }
}

impl Parser<'_> {
    fn batch(self, input: &Input, piece: &Piece) -> Result<RecordBatch, BatchError> {
        let records = read(input, piece, self.dialect, self.columns.len())?;
        let nulls = &self.dialect.nulls;
        values::columns(piece, &records, nulls, self.columns, self.projection).map_err(|misfit| {
            match misfit {
                Misfit::Batch(error) => error,
                Misfit::NotUtf8 { row, column } => SourceError::NotUtf8 {
                    path: input.path().to_owned(),
                    line: piece.line_of(records.start(row)),
                    column: format!("`{}`", self.columns[column].name),
                }
                .into(),
            }
        })
    }
}
