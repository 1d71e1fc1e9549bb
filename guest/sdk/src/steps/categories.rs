//! [`Categories`]: the categories of a column in the training rows, for the
//! encoders.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fit, StepParams, at_least, choices};
use crate::contract::{Param, ParamKind};
use crate::matrix::{Block, CategoryColumn, Place};
use crate::onnx::{self, Graph};
use crate::{Fault, Matrix};

/// The categories of a column that occur in the training rows, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Categories {
    values: Distinct,
    /// Whether a value is missing in the training rows: the last category.
    missing: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Distinct {
    /// In the order of the column's labels.
    Labels(Vec<String>),
    /// Ascending.
    Numbers(Vec<f64>),
}

/// The category of a value that does not occur in the training rows.
pub(super) const UNKNOWN: u32 = u32::MAX;

impl Categories {
    /// The categories of each column and how often each occurs in the training rows:
    /// those that the parameter `categories` names, else those that occur there.
    ///
    /// # Errors
    /// If it does not name those of every column, or not as the column has them.
    pub(super) fn of_columns(fit: &Fit<'_>) -> Result<Vec<(Self, Vec<usize>)>, Fault> {
        let (matrix, train) = (fit.matrix, fit.train);
        let places = matrix.places();
        let Value::Array(given) = fit.params.get("categories") else {
            let places = places.into_iter();
            return Ok(places.map(|place| Self::of(matrix, place, train)).collect());
        };
        if given.len() != places.len() {
            return Err(Fault::InvalidParams(format!(
                "`categories` has {} lists, but the step has {} columns: `{}`",
                given.len(),
                places.len(),
                matrix.names().collect::<Vec<_>>().join("`, `")
            )));
        }
        let columns = places.into_iter().zip(given);
        let columns = columns.map(|(place, given)| {
            let block = &matrix.blocks()[place.block];
            let given = given.as_array().map_or(&[][..], Vec::as_slice);
            let values = match block {
                Block::Category(_) => Distinct::Labels(given.iter().map(label).collect()),
                block => Distinct::Numbers(ascending(given, block.name(place.column))?),
            };
            let (categories, _) = Self::new(values, Vec::new(), 0);
            let mut counts = vec![0; categories.known()];
            let codes = categories.encode(matrix, place);
            for &row in train {
                let count = counts.get_mut(codes[row as usize] as usize);
                count.into_iter().for_each(|count| *count += 1);
            }
            Ok((categories, counts))
        });
        columns.collect()
    }

    /// The categories of column `place`, and how often each occurs.
    pub(super) fn of(matrix: &Matrix, place: Place, train: &[u32]) -> (Self, Vec<usize>) {
        match &matrix.blocks()[place.block] {
            Block::Category(column) => {
                let (mut counts, missing) = column.counts(train);
                let labels = column.labels.iter().zip(&counts);
                let labels = labels.filter(|(_, count)| **count > 0);
                let values = Distinct::Labels(labels.map(|(label, _)| label.clone()).collect());
                counts.retain(|count| *count > 0);
                Self::new(values, counts, missing)
            }
            block => {
                let mut values = block.values(place.column, train);
                values.retain(|value| !value.is_nan());
                let missing = train.len() - values.len();
                values.sort_unstable_by(f64::total_cmp);
                let groups = values.chunk_by(|a, b| a == b);
                let (numbers, counts) = groups.map(|group| (group[0] + 0.0, group.len())).unzip();
                Self::new(Distinct::Numbers(numbers), counts, missing)
            }
        }
    }

    fn new(values: Distinct, mut counts: Vec<usize>, missing: usize) -> (Self, Vec<usize>) {
        if missing > 0 {
            counts.push(missing);
        }
        let categories = Self {
            values,
            missing: missing > 0,
        };
        (categories, counts)
    }

    /// The number of categories, a missing one among them.
    pub(super) fn len(&self) -> usize {
        self.known() + usize::from(self.missing)
    }

