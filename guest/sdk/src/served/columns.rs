//! [`Columns`]: the cells of the columns that a model reads, and the features that are
//! made of them.

use std::collections::{BTreeMap, HashMap};

use super::cell::{Cell, CellReader};
use crate::contract::label::find_label;
use crate::contract::served::{Made, ServedFeature, ServedTogether};
use crate::contract::{Column, ColumnKind, Role};
use crate::{Fault, Values};

/// By feature with categories that the training data did not have: the number of rows.
pub(super) type Unknown = BTreeMap<String, usize>;

/// Features with their values.
pub(super) type Features = Vec<(Column, Values)>;

/// The columns that a model reads, with the rows so far.
pub(super) struct Columns<'a> {
    served: &'a ServedTogether,
    cells: Vec<ColumnCells<'a>>,
}

/// The cells of one column, as the features need them.
struct ColumnCells<'a> {
    name: &'a str,
    reader: CellReader,
    rows: usize,
    numbers: Option<Vec<f64>>,
    labels: Option<Labels>,
}

/// Categories, numbered in the order of their appearance.
#[derive(Default)]
struct Labels {
    codes: Vec<u32>,
    labels: Vec<String>,
    places: HashMap<String, u32>,
}

impl Labels {
    fn of(labels: &[String]) -> Self {
        let mut new = Self::default();
        labels.iter().for_each(|label| {
            new.place(label);
        });
        new
    }

    fn place(&mut self, label: &str) -> u32 {
        if let Some(place) = self.places.get(label) {
            return *place;
        }
        let place = self.labels.len() as u32;
        self.labels.push(label.to_owned());
        self.places.insert(label.to_owned(), place);
        place
    }

    fn push(&mut self, label: Option<&str>) {
        let code = label.map_or(Values::MISSING, |label| self.place(label));
        self.codes.push(code);
    }
}

impl<'a> Columns<'a> {
    pub(super) fn new(served: &'a ServedTogether) -> Self {
        let cells = served.columns.iter().enumerate().map(|(place, column)| {
            let mut readers = served.features.iter().filter(|f| f.of.contains(&place));
            let is_number = |feature: &ServedFeature| feature.made == Made::Number;
            ColumnCells {
                name: &column.name,
                reader: CellReader::of(column),
                rows: 0,
                numbers: readers.clone().any(is_number).then(Vec::new),
                labels: readers.any(|f| !is_number(f)).then(Labels::default),
            }
        });
        let cells = cells.collect();
        Self { served, cells }
    }

