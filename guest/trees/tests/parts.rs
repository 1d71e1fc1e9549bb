//! Parts of a fit: ranges of trees that are fitted apart and merged are, bit for bit,
//! the model of one fit, its score out of bag included, and score test rows as its
//! evaluation does.

use std::any::Any;

use fanout_sdk::contract::{Column, ColumnKind, Part, Role};
use fanout_sdk::offer::{Offer, Offered};
use fanout_sdk::{Fault, Job, Params, Table, Target, Values};
use fanout_trees::{
    DecisionTree, ExtraTrees, ExtraTreesRegressor, RandomForest, RandomForestRegressor,
};
use proptest::prelude::*;
use recorder::Recorder;
use serde_json::{Value, json};

mod recorder;

/// A table of numbers and categories with some missing, its target and weights.
#[derive(Clone, Debug)]
struct Data {
    numbers: Vec<f64>,
    codes: Vec<u32>,
    target: Target,
    weights: Option<Vec<f64>>,
}

impl Data {
    fn table(&self) -> Table {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            role: Role::Feature,
            kind,
        };
        let labels = (0..5).map(|label| format!("label {label}")).collect();
        Table::from_columns(vec![
            (
                column("number", ColumnKind::Number),
                Values::Number(self.numbers.clone()),
            ),
            (
                column("category", ColumnKind::Category { labels }),
                Values::Category(self.codes.clone()),
            ),
        ])
        .unwrap()
    }

    /// Two thirds of the rows are trained on.
    fn rows(&self) -> (Vec<u32>, Vec<u32>) {
        (0..self.numbers.len() as u32).partition(|row| row % 3 < 2)
    }
}

fn data(target: impl Fn(usize) -> BoxedStrategy<Target>) -> impl Strategy<Value = Data> {
    (9..90_usize).prop_flat_map(move |rows| {
        let number = prop_oneof![9 => -1.0..1.0_f64, 1 => Just(f64::NAN)];
        let code = prop_oneof![9 => 0..5_u32, 1 => Just(Values::MISSING)];
        let weights = prop::collection::vec(0.1..3.0_f64, rows);
        (
            prop::collection::vec(number, rows),
            prop::collection::vec(code, rows),
            target(rows),
            prop::option::weighted(0.3, weights),
        )
            .prop_map(|(numbers, codes, target, weights)| Data {
                numbers,
                codes,
                target,
                weights,
            })
    })
}

fn classes(rows: usize) -> BoxedStrategy<Target> {
    (2..5_u32)
        .prop_flat_map(move |classes| {
            let codes = prop::collection::vec(0..classes, rows);
            codes.prop_map(move |codes| Target::Classes {
                classes: (0..classes).map(|class| class.to_string()).collect(),
                codes,
            })
        })
        .boxed()
}

fn numbers(rows: usize) -> BoxedStrategy<Target> {
    let scale = prop_oneof![3 => Just(1.0), 1 => Just(1e300), 1 => Just(1e-300)];
    let numbers = prop::collection::vec(-2.0..9.0_f64, rows);
    (numbers, scale)
        .prop_map(|(numbers, scale)| {
            Target::Numbers(numbers.iter().map(|number| number * scale).collect())
        })
        .boxed()
}

/// Hyper-parameters, as many trees as the last cut says, and the cuts.
fn settings() -> impl Strategy<Value = (Params, Vec<u32>)> {
    let max_samples = prop_oneof![
        2 => Just(Value::Null), 1 => Just(json!(0.5)), 1 => Just(json!(7)),
    ];
    let leaves = prop_oneof![3 => Just(Value::Null), 1 => Just(json!(4))];
    let depth = prop_oneof![2 => Just(Value::Null), 1 => (1..5_u32).prop_map(Value::from)];
    let cuts = prop::collection::btree_set(1..14_u32, 1..5);
    (
        any::<[bool; 2]>(),
        max_samples,
        leaves,
        depth,
        cuts,
        0..9_u32,
    )
        .prop_map(
            |([bootstrap, oob_score], max_samples, leaves, depth, cuts, seed)| {
                let cuts: Vec<u32> = cuts.into_iter().collect();
                let own = json!({
                    "n_estimators": cuts.last(),
                    "bootstrap": bootstrap,
                    "oob_score": bootstrap && oob_score,
                    "max_samples": if bootstrap { max_samples } else { Value::Null },
                    "max_leaf_nodes": leaves,
                    "max_depth": depth,
                    "random_state": seed,
                });
                (own.as_object().unwrap().clone().into_iter().collect(), cuts)
            },
        )
}

/// The candidate of these hyper-parameters, and of a class weight if it is taken.
fn candidate(offer: &dyn Offer, own: &Params, weight: &Value) -> Params {
    let params = offer.description().params;
    let value = |name: &str| match name {
        "class_weight" => Some(weight.clone()),
        name => own.get(name).cloned(),
    };
    let params = params.into_iter().map(|param| {
        let value = value(&param.name).unwrap_or(param.default);
        (param.name, value)
    });
    params.collect()
}

