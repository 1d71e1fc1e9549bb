//! [`Grower`]: grows one tree after the other, in buffers that it keeps. What
//! it decides at a node depends on the node's rows, the seed, the tree's index
//! and the path from the root, and on nothing else.

use std::collections::BinaryHeap;

use crate::bins::{Bins, EXACT_ROWS};
use crate::chunks;
use crate::codes::with_codes;
use crate::criterion::EPSILON;
use crate::entries::{BoundedRows, Entry};
use crate::grown::{GrowTree, GrownTree, GrowthRules, NestedLimits, NodeStats};
use crate::moving::move_rows;
use crate::node_histograms::{BATCH, NodeHistograms};
use crate::pending::{ChosenSplit, PendingNode, PendingSplit};
use crate::random::Key;
use crate::sample::{RowSource, SampleError};
use crate::search::SplitSearch;
use crate::sorted::SortedRows;
use crate::split::{Feature, FeatureHistogram, SplitRule};
use crate::tally::{LeafLimits, TallyLayout, copy, subtract};
use crate::tree::{NO_CODE, Node, Test};

/// The child of a tree's key for its bootstrap sample.
const ROWS: u64 = 0;
/// The child of a tree's key for its root node.
const ROOT: u64 = 1;
/// The child of a node's key for the choice of features. The children of the
/// node have 0 and 1.
const FEATURES: u64 = 2;
/// The child of a node's key for random splits.
const THRESHOLDS: u64 = 3;

/// The number of rows from which on a node is split between bins of codes, where
/// these have more than one byte. Smaller nodes are split between all codes, and
/// so are all nodes of a numeric target in a small table ([`EXACT_ROWS`]).
const COARSE_ROWS: usize = 128;

/// The number of bins that occur in a node from which on it is split between
/// bins.
const COARSE_BINS: usize = 64;

/// How a feature of a node is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By rows that are sorted by their codes.
    Codes,
    /// By rows that are sorted by the bins of their codes.
    Bins,
    /// By a histogram, of bins if there are any, else of codes.
    Histogram,
}

/// Grows trees on one sample by one set of rules.
pub(crate) struct Grower<'a, L: TallyLayout> {
    bins: &'a Bins,
    rows: Box<dyn RowSource<L> + 'a>,
    rules: &'a GrowthRules,
    limits: NestedLimits,
    /// The weight of the tree's sample.
    weight: f64,
    search: SplitSearch<L>,
    histograms: NodeHistograms<L::Count>,
    sorted: SortedRows<L::Payload>,
    /// The number of draws of each training row.
    draws: Vec<u16>,
    /// The rows of a node are in the first at an even depth, else in the
    /// second.
    entries: [BoundedRows<Entry<L>>; 2],
    /// One tally per node.
    tallies: Vec<L::Count>,
    /// The indices of all features; a permutation of them only within
    /// `search_features`.
    features: Vec<u32>,
    swaps: Vec<u32>,
    right: Vec<L::Count>,
    grown: GrownTree,
    /// The number of rows from which on a node is split between bins of codes.
    coarse_rows: usize,
    /// Whether categories are split into subsets.
    has_subsets: bool,
}

impl<'a, L: TallyLayout> Grower<'a, L> {
    /// A grower of trees on samples of `rows`.
    pub(crate) fn new(
        bins: &'a Bins,
        rows: Box<dyn RowSource<L> + 'a>,
        rules: &'a GrowthRules,
        layout: L,
    ) -> Self {
        let stride = layout.stride();
        let is_exact = L::BY_ROWS || (L::IS_NUMERIC && bins.rows() <= EXACT_ROWS);
        let mut columns = bins.columns().iter();
        Self {
            bins,
            rules,
            limits: NestedLimits {
                max_depth: 0,
                min_rows: 0,
                min_impurity_decrease: 0.0,
            },
            weight: 0.0,
            histograms: NodeHistograms::new(bins, stride),
            sorted: SortedRows::new(),
            draws: Vec::new(),
            entries: [rows.new_entries(), rows.new_entries()],
            rows,
            tallies: Vec::new(),
            features: (0..bins.columns().len() as u32).collect(),
            swaps: Vec::new(),
            right: vec![L::Count::default(); stride],
            grown: GrownTree::default(),
            search: SplitSearch::new(layout),
            coarse_rows: if is_exact { usize::MAX } else { COARSE_ROWS },
            has_subsets: columns.any(|column| !column.coding.is_ordered()),
        }
    }

