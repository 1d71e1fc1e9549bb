//! [`Tree`]: a k-d tree over the points (Bentley, 1975), with the box of each node.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::Block;
use serde::{Deserialize, Serialize};

use super::nearest::Nearest;
use crate::points::{LANES, Metric, Points, Query};

/// The greatest number of columns of a tree: with more, boxes exclude little.
const COLUMNS: usize = 15;

/// The least number of points of a tree.
const POINTS: usize = 512;

/// Packs of a leaf.
const LEAF: usize = 2;

/// A tree whose leaves are consecutive packs of points.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tree {
    /// Of depth-first order: the second child of a node is `right`, the first
    /// follows it.
    nodes: Vec<Node>,
    /// By node and dimension: the least and the greatest value.
    boxes: Vec<(f64, f64)>,
    /// By point: its training row.
    rows: Vec<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    /// The first pack, and the one after the last.
    start: u32,
    end: u32,
    /// 0 for a leaf.
    right: u32,
}

/// Whether a tree finds neighbours sooner than all distances.
pub(super) fn is_worth_it(matrix: &Matrix, points: usize) -> bool {
    let is_dense = matrix
        .blocks()
        .iter()
        .all(|block| matches!(block, Block::Number(_)));
    is_dense && matrix.columns() <= COLUMNS && points >= POINTS
}

impl Tree {
    /// By point: its training row.
    pub(super) fn rows(&self) -> &[u32] {
        &self.rows
    }

    /// The tree of some rows of a matrix of numbers, and the rows in the order of
    /// its points.
    pub(super) fn new(matrix: &Matrix, rows: &[u32]) -> (Self, Vec<u32>) {
        let columns: Vec<Vec<f64>> = (0..matrix.columns())
            .map(|column| matrix.column(column, rows))
            .collect();
        let mut builder = Builder {
            columns,
            tree: Self {
                nodes: Vec::new(),
                boxes: Vec::new(),
                rows: (0..rows.len() as u32).collect(),
            },
        };
        let mut order = std::mem::take(&mut builder.tree.rows);
        builder.grow(&mut order, 0);
        let of_points = order.iter().map(|&at| rows[at as usize]).collect();
        builder.tree.rows = order;
        (builder.tree, of_points)
    }

    /// Offers the points that can be near, by the number of their training row.
    pub(super) fn search(
        &self,
        points: &Points,
        metric: Metric,
        query: &Query,
        nearest: &mut Nearest,
    ) {
        // Nodes to visit, the next one last, with the least sum to their boxes.
        let mut open = vec![(0, self.least(0, query, metric))];
        while let Some((at, least)) = open.pop() {
            if least > nearest.bound() {
                continue;
            }
            let node = &self.nodes[at];
            if node.right == 0 {
                for pack in node.start as usize..node.end as usize {
                    let sums = points.sums(pack, query, metric);
                    let rows = &self.rows[pack * LANES..];
                    for (&row, sum) in rows.iter().zip(sums) {
                        if sum <= nearest.bound() {
                            nearest.offer(sum, row);
                        }
                    }
                }
                continue;
            }
            let (left, right) = (at + 1, node.right as usize);
            let (to_left, to_right) = (
                self.least(left, query, metric),
                self.least(right, query, metric),
            );
            if to_left <= to_right {
                open.extend([(right, to_right), (left, to_left)]);
            } else {
                open.extend([(left, to_left), (right, to_right)]);
            }
        }
    }

    /// The least sum between a query and a point of a node's box. It is taken in
    /// the order of the sums of points, so that rounding makes it no greater.
    fn least(&self, node: usize, query: &Query, metric: Metric) -> f64 {
        let dimensions = query.values.len();
        let sides = &self.boxes[node * dimensions..][..dimensions];
        let mut sum = 0.0;
        for (&(low, high), &value) in sides.iter().zip(&query.values) {
            sum += metric.term((low - value).max(value - high).max(0.0));
        }
        sum
    }
}

struct Builder {
    columns: Vec<Vec<f64>>,
    tree: Tree,
}

impl Builder {
    /// Adds the node of some points, the first of which is in pack `start`.
    fn grow(&mut self, points: &mut [u32], start: usize) {
        let at = self.tree.nodes.len();
        let packs = points.len().div_ceil(LANES);
        self.tree.nodes.push(Node {
            start: start as u32,
            end: (start + packs) as u32,
            right: 0,
        });
        let mut widest = (0, 0.0);
        for (dimension, values) in self.columns.iter().enumerate() {
            let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
            for &point in points.iter() {
                low = low.min(values[point as usize]);
                high = high.max(values[point as usize]);
            }
            self.tree.boxes.push((low, high));
            if high - low > widest.1 {
                widest = (dimension, high - low);
            }
        }
        if packs <= LEAF || widest.1 == 0.0 {
            return;
        }
        // Whole packs on the left, so that no pack is of two leaves.
        let half = packs / 2 * LANES;
        let values = &self.columns[widest.0];
        points.select_nth_unstable_by(half, |&a, &b| {
            let order = values[a as usize].total_cmp(&values[b as usize]);
            order.then(a.cmp(&b))
        });
        let (left, right) = points.split_at_mut(half);
        self.grow(left, start);
        self.tree.nodes[at].right = self.tree.nodes.len() as u32;
        self.grow(right, start + half / LANES);
    }
}
