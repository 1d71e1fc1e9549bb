//! [`Grower`]: grows one tree after the other, in buffers that it keeps. What
//! it decides at a node depends on the node's rows, the seed, the tree's
//! index and the path from the root, and on nothing else. It predicts nothing.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::ops::Range;

use crate::bins::Bins;
use crate::counter::{BATCH, Counter};
use crate::criterion::Criterion;
use crate::histogram::{Layout, copy, subtract};
use crate::random::Key;
use crate::rows::{Bootstrap, Entry, Sample, SampleError, filter, in_chunks, partition};
use crate::sorted::{Sorted, TOO_MANY};
use crate::split::{Cut, Feature, Least, Search};
use crate::tree::{NO_CODE, Node, Test, Tree, beyond, contains};

/// scikit-learn's tolerance where it compares impurities.
pub(crate) const EPSILON: f64 = f64::EPSILON;

/// What a tree draws its rows by.
const ROWS: u64 = 0;
/// What everything at and below a tree's root is drawn by.
const ROOT: u64 = 1;
/// What a node draws features by. Its children have 0 and 1.
const FEATURES: u64 = 2;
/// What a node draws thresholds by.
const THRESHOLDS: u64 = 3;

/// The limits that nested hyper-parameters set: a tree grown to loose limits
/// contains the tree of any tighter ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Limits {
    /// A node at this depth is a leaf; the root's depth is 0.
    pub(crate) max_depth: u32,
    /// A node of fewer rows is a leaf.
    pub(crate) min_rows: u32,
    /// A node whose split decreases the impurity by less is a leaf.
    pub(crate) min_impurity_decrease: f64,
}

/// Everything else that decides a tree.
#[derive(Debug)]
pub(crate) struct Rules {
    /// The random seed.
    pub(crate) seed: u64,
    /// How many features are looked at before a node's split is chosen.
    pub(crate) max_features: usize,
    /// Whether splits are guessed instead of searched.
    pub(crate) random_splits: bool,
    /// The fewest rows of a leaf.
    pub(crate) min_leaf_rows: u32,
    /// The least share of the sample's weight in a leaf.
    pub(crate) min_leaf_weight_fraction: f64,
    /// The most leaves, of a tree that grows best-first.
    pub(crate) max_leaves: Option<u32>,
    /// How rows are drawn; `None` takes every row once.
    pub(crate) bootstrap: Option<Bootstrap>,
    /// Whether a tree's class weights balance the rows that it drew.
    pub(crate) balance_drawn: bool,
    /// See [`Search::noise`].
    pub(crate) noise: f64,
}

/// What is known of a node beyond its test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Mark {
    /// Its distance from the root.
    pub(crate) depth: u32,
    /// The number of different rows. Known of nodes that are split.
    pub(crate) rows: u32,
    /// The decrease of impurity by its split, weighted by its share of the
    /// sample. Known of nodes that are split.
    pub(crate) decrease: f64,
}

/// A tree with what its nodes predict.
#[derive(Debug, Default)]
pub(crate) struct Grown {
    /// The tests.
    pub(crate) tree: Tree,
    /// One a node.
    pub(crate) marks: Vec<Mark>,
    /// The class proportions of every node: for two classes one number, the
    /// share of class 1, else one a class.
    pub(crate) values: Vec<f64>,
}

impl Grown {
    fn clear(&mut self) {
        self.tree.nodes.clear();
        self.tree.sets.clear();
        self.marks.clear();
        self.values.clear();
    }
}

/// Something that grows the trees of a forest.
pub(crate) trait Grow {
    /// Grows tree `index`.
    fn grow(&mut self, index: u32, limits: Limits) -> Result<&Grown, SampleError>;
}

/// A node that waits to be split.
#[derive(Clone, Copy, Debug)]
struct Pending {
    node: u32,
    depth: u32,
    start: u32,
    end: u32,
    key: Key,
    /// Where the histograms of all its features are kept.
    slot: Option<u32>,
}

impl Pending {
    fn parity(&self) -> usize {
        (self.depth & 1) as usize
    }

