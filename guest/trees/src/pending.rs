//! [`PendingNode`] and [`PendingSplit`]: the nodes of a growing tree that are
//! not split yet.

use std::cmp::Ordering;
use std::ops::Range;

use crate::random::Key;
use crate::split::SplitRule;

/// A node that is to be split. Its rows are `start..end` of the entries of its
/// depth's parity.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingNode {
    /// The index of the node.
    pub(crate) node: u32,
    /// The depth; that of the root is 0.
    pub(crate) depth: u32,
    /// The first of its rows.
    pub(crate) start: u32,
    /// The end of its rows, exclusive.
    pub(crate) end: u32,
    /// The key of its random numbers.
    pub(crate) key: Key,
    /// The slot of its histograms, if it has one.
    pub(crate) slot: Option<u32>,
}

impl PendingNode {
    /// 0 at an even depth, 1 at an odd one.
    pub(crate) fn parity(&self) -> usize {
        (self.depth & 1) as usize
    }

    /// The places of its rows among the entries.
    pub(crate) fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The number of its distinct rows.
    pub(crate) fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// The best split of a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChosenSplit {
    /// The index of the feature.
    pub(crate) feature: usize,
    /// Which codes go left.
    pub(crate) rule: SplitRule,
    /// The impurity decrease, weighted by the node's share of the weight, in the
    /// unit of [`crate::tally::TallyLayout::purity`].
    pub(crate) decrease: f64,
}

/// A node with its split, in a tree that grows best-first. Ordered by impurity
/// decrease; of equal ones, the older node is greater.
#[derive(Debug)]
pub(crate) struct PendingSplit<W> {
    /// The node.
    pub(crate) pending: PendingNode,
    /// Its best split.
    pub(crate) split: ChosenSplit,
    /// The tally of the left side.
    pub(crate) left: Vec<W>,
}

impl<W> Ord for PendingSplit<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.split
            .decrease
            .total_cmp(&other.split.decrease)
            .then(other.pending.node.cmp(&self.pending.node))
    }
}

impl<W> PartialOrd for PendingSplit<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> PartialEq for PendingSplit<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<W> Eq for PendingSplit<W> {}
