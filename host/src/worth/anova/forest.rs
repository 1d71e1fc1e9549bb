//! [`Forest`]: a random forest of regression trees over levels, and the marginals of what
//! it predicts of all combinations, by the boxes of its leaves (Hutter, Hoos and
//! Leyton-Brown, 2014, algorithm 2).

use std::ops::Range;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;

use super::{Design, Marginals, Shape};
use crate::random;

/// The number of trees, as in Optuna's evaluator.
const TREES: u64 = 64;

/// The most candidates of which a tree learns. Threat: minutes for 100,000 candidates.
const ROWS: usize = 2048;

/// A forest: each tree learns of candidates that are drawn with replacement.
#[derive(Debug)]
pub(super) struct Forest {
    pub(super) trees: Vec<Tree>,
}

/// The leaves of a regression tree, which divide all combinations among them.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) leaves: Vec<Leaf>,
}

#[derive(Debug)]
pub(super) struct Leaf {
    /// By factor.
    pub(super) levels: Vec<Range<usize>>,
    pub(super) value: f64,
}

impl Forest {
    /// The forest of a design with at least one candidate. The same design gives the same.
    pub(super) fn fit(design: &Design) -> Self {
        let all = design.scores.len();
        let trees = (0..TREES).map(|tree| {
            let mut rng = ChaCha8Rng::seed_from_u64(tree);
            let rows = (0..all.min(ROWS)).map(|_| random::below(all as u64, &mut rng) as usize);
            Tree::fit(design, rows.collect())
        });
        Self {
            trees: trees.collect(),
        }
    }

    /// The mean of the trees' marginals, and of the shares of their variances; `None` where
    /// no tree has any variance. `size` is the greatest absolute score.
    pub(super) fn marginals(&self, shape: &Shape<'_>, size: f64) -> Option<(Marginals, Vec<f64>)> {
        let mut sum = Marginals::zero(shape);
        let mut shares = vec![0.0; sum.tables.len()];
        let mut varying = 0.0;
        for tree in &self.trees {
            let marginals = tree.marginals(shape);
            sum.mean += marginals.mean;
            sum.variance += marginals.variance;
            let cells = marginals.tables.iter().flatten();
            let sums = sum.tables.iter_mut().flatten().zip(cells);
            sums.for_each(|(sum, of)| *sum += of);
            if marginals.varies(size) {
                varying += 1.0;
                let of = marginals.shares(shape);
                shares.iter_mut().zip(of).for_each(|(sum, of)| *sum += of);
            }
        }
        if varying == 0.0 {
            return None;
        }
        let trees = self.trees.len() as f64;
        sum.mean /= trees;
        sum.variance /= trees;
        let cells = sum.tables.iter_mut().flatten();
        cells.for_each(|cell| *cell /= trees);
        shares.iter_mut().for_each(|share| *share /= varying);
        Some((sum, shares))
    }
}

/// Candidates whose combinations are in a box.
struct Node {
    levels: Vec<Range<usize>>,
    rows: Vec<usize>,
}

impl Tree {
    /// Splits until the scores of a leaf are the same, or their combination is.
    fn fit(design: &Design, rows: Vec<usize>) -> Self {
        let mut leaves = Vec::new();
        let mut nodes = vec![Node {
            levels: design.levels.iter().map(|of| 0..*of).collect(),
            rows,
        }];
        while let Some(node) = nodes.pop() {
            match split(design, &node) {
                None => {
                    let sum: f64 = node.rows.iter().map(|row| design.scores[*row]).sum();
                    leaves.push(Leaf {
                        value: sum / node.rows.len() as f64,
                        levels: node.levels,
                    });
                }
                Some((factor, at)) => {
                    let (mut low, mut high) = (node.levels.clone(), node.levels);
                    low[factor].end = at;
                    high[factor].start = at;
                    let is_low = |row: &usize| design.row(*row)[factor] < at;
                    let (low_rows, high_rows) = node.rows.into_iter().partition(is_low);
                    for (levels, rows) in [(low, low_rows), (high, high_rows)] {
                        nodes.push(Node { levels, rows });
                    }
                }
            }
        }
        Self { leaves }
    }

    /// The marginals of what the tree predicts.
    pub(super) fn marginals(&self, shape: &Shape<'_>) -> Marginals {
        let mut marginals = Marginals::zero(shape);
        let share = |leaf: &Leaf, factor: usize| {
            leaf.levels[factor].len() as f64 / shape.levels[factor] as f64
        };
        let factors = 0..shape.levels.len();
        let weight = |leaf: &Leaf| factors.clone().map(|factor| share(leaf, factor)).product();
        let weights: Vec<f64> = self.leaves.iter().map(weight).collect();
        let weighed = self.leaves.iter().zip(&weights);
        marginals.mean = weighed.clone().map(|(leaf, of)| leaf.value * of).sum();
        for (leaf, weight) in weighed {
            let difference = leaf.value - marginals.mean;
            marginals.variance += difference * difference * weight;
            for factor in factors.clone() {
                let add = difference * weight / share(leaf, factor);
                let levels = &mut marginals.tables[factor][leaf.levels[factor].clone()];
                levels.iter_mut().for_each(|level| *level += add);
            }
            for (at, [a, b]) in shape.pairs.iter().enumerate() {
                let add = difference * weight / share(leaf, *a) / share(leaf, *b);
                let table = &mut marginals.tables[shape.levels.len() + at];
                for level in leaf.levels[*a].clone() {
                    let of_level = &mut table[level * shape.levels[*b]..][leaf.levels[*b].clone()];
                    of_level.iter_mut().for_each(|cell| *cell += add);
                }
            }
        }
        marginals
    }
}

/// The factor and the first level of the upper part that lessen the variance of a node's
/// scores most; `None` where the scores are the same, or no factor tells them apart.
fn split(design: &Design, node: &Node) -> Option<(usize, usize)> {
    let first = design.scores[*node.rows.first()?];
    if node.rows.iter().all(|row| design.scores[*row] == first) {
        return None;
    }
    let mut best: Option<(f64, usize, usize)> = None;
    for (factor, levels) in node.levels.iter().enumerate() {
        let mut of_level = vec![(0.0, 0.0); levels.len()];
        for row in &node.rows {
            let (count, sum) = &mut of_level[design.row(*row)[factor] - levels.start];
            *count += 1.0;
            // Less the first, so that close scores do not cancel.
            *sum += design.scores[*row] - first;
        }
        let (all, total) = of_level
            .iter()
            .fold((0.0, 0.0), |(all, total), of| (all + of.0, total + of.1));
        let present = (0..levels.len()).filter(|level| of_level[*level].0 > 0.0);
        let present: Vec<usize> = present.collect();
        let (mut count, mut sum) = (0.0, 0.0);
        for pair in present.windows(2) {
            count += of_level[pair[0]].0;
            sum += of_level[pair[0]].1;
            let gain = sum * sum / count + (total - sum) * (total - sum) / (all - count);
            if best.is_none_or(|(most, ..)| gain > most) {
                // Between levels that no candidate has, in the middle.
                let at = levels.start + (pair[0] + pair[1]) / 2 + 1;
                best = Some((gain, factor, at));
            }
        }
    }
    best.map(|(_, factor, at)| (factor, at))
}
