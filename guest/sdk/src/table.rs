//! [`Table`]: a dataset as an estimator reads it, one feature at a time.
//!
//! A feature is decoded when it is asked for and not kept, so that the memory
//! of a fit is what the estimator makes of the columns, not the columns. It
//! knows nothing of splits.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::Fault;
use crate::contract::{CONTRACT, Column, ColumnKind, LAYOUT_KEY, Layout, Role};
use crate::file::ColumnFile;

mod target;

pub use target::Target;

/// A dataset. Cheap to open: it holds the compressed bytes.
#[derive(Debug)]
pub struct Table {
    rows: usize,
    features: Vec<Feature>,
    /// By feature: where it stands in the layout.
    places: Vec<usize>,
    /// By feature: the sorted place of each label of the layout.
    ranks: Vec<Vec<u32>>,
    columns: Vec<Column>,
    source: Source,
}

/// Where the values come from. Categories are indices into the layout's
/// labels here, in order of appearance.
#[derive(Debug)]
enum Source {
    File(ColumnFile),
    Memory(Vec<Values>),
}

/// What is known of a feature before its values are read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// For a category, its labels in sorted order (as numbers where all of
    /// them are numbers, else as text); `None` for a number.
    pub labels: Option<Vec<String>>,
}

/// The values of one feature, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Indices into the feature's labels; [`Values::MISSING`] is missing.
    Category(Vec<u32>),
}

impl Values {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Number(numbers) => numbers.len(),
            Self::Category(codes) => codes.len(),
        }
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Table {
    /// Opens a dataset's Parquet file: reads its footer and its layout.
    pub fn open(bytes: Bytes) -> Result<Self, Fault> {
        let file = ColumnFile::open("dataset", bytes)?;
        let layout = layout(&file)?;
        Self::new(file.rows(), layout.columns, Source::File(file))
    }

    /// A table of columns that are at hand, all of one length. A category's
    /// values index the labels of its column, in their order there.
    pub fn from_columns(columns: Vec<(Column, Values)>) -> Result<Self, Fault> {
        let rows = columns.first().map_or(0, |(_, values)| values.len());
        for (column, values) in &columns {
            if values.len() != rows {
                return Err(Fault::InvalidDataset(format!(
                    "column `{}` has {} rows and the first has {rows}",
                    column.name,
                    values.len()
                )));
            }
            let as_told = match (&column.kind, values) {
                (ColumnKind::Number, Values::Number(_)) => true,
                (ColumnKind::Category { labels }, Values::Category(codes)) => codes
                    .iter()
                    .all(|&code| code == Values::MISSING || (code as usize) < labels.len()),
                _ => false,
            };
            if !as_told {
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
                    let order = sorted(labels);
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

    /// The features, in the order of the file.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Decodes the values of feature `index`.
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

    fn stored(&self, place: usize) -> Result<Values, Fault> {
        let file = match &self.source {
            Source::Memory(columns) => return Ok(columns[place].clone()),
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
                        "column `{}` has the code {code} and {} labels",
                        self.columns[place].name,
                        labels.len()
                    ))
                }),
        });
        Ok(Values::Category(codes.collect::<Result<_, _>>()?))
    }
}

/// The places of `labels`, sorted: as numbers where all of them are numbers,
/// else as text.
fn sorted(labels: &[String]) -> Vec<usize> {
    let numbers: Option<Vec<f64>> = labels
        .iter()
        .map(|label| label.parse().ok().filter(|number: &f64| number.is_finite()))
        .collect();
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|&a, &b| {
        let by_number = match &numbers {
            Some(numbers) => numbers[a].total_cmp(&numbers[b]),
            None => std::cmp::Ordering::Equal,
        };
        by_number.then_with(|| labels[a].cmp(&labels[b]))
    });
    order
}

