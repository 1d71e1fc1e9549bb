//! What features add to predictions, and importances: of single trees against `shap`
//! and scikit-learn to 1e-9 (`vectors/explain.py`); of boosted trees against LightGBM
//! (`vectors/contributions_lightgbm.py`); of all ensembles, that
//! contributions and the expected value add up to what is predicted, with categories
//! and missing values.

use std::collections::BTreeMap;

use fanout_sdk::contract::{Column, ColumnKind, ImportanceKind, Role};
use fanout_sdk::explanation::Contributions;
use fanout_sdk::{Job, Learning, Params, PredictionValues, Table, Target, Trainer, Values};
use fanout_trees::{
    DecisionTree, DecisionTreeRegressor, ExtraTrees, ExtraTreesRegressor, HistGradientBoosting,
    HistGradientBoostingRegressor, RandomForest, RandomForestRegressor,
};
use serde_json::{Value, json};

const TOLERANCE: f64 = 1e-9;

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_f64().unwrap()).collect()
}

fn column(name: &str, role: Role, labels: Option<&[&str]>) -> Column {
    let kind = match labels {
        None => ColumnKind::Number,
        Some(labels) => ColumnKind::Category {
            labels: labels.iter().map(ToString::to_string).collect(),
        },
    };
    Column {
        name: name.to_owned(),
        role,
        kind,
    }
}

/// The model of all rows.
fn fit<T: Trainer>(
    table: &Table,
    target: &Target,
    weights: Option<&[f64]>,
    given: &Value,
) -> T::Model {
    let defaults = T::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    for (name, value) in given.as_object().unwrap() {
        params.insert(name.clone(), value.clone());
    }
    let train: Vec<u32> = (0..table.rows() as u32).collect();
    let job = Job {
        candidates: &[params],
        target,
        weights,
        part: None,
        train: &train,
        test: &[],
    };
    T::fit(&T::prepare(table).unwrap(), &job).unwrap()
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

fn features(vectors: &Value) -> Vec<(Column, Values)> {
    let columns = vectors["x"].as_array().unwrap().iter().enumerate();
    let feature = |(index, values)| {
        let column = column(&format!("x{index}"), Role::Feature, None);
        (column, Values::Number(numbers(values)))
    };
    columns.map(feature).collect()
}

fn compare<T: Trainer>(vectors: &Value, case: &Value) {
    let target = case["target"].as_str().unwrap();
    let mut columns = features(vectors);
    let targets = numbers(&vectors["targets"][target]);
    let labels: &[&str] = if target == "binary" {
        &["0", "1"]
    } else {
        &["0", "1", "2"]
    };
    let (learning, values) = match target {
        "numbers" => {
            columns.push((column("y", Role::Target, None), Values::Number(targets)));
            (Learning::Regression, 1)
        }
        _ => {
            let codes = targets.iter().map(|&class| class as u32).collect();
            let y = column("y", Role::Target, Some(labels));
            columns.push((y, Values::Category(codes)));
            (Learning::Multiclass, labels.len())
        }
    };
    let learning = if values == 2 {
        Learning::Binary
    } else {
        learning
    };
    let table = Table::from_columns(columns).unwrap();
    let y = table.target("y", learning).unwrap();
    let weights = numbers(&vectors["weights"]);
    let weights = case["weighted"].as_bool().unwrap().then_some(&weights[..]);
    let model = fit::<T>(&table, &y, weights, &case["params"]);

    let importances = T::importances(&model).unwrap();
    let impurity = &importances.importances[&ImportanceKind::Impurity];
    for (found, expected) in impurity.iter().zip(numbers(&case["importances"])) {
        assert!(close(*found, expected), "{case}: {impurity:?}");
    }
    let contributions = T::explain(&model, &table).unwrap();
    let expected = numbers(&case["expected"]);
    assert_eq!(contributions.expected.len(), expected.len());
    for (found, expected) in contributions.expected.iter().zip(expected) {
        assert!(close(*found, expected), "{found} {expected}");
    }
    let columns = case["values"].as_array().unwrap();
    assert_eq!(contributions.values.len(), columns.len());
    for (found, expected) in contributions.values.iter().zip(columns) {
        for (found, expected) in found.iter().zip(numbers(expected)) {
            assert!(close(*found, expected), "{found} {expected}");
        }
    }
}

#[test]
fn single_trees_are_explained_as_by_shap_and_scikit_learn() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/explain.json")).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 6);
    compare_all(&vectors);
}

