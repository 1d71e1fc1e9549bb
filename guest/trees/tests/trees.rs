//! Properties of grown trees, node by node: every split is the best by an
//! exhaustive search without histograms, and every limit holds.
//!
//! The trees are read from their serialised form, and traversed by code that
//! is independent of the crate's.

use std::collections::{BTreeMap, BTreeSet};

use fanout_trees::forest::{self, TrainingSet};
use fanout_trees::params::{Amount, ClassWeight, Impurity};
use fanout_trees::{Bins, Forest, ForestParams};
use linfa::ParamGuard;
use proptest::prelude::*;
use serde_json::Value;

/// A small table of number features or of one category feature.
#[derive(Clone, Debug)]
struct Data {
    columns: Vec<Values>,
    labels: Vec<String>,
    classes: Vec<String>,
    codes: Vec<u32>,
    /// The number that each class stands for, where the target is numeric.
    numbers: Option<Vec<f64>>,
    train: Vec<u32>,
}

#[derive(Clone, Debug)]
enum Values {
    /// NaN is missing.
    Numbers(Vec<f64>),
    /// `u32::MAX` is missing.
    Category(Vec<u32>),
}

impl Data {
    fn fit(&self, params: ForestParams) -> Grown<'_> {
        self.fit_weighted(params, None)
    }

    /// Fits rows with the weight of their class.
    fn fit_weighted(&self, params: ForestParams, weights: Option<&[f64]>) -> Grown<'_> {
        let of_rows = |of_classes: &[f64]| -> Vec<f64> {
            self.codes
                .iter()
                .map(|&code| of_classes[code as usize])
                .collect()
        };
        let weights = weights.map(of_rows);
        let targets = self.numbers.as_deref().map(of_rows);
        let mut bins = Bins::new(self.codes.len());
        for (index, column) in self.columns.iter().enumerate() {
            let name = format!("feature {index}");
            match column {
                Values::Numbers(values) => bins.push_numbers(&name, values).unwrap(),
                Values::Category(values) => {
                    bins.push_categories(&name, &self.labels, values).unwrap();
                }
            }
        }
        let training = match &targets {
            None => TrainingSet::classes(&self.classes, &self.codes, &self.train),
            Some(targets) => TrainingSet::numbers(targets, &self.train),
        };
        let training = training.with_weights(weights.as_deref());
        let forest = forest::fit(&bins, training, &params.check().unwrap()).unwrap();
        Grown::new(self, &forest)
    }

    /// Whether a number has a single value in `rows`, besides missing ones.
    fn ends_by_chance(&self, rows: &[u32]) -> bool {
        self.columns.iter().any(|column| match column {
            Values::Numbers(values) => {
                let of_rows = || rows.iter().map(|&row| values[row as usize]);
                let mut present = of_rows().filter(|value| !value.is_nan());
                let first = present.next();
                let is_single = first.is_some_and(|first| present.all(|value| value == first));
                is_single && of_rows().any(f64::is_nan)
            }
            Values::Category(_) => false,
        })
    }

    /// The weight of each class in `rows`.
    fn tally(&self, rows: &[u32], weights: &[f64]) -> Vec<f64> {
        let mut tally = vec![0.0; self.classes.len()];
        for &row in rows {
            let class = self.codes[row as usize] as usize;
            tally[class] += weights[class];
        }
        tally
    }
}

