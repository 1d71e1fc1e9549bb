//! [`TreeGrowth`]: what growing a tree showed of its training rows and features: the
//! weights of its nodes, and the gains of its splits.

use serde::{Deserialize, Serialize};

use crate::grown::GrownTree;
use crate::packed;
use crate::tree::Tree;

/// The greatest whole number that is a weight of its own as a float.
const GREATEST_COUNT: f64 = 9_007_199_254_740_992.0;

/// The weights of a tree's nodes, and the gains of its features.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TreeGrowth {
    /// The weight of the tree's sample.
    weight: f64,
    /// By split node: the weight of the rows that went left.
    left: LeftWeights,
    /// By feature that is tested, ascending: the sum of the gains of its splits.
    gains: Vec<(u32, f64)>,
}

/// Weights; numbers of rows take a byte or two each, rarely four.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum LeftWeights {
    Counts(#[serde(with = "packed::unsigned")] Vec<u64>),
    Reals(#[serde(with = "packed::reals")] Vec<f64>),
}

impl Default for LeftWeights {
    fn default() -> Self {
        Self::Counts(Vec::new())
    }
}

/// A gain as it is stored: those of targets near the limits of floats have no number.
fn finite(gain: f64) -> f64 {
    match gain.is_nan() {
        true => 0.0,
        false => gain.min(f64::MAX),
    }
}

impl TreeGrowth {
    /// Of a tree on rows of `weight`, and for each split node, ascending: its index,
    /// the weight of the rows that went left, and the gain.
    pub(crate) fn new(
        tree: &Tree,
        weight: f64,
        splits: impl IntoIterator<Item = (u32, f64, f64)>,
    ) -> Self {
        let (mut left, mut gains) = (Vec::new(), Vec::new());
        for (node, of_left, gain) in splits {
            left.push(of_left);
            gains.push((tree.nodes[node as usize].feature, finite(gain)));
        }
        // Stable: gains of a feature are added up in the order of nodes.
        gains.sort_by_key(|(feature, _)| *feature);
        gains.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            sum.1 = finite(sum.1 + if same { next.1 } else { 0.0 });
            same
        });
        let is_count =
            |weight: &f64| weight.fract() == 0.0 && (0.0..GREATEST_COUNT).contains(weight);
        let left = match left.iter().all(is_count) {
            true => LeftWeights::Counts(left.into_iter().map(|weight| weight as u64).collect()),
            false => LeftWeights::Reals(left),
        };
        Self {
            weight,
            left,
            gains,
        }
    }

    /// That of a tree of a forest; gains are decreases of impurity, weighted by the
    /// node's share of the sample.
    pub(crate) fn of_grown(grown: &GrownTree) -> Self {
        let nodes = (0..).zip(grown.tree.nodes.iter().zip(&grown.stats));
        let splits = nodes.filter(|(_, (node, _))| !node.is_leaf());
        let splits = splits.map(|(index, (node, stats))| {
            let left = grown.stats[node.left as usize].weight;
            (index, left, stats.decrease)
        });
        let weight = grown.stats.first().map_or(0.0, |root| root.weight);
        Self::new(&grown.tree, weight, splits)
    }

    /// Whether it is of a tree of so many split nodes on so many features.
    pub(crate) fn is_of(&self, splits: usize, features: usize) -> bool {
        let left = match &self.left {
            LeftWeights::Counts(counts) => counts.len(),
            LeftWeights::Reals(weights) => weights.len(),
        };
        left == splits
            && self
                .gains
                .iter()
                .all(|(feature, _)| (*feature as usize) < features)
    }

    /// By feature that is tested: the sum of the gains of its splits.
    pub(crate) fn gains(&self) -> &[(u32, f64)] {
        &self.gains
    }

    /// By node of `tree`: the share of its parent's weight; 1 for the root. The
    /// children of a node without weight have half each.
    pub(crate) fn shares(&self, tree: &Tree) -> Vec<f64> {
        let mut weights = vec![0.0; tree.nodes.len()];
        let mut shares = vec![1.0; tree.nodes.len()];
        weights[0] = self.weight;
        let splits = tree.nodes.iter().enumerate();
        let splits = splits.filter(|(_, node)| !node.is_leaf());
        for (place, (index, node)) in splits.enumerate() {
            let left = match &self.left {
                LeftWeights::Counts(counts) => counts[place] as f64,
                LeftWeights::Reals(weights) => weights[place],
            };
            let (weight, child) = (weights[index], node.left as usize);
            let left = left.clamp(0.0, weight.max(0.0));
            let share = if weight > 0.0 { left / weight } else { 0.5 };
            weights[child] = left;
            weights[child + 1] = weight - left;
            shares[child] = share;
            shares[child + 1] = 1.0 - share;
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{NO_CODE, Node, Test};

    /// A root whose right child is split again.
    fn tree() -> Tree {
        let split = |left, feature| Node {
            left,
            feature,
            test: Test::Threshold {
                last_left: 0,
                also_left: NO_CODE,
            },
        };
        Tree {
            nodes: vec![split(1, 4), Node::LEAF, split(3, 4), Node::LEAF, Node::LEAF],
            sets: Vec::new(),
        }
    }

    #[test]
    fn shares_are_of_the_parent() {
        let growth = TreeGrowth::new(&tree(), 8.0, [(0, 2.0, 0.5), (2, 1.5, 0.25)]);
        assert_eq!(growth.shares(&tree()), [1.0, 0.25, 0.75, 0.25, 0.75]);
        assert_eq!(growth.gains(), [(4, 0.75)]);
        assert!(growth.is_of(2, 5));
        assert!(!growth.is_of(3, 5));
        assert!(!growth.is_of(2, 4));
    }

    #[test]
    fn counts_are_whole_numbers() {
        let growth = TreeGrowth::new(&tree(), 8.0, [(0, 2.0, 0.5), (2, 6.0, 0.25)]);
        assert_eq!(growth.left, LeftWeights::Counts(vec![2, 6]));
        assert_eq!(growth.shares(&tree())[3..], [1.0, 0.0]);
    }
}