/// The parts that end at these trees, fitted apart.
fn parts(
    offer: &dyn Offer,
    data: &dyn std::any::Any,
    job: &Job<'_>,
    cuts: &[u32],
) -> Result<Vec<Vec<u8>>, Fault> {
    let starts = std::iter::once(0).chain(cuts.iter().copied());
    let ranges = starts.zip(cuts).map(|(start, &end)| {
        let part = Some(Part { start, end });
        Ok(offer.fit_and_write(data, &Job { part, ..*job })?.bytes)
    });
    ranges.collect()
}

/// The model of these parts.
fn of_parts(offer: &dyn Offer, parts: Vec<Vec<u8>>) -> Result<Box<dyn Any>, Fault> {
    offer.merge(&mut parts.into_iter().map(Ok))
}

fn check(
    offer: &dyn Offer,
    data: &Data,
    (own, cuts): (&Params, &[u32]),
    weight: &Value,
) -> Result<(), TestCaseError> {
    let prepared = offer.prepare(&data.table()).unwrap();
    let (train, test) = data.rows();
    let job = Job {
        candidates: &[candidate(offer, own, weight)],
        target: &data.target,
        weights: data.weights.as_deref(),
        part: None,
        train: &train,
        test: &test,
    };
    let Ok(whole) = offer.fit_and_write(&*prepared, &job) else {
        prop_assert!(parts(offer, &*prepared, &job, cuts).is_err());
        return Ok(());
    };
    let made = parts(offer, &*prepared, &job, cuts).unwrap();
    let fitted = of_parts(offer, made.clone()).unwrap();
    let merged = offer.write(&*fitted).unwrap();
    prop_assert_eq!(&merged, &whole);
    // R² of numbers near the limits of floats is undefined.
    prop_assert!(merged.oob_score.is_none() || own["oob_score"] == json!(true));
    if own["oob_score"] == json!(true) && matches!(data.target, Target::Classes { .. }) {
        prop_assert!(merged.oob_score.is_some());
    }
    let (mut scored, mut evaluated) = (Recorder::default(), Recorder::default());
    offer
        .score(&*prepared, &job, &*fitted, &mut scored)
        .unwrap();
    offer.evaluate(&*prepared, &job, &mut evaluated).unwrap();
    let bits = |values: &[f64]| {
        values
            .iter()
            .map(|value| value.to_bits())
            .collect::<Vec<_>>()
    };
    prop_assert_eq!(bits(&scored.test[&0]), bits(&evaluated.test[&0]));
    prop_assert_eq!(bits(&scored.train[&0]), bits(&evaluated.train[&0]));
    // In another order, or with one missing or twice, they are no model.
    if made.len() > 1 {
        let mut turned = made.clone();
        turned.rotate_left(1);
        let twice = made.iter().chain(made.last()).cloned().collect();
        for wrong in [turned, made[1..].to_vec(), made[..1].to_vec(), twice] {
            prop_assert!(of_parts(offer, wrong).is_err());
        }
    }
    prop_assert!(of_parts(offer, vec![whole.bytes]).is_err());
    prop_assert!(of_parts(offer, Vec::new()).is_err());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ranges_of_trees_of_classes_are_merged_to_one_fit(
        data in data(classes), (own, cuts) in settings(), is_extra in any::<bool>(),
        weight in prop_oneof![Just(Value::Null), Just(json!("balanced")), Just(json!({"1": 2.5}))],
    ) {
        let offer: &dyn Offer = match is_extra {
            true => &Offered::<ExtraTrees>::OFFER,
            false => &Offered::<RandomForest>::OFFER,
        };
        check(offer, &data, (&own, &cuts), &weight)?;
    }

    #[test]
    fn ranges_of_trees_of_numbers_are_merged_to_one_fit(
        data in data(numbers), (own, cuts) in settings(), is_extra in any::<bool>(),
    ) {
        let offer: &dyn Offer = match is_extra {
            true => &Offered::<ExtraTreesRegressor>::OFFER,
            false => &Offered::<RandomForestRegressor>::OFFER,
        };
        check(offer, &data, (&own, &cuts), &Value::Null)?;
    }
}

#[test]
fn what_is_no_part_is_an_error() {
    let data = Data {
        numbers: (0..30).map(f64::from).collect(),
        codes: vec![0; 30],
        target: Target::Numbers((0..30).map(f64::from).collect()),
        weights: None,
    };
    let offer = Offered::<RandomForestRegressor>::OFFER;
    let prepared = offer.prepare(&data.table()).unwrap();
    let (train, test) = data.rows();
    let own = Params::from([("n_estimators".to_owned(), json!(9))]);
    let refused = |start, end| {
        let job = Job {
            candidates: &[candidate(&offer, &own, &Value::Null)],
            target: &data.target,
            weights: None,
            part: Some(Part { start, end }),
            train: &train,
            test: &test,
        };
        offer
            .fit(&*prepared, &job)
            .map(drop)
            .map_err(|fault| fault.to_string())
    };
    assert_eq!(refused(3, 9), Ok(()));
    for (start, end) in [(3, 3), (4, 3), (8, 10), (9, 12)] {
        let message = format!("invalid task: the trees {start} to {end} are no part of 9");
        assert_eq!(refused(start, end), Err(message));
    }
    assert!(Offered::<DecisionTree>::OFFER.description().parts.is_none());
}
