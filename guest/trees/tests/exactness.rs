//! Exactness of families: the predictions of a candidate that was fitted
//! together with others equal, bit for bit, those of its own fit.

use std::collections::BTreeMap;

use fanout_sdk::{Fault, Prediction, Scorer};
use fanout_trees::forest::{self, ForestError, TrainingSet};
use fanout_trees::model::{FeatureValues, Forest, PredictError};
use fanout_trees::params::{Amount, ClassWeight, Impurity, MaxFeatures, Splitter};
use fanout_trees::{Bins, ForestParams, ForestValidParams};
use linfa::ParamGuard;
use proptest::prelude::*;

/// A small dataset.
#[derive(Clone, Debug)]
struct Data {
    numbers: Vec<Vec<f64>>,
    labels: Vec<String>,
    /// With the number of labels.
    categories: Vec<(usize, Vec<u32>)>,
    target: DataTarget,
    /// The sample weight of each row.
    weights: Option<Vec<f64>>,
    train: Vec<u32>,
    test: Vec<u32>,
}

#[derive(Clone, Debug)]
enum DataTarget {
    Classes {
        classes: Vec<String>,
        codes: Vec<u32>,
    },
    Numbers(Vec<f64>),
}

impl DataTarget {
    fn rows(&self) -> usize {
        match self {
            Self::Classes { codes, .. } => codes.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// The number of numbers of a prediction.
    fn width(&self) -> usize {
        match self {
            Self::Classes { classes, .. } if classes.len() > 2 => classes.len(),
            _ => 1,
        }
    }
}

impl Data {
    fn bins(&self) -> Bins {
        let mut bins = Bins::new(self.target.rows());
        for (index, values) in self.numbers.iter().enumerate() {
            bins.push_numbers(&format!("number {index}"), values)
                .unwrap();
        }
        for (index, (labels, values)) in self.categories.iter().enumerate() {
            let (name, labels) = (format!("category {index}"), &self.labels[..*labels]);
            bins.push_categories(&name, labels, values).unwrap();
        }
        bins
    }

    fn training(&self) -> TrainingSet<'_> {
        let set = match &self.target {
            DataTarget::Classes { classes, codes } => {
                TrainingSet::classes(classes, codes, &self.train)
            }
            DataTarget::Numbers(numbers) => TrainingSet::numbers(numbers, &self.train),
        };
        set.with_weights(self.weights.as_deref())
    }

    /// The predictions of a fitted forest for all rows.
    fn predict(&self, forest: &Forest) -> Vec<f64> {
        let predicted: Result<_, PredictError> =
            forest.predict(self.target.rows(), |index, _, encode| {
                encode(match self.numbers.get(index) {
                    Some(values) => FeatureValues::Number(values),
                    None => {
                        let (labels, values) = &self.categories[index - self.numbers.len()];
                        let labels = &self.labels[..*labels];
                        FeatureValues::Category { labels, values }
                    }
                })
            });
        predicted.unwrap()
    }
}

/// A scorer that keeps the bits of each candidate's predictions.
#[derive(Debug, Default, PartialEq, Eq)]
struct Bits {
    test: BTreeMap<usize, Vec<u64>>,
    train: BTreeMap<usize, Vec<u64>>,
}

fn bits(prediction: Prediction<'_>) -> Vec<u64> {
    match prediction {
        Prediction::Binary(values)
        | Prediction::Multiclass(values)
        | Prediction::Numbers(values) => values.iter().map(|value| value.to_bits()).collect(),
        other => panic!("a forest predicted {other:?}"),
    }
}

impl Scorer for Bits {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        assert!(
            self.test.insert(candidate, bits(prediction)).is_none(),
            "scored twice"
        );
        Ok(())
    }

    fn wants_train(&self) -> bool {
        true
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        assert!(
            self.train.insert(candidate, bits(prediction)).is_none(),
            "scored twice"
        );
        Ok(())
    }
}

fn evaluate(
    data: &Data,
    bins: &Bins,
    candidates: &[ForestValidParams],
) -> Result<(Bits, u32), ForestError> {
    let mut bits = Bits::default();
    let fits = forest::evaluate(bins, data.training(), &data.test, candidates, &mut bits)?;
    assert_eq!(bits.test.len(), candidates.len());
    assert_eq!(bits.train.len(), candidates.len());
    Ok((bits, fits))
}

