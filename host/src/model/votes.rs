//! [`Votes`]: how what several members predict of one target becomes one prediction, as
//! scikit-learn's `VotingClassifier` and `VotingRegressor` have it. Pure functions of
//! numbers.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use fanout_sdk::votes::{majority, mean};
use serde::{Deserialize, Serialize};

use super::ModelTarget;

/// How what members predict is combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Votes {
    /// The weighted mean of numbers, or of the probabilities of classes.
    Mean,
    /// The class of the greatest sum of weights; of several, the first in order.
    Majority,
}

impl Votes {
    /// What the answers of the guests of members of these weights become: an answer of the
    /// same columns.
    ///
    /// # Errors
    /// If an answer lacks a column.
    pub(super) fn answer(
        self,
        answers: &[RecordBatch],
        weights: &[f64],
        target: &ModelTarget,
    ) -> Result<RecordBatch, String> {
        let columns = match (target.classes.as_slice(), self) {
            ([], _) => {
                let numbers = column_of_all(answers, "prediction")?;
                vec![(
                    "prediction".to_owned(),
                    double(weighted_mean(&numbers, weights)),
                )]
            }
            (classes, Self::Majority) => {
                let codes = answers.iter().map(|answer| codes(answer, classes));
                let codes: Vec<Vec<u32>> = codes.collect::<Result<_, _>>()?;
                let weighted: Vec<(&[u32], f64)> = codes
                    .iter()
                    .map(Vec::as_slice)
                    .zip(weights.iter().copied())
                    .collect();
                vec![labels(&majority(&weighted, classes.len()), classes)]
            }
            (classes, Self::Mean) => {
                let probabilities = |class: &String| {
                    let numbers = column_of_all(answers, &format!("probability_{class}"))?;
                    Ok(weighted_mean(&numbers, weights))
                };
                // Of two classes, as guests have them: the second one decides.
                let tables: Vec<Vec<f64>> = match classes {
                    [_, second] => {
                        let ones = probabilities(second)?;
                        vec![ones.iter().map(|one| 1.0 - one).collect(), ones]
                    }
                    all => all
                        .iter()
                        .map(probabilities)
                        .collect::<Result<_, String>>()?,
                };
                let rows = tables[0].len();
                let code = |row: usize| match tables.as_slice() {
                    [_, ones] => u32::from(ones[row] > 0.5),
                    tables => first_greatest(tables, row),
                };
                let codes: Vec<u32> = (0..rows).map(code).collect();
                let named = classes.iter().zip(tables);
                let named =
                    named.map(|(class, table)| (format!("probability_{class}"), double(table)));
                std::iter::once(labels(&codes, classes))
                    .chain(named)
                    .collect()
            }
        };
        RecordBatch::try_from_iter(columns).map_err(|error| error.to_string())
    }
}

/// The table whose number of a row is the greatest, the first of several.
fn first_greatest(tables: &[Vec<f64>], row: usize) -> u32 {
    let greatest = |best: usize, class: usize| match tables[class][row] > tables[best][row] {
        true => class,
        false => best,
    };
    (0..tables.len()).fold(0, greatest) as u32
}

fn weighted_mean(numbers: &[Float64Array], weights: &[f64]) -> Vec<f64> {
    let members = numbers.iter().map(|numbers| &numbers.values()[..]);
    let members: Vec<(&[f64], f64)> = members.zip(weights.iter().copied()).collect();
    mean(&members)
}

fn double(values: Vec<f64>) -> ArrayRef {
    Arc::new(Float64Array::from(values))
}

fn labels(codes: &[u32], classes: &[String]) -> (String, ArrayRef) {
    let labels = codes
        .iter()
        .map(|code| Some(classes[*code as usize].as_str()));
    (
        "prediction".to_owned(),
        Arc::new(labels.collect::<StringArray>()),
    )
}

fn column_of_all(answers: &[RecordBatch], name: &str) -> Result<Vec<Float64Array>, String> {
    let column = |answer: &RecordBatch| {
        let column = answer.column_by_name(name)?;
        column.as_primitive_opt::<Float64Type>().cloned()
    };
    let columns: Option<Vec<Float64Array>> = answers.iter().map(column).collect();
    columns.ok_or_else(|| format!("no column `{name}` of numbers"))
}

