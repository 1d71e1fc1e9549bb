//! [`FittedTree`]: a tree with the predictions of its leaves, and the mean
//! prediction of several.

use crate::bins::Codes;
use crate::grown::GrownTree;
use crate::growth::TreeGrowth;
use crate::route::Router;
use crate::tree::{Node, Tree};

/// A fitted tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FittedTree {
    /// The tests.
    pub(crate) tree: Tree,
    /// The predictions of its leaves.
    pub(crate) values: LeafValues,
    /// What growing it showed of its training rows and features.
    pub(crate) growth: TreeGrowth,
}

/// The predictions of the leaves of a tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum LeafValues {
    /// Of two classes the proportion of class 1, of numbers the number, by node;
    /// 0 for a node that is not a leaf.
    Single(Vec<f64>),
    /// Of more classes: the proportions above 0. A leaf of a deep tree has few,
    /// however many classes there are.
    Sparse {
        /// By node, and once more: the index of its first proportion.
        starts: Vec<u32>,
        /// By proportion: its class.
        classes: Vec<u32>,
        /// The proportions.
        values: Vec<f64>,
    },
}

impl FittedTree {
    /// Copies a tree whose predictions have `width` numbers.
    pub(crate) fn new(grown: &GrownTree, width: usize) -> Self {
        let nodes = grown.tree.nodes.iter();
        let of_nodes = nodes.zip(grown.values.chunks_exact(width));
        let values = if width == 1 {
            let value =
                |(node, values): (&Node, &[f64])| if node.is_leaf() { values[0] } else { 0.0 };
            LeafValues::Single(of_nodes.map(value).collect())
        } else {
            let (mut starts, mut classes, mut values) = (vec![0], Vec::new(), Vec::new());
            for (node, of_node) in of_nodes {
                let above = (0..).zip(of_node).filter(|(_, value)| **value != 0.0);
                for (class, value) in above.filter(|_| node.is_leaf()) {
                    classes.push(class);
                    values.push(*value);
                }
                starts.push(values.len() as u32);
            }
            LeafValues::Sparse {
                starts,
                classes,
                values,
            }
        };
        Self {
            tree: grown.tree.clone(),
            values,
            growth: TreeGrowth::of_grown(grown),
        }
    }
}

impl LeafValues {
    /// Adds the prediction of each row's leaf to the row's sums, which are
    /// row-major, of `width` numbers a row.
    fn add(&self, leaves: &[u32], width: usize, sums: &mut [f64]) {
        match self {
            Self::Single(values) => add_leaf_values(leaves, values, 1, sums),
            Self::Sparse {
                starts,
                classes,
                values,
            } => {
                for (sums, &leaf) in sums.chunks_exact_mut(width).zip(leaves) {
                    let leaf = leaf as usize;
                    let range = starts[leaf] as usize..starts[leaf + 1] as usize;
                    for (&class, value) in classes[range.clone()].iter().zip(&values[range]) {
                        sums[class as usize] += value;
                    }
                }
            }
        }
    }
}

/// The number of numbers that a prediction has: the probability of class 1 for
/// two classes, one probability per class for more, one number without classes.
pub(crate) fn width(classes: usize) -> usize {
    if classes <= 2 { 1 } else { classes }
}

/// Adds the prediction of each row's leaf to the row's sums. `values` and `sums`
/// are row-major, of `width` numbers per leaf and row.
pub(crate) fn add_leaf_values(leaves: &[u32], values: &[f64], width: usize, sums: &mut [f64]) {
    if width == 1 {
        // In chunks for the reason given in `chunks`.
        let (sums, last_sums) = sums.as_chunks_mut::<8>();
        let (leaves, last_leaves) = leaves.as_chunks::<8>();
        for (sums, leaves) in sums.iter_mut().zip(leaves) {
            for (sum, &leaf) in sums.iter_mut().zip(leaves) {
                *sum += values[leaf as usize];
            }
        }
        for (sum, &leaf) in last_sums.iter_mut().zip(last_leaves) {
            *sum += values[leaf as usize];
        }
        return;
    }
    for (sums, &leaf) in sums.chunks_exact_mut(width).zip(leaves) {
        for (sum, value) in sums
            .iter_mut()
            .zip(&values[leaf as usize * width..][..width])
        {
            *sum += value;
        }
    }
}

/// The mean prediction of trees for the rows of `codes`, row-major.
pub(crate) fn mean_prediction(trees: &[FittedTree], classes: usize, codes: &Codes) -> Vec<f64> {
    let width = width(classes);
    let mut sums = vec![0.0; codes.rows() * width];
    let mut leaves = vec![0; codes.rows()];
    let mut router = Router::default();
    for tree in trees {
        router.route(&tree.tree, codes, &mut leaves);
        tree.values.add(&leaves, width, &mut sums);
    }
    for sum in &mut sums {
        *sum /= trees.len() as f64;
    }
    sums
}

/// The sums of `baseline` and the values of leaves for the rows of `codes`, as many a row
/// as `baseline` has: tree `t` adds to output `t` modulo that, in the order of the trees.
pub(crate) fn sum_prediction(trees: &[FittedTree], baseline: &[f64], codes: &Codes) -> Vec<f64> {
    let (rows, outputs) = (codes.rows(), baseline.len());
    let mut sums: Vec<Vec<f64>> = baseline.iter().map(|&value| vec![value; rows]).collect();
    let mut leaves = vec![0; rows];
    let mut router = Router::default();
    for (tree, output) in trees.iter().zip((0..outputs).cycle()) {
        router.route(&tree.tree, codes, &mut leaves);
        tree.values.add(&leaves, 1, &mut sums[output]);
    }
    let rows = 0..rows;
    rows.flat_map(|row| sums.iter().map(move |sums| sums[row]))
        .collect()
}