/// A target of classes.
fn class_data() -> impl Strategy<Value = Data> {
    (8..120_usize, 2..5_usize).prop_flat_map(|(rows, classes)| {
        let codes = prop::collection::vec(0..classes as u32, rows);
        let target = codes.prop_map(move |codes| DataTarget::Classes {
            classes: (0..classes).map(|class| class.to_string()).collect(),
            codes,
        });
        data(rows, target)
    })
}

/// A numeric target, of at least 0: few distinct numbers, any numbers, or huge
/// ones.
fn number_data() -> impl Strategy<Value = Data> {
    let scale = prop_oneof![3 => Just(1.0), 1 => Just(1e300), 1 => Just(1e-300)];
    (8..120_usize, scale, 0..4_u32).prop_flat_map(|(rows, scale, offset)| {
        let number = prop_oneof![
            2 => (0..5_u32).prop_map(f64::from),
            1 => 0.0..9.0_f64,
        ];
        let numbers = prop::collection::vec(number, rows);
        let target = numbers.prop_map(move |numbers| {
            let offset = if scale == 1.0 {
                [0.0, 0.0, 1.5, 1e9][offset as usize]
            } else {
                0.0
            };
            DataTarget::Numbers(
                numbers
                    .iter()
                    .map(|number| number * scale + offset)
                    .collect(),
            )
        });
        data(rows, target)
    })
}

fn data(rows: usize, target: impl Strategy<Value = DataTarget>) -> impl Strategy<Value = Data> {
    let weight = prop_oneof![3 => 0.1..4.0_f64, 1 => (0..3_u32).prop_map(f64::from)];
    let weights = prop::option::weighted(0.3, prop::collection::vec(weight, rows));
    (target, weights).prop_flat_map(move |(target, weights)| features(rows, target, weights))
}

fn features(
    rows: usize,
    target: DataTarget,
    weights: Option<Vec<f64>>,
) -> impl Strategy<Value = Data> {
    (0..4_usize, 0..3_usize).prop_flat_map(move |(a, b)| {
        let (target, weights) = (target.clone(), weights.clone());
        let a = if a + b == 0 { 1 } else { a };
        let number = prop_oneof![
            6 => (-3..4_i32).prop_map(f64::from),
            3 => -1.0..1.0_f64,
            1 => Just(f64::NAN),
        ];
        let category = prop_oneof![9 => 0..6_u32, 1 => Just(u32::MAX)];
        // Few labels are split into subsets or by their order, many by their order.
        let categories = (prop::bool::ANY, prop::collection::vec(category, rows));
        (
            prop::collection::vec(prop::collection::vec(number, rows), a),
            prop::collection::vec(categories, b),
            prop::collection::vec(0..4_u8, rows),
        )
            .prop_map(move |(numbers, categories, parts)| {
                let (test, mut train): (Vec<u32>, Vec<u32>) =
                    (0..rows as u32).partition(|&row| parts[row as usize] == 0);
                if train.is_empty() {
                    train = vec![0];
                }
                let categories = categories.into_iter().map(|(is_wide, codes)| {
                    let (labels, step) = if is_wide { (300, 59) } else { (6, 1) };
                    let code = |code: u32| code.saturating_mul(step);
                    (labels, codes.into_iter().map(code).collect())
                });
                Data {
                    numbers,
                    labels: (0..300).map(|label| format!("label {label}")).collect(),
                    categories: categories.collect(),
                    target: target.clone(),
                    weights: weights.clone(),
                    test,
                    train,
                }
            })
    })
}

/// Hyper-parameters that are not nested, for numbers.
fn shared_of_numbers() -> impl Strategy<Value = ForestParams> {
    let criterion = prop_oneof![
        2 => Just(Impurity::SquaredError),
        1 => Just(Impurity::AbsoluteError),
        1 => Just(Impurity::Poisson),
    ];
    (shared(), criterion).prop_map(|(params, criterion)| {
        params.criterion(criterion).class_weight(ClassWeight::Equal)
    })
}

