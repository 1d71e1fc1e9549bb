//! [`Ensemble`]: trees, as the operators of the domain `ai.onnx.ml` have them.

use super::graph::{Attribute, Graph, Tensor, Value};

/// The version of the domain `ai.onnx.ml` that has the operator `TreeEnsemble`.
const ML: u32 = 5;

/// The version of ONNX's operators that came with it.
const OPSET: u32 = 21;

/// Trees whose leaves have weights for outputs.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// The number of outputs, or of classes.
    pub outputs: usize,
    /// What becomes of the weights of a row's leaves.
    pub aggregate: Aggregate,
    /// The trees, each a list of nodes from the root on.
    pub trees: Vec<Vec<TreeNode>>,
}

/// What becomes of the weights of the leaves of a row, by output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum over the number of trees.
    Average,
    /// Their sum.
    Sum,
}

/// A node of a tree. Nodes are numbered in the order of the list.
#[derive(Clone, Debug, PartialEq)]
pub enum TreeNode {
    /// Outputs with their weights.
    Leaf(Vec<(u32, f64)>),
    /// A node with children.
    Split {
        /// The column that is tested.
        feature: usize,
        /// The test.
        test: TreeTest,
        /// Whether a missing number passes it.
        missing_passes: bool,
        /// The child of rows that pass the test.
        yes: usize,
        /// The child of the others.
        no: usize,
    },
}

/// A test of a number.
#[derive(Clone, Debug, PartialEq)]
pub enum TreeTest {
    /// Whether it is at most a threshold.
    AtMost(f64),
    /// Whether it is one of some whole numbers of at least 0, which ascend.
    Among(Vec<f64>),
}

impl Ensemble {
    /// The outputs of the rows of `table`, of shape (rows, outputs). `TreeEnsemble`
    /// where the graph's version has it and a leaf has one output at most, since it can
    /// say no more; else `TreeEnsembleRegressor`, whose results are of 32 bits.
    pub fn regress(self, graph: &mut Graph, table: Value) -> Value {
        let is_single =
            |node: &TreeNode| !matches!(node, TreeNode::Leaf(weights) if weights.len() != 1);
        let is_single = self.trees.iter().flatten().all(is_single);
        if graph.opset() >= OPSET && is_single {
            graph.use_ml(ML);
            let attributes = self.tree_ensemble();
            return graph.ml("TreeEnsemble", &[table], 1, attributes)[0];
        }
        let mut attributes = vec![
            ("n_targets", Attribute::Int(self.outputs as i64)),
            (
                "aggregate_function",
                Attribute::Text(
                    match self.aggregate {
                        Aggregate::Average => "AVERAGE",
                        Aggregate::Sum => "SUM",
                    }
                    .to_owned(),
                ),
            ),
        ];
        let leaves = [
            "target_treeids",
            "target_nodeids",
            "target_ids",
            "target_weights_as_tensor",
        ];
        attributes.extend(self.older(leaves));
        let numbers = graph.ml("TreeEnsembleRegressor", &[table], 1, attributes)[0];
        graph.double(numbers)
    }

    /// The first of the classes of the greatest output of each row, of shape (rows), and
    /// the outputs, of shape (rows, classes), by `TreeEnsembleClassifier`: it decides by
    /// sums of 64 bits and gives outputs of 32.
    pub fn classify(self, graph: &mut Graph, table: Value) -> (Value, Value) {
        let trees = self.trees.len() as f64;
        let labels = (0..self.outputs as i64).collect();
        let mut attributes = vec![
            ("classlabels_int64s", Attribute::Ints(labels)),
            ("post_transform", Attribute::Text("NONE".to_owned())),
        ];
        let leaves = [
            "class_treeids",
            "class_nodeids",
            "class_ids",
            "class_weights_as_tensor",
        ];
        attributes.extend(self.older(leaves));
        let results = graph.ml("TreeEnsembleClassifier", &[table], 2, attributes);
        let mut outputs = graph.double(results[1]);
        if self.aggregate == Aggregate::Average {
            let trees = graph.number(trees);
            outputs = graph.op("Div", [outputs, trees]);
        }
        (results[0], outputs)
    }