    fn range(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    fn len(&self) -> usize {
        (self.end - self.start) as usize
    }
}

/// A split that was found, but not carried out.
#[derive(Clone, Copy, Debug)]
struct Found {
    feature: usize,
    cut: Cut,
    decrease: f64,
}

/// A found split of a tree that grows best-first: the greatest decrease comes
/// first, of equal ones the older node.
#[derive(Debug)]
struct Candidate<W> {
    pending: Pending,
    found: Found,
    left: Vec<W>,
}

impl<W> Ord for Candidate<W> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.found
            .decrease
            .total_cmp(&other.found.decrease)
            .then(other.pending.node.cmp(&self.pending.node))
    }
}

impl<W> PartialOrd for Candidate<W> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<W> PartialEq for Candidate<W> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<W> Eq for Candidate<W> {}

/// Grows trees on one sample by one set of rules.
pub(crate) struct Grower<'a, L: Layout, C> {
    bins: &'a Bins,
    sample: &'a Sample<'a>,
    rules: &'a Rules,
    limits: Limits,
    class_weights: Vec<f64>,
    /// The drawn rows' weight.
    weight: f64,
    search: Search<L>,
    counter: Counter<L::Word>,
    sorted: Sorted,
    times: Vec<u16>,
    /// A node at an even depth has its rows in the first, else in the second.
    entries: [Vec<Entry>; 2],
    tallies: Vec<L::Word>,
    /// All features, in any order.
    features: Vec<u32>,
    swaps: Vec<u32>,
    right: Vec<L::Word>,
    grown: Grown,
    criterion: PhantomData<C>,
}

impl<'a, L: Layout, C: Criterion> Grower<'a, L, C> {
    /// A grower of trees whose classes have weights.
    pub(crate) fn new(
        bins: &'a Bins,
        sample: &'a Sample<'a>,
        rules: &'a Rules,
        class_weights: Vec<f64>,
        layout: L,
    ) -> Self {
        let stride = layout.stride();
        Self {
            bins,
            sample,
            rules,
            limits: Limits {
                max_depth: 0,
                min_rows: 0,
                min_impurity_decrease: 0.0,
            },
            class_weights,
            weight: 0.0,
            counter: Counter::new(bins, stride),
            sorted: Sorted::new(layout.classes()),
            times: Vec::new(),
            entries: [Vec::new(), Vec::new()],
            tallies: Vec::new(),
            features: (0..bins.columns().len() as u32).collect(),
            swaps: Vec::new(),
            right: vec![L::Word::default(); stride],
            grown: Grown::default(),
            search: Search::new(layout),
            criterion: PhantomData,
        }
    }

    /// Draws the tree's rows, and makes its root.
    fn plant(&mut self, key: Key) -> Result<Pending, SampleError> {
        let [entries, other] = &mut self.entries;
        match &self.rules.bootstrap {
            None => {
                self.sample.all::<L>(&self.class_weights, entries);
                self.search.layout.weigh_classes(&self.class_weights);
            }
            Some(bootstrap) => {
                self.times.resize(self.sample.len(), 0);
                bootstrap.draw(key.child(ROWS), L::MOST, &mut self.times)?;
                self.sample.drawn::<L>(&self.times, entries);
                if self.rules.balance_drawn {
                    let weights = balanced(&self.sample.count_drawn(&self.times));
                    self.search.layout.weigh_classes(&weights);
                }
            }
        }
        if entries.is_empty() {
            return Err(SampleError::Weightless);
        }
        other.resize(entries.len(), Entry::default());
        let layout = &self.search.layout;
        self.tallies.clear();
        self.tallies.resize(layout.stride(), L::Word::default());
        in_chunks(entries, |entry| {
            layout.add_row(&mut self.tallies, L::unpack(entry.payload()));
        });
        self.weight = layout.weight(&self.tallies);
        self.search.noise = self.rules.noise;
        self.search.least = Least {
            rows: self.rules.min_leaf_rows,
            weight: self.rules.min_leaf_weight_fraction * self.weight,
        };
        let end = entries.len() as u32;
        self.counter.clear();
        self.grown.clear();
        self.push_node(0);
        Ok(Pending {
            node: 0,
            depth: 0,
            start: 0,
            end,
            key: key.child(ROOT),
            slot: None,
        })
    }

