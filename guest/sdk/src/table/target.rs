//! [`Target`]: a column to learn, as classes or as numbers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Table, Values, sorted};
use crate::contract::{Column, ColumnKind, Role};
use crate::{Fault, Learning};

/// A target column, decoded. Never missing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Target {
    /// Classes: two or more sorted labels (as numbers where all of them are
    /// numbers, else as text), and an index into them a row.
    Classes {
        /// The sorted labels.
        classes: Vec<String>,
        /// An index a row of the table.
        codes: Vec<u32>,
    },
    /// A number a row of the table.
    Numbers(Vec<f64>),
}

impl Target {
    /// The sorted class labels; empty for numbers.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { classes, .. } => classes,
            Self::Numbers(_) => &[],
        }
    }

    /// What is learnt from it.
    pub fn learning(&self) -> Learning {
        match self {
            Self::Classes { classes, .. } if classes.len() == 2 => Learning::Binary,
            Self::Classes { .. } => Learning::Multiclass,
            Self::Numbers(_) => Learning::Regression,
        }
    }
}

impl Table {
    /// The names of the target columns.
    pub(crate) fn target_names(&self) -> impl Iterator<Item = &str> {
        let targets = self.columns.iter().filter(|column| is_target(column));
        targets.map(|column| column.name.as_str())
    }

    /// Decodes the target column `name`: classes where it is a category or
    /// all of its numbers are whole, else numbers.
    pub fn target(&self, name: &str) -> Result<Target, Fault> {
        let (classes, codes) = match self.stored_target(name)? {
            (Values::Number(numbers), _) => {
                if numbers.iter().any(|number| number.fract() != 0.0) {
                    return Ok(Target::Numbers(numbers));
                }
                number_classes(&numbers)
            }
            (Values::Category(codes), labels) => category_classes(codes, labels),
        };
        match classes.as_slice() {
            [] => Err(Fault::InvalidDataset("the dataset has no row".to_owned())),
            [one] => Err(Fault::InvalidDataset(format!(
                "target `{name}` is `{one}` in every row; a classifier needs two classes"
            ))),
            _ => Ok(Target::Classes { classes, codes }),
        }
    }

    /// Decodes the target column `name` as numbers, whole or not.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>, Fault> {
        match self.stored_target(name)? {
            (Values::Number(numbers), _) => Ok(numbers),
            (Values::Category(_), _) => Err(Fault::InvalidTask(format!(
                "target `{name}` holds categories; a regressor needs numbers"
            ))),
        }
    }

    /// A target's values as they are stored, with the labels of a category.
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
        let missing = match &values {
            Values::Number(numbers) => numbers.iter().position(|number| number.is_nan()),
            Values::Category(codes) => codes.iter().position(|code| *code == Values::MISSING),
        };
        if let Some(row) = missing {
            return Err(Fault::InvalidDataset(format!(
                "target `{name}` is missing in row {row} (counted from 0); drop such rows first"
            )));
        }
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

/// The labels that occur, sorted, and an index into them a row.
fn category_classes(mut codes: Vec<u32>, labels: &[String]) -> (Vec<String>, Vec<u32>) {
    let mut occurs = vec![false; labels.len()];
    codes.iter().for_each(|&code| occurs[code as usize] = true);
    let mut ranks = vec![0; labels.len()];
    let mut classes = Vec::new();
    for label in sorted(labels).into_iter().filter(|&label| occurs[label]) {
        ranks[label] = classes.len() as u32;
        classes.push(labels[label].clone());
    }
    codes
        .iter_mut()
        .for_each(|code| *code = ranks[*code as usize]);
    (classes, codes)
}