impl Data {
    /// The impurity of a node times its weight.
    fn impurity(&self, criterion: Impurity, tally: &[f64]) -> f64 {
        let sum: f64 = tally.iter().sum();
        if sum == 0.0 {
            return 0.0;
        }
        let numbers = self.numbers.as_deref().unwrap_or_default();
        let of_numbers = || tally.iter().zip(numbers);
        let mean = of_numbers().map(|(weight, y)| weight * y).sum::<f64>() / sum;
        let around = |center: f64| {
            of_numbers()
                .map(|(weight, y)| weight * (y - center).abs())
                .sum::<f64>()
        };
        let shares = tally.iter().map(|weight| weight / sum);
        match criterion {
            Impurity::Gini => sum * (1.0 - shares.map(|p| p * p).sum::<f64>()),
            Impurity::Entropy => {
                -sum * shares
                    .filter(|&p| p > 0.0)
                    .map(|p| p * p.log2())
                    .sum::<f64>()
            }
            Impurity::SquaredError => of_numbers()
                .map(|(weight, y)| weight * (y - mean).powi(2))
                .sum(),
            // A median is one of the numbers.
            Impurity::AbsoluteError => {
                let centers = of_numbers().filter(|(weight, _)| **weight > 0.0);
                centers
                    .map(|(_, &y)| around(y))
                    .fold(f64::INFINITY, f64::min)
            }
            // A node whose targets are all 0 is not allowed.
            Impurity::Poisson if mean <= 0.0 => f64::INFINITY,
            Impurity::Poisson => {
                let positive = of_numbers().filter(|(_, y)| **y > 0.0);
                positive
                    .map(|(weight, y)| weight * y * (y / mean).ln())
                    .sum()
            }
            Impurity::Auto => panic!("no measure"),
        }
    }
}

/// A serialised forest with its training data.
struct Grown<'d> {
    data: &'d Data,
    stored: Value,
}

/// A node with the training rows that reach it.
#[derive(Debug)]
struct Reached {
    rows: Vec<u32>,
    depth: u32,
    /// The index of its left child; 0 for a leaf.
    child: usize,
    /// The rows that go left; `None` for a leaf.
    left: Option<Vec<u32>>,
}

impl Reached {
    /// The rows of the left and the right child; `None` for a leaf.
    fn sides(&self) -> Option<[Vec<u32>; 2]> {
        let left = self.left.clone()?;
        let right = self.rows.iter().copied();
        let right = right.filter(|row| !left.contains(row)).collect();
        Some([left, right])
    }
}

impl<'d> Grown<'d> {
    fn new(data: &'d Data, forest: &Forest) -> Self {
        let stored = serde_json::to_value(forest).unwrap();
        Self { data, stored }
    }

    fn trees(&self) -> &[Value] {
        self.stored["trees"].as_array().unwrap()
    }

    fn leaves(&self, tree: usize) -> usize {
        let left = self.trees()[tree]["left"].as_array().unwrap();
        left.iter().filter(|left| **left == 0).count()
    }

    /// All nodes of a tree with their rows.
    fn nodes(&self, tree: usize) -> Vec<Reached> {
        let tree = &self.trees()[tree];
        let left = tree["left"].as_array().unwrap();
        let mut reached: Vec<Option<(Vec<u32>, u32)>> = vec![None; left.len()];
        reached[0] = Some((self.data.train.clone(), 0));
        let mut tests = 0;
        let mut nodes = Vec::new();
        for (node, left) in left.iter().enumerate() {
            let (rows, depth) = reached[node].take().expect("parents come first");
            let left = left.as_u64().unwrap() as usize;
            if left == 0 {
                nodes.push(Reached {
                    rows,
                    depth,
                    child: 0,
                    left: None,
                });
                continue;
            }
            let (to_left, to_right): (Vec<u32>, Vec<u32>) = rows
                .iter()
                .partition(|&&row| self.goes_left(tree, tests, row));
            tests += 1;
            reached[left] = Some((to_left.clone(), depth + 1));
            reached[left + 1] = Some((to_right, depth + 1));
            nodes.push(Reached {
                rows,
                depth,
                child: left,
                left: Some(to_left),
            });
        }
        nodes
    }

