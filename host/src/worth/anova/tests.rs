use proptest::prelude::*;
use serde::Deserialize;

use super::forest::{Forest, Leaf, Tree};
use super::*;

#[derive(Deserialize)]
struct Vectors {
    grids: Vec<Scored>,
    trees: Vec<Fitted>,
    samples: Vec<Scored>,
}

#[derive(Deserialize)]
struct Scored {
    levels: Vec<usize>,
    cells: Vec<Vec<usize>>,
    scores: Vec<f64>,
    main: Vec<f64>,
    #[serde(default)]
    pairs: Vec<f64>,
    #[serde(default)]
    marginals: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Fitted {
    levels: Vec<usize>,
    leaves: Vec<FittedLeaf>,
    main: Vec<f64>,
    pairs: Vec<f64>,
}

#[derive(Deserialize)]
struct FittedLeaf {
    r#box: Vec<[usize; 2]>,
    value: f64,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

impl Scored {
    fn design(&self) -> Design {
        let cells: Vec<usize> = self.cells.concat();
        Design::new(self.levels.clone(), &cells, &self.scores)
    }
}

fn near(found: &[f64], theirs: &[f64], by: f64) {
    assert_eq!(found.len(), theirs.len());
    let near = found.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= by);
    assert!(near, "{found:?} is not {theirs:?}");
}

/// The shares of pairs in the order of the pairs.
fn pairs(anova: &Anova) -> Vec<f64> {
    let mut pairs = anova.pairs.clone();
    pairs.sort_by_key(|pair| pair.of);
    pairs.iter().map(|pair| pair.importance).collect()
}

/// The exact decomposition, or else that by a forest.
fn either(design: &Design) -> Option<Anova> {
    Anova::exact(design).or_else(|| Anova::by_forest(design))
}

fn main(anova: &Anova) -> Vec<f64> {
    anova.main.iter().map(|of| of.importance).collect()
}

#[test]
fn full_grids_are_decomposed_as_by_the_sums_of_squares_of_statsmodels() {
    for grid in vectors().grids {
        let anova = Anova::exact(&grid.design()).unwrap();
        assert_eq!(anova.method, AnovaMethod::Exact);
        near(&main(&anova), &grid.main, 1e-10);
        near(&pairs(&anova), &grid.pairs, 1e-10);
        for (of, theirs) in anova.main.iter().zip(&grid.marginals) {
            near(&of.mean, theirs, 1e-12);
        }
    }
}

#[test]
fn trees_are_decomposed_as_by_optuna() {
    for fitted in vectors().trees {
        let leaves = fitted.leaves.iter().map(|leaf| Leaf {
            levels: leaf.r#box.iter().map(|[low, high]| *low..*high).collect(),
            value: leaf.value,
        });
        let tree = Tree {
            leaves: leaves.collect(),
        };
        let shape = Shape::new(&fitted.levels);
        let shares = tree.marginals(&shape).shares(&shape);
        let (main, pairs) = shares.split_at(fitted.levels.len());
        near(main, &fitted.main, 1e-9);
        near(pairs, &fitted.pairs, 1e-9);
    }
}

/// Forests draw other candidates, so that their shares differ a little.
#[test]
fn incomplete_designs_have_the_importances_of_optunas_forest() {
    for sample in vectors().samples {
        let anova = Anova::by_forest(&sample.design()).unwrap();
        assert_eq!(anova.method, AnovaMethod::Forest);
        near(&main(&anova), &sample.main, 0.05);
    }
}

#[test]
fn scores_that_tell_nothing_are_not_decomposed() {
    let of = |levels: &[usize], scores: &[f64]| {
        let cells: Vec<usize> = (0..scores.len()).map(|at| at % levels[0]).collect();
        either(&Design::new(levels.to_vec(), &cells, scores))
    };
    assert_eq!(of(&[4], &[0.5; 4]), None);
    assert_eq!(of(&[4], &[f64::NAN; 4]), None);
    // Too few for a forest.
    assert_eq!(of(&[4], &[0.1, 0.2, 0.3]), None);
    assert_eq!(either(&Design::new(vec![], &[], &[0.1, 0.2])), None);
    // One failed: no full grid any more.
    let scores: Vec<f64> = (0..10).map(f64::from).collect();
    assert_eq!(of(&[10], &scores).unwrap().method, AnovaMethod::Exact);
    let mut failed = scores;
    failed[3] = f64::NAN;
    let anova = of(&[10], &failed).unwrap();
    assert_eq!(anova.method, AnovaMethod::Forest);
    assert_eq!(anova.main[0].best[3], None);
    assert_eq!(anova.main[0].best[4], Some(4.0));
    assert!(anova.main[0].importance > 0.999, "{anova:?}");
}

#[test]
fn scores_far_from_zero_lose_no_digits() {
    let scores = [1e9, 1e9 + 1.0, 1e9, 1e9 + 1.0];
    let design = Design::new(vec![2, 2], &[0, 0, 0, 1, 1, 0, 1, 1], &scores);
    let anova = Anova::exact(&design).unwrap();
    assert_eq!(main(&anova), [0.0, 1.0]);
    assert_eq!(anova.main[1].mean, [1e9, 1e9 + 1.0]);
}

/// A design: levels, the level of each candidate, and scores.
fn designs() -> impl Strategy<Value = Design> {
    prop::collection::vec(1..5_usize, 1..5).prop_flat_map(|levels| {
        let row: Vec<_> = levels.iter().map(|of| 0..*of).collect();
        let rows = prop::collection::vec((row, -5..5_i32), 1..60);
        rows.prop_map(move |rows| {
            let (cells, scores): (Vec<Vec<usize>>, Vec<f64>) = rows
                .into_iter()
                .map(|(cells, score)| (cells, f64::from(score) / 7.0))
                .unzip();
            Design::new(levels.clone(), &cells.concat(), &scores)
        })
    })
}

/// What a tree predicts of all combinations, as a design.
fn predictions(tree: &Tree, levels: &[usize]) -> Design {
    let all: usize = levels.iter().product();
    let (mut cells, mut scores) = (Vec::new(), Vec::new());
    for place in 0..all {
        let mut rest = place;
        let mut row = vec![0; levels.len()];
        for (level, of) in row.iter_mut().zip(levels).rev() {
            (*level, rest) = (rest % of, rest / of);
        }
        let is_in = |leaf: &&Leaf| leaf.levels.iter().zip(&row).all(|(of, at)| of.contains(at));
        let found: Vec<&Leaf> = tree.leaves.iter().filter(is_in).collect();
        assert_eq!(found.len(), 1, "a combination is in one leaf");
        scores.push(found[0].value);
        cells.extend(row);
    }
    Design::new(levels.to_vec(), &cells, &scores)
}

proptest! {
    #[test]
    fn a_forest_is_decomposed_as_all_its_predictions_are(design in designs()) {
        for tree in Forest::fit(&design).trees.iter().take(3) {
            let shape = Shape::new(&design.levels);
            let of_leaves = tree.marginals(&shape);
            let of_all = predictions(tree, &design.levels).marginals();
            prop_assert!((of_leaves.mean - of_all.mean).abs() < 1e-12);
            prop_assert!((of_leaves.variance - of_all.variance).abs() < 1e-12);
            let both = of_leaves.tables.iter().flatten().zip(of_all.tables.iter().flatten());
            for (a, b) in both {
                prop_assert!((a - b).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn shares_are_shares(design in designs()) {
        if let Some(anova) = either(&design) {
            let all: f64 = main(&anova).iter().chain(&pairs(&anova)).sum();
            prop_assert!((0.0..1.0 + 1e-9).contains(&all), "{anova:?}");
        }
    }
}
