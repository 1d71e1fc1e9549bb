//! [`FittedTree`]: a tree with the predictions of its leaves, and the mean
//! prediction of several.

use crate::bins::Codes;
use crate::grown::GrownTree;
use crate::route::Router;
use crate::tree::Tree;

/// A fitted tree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FittedTree {
    /// The tests.
    pub(crate) tree: Tree,
    /// The class proportions of each node, row-major; zeros for a node that is
    /// not a leaf.
    pub(crate) values: Vec<f64>,
}

impl FittedTree {
    /// Copies a tree whose predictions have `width` numbers.
    pub(crate) fn new(grown: &GrownTree, width: usize) -> Self {
        let mut values = grown.values.clone();
        for (values, node) in values.chunks_exact_mut(width).zip(&grown.tree.nodes) {
            if !node.is_leaf() {
                values.fill(0.0);
            }
        }
        Self {
            tree: grown.tree.clone(),
            values,
        }
    }
}

/// The number of numbers that a prediction has: the probability of class 1 for
/// two classes, else one probability per class.
pub(crate) fn width(classes: usize) -> usize {
    if classes == 2 { 1 } else { classes }
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
        add_leaf_values(&leaves, &tree.values, width, &mut sums);
    }
    for sum in &mut sums {
        *sum /= trees.len() as f64;
    }
    sums
}
