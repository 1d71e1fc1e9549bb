//! [`Prediction`]: what a trainer predicts, as values of a [`Graph`].

use super::graph::{Elements, Graph, Tensor, Value};
use crate::contract::Threshold;

/// The predictions of all rows, as those of [`crate::PredictionBuf`].
#[derive(Clone, Debug)]
pub enum Prediction {
    /// Of classes.
    Classes {
        /// The labels by class index.
        labels: Vec<String>,
        /// The index of the predicted class, of shape (rows).
        classes: Value,
        /// Numbers by which a classifier ranks rows other than probabilities: of the
        /// second class of two, of shape (rows, 1), else of shape (rows, classes).
        decisions: Option<Value>,
        /// Probabilities of shape (rows, classes).
        probabilities: Option<Value>,
    },
    /// Numbers, of shape (rows, 1).
    Numbers(Value),
}

impl Prediction {
    /// Of two classes, by the probability of the second, of shape (rows, 1): the second
    /// is predicted if it is greater than 0.5.
    pub fn of_binary(graph: &mut Graph, labels: Vec<String>, second: Value) -> Self {
        let (half, one) = (graph.number(0.5), graph.number(1.0));
        let is_second = graph.op("Greater", [second, half]);
        let class = graph.int64(is_second);
        let first = graph.op("Sub", [one, second]);
        Self::Classes {
            labels,
            classes: graph.reshape(class, vec![-1]),
            decisions: None,
            probabilities: Some(graph.beside(&[first, second])),
        }
    }

    /// Of any number of classes, by their probabilities, of shape (rows, classes): the
    /// first of the greatest is predicted.
    pub fn of_multiclass(graph: &mut Graph, labels: Vec<String>, probabilities: Value) -> Self {
        Self::Classes {
            labels,
            classes: graph.first_greatest(probabilities),
            decisions: None,
            probabilities: Some(probabilities),
        }
    }

    /// Makes the outputs of the graph: `label`, `decisions` and `probabilities`, or
    /// `variable`. Labels that are whole numbers are of 64 bits, others texts. Where there
    /// is a threshold and the classes are two, it decides.
    pub(crate) fn add_outputs(self, graph: &mut Graph, threshold: Option<&Threshold>) {
        let (labels, classes, decisions, probabilities) = match self {
            Self::Numbers(numbers) => {
                graph.output("variable", numbers, Elements::Double, Some(1));
                return;
            }
            Self::Classes {
                labels,
                classes,
                decisions,
                probabilities,
            } => (labels, classes, decisions, probabilities),
        };
        let ranks = match (probabilities, decisions) {
            (Some(probabilities), _) => Some(Ranks::Probabilities(probabilities)),
            (None, Some(decisions)) => Some(Ranks::Decisions(decisions)),
            (None, None) => None,
        };
        let classes = match (threshold, ranks) {
            (Some(threshold), Some(ranks)) if labels.len() == 2 => {
                decided(graph, &labels, threshold, ranks)
            }
            _ => classes,
        };
        let count = labels.len();
        let whole: Option<Vec<i64>> = labels.iter().map(|label| whole(label)).collect();
        let (texts, elements) = match whole {
            Some(whole) => (Tensor::Int64(vec![count], whole), Elements::Int64),
            None => (Tensor::Text(vec![count], labels), Elements::Text),
        };
        let texts = graph.constant(texts);
        let label = graph.at(texts, classes);
        graph.output("label", label, elements, None);
        if let Some(probabilities) = probabilities {
            graph.output(
                "probabilities",
                probabilities,
                Elements::Double,
                Some(count),
            );
        }
        if let Some(decisions) = decisions {
            let columns = if count == 2 { 1 } else { count };
            graph.output("decisions", decisions, Elements::Double, Some(columns));
        }
    }
}

/// The numbers of two classes that a threshold decides by.
enum Ranks {
    /// Of shape (rows, 2).
    Probabilities(Value),
    /// Of the second class, of shape (rows, 1).
    Decisions(Value),
}

/// The classes of two by the number from which on one of them is predicted.
fn decided(graph: &mut Graph, labels: &[String], threshold: &Threshold, ranks: Ranks) -> Value {
    let is_second = labels[1] == threshold.class;
    let column = match ranks {
        Ranks::Probabilities(both) => graph.columns(both, vec![i64::from(is_second)]),
        Ranks::Decisions(second) if is_second => second,
        Ranks::Decisions(second) => graph.op("Neg", [second]),
    };
    let from = graph.number(threshold.probability);
    let operator = if is_second { "GreaterOrEqual" } else { "Less" };
    let second = graph.op(operator, [column, from]);
    let class = graph.int64(second);
    graph.reshape(class, vec![-1])
}

/// A label that is the usual text of a whole number.
fn whole(label: &str) -> Option<i64> {
    let whole: i64 = label.parse().ok()?;
    (whole.to_string() == label).then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_whole_numbers_if_they_look_like_it() {
        assert_eq!(["0", "-3"].map(whole), [Some(0), Some(-3)]);
        assert_eq!(["", "00", "+1", "-0", "1.0", "no"].map(whole), [None; 6]);
    }
}
