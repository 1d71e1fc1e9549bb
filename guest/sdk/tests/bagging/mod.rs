//! What holds of every trainer of a guest, bagged; for the tests of each guest.

use std::collections::BTreeMap;

use fanout_sdk::bagging::Bagging;
use fanout_sdk::contract::Part;
use fanout_sdk::matrix::Block;
use fanout_sdk::offer::Offer;
use fanout_sdk::random::Random;
use fanout_sdk::{Fault, Job, Learning, Matrix, Params, Prediction, Scorer, Table, Target};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

const ROWS: u32 = 66;

/// The bits of predictions, by candidate, of test rows and of training rows.
#[derive(Debug, Default, PartialEq)]
struct Recorder {
    wants_train: bool,
    test: BTreeMap<usize, Vec<u64>>,
    train: BTreeMap<usize, Vec<u64>>,
}

impl Recorder {
    fn new(wants_train: bool) -> Self {
        Self {
            wants_train,
            ..Self::default()
        }
    }
}

/// The numbers of a prediction, and its classes where these do not follow.
fn numbers(prediction: Prediction<'_>) -> Vec<f64> {
    match prediction {
        Prediction::Classes(codes) => codes.iter().map(|&code| code.into()).collect(),
        Prediction::Binary(values)
        | Prediction::Multiclass(values)
        | Prediction::Numbers(values) => values.to_vec(),
        Prediction::Decisions {
            classes,
            values,
            probabilities,
        } => {
            let codes = classes.iter().map(|&code| f64::from(code));
            let rest = values.iter().chain(probabilities.unwrap_or_default());
            codes.chain(rest.copied()).collect()
        }
    }
}

fn bits(prediction: Prediction<'_>) -> Vec<u64> {
    numbers(prediction).into_iter().map(f64::to_bits).collect()
}

impl Scorer for Recorder {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let before = self.test.insert(candidate, bits(prediction));
        assert!(before.is_none(), "scored twice");
        Ok(())
    }

    fn wants_train(&self) -> bool {
        self.wants_train
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let before = self.train.insert(candidate, bits(prediction));
        assert!(before.is_none(), "scored twice");
        Ok(())
    }
}

/// Numbers of at least 0, of which the first two decide the targets.
fn matrix() -> Matrix {
    let column = |at: u32| -> Vec<f64> {
        let value = |row: u32| f64::from((row * (7 + 6 * at) + at * 5) % (23 + 8 * at)) / 3.0;
        (0..ROWS).map(value).collect()
    };
    let blocks = (0..4).map(|at| Block::number(format!("x{at}"), column(at)));
    Matrix::new(ROWS as usize, blocks.collect())
}

fn target(learning: Learning, matrix: &Matrix) -> Target {
    let rows = matrix.all_rows();
    let (first, second) = (matrix.column(0, &rows), matrix.column(1, &rows));
    let noise = (0..ROWS).map(|row| f64::from(row * 31 % 17) / 4.0);
    let sums = first.iter().zip(&second).zip(noise);
    let sums: Vec<f64> = sums.map(|((a, b), noise)| a + 0.5 * b + noise).collect();
    let classes = |bounds: &[f64]| Target::Classes {
        classes: (0..=bounds.len())
            .map(|class| format!("c{class}"))
            .collect(),
        codes: (sums.iter())
            .map(|sum| bounds.iter().filter(|bound| sum > *bound).count() as u32)
            .collect(),
    };
    match learning {
        Learning::Binary => classes(&[8.0]),
        Learning::Multiclass => classes(&[6.5, 10.0]),
        Learning::Regression => Target::Numbers(sums),
    }
}

/// All hyper-parameters of a trainer, bagged, as quick fits have them.
fn defaults(offer: &dyn Offer) -> Params {
    let description = offer.description();
    let params = description.params.into_iter();
    let mut params: Params = params.map(|param| (param.name, param.default)).collect();
    if params.contains_key("n_estimators") {
        params.insert("n_estimators".to_owned(), json!(3));
    }
    if description.name == "hist_gradient_boosting" {
        params.insert("max_iter".to_owned(), json!(4));
    }
    params
}