    /// Draws the sample of the tree of key `key`, and adds the root node.
    fn start_tree(&mut self, key: Key) -> Result<PendingNode, SampleError> {
        let [entries, other] = &mut self.entries;
        let layout = &mut self.search.layout;
        match &self.rules.bootstrap {
            None => self.rows.take(None, layout, entries),
            Some(bootstrap) => {
                self.draws.resize(self.rows.len(), 0);
                bootstrap.draw(key.child(ROWS), L::MAX_DRAWS, &mut self.draws)?;
                self.rows.take(Some(&self.draws), layout, entries);
            }
        }
        if entries.is_empty() {
            return Err(SampleError::Weightless);
        }
        other.match_length(entries);
        let layout = &self.search.layout;
        self.tallies.clear();
        self.tallies.resize(layout.stride(), L::Count::default());
        chunks::for_each(entries, |entry| {
            layout.add(&mut self.tallies, L::unpack(entry.payload()));
        });
        self.weight = layout.weight(&self.tallies);
        self.search.noise_factor = self.rules.noise_factor;
        self.search.limits = LeafLimits {
            rows: self.rules.min_leaf_rows,
            weight: self.rules.min_leaf_weight_fraction * self.weight,
        };
        let end = entries.len() as u32;
        self.histograms.clear();
        self.grown.clear();
        self.push_node(0);
        let root = PendingNode {
            node: 0,
            depth: 0,
            start: 0,
            end,
            key: key.child(ROOT),
            slot: None,
        };
        if L::BY_ROWS {
            self.set_value(root);
        }
        Ok(root)
    }

    /// Adds a leaf. Its tally is the last one of `tallies`.
    fn push_node(&mut self, depth: u32) {
        let layout = &self.search.layout;
        let tally = &self.tallies[self.tallies.len() - layout.stride()..];
        self.grown.tree.nodes.push(Node::LEAF);
        self.grown.stats.push(NodeStats {
            depth,
            rows: 0,
            decrease: 0.0,
            weight: layout.weight(tally),
        });
        layout.push_values(tally, &mut self.grown.values);
    }

    /// The payloads of a node's rows.
    fn rows_of(&mut self, pending: PendingNode) -> (&L, &mut [L::Payload]) {
        let [rows, _] = &mut self.search.rows;
        rows.clear();
        let entries = &self.entries[pending.parity()][pending.range()];
        rows.extend(entries.iter().map(|entry| entry.payload()));
        (&self.search.layout, rows)
    }

    /// Computes the value of a node from its rows.
    fn set_value(&mut self, pending: PendingNode) {
        let (layout, rows) = self.rows_of(pending);
        let value = layout.value_of_rows(rows);
        self.grown.values[pending.node as usize] = value;
    }

    fn tally(&self, node: u32) -> &[L::Count] {
        let stride = self.search.layout.stride();
        &self.tallies[node as usize * stride..][..stride]
    }

    /// Whether some nodes are split by histograms.
    fn counts(&self) -> bool {
        let is_counted = |index| self.coarse_rows < usize::MAX || self.bins.coarse(index).is_none();
        !L::BY_ROWS && (0..self.features.len()).any(is_counted)
    }

    /// Whether the tally and the depth of a node allow to split it.
    fn may_split(&self, node: u32, depth: u32) -> bool {
        let (layout, tally) = (&self.search.layout, self.tally(node));
        // There are at most as many distinct rows as draws.
        if depth >= self.limits.max_depth || layout.draws(tally) < self.limits.min_rows {
            return false;
        }
        let weight = layout.weight(tally);
        weight >= 2.0 * self.search.limits.weight && layout.may_be_impure(tally)
    }

