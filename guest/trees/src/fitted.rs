//! [`FittedTree`]: a tree with the predictions of its leaves, and the mean
//! prediction of several.

use crate::bins::Codes;
use crate::chunks;
use crate::grown::GrownTree;
use crate::growth::TreeGrowth;
use crate::route::{Router, blocks};
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
    /// Adds the prediction of a leaf to the sums of `rows`, which are row-major, of `width`
    /// numbers a row.
    fn add(&self, leaf: u32, rows: &[u16], width: usize, sums: &mut [f64]) {
        let leaf = leaf as usize;
        match self {
            Self::Single(values) => {
                let value = values[leaf];
                // In chunks for the reason given in `chunks`.
                chunks::for_each(rows, |row| sums[usize::from(row)] += value);
            }
            Self::Sparse {
                starts,
                classes,
                values,
            } => {
                let range = starts[leaf] as usize..starts[leaf + 1] as usize;
                for (&class, value) in classes[range.clone()].iter().zip(&values[range]) {
                    for &row in rows {
                        sums[usize::from(row) * width + class as usize] += value;
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
    let mut router = Router::default();
    for block in blocks(codes.rows()) {
        let sums = &mut sums[block.start * width..block.end * width];
        for tree in trees {
            router.route_block(&tree.tree, codes, block.clone(), |leaf, rows| {
                tree.values.add(leaf, rows, width, sums);
            });
        }
        for sum in sums {
            *sum /= trees.len() as f64;
        }
    }
    sums
}

/// The sums of `baseline` and the values of leaves for the rows of `codes`, as many a row
/// as `baseline` has: tree `t` adds to output `t` modulo that, in the order of the trees.
pub(crate) fn sum_prediction(trees: &[FittedTree], baseline: &[f64], codes: &Codes) -> Vec<f64> {
    let (rows, outputs) = (codes.rows(), baseline.len());
    let mut predicted = Vec::with_capacity(rows * outputs);
    let mut router = Router::default();
    for block in blocks(rows) {
        let of_block = |&value: &f64| vec![value; block.len()];
        let mut sums: Vec<Vec<f64>> = baseline.iter().map(of_block).collect();
        for (tree, output) in trees.iter().zip((0..outputs).cycle()) {
            router.route_block(&tree.tree, codes, block.clone(), |leaf, rows| {
                tree.values.add(leaf, rows, 1, &mut sums[output]);
            });
        }
        let rows = 0..block.len();
        predicted.extend(rows.flat_map(|row| sums.iter().map(move |sums| sums[row])));
    }
    predicted
}