    fn goes_left(&self, tree: &Value, test: usize, row: u32) -> bool {
        let number = |name: &str| tree[name][test].as_u64().unwrap();
        let feature = number("feature") as usize;
        let coding = &self.stored["features"][feature]["coding"];
        match &self.data.columns[feature] {
            Values::Numbers(values) => {
                let value = values[row as usize];
                if value.is_nan() {
                    return number("missing_left") == 1;
                }
                let thresholds = coding["number"]["thresholds"].as_array().unwrap();
                let below = |threshold: &&Value| threshold.as_f64().unwrap() < value;
                thresholds.iter().filter(below).count() as u64 <= number("cut")
            }
            Values::Category(values) => {
                let labels = coding["category"]["labels"].as_array().unwrap();
                let code = match values[row as usize] {
                    u32::MAX => labels.len() as u64,
                    label => u64::from(label),
                };
                if coding["category"]["ordered"] == true {
                    return code <= number("cut")
                        || (code == labels.len() as u64 && number("missing_left") == 1);
                }
                let set = tree["sets"][number("cut") as usize].as_array().unwrap();
                set.contains(&Value::from(code))
            }
        }
    }
}

/// The minimum of either side of a split.
#[derive(Clone, Copy, Debug)]
struct Least {
    rows: usize,
    weight: f64,
}

/// What is subtracted from the gain of a split of `categories` categories of `rows`,
/// by the order of their labels and into any two subsets: multiples of the gain of
/// a split by chance.
fn noise(data: &Data, rows: &[u32], criterion: Impurity, categories: usize) -> [f64; 2] {
    use std::f64::consts::{FRAC_2_PI, LOG2_E};
    let tally = data.tally(rows, &vec![1.0; data.classes.len()]);
    let positive = tally[1] / rows.len() as f64;
    let by_chance = match criterion {
        Impurity::SquaredError => data.impurity(criterion, &tally) / rows.len() as f64,
        Impurity::Gini => 2.0 * positive * (1.0 - positive),
        Impurity::Entropy => LOG2_E / 2.0,
        other => panic!("no splits by `{other}` into subsets are checked"),
    };
    let beyond_two = categories.saturating_sub(2) as f64;
    let variance = 4.0 * FRAC_2_PI * (1.0 - FRAC_2_PI) * beyond_two;
    let by_order = match categories {
        ..8 => 0.0,
        _ => 2.55 + 3.0 * (categories as f64).ln().ln(),
    };
    let mut by_subsets = FRAC_2_PI * beyond_two + variance.sqrt();
    if criterion == Impurity::SquaredError {
        // Rows of a numeric target count as clusters of 30.
        by_subsets *= 30.0;
    }
    [by_order, by_subsets].map(|multiple| by_chance * multiple)
}

/// The sum of impurities after the best split of `rows`; `None` if there is no
/// split. The best leaves the least, a split of a category after what is
/// subtracted for noise.
fn best(
    data: &Data,
    rows: &[u32],
    criterion: Impurity,
    weights: &[f64],
    least: Least,
) -> Option<f64> {
    let mut best: Option<(f64, f64)> = None;
    let mut look = |penalty: f64, goes_left: &dyn Fn(u32) -> bool| {
        let (left, right): (Vec<u32>, Vec<u32>) = rows.iter().partition(|&&row| goes_left(row));
        let sides = [left, right].map(|side| (side.len(), data.tally(&side, weights)));
        let enough = sides.iter().all(|(rows, tally)| {
            *rows >= least.rows.max(1) && tally.iter().sum::<f64>() >= least.weight
        });
        if enough {
            let left = sides
                .iter()
                .map(|(_, tally)| data.impurity(criterion, tally));
            let left: f64 = left.sum();
            if best.is_none_or(|(score, _)| left + penalty < score) {
                best = Some((left + penalty, left));
            }
        }
    };
    for column in &data.columns {
        match column {
            Values::Numbers(values) => {
                let value = |row: u32| values[row as usize];
                let infinite = f64::NEG_INFINITY;
                let thresholds = rows.iter().map(|&row| value(row)).chain([infinite]);
                for threshold in thresholds.filter(|threshold| !threshold.is_nan()) {
                    look(0.0, &|row| value(row) <= threshold);
                    look(0.0, &|row| value(row).is_nan() || value(row) <= threshold);
                }
            }
            Values::Category(values) => {
                // Missing values are a category of their own.
                let missing = data.labels.len();
                let category = |row: u32| match values[row as usize] {
                    u32::MAX => missing,
                    label => label as usize,
                };
                let present: BTreeSet<usize> = rows.iter().map(|&row| category(row)).collect();
                let [by_order, by_subsets] = noise(data, rows, criterion, present.len());
                for set in 0..1_u32 << present.len() {
                    let left: BTreeSet<usize> = present
                        .iter()
                        .enumerate()
                        .filter_map(|(at, &category)| (set >> at & 1 == 1).then_some(category))
                        .collect();
                    let is_left = |category: usize| left.contains(&category);
                    let labels = present.range(..missing).map(|&label| is_left(label));
                    let is_by_order = labels.is_sorted_by(|a, b| a >= b);
                    let penalty = if is_by_order { by_order } else { by_subsets };
                    look(penalty, &|row| is_left(category(row)));
                }
            }
        }
    }
    best.map(|(_, left)| left)
}