/// Numbers on a threshold, half way between two others of the node, go where those of
/// scikit-learn go, as long as 32 bits hold them.
#[test]
fn trees_of_a_regular_grid_are_explained_as_by_shap() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/explain.json")).unwrap();
    assert_eq!(vectors["grid"]["cases"].as_array().unwrap().len(), 2);
    compare_all(&vectors["grid"]);
}

fn compare_all(vectors: &Value) {
    for case in vectors["cases"].as_array().unwrap() {
        match case["target"].as_str() {
            Some("numbers") => compare::<DecisionTreeRegressor>(vectors, case),
            _ => compare::<DecisionTree>(vectors, case),
        }
    }
}

/// LightGBM's gradients are of 32 bits: its SHAP values differ in the eighth digit, its
/// gains in the fifth.
#[test]
fn boosted_trees_are_explained_as_by_lightgbm() {
    let vectors = include_str!("vectors/contributions_lightgbm.json");
    let vectors: Value = serde_json::from_str(vectors).unwrap();
    let params = json!({"max_iter": vectors["max_iter"], "early_stopping": false});
    let near = |found: f64, expected: f64, tolerance: f64| {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{found} {expected}");
    };
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let of = case["target"].as_str().unwrap();
        let mut columns = features(&vectors);
        let targets = numbers(&vectors["targets"][of]);
        let (y, importances, contributions) = if of == "numbers" {
            columns.push((column("y", Role::Target, None), Values::Number(targets)));
            let table = Table::from_columns(columns).unwrap();
            explained::<HistGradientBoostingRegressor>(&table, Learning::Regression, &params)
        } else {
            let codes = targets.iter().map(|&class| class as u32).collect();
            let y = column("y", Role::Target, Some(&["0", "1"]));
            columns.push((y, Values::Category(codes)));
            let table = Table::from_columns(columns).unwrap();
            explained::<HistGradientBoosting>(&table, Learning::Binary, &params)
        };
        assert_eq!(y, 1);
        near(
            contributions.expected[0],
            case["expected"].as_f64().unwrap(),
            1e-7,
        );
        let columns = case["values"].as_array().unwrap();
        assert_eq!(contributions.values.len(), columns.len());
        for (found, expected) in contributions.values.iter().zip(columns) {
            for (found, expected) in found.iter().zip(numbers(expected)) {
                near(*found, expected, 1e-7);
            }
        }
        let gains = &importances[&ImportanceKind::Gain];
        for (found, expected) in gains.iter().zip(numbers(&case["gain"])) {
            near(*found, expected, 1e-4);
        }
        assert_eq!(
            importances[&ImportanceKind::Splits],
            numbers(&case["splits"])
        );
    }
}

/// The number of outputs, importances and contributions of a model of all rows.
fn explained<T: Trainer>(
    table: &Table,
    learning: Learning,
    params: &Value,
) -> (usize, BTreeMap<ImportanceKind, Vec<f64>>, Contributions) {
    let target = table.target("y", learning).unwrap();
    let model = fit::<T>(table, &target, None, params);
    let contributions = T::explain(&model, table).unwrap();
    let importances = T::importances(&model).unwrap().importances;
    (contributions.outputs.len(), importances, contributions)
}

const ROWS: u32 = 300;

/// Numbers with missing values, a category of a few labels, an order of noise, and
/// targets of two classes, of three, and of numbers.
fn mixed() -> Table {
    let noise = |row: u32, salt: u32| f64::from(row.wrapping_mul(2_654_435_761) ^ salt) % 97.0;
    let number = |salt: u32| {
        let value = |row| match noise(row, salt) {
            missing if missing < 9.0 => f64::NAN,
            value => value,
        };
        Values::Number((0..ROWS).map(value).collect())
    };
    let port = |row: u32| match row % 11 {
        10 => Values::MISSING,
        rest => rest % 5,
    };
    let of = |row: u32| f64::from(port(row).min(7)) * 10.0 + noise(row, 1);
    let codes = |classes: u32| {
        let code = move |row| (of(row) / 30.0) as u32 % classes;
        Values::Category((0..ROWS).map(code).collect())
    };
    let ports = ["a", "b", "c", "d", "e"];
    Table::from_columns(vec![
        (column("first", Role::Feature, None), number(1)),
        (
            column("port", Role::Feature, Some(&ports)),
            Values::Category((0..ROWS).map(port).collect()),
        ),
        (column("second", Role::Feature, None), number(77)),
        (column("two", Role::Target, Some(&["no", "yes"])), codes(2)),
        (
            column("three", Role::Target, Some(&["x", "y", "z"])),
            codes(3),
        ),
        (
            column("number", Role::Target, None),
            Values::Number((0..ROWS).map(of).collect()),
        ),
    ])
    .unwrap()
}