    /// The number of categories that are not missing.
    pub(super) fn known(&self) -> usize {
        match &self.values {
            Distinct::Labels(labels) => labels.len(),
            Distinct::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether the last category is that of missing values.
    pub(super) fn has_missing(&self) -> bool {
        self.missing
    }

    /// A category as text; `nan` is the missing one.
    pub(super) fn name(&self, category: usize) -> String {
        if category == self.known() {
            return "nan".to_owned();
        }
        match &self.values {
            Distinct::Labels(labels) => labels[category].clone(),
            Distinct::Numbers(numbers) => numbers[category].to_string(),
        }
    }

    /// The category of each row of column `place`, [`UNKNOWN`] for a value that
    /// did not occur. Labels are compared, not codes.
    pub(super) fn encode(&self, matrix: &Matrix, place: Place) -> Vec<u32> {
        let missing = if self.missing {
            self.known() as u32
        } else {
            UNKNOWN
        };
        match (&matrix.blocks()[place.block], &self.values) {
            (Block::Category(column), Distinct::Labels(labels)) => {
                let known: HashMap<&str, u32> =
                    labels.iter().map(String::as_str).zip(0..).collect();
                let recode: Vec<u32> = column
                    .labels
                    .iter()
                    .map(|label| known.get(label.as_str()).copied().unwrap_or(UNKNOWN))
                    .collect();
                let codes = column.codes.iter().map(|code| match code {
                    CategoryColumn::MISSING => missing,
                    code => recode[code as usize],
                });
                codes.collect()
            }
            (block, values) => {
                let numbers: &[f64] = match values {
                    Distinct::Numbers(numbers) => numbers,
                    Distinct::Labels(_) => &[],
                };
                let rows = matrix.all_rows();
                let values = block.values(place.column, &rows).into_iter();
                let codes = values.map(|value| {
                    if value.is_nan() {
                        return missing;
                    }
                    let place = numbers.partition_point(|&number| number < value);
                    match numbers.get(place) {
                        Some(&number) if number == value => place as u32,
                        _ => UNKNOWN,
                    }
                });
                codes.collect()
            }
        }
    }

    /// By row of a column of ONNX: the value of its category, of shape (rows, 1).
    /// `unknown` is that of a value that did not occur; if it is `None`, such a row is an
    /// error.
    ///
    /// # Errors
    /// If the column is of another kind.
    pub(super) fn onnx(
        &self,
        graph: &mut Graph,
        column: &onnx::Block,
        values: &[f64],
        unknown: Option<f64>,
    ) -> Result<onnx::Value, Fault> {
        let table = match &self.values {
            Distinct::Labels(labels) => {
                onnx::Table::Labels(labels.iter().map(String::as_str).collect())
            }
            Distinct::Numbers(numbers) => onnx::Table::Numbers(numbers.clone()),
        };
        let missing = match self.missing {
            true => values.get(self.known()).copied(),
            false => unknown,
        };
        column.of_table(graph, &table, &values[..self.known()], [missing, unknown])
    }

    /// The fault of the first of `rows` that has an unknown category, if any.
    /// `codes` is the result of [`Self::encode`].
    ///
    /// # Errors
    /// That fault.
    pub(super) fn check_known(
        &self,
        matrix: &Matrix,
        place: Place,
        codes: &[u32],
        rows: &[u32],
        hint: &str,
    ) -> Result<(), Fault> {
        let Some(&row) = rows.iter().find(|&&row| codes[row as usize] == UNKNOWN) else {
            return Ok(());
        };
        let block = &matrix.blocks()[place.block];
        let value = match block {
            Block::Category(column) => match column.codes.get(row as usize) {
                CategoryColumn::MISSING => "is missing".to_owned(),
                code => format!("is `{}`", column.labels[code as usize]),
            },
            block => format!("is {}", block.values(place.column, &[row])[0]),
        };
        Err(Fault::Failed(format!(
            "column `{}` {value} in row {row} (counted from 0), which no training row has; {hint}",
            block.name(place.column)
        )))
    }
}

/// A given category as a label: a whole number without a fraction.
fn label(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => match value.as_f64() {
            Some(number) => number.to_string(),
            None => value.to_string(),
        },
    }
}

/// The given categories of a column of numbers, which ascend.
fn ascending(given: &[Value], column: &str) -> Result<Vec<f64>, Fault> {
    let numbers: Option<Vec<f64>> = given.iter().map(Value::as_f64).collect();
    let numbers = numbers.filter(|numbers| numbers.is_sorted());
    numbers.ok_or_else(|| {
        Fault::InvalidParams(format!(
            "`categories` of the column `{column}` are ascending numbers, since it is a column of \
             numbers"
        ))
    })
}

/// The parameter `categories`.
pub(super) fn categories_param() -> Param {
    Param::new(
        "categories",
        vec![choices(&["auto"]), ParamKind::Categories],
        "auto".into(),
        "The categories of each column in order, a list for each; `auto` takes those of the \
         training rows.",
    )
}

/// The parameters `min_frequency` and `max_categories`.
pub(super) fn infrequent_params() -> [Param; 2] {
    let share = ParamKind::Float {
        min: Some(0.0),
        max: Some(1.0),
        above_min: true,
    };
    [
        Param::new(
            "min_frequency",
            vec![ParamKind::Null, at_least(1), share],
            Value::Null,
            "The least number, or share, of training rows of a category that has a code of its \
             own; rarer ones share one.",
        ),
        Param::new(
            "max_categories",
            vec![ParamKind::Null, at_least(1)],
            Value::Null,
            "The greatest number of codes of a column, the shared one among them.",
        ),
    ]
}

/// By category: its code after infrequent categories were grouped, and the number
/// of codes. The group, if there is one, has the last code. `counts` has one entry
/// per category that may be grouped.
pub(super) fn grouped(params: &StepParams, counts: &[usize], rows: usize) -> Grouping {
    let mut infrequent: Vec<bool> = match (
        params.whole("min_frequency"),
        params.number("min_frequency"),
    ) {
        (Some(least), _) => counts.iter().map(|&count| count < least).collect(),
        (None, Some(share)) => {
            let least = rows as f64 * share;
            counts.iter().map(|&count| (count as f64) < least).collect()
        }
        (None, None) => vec![false; counts.len()],
    };
    let frequent = infrequent.iter().filter(|is| !**is).count();
    if let Some(max) = params.whole("max_categories")
        && max < frequent + 1
    {
        let mut order: Vec<usize> = (0..counts.len()).collect();
        order.sort_by_key(|&category| counts[category]);
        for &category in &order[..counts.len().saturating_sub(max - 1)] {
            infrequent[category] = true;
        }
    }
    let frequent = infrequent.iter().filter(|is| !**is).count();
    let mut next = 0;
    let codes = infrequent.iter().map(|&is| {
        if is {
            return frequent as u32;
        }
        next += 1;
        next - 1
    });
    let codes = codes.collect();
    let has_group = frequent < counts.len();
    Grouping {
        codes,
        group: has_group.then_some(frequent as u32),
        len: frequent + usize::from(has_group),
    }
}

/// The result of [`grouped`].
#[derive(Debug)]
pub(super) struct Grouping {
    /// By category.
    pub(super) codes: Vec<u32>,
    /// The code of the infrequent categories.
    pub(super) group: Option<u32>,
    /// The number of codes.
    pub(super) len: usize,
}