fn numbers(classes: usize) -> impl Strategy<Value = Data> {
    (6..60_usize, 1..4_usize).prop_flat_map(move |(rows, columns)| {
        let number = prop_oneof![
            5 => (-4..5_i32).prop_map(f64::from),
            3 => -1.0..1.0_f64,
            1 => Just(f64::NAN),
        ];
        let column = prop::collection::vec(number, rows).prop_map(Values::Numbers);
        table(prop::collection::vec(column, columns), rows, classes)
    })
}

/// A category and a number of few values. The order of few labels has no penalty,
/// that of nine has one.
fn category(classes: usize) -> impl Strategy<Value = Data> {
    (6..60_usize, prop_oneof![2 => Just(5), 1 => Just(9_u32)]).prop_flat_map(
        move |(rows, labels)| {
            let value = prop_oneof![8 => 0..labels, 1 => Just(u32::MAX)];
            let category = prop::collection::vec(value, rows).prop_map(Values::Category);
            let number = prop::collection::vec((0..3).prop_map(f64::from), rows);
            let columns = (category, number.prop_map(Values::Numbers));
            table(columns.prop_map(|(a, b)| vec![a, b]), rows, classes)
        },
    )
}

fn table(
    columns: impl Strategy<Value = Vec<Values>>,
    rows: usize,
    classes: usize,
) -> impl Strategy<Value = Data> {
    let codes = prop::collection::vec(0..classes as u32, rows);
    let takes_part = prop::collection::vec(prop::bool::weighted(0.9), rows);
    (columns, codes, takes_part).prop_map(move |(columns, codes, takes_part)| Data {
        columns,
        labels: (0..9).map(|label| format!("label {label}")).collect(),
        classes: (0..classes).map(|class| class.to_string()).collect(),
        train: (0..codes.len() as u32)
            .filter(|&row| row == 0 || takes_part[row as usize])
            .collect(),
        codes,
        numbers: None,
    })
}

/// `min_samples_leaf`, `min_weight_fraction_leaf` and `max_depth`.
fn limits() -> impl Strategy<Value = (u64, f64, Option<u32>)> {
    let depth = prop_oneof![1 => Just(None), 1 => (1..5_u32).prop_map(Some)];
    let fraction = prop_oneof![2 => Just(0.0), 1 => 0.0..0.3_f64];
    (1..5_u64, fraction, depth)
}

