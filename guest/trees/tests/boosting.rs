//! Gradient boosting through the sdk's [`Trainer`] trait: families to the bits of
//! single fits, constraints, early stopping, and single tables against scikit-learn's
//! `HistGradientBoosting*` and LightGBM (`vectors/boosting.py` makes the vectors).

use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::{Fault, Job, Params, Table, Target, Trainer, Values};
use fanout_trees::{HistGradientBoosting, HistGradientBoostingRegressor};
use proptest::prelude::*;
use recorder::{Recorder, values};
use serde_json::{Value, json};

mod recorder;

/// A dataset with its rows.
#[derive(Clone, Debug)]
struct Data {
    columns: Vec<(Column, Values)>,
    target: Target,
    weights: Option<Vec<f64>>,
    train: Vec<u32>,
    test: Vec<u32>,
}

impl Data {
    fn table(&self) -> Table {
        Table::from_columns(self.columns.clone()).unwrap()
    }

    fn job<'a>(&'a self, candidates: &'a [Params]) -> Job<'a> {
        Job {
            candidates,
            target: &self.target,
            weights: self.weights.as_deref(),
            train: &self.train,
            test: &self.test,
            part: None,
        }
    }
}

fn feature(name: String, kind: ColumnKind) -> Column {
    Column {
        name,
        role: Role::Feature,
        kind,
    }
}

fn number(name: &str, values: Vec<f64>) -> (Column, Values) {
    (
        feature(name.to_owned(), ColumnKind::Number),
        Values::Number(values),
    )
}

/// The default hyper-parameters for a target of classes or of numbers, with those of
/// `set` replaced.
fn params(target: &Target, set: &Value) -> Params {
    let description = match target {
        Target::Classes { .. } => HistGradientBoosting::description(),
        Target::Numbers(_) => HistGradientBoostingRegressor::description(),
    };
    let defaults = description.params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    for (name, value) in set.as_object().unwrap() {
        let known = params.insert(name.clone(), value.clone());
        assert!(known.is_some(), "`{name}` is not a hyper-parameter");
    }
    params
}

fn evaluate(data: &Data, candidates: &[Params]) -> Result<(Recorder, u32), Fault> {
    let bins = HistGradientBoosting::prepare(&data.table())?;
    let mut recorder = Recorder::default();
    let fits = HistGradientBoosting::evaluate(&bins, &data.job(candidates), &mut recorder)?;
    Ok((recorder, fits))
}

/// The predictions of a fitted model for all rows.
fn fit_and_predict(data: &Data, candidate: &Params) -> Vec<f64> {
    let table = data.table();
    let bins = HistGradientBoosting::prepare(&table).unwrap();
    let model =
        HistGradientBoosting::fit(&bins, &data.job(std::slice::from_ref(candidate))).unwrap();
    let predicted = HistGradientBoosting::predict(&model, &table).unwrap();
    values(predicted.as_prediction())
}

