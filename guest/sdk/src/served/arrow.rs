//! Rows as Arrow IPC, a stream or a file, without compression: columns of numbers,
//! texts, truth values, dates, times and decimals, dictionaries of texts among them.
//! Columns of other types are left alone, unless the model reads them.
//!
//! The form is that of Arrow's columnar format, version 1.0 and later
//! (`format/Message.fbs`, `format/Schema.fbs`).

use std::collections::BTreeMap;

use super::cell::Cell;
use super::columns::{Columns, in_row, lacking};
use super::flatbuffer::{Record, Vector};
use super::format::Format;
use super::parquet::decimal;
use super::time::Unit;
use crate::Fault;
use crate::request::Refusal;

/// The most fields, with those in others, and the deepest. Threat: a field that is in
/// many others, each in many others.
const MAX_FIELDS: usize = 100_000;
const MAX_DEPTH: usize = 64;

/// Reads rows. Columns that the model does not read are left alone.
pub(super) fn read(body: &[u8], columns: &mut Columns<'_>) -> Result<(), Refusal> {
    let stream = match body.strip_prefix(b"ARROW1\0\0") {
        Some(stream) => stream,
        None => body,
    };
    let mut messages = Messages { rest: stream };
    let first = messages
        .next()?
        .ok_or_else(|| Format::Arrow.malformed("it is empty"))?;
    let fields =
        fields(&first).ok_or_else(|| Format::Arrow.malformed("its schema can't be read"))?;
    let place = |name: &str| fields.iter().position(|field| field.name == name);
    let missing: Vec<&str> = columns
        .names()
        .filter(|name| place(name).is_none())
        .collect();
    if !missing.is_empty() {
        let fault = lacking(&missing);
        return Err(Refusal { status: 422, fault });
    }
    let mut dictionaries: BTreeMap<i64, Vec<Option<String>>> = BTreeMap::new();
    while let Some(message) = messages.next()? {
        match message.kind {
            DICTIONARY => {
                let (id, delta, values) = dictionary(&message, &fields)?;
                let known = dictionaries.entry(id).or_default();
                if !delta {
                    known.clear();
                }
                known.extend(values);
            }
            BATCH => {
                let batch = Batch::of(message.header, message.body)?;
                batch.read(&fields, &dictionaries, columns)?;
            }
            _ => {}
        }
    }
    Ok(())
}

const SCHEMA: u8 = 1;
const DICTIONARY: u8 = 2;
const BATCH: u8 = 3;

struct Message<'a> {
    kind: u8,
    header: Record<'a>,
    body: &'a [u8],
}

struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    fn next(&mut self) -> Result<Option<Message<'a>>, Refusal> {
        let cut = || Format::Arrow.malformed("it is cut off, or no stream");
        let mut take = |size: usize| {
            let (taken, rest) = self.rest.split_at_checked(size)?;
            self.rest = rest;
            Some(taken)
        };
        let mut size = || Some(u32::from_le_bytes(take(4)?.try_into().ok()?));
        let size = match size() {
            // A stream may end without a mark.
            None => return Ok(None),
            Some(u32::MAX) => size().ok_or_else(cut)?,
            Some(size) => size,
        };
        if size == 0 {
            return Ok(None);
        }
        let head = take(size as usize).ok_or_else(cut)?;
        let message = Record::root(head).ok_or_else(cut)?;
        let length = usize::try_from(message.i64(3).unwrap_or(0)).map_err(|_| cut())?;
        Ok(Some(Message {
            kind: message.u8(1).unwrap_or(0),
            header: message.table(2).ok_or_else(cut)?,
            body: take(length).ok_or_else(cut)?,
        }))
    }
}

/// A column of the schema.
struct Field<'a> {
    name: &'a str,
    stored: Stored,
    /// Of a dictionary: its id, and how the values are stored.
    dictionary: Option<(i64, Stored)>,
    /// The nodes of the field and of those in it.
    nodes: usize,
    /// Its buffers and those of the fields in it, which are those of no view.
    buffers: usize,
    /// Its views and those in it, which have further buffers.
    views: usize,
}

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stored {
    Null,
    Int {
        bits: i32,
        signed: bool,
    },
    Half,
    Single,
    Double,
    Text {
        large: bool,
    },
    TextView,
    Truth,
    Decimal {
        bits: i32,
        scale: i32,
    },
    Time {
        bits: i32,
        unit: Unit,
    },
    /// Dates in milliseconds.
    LongDate,
    Other,
}

