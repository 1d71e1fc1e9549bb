//! The trainers through the sdk's [`Trainer`] trait, on tables with numbers,
//! categories and missing values: two classes, more classes, and numbers.

use fanout_sdk::contract::{Column, ColumnKind, Role};
use fanout_sdk::offer::{Offer, Offered};
use fanout_sdk::{Fault, Job, ParamKind, Params, PredictionBuf, Table, Target, Trainer, Values};
use fanout_trees::{
    DecisionTree, DecisionTreeRegressor, ExtraTrees, ExtraTreesRegressor, RandomForest,
    RandomForestRegressor,
};
use recorder::{Recorder, values};
use serde_json::{Value, json};

mod recorder;

const ROWS: u32 = 90;
const MISSING: u32 = Values::MISSING;

fn number(name: &str, value: impl Fn(u32) -> f64) -> (Column, Values) {
    let column = Column {
        name: name.to_owned(),
        role: Role::Feature,
        kind: ColumnKind::Number,
    };
    (column, Values::Number((0..ROWS).map(value).collect()))
}

fn category(
    name: &str,
    role: Role,
    labels: &[&str],
    code: impl Fn(u32) -> u32,
) -> (Column, Values) {
    let labels = labels.iter().map(ToString::to_string).collect();
    let column = Column {
        name: name.to_owned(),
        role,
        kind: ColumnKind::Category { labels },
    };
    (column, Values::Category((0..ROWS).map(code).collect()))
}

/// One of three ports, or missing.
fn port(row: u32) -> u32 {
    match row % 10 {
        9 => MISSING,
        digit => digit % 3,
    }
}

fn distance(row: u32) -> f64 {
    match row % 7 {
        6 => f64::NAN,
        _ => f64::from(row * 37 % 90),
    }
}

/// Two features and two targets that are functions of them: `late` if the port
/// or the distance is missing, `where` by port.
fn table() -> Table {
    Table::from_columns(vec![
        category("port", Role::Feature, &["JFK", "EWR", "LGA"], port),
        number("distance", distance),
        category("late", Role::Target, &["no", "yes"], |row| {
            u32::from(port(row) == MISSING || distance(row).is_nan())
        }),
        category("where", Role::Target, &["a", "b", "c", "lost"], |row| {
            if port(row) == MISSING { 3 } else { port(row) }
        }),
    ])
    .unwrap()
}

/// The trainer's default hyper-parameters, with those in `set` replaced.
fn params<T: Trainer>(set: &[(&str, Value)]) -> Params {
    let defaults = T::description().params.into_iter();
    let mut params: Params = defaults.map(|param| (param.name, param.default)).collect();
    for (name, value) in set {
        let known = params.insert((*name).to_owned(), value.clone());
        assert!(known.is_some(), "`{name}` is not a hyper-parameter");
    }
    params
}

struct Fitted<T: Trainer> {
    target: Target,
    train: Vec<u32>,
    test: Vec<u32>,
    recorded: Recorder,
    model: T::Model,
}

/// Evaluates and fits one candidate on two thirds of the rows.
fn run<T: Trainer>(table: &Table, target: &str, candidate: Params) -> Result<Fitted<T>, Fault> {
    run_weighted(table, target, candidate, None)
}

/// The same with the weights of all rows.
fn run_weighted<T: Trainer>(
    table: &Table,
    target: &str,
    candidate: Params,
    weights: Option<&[f64]>,
) -> Result<Fitted<T>, Fault> {
    let learning = match target {
        "delay" => fanout_sdk::Learning::Regression,
        _ => fanout_sdk::Learning::Multiclass,
    };
    let target = table.target(target, learning)?;
    let (test, train): (Vec<u32>, Vec<u32>) = (0..ROWS).partition(|row| row / 6 % 3 == 2);
    let data = T::prepare(table)?;
    let job = Job {
        candidates: &[candidate],
        target: &target,
        weights,
        part: None,
        train: &train,
        test: &test,
    };
    let mut recorded = Recorder::default();
    assert_eq!(T::evaluate(&data, &job, &mut recorded)?, 1);
    let model = T::fit(&data, &job)?;
    Ok(Fitted {
        target,
        train,
        test,
        recorded,
        model,
    })
}

fn predict<T: Trainer>(model: &T::Model, table: &Table) -> PredictionBuf {
    T::predict(model, table).unwrap()
}