    /// The attributes of `TreeEnsemble`: nodes of all trees, which name nodes or leaves
    /// by their place.
    fn tree_ensemble(&self) -> Vec<(&'static str, Attribute)> {
        const AT_MOST: u8 = 0;
        const EQUAL: u8 = 4;
        const MEMBER: u8 = 6;
        let (mut roots, mut features, mut modes, mut splits) = (vec![], vec![], vec![], vec![]);
        let (mut yes, mut yes_leaf, mut no, mut no_leaf) = (vec![], vec![], vec![], vec![]);
        let (mut missing, mut members) = (vec![], vec![]);
        let (mut targets, mut weights) = (vec![], vec![]);
        for tree in &self.trees {
            // By node: its place among the splits, or the leaves, of all trees.
            let (mut next_split, mut next_leaf) = (features.len(), weights.len());
            let places: Vec<(usize, bool)> = tree
                .iter()
                .map(|node| {
                    let is_leaf = matches!(node, TreeNode::Leaf(_));
                    let next = match is_leaf {
                        true => &mut next_leaf,
                        false => &mut next_split,
                    };
                    *next += 1;
                    (*next - 1, is_leaf)
                })
                .collect();
            roots.push(features.len() as i64);
            let mut push_test = |feature: usize, test: &TreeTest, passes: bool| {
                features.push(feature as i64);
                missing.push(i64::from(passes));
                let (mode, split) = match test {
                    TreeTest::AtMost(threshold) => (AT_MOST, *threshold),
                    TreeTest::Among(one) if one.len() == 1 => (EQUAL, one[0]),
                    TreeTest::Among(numbers) => {
                        // Sets are divided by NaN.
                        members.extend_from_slice(numbers);
                        members.push(f64::NAN);
                        (MEMBER, 0.0)
                    }
                };
                modes.push(mode);
                splits.push(split);
            };
            let mut push_children = |children: [(usize, bool); 2]| {
                for ((place, leaf), (places, leaves)) in children
                    .into_iter()
                    .zip([(&mut yes, &mut yes_leaf), (&mut no, &mut no_leaf)])
                {
                    places.push(place as i64);
                    leaves.push(i64::from(leaf));
                }
            };
            for node in tree {
                match node {
                    TreeNode::Leaf(of_leaf) => {
                        let (target, weight) = of_leaf.first().copied().unwrap_or((0, 0.0));
                        targets.push(i64::from(target));
                        weights.push(weight);
                    }
                    TreeNode::Split {
                        feature,
                        test,
                        missing_passes,
                        yes,
                        no,
                    } => {
                        push_test(*feature, test, *missing_passes);
                        push_children([places[*yes], places[*no]]);
                    }
                }
            }
            // A tree begins with a node: that of a leaf alone has it as both children.
            if let Some(TreeNode::Leaf(_)) = tree.first() {
                push_test(0, &TreeTest::AtMost(0.0), false);
                push_children([places[0]; 2]);
            }
        }
        let aggregate = match self.aggregate {
            Aggregate::Average => 0,
            Aggregate::Sum => 1,
        };
        let double =
            |numbers: Vec<f64>| Attribute::Tensor(Tensor::Double(vec![numbers.len()], numbers));
        let mut attributes = vec![
            ("aggregate_function", Attribute::Int(aggregate)),
            ("leaf_targetids", Attribute::Ints(targets)),
            ("leaf_weights", double(weights)),
            ("n_targets", Attribute::Int(self.outputs as i64)),
            ("nodes_falseleafs", Attribute::Ints(no_leaf)),
            ("nodes_falsenodeids", Attribute::Ints(no)),
            ("nodes_featureids", Attribute::Ints(features)),
            ("nodes_missing_value_tracks_true", Attribute::Ints(missing)),
            (
                "nodes_modes",
                Attribute::Tensor(Tensor::UInt8(vec![modes.len()], modes)),
            ),
            ("nodes_splits", double(splits)),
            ("nodes_trueleafs", Attribute::Ints(yes_leaf)),
            ("nodes_truenodeids", Attribute::Ints(yes)),
            ("post_transform", Attribute::Int(0)),
            ("tree_roots", Attribute::Ints(roots)),
        ];
        if !members.is_empty() {
            attributes.push(("membership_values", double(members)));
        }
        attributes
    }

