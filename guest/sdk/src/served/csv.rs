//! Rows as CSV, read as that of the training data.

use csv_core::{ReadFieldResult, Reader, ReaderBuilder};

use super::cell::Cell;
use super::columns::{Columns, lacking};
use super::format::Format;
use crate::contract::served::ServedCsv;
use crate::request::Refusal;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Reads rows. Columns that the model does not read are left alone.
pub(super) fn read(body: &[u8], csv: &ServedCsv, columns: &mut Columns<'_>) -> Result<(), Refusal> {
    let mut fields = Fields::new(body, csv);
    let mut names = csv.names.clone();
    let mut first = Vec::new();
    if csv.header || names.is_none() {
        while let Some(ended) = fields.next(&mut |_, field| {
            first.push(field.to_owned());
            Ok(())
        })? {
            if ended {
                break;
            }
        }
        if first.is_empty() {
            return Err(Format::Csv.malformed("it is empty"));
        }
    }
    if !csv.header && names.is_none() {
        // Without names, columns have those that the training data had.
        names = Some(
            (1..=first.len())
                .map(|column| format!("column_{column}"))
                .collect(),
        );
        fields = Fields::new(body, csv);
    }
    let names = names.unwrap_or(first);
    let places: Vec<Option<usize>> = names.iter().map(|name| columns.place(name)).collect();
    let missing: Vec<&str> = columns
        .names()
        .enumerate()
        .filter(|(place, _)| !places.contains(&Some(*place)))
        .map(|(_, name)| name)
        .collect();
    if !missing.is_empty() {
        let fault = lacking(&missing);
        return Err(Refusal { status: 422, fault });
    }
    let twice = |place: &&Option<usize>| {
        place.is_some() && places.iter().filter(|p| p == place).count() > 1
    };
    if let Some(Some(twice)) = places.iter().find(twice) {
        let name = columns.names().nth(*twice).unwrap_or_default();
        return Err(Format::Csv.malformed(format!("two columns are named `{name}`")));
    }
    let mut at = 0;
    loop {
        let ended = fields.next(&mut |line, field| {
            let Some(place) = places.get(at) else {
                let message = format!("line {line} has more than {} values", places.len());
                return Err(Format::Csv.malformed(message));
            };
            let Some(place) = *place else { return Ok(()) };
            let cell = match csv.null_values.iter().any(|null| null == field) {
                true => Cell::Missing,
                false => Cell::Text(field),
            };
            let pushed = columns.push(place, cell);
            pushed.map_err(|fault| Refusal { status: 422, fault })
        })?;
        match ended {
            None => return Ok(()),
            Some(false) => at += 1,
            Some(true) if at + 1 < places.len() => {
                let line = fields.reader.line();
                let message = format!(
                    "a record that ends before line {line} has {} values, not {}",
                    at + 1,
                    places.len()
                );
                return Err(Format::Csv.malformed(message));
            }
            Some(true) => at = 0,
        }
    }
}

/// The fields of a body, one after the other.
struct Fields<'a> {
    reader: Reader,
    rest: &'a [u8],
    field: Vec<u8>,
}

impl<'a> Fields<'a> {
    fn new(body: &'a [u8], csv: &ServedCsv) -> Self {
        let delimiter = u8::try_from(csv.delimiter).unwrap_or(b',');
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            rest: body.strip_prefix(BOM).unwrap_or(body),
            field: vec![0; 256],
        }
    }

    /// Passes the next field on, with the number of its line. Whether it ends its
    /// record; `None` at the end.
    fn next(
        &mut self,
        field: &mut dyn FnMut(u64, &str) -> Result<(), Refusal>,
    ) -> Result<Option<bool>, Refusal> {
        let line = self.reader.line();
        let mut length = 0;
        loop {
            let (result, read, wrote) =
                self.reader.read_field(self.rest, &mut self.field[length..]);
            self.rest = &self.rest[read..];
            length += wrote;
            match result {
                // Called again without input, it ends the last field.
                ReadFieldResult::InputEmpty => {}
                ReadFieldResult::OutputFull => self.field.resize(self.field.len() * 2, 0),
                ReadFieldResult::Field { record_end } => {
                    let text = std::str::from_utf8(&self.field[..length])
                        .map_err(|_| Format::Csv.malformed(format!("line {line} is not UTF-8")))?;
                    field(line, text)?;
                    return Ok(Some(record_end));
                }
                ReadFieldResult::End => return Ok(None),
            }
        }
    }
}