    /// Searches the best split of a node; `None` if it becomes a leaf. The tally
    /// of the left side is then in `search.best.left`.
    fn find_split(&mut self, pending: PendingNode) -> Option<ChosenSplit> {
        if pending.end - pending.start < self.limits.min_rows {
            return None;
        }
        if L::IS_NUMERIC {
            let rows = || self.entries[pending.parity()][pending.range()].iter();
            let payloads = || rows().map(|entry| entry.payload());
            if L::is_pure(payloads()) {
                return None;
            }
            if self.has_subsets && !self.rules.random_splits {
                self.search.variance = self.search.layout.variance(payloads());
            }
        }
        self.search.best.clear();
        self.search_features(pending);
        let best = &self.search.best;
        if !best.is_some() {
            return None;
        }
        let decrease = (best.purity - self.purity(pending)) / self.weight;
        let scaled = self.search.layout.scale_decrease(decrease);
        if scaled + EPSILON < self.limits.min_impurity_decrease {
            return None;
        }
        let best = &self.search.best;
        Some(ChosenSplit {
            feature: best.feature,
            rule: best.rule,
            decrease,
        })
    }

    /// The purity of a node.
    fn purity(&mut self, pending: PendingNode) -> f64 {
        if !L::BY_ROWS {
            return self.search.layout.purity(self.tally(pending.node));
        }
        let (layout, rows) = self.rows_of(pending);
        layout.purity_of_rows(rows)
    }

    /// Searches `max_features` random features, and further ones until one is
    /// not constant.
    fn search_features(&mut self, pending: PendingNode) {
        let number = self.features.len();
        let max_features = self.rules.max_features.min(number);
        let mut rng = pending.key.child(FEATURES).rng();
        let (mut seen, mut varies) = (0, false);
        self.swaps.clear();
        while seen < max_features || (seen < number && !varies) {
            let batch = max_features.saturating_sub(seen).clamp(1, BATCH);
            for at in seen..seen + batch {
                let drawn = at + rng.below((number - at) as u32) as usize;
                self.features.swap(at, drawn);
                self.swaps.push(drawn as u32);
            }
            varies |= self.search_batch(pending, seen, batch);
            seen += batch;
        }
        // Undone, so that the order does not depend on other nodes.
        for (at, &drawn) in self.swaps.iter().enumerate().rev() {
            self.features.swap(at, drawn as usize);
        }
    }

    /// Searches `features[first..first + batch]`. Returns whether one of them is
    /// not constant.
    fn search_batch(&mut self, pending: PendingNode, first: usize, batch: usize) -> bool {
        let Self {
            bins,
            search,
            histograms,
            sorted,
            entries,
            tallies,
            features,
            rules,
            coarse_rows,
            ..
        } = self;
        let features = &features[first..first + batch];
        let entries = entries[pending.parity()].slice(pending.range());
        let stride = search.layout.stride();
        let total = &tallies[pending.node as usize * stride..][..stride];
        let mut varies = false;
        if rules.random_splits {
            let key = pending.key.child(THRESHOLDS);
            for &index in features {
                let index = index as usize;
                let column = &bins.columns()[index];
                varies |= search.draw(index, column, bins.codes(index), entries, total, key);
            }
            return varies;
        }
        // Independent of whether there is a slot, which depends on other nodes:
        // sorted and counted rows may differ in the rounding of scores.
        let may_sort = search.layout.may_sort(total);
        let way = |index: usize| {
            let (coding, coarse) = (&bins.columns()[index].coding, bins.coarse(index));
            let values = bins.counted(index).1;
            let is_faster =
                || SortedRows::<L::Payload>::is_faster(coding, values, entries.len(), stride);
            match coarse {
                _ if L::BY_ROWS => Way::Codes,
                Some(_) if entries.len() < *coarse_rows => Way::Codes,
                Some(_) if may_sort && is_faster() => Way::Bins,
                None if may_sort && is_faster() => Way::Codes,
                _ => Way::Histogram,
            }
        };
        let mut ways = [Way::Codes; BATCH];
        let mut counted = [0; BATCH];
        let mut number = 0;
        for (&index, chosen) in features.iter().zip(&mut ways) {
            *chosen = way(index as usize);
            if *chosen == Way::Histogram {
                counted[number] = index;
                number += 1;
            }
        }
        histograms.count(
            &search.layout,
            bins,
            entries,
            &counted[..number],
            pending.slot,
        );
        let mut place = 0;
        for (&index, mut way) in features.iter().zip(ways) {
            let index = index as usize;
            let mut feature = Feature {
                index,
                column: &bins.columns()[index],
                bins: bins.coarse(index),
            };
            if way == Way::Histogram {
                let (histogram, present) = histograms.get(bins, place, index, pending.slot);
                if feature.bins.is_some() && present.codes().len() < COARSE_BINS {
                    way = Way::Codes;
                } else {
                    let counted = FeatureHistogram {
                        feature,
                        histogram,
                        codes: present.codes(),
                        has_missing: present.has_missing,
                    };
                    varies |= search.search(counted, total);
                }
                let missing = feature.missing() as u8;
                histograms.clear_batch_place(place, missing, pending.slot);
                place += 1;
            }
            if way == Way::Bins {
                sorted.sort_narrow(entries, bins.counted(index).0);
                if sorted.codes(feature.missing()).0.len() < COARSE_BINS {
                    way = Way::Codes;
                } else {
                    search.search_sorted(feature, sorted, total);
                    varies = true;
                }
            }
            if way == Way::Codes && sorted.sort(entries, bins.codes(index), feature.bins.take()) {
                match L::BY_ROWS {
                    true => search.search_rows(feature, sorted, total),
                    false => search.search_sorted(feature, sorted, total),
                }
                varies = true;
            }
        }
        varies
    }