fn is_same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// Tables of up to three numbers and two categories, one of which may have more labels
/// than a byte, with missing values and weights.
fn data(classes: usize) -> impl Strategy<Value = Data> {
    (24..150_usize, 0..4_usize, 0..3_usize).prop_flat_map(move |(rows, numbers, categories)| {
        let numbers = if numbers + categories == 0 {
            1
        } else {
            numbers
        };
        let value = prop_oneof![
            6 => (-3..4_i32).prop_map(f64::from),
            3 => -1.0..1.0_f64,
            1 => Just(f64::NAN),
        ];
        let code = prop_oneof![9 => 0..6_u32, 1 => Just(u32::MAX)];
        let target = match classes {
            0 => prop::collection::vec(0.1..9.0_f64, rows)
                .prop_map(Target::Numbers)
                .boxed(),
            _ => prop::collection::vec(0..classes as u32, rows)
                .prop_map(move |codes| Target::Classes {
                    classes: (0..classes).map(|class| class.to_string()).collect(),
                    codes,
                })
                .boxed(),
        };
        let weight = prop_oneof![3 => 0.1..4.0_f64, 1 => Just(0.0)];
        (
            prop::collection::vec(prop::collection::vec(value, rows), numbers),
            prop::collection::vec(
                (any::<bool>(), prop::collection::vec(code, rows)),
                categories,
            ),
            target,
            prop::option::weighted(0.3, prop::collection::vec(weight, rows)),
            prop::collection::vec(0..4_u8, rows),
        )
            .prop_map(move |(numbers, categories, target, weights, parts)| {
                let mut columns: Vec<_> = (0..)
                    .zip(numbers)
                    .map(|(index, values)| number(&format!("number {index}"), values))
                    .collect();
                for (index, (is_wide, codes)) in categories.into_iter().enumerate() {
                    let (labels, step) = if is_wide { (300, 59) } else { (6, 1) };
                    let labels = (0..labels).map(|label| format!("label {label}")).collect();
                    let codes = codes.into_iter().map(|code: u32| code.saturating_mul(step));
                    let column =
                        feature(format!("category {index}"), ColumnKind::Category { labels });
                    columns.push((column, Values::Category(codes.collect())));
                }
                let rows = parts.len() as u32;
                let (test, mut train): (Vec<u32>, Vec<u32>) =
                    (0..rows).partition(|&row| parts[row as usize] == 0);
                if train.len() < 4 {
                    train = (0..rows).collect();
                }
                let weights = weights.map(|mut weights: Vec<f64>| {
                    weights[train[0] as usize] = 1.0;
                    weights
                });
                Data {
                    columns,
                    target,
                    weights,
                    train,
                    test,
                }
            })
    })
}

/// Hyper-parameters that are not nested.
fn shared(losses: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let growth = (
        prop_oneof![
            Just(json!(null)),
            (2..12_u32).prop_map(|leaves| json!(leaves))
        ],
        prop_oneof![2 => Just(json!(null)), 1 => (1..5_u32).prop_map(|depth| json!(depth))],
        1..6_u32,
        prop_oneof![Just(0.0), Just(0.7)],
        prop_oneof![Just(0.0), Just(2.5)],
        prop_oneof![Just(255), Just(3)],
    );
    let sampling = (
        prop_oneof![2 => Just(1.0), 1 => Just(0.6)],
        prop_oneof![2 => Just(1.0), 1 => Just(0.5)],
        prop_oneof![2 => Just(1.0), 1 => Just(0.5)],
        0..5_u32,
    );
    let stopping = prop_oneof![
        2 => Just((json!(false), json!(0.1))),
        1 => Just((json!(true), json!(0.3))),
        1 => Just((json!(true), json!(null))),
    ];
    let limits = (
        (
            prop_oneof![Just(1e-3), Just(0.5)],
            prop::sample::select(&["rows", "hessian", "both"][..]),
        ),
        prop_oneof![Just(0.0), Just(0.01)],
        prop_oneof![2 => Just(json!(null)), 1 => Just(json!("no_interactions"))],
        prop_oneof![
            1 => Just(Vec::new()),
            2 => prop::collection::vec(-1..2_i8, 3),
        ],
    );
    (
        prop::sample::select(losses),
        growth,
        sampling,
        stopping,
        limits,
    )
        .prop_map(|(loss, growth, sampling, (stops, validation), limits)| {
            let mut set = json!({
                "loss": loss, "learning_rate": 0.3,
                "max_leaf_nodes": growth.0, "max_depth": growth.1, "min_samples_leaf": growth.2,
                "l1_regularization": growth.3, "l2_regularization": growth.4,
                "max_bins": growth.5, "cat_smooth": 1.0,
                "subsample": sampling.0, "max_features": sampling.1,
                "colsample_bytree": sampling.2, "random_state": sampling.3,
                "early_stopping": stops, "validation_fraction": validation,
                "n_iter_no_change": 2,
                "min_sum_hessian": limits.0.0, "min_samples_leaf_by": limits.0.1,
                "min_split_gain": limits.1,
                "interaction_cst": limits.2,
            });
            let signs = (0..).zip(limits.3);
            set["monotonic_cst"] = signs
                .map(|(index, sign): (u32, i8)| (format!("number {index}"), json!(sign)))
                .collect();
            if loss == "quantile" {
                set["quantile"] = json!(0.3);
            }
            set
        })
}

