//! What the features of a model are worth: [`contributions`] to predictions, and
//! [`impurity`] and [`gain`] importances of features.

use std::collections::BTreeMap;

use fanout_sdk::contract::{CONTRACT, ImportanceKind, Importances};
use fanout_sdk::explanation::Contributions;
use fanout_sdk::{Fault, Table};

use crate::features::{TableError, encode_feature};
use crate::fitted::FittedTree;
use crate::model::Forest;
use crate::shapley::TreeShapley;

/// How the values of trees make the outputs of a model.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ensemble<'a> {
    /// The mean of all trees, each of which has a number for every class, or one
    /// number for two classes and for numbers.
    Mean,
    /// By output, what is added to the sum of every tree whose index modulo the number
    /// of outputs is the output's.
    Sum(&'a [f64]),
}

/// The Shapley values of a model of `classes` for the rows of a table: of
/// probabilities of [`Ensemble::Mean`], of sums before the link of [`Ensemble::Sum`].
pub(crate) fn contributions(
    forest: &Forest,
    classes: &[String],
    ensemble: Ensemble<'_>,
    table: &Table,
) -> Result<Contributions, Fault> {
    let outputs = match classes {
        [] => vec![String::new()],
        [_, second] => vec![second.clone()],
        classes => classes.to_vec(),
    };
    let rows = table.rows();
    let codes = forest.codes(rows, |_, column, encode| {
        encode_feature(table, column, encode)
    });
    let codes = codes.map_err(TableError::fault)?;
    let features = forest.columns().len();
    let number = outputs.len();
    let mut values = vec![vec![0.0; rows]; number * features];
    let mut expected = vec![0.0; number];
    for (index, fitted) in forest.fitted().iter().enumerate() {
        let mut shapley = TreeShapley::new(fitted);
        let (of, within) = match ensemble {
            Ensemble::Mean => (0..number, None),
            Ensemble::Sum(_) => (index % number..index % number + 1, Some(0)),
        };
        for output in of {
            let of_tree = within.unwrap_or(output);
            let sums = &mut values[output * features..][..features];
            shapley.add(&codes, of_tree, sums);
            expected[output] += shapley.expected(of_tree);
        }
    }
    match ensemble {
        Ensemble::Mean => {
            let trees = forest.trees() as f64;
            let all = values.iter_mut().flatten().chain(&mut expected);
            all.for_each(|value| *value /= trees);
        }
        Ensemble::Sum(baseline) => {
            for (expected, baseline) in expected.iter_mut().zip(baseline) {
                *expected += baseline;
            }
        }
    }
    Ok(Contributions {
        outputs,
        features: names(forest),
        expected,
        values,
    })
}

fn names(forest: &Forest) -> Vec<String> {
    let columns = forest.columns().iter();
    columns.map(|column| column.name.clone()).collect()
}

/// Importances of one kind with the numbers of splits.
fn importances(forest: &Forest, kind: ImportanceKind, numbers: Vec<f64>) -> Importances {
    let mut splits = vec![0.0; forest.columns().len()];
    for fitted in forest.fitted() {
        for node in fitted.tree.nodes.iter().filter(|node| !node.is_leaf()) {
            splits[node.feature as usize] += 1.0;
        }
    }
    Importances {
        contract: CONTRACT,
        features: names(forest),
        importances: BTreeMap::from([(kind, numbers), (ImportanceKind::Splits, splits)]),
    }
}

/// The mean decrease in impurity, as scikit-learn's `feature_importances_`: 0 of all
/// features if no tree has a split.
pub(crate) fn impurity(forest: &Forest) -> Importances {
    let mut sums = vec![0.0; forest.columns().len()];
    for fitted in forest.fitted() {
        let gains = fitted.growth.gains();
        let whole: f64 = gains.iter().map(|(_, gain)| gain).sum();
        if whole > 0.0 {
            add(fitted, 1.0 / whole, &mut sums);
        }
    }
    // Every tree with a split adds 1 to the sum of all features.
    let whole: f64 = sums.iter().sum();
    if whole > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= whole);
    }
    importances(forest, ImportanceKind::Impurity, sums)
}

/// The sums of the gains of splits.
pub(crate) fn gain(forest: &Forest) -> Importances {
    let mut sums = vec![0.0; forest.columns().len()];
    for fitted in forest.fitted() {
        add(fitted, 1.0, &mut sums);
    }
    importances(forest, ImportanceKind::Gain, sums)
}

fn add(fitted: &FittedTree, factor: f64, sums: &mut [f64]) {
    for (feature, gain) in fitted.growth.gains() {
        sums[*feature as usize] += factor * gain;
    }
}