fn codes(answer: &RecordBatch, classes: &[String]) -> Result<Vec<u32>, String> {
    let labels = answer
        .column_by_name("prediction")
        .ok_or("no column `prediction`")?;
    let labels = cast(labels, &DataType::Utf8).map_err(|error| error.to_string())?;
    let code = |label: Option<&str>| {
        let place = classes
            .iter()
            .position(|class| Some(class.as_str()) == label);
        place.map(|place| place as u32)
    };
    let codes: Option<Vec<u32>> = labels.as_string::<i32>().iter().map(code).collect();
    codes.ok_or_else(|| "a prediction that is no class".to_owned())
}

#[cfg(test)]
mod tests {
    use fanout_contract::Learning;

    use super::*;

    fn target(classes: &[&str]) -> ModelTarget {
        ModelTarget {
            learning: match classes.len() {
                0 => Learning::Regression,
                2 => Learning::Binary,
                _ => Learning::Multiclass,
            },
            classes: classes.iter().map(|class| (*class).to_owned()).collect(),
            positive: None,
            threshold: None,
        }
    }

    fn answer(labels: &[&str], probabilities: &[(&str, Vec<f64>)]) -> RecordBatch {
        let labels: ArrayRef = Arc::new(StringArray::from(labels.to_vec()));
        let tables = probabilities.iter();
        let tables = tables.map(|(class, of)| (format!("probability_{class}"), double(of.clone())));
        let columns = std::iter::once(("prediction".to_owned(), labels)).chain(tables);
        RecordBatch::try_from_iter(columns).unwrap()
    }

    fn labels_of(batch: &RecordBatch) -> Vec<&str> {
        batch
            .column(0)
            .as_string::<i32>()
            .iter()
            .flatten()
            .collect()
    }

    #[test]
    fn probabilities_are_averaged_by_weight_and_ties_go_to_the_first_class() {
        let two = |ones: [f64; 3]| {
            let zeros = ones.iter().map(|one| 1.0 - one).collect();
            answer(&["no"; 3], &[("no", zeros), ("yes", ones.to_vec())])
        };
        let answers = [two([0.25, 0.75, 0.5]), two([1.0, 0.25, 0.5])];
        let classes = target(&["no", "yes"]);
        let made = Votes::Mean.answer(&answers, &[1.0, 3.0], &classes).unwrap();
        assert_eq!(labels_of(&made), ["yes", "no", "no"]);
        let ones = made.column(2).as_primitive::<Float64Type>();
        assert_eq!(ones.values()[..], [0.8125, 0.375, 0.5]);
        let lacking = [answer(&["no"; 3], &[])];
        let error = Votes::Mean.answer(&lacking, &[1.0], &classes).unwrap_err();
        assert_eq!(error, "no column `probability_yes` of numbers");
    }

    #[test]
    fn classes_are_counted_by_weight() {
        let answers = [
            answer(&["a", "c"], &[]),
            answer(&["b", "b"], &[]),
            answer(&["c", "c"], &[]),
        ];
        let classes = target(&["a", "b", "c"]);
        let voted = |weights: [f64; 3]| {
            let made = Votes::Majority
                .answer(&answers, &weights, &classes)
                .unwrap();
            labels_of(&made)
                .iter()
                .map(|label| (*label).to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(voted([1.0; 3]), ["a", "c"]);
        assert_eq!(voted([1.0, 2.5, 1.0]), ["b", "b"]);
    }

    #[test]
    fn numbers_are_averaged() {
        let numbers = |values: [f64; 2]| {
            let columns = [("prediction", double(values.to_vec()))];
            RecordBatch::try_from_iter(columns).unwrap()
        };
        let answers = [numbers([1.0, 2.0]), numbers([3.0, 8.0])];
        let made = Votes::Mean
            .answer(&answers, &[1.0, 1.0], &target(&[]))
            .unwrap();
        assert_eq!(
            made.column(0).as_primitive::<Float64Type>().values()[..],
            [2.0, 5.0]
        );
    }
}