/// `shared` without the signs of features that the data do not have.
fn of_features(data: &Data, mut shared: Value) -> Value {
    if let Some(signs) = shared["monotonic_cst"].as_object_mut() {
        signs.retain(|name, _| data.columns.iter().any(|(column, _)| column.name == *name));
    }
    shared
}

/// A candidate that is fitted with others has the predictions of its own fit, and
/// those of its model.
fn check_family(data: &Data, shared: &Value, rounds: &[u32]) -> Result<(), TestCaseError> {
    let candidates: Vec<Params> = rounds
        .iter()
        .map(|&rounds| {
            let shared = of_features(data, shared.clone());
            let mut candidate = params(&data.target, &shared);
            candidate.insert("max_iter".to_owned(), json!(rounds));
            candidate
        })
        .collect();
    let (together, fits) = evaluate(data, &candidates).unwrap();
    prop_assert_eq!(fits, 1);
    let width = match &data.target {
        Target::Classes { classes, .. } if classes.len() > 2 => classes.len(),
        _ => 1,
    };
    for (index, candidate) in candidates.iter().enumerate() {
        let (alone, _) = evaluate(data, std::slice::from_ref(candidate)).unwrap();
        prop_assert!(is_same(&alone.test[&0], &together.test[&index]));
        prop_assert!(is_same(&alone.train[&0], &together.train[&index]));
        let of_model = fit_and_predict(data, candidate);
        let of_test = data
            .test
            .iter()
            .flat_map(|&row| of_model[row as usize * width..][..width].iter().copied());
        prop_assert!(is_same(&of_test.collect::<Vec<f64>>(), &alone.test[&0]));
    }
    // As the host divides a family among workers.
    let mut start = 0;
    for part in candidates.chunks(candidates.len().div_ceil(2)) {
        let (apart, fits) = evaluate(data, part).unwrap();
        prop_assert_eq!(fits, 1);
        for index in 0..part.len() {
            prop_assert!(is_same(
                &apart.test[&index],
                &together.test[&(start + index)]
            ));
            prop_assert!(is_same(
                &apart.train[&index],
                &together.train[&(start + index)]
            ));
        }
        start += part.len();
    }
    Ok(())
}

const ROUNDS: [u32; 4] = [7, 1, 12, 3];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn families_of_two_classes_are_exact(data in data(2), shared in shared(&["log_loss"])) {
        check_family(&data, &shared, &ROUNDS)?;
    }

    #[test]
    fn families_of_more_classes_are_exact(data in data(4), shared in shared(&["log_loss"])) {
        check_family(&data, &shared, &ROUNDS)?;
    }

    #[test]
    fn families_with_class_weights_are_exact(data in data(3), shared in shared(&["log_loss"])) {
        let mut shared = shared;
        shared["class_weight"] = json!("balanced");
        check_family(&data, &shared, &ROUNDS)?;
    }

    /// Candidates of several families in one job, in any order.
    #[test]
    fn families_do_not_touch_each_other(
        data in data(2),
        shared in prop::collection::vec(shared(&["log_loss"]), 2..4),
    ) {
        let mut candidates: Vec<Params> = Vec::new();
        for rounds in [5, 2] {
            for shared in &shared {
                let shared = of_features(&data, shared.clone());
                let mut candidate = params(&data.target, &shared);
                candidate.insert("max_iter".to_owned(), json!(rounds));
                candidates.push(candidate);
            }
        }
        let (together, _) = evaluate(&data, &candidates).unwrap();
        for (index, candidate) in candidates.iter().enumerate() {
            let (alone, _) = evaluate(&data, std::slice::from_ref(candidate)).unwrap();
            prop_assert!(is_same(&alone.test[&0], &together.test[&index]));
        }
    }

    #[test]
    fn families_of_numbers_are_exact(
        data in data(0),
        shared in shared(&["squared_error", "absolute_error", "quantile", "poisson", "gamma", "huber"]),
    ) {
        check_family(&data, &shared, &ROUNDS)?;
    }
}

