//! The forest through linfa's `Fit` and `Predict`.

use fanout_trees::{ForestClassifier, ForestParams};
use linfa::prelude::*;
use ndarray::{Array1, Array2, array};

/// Three clusters of 20 points; the last has a missing value in every row.
fn clusters() -> Dataset<f64, &'static str, ndarray::Ix1> {
    let records = Array2::from_shape_fn((60, 2), |(row, column)| match (row / 20, column) {
        (2, 1) => f64::NAN,
        (cluster, 0) => (cluster * 10 + row * 3 % 7) as f64,
        (_, _) => (row * 5 % 11) as f64,
    });
    let targets = Array1::from_shape_fn(60, |row| ["near", "far", "lost"][row / 20]);
    Dataset::new(records, targets)
}

fn fit(params: ForestParams) -> ForestClassifier<&'static str> {
    params.fit(&clusters()).unwrap()
}

#[test]
fn training_labels_are_predicted() {
    for params in [
        ForestParams::decision_tree(),
        ForestParams::random_forest().n_estimators(20),
        ForestParams::extra_trees().n_estimators(20),
    ] {
        let model = fit(params);
        assert_eq!(model.labels(), ["far", "lost", "near"]);
        let predicted: Array1<&str> = model.predict(&clusters());
        assert_eq!(predicted, clusters().targets);
        let probabilities = model.predict_probabilities(clusters().records());
        assert_eq!(probabilities.dim(), (60, 3));
        for row in probabilities.rows() {
            assert!((row.sum() - 1.0).abs() < 1e-9);
        }
    }
}

#[test]
fn two_labels_have_two_probabilities() {
    let records = array![[0.0], [1.0], [2.0], [3.0]];
    let data = Dataset::new(records.clone(), array![false, false, false, true]);
    let model = ForestParams::decision_tree()
        .max_depth(Some(1))
        .min_samples_leaf(fanout_trees::params::Amount::Rows(2))
        .fit(&data)
        .unwrap();
    let probabilities = model.predict_probabilities(&records);
    assert_eq!(
        probabilities,
        array![[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]
    );
    // Of equal probabilities, the first label is predicted.
    let predicted: Array1<bool> = model.predict(&records);
    assert_eq!(predicted, Array1::from_elem(4, false));
}

#[test]
fn single_precision_is_accepted() {
    let data = clusters();
    let records = data.records().mapv(|value| value as f32);
    let single = Dataset::new(records.clone(), data.targets.clone());
    let model = ForestParams::decision_tree().fit(&single).unwrap();
    let predicted: Array1<&str> = model.predict(&records);
    assert_eq!(predicted, data.targets);
}

#[test]
fn invalid_datasets_are_errors() {
    let message = |result: Result<ForestClassifier<&'static str>, _>| {
        let error: fanout_trees::estimator::EstimatorError = result.unwrap_err();
        error.to_string()
    };
    let weighted = clusters().with_weights(Array1::ones(60));
    assert_eq!(
        message(ForestParams::decision_tree().fit(&weighted)),
        "sample weights are not supported; use `class_weight`"
    );
    assert!(
        message(
            ForestParams::random_forest()
                .n_estimators(0)
                .fit(&clusters())
        )
        .starts_with("`n_estimators` is `0`, but must be "),
    );
    let empty = Dataset::new(
        Array2::<f64>::zeros((0, 2)),
        Array1::from(Vec::<&str>::new()),
    );
    assert!(ForestParams::decision_tree().fit(&empty).is_err());
}

#[test]
#[should_panic(expected = "the number of features must be that of the training data")]
fn another_number_of_features_panics() {
    let records = Array2::<f64>::zeros((1, 3));
    let _: Array1<&str> = fit(ForestParams::decision_tree()).predict(&records);
}
