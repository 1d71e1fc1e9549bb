//! Classes that do not occur in the training rows, and what estimators refuse.

use fanout_linfa::*;
use fanout_sdk::dense::{DenseData, DenseTrainer};
use fanout_sdk::matrix::Block;
use fanout_sdk::{Matrix, Params, PredictionValues, Target};
use serde_json::{Value, json};

fn params<T: DenseTrainer>(set: &[(&str, Value)]) -> Params {
    let defaults = T::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    params.extend(
        set.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    params
}

fn matrix() -> Matrix {
    let column = |shift: usize| (0..12).map(|row| ((row * 5 + shift) % 7) as f64).collect();
    Matrix::new(
        12,
        vec![Block::number("a", column(0)), Block::number("b", column(3))],
    )
}

fn target(codes: impl Iterator<Item = u32>, labels: &[&str]) -> Target {
    Target::Classes {
        classes: labels.iter().map(|label| (*label).to_owned()).collect(),
        codes: codes.collect(),
    }
}

fn fitted<T: DenseTrainer>(target: &Target, set: &[(&str, Value)]) -> Result<Vec<f64>, String> {
    let matrix = matrix();
    let train: Vec<u32> = (0..8).collect();
    let data = DenseData::new(&matrix, &train, target, None);
    let model = T::fit(&data, &params::<T>(set)).map_err(|fault| fault.to_string())?;
    let values = T::predict(&model, &matrix, &[8, 9, 10, 11]).map_err(|fault| fault.to_string())?;
    Ok(match values {
        PredictionValues::Classes(codes) => codes.into_iter().map(f64::from).collect(),
        PredictionValues::Binary(values)
        | PredictionValues::Multiclass(values)
        | PredictionValues::Numbers(values) => values,
        PredictionValues::Decisions {
            classes,
            values,
            probabilities,
        } => {
            let classes = classes.into_iter().map(f64::from);
            let values = classes.chain(values);
            values.chain(probabilities.into_iter().flatten()).collect()
        }
    })
}

/// Of three classes the second occurs in test rows only.
#[test]
fn a_class_without_training_rows_has_a_probability_of_0() {
    let target = target(
        (0..12).map(|row| if row == 9 { 1 } else { row % 2 * 2 }),
        &["a", "b", "c"],
    );
    let check = |found: Result<Vec<f64>, String>| {
        let found = found.unwrap();
        assert_eq!(found.len(), 12);
        for row in found.chunks_exact(3) {
            assert_eq!(row[1], 0.0);
            assert!((row[0] + row[2] - 1.0).abs() < 1e-12, "{row:?}");
        }
    };
    check(fitted::<LogisticRegression>(&target, &[]));
    check(fitted::<LogisticRegression>(
        &target,
        &[("l1_ratio", json!(0.5))],
    ));
    check(fitted::<GaussianNaiveBayes>(&target, &[]));
    check(fitted::<MultinomialNaiveBayes>(&target, &[]));
    check(fitted::<Neighbors>(&target, &[]));
    let probability = [("probability", json!(true))];
    let svc = fitted::<Svc>(&target, &probability).unwrap();
    check(Ok(svc[16..].to_vec()));
    for found in [
        fitted::<RidgeClassifier>(&target, &[]).unwrap(),
        fitted::<LinearSvc>(&target, &[]).unwrap(),
        svc[..16].to_vec(),
    ] {
        let (classes, decisions) = found.split_at(4);
        for (class, row) in classes.iter().zip(decisions.chunks_exact(3)) {
            assert_eq!(row[1], f64::NEG_INFINITY);
            assert_eq!(row[0], -row[2]);
            assert_eq!(*class, if row[2] > 0.0 { 2.0 } else { 0.0 });
        }
    }
}

#[test]
fn one_class_is_refused_where_scikit_learn_refuses_it() {
    let target = target((0..12).map(|row| u32::from(row > 7)), &["no", "yes"]);
    let refused = |found: Result<Vec<f64>, String>, name: &str| {
        assert_eq!(
            found.unwrap_err(),
            format!(
                "the fit failed: `{name}` needs at least 2 classes in the training rows, but \
                 these are all of class `no`"
            )
        );
    };
    refused(
        fitted::<LogisticRegression>(&target, &[]),
        "logistic_regression",
    );
    refused(fitted::<RidgeClassifier>(&target, &[]), "ridge_classifier");
    refused(fitted::<LinearSvc>(&target, &[]), "linear_svc");
    refused(fitted::<Svc>(&target, &[]), "svc");
    assert_eq!(fitted::<Neighbors>(&target, &[]), Ok(vec![0.0; 4]));
    assert_eq!(fitted::<GaussianNaiveBayes>(&target, &[]), Ok(vec![0.0; 4]));
}

#[test]
fn what_does_not_fit_the_data_is_refused() {
    let classes = target((0..12).map(|row| row % 2), &["no", "yes"]);
    let numbers = Target::Numbers((0..12).map(f64::from).collect());
    let refusal = |found: Result<Vec<f64>, String>| found.unwrap_err();
    assert_eq!(
        refusal(fitted::<Neighbors>(&classes, &[("n_neighbors", json!(9))])),
        "invalid hyper-parameters: `n_neighbors` is 9, but there are only 8 training rows"
    );
    assert_eq!(
        refusal(fitted::<PlsRegression>(
            &numbers,
            &[("n_components", json!(3))]
        )),
        "invalid hyper-parameters: `n_components` is 3, but the training rows are 8 of 2 columns; \
         choose 2 or less"
    );
    let weights = [("class_weight", json!({"maybe": 2}))];
    assert_eq!(
        refusal(fitted::<LogisticRegression>(&classes, &weights)),
        "invalid hyper-parameters: `class_weight` names the class `maybe`, which is not one of \
         `no`, `yes`"
    );
    assert_eq!(
        refusal(fitted::<LogisticRegression>(
            &classes,
            &[("penalty", json!("l2")), ("l1_ratio", json!(0.5))]
        )),
        "invalid hyper-parameters: `l1_ratio` is 0.5, but `penalty` is `l2`; leave `penalty` out"
    );
    let priors = [("priors", json!({"no": 0.5, "yes": 0.6}))];
    assert_eq!(
        refusal(fitted::<GaussianNaiveBayes>(&classes, &priors)),
        "invalid hyper-parameters: `priors` sums to 1.1, but probabilities sum to 1"
    );
    assert!(refusal(fitted::<Ridge>(&classes, &[])).contains("does not learn this kind of target"));
}

#[test]
fn the_size_of_the_cache_changes_no_bit_of_a_machine() {
    let numbers = Target::Numbers((0..12).map(|row| f64::from(row * row % 5)).collect());
    let small = [("cache_size", json!(1e-6))];
    let found = fitted::<Svr>(&numbers, &small).unwrap();
    assert_eq!(found, fitted::<Svr>(&numbers, &[]).unwrap());
    assert!(found.windows(2).any(|pair| pair[0] != pair[1]));
}