/// Of more features than are counted without a loop over them: the sums are the same,
/// since features that never vary are never split.
#[test]
fn features_without_a_split_change_nothing() {
    let narrow = waves(300);
    let candidate = [params(&narrow.target, &json!({"max_iter": 8}))];
    let expected = evaluate(&narrow, &candidate).unwrap().0;
    for more in [1, 2, 3, 7, 30, 35] {
        let mut wide = narrow.clone();
        let constant = |index| number(&format!("constant {index}"), vec![0.5; 300]);
        wide.columns.extend((0..more).map(constant));
        let found = evaluate(&wide, &candidate).unwrap().0;
        assert!(is_same(&found.train[&0], &expected.train[&0]), "{more}");
    }
}

/// A deterministic number in [0, 1).
fn noise(row: u32, stream: u32) -> f64 {
    let mixed =
        (row.wrapping_mul(2_654_435_761) ^ stream.wrapping_mul(40_503)).wrapping_mul(2_246_822_519);
    f64::from(mixed >> 8) / f64::from(1 << 24)
}

/// Two numbers, of which the first raises the target and the second waves.
fn waves(rows: u32) -> Data {
    let column = |stream| {
        (0..rows)
            .map(|row| noise(row, stream))
            .collect::<Vec<f64>>()
    };
    let (a, b) = (column(1), column(2));
    let target = (0..rows as usize)
        .map(|row| 3.0 * a[row] + (9.0 * b[row]).sin() + noise(row as u32, 3))
        .collect();
    Data {
        columns: vec![number("a", a), number("b", b)],
        target: Target::Numbers(target),
        weights: None,
        train: (0..rows).collect(),
        test: Vec::new(),
    }
}

/// A grid of 30 × 30 points as a table, row by row of `a`.
fn grid() -> Table {
    let place = |index: u32| (f64::from(index) + 0.5) / 30.0;
    let points = 0..900_u32;
    Table::from_columns(vec![
        number("a", points.clone().map(|point| place(point / 30)).collect()),
        number("b", points.map(|point| place(point % 30)).collect()),
    ])
    .unwrap()
}

fn predict_grid(set: &Value) -> Vec<f64> {
    let data = waves(800);
    let bins = HistGradientBoosting::prepare(&data.table()).unwrap();
    let model = HistGradientBoosting::fit(&bins, &data.job(&[params(&data.target, set)])).unwrap();
    values(
        HistGradientBoosting::predict(&model, &grid())
            .unwrap()
            .as_prediction(),
    )
}

/// A split is half-way between numbers of training rows. As by LightGBM, a number of
/// another node's rows, between those of a node's rows, goes left.
#[test]
fn a_split_is_half_way_between_numbers_of_training_rows() {
    // Half of the rows have 0 and 5, and half 3.
    let a = (0..160_u32).map(|row| match row % 4 {
        0 => 0.0,
        1 => 5.0,
        _ => 3.0,
    });
    let target = |row: u32| [0.0, 1.0, 9.0, 9.0][row as usize % 4];
    let tests = [0.0, 5.0, 3.0, 3.9, 4.1];
    let b = (0..160_u32).map(|row| f64::from(row % 4 / 2));
    let data = Data {
        columns: vec![
            number("a", a.chain(tests).collect()),
            number("b", b.chain([0.0; 5]).collect()),
        ],
        target: Target::Numbers((0..165).map(target).collect()),
        weights: None,
        train: (0..160).collect(),
        test: (160..165).collect(),
    };
    let (found, _) = evaluate(&data, &[params(&data.target, &json!({}))]).unwrap();
    let test = &found.test[&0];
    assert!(test[1] - test[0] > 0.5, "{test:?}");
    assert_eq!(test[2..], [test[0], test[0], test[1]]);
}

