//! The engine behind linfa's `Fit` and `Predict`.

use fanout_forest::{ForestClassifier, ForestParams};
use linfa::prelude::*;
use ndarray::{Array1, Array2, array};

/// Three clouds of twenty points each, the last with a missing value a row.
fn clouds() -> Dataset<f64, &'static str, ndarray::Ix1> {
    let records = Array2::from_shape_fn((60, 2), |(row, column)| match (row / 20, column) {
        (2, 1) => f64::NAN,
        (cloud, 0) => (cloud * 10 + row * 3 % 7) as f64,
        (_, _) => (row * 5 % 11) as f64,
    });
    let targets = Array1::from_shape_fn(60, |row| ["near", "far", "lost"][row / 20]);
    Dataset::new(records, targets)
}

fn fit(params: ForestParams) -> ForestClassifier<&'static str> {
    params.fit(&clouds()).unwrap()
}

#[test]
fn labels_are_learnt_and_predicted() {
    for params in [
        ForestParams::decision_tree(),
        ForestParams::random_forest().n_estimators(20),
        ForestParams::extra_trees().n_estimators(20),
    ] {
        let model = fit(params);
        assert_eq!(model.labels(), ["far", "lost", "near"]);
        let predicted: Array1<&str> = model.predict(&clouds());
        assert_eq!(predicted, clouds().targets);
        let probabilities = model.predict_probabilities(clouds().records());
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
        .min_samples_leaf(fanout_forest::params::Amount::Rows(2))
        .fit(&data)
        .unwrap();
    let probabilities = model.predict_probabilities(&records);
    assert_eq!(
        probabilities,
        array![[1.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.5, 0.5]]
    );
    // The first of equally likely labels.
    let predicted: Array1<bool> = model.predict(&records);
    assert_eq!(predicted, Array1::from_elem(4, false));
}

#[test]
fn single_precision_is_taken() {
    let data = clouds();
    let records = data.records().mapv(|value| value as f32);
    let single = Dataset::new(records.clone(), data.targets.clone());
    let model = ForestParams::decision_tree().fit(&single).unwrap();
    let predicted: Array1<&str> = model.predict(&records);
    assert_eq!(predicted, data.targets);
}

#[test]
fn what_can_not_be_fitted_is_refused() {
    let message = |result: Result<ForestClassifier<&'static str>, _>| {
        let error: fanout_forest::estimator::EstimatorError = result.unwrap_err();
        error.to_string()
    };
    let weighted = clouds().with_weights(Array1::ones(60));
    assert_eq!(
        message(ForestParams::decision_tree().fit(&weighted)),
        "row weights are not supported; weigh classes instead"
    );
    assert!(
        message(ForestParams::random_forest().n_estimators(0).fit(&clouds()))
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
fn other_features_are_a_mistake_of_the_program() {
    let records = Array2::<f64>::zeros((1, 3));
    let _: Array1<&str> = fit(ForestParams::decision_tree()).predict(&records);
}
