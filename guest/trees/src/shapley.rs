//! [`TreeShapley`]: exact Shapley values of a tree's features for rows, path-dependent
//! as TreeSHAP (Lundberg, Erion, Lee: Consistent individualized feature attribution
//! for tree ensembles, 2018): a feature that is not known lets a row go to both
//! children in the shares of their training rows.
//!
//! In place of TreeSHAP's sums over the sizes of subsets, a Shapley value is the
//! integral of Owen's multilinear extension (Multilinear extensions of games, 1972).
//! A leaf of value `v` that the features of a path lead to adds to that of feature `i`
//!
//! ```text
//! v (o_i - z_i) ∫ Π_{j ≠ i} (t o_j + (1 - t) z_j) dt,   t from 0 to 1,
//! ```
//!
//! where `z_j` is the product of the shares at the tests of feature `j`, and `o_j` is 1
//! if the row passes all of them, else 0. The integrand is a polynomial, which a
//! quadrature of half as many points as the path has features integrates exactly. All
//! its terms are products of positive numbers, so that nothing cancels. The products
//! are passed down the tree, the sums over leaves up, so that a row takes a number of
//! steps in proportion to the nodes and the points, not to the square of the depth as
//! well.

use crate::bins::Codes;
use crate::codes::with_codes;
use crate::fitted::{FittedTree, LeafValues};
use crate::quadrature::Quadrature;
use crate::tree::{Test, contains, is_right};

/// The rows that go down a tree together.
const ROWS: usize = 32;

/// A number of each of the rows.
type Lanes = [f64; ROWS];

/// One tree, ready for the rows of a table.
pub(crate) struct TreeShapley<'a> {
    fitted: &'a FittedTree,
    /// By node: its share of its parent's weight.
    shares: Vec<f64>,
    quadrature: Quadrature,
    levels: Vec<Level>,
}

/// The edge of a path that leads to a node at this depth, for the rows that go down
/// together.
struct Level {
    feature: u32,
    /// The nearest edge above of the same feature; 0, the root, if there is none.
    above: usize,
    /// The product of the shares at the feature's tests so far.
    share: f64,
    /// By row: 1 if it passes all of the feature's tests so far, else 0.
    passes: [u64; ROWS],
    /// By point: the product over the features of the path.
    products: Vec<Lanes>,
    /// By point: the sum of the products of the leaves below, times their values.
    sums: Vec<Lanes>,
}

impl<'a> TreeShapley<'a> {
    pub(crate) fn new(fitted: &'a FittedTree) -> Self {
        let nodes = &fitted.tree.nodes;
        // By node: its depth, and the number of different features above it.
        let mut depths = vec![0_usize; nodes.len()];
        for (index, node) in nodes.iter().enumerate().filter(|(_, node)| !node.is_leaf()) {
            depths[node.left as usize] = depths[index] + 1;
            depths[node.left as usize + 1] = depths[index] + 1;
        }
        let depth = depths.into_iter().max().unwrap_or(0);
        let features = depth.min(fitted.growth.gains().len());
        let points = features.div_ceil(2).max(1);
        let level = || Level {
            feature: u32::MAX,
            above: 0,
            share: 1.0,
            passes: [1; ROWS],
            products: vec![[1.0; ROWS]; points],
            sums: vec![[0.0; ROWS]; points],
        };
        Self {
            fitted,
            shares: fitted.growth.shares(&fitted.tree),
            quadrature: Quadrature::new(points),
            levels: (0..=depth).map(|_| level()).collect(),
        }
    }

    /// By node: the value of a leaf for output `output`; 0 of other nodes.
    fn leaf_values(&self, output: usize) -> Vec<f64> {
        match &self.fitted.values {
            LeafValues::Single(values) => values.clone(),
            LeafValues::Sparse {
                starts,
                classes,
                values,
            } => {
                let of_node = |range: &[u32]| {
                    let range = range[0] as usize..range[1] as usize;
                    let place = classes[range.clone()]
                        .iter()
                        .position(|&class| class as usize == output);
                    place.map_or(0.0, |place| values[range.start + place])
                };
                starts.windows(2).map(of_node).collect()
            }
        }
    }

