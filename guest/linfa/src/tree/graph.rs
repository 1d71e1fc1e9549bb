//! linfa's tree in ONNX.

use fanout_sdk::Fault;
use fanout_sdk::onnx::{
    Aggregate, Block, Columns, Ensemble, Graph, Prediction, TreeNode, TreeTest,
};

use super::{ClassLabel, Model};

/// A node of linfa's tree.
type LinfaNode = linfa_trees::TreeNode<f64, ClassLabel>;

impl Model {
    /// See [`fanout_sdk::Trainer::onnx`]. A category is the rank of its label; the run
    /// fails where it is missing or unknown, as a prediction does.
    pub(super) fn onnx(
        &self,
        graph: &mut Graph,
        columns: Option<Columns>,
    ) -> Result<Prediction, Fault> {
        let features = self.schema.features();
        let columns = columns.unwrap_or_else(|| {
            let features = features.iter();
            let features =
                features.map(|feature| (feature.name.as_str(), feature.labels.is_some()));
            Columns::inputs(graph, features)
        });
        let names = columns.names();
        let mut values = Vec::new();
        for feature in features {
            let place = names.iter().position(|name| *name == feature.name);
            let place = place.ok_or_else(|| {
                Fault::InvalidTask(format!("the steps leave no column `{}`", feature.name))
            })?;
            let column = columns.select(graph, &[place]);
            let column = &column.blocks()[0];
            values.push(match (column, &feature.labels) {
                (Block::Category { .. }, Some(labels)) => {
                    let ranks: Vec<f64> = (0..labels.len()).map(|rank| rank as f64).collect();
                    column.look_up(graph, labels, &ranks, [None, None])?
                }
                (column, _) => column.numbers(graph)?,
            });
        }
        let table = graph.beside(&values);
        let mut nodes = Vec::new();
        push(&mut nodes, self.tree.root_node());
        let ensemble = Ensemble {
            outputs: 1,
            aggregate: Aggregate::Sum,
            trees: vec![nodes],
        };
        let class = ensemble.regress(graph, table);
        let class = graph.int64(class);
        Ok(Prediction::Classes {
            labels: self.classes.clone(),
            classes: graph.reshape(class, vec![-1]),
            decisions: None,
            probabilities: None,
        })
    }
}

/// Adds a node and those below it. A leaf's weight is the index of its class.
fn push(nodes: &mut Vec<TreeNode>, node: &LinfaNode) -> usize {
    let at = nodes.len();
    let class = node.prediction().map_or(0, ClassLabel::class);
    nodes.push(TreeNode::Leaf(vec![(0, f64::from(class))]));
    let children: Vec<&LinfaNode> = node
        .children()
        .into_iter()
        .flatten()
        .map(|b| &**b)
        .collect();
    if let (false, [below, rest]) = (node.is_leaf(), children.as_slice()) {
        let (feature, split, _) = node.split();
        let (yes, no) = (push(nodes, below), push(nodes, rest));
        nodes[at] = TreeNode::Split {
            feature,
            // Numbers below it, not up to it.
            test: TreeTest::AtMost(split.next_down()),
            missing_passes: false,
            yes,
            no,
        };
    }
    at
}