/// Checks that every split of a tree is the best, and that no leaf could be
/// split. `weights` are of classes, or, if `are_of_rows`, given as the sample
/// weights of their rows.
fn check(
    data: &Data,
    criterion: Impurity,
    (weights, are_of_rows): (&[f64], bool),
    (leaf, fraction, depth): (u64, f64, Option<u32>),
) -> Result<(), TestCaseError> {
    let by_label = data.classes.iter().cloned().zip(weights.iter().copied());
    let (class_weight, row_weights) = match (are_of_rows, &data.numbers) {
        (false, None) => (ClassWeight::ByLabel(by_label.collect()), None),
        _ => (ClassWeight::Equal, are_of_rows.then_some(weights)),
    };
    let params = ForestParams::decision_tree()
        .criterion(criterion)
        .class_weight(class_weight)
        .min_samples_leaf(Amount::Rows(leaf))
        .min_weight_fraction_leaf(fraction)
        .max_depth(depth);
    let grown = data.fit_weighted(params, row_weights);
    let total: f64 = data.tally(&data.train, weights).iter().sum();
    let least = Least {
        rows: leaf as usize,
        weight: fraction * total,
    };
    for node in grown.nodes(0) {
        let tally = data.tally(&node.rows, weights);
        let before = data.impurity(criterion, &tally);
        // Rounding decides whether a weight that equals the limit meets it.
        let slack = |factor: f64| Least {
            weight: least.weight * factor,
            ..least
        };
        let loose = best(data, &node.rows, criterion, weights, slack(1.0 - 1e-9));
        let tight = best(data, &node.rows, criterion, weights, slack(1.0 + 1e-9));
        let Some(sides) = node.sides() else {
            // A split without gain may be rejected because of rounding.
            let gains = tight.is_some_and(|after| before - after > 1e-9);
            let has_reason = depth == Some(node.depth) || !gains;
            prop_assert!(has_reason, "a leaf that can be split: {node:?}");
            continue;
        };
        prop_assert!(depth.is_none_or(|depth| node.depth < depth));
        let mut after = 0.0;
        for side in &sides {
            let tally = data.tally(side, weights);
            prop_assert!(side.len() >= least.rows);
            prop_assert!(tally.iter().sum::<f64>() >= slack(1.0 - 1e-9).weight);
            after += data.impurity(criterion, &tally);
        }
        let (loose, tight) = (loose.unwrap(), tight.unwrap_or(f64::INFINITY));
        prop_assert!(
            after >= loose - 1e-9 && after <= tight + 1e-9,
            "{after} is left, and {loose} could be: {node:?}"
        );
    }
    Ok(())
}

/// Classes as numbers, the first of them 0.
fn with_numbers(data: Data) -> Data {
    let numbers = [0.0, 1.0, 2.5, 3.25, 7.0, 40.0];
    Data {
        numbers: Some(numbers[..data.classes.len()].to_vec()),
        ..data
    }
}

fn criterion_of_numbers() -> impl Strategy<Value = Impurity> {
    prop_oneof![
        Just(Impurity::SquaredError),
        Just(Impurity::AbsoluteError),
        Just(Impurity::Poisson),
    ]
}