/// The same for whole numbers.
fn number_classes(numbers: &[f64]) -> (Vec<String>, Vec<u32>) {
    // Adding zero makes one class of 0 and -0. Whole numbers below 2^63 are
    // keyed exactly; greater ones are clamped together, and no target counts
    // that far.
    let key = |number: f64| (number + 0.0) as i64;
    let mut ranks = BTreeMap::new();
    let mut last = None;
    for &number in numbers {
        // Of few classes, most rows are of the class of the row before.
        if last != Some(key(number)) {
            last = Some(key(number));
            ranks.insert(key(number), 0);
        }
    }
    for (rank, slot) in (0u32..).zip(ranks.values_mut()) {
        *slot = rank;
    }
    let (mut last, mut code) = (None, 0);
    let codes = numbers.iter().map(|&number| {
        if last != Some(key(number)) {
            last = Some(key(number));
            code = ranks[&key(number)];
        }
        code
    });
    let codes = codes.collect();
    (ranks.keys().map(i64::to_string).collect(), codes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Cells, column, dataset};

    fn message<T: std::fmt::Debug>(result: Result<T, Fault>) -> String {
        result.unwrap_err().to_string()
    }

    /// A table with one target.
    fn with_target(labels: Option<&[&str]>, cells: Cells, rows: usize) -> Table {
        let cells = [
            (
                column("x", Role::Feature, None),
                Cells::Required(vec![0.0; rows]),
            ),
            (column("y", Role::Target, labels), cells),
        ];
        Table::open(dataset(&cells)).unwrap()
    }

    #[test]
    fn classes_are_those_that_occur_sorted() {
        let codes = Cells::Int(vec![Some(3), Some(0), Some(1), Some(3)]);
        let target = with_target(Some(&["10", "2", "unseen", "b"]), codes, 4).target("y");
        let Ok(Target::Classes { classes, codes }) = target else {
            panic!("{target:?}");
        };
        assert_eq!(classes, ["10", "2", "b"]);
        assert_eq!(codes, [2, 0, 1, 2]);
    }

    #[test]
    fn whole_numbers_are_classes() {
        let numbers = Cells::Double([10.0, -0.0, 9.0, 0.0, -1.0].map(Some).to_vec());
        let target = with_target(None, numbers, 5).target("y").unwrap();
        assert_eq!(target.classes(), ["-1", "0", "9", "10"]);
        assert_eq!(target.learning(), Learning::Multiclass);
        let bits = Cells::Bool(vec![Some(true), Some(false)]);
        let target = with_target(None, bits, 2).target("y").unwrap();
        assert_eq!(target.classes(), ["0", "1"]);
        assert_eq!(target.learning(), Learning::Binary);
    }

    #[test]
    fn other_numbers_are_numbers() {
        let table = with_target(None, Cells::Double([1.5, 2.0].map(Some).to_vec()), 2);
        let numbers = vec![1.5, 2.0];
        assert_eq!(table.target("y"), Ok(Target::Numbers(numbers.clone())));
        assert_eq!(table.numbers("y"), Ok(numbers));
    }

    #[test]
    fn a_target_that_is_no_target_is_refused() {
        let missing = with_target(None, Cells::Int(vec![Some(1), None]), 2);
        assert_eq!(
            message(missing.target("y")),
            "invalid dataset: target `y` is missing in row 1 (counted from 0); drop such rows \
             first"
        );
        let missing = with_target(Some(&["a", "b"]), Cells::Int(vec![None, Some(1)]), 2);
        assert!(message(missing.target("y")).contains("missing in row 0"));
        let one = with_target(None, Cells::Int(vec![Some(1), Some(1)]), 2);
        assert_eq!(
            message(one.target("y")),
            "invalid dataset: target `y` is `1` in every row; a classifier needs two classes"
        );
        assert_eq!(
            message(one.target("x")),
            "invalid task: the dataset has no target `x`; its targets are `y`"
        );
        let empty = with_target(None, Cells::Int(vec![]), 0);
        assert_eq!(
            message(empty.target("y")),
            "invalid dataset: the dataset has no row"
        );
        let category = with_target(Some(&["a"]), Cells::Int(vec![Some(0)]), 1);
        assert_eq!(
            message(category.numbers("y")),
            "invalid task: target `y` holds categories; a regressor needs numbers"
        );
    }
}
