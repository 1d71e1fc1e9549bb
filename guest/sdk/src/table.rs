//! [`Table`]: the features and targets of a dataset, read one column at a time.
//!
//! A column is decoded on demand and not kept, so that an estimator determines
//! how much memory its features take.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::contract::{CONTRACT, Column, ColumnKind, LAYOUT_KEY, Layout, Role};
use crate::file::ColumnFile;
use crate::labels::sort_order;
use crate::matrix::{CategoryColumn, Matrix};
use crate::target::{Target, category_classes};
use crate::{Fault, Learning};

/// A table of features and targets. It holds the compressed bytes of its file.
#[derive(Debug)]
pub struct Table {
    rows: usize,
    features: Vec<Feature>,
    /// By feature: its index in the layout.
    places: Vec<usize>,
    /// By feature: the rank of each label of the layout in sorted order.
    ranks: Vec<Vec<u32>>,
    columns: Vec<Column>,
    source: Source,
}

/// Where the values are. Categories are indices into the labels of the layout,
/// in order of appearance.
#[derive(Debug)]
enum Source {
    File(ColumnFile),
    Memory(Vec<Values>),
    /// The columns of a matrix, all of them features.
    Matrix(Matrix),
}

/// The name and the kind of a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// The labels of a category, sorted as numbers if all of them are numbers,
    /// else as text; `None` for a number.
    pub labels: Option<Vec<String>>,
}

/// The values of one feature, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Indices into the feature's labels; [`Values::MISSING`] is missing.
    Category(Vec<u32>),
}

impl Values {
    /// The code of a missing category.
    pub const MISSING: u32 = CategoryColumn::MISSING;

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(numbers) => numbers.len(),
            Self::Category(codes) => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// Opens the Parquet file of a dataset. Reads its footer and its layout.
    ///
    /// # Errors
    /// If the file is not Parquet, has nested columns or no valid layout.
    pub fn open(bytes: Bytes) -> Result<Self, Fault> {
        let file = ColumnFile::open("dataset", bytes)?;
        let layout = layout(&file)?;
        Self::new(file.rows(), layout.columns, Source::File(file))
    }

    /// A table of columns in memory, all of one length. The values of a category
    /// are indices into the labels of its column.
    ///
    /// # Errors
    /// If the lengths differ, the values are not of the column's kind, two
    /// columns have one name, or there is no feature.
    pub fn from_columns(columns: Vec<(Column, Values)>) -> Result<Self, Fault> {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        for (column, values) in &columns {
            if values.len() != rows {
                return Err(Fault::InvalidDataset(format!(
                    "column `{}` has {} rows, but the first column has {rows}",
                    column.name,
                    values.len()
                )));
            }
            let is_of_kind = match (&column.kind, values) {
                (ColumnKind::Number, Values::Number(_)) => true,
                (ColumnKind::Category { labels }, Values::Category(codes)) => codes
                    .iter()
                    .all(|&code| code == Values::MISSING || (code as usize) < labels.len()),
                _ => false,
            };
            if !is_of_kind {
                return Err(Fault::InvalidDataset(format!(
                    "the values of column `{}` are not of its kind",
                    column.name
                )));
            }
        }
        let (columns, values) = columns.into_iter().unzip();
        Self::new(rows, columns, Source::Memory(values))
    }

