//! [`Grower`]: grows one tree after the other, the leaf first whose split gains most.

use std::collections::BinaryHeap;

use crate::boosting::codes::ByteCodes;
use crate::boosting::constraints::{Allowed, Constraints};
use crate::boosting::cuts::Cuts;
use crate::boosting::histograms::Histograms;
use crate::boosting::params::Growth;
use crate::boosting::rounding::{Packing, Sums, Words};
use crate::boosting::rows::{CarriedRows, Place};
use crate::boosting::split::{Searched, Side, Split, SplitFinder, ValueBounds};
use crate::growth::TreeGrowth;
use crate::random::Key;
use crate::tree::{NO_CODE, Node, Test, Tree};

/// The child of a tree's key for the features that it searches.
const TREE_FEATURES: u64 = 0;
/// The child of a tree's key for its root. The children of a node have 0 and 1.
const ROOT: u64 = 1;
/// The child of a node's key for the features that it searches.
const FEATURES: u64 = 2;

/// The bytes of the histograms of nodes that wait to be split. Threat: a tree of many
/// leaves on many features that exhausts the memory of its task. Beyond, a waiting
/// node is counted again.
const MAX_HISTOGRAM_BYTES: usize = 64 << 20;

/// A leaf of a grown tree.
#[derive(Debug)]
pub(crate) struct Leaf {
    /// Its node.
    pub(crate) node: u32,
    /// Its rows in each list.
    pub(crate) places: Vec<Place>,
    /// The penalty of the square of its value.
    pub(crate) l2: f64,
    /// The bounds of its value.
    pub(crate) bounds: ValueBounds,
}

/// Grows trees, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct Grower<'a> {
    codes: &'a ByteCodes<'a>,
    growth: &'a Growth,
    constraints: &'a Constraints,
    cuts: Cuts,
    histograms: Histograms,
    /// Nodes that may keep their histograms.
    room: usize,
}

/// What a tree learns from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounding<'a> {
    pub(crate) words: &'a Words,
    pub(crate) packing: Packing,
}

/// A node of a tree that grows.
#[derive(Debug)]
struct GrowingNode {
    leaf: Leaf,
    total: Sums,
    depth: u32,
    key: Key,
    allowed: Allowed,
}

/// A node that may be split.
#[derive(Debug)]
struct Open {
    node: GrowingNode,
    split: Split,
    histogram: Option<Vec<Sums>>,
}

/// The order in which open nodes are split: by gain, then by age.
#[derive(Debug)]
struct Ranked(Box<Open>);

impl Ranked {
    fn rank(&self) -> (f64, std::cmp::Reverse<u32>) {
        (self.0.split.gain, std::cmp::Reverse(self.0.node.leaf.node))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let ((gain, age), (others, age_of_other)) = (self.rank(), other.rank());
        gain.total_cmp(&others).then(age.cmp(&age_of_other))
    }
}

impl<'a> Grower<'a> {
    /// For trees on the features of `codes` that learn from `rows`.
    pub(crate) fn new(
        codes: &'a ByteCodes<'a>,
        rows: &[u32],
        growth: &'a Growth,
        constraints: &'a Constraints,
    ) -> Self {
        let histograms = Histograms::new(codes);
        let bytes = (histograms.len() * size_of::<Sums>()).max(1);
        Self {
            codes,
            growth,
            constraints,
            cuts: Cuts::new(codes, rows),
            histograms,
            room: MAX_HISTOGRAM_BYTES / bytes,
        }
    }