/// How members are drawn, and whether rows have weights.
#[derive(Clone, Debug)]
struct Setting {
    params: Params,
    weighted: bool,
}

fn settings() -> impl Strategy<Value = Setting> {
    let samples = prop_oneof![
        2 => Just(json!(null)), 1 => Just(json!(0.7)), 1 => Just(json!(35)),
    ];
    let features = prop_oneof![2 => Just(json!(1.0)), 1 => Just(json!(0.5)), 1 => Just(json!(3))];
    (samples, features, any::<[bool; 3]>(), 0..9_u32).prop_map(
        |(samples, features, [bootstrap, bootstrap_features, weighted], seed)| {
            let params = json!({
                "bagging__max_samples": samples,
                "bagging__max_features": features,
                "bagging__bootstrap": bootstrap,
                "bagging__bootstrap_features": bootstrap_features,
                "bagging__oob_score": bootstrap,
                "bagging__random_state": seed,
            });
            Setting {
                params: serde_json::from_value(params).unwrap(),
                weighted,
            }
        },
    )
}

/// The properties of one trainer for one kind of target.
struct Case {
    bagging: Bagging,
    matrix: Matrix,
    target: Target,
    train: Vec<u32>,
    test: Vec<u32>,
    weights: Vec<f64>,
}

impl Case {
    fn new(offer: &'static dyn Offer, learning: Learning) -> Self {
        let matrix = matrix();
        let (train, test) = (0..ROWS).partition(|row| row % 4 > 0);
        Self {
            bagging: Bagging(offer),
            target: target(learning, &matrix),
            train,
            test,
            weights: (0..ROWS)
                .map(|row| 0.5 + 0.5 * f64::from(row % 3))
                .collect(),
            matrix,
        }
    }

    fn job<'a>(&'a self, candidates: &'a [Params], weighted: bool) -> Job<'a> {
        Job {
            candidates,
            target: &self.target,
            weights: weighted.then_some(&self.weights),
            train: &self.train,
            test: &self.test,
            part: None,
        }
    }

    /// Candidates that differ in the number of members and, where the trainer has that
    /// nested, in depth.
    fn family(&self, setting: &Setting) -> Vec<Params> {
        let mut base = defaults(&self.bagging);
        base.extend(setting.params.clone());
        let description = self.bagging.description();
        let depth = description.param("max_depth");
        let depths = match depth.is_some_and(|depth| depth.nested) {
            true => vec![Some(2), Some(4)],
            false => vec![None],
        };
        let sizes = [4, 1, 3].into_iter();
        let each = sizes.flat_map(|size| depths.iter().map(move |depth| (size, *depth)));
        each.map(|(size, depth)| {
            let mut params = base.clone();
            params.insert("bagging__n_estimators".to_owned(), size.into());
            params.extend(depth.map(|depth| ("max_depth".to_owned(), depth.into())));
            params
        })
        .collect()
    }

