//! Numeric targets of any magnitude and offset, and constant ones.

use fanout_trees::forest::{self, TrainingSet};
use fanout_trees::model::{FeatureValues, PredictError};
use fanout_trees::params::Impurity;
use fanout_trees::{Bins, ForestParams};
use linfa::ParamGuard;

const ROWS: u32 = 400;

/// A pseudo-random number from 0 to 1.
fn random(row: u32, by: u32) -> f64 {
    let bits = row
        .wrapping_mul(2_654_435_761)
        .rotate_left(by)
        .wrapping_mul(2_246_822_519);
    f64::from(bits >> 8) / f64::from(1_u32 << 24)
}

fn features() -> Vec<Vec<f64>> {
    let column = |by| (0..ROWS).map(|row| random(row, by)).collect();
    vec![column(5), column(13), column(21)]
}

/// Whole numbers of at least 0 that follow the features.
fn targets() -> Vec<f64> {
    let of_row = |row| (random(row, 5) * 40.0 + random(row, 13).powi(2) * 90.0).round();
    (0..ROWS).map(of_row).collect()
}

fn predict(targets: &[f64], params: &ForestParams) -> Vec<f64> {
    let features = features();
    let mut bins = Bins::of_table(ROWS as usize, features.len(), 0);
    for (index, values) in features.iter().enumerate() {
        bins.push_numbers(&index.to_string(), values).unwrap();
    }
    let train: Vec<u32> = (0..ROWS).filter(|row| row % 4 != 1).collect();
    let training = TrainingSet::numbers(targets, &train);
    let forest = forest::fit(&bins, training, &params.clone().check().unwrap()).unwrap();
    let predicted: Result<_, PredictError> = forest.predict(ROWS as usize, |index, _, encode| {
        encode(FeatureValues::Number(&features[index]))
    });
    predicted.unwrap()
}

fn all() -> impl Iterator<Item = ForestParams> {
    let criteria = [
        Impurity::SquaredError,
        Impurity::AbsoluteError,
        Impurity::Poisson,
    ];
    let forests = [
        ForestParams::decision_tree().max_leaf_nodes(Some(20)),
        ForestParams::random_forest().n_estimators(7),
        ForestParams::extra_trees().n_estimators(7),
    ];
    criteria
        .into_iter()
        .flat_map(move |criterion| forests.clone().map(|params| params.criterion(criterion)))
}

#[test]
fn predictions_are_multiplied_as_targets_are() {
    let targets = targets();
    for params in all() {
        let predicted = predict(&targets, &params);
        for power in [-990, -300, 60, 1_000] {
            let factor = 2.0_f64.powi(power);
            let scaled: Vec<f64> = targets.iter().map(|target| target * factor).collect();
            let expected: Vec<f64> = predicted.iter().map(|number| number * factor).collect();
            assert_eq!(predict(&scaled, &params), expected, "{params:?} {power}");
        }
    }
}

#[test]
fn an_offset_of_the_targets_is_one_of_the_predictions() {
    let targets = targets();
    for params in all().filter(|params| *params != params.clone().criterion(Impurity::Poisson)) {
        let predicted = predict(&targets, &params);
        for offset in [1e9, -3e12] {
            let moved: Vec<f64> = targets.iter().map(|target| target + offset).collect();
            for (found, expected) in predict(&moved, &params).iter().zip(&predicted) {
                let error = (found - offset - expected).abs();
                assert!(error <= 4.0 * offset.abs() * f64::EPSILON, "{error}");
            }
        }
    }
}

#[test]
fn constant_targets_are_predicted_exactly() {
    for params in all() {
        for target in [0.1, 1e300, 1e-300, 1e9 + 0.1, 7.0] {
            let predicted = predict(&vec![target; ROWS as usize], &params);
            let close = |number: &f64| (number - target).abs() <= target * 1e-15;
            assert!(predicted.iter().all(close), "{target}");
        }
    }
}