    /// Grows a tree on the rows of the first list; the others are carried along.
    pub(crate) fn grow(
        &mut self,
        rounding: Rounding<'_>,
        lists: &mut [CarriedRows],
        key: Key,
    ) -> (Tree, Vec<Leaf>, TreeGrowth) {
        let mut splits = Vec::new();
        let mut tree = Tree {
            nodes: vec![Node::LEAF],
            sets: Vec::new(),
        };
        let features =
            self.constraints
                .draw(None, self.growth.tree_features, key.child(TREE_FEATURES));
        let places = lists.iter().map(CarriedRows::root).collect();
        let mut root = GrowingNode {
            leaf: Leaf {
                node: 0,
                places,
                l2: self.growth.l2,
                bounds: ValueBounds::NONE,
            },
            total: Sums::default(),
            depth: 0,
            key: key.child(ROOT),
            allowed: features,
        };
        let (mut open, mut leaves) = (BinaryHeap::new(), Vec::new());
        let histogram = self.count(rounding, lists, &root.leaf);
        // Every row has one code of the first feature.
        for sums in self.histograms.of(&histogram, 0) {
            root.total += *sums;
        }
        let rows = root.total.rows as f64;
        self.open(rounding, root, Some(histogram), &mut open, &mut leaves);
        while let Some(Ranked(next)) = open.pop() {
            let Open {
                node,
                split,
                histogram,
            } = *next;
            let children = self.divide(lists, &mut tree, &node.leaf, &split);
            splits.push((node.leaf.node, split.left.rows as f64, split.gain));
            let right = node.total - split.left;
            let bounds = self.bounds(rounding, &node.leaf, &split, right);
            let allowed = self.constraints.below(&node.allowed, split.feature);
            let number = (open.len() + leaves.len() + 2) as u32;
            let is_last = number >= self.growth.max_leaf_nodes;
            let [(left_node, left_places), (right_node, right_places)] = children;
            let child = |index, places, total, bounds, way| GrowingNode {
                leaf: Leaf {
                    node: index,
                    places,
                    l2: split.l2,
                    bounds,
                },
                total,
                depth: node.depth + 1,
                key: node.key.child(way),
                allowed: allowed.clone(),
            };
            let left = child(left_node, left_places, split.left, bounds[0], 0);
            let right = child(right_node, right_places, right, bounds[1], 1);
            if is_last {
                leaves.extend([left.leaf, right.leaf]);
                if let Some(histogram) = histogram {
                    self.histograms.release(histogram);
                }
                break;
            }
            let is_left_smaller = left.total.rows <= right.total.rows;
            let (smaller, larger) = if is_left_smaller {
                (&left, &right)
            } else {
                (&right, &left)
            };
            let may_split = [smaller, larger].map(|child| self.may_split(child));
            let (mut of_smaller, mut of_larger) = (None, histogram);
            if may_split != [false; 2] {
                let counted = self.count(rounding, lists, &smaller.leaf);
                match &mut of_larger {
                    Some(histogram) => Histograms::subtract(histogram, &counted),
                    None if may_split[1] => {
                        of_larger = Some(self.count(rounding, lists, &larger.leaf));
                    }
                    None => {}
                }
                of_smaller = Some(counted);
            }
            let [of_left, of_right] = if is_left_smaller {
                [of_smaller, of_larger]
            } else {
                [of_larger, of_smaller]
            };
            self.open(rounding, left, of_left, &mut open, &mut leaves);
            self.open(rounding, right, of_right, &mut open, &mut leaves);
        }
        for Ranked(rest) in open.into_vec() {
            leaves.push(rest.node.leaf);
            if let Some(histogram) = rest.histogram {
                self.histograms.release(histogram);
            }
        }
        leaves.sort_unstable_by_key(|leaf| leaf.node);
        splits.sort_unstable_by_key(|(node, ..)| *node);
        let growth = TreeGrowth::new(&tree, rows, splits);
        (tree, leaves, growth)
    }

    fn count(&mut self, rounding: Rounding<'_>, lists: &[CarriedRows], leaf: &Leaf) -> Vec<Sums> {
        let rows = lists[0].rows(&leaf.places[0]);
        self.histograms
            .count(self.codes, rounding.words, &rounding.packing, rows)
    }

