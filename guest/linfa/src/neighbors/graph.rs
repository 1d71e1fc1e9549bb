//! Nearest neighbours in ONNX: all distances, of which the least are taken. Of equal
//! ones `TopK` takes the first, as a prediction does.

use fanout_sdk::Fault;
use fanout_sdk::onnx::{Attribute, Columns, Graph, Prediction, Tensor, Value};

use super::{Index, Learned, Metric, NeighborsModel};

impl NeighborsModel {
    /// See [`fanout_sdk::DenseTrainer::onnx`].
    pub(super) fn onnx(
        &self,
        graph: &mut Graph,
        columns: &Columns,
        labels: &[String],
    ) -> Result<Prediction, Fault> {
        let (metric, order) = (self.index.metric, self.index.order());
        let points = &self.index.points;
        let sums = points.onnx_sums(graph, columns, metric, &order)?;
        let count = graph.whole(vec![self.rule.count as i64]);
        let attributes = vec![
            ("axis", Attribute::Int(1)),
            ("largest", Attribute::Int(0)),
            ("sorted", Attribute::Int(1)),
        ];
        let nearest = graph.op_many("TopK", &[sums, count], 2, attributes);
        let (sums, rows) = (nearest[0], nearest[1]);
        let weights = (self.rule.by_distance).then(|| weights(graph, metric, sums));
        match &self.target {
            Learned::Numbers(numbers) => {
                let numbers = Tensor::Double(vec![numbers.len()], numbers.clone());
                let numbers = graph.constant(numbers);
                let numbers = graph.at(numbers, rows);
                let (sum, total) = match weights {
                    Some(weights) => {
                        let weighted = graph.op("Mul", [numbers, weights]);
                        let total = graph.sum(weights, 1, true);
                        (graph.sum(weighted, 1, true), total)
                    }
                    None => {
                        let total = graph.number(self.rule.count as f64);
                        (graph.sum(numbers, 1, true), total)
                    }
                };
                Ok(Prediction::Numbers(graph.op("Div", [sum, total])))
            }
            Learned::Classes { occurring, codes } => {
                let classes = occurring.count();
                let shown = codes.iter().flat_map(|&code| {
                    (0..classes as u32).map(move |class| f64::from(class == code))
                });
                // Of shape (rows, neighbours, classes).
                let shown = graph.table(classes, shown.collect());
                let mut votes = graph.at(shown, rows);
                if let Some(weights) = weights {
                    let weights = graph.reshape(weights, vec![0, 0, 1]);
                    votes = graph.op("Mul", [votes, weights]);
                }
                let votes = graph.sum(votes, 1, false);
                let total = graph.sum(votes, 1, true);
                let shares = graph.op("Div", [votes, total]);
                let shares = match classes {
                    2 => graph.columns(shares, vec![1]),
                    _ => shares,
                };
                Ok(occurring.onnx_probable(graph, labels, shares))
            }
        }
    }
}

/// The inverse distances of neighbours, of shape (rows, neighbours), the nearest first.
/// Where that is at the very place of the row, 1 for all that are, and 0 for others.
fn weights(graph: &mut Graph, metric: Metric, sums: Value) -> Value {
    let one = graph.number(1.0);
    let distances = match metric {
        Metric::Manhattan => sums,
        Metric::Euclidean => graph.op("Sqrt", [sums]),
        Metric::Minkowski(p) => {
            let root = graph.number(1.0 / p);
            graph.op("Pow", [sums, root])
        }
    };
    let inverse = graph.op("Div", [one, distances]);
    let is_met = graph.op("IsInf", [inverse]);
    let met = graph.double(is_met);
    let zero = graph.number(0.0);
    let nearest = graph.columns(met, vec![0]);
    let any = graph.op("Greater", [nearest, zero]);
    graph.op("Where", [any, met, inverse])
}

impl Index {
    /// The points in the order of the training rows.
    fn order(&self) -> Vec<usize> {
        let Some(tree) = &self.tree else {
            return (0..self.count()).collect();
        };
        let mut order = vec![0; self.count()];
        for (point, &row) in tree.rows().iter().enumerate() {
            order[row as usize] = point;
        }
        order
    }
}