/// The fraction of rows whose class is predicted.
fn accuracy(predicted: &PredictionBuf, target: &Target) -> f64 {
    let Target::Classes { classes, codes } = target else {
        panic!("{target:?}");
    };
    assert_eq!(&predicted.classes, classes);
    let predicted = predicted.as_prediction().classes(classes.len());
    let right = predicted.iter().zip(codes).filter(|(a, b)| a == b).count();
    right as f64 / codes.len() as f64
}

fn learns<T: Trainer>(set: &[(&str, Value)]) {
    let table = table();
    for (name, width) in [("late", 1), ("where", 4)] {
        let fitted = run::<T>(&table, name, params::<T>(set)).unwrap();
        let predicted = predict::<T>(&fitted.model, &table);
        let trainer = T::description().name;
        let share = accuracy(&predicted, &fitted.target);
        assert!(share > 0.9, "{trainer} on `{name}`: {share}");

        let all = values(predicted.as_prediction());
        assert_eq!(all.len(), ROWS as usize * width);
        assert!(all.iter().all(|p| (0.0..=1.0).contains(p)));
        for row in all.chunks_exact(width).filter(|_| width > 1) {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        // The scored predictions are those of the model.
        let of = |rows: &[u32]| -> Vec<f64> {
            let rows = rows.iter().map(|row| *row as usize * width);
            rows.flat_map(|at| all[at..at + width].to_vec()).collect()
        };
        assert_eq!(fitted.recorded.test[&0], of(&fitted.test));
        assert_eq!(fitted.recorded.train[&0], of(&fitted.train));
    }
}

#[test]
fn trainers_learn_from_categories_and_missing_values() {
    learns::<DecisionTree>(&[]);
    learns::<DecisionTree>(&[("criterion", json!("entropy"))]);
    learns::<RandomForest>(&[("n_estimators", json!(40)), ("max_features", Value::Null)]);
    learns::<ExtraTrees>(&[("n_estimators", json!(40)), ("max_features", Value::Null)]);
}

#[test]
fn a_model_finds_features_by_name_and_categories_by_label() {
    let table = table();
    let fitted = run::<RandomForest>(
        &table,
        "where",
        params::<RandomForest>(&[("n_estimators", json!(10))]),
    )
    .unwrap();
    let expected = values(predict::<RandomForest>(&fitted.model, &table).as_prediction());
    // Features in another order, labels with other codes, no target.
    let other = Table::from_columns(vec![
        number("distance", distance),
        number("more", f64::from),
        category(
            "port",
            Role::Feature,
            &["LGA", "?", "JFK", "EWR"],
            |row| match port(row) {
                0 => 2,
                1 => 3,
                2 => 0,
                missing => missing,
            },
        ),
    ])
    .unwrap();
    let found = predict::<RandomForest>(&fitted.model, &other);
    assert_eq!(values(found.as_prediction()), expected);

    let refused = |columns| {
        let table = Table::from_columns(columns).unwrap();
        RandomForest::predict(&fitted.model, &table)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(vec![number("distance", distance)]),
        "invalid dataset: the model was fitted on a feature `port`, which the dataset does not have"
    );
    assert_eq!(
        refused(vec![
            number("distance", distance),
            number("port", f64::from)
        ]),
        "invalid dataset: feature `port` holds numbers, but the model was fitted on categories"
    );
}

#[test]
fn rows_with_an_unknown_label_are_predicted() {
    let table = table();
    let fitted = run::<DecisionTree>(&table, "where", params::<DecisionTree>(&[])).unwrap();
    let unknown = Table::from_columns(vec![
        category("port", Role::Feature, &["SFO"], |_| 0),
        number("distance", distance),
    ])
    .unwrap();
    let predicted = values(predict::<DecisionTree>(&fitted.model, &unknown).as_prediction());
    for row in predicted.chunks_exact(4) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

/// The prediction of a fit on a constant feature: the class proportions in the
/// only leaf.
fn constant_prediction<T: Trainer>(target: &str, class_weight: Value) -> Vec<f64> {
    constant_prediction_with::<T>(target, &[("class_weight", class_weight)])
}

fn constant_prediction_with<T: Trainer>(target: &str, set: &[(&str, Value)]) -> Vec<f64> {
    let table = Table::from_columns(vec![
        number("same", |_| 1.0),
        category("late", Role::Target, &["no", "yes"], |row| {
            u32::from(row % 3 == 0)
        }),
        category("where", Role::Target, &["a", "b", "c"], |row| {
            match row % 6 {
                0 => 0,
                1 | 2 => 1,
                _ => 2,
            }
        }),
    ])
    .unwrap();
    let set = [set, &[("random_state", json!(3))]].concat();
    let fitted = run::<T>(&table, target, params::<T>(&set)).unwrap();
    let predicted = values(predict::<T>(&fitted.model, &table).as_prediction());
    let width = predicted.len() / ROWS as usize;
    predicted[..width].to_vec()
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-9;
    assert!(
        found.len() == expected.len() && found.iter().zip(expected).all(near),
        "{found:?} is not {expected:?}"
    );
}

#[test]
fn predictions_follow_the_class_weights() {
    // Of the 60 training rows, 20 are late; 10, 20 and 30 are of the classes of
    // `where`.
    close(
        &constant_prediction::<DecisionTree>("late", Value::Null),
        &[20.0 / 60.0],
    );
    close(
        &constant_prediction::<DecisionTree>("late", json!("balanced")),
        &[0.5],
    );
    close(
        &constant_prediction::<DecisionTree>("late", json!({"yes": 6.0})),
        &[120.0 / 160.0],
    );
    close(
        &constant_prediction::<DecisionTree>("where", Value::Null),
        &[1.0 / 6.0, 2.0 / 6.0, 3.0 / 6.0],
    );
    close(
        &constant_prediction::<DecisionTree>("where", json!("balanced")),
        &[1.0 / 3.0; 3],
    );
    close(
        &constant_prediction::<ExtraTrees>("where", json!({"a": 3, "c": 0})),
        &[30.0 / 50.0, 20.0 / 50.0, 0.0],
    );
    // Rows are drawn in proportion to their weight.
    close(
        &constant_prediction::<RandomForest>("late", json!({"no": 0})),
        &[1.0],
    );
    let balanced = constant_prediction::<RandomForest>("late", json!("balanced"));
    assert!((balanced[0] - 0.5).abs() < 0.05, "{balanced:?}");
    close(
        &constant_prediction::<RandomForest>("late", json!("balanced_subsample")),
        &[0.5],
    );
}

#[test]
fn rows_can_be_drawn_many_times() {
    // About 500 times each; then about 300 times each of the 20 late rows, as
    // the weight of all others is almost 0.
    let many = constant_prediction_with::<RandomForest>("late", &[("max_samples", json!(30_000))]);
    assert!((many[0] - 1.0 / 3.0).abs() < 0.01, "{many:?}");
    let set = [
        ("max_samples", json!(6_000)),
        ("class_weight", json!({"no": 1e-9})),
    ];
    let many = constant_prediction_with::<RandomForest>("late", &set);
    assert!(many[0] > 0.999, "{many:?}");
}

#[test]
fn a_weight_for_an_unknown_class_is_an_error() {
    let table = table();
    let set = [("class_weight", json!({"maybe": 2}))];
    let refused = run::<RandomForest>(&table, "late", params::<RandomForest>(&set));
    assert_eq!(
        refused.err().unwrap().to_string(),
        "invalid hyper-parameters: `class_weight` names `maybe`, which is not one of the classes \
         `no`, `yes`"
    );
}

/// A table with a numeric target, `delay`, that is a function of the features, of
/// at least `least`.
fn delays(least: f64) -> Table {
    let delay = |row: u32| {
        let near = if distance(row).is_nan() || distance(row) < 30.0 {
            40.0
        } else {
            0.0
        };
        least + near + f64::from(port(row).min(3)) * 100.0
    };
    let mut target = number("delay", delay);
    target.0.role = Role::Target;
    Table::from_columns(vec![
        category("port", Role::Feature, &["JFK", "EWR", "LGA"], port),
        number("distance", distance),
        target,
    ])
    .unwrap()
}

fn learns_numbers<T: Trainer>(set: &[(&str, Value)]) {
    let table = delays(7.0);
    let fitted = run::<T>(&table, "delay", params::<T>(set)).unwrap();
    let predicted = predict::<T>(&fitted.model, &table);
    assert!(predicted.classes.is_empty());
    let all = values(predicted.as_prediction());
    let Target::Numbers(truth) = &fitted.target else {
        panic!("{:?}", fitted.target);
    };
    let mean = truth.iter().sum::<f64>() / f64::from(ROWS);
    let squares = |of: &dyn Fn(usize) -> f64| -> f64 {
        fitted
            .test
            .iter()
            .map(|&row| (truth[row as usize] - of(row as usize)).powi(2))
            .sum()
    };
    let r2 = 1.0 - squares(&|row| all[row]) / squares(&|_| mean);
    assert!(r2 > 0.9, "{} {set:?}: {r2}", T::description().name);
    let of = |rows: &[u32]| -> Vec<f64> { rows.iter().map(|&row| all[row as usize]).collect() };
    assert_eq!(fitted.recorded.test[&0], of(&fitted.test));
    assert_eq!(fitted.recorded.train[&0], of(&fitted.train));
    let stored = serde_json::to_string(&fitted.model).unwrap();
    let restored: T::Model = serde_json::from_str(&stored).unwrap();
    assert_eq!(values(predict::<T>(&restored, &table).as_prediction()), all);
}

#[test]
fn trainers_learn_numbers() {
    for criterion in ["squared_error", "friedman_mse", "absolute_error", "poisson"] {
        let criterion = ("criterion", json!(criterion));
        let forest = [criterion.clone(), ("n_estimators", json!(40))];
        learns_numbers::<DecisionTreeRegressor>(&[criterion]);
        learns_numbers::<RandomForestRegressor>(&forest);
        learns_numbers::<ExtraTreesRegressor>(&forest);
    }
}

/// Of rows that nothing separates, a tree predicts the weighted mean and the
/// weighted class proportions; a forest draws rows in proportion to their weight.
#[test]
fn rows_count_by_their_weights() {
    let mut target = number("delay", |row| f64::from(row % 3) * 10.0);
    target.0.role = Role::Target;
    let table = Table::from_columns(vec![
        number("same", |_| 1.0),
        target,
        category("late", Role::Target, &["no", "yes"], |row| {
            u32::from(row % 3 == 2)
        }),
    ])
    .unwrap();
    // Rows of delay 0 weigh nothing, those of 20 three times as much as those of 10.
    let weights: Vec<f64> = (0..ROWS)
        .map(|row| [0.0, 0.5, 1.5][row as usize % 3])
        .collect();
    fn predicted<T: Trainer>(table: &Table, target: &str, weights: &[f64]) -> f64 {
        let params = params::<T>(&[("random_state", json!(1))]);
        let fitted = run_weighted::<T>(table, target, params, Some(weights)).unwrap();
        values(predict::<T>(&fitted.model, table).as_prediction())[0]
    }
    close(
        &[predicted::<DecisionTreeRegressor>(
            &table, "delay", &weights,
        )],
        &[17.5],
    );
    close(
        &[predicted::<ExtraTreesRegressor>(&table, "delay", &weights)],
        &[17.5],
    );
    close(
        &[predicted::<DecisionTree>(&table, "late", &weights)],
        &[0.75],
    );
    let forest = predicted::<RandomForestRegressor>(&table, "delay", &weights);
    assert!((forest - 17.5).abs() < 0.5, "{forest}");
    let forest = predicted::<RandomForest>(&table, "late", &weights);
    assert!((forest - 0.75).abs() < 0.05, "{forest}");
    let none = vec![0.0; ROWS as usize];
    let params = params::<DecisionTreeRegressor>(&[]);
    let refused = run_weighted::<DecisionTreeRegressor>(&table, "delay", params, Some(&none));
    assert!(refused.is_err());
}

/// The names of the values that a hyper-parameter takes.
fn choices<T: Trainer>(name: &str) -> Vec<String> {
    let description = T::description();
    let kinds = description.param(name).unwrap().kinds.iter();
    let of = kinds.filter_map(|kind| match kind {
        ParamKind::Choice { of } => Some(of.clone()),
        _ => None,
    });
    of.flatten().collect()
}

/// scikit-learn 1.9's `RandomForestClassifier`, `RandomForestRegressor` and so on.
#[test]
fn the_defaults_are_those_of_scikit_learn_for_the_kind() {
    fn default<T: Trainer>(name: &str) -> Value {
        T::description().param(name).unwrap().default.clone()
    }
    for default in [
        default::<RandomForest>,
        default::<ExtraTrees>,
        default::<DecisionTree>,
    ] {
        assert_eq!(default("criterion"), json!("gini"));
    }
    for default in [
        default::<RandomForestRegressor>,
        default::<ExtraTreesRegressor>,
        default::<DecisionTreeRegressor>,
    ] {
        assert_eq!(default("criterion"), json!("squared_error"));
    }
    assert_eq!(default::<RandomForest>("max_features"), json!("sqrt"));
    assert_eq!(default::<ExtraTrees>("max_features"), json!("sqrt"));
    assert_eq!(default::<DecisionTree>("max_features"), Value::Null);
    assert_eq!(default::<RandomForestRegressor>("max_features"), json!(1.0));
    assert_eq!(default::<ExtraTreesRegressor>("max_features"), json!(1.0));
    assert_eq!(
        default::<DecisionTreeRegressor>("max_features"),
        Value::Null
    );
    assert_eq!(
        choices::<RandomForest>("criterion"),
        ["gini", "entropy", "log_loss"]
    );
    assert_eq!(
        choices::<RandomForestRegressor>("criterion"),
        ["squared_error", "friedman_mse", "absolute_error", "poisson"]
    );
    assert!(
        RandomForestRegressor::description()
            .param("class_weight")
            .is_none()
    );
}

/// What the sdk checks against descriptions before a fit is checked again by the fit.
#[test]
fn a_target_of_another_kind_is_an_error() {
    fn refused<T: Trainer>(table: &Table, target: &str, set: &[(&str, Value)]) -> String {
        let refused = run::<T>(table, target, params::<T>(set));
        refused.err().unwrap().to_string()
    }
    assert_eq!(
        refused::<RandomForest>(&delays(0.0), "delay", &[]),
        "invalid hyper-parameters: `criterion` is `gini`, but the target is numeric, which takes \
         `squared_error`, `friedman_mse`, `absolute_error` and `poisson`"
    );
    assert_eq!(
        refused::<RandomForestRegressor>(
            &table(),
            "late",
            &[("criterion", json!("absolute_error"))]
        ),
        "invalid hyper-parameters: `criterion` is `absolute_error`, but the target is of classes, \
         which takes `gini`, `entropy` and `log_loss`"
    );
    let weighted = [
        ("criterion", json!("squared_error")),
        ("class_weight", json!("balanced")),
    ];
    assert_eq!(
        refused::<RandomForest>(&delays(0.0), "delay", &weighted),
        "invalid hyper-parameters: `class_weight` is given, but the target is numeric and has no \
         classes"
    );
}

#[test]
fn a_negative_target_of_poisson_is_an_error() {
    let params = params::<RandomForestRegressor>(&[("criterion", json!("poisson"))]);
    let refused = run::<RandomForestRegressor>(&delays(-50.0), "delay", params);
    let message = refused.err().unwrap().to_string();
    assert!(
        message.starts_with(
            "invalid hyper-parameters: `criterion` is `poisson`, which takes targets of 0 or \
             more, but training row "
        ),
        "{message}"
    );
}

#[test]
fn a_deserialised_model_predicts_the_same() {
    let table = table();
    let small = [("n_estimators", json!(5))];
    let fitted = run::<ExtraTrees>(&table, "late", params::<ExtraTrees>(&small)).unwrap();
    let stored = serde_json::to_string(&fitted.model).unwrap();
    let restored: <ExtraTrees as Trainer>::Model = serde_json::from_str(&stored).unwrap();
    assert_eq!(
        values(predict::<ExtraTrees>(&restored, &table).as_prediction()),
        values(predict::<ExtraTrees>(&fitted.model, &table).as_prediction())
    );
}

#[test]
fn shared_data_and_models_round_trip() {
    fn check<T: Trainer>()
    where
        Offered<T>: Offer,
    {
        let (table, offer) = (table(), Offered::<T>::OFFER);
        let data = offer.prepare(&table).unwrap();
        let shared = offer.share(&*data, Vec::new()).unwrap();
        let adopted = offer.adopt(&shared).unwrap();
        assert_eq!(offer.share(&*adopted, Vec::new()).unwrap(), shared);
        let target = table
            .target("where", fanout_sdk::Learning::Multiclass)
            .unwrap();
        let (test, train): (Vec<u32>, Vec<u32>) = (0..ROWS).partition(|row| row % 3 == 2);
        let job = Job {
            candidates: &[params::<T>(&[])],
            target: &target,
            weights: None,
            part: None,
            train: &train,
            test: &test,
        };
        let recorded = [&data, &adopted].map(|data| {
            let mut recorded = Recorder::default();
            offer.evaluate(&**data, &job, &mut recorded).unwrap();
            recorded.test
        });
        assert_eq!(recorded[0], recorded[1]);
        let model = offer.fit_and_write(&*data, &job).unwrap();
        assert_eq!(offer.fit_and_write(&*adopted, &job).unwrap(), model);
        let opened = offer.open(&model.bytes).unwrap();
        let predicted = offer.predict(&*opened, &table).unwrap();
        let predicted = values(predicted.as_prediction());
        let of_test = test.iter().flat_map(|&row| {
            let start = row as usize * target.classes().len();
            &predicted[start..start + target.classes().len()]
        });
        assert!(of_test.eq(&recorded[0][&0]));
    }
    check::<RandomForest>();
    check::<ExtraTrees>();
    check::<DecisionTree>();
}