    /// Whether a node may have a split.
    fn may_split(&self, node: &GrowingNode) -> bool {
        node.depth < self.growth.max_depth
            && node.total.rows >= 2 * i64::from(self.growth.min_samples_leaf)
    }

    /// Searches the best split of a node, which is a leaf without one.
    fn open(
        &mut self,
        rounding: Rounding<'_>,
        node: GrowingNode,
        mut histogram: Option<Vec<Sums>>,
        open: &mut BinaryHeap<Ranked>,
        leaves: &mut Vec<Leaf>,
    ) {
        let mut best = None;
        if self.may_split(&node)
            && let Some(histogram) = &histogram
        {
            let finder = SplitFinder {
                growth: self.growth,
                packing: rounding.packing,
            };
            let split = finder.node(node.total, node.leaf.bounds);
            let drawn = self.constraints.draw(
                Some(&node.allowed),
                self.growth.max_features,
                node.key.child(FEATURES),
            );
            for feature in drawn.features() {
                let searched = Searched {
                    feature,
                    coding: &self.codes.columns()[feature].coding,
                    sign: self.constraints.sign(feature),
                    histogram: self.histograms.of(histogram, feature),
                };
                finder.search(&split, &searched, &mut best);
            }
        }
        let Some(split) = best else {
            leaves.push(node.leaf);
            if let Some(histogram) = histogram {
                self.histograms.release(histogram);
            }
            return;
        };
        if open.len() >= self.room
            && let Some(histogram) = histogram.take()
        {
            self.histograms.release(histogram);
        }
        open.push(Ranked(Box::new(Open {
            node,
            split,
            histogram,
        })));
    }

    /// Divides the rows of a node. Returns its children.
    fn divide(
        &self,
        lists: &mut [CarriedRows],
        tree: &mut Tree,
        leaf: &Leaf,
        split: &Split,
    ) -> [(u32, Vec<Place>); 2] {
        let feature = split.feature as usize;
        let missing = self.codes.columns()[feature].coding.missing();
        let test = match split.side {
            Side::UpTo {
                last,
                missing: goes_left,
            } => Test::Threshold {
                last_left: self.cuts.last_left(feature, last).into(),
                also_left: if goes_left { missing } else { NO_CODE },
            },
            Side::Set(set) => {
                tree.sets.push(set);
                Test::Subset {
                    set: tree.sets.len() as u32 - 1,
                }
            }
        };
        let left = tree.nodes.len() as u32;
        tree.nodes[leaf.node as usize] = Node {
            left,
            feature: split.feature,
            test,
        };
        tree.nodes.extend([Node::LEAF; 2]);
        let column = self.codes.column(feature);
        let (mut of_left, mut of_right) = (Vec::new(), Vec::new());
        for (list, place) in lists.iter_mut().zip(&leaf.places) {
            let [a, b] = list.divide(place, column, tree, test);
            of_left.push(a);
            of_right.push(b);
        }
        [(left, of_left), (left + 1, of_right)]
    }

    /// The bounds of the children: where the feature is monotonic, the mean of their
    /// values is between them.
    fn bounds(
        &self,
        rounding: Rounding<'_>,
        leaf: &Leaf,
        split: &Split,
        right: Sums,
    ) -> [ValueBounds; 2] {
        let sign = self.constraints.sign(split.feature as usize);
        let outer = leaf.bounds;
        if sign == 0 {
            return [outer; 2];
        }
        let finder = SplitFinder {
            growth: self.growth,
            packing: rounding.packing,
        };
        let value = |sums| finder.value_of(sums, split.l2, outer);
        let middle = value(split.left) / 2.0 + value(right) / 2.0;
        let below = ValueBounds {
            most: middle,
            ..outer
        };
        let above = ValueBounds {
            least: middle,
            ..outer
        };
        if sign > 0 {
            [below, above]
        } else {
            [above, below]
        }
    }
}