    /// Adds the two children of a node, and moves the rows of those that may be
    /// split. `left` is the tally of the left child. Returns the children that
    /// may be split.
    fn split(
        &mut self,
        pending: PendingNode,
        split: ChosenSplit,
        left: &[L::Count],
    ) -> [Option<PendingNode>; 2] {
        let node = self.grown.tree.nodes.len() as u32;
        let stride = self.search.layout.stride();
        copy(
            &mut self.right,
            &self.tallies[pending.node as usize * stride..][..stride],
        );
        subtract(&mut self.right, left);
        let layout = &self.search.layout;
        let left_is_larger = layout.draws(left) > layout.draws(&self.right);
        let depth = pending.depth + 1;
        self.tallies.extend_from_slice(left);
        self.push_node(depth);
        self.tallies.extend_from_slice(&self.right);
        self.push_node(depth);
        let test = self.new_test(split, left_is_larger);
        self.grown.tree.nodes[pending.node as usize] = Node {
            left: node,
            feature: split.feature as u32,
            test,
        };
        let stats = &mut self.grown.stats[pending.node as usize];
        stats.rows = pending.end - pending.start;
        stats.decrease = self.search.layout.scale_decrease(split.decrease);
        let may_split = [self.may_split(node, depth), self.may_split(node + 1, depth)];
        let mut children = [0, 1].map(|side| PendingNode {
            node: node + side,
            depth,
            start: pending.start,
            end: pending.end,
            key: pending.key.child(u64::from(side)),
            slot: None,
        });
        if !may_split[0] && !may_split[1] && !L::BY_ROWS {
            self.histograms.release(pending.slot);
            return [None, None];
        }
        let both = L::BY_ROWS || (may_split[0] && may_split[1]) || pending.slot.is_some();
        let number = self.move_rows(
            pending,
            split.feature,
            test,
            if both { None } else { Some(may_split[1]) },
        );
        if both {
            children[0].end = pending.start + number as u32;
            children[1].start = children[0].end;
            if L::BY_ROWS {
                children.into_iter().for_each(|child| self.set_value(child));
            }
            if let Some(slot) = pending.slot {
                self.pass_on_slot(slot, &mut children, may_split);
            }
        } else {
            children[usize::from(may_split[1])].end = pending.start + number as u32;
        }
        let [left, right] = children;
        [may_split[0].then_some(left), may_split[1].then_some(right)]
    }

    /// The test of a split. Codes that do not occur in the node go to the side
    /// of more draws.
    fn new_test(&mut self, split: ChosenSplit, left_is_larger: bool) -> Test {
        match split.rule {
            SplitRule::Threshold {
                last_left,
                missing_left,
            } => {
                let missing = self.bins.columns()[split.feature].coding.missing();
                let also_left = if missing_left.unwrap_or(left_is_larger) {
                    missing
                } else {
                    NO_CODE
                };
                Test::Threshold {
                    last_left,
                    also_left,
                }
            }
            SplitRule::Subset { mut left, present } => {
                if left_is_larger {
                    for (left, present) in left.iter_mut().zip(present) {
                        *left |= !present;
                    }
                }
                self.grown.tree.sets.push(left);
                Test::Subset {
                    set: (self.grown.tree.sets.len() - 1) as u32,
                }
            }
        }
    }