/// Hyper-parameters that are not nested, for classes.
fn shared() -> impl Strategy<Value = ForestParams> {
    let class_weight = prop_oneof![
        2 => Just(ClassWeight::Equal),
        1 => Just(ClassWeight::Balanced),
        1 => Just(ClassWeight::BalancedSubsample),
        1 => (0.1..3.0_f64).prop_map(|weight| {
            ClassWeight::ByLabel(BTreeMap::from([("1".to_owned(), weight)]))
        }),
    ];
    let max_features = prop_oneof![
        Just(MaxFeatures::Sqrt),
        Just(MaxFeatures::All),
        Just(MaxFeatures::Number(1)),
        Just(MaxFeatures::Share(0.7)),
    ];
    // The last draws rows too often for the packed tallies of two classes.
    let max_samples = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Amount::Share(0.5))),
        1 => Just(Some(Amount::Rows(9))),
        1 => Just(Some(Amount::Rows(9_000))),
    ];
    let leaf = prop_oneof![
        3 => Just(Amount::Rows(1)), 1 => (2..5_u64).prop_map(Amount::Rows), 1 => Just(Amount::Share(0.1)),
    ];
    (
        (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            max_samples,
            leaf,
        ),
        (
            max_features,
            prop_oneof![3 => Just(0.0), 1 => Just(0.05)],
            class_weight,
            0..9_u64,
        ),
        prop_oneof![4 => Just(None), 1 => (2..9_u32).prop_map(Some)],
    )
        .prop_map(
            |(
                (entropy, random, bootstrap, samples, leaf),
                (features, fraction, weight, seed),
                leaves,
            )| {
                ForestParams::random_forest()
                    .criterion(if entropy {
                        Impurity::Entropy
                    } else {
                        Impurity::Gini
                    })
                    .splitter(if random {
                        Splitter::Random
                    } else {
                        Splitter::Best
                    })
                    .bootstrap(bootstrap)
                    .max_samples(samples.filter(|_| bootstrap))
                    .min_samples_leaf(leaf)
                    .max_features(features)
                    .min_weight_fraction_leaf(fraction)
                    .class_weight(weight)
                    .random_state(seed)
                    .max_leaf_nodes(leaves)
            },
        )
}

/// The nested hyper-parameters of a few candidates.
fn grid() -> impl Strategy<Value = Vec<(u32, Option<u32>, Amount, f64)>> {
    let depth = prop_oneof![2 => (1..7_u32).prop_map(Some), 1 => Just(None)];
    let split = prop_oneof![
        3 => (2..20_u64).prop_map(Amount::Rows), 1 => (0.05..0.9_f64).prop_map(Amount::Share),
    ];
    let decrease = prop_oneof![2 => Just(0.0), 1 => 0.0..0.05_f64];
    prop::collection::vec((1..6_u32, depth, split, decrease), 1..7)
}

fn candidates(
    shared: &ForestParams,
    grid: &[(u32, Option<u32>, Amount, f64)],
) -> Vec<ForestValidParams> {
    grid.iter()
        .map(|&(trees, depth, split, decrease)| {
            shared
                .clone()
                .n_estimators(trees)
                .max_depth(depth)
                .min_samples_split(split)
                .min_impurity_decrease(decrease)
                .check()
                .unwrap()
        })
        .collect()
}

fn pick(values: &[f64], rows: &[u32], width: usize) -> Vec<u64> {
    rows.iter()
        .flat_map(|&row| &values[row as usize * width..][..width])
        .map(|value| value.to_bits())
        .collect()
}

