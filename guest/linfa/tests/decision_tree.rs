//! The trainer `linfa_decision_tree` predicts on a table what linfa predicts on
//! the same numbers.

use fanout_linfa::LinfaDecisionTree;
use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::{Fault, Job, Params, Prediction, Scorer, Table, Target, Trainer, Values};
use linfa::prelude::*;
use linfa_trees::{DecisionTree, SplitQuality};
use ndarray::{Array1, Array2};
use serde_json::{Value, json};

const ROWS: u32 = 150;

/// The category's labels, in the order of appearance, and their ranks.
const LABELS: [(&str, f64); 3] = [("two", 2.0), ("one", 0.0), ("three", 1.0)];

/// A number in [0, 1) without ties.
fn number(row: u32, column: u32) -> f64 {
    let mut mixed = u64::from(row * 3 + column + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 29;
    mixed = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn code(row: u32) -> u32 {
    (number(row, 2) * 3.0) as u32
}

fn class(row: u32) -> u32 {
    let signal = number(row, 0) + 0.4 * number(row, 1) + 0.2 * f64::from(code(row));
    (signal * 2.3) as u32 % 3
}

/// The features of `rows` as a matrix.
fn records(rows: &[u32]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), 3), |(at, column)| match column {
        2 => LABELS[code(rows[at]) as usize].1,
        column => number(rows[at], column as u32),
    })
}

/// All rows as a table.
fn table() -> Table {
    let column = |name: &str, role, kind| Column {
        name: name.to_owned(),
        role,
        kind,
    };
    let numbers = |column| Values::Number((0..ROWS).map(|row| number(row, column)).collect());
    let labels = |labels: &[&str]| ColumnKind::Category {
        labels: labels.iter().map(ToString::to_string).collect(),
    };
    Table::from_columns(vec![
        (column("a", Role::Feature, ColumnKind::Number), numbers(0)),
        (column("b", Role::Feature, ColumnKind::Number), numbers(1)),
        (
            column("c", Role::Feature, labels(&LABELS.map(|label| label.0))),
            Values::Category((0..ROWS).map(code).collect()),
        ),
        (
            column("class", Role::Target, labels(&["x", "y", "z"])),
            Values::Category((0..ROWS).map(class).collect()),
        ),
    ])
    .unwrap()
}

fn params(set: &[(&str, Value)]) -> Params {
    let defaults = LinfaDecisionTree::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    params.extend(
        set.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    params
}

#[derive(Default)]
struct Recorder {
    test: Vec<Vec<u32>>,
    train: Vec<Vec<u32>>,
}

fn classes(prediction: Prediction<'_>) -> Vec<u32> {
    match prediction {
        Prediction::Classes(classes) => classes.to_vec(),
        other => panic!("linfa's tree predicted {other:?}"),
    }
}

impl Scorer for Recorder {
    fn test(&mut self, _: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.test.push(classes(prediction));
        Ok(())
    }

    fn wants_train(&self) -> bool {
        true
    }

    fn train(&mut self, _: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.train.push(classes(prediction));
        Ok(())
    }
}

/// The predictions of linfa, `None` where a hundred of its trees disagree: its
/// ties and the order of its sums depend on the keys of hash maps.
fn linfa(
    params: linfa_trees::DecisionTreeParams<f64, usize>,
    train: &[u32],
    rows: &[u32],
) -> Vec<Option<u32>> {
    let labels: Array1<usize> = train.iter().map(|&row| class(row) as usize).collect();
    let data = Dataset::new(records(train), labels);
    let predicted = |_| -> Vec<u32> {
        let tree = params.fit(&data).unwrap();
        let predicted: Array1<usize> = tree.predict(&records(rows));
        predicted.iter().map(|&class| class as u32).collect()
    };
    let mut agreed: Vec<Option<u32>> = predicted(0).into_iter().map(Some).collect();
    for other in (1..100).map(predicted) {
        for (agreed, other) in agreed.iter_mut().zip(other) {
            *agreed = agreed.filter(|class| *class == other);
        }
    }
    agreed
}

/// Checks predictions where linfa's agree, which they do for most rows.
#[track_caller]
fn agree(found: &[u32], linfa: &[Option<u32>]) {
    assert_eq!(found.len(), linfa.len());
    let sure = linfa.iter().flatten().count();
    assert!(
        sure * 10 >= found.len() * 8,
        "{sure} of {} agree",
        found.len()
    );
    let differs = |(found, linfa): (&u32, &Option<u32>)| linfa.is_some_and(|class| class != *found);
    assert!(
        !found.iter().zip(linfa).any(differs),
        "{found:?} is not {linfa:?}"
    );
}

#[test]
fn the_trainer_predicts_as_linfa() {
    let table = table();
    let target = table
        .target("class", fanout_sdk::Learning::Multiclass)
        .unwrap();
    let Target::Classes { codes, .. } = &target else {
        panic!("{target:?}");
    };
    assert!((0..ROWS).all(|row| codes[row as usize] == class(row)));
    let (test, train): (Vec<u32>, Vec<u32>) = (0..ROWS).partition(|row| row % 3 == 1);
    let candidates = [
        params(&[]),
        params(&[("split_quality", json!("entropy"))]),
        params(&[("max_depth", json!(3))]),
        params(&[("min_weight_split", json!(25.0))]),
        params(&[("min_weight_leaf", json!(6.0))]),
        params(&[("min_impurity_decrease", json!(0.05))]),
    ];
    let of_linfa = [
        DecisionTree::params(),
        DecisionTree::params().split_quality(SplitQuality::Entropy),
        DecisionTree::params().max_depth(Some(3)),
        DecisionTree::params().min_weight_split(25.0),
        DecisionTree::params().min_weight_leaf(6.0),
        DecisionTree::params().min_impurity_decrease(0.05),
    ];
    let data = LinfaDecisionTree::prepare(&table).unwrap();
    let job = |candidates| Job {
        candidates,
        target: &target,
        weights: None,
        part: None,
        train: &train,
        test: &test,
    };
    let mut recorded = Recorder::default();
    let fits = LinfaDecisionTree::evaluate(&data, &job(&candidates), &mut recorded).unwrap();
    assert_eq!(fits, 6);
    let all: Vec<u32> = (0..ROWS).collect();
    for (at, params) in of_linfa.into_iter().enumerate() {
        agree(&recorded.test[at], &linfa(params, &train, &test));
        agree(&recorded.train[at], &linfa(params, &train, &train));
        let model = LinfaDecisionTree::fit(&data, &job(&candidates[at..=at])).unwrap();
        let predicted = LinfaDecisionTree::predict(&model, &table).unwrap();
        assert_eq!(predicted.classes, ["x", "y", "z"]);
        let predicted = classes(predicted.as_prediction());
        agree(&predicted, &linfa(params, &train, &all));
    }
    // The candidates give different trees.
    recorded.test.sort();
    recorded.test.dedup();
    assert!(recorded.test.len() > 3, "{} trees", recorded.test.len());
}

#[test]
fn a_missing_value_is_an_error() {
    let number = Column {
        name: "a".to_owned(),
        role: Role::Feature,
        kind: ColumnKind::Number,
    };
    let table = Table::from_columns(vec![(number, Values::Number(vec![0.5, f64::NAN]))]).unwrap();
    assert_eq!(
        LinfaDecisionTree::prepare(&table).unwrap_err().to_string(),
        "invalid task: trainer `linfa_decision_tree` does not support missing values, but feature \
         `a` is missing in row 1 (counted from 0); drop such rows, or use `decision_tree`"
    );
}