/// The rules of `min_samples_leaf_by` differ where Hessians do.
#[test]
fn what_counts_as_rows_of_a_leaf_matters_where_hessians_differ() {
    let numbers = waves(300);
    let Target::Numbers(values) = &numbers.target else {
        panic!("numbers");
    };
    let classes = Data {
        target: Target::Classes {
            classes: vec!["0".to_owned(), "1".to_owned()],
            codes: values.iter().map(|&value| u32::from(value > 2.0)).collect(),
        },
        ..numbers.clone()
    };
    let by = |data: &Data, rule: &str| {
        let set = json!({"min_samples_leaf_by": rule, "max_iter": 20});
        let (found, _) = evaluate(data, &[params(&data.target, &set)]).unwrap();
        found.train[&0].clone()
    };
    for other in ["hessian", "both"] {
        assert!(is_same(&by(&numbers, "rows"), &by(&numbers, other)));
        assert!(!is_same(&by(&classes, "rows"), &by(&classes, other)));
    }
    assert!(!is_same(&by(&classes, "hessian"), &by(&classes, "both")));
}

#[test]
fn monotonic_features_are_obeyed_in_both_directions() {
    let falls = |predicted: &[f64], sign: f64| {
        let at = |a: usize, b: usize| predicted[a * 30 + b];
        (0..29).any(|a| (0..30).any(|b| sign * (at(a + 1, b) - at(a, b)) < -1e-12))
    };
    assert!(
        falls(&predict_grid(&json!({})), 1.0),
        "without a constraint it waves"
    );
    assert!(!falls(
        &predict_grid(&json!({"monotonic_cst": {"a": 1}})),
        1.0
    ));
    assert!(!falls(
        &predict_grid(&json!({"monotonic_cst": {"a": -1, "b": 0}})),
        -1.0
    ));
}

#[test]
fn features_that_may_not_meet_add_up() {
    // A function is a sum of one of `a` and one of `b` if all such differences are 0.
    let interaction = |set: &Value| {
        let predicted = predict_grid(set);
        let at = |a: usize, b: usize| predicted[a * 30 + b];
        let of = |a: usize, b: usize| (at(a, b) - at(0, b) - at(a, 0) + at(0, 0)).abs();
        (0..900)
            .map(|point| of(point / 30, point % 30))
            .fold(0.0, f64::max)
    };
    assert!(interaction(&json!({})) > 0.01);
    assert!(interaction(&json!({"interaction_cst": "no_interactions"})) < 1e-9);
    assert!(interaction(&json!({"interaction_cst": [["a"]]})) < 1e-9);
    assert!(interaction(&json!({"interaction_cst": [["a", "b"]]})) > 0.01);
}