    fn check(&self, setting: &Setting) -> Result<(), TestCaseError> {
        let bagging = self.bagging;
        let table = Table::of_matrix(self.matrix.clone()).unwrap();
        let data = bagging.prepare(&table).unwrap();
        let family = self.family(setting);
        let job = self.job(&family, setting.weighted);
        let mut together = Recorder::new(true);
        bagging.evaluate(&*data, &job, &mut together).unwrap();
        prop_assert_eq!(together.test.len(), family.len());
        // Other instances of the guest.
        let shared = bagging.share(&*data, vec![]).unwrap();
        let adopted = bagging.adopt(&shared).unwrap();
        let mut again = Recorder::new(true);
        bagging.evaluate(&*adopted, &job, &mut again).unwrap();
        prop_assert_eq!(&together, &again);

        for (place, candidate) in family.iter().enumerate() {
            let one = std::slice::from_ref(candidate);
            let job = self.job(one, setting.weighted);
            let of_test = &together.test[&place];
            // Alone, with and without training rows.
            for wants_train in [false, true] {
                let mut alone = Recorder::new(wants_train);
                bagging.evaluate(&*data, &job, &mut alone).unwrap();
                prop_assert_eq!(of_test, &alone.test[&0]);
                let train = wants_train.then(|| &together.train[&place]);
                prop_assert_eq!(train, alone.train.get(&0));
            }
            // The model.
            let fitted = bagging.fit(&*data, &job).unwrap();
            let whole = bagging.write(&*fitted).unwrap();
            let wants_oob = setting.params["bagging__oob_score"] == Value::Bool(true);
            prop_assert_eq!(whole.oob_score.is_some(), wants_oob);
            let mut scored = Recorder::new(true);
            bagging.score(&*data, &job, &*fitted, &mut scored).unwrap();
            prop_assert_eq!(of_test, &scored.test[&0]);
            prop_assert_eq!(&together.train[&place], &scored.train[&0]);
            let model = bagging.open(&whole.bytes).unwrap();
            let rows = |rows: &[u32]| Table::of_matrix(self.matrix.take(rows)).unwrap();
            let predicted = bagging.predict(&*model, &rows(&self.test)).unwrap();
            prop_assert_eq!(&predicted.classes, self.target.classes());
            prop_assert_eq!(of_test, &bits(predicted.as_prediction()));
            // Its parts.
            let members = candidate["bagging__n_estimators"].as_u64().unwrap() as u32;
            let cuts = [0, 1.min(members - 1), members];
            let parts = cuts.windows(2).filter(|cut| cut[0] < cut[1]).map(|cut| {
                let part = Some(Part {
                    start: cut[0],
                    end: cut[1],
                });
                let job = Job {
                    part,
                    ..self.job(one, setting.weighted)
                };
                bagging.fit_and_write(&*data, &job).unwrap().bytes
            });
            let parts: Vec<Vec<u8>> = parts.collect();
            let merge = |parts: Vec<Vec<u8>>| bagging.merge(&mut parts.into_iter().map(Ok));
            let merged = merge(parts.clone()).unwrap();
            prop_assert_eq!(&bagging.write(&*merged).unwrap(), &whole);
            if parts.len() > 1 {
                prop_assert!(merge(vec![parts[1].clone(), parts[0].clone()]).is_err());
                prop_assert!(merge(vec![parts[0].clone()]).is_err());
            }
        }
        Ok(())
    }
}