    /// The attributes of the older operators: nodes with the number of their tree, and
    /// weights with those of their leaf, whose attributes have the names `of_leaves`. A
    /// test for several numbers is one node after the other, of which many lead to the same
    /// child: one for each end of a range of numbers that are among them, or not. There is
    /// `BRANCH_EQ`, too, but ONNX Runtime 1.32 takes two such nodes of one feature for one
    /// where their leaves have the same weight, if of different classes.
    fn older(&self, of_leaves: [&'static str; 4]) -> Vec<(&'static str, Attribute)> {
        let (mut trees, mut ids, mut features, mut modes) = (vec![], vec![], vec![], vec![]);
        let (mut values, mut yes_ids, mut no_ids) = (vec![], vec![], vec![]);
        let mut missing = vec![];
        let (mut leaf_trees, mut leaf_ids, mut outputs, mut weights) =
            (vec![], vec![], vec![], vec![]);
        for (tree, nodes) in (0..).zip(&self.trees) {
            let mut next = nodes.len();
            let mut push = |id: usize, mode: &str, of: (usize, f64, bool), to: [usize; 2]| {
                trees.push(tree);
                ids.push(id as i64);
                modes.push(mode.to_owned());
                features.push(of.0 as i64);
                values.push(of.1);
                missing.push(i64::from(of.2));
                yes_ids.push(to[0] as i64);
                no_ids.push(to[1] as i64);
            };
            for (id, node) in nodes.iter().enumerate() {
                match node {
                    TreeNode::Leaf(of_leaf) => {
                        push(id, "LEAF", (0, 0.0, false), [0, 0]);
                        for (output, weight) in of_leaf {
                            leaf_trees.push(tree);
                            leaf_ids.push(id as i64);
                            outputs.push(i64::from(*output));
                            weights.push(*weight);
                        }
                    }
                    TreeNode::Split {
                        feature,
                        test: TreeTest::AtMost(threshold),
                        missing_passes,
                        yes,
                        no,
                    } => {
                        let test = (*feature, *threshold, *missing_passes);
                        push(id, "BRANCH_LEQ", test, [*yes, *no]);
                    }
                    TreeNode::Split {
                        feature,
                        test: TreeTest::Among(numbers),
                        missing_passes,
                        yes,
                        no,
                    } => {
                        let ends = ends(numbers, *yes, *no);
                        let mut id = id;
                        for (at, (end, child)) in ends.iter().enumerate() {
                            let is_last = at + 1 == ends.len();
                            let other = if is_last { *no } else { next };
                            let test = (*feature, *end, *missing_passes);
                            push(id, "BRANCH_LEQ", test, [*child, other]);
                            if !is_last {
                                id = next;
                                next += 1;
                            }
                        }
                    }
                }
            }
        }
        let double =
            |numbers: Vec<f64>| Attribute::Tensor(Tensor::Double(vec![numbers.len()], numbers));
        let [leaf_trees_name, leaf_ids_name, outputs_name, weights_name] = of_leaves;
        vec![
            ("nodes_treeids", Attribute::Ints(trees)),
            ("nodes_nodeids", Attribute::Ints(ids)),
            ("nodes_featureids", Attribute::Ints(features)),
            ("nodes_modes", Attribute::Texts(modes)),
            ("nodes_values_as_tensor", double(values)),
            ("nodes_truenodeids", Attribute::Ints(yes_ids)),
            ("nodes_falsenodeids", Attribute::Ints(no_ids)),
            ("nodes_missing_value_tracks_true", Attribute::Ints(missing)),
            (leaf_trees_name, Attribute::Ints(leaf_trees)),
            (leaf_ids_name, Attribute::Ints(leaf_ids)),
            (outputs_name, Attribute::Ints(outputs)),
            (weights_name, double(weights)),
        ]
    }
}

/// The ascending ends of the ranges of whole numbers that are among some, and of those
/// between, each with the child of a number up to the end; numbers above the last go to
/// `no`.
fn ends(among: &[f64], yes: usize, no: usize) -> Vec<(f64, usize)> {
    let mut ends = Vec::new();
    for range in among.chunk_by(|a, b| a + 1.0 == *b) {
        if range[0] > 0.0 {
            ends.push((range[0] - 1.0, no));
        }
        ends.push((range[range.len() - 1], yes));
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_numbers_have_two_ends() {
        assert_eq!(ends(&[0.0, 1.0, 2.0], 5, 6), [(2.0, 5)]);
        let several = [(1.0, 6), (2.0, 5), (3.0, 6), (5.0, 5)];
        assert_eq!(ends(&[2.0, 4.0, 5.0], 5, 6), several);
    }
}
