//! Rows as JSON: a list of objects, or an object of lists. Nothing of the document is
//! kept but the cells of the columns that the model reads.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::cell::Cell;
use super::columns::{Columns, in_row, lacking};
use super::format::{Format, Shape};
use crate::Fault;
use crate::request::Refusal;

/// Reads rows. Keys that the model does not read are left alone.
pub(super) fn read(body: &[u8], columns: &mut Columns<'_>) -> Result<Shape, Refusal> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut document = Document {
        columns,
        failed: None,
    };
    let read = document.deserialize(&mut reader);
    let read = read.and_then(|shape| reader.end().map(|()| shape));
    match (document.failed, read) {
        (Some(fault), _) => Err(Refusal { status: 422, fault }),
        (None, Ok(shape)) => Ok(shape),
        (None, Err(error)) => Err(Format::Json.malformed(error)),
    }
}

struct Document<'d, 'c> {
    columns: &'d mut Columns<'c>,
    /// Why the model does not read what is JSON.
    failed: Option<Fault>,
}

impl Document<'_, '_> {
    fn deserialize<'de, D: Deserializer<'de>>(&mut self, reader: D) -> Result<Shape, D::Error> {
        reader.deserialize_any(Top(self))
    }

    /// Ends the reading with `fault`.
    fn fail<E: Error>(&mut self, fault: Fault) -> E {
        self.failed = Some(fault);
        E::custom("the model does not read it")
    }

    fn push<E: Error>(&mut self, place: usize, cell: Cell<'_>) -> Result<(), E> {
        let pushed = self.columns.push(place, cell);
        pushed.map_err(|fault| self.fail(fault))
    }
}

struct Top<'t, 'd, 'c>(&'t mut Document<'d, 'c>);

impl<'de> Visitor<'de> for Top<'_, '_, '_> {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects, one per row, or an object of lists, one per column")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Shape, A::Error> {
        let mut row = 0;
        while rows.next_element_seed(Row(self.0, row))?.is_some() {
            row += 1;
        }
        Ok(Shape::Rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut read = vec![false; self.0.columns.names().count()];
        while let Some(place) = map.next_key_seed(Key(self.0.columns))? {
            let Some(place) = place else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if std::mem::replace(&mut read[place], true) {
                let name = self.0.columns.names().nth(place).unwrap_or_default();
                let fault =
                    Fault::InvalidDataset(format!("the column `{name}` stands there twice"));
                return Err(self.0.fail(fault));
            }
            map.next_value_seed(List(self.0, place))?;
        }
        let names = self.0.columns.names().zip(&read);
        let missing: Vec<&str> = names
            .filter(|(_, read)| !**read)
            .map(|(name, _)| name)
            .collect();
        match missing.as_slice() {
            [] => Ok(Shape::Columns),
            missing => Err(self.0.fail(lacking(missing))),
        }
    }
}

/// The object of one row, counted from 0.
struct Row<'t, 'd, 'c>(&'t mut Document<'d, 'c>, usize);

impl<'de> DeserializeSeed<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Row<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object as row {} (the first row is 1)", self.1 + 1)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(document, row) = self;
        while let Some(place) = map.next_key_seed(Key(document.columns))? {
            match place {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(place) if document.columns.rows(place) == row => {
                    map.next_value_seed(Value(document, place))?;
                }
                Some(place) => {
                    let name = document.columns.names().nth(place).unwrap_or_default();
                    let fault = in_row(name, row + 1, "stands there twice");
                    return Err(document.fail(fault));
                }
            }
        }
        let names = document.columns.names().enumerate();
        let mut missing = names.filter(|(place, _)| document.columns.rows(*place) == row);
        match missing.next() {
            None => Ok(()),
            Some((_, name)) => {
                let fault = in_row(name, row + 1, "is missing (a missing value is null)");
                Err(document.fail(fault))
            }
        }
    }
}

/// A column's name: its place, if the model reads it.
struct Key<'t, 'c>(&'t Columns<'c>);

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<usize>, D::Error> {
        reader.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Option<usize>, E> {
        Ok(self.0.place(name))
    }
}

/// The values of one column.
struct List<'t, 'd, 'c>(&'t mut Document<'d, 'c>, usize);

impl<'de> DeserializeSeed<'de> for List<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.columns.names().nth(self.1).unwrap_or_default();
        write!(f, "the list of the values of the column `{name}`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Value(self.0, self.1))?.is_some() {}
        Ok(())
    }
}

/// A value of the column at a place.
struct Value<'t, 'd, 'c>(&'t mut Document<'d, 'c>, usize);

impl<'de> DeserializeSeed<'de> for Value<'_, '_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.columns.names().nth(self.1).unwrap_or_default();
        let row = self.0.columns.rows(self.1) + 1;
        write!(
            f,
            "a number, a text, a truth value or null as `{name}` of row {row} (the first row is 1)"
        )
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.push(self.1, Cell::Missing)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.0.push(self.1, Cell::Truth(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.0.push(self.1, Cell::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        let cell = match i64::try_from(value) {
            Ok(value) => Cell::Int(value),
            Err(_) => Cell::Real(value as f64),
        };
        self.0.push(self.1, cell)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.0.push(self.1, Cell::Real(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.0.push(self.1, Cell::Text(value))
    }
}