    /// Adds the node whose tally stands last among the tallies.
    fn push_node(&mut self, depth: u32) {
        let layout = &self.search.layout;
        let tally = &self.tallies[self.tallies.len() - layout.stride()..];
        self.grown.tree.nodes.push(Node::LEAF);
        self.grown.marks.push(Mark {
            depth,
            rows: 0,
            decrease: 0.0,
        });
        layout.proportions(tally, &mut self.grown.values);
    }

    fn tally(&self, node: u32) -> &[L::Word] {
        let stride = self.search.layout.stride();
        &self.tallies[node as usize * stride..][..stride]
    }

    /// Whether a node may be split, as far as its tally and depth tell.
    fn may_split(&self, node: u32, depth: u32) -> bool {
        let (layout, tally) = (&self.search.layout, self.tally(node));
        // Every row was drawn at least once: there are no more rows than draws.
        if depth >= self.limits.max_depth || layout.drawn(tally) < self.limits.min_rows {
            return false;
        }
        let weight = layout.weight(tally);
        weight >= 2.0 * self.search.least.weight
            && C::impurity(weight, layout.purity::<C>(tally)) > EPSILON
    }

    /// Finds the split of a node; what goes left is then in `search.best.left`.
    fn find(&mut self, pending: Pending) -> Option<Found> {
        if pending.end - pending.start < self.limits.min_rows {
            return None;
        }
        self.search.best.clear();
        self.look_at_features(pending);
        let best = &self.search.best;
        if !best.is_some() {
            return None;
        }
        let purity = self.search.layout.purity::<C>(self.tally(pending.node));
        let decrease = (best.purity - purity) / self.weight;
        if decrease + EPSILON < self.limits.min_impurity_decrease {
            return None;
        }
        Some(Found {
            feature: best.feature,
            cut: best.cut,
            decrease,
        })
    }

    /// Looks at random features until `max_features` were seen, and on until
    /// one was not constant.
    fn look_at_features(&mut self, pending: Pending) {
        let number = self.features.len();
        let wanted = self.rules.max_features.min(number);
        let mut draws = pending.key.child(FEATURES).draws();
        let (mut seen, mut useful) = (0, false);
        self.swaps.clear();
        while seen < wanted || (seen < number && !useful) {
            let batch = wanted.saturating_sub(seen).clamp(1, BATCH);
            for at in seen..seen + batch {
                let drawn = at + draws.below((number - at) as u32) as usize;
                self.features.swap(at, drawn);
                self.swaps.push(drawn as u32);
            }
            useful |= self.look_at_batch(pending, seen, batch);
            seen += batch;
        }
        // Undone, so that no node sees the order that another one left behind.
        for (at, &drawn) in self.swaps.iter().enumerate().rev() {
            self.features.swap(at, drawn as usize);
        }
    }

    /// Looks at some features; returns whether one was not constant.
    fn look_at_batch(&mut self, pending: Pending, first: usize, batch: usize) -> bool {
        let Self {
            bins,
            search,
            counter,
            sorted,
            entries,
            tallies,
            features,
            rules,
            ..
        } = self;
        let features = &features[first..first + batch];
        let entries = &entries[pending.parity()][pending.range()];
        let stride = search.layout.stride();
        let total = &tallies[pending.node as usize * stride..][..stride];
        let guess = rules.random_splits.then(|| pending.key.child(THRESHOLDS));
        // Whether there is a slot plays no part: that depends on which other
        // nodes were grown, and rounding may tell sorted from counted.
        let may_sort = guess.is_none()
            && search.layout.is_unweighted()
            && search.layout.drawn(total) < TOO_MANY;
        let sorts = |index: usize| {
            let coding = &bins.columns()[index].coding;
            may_sort && Sorted::is_worth(coding, entries.len(), stride)
        };
        let mut counted = [0; BATCH];
        let mut number = 0;
        for &index in features.iter().filter(|&&index| !sorts(index as usize)) {
            counted[number] = index;
            number += 1;
        }
        counter.count(
            &search.layout,
            bins,
            entries,
            &counted[..number],
            pending.slot,
        );
        let mut useful = false;
        let mut place = 0;
        for &index in features {
            let index = index as usize;
            let column = &bins.columns()[index];
            if sorts(index) {
                if sorted.sort(entries, bins.codes(index)) {
                    search.look_at_sorted::<C>(index, column, sorted, total);
                    useful = true;
                }
                continue;
            }
            let (histogram, present) = counter.view(bins, place, index, pending.slot);
            let feature = Feature {
                index,
                column,
                histogram,
                codes: present.codes(),
                has_missing: present.has_missing,
            };
            useful |= search.look::<C>(feature, total, guess);
            counter.forget(place, column.coding.missing(), pending.slot);
            place += 1;
        }
        useful
    }