    /// The names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let served = self.served;
        served.columns.iter().map(|column| column.name.as_str())
    }

    /// The place of the column `name`, if the model reads it.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.cells.iter().position(|column| column.name == name)
    }

    /// The number of rows of a column so far.
    pub(super) fn rows(&self, place: usize) -> usize {
        self.cells[place].rows
    }

    /// Adds the next row of a column.
    ///
    /// # Errors
    /// If the cell is not what the column holds.
    pub(super) fn push(&mut self, place: usize, cell: Cell<'_>) -> Result<(), Fault> {
        let column = &mut self.cells[place];
        column.rows += 1;
        let wrong = |message| in_row(column.name, column.rows, &format!("holds {message}"));
        if let Some(numbers) = &mut column.numbers {
            numbers.push(column.reader.number(cell).map_err(wrong)?);
        }
        if let Some(labels) = &mut column.labels {
            labels.push(column.reader.label(cell).map_err(wrong)?.as_deref());
        }
        Ok(())
    }

    /// The features of all rows, or `None` if there are no rows; and which of them have
    /// unknown categories.
    ///
    /// # Errors
    /// If the columns differ in length, or a category has no place in its order.
    pub(super) fn finish(self) -> Result<(Option<Features>, Unknown), Fault> {
        let rows = self.cells.first().map_or(0, |column| column.rows);
        if let Some(other) = self.cells.iter().find(|column| column.rows != rows) {
            return Err(Fault::InvalidDataset(format!(
                "the column `{}` has {} rows, but `{}` has {rows}",
                other.name, other.rows, self.cells[0].name
            )));
        }
        if rows == 0 {
            return Ok((None, Unknown::new()));
        }
        let mut unknown = Unknown::new();
        let features = self.served.features.iter();
        let features = features.map(|feature| self.feature(feature, rows, &mut unknown));
        let features = features.collect::<Result<_, _>>()?;
        Ok((Some(features), unknown))
    }

    fn feature(
        &self,
        feature: &ServedFeature,
        rows: usize,
        unknown: &mut Unknown,
    ) -> Result<(Column, Values), Fault> {
        let parts: Vec<&ColumnCells<'_>> = feature.of.iter().map(|at| &self.cells[*at]).collect();
        let (kind, values) = match &feature.made {
            Made::Number => {
                let numbers = parts[0].numbers.clone().unwrap_or_default();
                (ColumnKind::Number, Values::Number(numbers))
            }
            Made::Ordered { labels } => {
                let places = places(parts[0], labels)?;
                (ColumnKind::Number, Values::Number(places))
            }
            Made::Category { labels } | Made::Concat { labels, .. } => {
                let mut made = Labels::of(labels);
                let known = made.labels.len() as u32;
                match &feature.made {
                    Made::Concat { separator, .. } => {
                        (0..rows)
                            .for_each(|row| made.push(joined(&parts, row, separator).as_deref()));
                    }
                    _ => (0..rows).for_each(|row| made.push(parts[0].label(row))),
                }
                let is_unknown = |code: &&u32| **code >= known && **code != Values::MISSING;
                let count = made.codes.iter().filter(is_unknown).count();
                if count > 0 {
                    unknown.insert(feature.name.clone(), count);
                }
                let labels = made.labels;
                (
                    ColumnKind::Category { labels },
                    Values::Category(made.codes),
                )
            }
        };
        let column = Column {
            name: feature.name.clone(),
            role: Role::Feature,
            kind,
        };
        Ok((column, values))
    }
}

impl ColumnCells<'_> {
    fn label(&self, row: usize) -> Option<&str> {
        let labels = self.labels.as_ref()?;
        let label = labels.labels.get(labels.codes[row] as usize)?;
        Some(label)
    }
}

/// The labels of a row in several columns, joined.
fn joined(parts: &[&ColumnCells<'_>], row: usize, separator: &str) -> Option<String> {
    let labels: Option<Vec<&str>> = parts.iter().map(|part| part.label(row)).collect();
    Some(labels?.join(separator))
}

/// The places of a column's categories in an order; NaN for missing ones.
fn places(column: &ColumnCells<'_>, order: &[String]) -> Result<Vec<f64>, Fault> {
    let Some(found) = &column.labels else {
        return Ok(Vec::new());
    };
    let known: Vec<Option<usize>> = found
        .labels
        .iter()
        .map(|label| find_label(order, label))
        .collect();
    let places = found.codes.iter().enumerate().map(|(row, code)| {
        let code = *code as usize;
        match known.get(code) {
            None => Ok(f64::NAN),
            Some(Some(place)) => Ok(*place as f64),
            Some(None) => {
                let message = format!(
                    "holds `{}`, which is not in its order: `{}`",
                    found.labels[code],
                    order.join("` < `")
                );
                Err(in_row(column.name, row + 1, &message))
            }
        }
    });
    places.collect()
}

/// A fault of a column in a row, counted from 1.
pub(super) fn in_row(column: &str, row: usize, message: &str) -> Fault {
    Fault::InvalidDataset(format!(
        "the column `{column}` {message}, in row {row} (the first row is 1)"
    ))
}

/// The fault of rows that lack columns.
pub(super) fn lacking(names: &[&str]) -> Fault {
    let names = names.join("`, `");
    Fault::InvalidDataset(format!(
        "the rows lack the columns `{names}`, which the model reads"
    ))
}