/// The predictions of candidates together are those of each alone.
fn check_family(
    data: &Data,
    shared: &ForestParams,
    grid: &[(u32, Option<u32>, Amount, f64)],
) -> Result<(), TestCaseError> {
    let bins = data.bins();
    let candidates = candidates(shared, grid);
    let together = evaluate(data, &bins, &candidates);
    // Weights may leave no rows, with one candidate as with several.
    let Ok((together, fits)) = together else {
        prop_assert!(evaluate(data, &bins, &candidates[..1]).is_err());
        return Ok(());
    };
    prop_assert!(fits as usize <= candidates.len());
    let width = data.target.width();
    for (index, candidate) in candidates.iter().enumerate() {
        let (alone, fits) = evaluate(data, &bins, std::slice::from_ref(candidate)).unwrap();
        prop_assert_eq!(fits, 1);
        prop_assert_eq!(&together.test[&index], &alone.test[&0]);
        prop_assert_eq!(&together.train[&index], &alone.train[&0]);
        let forest = forest::fit(&bins, data.training(), candidate).unwrap();
        let predicted = data.predict(&forest);
        prop_assert_eq!(&together.test[&index], &pick(&predicted, &data.test, width));
        prop_assert_eq!(
            &together.train[&index],
            &pick(&predicted, &data.train, width)
        );
        match &data.target {
            DataTarget::Classes { .. } => {
                for probabilities in predicted.chunks_exact(width).filter(|_| width > 1) {
                    prop_assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
                }
                prop_assert!(predicted.iter().all(|p| (0.0..=1.0).contains(p)));
            }
            DataTarget::Numbers(numbers) => {
                let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
                let greatest = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                // A mean of trees may be a rounding error beyond.
                let range = least * (1.0 - 1e-12)..=greatest * (1.0 + 1e-12);
                prop_assert!(predicted.iter().all(|number| range.contains(number)));
            }
        }
    }
    Ok(())
}

/// A stored model predicts the same.
fn check_stored(data: &Data, candidate: &ForestValidParams) -> Result<(), TestCaseError> {
    let bins = data.bins();
    let Ok(forest) = forest::fit(&bins, data.training(), candidate) else {
        return Ok(());
    };
    let stored = serde_json::to_string(&forest).unwrap();
    let restored: Forest = serde_json::from_str(&stored).unwrap();
    let bits = |forest: &Forest| -> Vec<u64> {
        let predicted = data.predict(forest);
        predicted.iter().map(|value| value.to_bits()).collect()
    };
    prop_assert_eq!(bits(&forest), bits(&restored));
    prop_assert_eq!(stored, serde_json::to_string(&restored).unwrap());
    Ok(())
}

/// Other targets of test rows do not change a bit.
fn check_test_rows(data: &Data, candidate: &ForestValidParams) -> Result<(), TestCaseError> {
    let bins = data.bins();
    let Ok((bits, _)) = evaluate(data, &bins, std::slice::from_ref(candidate)) else {
        return Ok(());
    };
    let mut other = data.clone();
    for &row in &data.test {
        match &mut other.target {
            DataTarget::Classes { codes, .. } => codes[row as usize] = 0,
            DataTarget::Numbers(numbers) => numbers[row as usize] = f64::NAN,
        }
    }
    let (others, _) = evaluate(&other, &bins, std::slice::from_ref(candidate)).unwrap();
    prop_assert_eq!(bits, others);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_family_gives_the_predictions_of_separate_fits(
        data in class_data(), shared in shared(), grid in grid(),
    ) {
        check_family(&data, &shared, &grid)?;
    }

    #[test]
    fn a_family_of_regressors_gives_the_predictions_of_separate_fits(
        data in number_data(), shared in shared_of_numbers(), grid in grid(),
    ) {
        check_family(&data, &shared, &grid)?;
    }

    #[test]
    fn a_deserialised_forest_is_the_same(
        data in class_data(), shared in shared(), grid in grid(),
    ) {
        check_stored(&data, &candidates(&shared, &grid)[0])?;
    }

    #[test]
    fn a_deserialised_regressor_is_the_same(
        data in number_data(), shared in shared_of_numbers(), grid in grid(),
    ) {
        check_stored(&data, &candidates(&shared, &grid)[0])?;
    }

    #[test]
    fn test_rows_do_not_affect_the_fit(data in class_data(), shared in shared(), grid in grid()) {
        check_test_rows(&data, &candidates(&shared, &grid)[0])?;
    }

    #[test]
    fn test_rows_do_not_affect_the_fit_of_a_regressor(
        data in number_data(), shared in shared_of_numbers(), grid in grid(),
    ) {
        check_test_rows(&data, &candidates(&shared, &grid)[0])?;
    }

    /// Sums are exact, so that no order of the rows changes a bit.
    #[test]
    fn the_order_of_training_rows_does_not_change_a_regressor(
        data in number_data(), shared in shared_of_numbers(), grid in grid(), seed in any::<u32>(),
    ) {
        let candidate = &candidates(&shared.bootstrap(false).max_samples(None), &grid)[0];
        let mut other = data.clone();
        other.train.sort_by_key(|row| (row ^ seed).wrapping_mul(2_654_435_761));
        let bins = data.bins();
        let stored = |data: &Data| {
            let forest = forest::fit(&bins, data.training(), candidate);
            forest.map(|forest| serde_json::to_string(&forest).unwrap()).ok()
        };
        prop_assert_eq!(stored(&data), stored(&other));
    }
}