    /// Carries out a split: two new nodes, with the rows of those that may be
    /// split in their places. `left` is the tally of what goes left.
    fn split(&mut self, pending: Pending, found: Found, left: &[L::Word]) -> [Option<Pending>; 2] {
        let node = self.grown.tree.nodes.len() as u32;
        let stride = self.search.layout.stride();
        copy(
            &mut self.right,
            &self.tallies[pending.node as usize * stride..][..stride],
        );
        subtract(&mut self.right, left);
        let layout = &self.search.layout;
        let left_is_larger = layout.drawn(left) > layout.drawn(&self.right);
        let depth = pending.depth + 1;
        self.tallies.extend_from_slice(left);
        self.push_node(depth);
        self.tallies.extend_from_slice(&self.right);
        self.push_node(depth);
        let test = self.test(found, left_is_larger);
        self.grown.tree.nodes[pending.node as usize] = Node {
            left: node,
            feature: found.feature as u32,
            test,
        };
        let rows = pending.end - pending.start;
        self.grown.marks[pending.node as usize] = Mark {
            depth: pending.depth,
            rows,
            decrease: found.decrease,
        };
        let alive = [self.may_split(node, depth), self.may_split(node + 1, depth)];
        let mut children = [0, 1].map(|side| Pending {
            node: node + side,
            depth,
            start: pending.start,
            end: pending.end,
            key: pending.key.child(u64::from(side)),
            slot: None,
        });
        if !alive[0] && !alive[1] {
            self.counter.release(pending.slot);
            return [None, None];
        }
        let both = (alive[0] && alive[1]) || pending.slot.is_some();
        let number = self.send(
            pending,
            found.feature,
            test,
            if both { None } else { Some(alive[1]) },
        );
        if both {
            children[0].end = pending.start + number as u32;
            children[1].start = children[0].end;
            if let Some(slot) = pending.slot {
                self.inherit(slot, &mut children, alive);
            }
        } else {
            children[usize::from(alive[1])].end = pending.start + number as u32;
        }
        let [left, right] = children;
        [alive[0].then_some(left), alive[1].then_some(right)]
    }

    /// A found cut as a test. A code that the node did not have goes where
    /// more of its rows went.
    fn test(&mut self, found: Found, left_is_larger: bool) -> Test {
        match found.cut {
            Cut::UpTo { cut, missing_left } => {
                let missing = self.bins.columns()[found.feature].coding.missing();
                let also = if missing_left.unwrap_or(left_is_larger) {
                    u16::from(missing)
                } else {
                    NO_CODE
                };
                Test::UpTo { cut, also }
            }
            Cut::In { mut left, present } => {
                if left_is_larger {
                    for (left, present) in left.iter_mut().zip(present) {
                        *left |= !present;
                    }
                }
                self.grown.tree.sets.push(left);
                Test::In {
                    set: (self.grown.tree.sets.len() - 1) as u32,
                }
            }
        }
    }

    /// Sends a node's rows to its children's places, or those of one side
    /// alone to the front; returns how many went left, or were kept.
    fn send(&mut self, pending: Pending, feature: usize, test: Test, only: Option<bool>) -> usize {
        let column = self.bins.codes(feature);
        let [even, odd] = &mut self.entries;
        let (source, target) = if pending.parity() == 0 {
            (even, odd)
        } else {
            (odd, even)
        };
        let (source, target) = (&source[pending.range()], &mut target[pending.range()]);
        match (test, only) {
            (Test::UpTo { cut, also: NO_CODE }, None) => {
                partition(source, target, column, |code| code > cut)
            }
            (Test::UpTo { cut, also }, None) => {
                partition(source, target, column, |code| beyond(code, cut, also))
            }
            (Test::UpTo { cut, also }, Some(right)) => filter(source, target, column, |code| {
                beyond(code, cut, also) == right
            }),
            (Test::In { set }, None) => {
                let set = &self.grown.tree.sets[set as usize];
                partition(source, target, column, |code| !contains(set, code))
            }
            (Test::In { set }, Some(right)) => {
                let set = &self.grown.tree.sets[set as usize];
                filter(source, target, column, |code| contains(set, code) != right)
            }
        }
    }