    /// What the tree gives if no feature is known: the mean of the values of its
    /// leaves for an output by the weights of their training rows.
    pub(crate) fn expected(&self, output: usize) -> f64 {
        let nodes = &self.fitted.tree.nodes;
        let mut reached = vec![1.0; nodes.len()];
        let mut expected = 0.0;
        let values = self.leaf_values(output);
        for (index, (node, value)) in nodes.iter().zip(values).enumerate() {
            if node.is_leaf() {
                expected += reached[index] * value;
                continue;
            }
            for child in [node.left as usize, node.left as usize + 1] {
                reached[child] = reached[index] * self.shares[child];
            }
        }
        expected
    }

    /// Adds the Shapley values of an output to `sums`, by feature and row.
    pub(crate) fn add(&mut self, codes: &Codes, output: usize, sums: &mut [Vec<f64>]) {
        let values = self.leaf_values(output);
        for start in (0..codes.rows()).step_by(ROWS) {
            let rows = start..codes.rows().min(start + ROWS);
            self.visit(0, 0, codes, &rows, &values, sums);
        }
    }

    /// Sums up the leaves below a node, whose level is set but for its sums.
    fn visit(
        &mut self,
        node: usize,
        depth: usize,
        codes: &Codes,
        rows: &std::ops::Range<usize>,
        values: &[f64],
        sums: &mut [Vec<f64>],
    ) {
        let test = self.fitted.tree.nodes[node];
        let level = &mut self.levels[depth];
        if test.is_leaf() {
            let value = values[node];
            for (sums, products) in level.sums.iter_mut().zip(&level.products) {
                for (sum, product) in sums.iter_mut().zip(products) {
                    *sum = value * product;
                }
            }
            return;
        }
        for lanes in &mut level.sums {
            *lanes = [0.0; ROWS];
        }
        let mut above = depth;
        while above > 0 && self.levels[above].feature != test.feature {
            above -= 1;
        }
        let goes_left = self.goes_left(node, codes, rows);
        for (child, side) in [(test.left as usize, 0), (test.left as usize + 1, 1)] {
            let (upper, lower) = self.levels.split_at_mut(depth + 1);
            let (parent, before, level) = (&upper[depth], &upper[above], &mut lower[0]);
            level.feature = test.feature;
            level.above = above;
            level.share = before.share * self.shares[child];
            let passed = if above == 0 {
                &[1; ROWS]
            } else {
                &before.passes
            };
            for ((passes, passed), left) in level.passes.iter_mut().zip(passed).zip(&goes_left) {
                *passes = passed & (left ^ side);
            }
            let factors = Factors::new(level, before, self.shares[child]);
            let points = self.quadrature.points.iter();
            let products = level.products.iter_mut().zip(&parent.products);
            for ((products, above), &(t, _)) in products.zip(points) {
                let [both, lost] = factors.products(t);
                for row in 0..ROWS {
                    let factor = choose(
                        level.passes[row],
                        both,
                        choose(passed[row], lost, factors.neither),
                    );
                    products[row] = above[row] * factor;
                }
            }
            self.visit(child, depth + 1, codes, rows, values, sums);
            let (upper, lower) = self.levels.split_at_mut(depth + 1);
            let level = &lower[0];
            let passed = if above == 0 {
                &[1; ROWS]
            } else {
                &upper[above].passes
            };
            let passed = *passed;
            let mut added = [0.0; ROWS];
            let points = self.quadrature.points.iter();
            let of_parent = upper[depth].sums.iter_mut().zip(&level.sums);
            for ((of_parent, of_child), &(t, weight)) in of_parent.zip(points) {
                let [both, lost] = factors.slopes(t, weight);
                for row in 0..ROWS {
                    let slope = choose(level.passes[row], both, choose(passed[row], lost, 0.0));
                    added[row] += slope * of_child[row];
                    of_parent[row] += of_child[row];
                }
            }
            let of_feature = &mut sums[test.feature as usize][rows.clone()];
            for (sum, added) in of_feature.iter_mut().zip(&added) {
                *sum += added;
            }
        }
    }

