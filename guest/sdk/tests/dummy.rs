//! The trainer `dummy` on a table.

use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::dummy::DummyClassifier;
use fanout_sdk::{Fault, Job, Params, Prediction, Scorer, Table, Trainer, Values};
use serde_json::{Value, json};

const ROWS: u32 = 4000;

/// The target `two` is 1 in a quarter of the rows; `three` is 0, 1 and 2 in
/// 2, 5 and 3 tenths of them.
fn table() -> Table {
    let column = |name: &str, role, kind| Column {
        name: name.to_owned(),
        role,
        kind,
    };
    let target = |name: &str, labels: &[&str], code: fn(u32) -> u32| {
        let labels = labels.iter().map(ToString::to_string).collect();
        (
            column(name, Role::Target, ColumnKind::Category { labels }),
            Values::Category((0..ROWS).map(code).collect()),
        )
    };
    Table::from_columns(vec![
        (
            column("x", Role::Feature, ColumnKind::Number),
            Values::Number((0..ROWS).map(f64::from).collect()),
        ),
        target("two", &["0", "1"], |row| u32::from(row % 4 == 0)),
        target("three", &["0", "1", "2"], |row| {
            [0, 0, 1, 1, 1, 1, 1, 2, 2, 2][row as usize % 10]
        }),
    ])
    .unwrap()
}

struct Recorder(Vec<f64>);

impl Scorer for Recorder {
    fn test(&mut self, _: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.0 = probabilities(prediction);
        Ok(())
    }

    fn wants_train(&self) -> bool {
        false
    }

    fn train(&mut self, _: usize, _: Prediction<'_>) -> Result<(), Fault> {
        panic!("the scorer does not want training rows")
    }
}

fn probabilities(prediction: Prediction<'_>) -> Vec<f64> {
    match prediction {
        Prediction::Binary(values) | Prediction::Multiclass(values) => values.to_vec(),
        other => panic!("`dummy` predicted {other:?}"),
    }
}

/// The predictions for all rows of a fit to all rows, which are the same when
/// scored and by a model.
fn predicted(target: &str, set: &[(&str, Value)]) -> Result<Vec<f64>, Fault> {
    let table = table();
    let defaults = DummyClassifier::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    params.extend(
        set.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    let target = table.target(target, fanout_sdk::Learning::Multiclass)?;
    let rows: Vec<u32> = (0..ROWS).collect();
    let job = Job {
        candidates: &[params],
        target: &target,
        weights: None,
        part: None,
        train: &rows,
        test: &rows,
    };
    DummyClassifier::prepare(&table)?;
    let mut recorded = Recorder(Vec::new());
    assert_eq!(DummyClassifier::evaluate(&(), &job, &mut recorded)?, 1);
    let model = DummyClassifier::fit(&(), &job)?;
    let of_model = DummyClassifier::predict(&model, &table)?;
    assert_eq!(of_model.classes, target.classes());
    assert_eq!(recorded.0, probabilities(of_model.as_prediction()));
    Ok(recorded.0)
}

fn strategy(name: &str) -> (&'static str, Value) {
    ("strategy", json!(name))
}

#[track_caller]
fn every_row_is(found: &[f64], row: &[f64]) {
    assert_eq!(found.len(), row.len() * ROWS as usize);
    assert!(found.chunks_exact(row.len()).all(|found| found == row));
}

#[test]
fn the_default_is_the_prior() {
    every_row_is(&predicted("two", &[]).unwrap(), &[0.25]);
    every_row_is(&predicted("three", &[]).unwrap(), &[0.2, 0.5, 0.3]);
}

#[test]
fn the_most_frequent_class_has_probability_1() {
    let set = [strategy("most_frequent")];
    every_row_is(&predicted("two", &set).unwrap(), &[0.0]);
    every_row_is(&predicted("three", &set).unwrap(), &[0.0, 1.0, 0.0]);
}

#[test]
fn a_constant_is_a_label_given_as_text_or_number() {
    for constant in [json!(1), json!("1")] {
        let set = [strategy("constant"), ("constant", constant)];
        every_row_is(&predicted("two", &set).unwrap(), &[1.0]);
        every_row_is(&predicted("three", &set).unwrap(), &[0.0, 1.0, 0.0]);
    }
    let set = [strategy("constant"), ("constant", json!("4"))];
    assert_eq!(
        predicted("three", &set).unwrap_err().to_string(),
        "invalid hyper-parameters: `constant` is `4`, which is not one of the classes `0`, `1`, `2`"
    );
}

#[test]
fn random_classes_follow_the_frequencies() {
    let shares = |name: &str, seed: u32| -> Vec<f64> {
        let set = [strategy(name), ("random_state", json!(seed))];
        let drawn = predicted("three", &set).unwrap();
        assert_eq!(drawn, predicted("three", &set).unwrap());
        assert!(drawn.iter().all(|p| [0.0, 1.0].contains(p)));
        let share = |class| drawn.iter().skip(class).step_by(3).sum::<f64>() / f64::from(ROWS);
        (0..3).map(share).collect()
    };
    // Three standard deviations of a share are at most 0.024.
    let near = |found: &[f64], expected: [f64; 3]| {
        let pairs = found.iter().zip(expected);
        assert!(
            pairs.into_iter().all(|(a, b)| (a - b).abs() < 0.024),
            "{found:?}"
        );
    };
    near(&shares("stratified", 1), [0.2, 0.5, 0.3]);
    near(&shares("uniform", 1), [1.0 / 3.0; 3]);
    assert_ne!(shares("stratified", 1), shares("stratified", 2));
}