fn fields<'a>(message: &Message<'a>) -> Option<Vec<Field<'a>>> {
    if message.kind != SCHEMA {
        return None;
    }
    let fields = message.header.vector(1)?;
    let mut budget = MAX_FIELDS;
    (0..fields.len)
        .map(|index| field(&fields.table(index)?, 0, &mut budget))
        .collect()
}

fn field<'a>(field: &Record<'a>, depth: usize, budget: &mut usize) -> Option<Field<'a>> {
    *budget = budget.checked_sub(1)?;
    let kind = field.u8(2).unwrap_or(0);
    let (stored, buffers) = stored(kind, field.table(3))?;
    let mut made = Field {
        name: field.text(0).unwrap_or_default(),
        stored,
        dictionary: None,
        nodes: 1,
        buffers,
        views: usize::from(matches!(kind, 23 | 24)),
    };
    if let Some(dictionary) = field.table(4) {
        let index = dictionary.table(1);
        let (bits, signed) = index.map_or((32, true), |index| {
            (index.i32(0).unwrap_or(0), index.u8(1).unwrap_or(0) != 0)
        });
        made.dictionary = Some((dictionary.i64(0).unwrap_or(0), stored));
        made.stored = Stored::Int { bits, signed };
        (made.buffers, made.views) = (2, 0);
        return Some(made);
    }
    if let Some(children) = field.vector(5) {
        (depth < MAX_DEPTH).then_some(())?;
        for index in 0..children.len {
            let child = self::field(&children.table(index)?, depth + 1, budget)?;
            made.nodes += child.nodes;
            made.buffers += child.buffers;
            made.views += child.views;
        }
    }
    Some(made)
}

/// How the values of a type are stored, and the number of its own buffers.
fn stored(kind: u8, of: Option<Record<'_>>) -> Option<(Stored, usize)> {
    let i16 = |index, default| of.and_then(|of| of.i16(index)).unwrap_or(default);
    let i32 = |index, default| of.and_then(|of| of.i32(index)).unwrap_or(default);
    Some(match kind {
        1 => (Stored::Null, 0),
        2 => {
            let signed = of.and_then(|of| of.u8(1)).unwrap_or(0) != 0;
            (
                Stored::Int {
                    bits: i32(0, 0),
                    signed,
                },
                2,
            )
        }
        3 => match i16(0, 0) {
            0 => (Stored::Half, 2),
            1 => (Stored::Single, 2),
            _ => (Stored::Double, 2),
        },
        5 => (Stored::Text { large: false }, 3),
        20 => (Stored::Text { large: true }, 3),
        24 => (Stored::TextView, 2),
        6 => (Stored::Truth, 2),
        7 => (
            Stored::Decimal {
                bits: i32(2, 128),
                scale: i32(1, 0),
            },
            2,
        ),
        8 => match i16(0, 1) {
            0 => (
                Stored::Time {
                    bits: 32,
                    unit: Unit::Days,
                },
                2,
            ),
            _ => (Stored::LongDate, 2),
        },
        10 => {
            let unit = match i16(0, 0) {
                0 => Unit::Seconds,
                1 => Unit::Milliseconds,
                2 => Unit::Microseconds,
                _ => Unit::Nanoseconds,
            };
            (Stored::Time { bits: 64, unit }, 2)
        }
        // Structures, lists of one size: whether a value is there.
        13 | 16 => (Stored::Other, 1),
        // Unions, by their mode: the types, or these and the offsets.
        14 => (Stored::Other, if i16(0, 0) == 0 { 1 } else { 2 }),
        // Binary, and lists that are views.
        4 | 19 | 25 | 26 => (Stored::Other, 3),
        // Run ends.
        22 => (Stored::Other, 0),
        // Times of the day, intervals, lists, binary of one size, maps, durations, views.
        9 | 11 | 12 | 15 | 17 | 18 | 21 | 23 => (Stored::Other, 2),
        _ => return None,
    })
}

/// A record batch.
struct Batch<'a> {
    rows: usize,
    buffers: Vector<'a>,
    views: Option<Vector<'a>>,
    body: &'a [u8],
}

impl<'a> Batch<'a> {
    fn of(header: Record<'a>, body: &'a [u8]) -> Result<Self, Refusal> {
        if header.table(3).is_some() {
            return Err(Format::Arrow.malformed("it is compressed; write it without compression"));
        }
        let rows = usize::try_from(header.i64(0).unwrap_or(0)).ok();
        // Threat: a number of rows without values, each of which takes memory. A value
        // takes a bit or more.
        let rows = rows.filter(|rows| *rows <= body.len().saturating_mul(8));
        Ok(Self {
            rows: rows.ok_or_else(|| {
                Format::Arrow.malformed("a batch has more rows than its values are bits")
            })?,
            buffers: header
                .vector(2)
                .ok_or_else(|| Format::Arrow.malformed("a batch has no buffers"))?,
            views: header.vector(4),
            body,
        })
    }