    fn new(rows: usize, columns: Vec<Column>, source: Source) -> Result<Self, Fault> {
        let mut names = BTreeSet::new();
        if let Some(twice) = columns.iter().find(|column| !names.insert(&column.name)) {
            return Err(Fault::InvalidDataset(format!(
                "two columns are named `{}`",
                twice.name
            )));
        }
        let (mut features, mut places, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
        for (place, column) in columns.iter().enumerate() {
            if column.role != Role::Feature {
                continue;
            }
            let (labels, rank) = match &column.kind {
                ColumnKind::Number => (None, Vec::new()),
                ColumnKind::Category { labels } => {
                    let order = sort_order(labels);
                    let mut rank = vec![0; labels.len()];
                    for (sorted, &label) in (0u32..).zip(&order) {
                        rank[label] = sorted;
                    }
                    let labels = order.iter().map(|&label| labels[label].clone());
                    (Some(labels.collect()), rank)
                }
            };
            features.push(Feature {
                name: column.name.clone(),
                labels,
            });
            places.push(place);
            ranks.push(rank);
        }
        if features.is_empty() {
            return Err(Fault::InvalidDataset(
                "no column of the dataset is a feature".to_owned(),
            ));
        }
        Ok(Self {
            rows,
            features,
            places,
            ranks,
            columns,
            source,
        })
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The features, in the order of the layout.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Decodes the values of feature `index`, one per row. Categories are indices
    /// into [`Feature::labels`].
    ///
    /// # Errors
    /// If the column is damaged, of another type than its kind, or has a code
    /// without a label.
    pub fn values(&self, index: usize) -> Result<Values, Fault> {
        let mut values = self.stored(self.places[index])?;
        if let Values::Category(codes) = &mut values {
            let ranks = &self.ranks[index];
            for code in codes.iter_mut().filter(|code| **code != Values::MISSING) {
                *code = ranks[*code as usize];
            }
        }
        Ok(values)
    }

    /// Decodes column `place` of the layout.
    fn stored(&self, place: usize) -> Result<Values, Fault> {
        let file = match &self.source {
            Source::Memory(columns) => return Ok(columns[place].clone()),
            Source::Matrix(matrix) => return Ok(matrix_values(matrix, place)),
            Source::File(file) => file,
        };
        let labels = match &self.columns[place].kind {
            ColumnKind::Number => return Ok(Values::Number(file.numbers(place)?)),
            ColumnKind::Category { labels } => labels,
        };
        let codes = file.ints(place)?.into_iter().map(|code| match code {
            None => Ok(Values::MISSING),
            Some(code) => u32::try_from(code)
                .ok()
                .filter(|code| (*code as usize) < labels.len())
                .ok_or_else(|| {
                    Fault::InvalidDataset(format!(
                        "column `{}` has the code {code}, but {} labels",
                        self.columns[place].name,
                        labels.len()
                    ))
                }),
        });
        Ok(Values::Category(codes.collect::<Result<_, _>>()?))
    }

    /// The number of labels of the target that has most; 0 if all are numbers.
    pub fn most_classes(&self) -> usize {
        let targets = self.columns.iter().filter(|column| is_target(column));
        let labels = targets.map(|column| match &column.kind {
            ColumnKind::Category { labels } => labels.len(),
            ColumnKind::Number => 0,
        });
        labels.max().unwrap_or(0)
    }

    /// The names of the target columns.
    pub(crate) fn target_names(&self) -> impl Iterator<Item = &str> {
        let targets = self.columns.iter().filter(|column| is_target(column));
        targets.map(|column| column.name.as_str())
    }

    /// Decodes the target column `name`: a category as classes, numbers as
    /// numbers.
    ///
    /// # Errors
    /// If there is no such target, it is not of the kind `learning`, or there is
    /// only one class.
    pub fn target(&self, name: &str, learning: Learning) -> Result<Target, Fault> {
        match (self.stored_target(name)?, learning.is_classes()) {
            ((Values::Number(numbers), _), false) => Ok(Target::Numbers(numbers)),
            ((Values::Category(codes), labels), true) => {
                let (classes, codes) = category_classes(codes, labels);
                match classes.as_slice() {
                    [] => Err(Fault::InvalidDataset(format!(
                        "target `{name}` has no value in any row"
                    ))),
                    [one] => Err(Fault::InvalidDataset(format!(
                        "target `{name}` is `{one}` in every row; a classifier needs at least two \
                         classes"
                    ))),
                    _ => Ok(Target::Classes { classes, codes }),
                }
            }
            ((Values::Number(_), _), true) => Err(Fault::InvalidTask(format!(
                "target `{name}` is numeric; a classifier needs a category"
            ))),
            ((Values::Category(_), _), false) => Err(Fault::InvalidTask(format!(
                "target `{name}` is a category; a regressor needs numbers"
            ))),
        }
    }

    /// Decodes the column `name` of weights.
    ///
    /// # Errors
    /// If there is no such column of weights, or a weight is not a number of at
    /// least 0.
    pub fn weights(&self, name: &str) -> Result<Vec<f64>, Fault> {
        let place = self
            .columns
            .iter()
            .position(|column| column.role == Role::Weight && column.name == name)
            .ok_or_else(|| {
                Fault::InvalidTask(format!("the dataset has no column `{name}` of weights"))
            })?;
        let Values::Number(weights) = self.stored(place)? else {
            return Err(Fault::InvalidDataset(format!(
                "the weights `{name}` are a category"
            )));
        };
        let is_weight = |weight: f64| weight >= 0.0 && weight.is_finite();
        match weights.iter().position(|&weight| !is_weight(weight)) {
            None => Ok(weights),
            Some(row) => Err(Fault::InvalidDataset(format!(
                "the weight `{name}` of row {row} (counted from 0) is {}, not a number of at \
                 least 0",
                weights[row]
            ))),
        }
    }

    /// The stored values of a target, with the labels of a category.
    fn stored_target(&self, name: &str) -> Result<(Values, &[String]), Fault> {
        let place = self
            .columns
            .iter()
            .position(|column| is_target(column) && column.name == name)
            .ok_or_else(|| {
                let names: Vec<&str> = self.target_names().collect();
                Fault::InvalidTask(format!(
                    "the dataset has no target `{name}`; its targets are `{}`",
                    names.join("`, `")
                ))
            })?;
        let values = self.stored(place)?;
        let labels: &[String] = match &self.columns[place].kind {
            ColumnKind::Number => &[],
            ColumnKind::Category { labels } => labels,
        };
        Ok((values, labels))
    }
}

fn is_target(column: &Column) -> bool {
    column.role == Role::Target
}

/// The layout in the metadata of a file, checked against its columns.
fn layout(file: &ColumnFile) -> Result<Layout, Fault> {
    let json = file.metadata(LAYOUT_KEY).ok_or_else(|| {
        Fault::InvalidDataset(format!(
            "the dataset's Parquet metadata has no key `{LAYOUT_KEY}`: it was not written for a \
             trainer"
        ))
    })?;
    let layout: Layout = serde_json::from_str(json).map_err(|error| {
        Fault::InvalidDataset(format!("the dataset's layout can't be read: {error}"))
    })?;
    if layout.contract != CONTRACT {
        return Err(Fault::InvalidDataset(format!(
            "the dataset's layout is of contract {}, but this guest implements contract {CONTRACT}",
            layout.contract
        )));
    }
    let named: Vec<&str> = layout.columns.iter().map(|c| c.name.as_str()).collect();
    let found: Vec<&str> = file.names().collect();
    if named != found {
        return Err(Fault::InvalidDataset(format!(
            "the dataset's layout names the columns `{}`, but the file has `{}`",
            named.join("`, `"),
            found.join("`, `")
        )));
    }
    Ok(layout)
}

mod matrix;
use matrix::matrix_values;

#[cfg(test)]
mod tests;