#[test]
fn a_fit_stops_early_and_serves_all_greater_numbers_of_rounds() {
    let data = Data {
        test: (0..100).collect(),
        train: (100..800).collect(),
        ..waves(800)
    };
    let set = |rounds: u32| {
        params(
            &data.target,
            &json!({
                "early_stopping": true, "n_iter_no_change": 5, "learning_rate": 0.5, "max_iter": rounds,
            }),
        )
    };
    let candidates: Vec<Params> = [400, 500, 2].map(set).into();
    let (found, fits) = evaluate(&data, &candidates).unwrap();
    assert_eq!(fits, 1);
    assert!(is_same(&found.test[&0], &found.test[&1]));
    assert!(!is_same(&found.test[&0], &found.test[&2]));
    let unstopped = params(
        &data.target,
        &json!({"early_stopping": false, "learning_rate": 0.5, "max_iter": 400}),
    );
    let (unstopped, _) = evaluate(&data, &[unstopped]).unwrap();
    assert!(!is_same(&found.test[&0], &unstopped.test[&0]));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let data = waves(60);
    let refusal = |data: &Data, set: Value| match evaluate(data, &[params(&data.target, &set)]) {
        Err(Fault::InvalidParams(message)) => message,
        other => panic!("{set}: {other:?}"),
    };
    assert_eq!(
        refusal(&data, json!({"loss": "quantile"})),
        "`loss: quantile` needs `quantile`, the level between 0 and 1"
    );
    assert_eq!(
        refusal(&data, json!({"monotonic_cst": {"c": 1}})),
        "`monotonic_cst` names `c`, which is not a feature"
    );
    assert_eq!(
        refusal(&data, json!({"interaction_cst": [["a", "z"]]})),
        "`interaction_cst` names `z`, which is not a feature"
    );
    assert_eq!(
        refusal(
            &data,
            json!({"early_stopping": true, "validation_fraction": 60})
        ),
        "`validation_fraction` leaves out 60 of 60 training rows; leave out at least one, and not \
         all"
    );
    let negative = Data {
        target: Target::Numbers((0..60).map(|row| f64::from(row) - 3.0).collect()),
        ..data
    };
    assert_eq!(
        refusal(&negative, json!({"loss": "poisson"})),
        "`loss: poisson` takes targets 0 or more, but training row 0 has -3"
    );
}

/// The share of predictions that agree to a part in a thousand, in the manner of
/// scikit-learn's own comparison with LightGBM.
#[test]
fn predictions_are_those_of_scikit_learn_and_lightgbm() {
    let vectors: Value = serde_json::from_str(include_str!("vectors/boosting.json")).unwrap();
    let list = |value: &Value| -> Vec<f64> {
        let values = value.as_array().unwrap().iter();
        values
            .map(|value| value.as_f64().unwrap_or(f64::NAN))
            .collect()
    };
    let cases = vectors["cases"].as_array().unwrap();
    assert!(cases.len() >= 60);
    let mut failures = Vec::new();
    for case in cases {
        let table = &vectors["tables"][case["table"].as_str().unwrap()];
        let features = table["features"].as_array().unwrap().iter();
        let columns: Vec<(Column, Values)> = features
            .zip(list(&table["labels"]))
            .enumerate()
            .map(|(index, (values, labels))| {
                let name = format!("x{index}");
                if labels == 0.0 {
                    return number(&name, list(values));
                }
                let labels = (0..labels as u32).map(|label| label.to_string()).collect();
                let codes = list(values).iter().map(|&code| code as u32).collect();
                (
                    feature(name, ColumnKind::Category { labels }),
                    Values::Category(codes),
                )
            })
            .collect();
        let target = list(&table["targets"][case["target"].as_str().unwrap()]);
        let classes = case["classes"].as_u64().unwrap() as usize;
        let train = list(&table["train"])
            .iter()
            .map(|&row| row as u32)
            .collect::<Vec<u32>>();
        let rows = target.len() as u32;
        let data = Data {
            columns,
            target: match classes {
                0 => Target::Numbers(target),
                _ => Target::Classes {
                    classes: (0..classes).map(|class| class.to_string()).collect(),
                    codes: target.iter().map(|&class| class as u32).collect(),
                },
            },
            weights: case["weighted"]
                .as_bool()
                .unwrap()
                .then(|| list(&table["weights"])),
            test: (0..rows).filter(|row| !train.contains(row)).collect(),
            train,
        };
        let (found, _) = evaluate(&data, &[params(&data.target, &case["params"])]).unwrap();
        let expected = list(&case["predictions"]);
        assert_eq!(found.test[&0].len(), expected.len(), "{case}");
        let near = found.test[&0]
            .iter()
            .zip(&expected)
            .filter(|(found, expected)| {
                (*found - *expected).abs() <= 1e-3 * expected.abs().max(1e-2)
            });
        let share = near.count() as f64 / expected.len() as f64;
        let least = case["share"].as_f64().unwrap();
        if share < least {
            failures.push(format!(
                "{} of {}, {} of {}: {share} of the predictions agree",
                case["of"], case["target"], case["table"], case["params"]
            ));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}