    fn buffer(&self, index: usize) -> Option<&'a [u8]> {
        let (offset, length) = self.buffers.pair(index)?;
        self.body.get(offset..)?.get(..length)
    }

    fn read(
        &self,
        fields: &[Field<'_>],
        dictionaries: &BTreeMap<i64, Vec<Option<String>>>,
        columns: &mut Columns<'_>,
    ) -> Result<(), Refusal> {
        let (mut buffer, mut view) = (0, 0);
        for field in fields {
            let variadic = |at: usize| self.views.and_then(|views| views.number(at));
            let further: usize = (view..view + field.views)
                .map(|at| variadic(at).unwrap_or(0))
                .sum();
            if let Some(place) = columns.place(field.name) {
                if matches!(field.stored, Stored::Other | Stored::Half) {
                    let fault = Fault::InvalidDataset(format!(
                        "the column `{}` holds no number, text, date, time or truth value",
                        field.name
                    ));
                    return Err(Refusal { status: 422, fault });
                }
                let values = Values::new(self, field.stored, buffer, further)
                    .ok_or_else(|| Format::Arrow.malformed("a buffer is too short"))?;
                for row in 0..self.rows {
                    let cell = match &field.dictionary {
                        None => values.cell(row),
                        Some((id, _)) => match values.cell(row) {
                            Some(Cell::Int(code)) => entry(dictionaries, *id, code),
                            other => other,
                        },
                    };
                    let pushed = match cell {
                        Some(cell) => columns.push(place, cell),
                        None => {
                            let row = columns.rows(place) + 1;
                            let message =
                                "holds a value that is malformed or that no 64-bit number holds";
                            Err(in_row(field.name, row, message))
                        }
                    };
                    pushed.map_err(|fault| Refusal { status: 422, fault })?;
                }
            }
            buffer += field.buffers + further;
            view += field.views;
        }
        Ok(())
    }
}

fn entry(
    dictionaries: &BTreeMap<i64, Vec<Option<String>>>,
    id: i64,
    code: i64,
) -> Option<Cell<'_>> {
    let value = dictionaries.get(&id)?.get(usize::try_from(code).ok()?)?;
    Some(value.as_deref().map_or(Cell::Missing, Cell::Text))
}

/// The values of a dictionary of texts, with its id and whether they follow others.
fn dictionary(
    message: &Message<'_>,
    fields: &[Field<'_>],
) -> Result<(i64, bool, Vec<Option<String>>), Refusal> {
    let id = message.header.i64(0).unwrap_or(0);
    let delta = message.header.u8(2).unwrap_or(0) != 0;
    let mut stored = fields.iter().filter_map(|field| field.dictionary);
    let stored = stored
        .find(|(known, _)| *known == id)
        .map(|(_, stored)| stored);
    let Some(stored @ (Stored::Text { .. } | Stored::TextView)) = stored else {
        // Of other values, or of a nested column: codes without an entry are refused.
        return Ok((id, delta, Vec::new()));
    };
    let batch = message
        .header
        .table(1)
        .ok_or_else(|| Format::Arrow.malformed("a dictionary is empty"))?;
    let batch = Batch::of(batch, message.body)?;
    let further = batch.views.and_then(|views| views.number(0)).unwrap_or(0);
    let values = Values::new(&batch, stored, 0, further);
    let values = values.ok_or_else(|| Format::Arrow.malformed("a buffer is too short"))?;
    let texts = (0..batch.rows).map(|row| match values.cell(row) {
        Some(Cell::Text(text)) => Ok(Some(text.to_owned())),
        Some(_) => Ok(None),
        None => Err(Format::Arrow.malformed("a dictionary has a text that is no UTF-8")),
    });
    Ok((id, delta, texts.collect::<Result<_, _>>()?))
}

/// The values of one column of a batch.
struct Values<'a> {
    stored: Stored,
    /// A bit for each row that has a value; all have without it.
    valid: &'a [u8],
    values: &'a [u8],
    /// Of texts: the bytes.
    texts: Vec<&'a [u8]>,
}

