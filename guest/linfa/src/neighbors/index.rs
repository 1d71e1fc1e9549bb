//! [`Index`]: finds the nearest points of a query, by all distances or by a tree.

use fanout_sdk::Matrix;
use serde::{Deserialize, Serialize};

use super::filter::{Filter, Filtered};
use super::nearest::{Nearest, Neighbor};
use super::tree::{self, Tree};
use crate::points::{LANES, Metric, Points, Query, queries};

/// Packs of points that stay in the cache while a group of queries passes them.
const PACKS: usize = 16;

/// Queries of a group, and those that a [`Filter`] takes at a time.
const GROUP: usize = 64;
const PAIR: usize = 2;

/// The queries for which a [`Filter`] is made.
const QUERIES: usize = 32;

/// The points of a fit. Which of two ways finds the nearest does not change them,
/// since both compute the same sums and break ties by the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub(super) metric: Metric,
    pub(super) points: Points,
    tree: Option<Tree>,
}

impl Index {
    /// Of some rows of a matrix.
    pub(super) fn new(matrix: &Matrix, rows: &[u32], metric: Metric) -> Self {
        if tree::is_worth_it(matrix, rows.len()) {
            let (tree, order) = Tree::new(matrix, rows);
            return Self {
                metric,
                points: Points::new(matrix, &order, metric),
                tree: Some(tree),
            };
        }
        Self {
            metric,
            points: Points::new(matrix, rows, metric),
            tree: None,
        }
    }

    /// The number of points.
    pub(super) fn count(&self) -> usize {
        self.points.count()
    }

    /// The `count` nearest points of each row, the nearest first, one row after the
    /// other.
    pub(super) fn nearest(&self, matrix: &Matrix, rows: &[u32], count: usize) -> Vec<Neighbor> {
        let mut all = Vec::with_capacity(rows.len() * count);
        let mut queries = queries(matrix, rows).peekable();
        let mut filter = (self.tree.is_none() && rows.len() >= QUERIES)
            .then(|| Filter::new(&self.points, self.metric))
            .flatten();
        while queries.peek().is_some() {
            match &self.tree {
                Some(tree) => {
                    for query in queries.by_ref() {
                        let mut nearest = Nearest::new(count);
                        tree.search(&self.points, self.metric, &query, &mut nearest);
                        all.extend(nearest.into_sorted());
                    }
                }
                None => {
                    let group: Vec<Query> = queries.by_ref().take(GROUP).collect();
                    for nearest in self.nearest_of_group(&group, count, &mut filter) {
                        all.extend(nearest.into_sorted());
                    }
                }
            }
        }
        all
    }

    /// The nearest points of a group of queries. A filter that keeps too much is dropped.
    fn nearest_of_group(
        &self,
        group: &[Query],
        count: usize,
        filter: &mut Option<Filter>,
    ) -> Vec<Nearest> {
        let filtered: Option<Vec<Filtered>> = filter
            .as_ref()
            .and_then(|filter| group.iter().map(|query| filter.query(query)).collect());
        let (Some(known), Some(filtered)) = (&*filter, filtered) else {
            return self.pass(group, count);
        };
        let (nearest, kept) = self.pass_filtered(group, count, known, &filtered);
        // A pack that is kept is looked at twice.
        if 2 * kept > group.len() * self.points.packs() {
            *filter = None;
        }
        nearest
    }

    /// Offers all points to all queries of a group.
    fn pass(&self, group: &[Query], count: usize) -> Vec<Nearest> {
        let mut nearest: Vec<Nearest> = group.iter().map(|_| Nearest::new(count)).collect();
        for range in self.ranges() {
            for (query, nearest) in group.iter().zip(&mut nearest) {
                for pack in range.clone() {
                    self.offer(pack, query, nearest);
                }
            }
        }
        nearest
    }

    /// [`Self::pass`] without the packs that a filter drops. Returns the number of those
    /// that it keeps, too.
    fn pass_filtered(
        &self,
        group: &[Query],
        count: usize,
        filter: &Filter,
        filtered: &[Filtered],
    ) -> (Vec<Nearest>, usize) {
        let mut nearest: Vec<Nearest> = group.iter().map(|_| Nearest::new(count)).collect();
        // Of an odd number of queries the last is beside itself.
        let pairs = filtered.chunks(PAIR).map(|pair| {
            let dimensions = 0..pair[0].values.len();
            let both = dimensions.map(|at| [pair[0].values[at], pair[pair.len() - 1].values[at]]);
            both.collect()
        });
        let pairs: Vec<Vec<[f32; PAIR]>> = pairs.collect();
        let mut kept = 0;
        for range in self.ranges() {
            let queries = group.chunks(PAIR).zip(filtered.chunks(PAIR));
            for ((pair, (queries, filtered)), nearest) in
                pairs.iter().zip(queries).zip(nearest.chunks_mut(PAIR))
            {
                let threshold = |at: usize, nearest: &[Nearest]| match filtered.get(at) {
                    Some(query) => filter.threshold(query, nearest[at].bound()),
                    None => f32::INFINITY,
                };
                let mut thresholds = [threshold(0, nearest), threshold(1, nearest)];
                for pack in range.clone() {
                    let near = filter.near(pack, pair, thresholds);
                    if near == [false; PAIR] {
                        continue;
                    }
                    for at in (0..PAIR).filter(|&at| near[at]) {
                        kept += 1;
                        self.offer(pack, &queries[at], &mut nearest[at]);
                        thresholds[at] = threshold(at, nearest);
                    }
                }
            }
        }
        (nearest, kept)
    }

    /// Packs that stay in the cache, one range after the other.
    fn ranges(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let packs = self.points.packs();
        let firsts = (0..packs).step_by(PACKS);
        firsts.map(move |first| first..(first + PACKS).min(packs))
    }

    /// Offers the points of a pack to a query.
    #[inline(always)]
    fn offer(&self, pack: usize, query: &Query, nearest: &mut Nearest) {
        let sums = self.points.sums(pack, query, self.metric);
        let bound = nearest.bound();
        if sums.iter().all(|sum| *sum > bound) {
            return;
        }
        let start = pack * LANES;
        let real = (self.count() - start).min(LANES);
        for (lane, &sum) in sums[..real].iter().enumerate() {
            if sum <= nearest.bound() {
                nearest.offer(sum, (start + lane) as u32);
            }
        }
    }
}