/// Every trainer of a list: whatever is drawn, families and parts change no bit, and what
/// is scored is what the model predicts.
pub(crate) fn families_and_parts_change_no_bit(trainers: &[&'static dyn Offer]) {
    for &offer in trainers {
        let description = offer.description();
        for &learning in &description.tasks {
            let case = Case::new(offer, learning);
            let mut runner = TestRunner::new(ProptestConfig {
                cases: 6,
                failure_persistence: None,
                ..ProptestConfig::default()
            });
            runner
                .run(&settings(), |setting| case.check(&setting))
                .unwrap_or_else(|error| panic!("{} {learning:?}: {error}", description.name));
        }
    }
}

/// The `random_state` of the first member of a bag of this one.
fn first_seed(random_state: u64) -> u64 {
    let of_bag = Random::new(random_state).next_u64();
    let of_member = Random::new(of_bag).next_u64();
    Random::new(of_member).next_u64() >> 33
}

/// Every trainer of a list: a bag of one member that draws all rows and columns is the
/// trainer with that member's seed, bit for bit.
pub(crate) fn a_bag_of_everything_is_the_trainer(trainers: &[&'static dyn Offer]) {
    for &offer in trainers {
        let description = offer.description();
        for &learning in &description.tasks {
            let case = Case::new(offer, learning);
            let table = Table::of_matrix(case.matrix.clone()).unwrap();
            let evaluated = |offer: &dyn Offer, params: Params| {
                let mut recorder = Recorder::new(true);
                let data = offer.prepare(&table).unwrap();
                let candidates = [params];
                let job = case.job(&candidates, false);
                offer.evaluate(&*data, &job, &mut recorder).unwrap();
                recorder
            };
            let mut params = defaults(offer);
            if let Some(seed) = params.get_mut("random_state") {
                *seed = first_seed(7).into();
            }
            let alone = evaluated(offer, params);
            let mut params = defaults(&case.bagging);
            let bag = json!({
                "bagging__bootstrap": false,
                "bagging__n_estimators": 1,
                "bagging__random_state": 7,
            });
            params.extend(serde_json::from_value::<Params>(bag).unwrap());
            let bagged = evaluated(&case.bagging, params);
            // Votes are other numbers than classes, or stand beside decisions.
            let has_votes = !description.abilities.probabilities && learning.is_classes();
            if has_votes && learning == Learning::Multiclass {
                continue;
            }
            let ours = |recorder: &Recorder| match has_votes {
                // Those of class 1, and the decisions.
                true => recorder.test[&0][..case.test.len()].to_vec(),
                false => [&recorder.test[&0][..], &recorder.train[&0][..]].concat(),
            };
            assert_eq!(
                ours(&alone),
                ours(&bagged),
                "{} {learning:?}",
                description.name
            );
        }
    }
}

/// Every trainer of a list that takes no weights: a row that occurs twice among the
/// training rows is two rows.
#[allow(dead_code, reason = "trainers of trees all take weights")]
pub(crate) fn repeated_rows_are_rows_of_their_own(trainers: &[&'static dyn Offer]) {
    for &offer in trainers {
        let description = offer.description();
        if description.abilities.weights {
            continue;
        }
        for &learning in &description.tasks {
            let case = Case::new(offer, learning);
            let times = |row: &u32| [1, 0, 3, 2, 1][*row as usize % 5];
            let rows = case.train.iter();
            let train: Vec<u32> = rows
                .flat_map(|row| std::iter::repeat_n(*row, times(row)))
                .collect();
            let params = [defaults(offer)];
            let predicted = |matrix: Matrix, target: &Target, train: &[u32], test: &[u32]| {
                let data = offer.prepare_matrix(&matrix).unwrap();
                let job = Job {
                    candidates: &params,
                    target,
                    weights: None,
                    train,
                    test,
                    part: None,
                };
                let mut recorder = Recorder::new(false);
                offer.evaluate(&*data, &job, &mut recorder).unwrap();
                let of_test = recorder.test[&0].iter();
                of_test
                    .map(|bits| f64::from_bits(*bits))
                    .collect::<Vec<f64>>()
            };
            let repeated = predicted(case.matrix.clone(), &case.target, &train, &case.test);
            let all = [train.clone(), case.test.clone()].concat();
            let target = match &case.target {
                Target::Classes { classes, codes } => Target::Classes {
                    classes: classes.clone(),
                    codes: all.iter().map(|&row| codes[row as usize]).collect(),
                },
                Target::Numbers(numbers) => {
                    Target::Numbers(all.iter().map(|&row| numbers[row as usize]).collect())
                }
            };
            let places: Vec<u32> = (0..all.len() as u32).collect();
            let (own, test) = places.split_at(train.len());
            let copied = predicted(case.matrix.take(&all), &target, own, test);
            for (repeated, copied) in repeated.iter().zip(&copied) {
                let distance = (repeated - copied).abs();
                assert!(
                    distance <= 1e-9 * (1.0 + copied.abs()),
                    "{} {learning:?}: {repeated} and {copied}",
                    description.name
                );
            }
        }
    }
}