impl<'a> Values<'a> {
    /// Those whose buffers begin with the one at `first`; a view has `further` ones.
    fn new(batch: &Batch<'a>, stored: Stored, first: usize, further: usize) -> Option<Self> {
        if stored == Stored::Null {
            return Some(Self {
                stored,
                valid: &[],
                values: &[],
                texts: Vec::new(),
            });
        }
        let texts = match stored {
            Stored::Text { .. } => first + 2..first + 3,
            Stored::TextView => first + 2..(first + 2).checked_add(further)?,
            _ => 0..0,
        };
        let values = Self {
            stored,
            valid: batch.buffer(first)?,
            values: batch.buffer(first + 1)?,
            texts: texts
                .map(|index| batch.buffer(index))
                .collect::<Option<_>>()?,
        };
        let bits = match stored {
            Stored::Int { bits, .. } | Stored::Decimal { bits, .. } | Stored::Time { bits, .. } => {
                usize::try_from(bits).ok()?
            }
            Stored::Single => 32,
            Stored::Double | Stored::LongDate => 64,
            Stored::Text { large: false } => 32,
            Stored::Text { large: true } => 64,
            Stored::TextView => 128,
            Stored::Truth => 1,
            Stored::Null | Stored::Half | Stored::Other => 0,
        };
        let holds =
            |bytes: &[u8], bits: usize| bytes.len() >= batch.rows.saturating_mul(bits).div_ceil(8);
        let is_whole =
            holds(values.values, bits) && (values.valid.is_empty() || holds(values.valid, 1));
        is_whole.then_some(values)
    }

    fn array<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        self.values
            .get(at.checked_mul(N)?..)?
            .first_chunk()
            .copied()
    }

    /// The cell of a row; `None` if it can't be read.
    fn cell(&self, row: usize) -> Option<Cell<'a>> {
        let bit = |bytes: &[u8]| Some(bytes.get(row / 8)? >> (row % 8) & 1 == 1);
        if self.stored == Stored::Null || (!self.valid.is_empty() && !bit(self.valid)?) {
            return Some(Cell::Missing);
        }
        Some(match self.stored {
            Stored::Int { bits, signed } => Cell::Int(self.int(row, bits, signed)?),
            Stored::Time { bits, unit } => Cell::Time(self.int(row, bits, true)?, unit),
            Stored::LongDate => {
                const DAY: i64 = 86_400_000;
                Cell::Time(self.int(row, 64, true)? / DAY, Unit::Days)
            }
            Stored::Single => Cell::Single(f32::from_le_bytes(self.array(row)?)),
            Stored::Double => Cell::Real(f64::from_le_bytes(self.array(row)?)),
            Stored::Truth => Cell::Truth(bit(self.values)?),
            Stored::Decimal { bits, scale } => {
                let whole = match bits {
                    128 => i128::from_le_bytes(self.array(row)?),
                    bits => self.int(row, bits, true)?.into(),
                };
                decimal(whole, scale)
            }
            Stored::Text { large } => {
                let end = |at| match large {
                    true => self.int(at, 64, true),
                    false => self.int(at, 32, true),
                };
                let (from, to) = (end(row)?, end(row + 1)?);
                let range = usize::try_from(from).ok()?..usize::try_from(to).ok()?;
                Cell::Text(std::str::from_utf8(self.texts.first()?.get(range)?).ok()?)
            }
            Stored::TextView => Cell::Text(self.view(row)?),
            Stored::Null | Stored::Half | Stored::Other => return None,
        })
    }

    /// A whole number of `bits` bits.
    fn int(&self, at: usize, bits: i32, signed: bool) -> Option<i64> {
        Some(match (bits, signed) {
            (8, true) => i8::from_le_bytes(self.array(at)?).into(),
            (16, true) => i16::from_le_bytes(self.array(at)?).into(),
            (32, true) => i32::from_le_bytes(self.array(at)?).into(),
            (64, true) => i64::from_le_bytes(self.array(at)?),
            (8, false) => u8::from_le_bytes(self.array(at)?).into(),
            (16, false) => u16::from_le_bytes(self.array(at)?).into(),
            (32, false) => u32::from_le_bytes(self.array(at)?).into(),
            (64, false) => i64::try_from(u64::from_le_bytes(self.array(at)?)).ok()?,
            _ => return None,
        })
    }

    /// The text of a view: its length, and itself up to 12 bytes, or else its start, and
    /// the buffer and the offset of the whole.
    fn view(&self, row: usize) -> Option<&'a str> {
        let view = self.values.get(row.checked_mul(16)?..)?.get(..16)?;
        let number = |at: usize| {
            let bytes = view.get(at..)?.first_chunk()?;
            usize::try_from(i32::from_le_bytes(*bytes)).ok()
        };
        let length = number(0)?;
        let text = match length {
            ..=12 => view.get(4..4 + length)?,
            _ => self
                .texts
                .get(number(8)?)?
                .get(number(12)?..)?
                .get(..length)?,
        };
        std::str::from_utf8(text).ok()
    }
}
