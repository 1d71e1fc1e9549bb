//! The trainer `dummy` for numbers. Expected values are those of scikit-learn's
//! `DummyRegressor` for the same targets and weights.

use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::dummy::DummyRegressor;
use fanout_sdk::{Fault, Job, Params, Table, Target, Trainer, Values};
use serde_json::{Value, json};

const TARGETS: [f64; 6] = [4.0, 1.0, 3.0, 2.0, 10.0, 99.0];
const WEIGHTS: [f64; 6] = [1.0, 2.0, 0.0, 3.0, 0.5, 99.0];

/// The number that a fit on all rows but the last predicts.
fn predicted(set: &[(&str, Value)], weighted: bool) -> Result<f64, Fault> {
    let defaults = DummyRegressor::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    params.extend(
        set.iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone())),
    );
    let job = Job {
        candidates: &[params],
        target: &Target::Numbers(TARGETS.to_vec()),
        weights: weighted.then_some(&WEIGHTS),
        train: &[0, 1, 2, 3, 4],
        test: &[5],
        part: None,
    };
    let model = DummyRegressor::fit(&(), &job)?;
    let column = Column {
        name: "x".to_owned(),
        role: Role::Feature,
        kind: ColumnKind::Number,
    };
    let table = Table::from_columns(vec![(column, Values::Number(vec![f64::NAN; 3]))])?;
    let predicted = DummyRegressor::predict(&model, &table)?;
    assert_eq!(predicted.as_prediction().rows(0), Some(3));
    Ok(model)
}

fn strategy(name: &str) -> (&'static str, Value) {
    ("strategy", json!(name))
}

#[test]
fn numbers_are_those_of_scikit_learn() {
    let quantile = |share: f64| [strategy("quantile"), ("quantile", json!(share))];
    assert_eq!(predicted(&[], false), Ok(4.0));
    assert_eq!(predicted(&[], true), Ok(17.0 / 6.5));
    assert_eq!(predicted(&[strategy("median")], false), Ok(3.0));
    assert_eq!(predicted(&[strategy("median")], true), Ok(2.0));
    let between = predicted(&quantile(0.9), false).unwrap();
    assert!((between - 7.6).abs() < 1e-12);
    assert_eq!(predicted(&quantile(0.9), true), Ok(4.0));
    assert_eq!(predicted(&quantile(0.0), true), Ok(1.0));
    assert_eq!(predicted(&quantile(1.0), false), Ok(10.0));
    let constant = [strategy("constant"), ("constant", json!(-2.5))];
    assert_eq!(predicted(&constant, false), Ok(-2.5));
}

#[test]
fn a_strategy_without_its_number_is_an_error() {
    for name in ["quantile", "constant"] {
        assert_eq!(
            predicted(&[strategy(name)], false).unwrap_err().to_string(),
            format!(
                "invalid hyper-parameters: strategy `{name}` of `dummy` needs the hyper-parameter \
                 `{name}`"
            )
        );
    }
}
