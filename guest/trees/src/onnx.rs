//! Forests as operators of ONNX: thresholds and sets of codes become the tests of
//! `ai.onnx.ml`'s trees.
//!
//! A number is tested as it is. A category becomes its code by a look-up of labels:
//! of those that are split by their order a missing or unknown one is NaN, which goes
//! where missing values go; of others missing and unknown ones have codes of their own,
//! as in a fitted tree.

use fanout_sdk::Fault;
use fanout_sdk::onnx::{
    Aggregate, Block, Columns, Ensemble, Graph, Prediction, TreeNode, TreeTest, Value,
};

use crate::bins::{Coding, Column};
use crate::fitted::{FittedTree, LeafValues};
use crate::model::Forest;
use crate::tree::{NO_CODE, Node, Test, contains};

impl Forest {
    /// The features as numbers that the trees test, of shape (rows, features).
    ///
    /// # Errors
    /// If the columns lack a feature, or have one of another kind.
    pub(crate) fn onnx_table(
        &self,
        graph: &mut Graph,
        columns: Option<Columns>,
    ) -> Result<Value, Fault> {
        let columns = columns.unwrap_or_else(|| {
            let features = self.columns().iter().map(|column| {
                let is_category = matches!(column.coding, Coding::Category { .. });
                (column.name.as_str(), is_category)
            });
            Columns::inputs(graph, features)
        });
        let names = columns.names();
        let places = self.columns().iter().map(|column| {
            let place = names.iter().position(|name| *name == column.name);
            place.ok_or_else(|| {
                Fault::InvalidTask(format!("the steps leave no column `{}`", column.name))
            })
        });
        let places = places.collect::<Result<Vec<usize>, Fault>>()?;
        let selected = columns.select(graph, &places);
        let mut codings = self.columns().iter().map(|column| &column.coding);
        let mut values = Vec::new();
        for block in selected.blocks() {
            let coding = codings.nth(block.len() - 1);
            values.push(match (block, coding) {
                (block @ Block::Category { .. }, Some(Coding::Category { labels, ordered })) => {
                    let codes: Vec<f64> = (0..labels.len()).map(|code| code as f64).collect();
                    let next = labels.len().max(1) as f64;
                    let (missing, unknown) = match ordered {
                        true => (f64::NAN, f64::NAN),
                        false => (next, next + 1.0),
                    };
                    let others = [Some(missing), Some(unknown)];
                    block.look_up(graph, labels, &codes, others)?
                }
                (block, _) => block.numbers(graph)?,
            });
        }
        Ok(graph.beside(&values))
    }

    /// The trees of [`Ensemble`], the leaves of each with the weights for outputs that
    /// `weights` gives.
    fn onnx_trees(
        &self,
        mut weights: impl FnMut(usize, &LeafValues, usize) -> Vec<(u32, f64)>,
    ) -> Vec<Vec<TreeNode>> {
        let trees = self.fitted().iter().enumerate();
        let trees = trees.map(|(index, fitted)| {
            let nodes = fitted.tree.nodes.iter().enumerate();
            let nodes = nodes.map(|(at, node)| match node.is_leaf() {
                true => TreeNode::Leaf(weights(index, &fitted.values, at)),
                false => split(*node, fitted, &self.columns()[node.feature as usize]),
            });
            nodes.collect()
        });
        trees.collect()
    }

    /// The mean predictions of the trees of a forest of `labels`, or of numbers.
    ///
    /// # Errors
    /// As [`Self::onnx_table`].
    pub(crate) fn onnx_mean(
        &self,
        graph: &mut Graph,
        columns: Option<Columns>,
        labels: Vec<String>,
    ) -> Result<Prediction, Fault> {
        let table = self.onnx_table(graph, columns)?;
        let trees = self.onnx_trees(|_, values, node| match values {
            LeafValues::Single(values) => vec![(0, values[node])],
            LeafValues::Sparse {
                starts,
                classes,
                values,
            } => {
                let range = starts[node] as usize..starts[node + 1] as usize;
                let of_leaf = classes[range.clone()].iter().copied();
                of_leaf.zip(values[range].iter().copied()).collect()
            }
        });
        let ensemble = Ensemble {
            outputs: labels.len().max(1),
            aggregate: Aggregate::Average,
            trees,
        };
        Ok(match labels.len() {
            0 => Prediction::Numbers(ensemble.regress(graph, table)),
            2 => {
                let second = Ensemble {
                    outputs: 1,
                    ..ensemble
                };
                let second = second.regress(graph, table);
                Prediction::of_binary(graph, labels, second)
            }
            _ => {
                let (classes, probabilities) = ensemble.classify(graph, table);
                Prediction::Classes {
                    labels,
                    classes,
                    decisions: None,
                    probabilities: Some(probabilities),
                }
            }
        })
    }

    /// The sums of the leaves of trees of numbers, of shape (rows, outputs): tree `t`
    /// adds to output `t % outputs`.
    ///
    /// # Errors
    /// As [`Self::onnx_table`].
    pub(crate) fn onnx_sums(
        &self,
        graph: &mut Graph,
        columns: Option<Columns>,
        outputs: usize,
    ) -> Result<Value, Fault> {
        let table = self.onnx_table(graph, columns)?;
        let trees = self.onnx_trees(|tree, values, node| match values {
            LeafValues::Single(values) => vec![((tree % outputs) as u32, values[node])],
            LeafValues::Sparse { .. } => vec![],
        });
        let ensemble = Ensemble {
            outputs,
            aggregate: Aggregate::Sum,
            trees,
        };
        Ok(ensemble.regress(graph, table))
    }
}

/// A node with children.
fn split(node: Node, fitted: &FittedTree, column: &Column) -> TreeNode {
    let (left, right) = (node.left as usize, node.left as usize + 1);
    let (test, missing_passes, yes, no) = match (node.test, &column.coding) {
        (
            Test::Threshold {
                last_left,
                also_left,
            },
            coding,
        ) => {
            let threshold = match coding {
                // The code of a number is the number of thresholds below it.
                Coding::Number { thresholds } => {
                    let threshold = thresholds.get(last_left as usize);
                    threshold.copied().unwrap_or(f64::INFINITY)
                }
                Coding::Category { .. } => f64::from(last_left),
            };
            let missing_passes = also_left != NO_CODE;
            (TreeTest::AtMost(threshold), missing_passes, left, right)
        }
        (Test::Subset { set }, coding) => {
            let set = &fitted.tree.sets[set as usize];
            let codes = 0..coding.codes() as u32;
            let (inside, outside): (Vec<u32>, Vec<u32>) =
                codes.partition(|&code| contains(set, code as u8));
            // The shorter of the two lists.
            let is_shorter = !inside.is_empty() && inside.len() <= outside.len();
            let (codes, yes, no) = match outside.is_empty() || is_shorter {
                true => (inside, left, right),
                false => (outside, right, left),
            };
            let numbers = codes.into_iter().map(f64::from).collect();
            (TreeTest::Among(numbers), false, yes, no)
        }
    };
    TreeNode::Split {
        feature: node.feature as usize,
        test,
        missing_passes,
        yes,
        no,
    }
}
