//! [`GrownTree`]: what growing a tree results in, and the limits and rules that
//! determine it.

use crate::bootstrap::Bootstrap;
use crate::sample::SampleError;
use crate::tree::Tree;

/// The limits that nested hyper-parameters set: a tree that was grown to some
/// limits contains the tree of any tighter ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NestedLimits {
    /// A node at this depth is a leaf; the root's depth is 0.
    pub(crate) max_depth: u32,
    /// A node of fewer rows is a leaf.
    pub(crate) min_rows: u32,
    /// A node whose split decreases the impurity by less is a leaf.
    pub(crate) min_impurity_decrease: f64,
}

impl NestedLimits {
    /// The tightest limits whose trees contain the trees of both.
    pub(crate) fn loosest(self, other: Self) -> Self {
        Self {
            max_depth: self.max_depth.max(other.max_depth),
            min_rows: self.min_rows.min(other.min_rows),
            min_impurity_decrease: self.min_impurity_decrease.min(other.min_impurity_decrease),
        }
    }
}

/// The hyper-parameters that are not nested, resolved for the training rows.
#[derive(Debug)]
pub(crate) struct GrowthRules {
    /// The random seed.
    pub(crate) seed: u64,
    /// The number of random features that are searched for the split of a node.
    pub(crate) max_features: usize,
    /// Whether one random split per feature is evaluated instead of all.
    pub(crate) random_splits: bool,
    /// The minimum number of distinct rows of a leaf.
    pub(crate) min_leaf_rows: u32,
    /// The minimum weight of a leaf, as a fraction of the sample's weight.
    pub(crate) min_leaf_weight_fraction: f64,
    /// The maximum number of leaves; the tree then grows best-first.
    pub(crate) max_leaves: Option<u32>,
    /// How rows are drawn; `None` for every row once.
    pub(crate) bootstrap: Option<Bootstrap>,
    /// The factor by which repeated draws increase the noise of a tally.
    pub(crate) noise_factor: f64,
}

/// Properties of a node that nested limits are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NodeStats {
    /// Its distance from the root.
    pub(crate) depth: u32,
    /// The number of distinct rows; 0 for a leaf.
    pub(crate) rows: u32,
    /// The impurity decrease of its split, weighted by the node's share of the
    /// sample's weight; 0 for a leaf.
    pub(crate) decrease: f64,
    /// The weight of its rows, in the unit of the tree's sample.
    pub(crate) weight: f64,
}

/// A tree with the predictions of all its nodes.
#[derive(Debug, Default)]
pub(crate) struct GrownTree {
    /// The tests.
    pub(crate) tree: Tree,
    /// One per node.
    pub(crate) stats: Vec<NodeStats>,
    /// The predicted values of every node, row-major: for two classes the
    /// proportion of class 1, for more one per class, for numbers one number.
    pub(crate) values: Vec<f64>,
}

impl GrownTree {
    /// Removes all nodes.
    pub(crate) fn clear(&mut self) {
        self.tree.nodes.clear();
        self.tree.sets.clear();
        self.stats.clear();
        self.values.clear();
    }
}

/// Grows the trees of a forest.
pub(crate) trait GrowTree {
    /// Grows tree `index` of the forest.
    ///
    /// # Errors
    /// If the tree's sample is empty, or a row is drawn too often to be counted.
    fn grow(&mut self, index: u32, limits: NestedLimits) -> Result<&GrownTree, SampleError>;
    /// The tree that was grown last, and how often it drew each training row; no draws
    /// if it took every row once.
    fn latest(&self) -> (&GrownTree, &[u16]);
}