/// Nodes that are split between bins, and nodes that are split between all codes.
#[test]
fn families_of_large_nodes_of_many_codes_are_exact() {
    let random = |row: u32, by: u32| row.wrapping_mul(by).rotate_left(11).wrapping_mul(by) >> 9;
    let of_rows = |by: u32| -> Vec<f64> {
        let values = (0..2_400).map(|row| f64::from(random(row, by)) / 3.0);
        values
            .enumerate()
            .map(|(row, value)| if row % 17 == 3 { f64::NAN } else { value })
            .collect()
    };
    let data = Data {
        numbers: vec![
            of_rows(2_654_435_761),
            of_rows(2_246_822_519),
            of_rows(3_266_489_917),
        ],
        labels: (0..2_400).map(|label| label.to_string()).collect(),
        categories: vec![(
            2_400,
            (0..2_400)
                .map(|row| random(row, 668_265_263) % 2_400)
                .collect(),
        )],
        target: DataTarget::Classes {
            classes: (0..3).map(|class| class.to_string()).collect(),
            codes: (0..2_400)
                .map(|row| random(row, 374_761_393) % 5 / 2)
                .collect(),
        },
        weights: None,
        train: (0..1_900).collect(),
        test: (1_900..2_400).collect(),
    };
    let bins = data.bins();
    let grid = [
        (2, Some(4), Amount::Rows(2), 0.0),
        (3, None, Amount::Rows(9), 0.001),
    ];
    for shared in [
        ForestParams::random_forest(),
        ForestParams::random_forest().criterion(Impurity::Entropy),
        ForestParams::random_forest().class_weight(ClassWeight::BalancedSubsample),
        ForestParams::extra_trees(),
        ForestParams::decision_tree().class_weight(ClassWeight::Balanced),
    ] {
        let candidates = candidates(&shared, &grid);
        let (together, fits) = evaluate(&data, &bins, &candidates).unwrap();
        assert_eq!(fits, 1);
        for (index, candidate) in candidates.iter().enumerate() {
            let forest = forest::fit(&bins, data.training(), candidate).unwrap();
            let predicted = data.predict(&forest);
            assert_eq!(together.test[&index], pick(&predicted, &data.test, 3));
            assert_eq!(together.train[&index], pick(&predicted, &data.train, 3));
        }
    }
}

#[test]
fn candidates_that_differ_in_nested_parameters_are_one_fit() {
    let data = Data {
        numbers: vec![(0..60).map(|row| f64::from(row * 7 % 13)).collect()],
        labels: Vec::new(),
        categories: Vec::new(),
        target: DataTarget::Classes {
            classes: vec!["a".to_owned(), "b".to_owned()],
            codes: (0..60).map(|row| u32::from(row % 5 < 2)).collect(),
        },
        weights: None,
        train: (0..40).collect(),
        test: (40..60).collect(),
    };
    let grid = [
        (2, Some(3), Amount::Rows(2), 0.0),
        (5, None, Amount::Rows(9), 0.01),
    ];
    let bins = data.bins();
    let nested = candidates(&ForestParams::random_forest(), &grid);
    assert_eq!(evaluate(&data, &bins, &nested).unwrap().1, 1);
    // Best-first trees of different limits are not nested.
    let by_leaves = candidates(
        &ForestParams::random_forest().max_leaf_nodes(Some(4)),
        &grid,
    );
    assert_eq!(evaluate(&data, &bins, &by_leaves).unwrap().1, 2);
}
