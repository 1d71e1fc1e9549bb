//! The trainers of this guest, bagged: properties that hold of every trainer, and
//! scikit-learn's values (`vectors/bagging.py`).

use std::collections::BTreeMap;

use fanout_linfa::Component;
use fanout_sdk::bagging::Bagging;
use fanout_sdk::matrix::Block;
use fanout_sdk::offer::Offer;
use fanout_sdk::{Guest, Job, Learning, Matrix, Params, Prediction, PredictionBuf, Target};
use serde::Deserialize;

#[path = "../../sdk/tests/bagging/mod.rs"]
mod bagging;

#[test]
fn families_and_parts_change_no_bit() {
    bagging::families_and_parts_change_no_bit(&Component::trainers());
}

#[test]
fn a_bag_of_everything_is_the_trainer() {
    bagging::a_bag_of_everything_is_the_trainer(&Component::trainers());
}

#[test]
fn repeated_rows_are_rows_of_their_own() {
    bagging::repeated_rows_are_rows_of_their_own(&Component::trainers());
}

#[derive(Deserialize)]
struct Vectors {
    table: TestTable,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct TestTable {
    columns: Vec<Vec<f64>>,
    train: Vec<u32>,
    test: Vec<u32>,
    weights: Vec<f64>,
    targets: BTreeMap<String, Vec<f64>>,
}

#[derive(Deserialize)]
struct Case {
    trainer: String,
    target: String,
    params: Params,
    weighted: bool,
    expected: Expected,
    oob_score: Option<f64>,
    tolerance: f64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Expected {
    numbers: Vec<f64>,
    classes: Vec<u32>,
    /// Row-major.
    probabilities: Vec<f64>,
    decisions: Vec<f64>,
}

/// What a bag predicts, in the form of the expected values.
fn found(predicted: &PredictionBuf) -> Expected {
    let classes = predicted.classes.len();
    let table = |values: &[f64]| match classes {
        2 => values.iter().flat_map(|one| [1.0 - one, *one]).collect(),
        _ => values.to_vec(),
    };
    let prediction = predicted.as_prediction();
    let mut found = Expected {
        classes: prediction.classes(classes).into_owned(),
        ..Expected::default()
    };
    match prediction {
        Prediction::Numbers(numbers) => found.numbers = numbers.to_vec(),
        Prediction::Binary(values) | Prediction::Multiclass(values) => {
            found.probabilities = table(values);
        }
        Prediction::Decisions {
            values,
            probabilities: Some(probabilities),
            ..
        } => {
            found.decisions = values.to_vec();
            found.probabilities = table(probabilities);
        }
        other => panic!("a bag predicted {other:?}"),
    }
    found
}

fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let distance = (found - expected).abs();
        assert!(
            distance <= tolerance * (1.0 + expected.abs()),
            "{what}: {found}, not {expected}"
        );
    }
}

/// Members that draw the same rows and columns: scikit-learn's `BaggingClassifier` and
/// `BaggingRegressor` make the same predictions of them.
#[test]
fn bags_are_those_of_scikit_learn() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors/bagging.json")).unwrap();
    let table = &vectors.table;
    let columns = table.columns.iter().enumerate();
    let blocks = columns.map(|(at, values)| Block::number(format!("x{at}"), values.clone()));
    let matrix = Matrix::new(table.columns[0].len(), blocks.collect());
    for case in &vectors.cases {
        let numbers = &table.targets[&case.target];
        let (learning, classes) = match case.target.as_str() {
            "numbers" => (Learning::Regression, 0),
            "two" => (Learning::Binary, 2),
            _ => (Learning::Multiclass, 3),
        };
        let target = match classes {
            0 => Target::Numbers(numbers.clone()),
            classes => Target::Classes {
                classes: (0..classes).map(|class| class.to_string()).collect(),
                codes: numbers.iter().map(|&code| code as u32).collect(),
            },
        };
        let mut offers = Component::trainers().into_iter();
        let offer = offers.find(|offer| {
            let description = offer.description();
            description.name == case.trainer && description.tasks.contains(&learning)
        });
        let bagging = Bagging(offer.unwrap());
        let params = bagging.description().params.into_iter();
        let mut params: Params = params.map(|param| (param.name, param.default)).collect();
        params.extend(case.params.clone());
        let job = Job {
            candidates: &[params],
            target: &target,
            weights: case.weighted.then_some(&table.weights),
            train: &table.train,
            test: &[],
            part: None,
        };
        let data = bagging.prepare_matrix(&matrix).unwrap();
        let model = bagging.fit_and_write(&*data, &job).unwrap();
        let opened = bagging.open(&model.bytes).unwrap();
        let rows = matrix.take(&table.test);
        let found = found(&bagging.predict_matrix(&*opened, &rows).unwrap());
        let expected = &case.expected;
        let what = format!(
            "{} {} {:?} {}",
            case.trainer, case.target, case.params, case.weighted
        );
        assert_near(&found.numbers, &expected.numbers, case.tolerance, &what);
        assert_near(
            &found.probabilities,
            &expected.probabilities,
            case.tolerance,
            &what,
        );
        assert_near(&found.decisions, &expected.decisions, case.tolerance, &what);
        assert_eq!(found.classes, expected.classes, "{what}");
        let scores = (model.oob_score, case.oob_score);
        assert_eq!(scores.0.is_some(), scores.1.is_some(), "{what}");
        if let (Some(found), Some(expected)) = scores {
            assert_near(&[found], &[expected], case.tolerance, &what);
        }
    }
}
