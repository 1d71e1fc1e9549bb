//! [`Cell`]: a value of a row, and what a column makes of it.

use std::borrow::Cow;

use super::time::{self, Unit, convert, date_text};
use crate::contract::number::{NumberFormat, parse_bool};
use crate::contract::served::{Holds, ServedColumn};

/// A value of a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell<'a> {
    Missing,
    Text(&'a str),
    Int(i64),
    Real(f64),
    Single(f32),
    Truth(bool),
    Time(i64, Unit),
}

impl Cell<'_> {
    /// What it is, in a message.
    fn name(self) -> String {
        match self {
            Self::Missing => "no value".to_owned(),
            Self::Text(text) => {
                let shown: String = text.chars().take(40).collect();
                format!("the text `{shown}`")
            }
            Self::Int(number) => format!("the number {number}"),
            Self::Real(number) => format!("the number {number}"),
            Self::Single(number) => format!("the number {number}"),
            Self::Truth(value) => format!("the truth value {value}"),
            Self::Time(..) => "a date or a time".to_owned(),
        }
    }
}

/// How a column's cells are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct CellReader {
    holds: Holds,
    numbers: NumberFormat,
}

impl CellReader {
    pub(super) fn of(column: &ServedColumn) -> Self {
        Self {
            holds: column.holds,
            numbers: NumberFormat::new(column.decimal, column.thousands),
        }
    }

    /// The number of a cell; NaN if it is missing.
    ///
    /// # Errors
    /// What the cell is, and what it should be.
    pub(super) fn number(&self, cell: Cell<'_>) -> Result<f64, String> {
        if let Some(unit) = unit(self.holds) {
            return match cell {
                Cell::Missing => Ok(f64::NAN),
                _ => Ok(self.time(cell, unit)? as f64),
            };
        }
        let is_number = self.holds != Holds::Text;
        match cell {
            Cell::Missing => Some(f64::NAN),
            Cell::Int(number) => Some(number as f64),
            Cell::Real(number) => Some(number),
            Cell::Single(number) => Some(f64::from(number)),
            Cell::Truth(value) => Some(f64::from(u8::from(value))),
            Cell::Text(text) => match parse_bool(text.as_bytes()) {
                Some(value) if self.holds == Holds::Truth => Some(f64::from(u8::from(value))),
                _ => self.numbers.float(text.as_bytes()),
            },
            Cell::Time(..) => None,
        }
        .filter(|_| is_number)
        .ok_or_else(|| format!("{}, not a number", cell.name()))
    }

    /// The text of a cell as a category; `None` if it is missing.
    ///
    /// # Errors
    /// What the cell is, and what it should be.
    pub(super) fn label<'c>(&self, cell: Cell<'c>) -> Result<Option<Cow<'c, str>>, String> {
        let real = |number: f64| (!number.is_nan()).then(|| (number + 0.0).to_string().into());
        if cell == Cell::Missing {
            return Ok(None);
        }
        match (self.holds, cell) {
            (Holds::Text, Cell::Text(text)) => Ok(Some(text.into())),
            (Holds::Text, _) => Err(format!("{}, not a text", cell.name())),
            (Holds::Number | Holds::Truth, Cell::Text(text)) => Ok(self.canonical(text)),
            (Holds::Number | Holds::Truth, Cell::Int(number)) => {
                Ok(Some(number.to_string().into()))
            }
            (Holds::Number | Holds::Truth, Cell::Real(number)) => Ok(real(number)),
            (Holds::Number | Holds::Truth, Cell::Single(number)) => {
                Ok((!number.is_nan()).then(|| (number + 0.0).to_string().into()))
            }
            (Holds::Number | Holds::Truth, Cell::Truth(value)) => {
                Ok(Some(if value { "true" } else { "false" }.into()))
            }
            (Holds::Number | Holds::Truth, _) => Err(format!("{}, not a number", cell.name())),
            _ => Ok(Some(date_text(self.time(cell, Unit::Days)?).into())),
        }
    }

    /// The text of the number or the truth value that a text is; texts that a number
    /// would not keep stay as they are.
    fn canonical<'c>(&self, text: &'c str) -> Option<Cow<'c, str>> {
        let bytes = text.as_bytes();
        if let Some(value) = parse_bool(bytes) {
            return Some(if value { "true" } else { "false" }.into());
        }
        if self.numbers.loss(bytes).is_some() {
            return Some(text.into());
        }
        match (self.numbers.int(bytes), self.numbers.float(bytes)) {
            (Some(number), _) => Some(number.to_string().into()),
            (None, Some(number)) if number.is_nan() => None,
            (None, Some(number)) => Some((number + 0.0).to_string().into()),
            (None, None) => Some(text.into()),
        }
    }

    fn time(&self, cell: Cell<'_>, unit: Unit) -> Result<i64, String> {
        let found = match cell {
            Cell::Time(value, from) => Some((value, from)),
            Cell::Text(text) => time::parse(text),
            _ => None,
        };
        let wanted = match unit {
            Unit::Days => "a date such as `2016-12-31`",
            _ => "a time such as `2016-12-31T23:59:00`",
        };
        let (value, from) = found.ok_or_else(|| format!("{}, not {wanted}", cell.name()))?;
        convert(value, from, unit).ok_or_else(|| match unit {
            Unit::Days => "a time that is no day's midnight, not a date".to_owned(),
            _ => "a time that no 64-bit number holds in the unit of the training data".to_owned(),
        })
    }
}

/// The unit of the times that a column holds.
fn unit(holds: Holds) -> Option<Unit> {
    match holds {
        Holds::Number | Holds::Truth | Holds::Text => None,
        Holds::Date => Some(Unit::Days),
        Holds::Seconds => Some(Unit::Seconds),
        Holds::Milliseconds => Some(Unit::Milliseconds),
        Holds::Microseconds => Some(Unit::Microseconds),
        Holds::Nanoseconds => Some(Unit::Nanoseconds),
    }
}