    /// By row: 1 if it goes left at a node, else 0.
    fn goes_left(&self, node: usize, codes: &Codes, rows: &std::ops::Range<usize>) -> [u64; ROWS] {
        let mut goes_left = [0; ROWS];
        let tree = &self.fitted.tree;
        let node = tree.nodes[node];
        with_codes!(codes.column(node.feature as usize), column => {
            let column = &column[rows.clone()];
            match node.test {
                Test::Threshold { last_left, also_left } => {
                    for (goes, &code) in goes_left.iter_mut().zip(column) {
                        let code = crate::codes::Code::as_usize(code);
                        *goes = u64::from(!is_right(code, last_left, also_left));
                    }
                }
                Test::Subset { set } => {
                    let set = &tree.sets[set as usize];
                    for (goes, &code) in goes_left.iter_mut().zip(column) {
                        let code = crate::codes::Code::as_usize(code) as u8;
                        *goes = u64::from(contains(set, code));
                    }
                }
            }
        });
        goes_left
    }
}

#[inline(always)]
fn choose(condition: u64, yes: f64, no: f64) -> f64 {
    if condition == 1 { yes } else { no }
}

/// What an edge multiplies the products of a path by.
struct Factors {
    /// The product of the shares of the feature so far; `None` before its first test.
    before: Option<f64>,
    /// The same with this edge.
    share: f64,
    /// The factor of rows that did not pass an earlier test of the feature.
    neither: f64,
}

impl Factors {
    fn new(level: &Level, before: &Level, edge: f64) -> Self {
        Self {
            before: (level.above > 0).then_some(before.share),
            share: level.share,
            neither: edge,
        }
    }

    /// The factors at a point of rows that pass all tests of the feature, and of rows
    /// that pass all but this one.
    fn products(&self, t: f64) -> [f64; 2] {
        let before = self.before.map_or(1.0, |share| t + (1.0 - t) * share);
        let lost = (1.0 - t) * self.share;
        [(t + lost) / before, lost / before]
    }