/// The layout that the file carries, checked against its columns.
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
            "the dataset's layout is of contract {}, this guest keeps contract {CONTRACT}",
            layout.contract
        )));
    }
    let told: Vec<&str> = layout.columns.iter().map(|c| c.name.as_str()).collect();
    let found: Vec<&str> = file.names().collect();
    if told != found {
        return Err(Fault::InvalidDataset(format!(
            "the dataset's layout names the columns `{}` and the file holds `{}`",
            told.join("`, `"),
            found.join("`, `")
        )));
    }
    Ok(layout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Cells, column, dataset, parquet};

    fn message<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        result.unwrap_err().to_string()
    }

    fn feature(cells: Cells) -> (Column, Cells) {
        (column("x", Role::Feature, None), cells)
    }

    fn open(columns: &[(Column, Cells)]) -> Table {
        Table::open(dataset(columns)).unwrap()
    }

    #[test]
    fn every_type_is_a_number_and_null_is_missing() {
        let expected = [1.0, f64::NAN, 0.0];
        let types = [
            Cells::Bool(vec![Some(true), None, Some(false)]),
            Cells::Int(vec![Some(1), None, Some(0)]),
            Cells::Long(vec![Some(1), None, Some(0)]),
            Cells::Float(vec![Some(1.0), None, Some(0.0)]),
            Cells::Double(vec![Some(1.0), None, Some(0.0)]),
            Cells::Required(expected.to_vec()),
        ];
        for cells in types {
            let table = open(&[feature(cells)]);
            let Values::Number(numbers) = table.values(0).unwrap() else {
                panic!("not a number");
            };
            assert_eq!(table.rows(), 3);
            assert_eq!(numbers.len(), 3);
            assert_eq!([numbers[0], numbers[2]], [1.0, 0.0]);
            assert!(numbers[1].is_nan());
        }
    }

    #[test]
    fn pages_and_row_groups_are_joined() {
        let values: Vec<Option<i64>> = (0..57).map(|row| (row % 5 > 0).then_some(row)).collect();
        let table = open(&[feature(Cells::Long(values.clone()))]);
        let Values::Number(numbers) = table.values(0).unwrap() else {
            panic!("not a number");
        };
        for (number, value) in numbers.iter().zip(values) {
            assert_eq!((!number.is_nan()).then_some(*number as i64), value);
        }
        assert_eq!(numbers.len(), 57);
    }

    #[test]
    fn a_category_is_coded_by_its_sorted_labels() {
        let codes = Cells::Int(vec![Some(0), Some(1), Some(2), None]);
        let labelled = |labels: &[&str]| {
            let table = open(&[(column("x", Role::Feature, Some(labels)), codes.clone())]);
            let labels = table.features()[0].labels.clone().unwrap();
            (labels, table.values(0).unwrap())
        };
        let (labels, values) = labelled(&["LGA", "EWR", "JFK"]);
        assert_eq!(labels, ["EWR", "JFK", "LGA"]);
        assert_eq!(values, Values::Category(vec![2, 0, 1, Values::MISSING]));
        let (labels, values) = labelled(&["10", "9", "-1"]);
        assert_eq!(labels, ["-1", "9", "10"]);
        assert_eq!(values, Values::Category(vec![2, 1, 0, Values::MISSING]));
        let (labels, _) = labelled(&["10", "9", "nan"]);
        assert_eq!(labels, ["10", "9", "nan"]);
    }

    #[test]
    fn memory_and_file_are_one() {
        let labels: &[&str] = &["b", "a"];
        let x = column("x", Role::Feature, Some(labels));
        let file = open(&[(x.clone(), Cells::Int(vec![Some(0), None, Some(1)]))]);
        let codes = Values::Category(vec![0, Values::MISSING, 1]);
        let memory = Table::from_columns(vec![(x, codes)]).unwrap();
        assert_eq!(file.values(0), memory.values(0));
        assert_eq!(file.features(), memory.features());
    }

    #[test]
    fn a_code_without_a_label_is_refused() {
        for code in [2, -1] {
            let labels: &[&str] = &["a", "b"];
            let x = column("x", Role::Feature, Some(labels));
            let table = open(&[(x, Cells::Int(vec![Some(code)]))]);
            assert_eq!(
                message(table.values(0)),
                format!("invalid dataset: column `x` has the code {code} and 2 labels")
            );
        }
        let x = column("x", Role::Feature, Some(&["a"]));
        let table = open(&[(x, Cells::Double(vec![Some(0.0)]))]);
        assert_eq!(
            message(table.values(0)),
            "invalid dataset: column `x` of the dataset is DOUBLE, not INT32"
        );
    }

    #[test]
    fn a_file_without_its_layout_is_refused() {
        let x = [("x", Cells::Int(vec![Some(1)]))];
        let refused = |layout: Option<&str>| message(Table::open(parquet(&x, layout, 10)));
        assert_eq!(
            refused(None),
            "invalid dataset: the dataset's Parquet metadata has no key `fanout`: it was not \
             written for a trainer"
        );
        assert!(refused(Some("{")).starts_with("invalid dataset: the dataset's layout can't be"));
        assert_eq!(
            refused(Some(r#"{"contract": 2, "columns": []}"#)),
            "invalid dataset: the dataset's layout is of contract 2, this guest keeps contract 1"
        );
        assert_eq!(
            refused(Some(r#"{"contract": 1, "columns": []}"#)),
            "invalid dataset: the dataset's layout names the columns `` and the file holds `x`"
        );
        let target = r#"{"contract": 1, "columns": [
            {"name": "x", "role": "target", "kind": {"kind": "number"}}]}"#;
        assert_eq!(
            refused(Some(target)),
            "invalid dataset: no column of the dataset is a feature"
        );
    }

    #[test]
    fn no_part_of_a_file_is_read_as_whole() {
        let cells = Cells::Long((0..40).map(Some).collect());
        let whole = dataset(&[feature(cells)]);
        assert!(Table::open(whole.clone()).is_ok());
        for end in [0, 3, 4, whole.len() / 2, whole.len() - 1] {
            let refused = message(Table::open(whole.slice(..end)));
            assert!(
                refused.starts_with("invalid dataset: the dataset can't be read as Parquet: "),
                "{refused}"
            );
        }
    }

    #[test]
    fn columns_in_memory_are_checked() {
        let x = || column("x", Role::Feature, Some(&["a"]));
        let refused = |columns| message(Table::from_columns(columns));
        assert_eq!(
            refused(vec![(x(), Values::Category(vec![1]))]),
            "invalid dataset: the values of column `x` are not of its kind"
        );
        assert_eq!(
            refused(vec![
                (x(), Values::Category(vec![0])),
                (x(), Values::Category(vec![0]))
            ]),
            "invalid dataset: two columns are named `x`"
        );
        assert_eq!(
            refused(vec![
                (x(), Values::Category(vec![0])),
                (column("y", Role::Feature, None), Values::Number(vec![]))
            ]),
            "invalid dataset: column `y` has 0 rows and the first has 1"
        );
    }
}