/// The outputs of a row from the sums of its contributions.
type Link = fn(Vec<f64>) -> Vec<f64>;

fn adds_up<T: Trainer>(
    name: &str,
    learning: Learning,
    given: &Value,
    kind: ImportanceKind,
    link: Link,
) {
    let table = mixed();
    let target = table.target(name, learning).unwrap();
    let model = fit::<T>(&table, &target, None, given);
    let predicted = T::predict(&model, &table).unwrap();
    let predicted = match predicted.values {
        PredictionValues::Binary(values)
        | PredictionValues::Multiclass(values)
        | PredictionValues::Numbers(values) => values,
        other => panic!("{other:?}"),
    };
    let contributions = T::explain(&model, &table).unwrap();
    assert_eq!(contributions.features, ["first", "port", "second"]);
    let outputs = contributions.outputs.len();
    for row in 0..ROWS as usize {
        let sum = |output: usize| {
            let columns = &contributions.values[output * 3..][..3];
            let sum: f64 = columns.iter().map(|column| column[row]).sum();
            sum + contributions.expected[output]
        };
        let found = link((0..outputs).map(sum).collect());
        for (found, expected) in found.iter().zip(&predicted[row * outputs..]) {
            assert!(close(*found, *expected), "{name} {row}: {found} {expected}");
        }
    }
    let importances = T::importances(&model).unwrap();
    assert!(importances.is_whole());
    let numbers = &importances.importances[&kind];
    assert!(
        numbers[..2].iter().all(|number| *number > 0.0),
        "{numbers:?}"
    );
    if kind == ImportanceKind::Impurity {
        assert!(close(numbers.iter().sum(), 1.0));
    }
    let splits = &importances.importances[&ImportanceKind::Splits];
    assert!(
        splits[..2]
            .iter()
            .all(|number| *number >= 1.0 && number.fract() == 0.0)
    );
}

#[test]
fn contributions_add_up_to_predictions() {
    let impurity = ImportanceKind::Impurity;
    let few = json!({"n_estimators": 7});
    let one = json!({"max_depth": 9});
    let same: Link = |sums| sums;
    adds_up::<DecisionTree>("two", Learning::Binary, &one, impurity, same);
    adds_up::<DecisionTree>("three", Learning::Multiclass, &one, impurity, same);
    adds_up::<DecisionTreeRegressor>("number", Learning::Regression, &one, impurity, same);
    adds_up::<RandomForest>("two", Learning::Binary, &few, impurity, same);
    let weighted = json!({"n_estimators": 5, "class_weight": "balanced_subsample"});
    adds_up::<RandomForest>("three", Learning::Multiclass, &weighted, impurity, same);
    adds_up::<RandomForestRegressor>("number", Learning::Regression, &few, impurity, same);
    adds_up::<ExtraTrees>("two", Learning::Binary, &few, impurity, same);
    adds_up::<ExtraTrees>("three", Learning::Multiclass, &few, impurity, same);
    adds_up::<ExtraTreesRegressor>("number", Learning::Regression, &few, impurity, same);
    let median = json!({"n_estimators": 3, "criterion": "absolute_error"});
    adds_up::<RandomForestRegressor>("number", Learning::Regression, &median, impurity, same);
}

#[test]
fn contributions_to_boosted_trees_add_up_before_the_link() {
    let gain = ImportanceKind::Gain;
    let few = json!({"max_iter": 20, "min_samples_leaf": 5, "early_stopping": false});
    let logistic: Link = |sums| sums.iter().map(|sum| 1.0 / (1.0 + (-sum).exp())).collect();
    let softmax: Link = |sums| {
        let powers: Vec<f64> = sums.iter().map(|sum| sum.exp()).collect();
        let whole: f64 = powers.iter().sum();
        powers.iter().map(|power| power / whole).collect()
    };
    adds_up::<HistGradientBoosting>("two", Learning::Binary, &few, gain, logistic);
    adds_up::<HistGradientBoosting>("three", Learning::Multiclass, &few, gain, softmax);
    adds_up::<HistGradientBoostingRegressor>("number", Learning::Regression, &few, gain, |sums| {
        sums
    });
    let poisson = json!({"max_iter": 20, "loss": "poisson", "early_stopping": false});
    adds_up::<HistGradientBoostingRegressor>(
        "number",
        Learning::Regression,
        &poisson,
        gain,
        |sums| sums.iter().map(|sum| sum.exp()).collect(),
    );
}