    /// What the sums of the leaves below are weighted by in the feature's Shapley
    /// value, for the same rows: `(o - z) / (t o + (1 - t) z)` less the same at the
    /// feature's test before, whose sums hold these leaves, too.
    fn slopes(&self, t: f64, weight: f64) -> [f64; 2] {
        let slope = |share: f64| weight * (1.0 - share) / (t + (1.0 - t) * share);
        let before = self.before.map_or(0.0, slope);
        [slope(self.share) - before, -weight / (1.0 - t) - before]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bins::ColumnCodes;
    use crate::growth::TreeGrowth;
    use crate::tree::{NO_CODE, Node, Tree, insert};

    const FEATURES: usize = 4;
    /// The code of missing values.
    const MISSING: u32 = 9;

    /// A tree of three outputs with up to so many splits, of the drawn features, codes
    /// and shares of rows. Every third test is of a set.
    fn fitted(splits: &[(usize, u8, u8, u64)]) -> FittedTree {
        let mut tree = Tree {
            nodes: vec![Node::LEAF],
            sets: Vec::new(),
        };
        let mut weights = vec![1_000_u64];
        let mut recorded = Vec::new();
        for (number, &(place, feature, code, share)) in splits.iter().enumerate() {
            let leaves = tree.nodes.iter().enumerate();
            let leaves: Vec<usize> = leaves
                .filter(|(_, node)| node.is_leaf())
                .map(|(index, _)| index)
                .collect();
            let node = leaves[place % leaves.len()];
            let left = tree.nodes.len();
            let test = if number % 3 == 2 {
                let mut set = crate::tree::CodeSet::default();
                [code, code / 2, 7]
                    .into_iter()
                    .for_each(|code| insert(&mut set, code));
                tree.sets.push(set);
                Test::Subset {
                    set: tree.sets.len() as u32 - 1,
                }
            } else {
                Test::Threshold {
                    last_left: u32::from(code),
                    also_left: if share % 2 == 0 { MISSING } else { NO_CODE },
                }
            };
            tree.nodes[node] = Node {
                left: left as u32,
                feature: u32::from(feature) % FEATURES as u32,
                test,
            };
            tree.nodes.extend([Node::LEAF; 2]);
            let of_left = weights[node] * share / 100;
            weights.extend([of_left, weights[node] - of_left]);
            recorded.push((node as u32, of_left as f64, 1.0));
        }
        recorded.sort_by_key(|(node, ..)| *node);
        let growth = TreeGrowth::new(&tree, 1_000.0, recorded);
        // Each leaf has two of three classes.
        let (mut starts, mut classes, mut values) = (vec![0], Vec::new(), Vec::new());
        for (index, node) in tree.nodes.iter().enumerate() {
            if node.is_leaf() {
                let class = index as u32 % 2;
                classes.extend([class, 2]);
                let value = (index * 37 % 101) as f64 / 101.0;
                values.extend([value, 1.0 - value]);
            }
            starts.push(values.len() as u32);
        }
        FittedTree {
            tree,
            values: LeafValues::Sparse {
                starts,
                classes,
                values,
            },
            growth,
        }
    }

    /// The value of a node for a row of which the features of `known` are known: the
    /// definition, by recursion.
    fn value(
        shapley: &TreeShapley<'_>,
        values: &[f64],
        node: usize,
        row: &[u8; FEATURES],
        known: usize,
    ) -> f64 {
        let tree = &shapley.fitted.tree;
        let test = tree.nodes[node];
        if test.is_leaf() {
            return values[node];
        }
        let children = [test.left as usize, test.left as usize + 1];
        let below = children.map(|child| value(shapley, values, child, row, known));
        if known >> test.feature & 1 == 0 {
            return shapley.shares[children[0]] * below[0] + shapley.shares[children[1]] * below[1];
        }
        let code = row[test.feature as usize];
        let goes_left = match test.test {
            Test::Threshold {
                last_left,
                also_left,
            } => u32::from(code) <= last_left || u32::from(code) == also_left,
            Test::Subset { set } => contains(&tree.sets[set as usize], code),
        };
        below[usize::from(!goes_left)]
    }

    proptest! {
        #[test]
        fn values_are_those_of_all_subsets(
            splits in prop::collection::vec((0..30_usize, 0..4_u8, 0..9_u8, 0..=100_u64), 0..25),
            rows in prop::collection::vec(prop::array::uniform4(0..10_u8), 1..70),
        ) {
            let fitted = fitted(&splits);
            let mut shapley = TreeShapley::new(&fitted);
            let column = |at: usize| ColumnCodes::Narrow(rows.iter().map(|row| row[at]).collect());
            let codes = Codes::from_columns(rows.len(), (0..FEATURES).map(column).collect());
            for output in 0..3 {
                let mut sums = vec![vec![0.0; rows.len()]; FEATURES];
                shapley.add(&codes, output, &mut sums);
                let values = shapley.leaf_values(output);
                for (at, row) in rows.iter().enumerate() {
                    let of = |known| value(&shapley, &values, 0, row, known);
                    let all = (1 << FEATURES) - 1;
                    let sum: f64 = sums.iter().map(|sums| sums[at]).sum();
                    prop_assert!((sum + shapley.expected(output) - of(all)).abs() < 1e-12);
                    for (feature, sums) in sums.iter().enumerate() {
                        // Over all subsets without the feature, by their sizes.
                        let expected: f64 = (0..=all)
                            .filter(|known| known >> feature & 1 == 0)
                            .map(|known: usize| {
                                let weight = [1.0 / 4.0, 1.0 / 12.0, 1.0 / 12.0, 1.0 / 4.0];
                                let weight = weight[known.count_ones() as usize];
                                weight * (of(known | 1 << feature) - of(known))
                            })
                            .sum();
                        prop_assert!((sums[at] - expected).abs() < 1e-12, "{feature} {at}");
                    }
                }
            }
        }
    }
}