    /// Moves a node's rows to the places of its children: all, or those of one
    /// side to the front (`only`: whether the right one). Returns how many went
    /// left, or to the one side.
    fn move_rows(
        &mut self,
        pending: PendingNode,
        feature: usize,
        test: Test,
        only: Option<bool>,
    ) -> usize {
        let [even, odd] = &mut self.entries;
        let (source, target) = if pending.parity() == 0 {
            (even, odd)
        } else {
            (odd, even)
        };
        let (start, source) = (pending.range().start, source.slice(pending.range()));
        let tree = &self.grown.tree;
        with_codes!(self.bins.codes(feature), column => {
            move_rows(target, start, source, column, tree, test, only)
        })
    }

    /// Gives the slot of a node to its children: the child of fewer rows is
    /// counted, and subtracted from the histograms of the node to give those of
    /// its sibling.
    fn pass_on_slot(&mut self, slot: u32, children: &mut [PendingNode; 2], may_split: [bool; 2]) {
        let lengths = [children[0].len(), children[1].len()];
        let large = usize::from(lengths[1] > lengths[0]);
        let is_faster =
            |side: usize| may_split[side] && self.histograms.is_slot_faster(lengths[side]);
        let (is_large_faster, is_small_faster) = (is_faster(large), is_faster(1 - large));
        let small = children[1 - large];
        let entries = self.entries[small.parity()].slice(small.range());
        let counted = if is_large_faster {
            self.histograms
                .count_slot(&self.search.layout, self.bins, entries)
        } else {
            None
        };
        let Some(counted) = counted else {
            self.histograms.release(Some(slot));
            return;
        };
        self.histograms.subtract(slot, counted);
        children[large].slot = Some(slot);
        if is_small_faster {
            children[1 - large].slot = Some(counted);
        } else {
            self.histograms.release(Some(counted));
        }
    }

    /// Splits all nodes depth-first, left children first.
    fn grow_depth_first(&mut self, root: PendingNode) {
        let mut left = vec![L::Count::default(); self.search.layout.stride()];
        let mut stack = vec![root];
        while let Some(pending) = stack.pop() {
            let Some(split) = self.find_split(pending) else {
                self.histograms.release(pending.slot);
                continue;
            };
            copy(&mut left, &self.search.best.left);
            let [a, b] = self.split(pending, split, &left);
            stack.extend(b);
            stack.extend(a);
        }
    }

    /// Splits the node of the greatest impurity decrease first, until there are
    /// `leaves` leaves.
    fn grow_best_first(&mut self, root: PendingNode, leaves: u32) {
        let mut heap = BinaryHeap::new();
        let mut new_nodes = vec![root];
        let mut splits_left = leaves - 1;
        loop {
            for pending in new_nodes.drain(..) {
                if let Some(split) = self.find_split(pending) {
                    let left = self.search.best.left.clone();
                    heap.push(PendingSplit {
                        pending,
                        split,
                        left,
                    });
                }
            }
            if splits_left == 0 {
                return;
            }
            let Some(PendingSplit {
                pending,
                split,
                left,
            }) = heap.pop()
            else {
                return;
            };
            splits_left -= 1;
            new_nodes.extend(self.split(pending, split, &left).into_iter().flatten());
        }
    }
}

impl<L: TallyLayout> GrowTree for Grower<'_, L> {
    fn grow(&mut self, index: u32, limits: NestedLimits) -> Result<&GrownTree, SampleError> {
        self.limits = limits;
        let mut root = self.start_tree(Key::new(self.rules.seed).child(u64::from(index)))?;
        if self.may_split(0, 0) {
            match self.rules.max_leaves {
                Some(leaves) => self.grow_best_first(root, leaves),
                None => {
                    let is_whole = self.rules.max_features >= self.features.len();
                    if is_whole && !self.rules.random_splits && self.counts() {
                        let entries = self.entries[0].slice(root.range());
                        root.slot =
                            self.histograms
                                .count_slot(&self.search.layout, self.bins, entries);
                    }
                    self.grow_depth_first(root);
                }
            }
        }
        Ok(&self.grown)
    }

    fn latest(&self) -> (&GrownTree, &[u16]) {
        (&self.grown, &self.draws)
    }
}
