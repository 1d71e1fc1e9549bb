//! [`Index`]: finds the nearest points of a query, by all distances or by a tree.

use fanout_sdk::Matrix;
use serde::{Deserialize, Serialize};

use super::nearest::{Nearest, Neighbor};
use super::tree::{self, Tree};
use crate::points::{LANES, Metric, Points, Query, queries};

/// Packs of points that stay in the cache while a group of queries passes them.
const PACKS: usize = 16;

/// Queries of a group.
const GROUP: usize = 64;

/// The points of a fit. Which of two ways finds the nearest does not change them,
/// since both compute the same sums and break ties by the order of the rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub(super) metric: Metric,
    pub(super) points: Points,
    pub(super) tree: Option<Tree>,
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
                    for nearest in self.pass(&group, count) {
                        all.extend(nearest.into_sorted());
                    }
                }
            }
        }
        all
    }

    /// Offers all points to all queries of a group.
    fn pass(&self, group: &[Query], count: usize) -> Vec<Nearest> {
        let mut nearest: Vec<Nearest> = group.iter().map(|_| Nearest::new(count)).collect();
        let packs = self.points.packs();
        for first in (0..packs).step_by(PACKS) {
            let range = first..(first + PACKS).min(packs);
            for (query, nearest) in group.iter().zip(&mut nearest) {
                for pack in range.clone() {
                    let sums = self.points.sums(pack, query, self.metric);
                    let bound = nearest.bound();
                    if sums.iter().all(|sum| *sum > bound) {
                        continue;
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
        }
        nearest
    }
}