fn criterion() -> impl Strategy<Value = Impurity> {
    prop_oneof![Just(Impurity::Gini), Just(Impurity::Entropy)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(250))]

    #[test]
    fn every_split_of_two_classes_is_the_best(
        data in numbers(2), criterion in criterion(), limits in limits(),
    ) {
        check(&data, criterion, (&[1.0; 2], false), limits)?;
    }

    #[test]
    fn every_split_of_more_classes_is_the_best(
        data in numbers(4), criterion in criterion(), limits in limits(),
    ) {
        check(&data, criterion, (&[1.0; 4], false), limits)?;
    }

    #[test]
    fn every_split_of_weighted_classes_is_the_best(
        data in numbers(3), criterion in criterion(), limits in limits(),
        weights in prop::collection::vec(0.25..4.0_f64, 3), are_of_rows in any::<bool>(),
    ) {
        check(&data, criterion, (&weights, are_of_rows), limits)?;
    }

    #[test]
    fn every_split_of_numbers_is_the_best(
        data in numbers(6).prop_map(with_numbers), criterion in criterion_of_numbers(),
        limits in limits(), weights in prop::collection::vec(0.25..4.0_f64, 6),
        are_of_rows in any::<bool>(),
    ) {
        let weights = if are_of_rows { weights } else { vec![1.0; 6] };
        check(&data, criterion, (&weights, are_of_rows), limits)?;
    }

    // Sorting the categories by their means gives the best of all subsets
    // (Breiman et al., 1984).
    #[test]
    fn every_split_of_a_category_by_numbers_is_the_best_by_order_or_of_all_subsets(
        data in category(5).prop_map(with_numbers), depth in prop::option::of(1..5_u32),
    ) {
        check(&data, Impurity::SquaredError, (&[1.0; 5], false), (1, 0.0, depth))?;
    }

    // For two classes, sorting the categories by class proportion gives the
    // best of all subsets (Breiman et al., 1984).
    #[test]
    fn every_split_of_a_category_is_the_best_by_order_or_of_all_subsets(
        data in category(2), criterion in criterion(), depth in prop::option::of(1..5_u32),
    ) {
        check(&data, criterion, (&[1.0; 2], false), (1, 0.0, depth))?;
    }

    #[test]
    fn best_first_trees_split_the_node_of_the_greatest_decrease(data in numbers(3), most in 2..12_u32) {
        let whole = data.fit(ForestParams::decision_tree());
        let grown = data.fit(ForestParams::decision_tree().max_leaf_nodes(Some(most)));
        prop_assert_eq!(grown.leaves(0), whole.leaves(0).min(most as usize));
        let nodes = whole.nodes(0);
        let by_rows: BTreeMap<&[u32], &Reached> =
            nodes.iter().map(|node| (node.rows.as_slice(), node)).collect();
        let of = |rows: &[u32]| data.impurity(Impurity::Gini, &data.tally(rows, &[1.0; 3]));
        let gain = |node: &Reached| match node.sides() {
            Some([left, right]) => of(&node.rows) - of(&left) - of(&right),
            None => f64::NEG_INFINITY,
        };
        // Children are stored in the order in which their parents were split.
        let mut splits = grown.nodes(0);
        splits.retain(|node| node.left.is_some());
        splits.sort_by_key(|node| node.child);
        let mut waiting: Vec<&Reached> = vec![&nodes[0]];
        for split in &splits {
            let split = by_rows[split.rows.as_slice()];
            prop_assert!(waiting.iter().any(|node| node.rows == split.rows));
            prop_assert!(waiting.iter().all(|node| gain(node) <= gain(split) + 1e-9));
            let sides = split.sides().expect("the whole tree splits it too");
            waiting.retain(|node| node.rows != split.rows);
            waiting.extend(sides.iter().map(|side| by_rows[side.as_slice()]));
        }
    }

    #[test]
    fn random_splits_separate_rows_until_leaves_are_pure(data in numbers(3), seed in 0..50_u64) {
        let params = ForestParams::extra_trees().n_estimators(3).random_state(seed);
        let grown = data.fit(params);
        for tree in 0..3 {
            for node in grown.nodes(tree) {
                match &node.left {
                    Some(left) => prop_assert!(!left.is_empty() && left.len() < node.rows.len()),
                    // Rows with equal features stay together. A feature of one
                    // value and missing ones may end a branch by chance.
                    None => {
                        let tally = data.tally(&node.rows, &[1.0; 3]);
                        let pure = data.impurity(Impurity::Gini, &tally) < 1e-9;
                        let least = Least { rows: 1, weight: 0.0 };
                        let split = best(&data, &node.rows, Impurity::Gini, &[1.0; 3], least);
                        prop_assert!(pure || split.is_none() || data.ends_by_chance(&node.rows));
                    }
                }
            }
        }
    }
}

fn two_clusters() -> Data {
    let rows = 40_u32;
    let codes: Vec<u32> = (0..rows).map(|row| u32::from(row % 4 == 0)).collect();
    let value = |row: u32| f64::from(row * 7 % 40) + 100.0 * f64::from(codes[row as usize]);
    Data {
        columns: vec![Values::Numbers((0..rows).map(value).collect())],
        labels: Vec::new(),
        classes: vec!["0".to_owned(), "1".to_owned()],
        codes,
        numbers: None,
        train: (0..rows).collect(),
    }
}