    /// Hands a node's histograms on: the child of fewer rows is counted, the
    /// other one gets what is left.
    fn inherit(&mut self, slot: u32, children: &mut [Pending; 2], alive: [bool; 2]) {
        let lengths = [children[0].len(), children[1].len()];
        let large = usize::from(lengths[1] > lengths[0]);
        let worth = |side: usize| alive[side] && self.counter.is_worth(lengths[side]);
        let (worth_large, worth_small) = (worth(large), worth(1 - large));
        let small = children[1 - large];
        let entries = &self.entries[small.parity()][small.range()];
        let counted = if worth_large {
            self.counter
                .count_slot(&self.search.layout, self.bins, entries)
        } else {
            None
        };
        let Some(counted) = counted else {
            self.counter.release(Some(slot));
            return;
        };
        self.counter.subtract(slot, counted);
        children[large].slot = Some(slot);
        if worth_small {
            children[1 - large].slot = Some(counted);
        } else {
            self.counter.release(Some(counted));
        }
    }

    /// Grows the left side of each node before its right one.
    fn grow_by_depth(&mut self, root: Pending) {
        let mut left = vec![L::Word::default(); self.search.layout.stride()];
        let mut stack = vec![root];
        while let Some(pending) = stack.pop() {
            let Some(found) = self.find(pending) else {
                self.counter.release(pending.slot);
                continue;
            };
            copy(&mut left, &self.search.best.left);
            let [a, b] = self.split(pending, found, &left);
            stack.extend(b);
            stack.extend(a);
        }
    }

    /// Carries out the split of the greatest decrease first, until there are
    /// `leaves` leaves.
    fn grow_by_decrease(&mut self, root: Pending, leaves: u32) {
        let mut heap = BinaryHeap::new();
        let mut fresh = vec![root];
        let mut splits_left = leaves - 1;
        loop {
            for pending in fresh.drain(..) {
                if let Some(found) = self.find(pending) {
                    let left = self.search.best.left.clone();
                    heap.push(Candidate {
                        pending,
                        found,
                        left,
                    });
                }
            }
            if splits_left == 0 {
                return;
            }
            let Some(Candidate {
                pending,
                found,
                left,
            }) = heap.pop()
            else {
                return;
            };
            splits_left -= 1;
            fresh.extend(self.split(pending, found, &left).into_iter().flatten());
        }
    }
}

impl<L: Layout, C: Criterion> Grow for Grower<'_, L, C> {
    fn grow(&mut self, index: u32, limits: Limits) -> Result<&Grown, SampleError> {
        self.limits = limits;
        let mut root = self.plant(Key::new(self.rules.seed).child(u64::from(index)))?;
        if self.may_split(0, 0) {
            match self.rules.max_leaves {
                Some(leaves) => self.grow_by_decrease(root, leaves),
                None => {
                    if self.rules.max_features >= self.features.len() {
                        let entries = &self.entries[0];
                        root.slot =
                            self.counter
                                .count_slot(&self.search.layout, self.bins, entries);
                    }
                    self.grow_by_depth(root);
                }
            }
        }
        Ok(&self.grown)
    }
}

/// scikit-learn's balanced class weights: the number of rows divided by that
/// of the classes that occur and by that of the class's rows.
pub(crate) fn balanced(counts: &[u32]) -> Vec<f64> {
    let rows: f64 = counts.iter().map(|&count| f64::from(count)).sum();
    let classes = counts.iter().filter(|&&count| count > 0).count() as f64;
    counts
        .iter()
        .map(|&count| {
            if count == 0 {
                1.0
            } else {
                rows / (classes * f64::from(count))
            }
        })
        .collect()
}