/// More numbers than a byte holds, more labels, and classes without any relation
/// to them: only splits between any two values separate the rows.
#[test]
fn rows_of_distinct_values_are_separated_whatever_their_number() {
    let rows = 3_000_u32;
    let random = |row: u32| {
        row.wrapping_mul(2_654_435_761)
            .rotate_left(13)
            .wrapping_mul(668_265_263)
    };
    let value = |row: u32| f64::from(row * 7 % rows) / 3.0;
    for column in [
        Values::Numbers((0..rows).map(value).collect()),
        Values::Category((0..rows).map(|row| row * 7 % rows).collect()),
    ] {
        for classes in [2, 40] {
            let data = Data {
                columns: vec![column.clone()],
                labels: (0..rows).map(|label| label.to_string()).collect(),
                classes: (0..classes).map(|class| class.to_string()).collect(),
                codes: (0..rows).map(|row| (random(row) >> 8) % classes).collect(),
                numbers: None,
                train: (0..rows).collect(),
            };
            let equal = vec![1.0; classes as usize];
            for params in [
                ForestParams::decision_tree(),
                ForestParams::extra_trees().n_estimators(1),
            ] {
                for node in data
                    .fit(params)
                    .nodes(0)
                    .iter()
                    .filter(|node| node.left.is_none())
                {
                    let tally = data.tally(&node.rows, &equal);
                    assert!(data.impurity(Impurity::Gini, &tally) < 1e-9);
                }
            }
        }
    }
}

#[test]
fn a_tree_that_draws_one_row_is_one_leaf() {
    let data = two_clusters();
    let params = ForestParams::random_forest().n_estimators(400);
    let grown = data.fit(params.clone().max_samples(Some(Amount::Rows(1))));
    assert!((0..400).all(|tree| grown.leaves(tree) == 1));
    // Each leaf predicts the class of its row, so that the mean prediction is
    // the class frequency.
    let ones = (0..400)
        .filter(|&tree| grown.trees()[tree]["values"][0] == 1.0)
        .count();
    assert!(
        (60..140).contains(&ones),
        "{ones} of 400, expected about 100"
    );
    // All rows, as a number, as a fraction, or by default, are one sample.
    let stored = |samples| data.fit(params.clone().max_samples(samples)).stored;
    assert_eq!(stored(None), stored(Some(Amount::Rows(40))));
    assert_eq!(stored(None), stored(Some(Amount::Share(1.0))));
    assert_ne!(stored(None), stored(Some(Amount::Share(0.5))));
}

#[test]
fn a_fraction_of_the_rows_is_rounded_up() {
    let data = two_clusters();
    let least = |amount| {
        let params = ForestParams::decision_tree().min_samples_leaf(amount);
        let nodes = data.fit(params).nodes(0);
        let leaves = nodes.iter().filter(|node| node.left.is_none());
        leaves.map(|leaf| leaf.rows.len()).min().unwrap()
    };
    assert_eq!(least(Amount::Rows(1)), 10);
    // 0.26 of 40 rows is 10.4, rounded up to 11.
    assert_eq!(least(Amount::Share(0.25)), 10);
    assert!(least(Amount::Share(0.26)) >= 11);
}

#[test]
fn different_seeds_give_different_forests() {
    let clusters = two_clusters();
    let data = Data {
        columns: vec![Values::Numbers(
            (0..40).map(|row| f64::from(row * 7 % 40)).collect(),
        )],
        ..clusters
    };
    let stored =
        |params: ForestParams, seed| data.fit(params.n_estimators(5).random_state(seed)).stored;
    for params in [ForestParams::random_forest(), ForestParams::extra_trees()] {
        assert_eq!(stored(params.clone(), 1), stored(params.clone(), 1));
        assert_ne!(stored(params.clone(), 1), stored(params, 2));
    }
}
