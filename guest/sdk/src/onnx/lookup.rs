//! [`Table`]: what each category of a column becomes.

use super::columns::Block;
use super::graph::{Attribute, Graph, Tensor, Value};
use crate::Fault;

/// Numbers for the categories of a column.
#[derive(Clone, Debug)]
pub(crate) enum Table<'a> {
    /// By label.
    Labels(Vec<&'a str>),
    /// By number.
    Numbers(Vec<f64>),
}

impl Table<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Labels(labels) => labels.len(),
            Self::Numbers(numbers) => numbers.len(),
        }
    }

    /// By row of a column: `values` at the place of its category, `missing` if it is
    /// missing, `unknown` if it is none of them. Where one of these two is `None` the run
    /// of the model fails: ONNX has no operator that does, but says that it is an error
    /// to take an element behind the last. Of shape (rows, 1).
    ///
    /// # Errors
    /// If the column is of another kind.
    pub(crate) fn look_up(
        &self,
        graph: &mut Graph,
        column: &Block,
        values: &[f64],
        missing: Option<f64>,
        unknown: Option<f64>,
    ) -> Result<Value, Fault> {
        // The categories, and behind them the missing and the unknown one.
        let len = self.len() as i64;
        let mut all = values.to_vec();
        let mut place = |value: Option<f64>| match value {
            Some(value) => {
                all.push(value);
                all.len() as i64 - 1
            }
            None => len + 2,
        };
        let (missing, unknown) = (place(missing), place(unknown));
        let places = self.places(graph, column, missing, unknown)?;
        let all = graph.constant(Tensor::Double(vec![all.len()], all));
        Ok(graph.at(all, places))
    }

    /// By row of a column: the place of its category, or that of missing or unknown
    /// ones. Whole numbers of shape (rows, 1).
    ///
    /// # Errors
    /// If the column is of another kind.
    pub(crate) fn places(
        &self,
        graph: &mut Graph,
        column: &Block,
        missing: i64,
        unknown: i64,
    ) -> Result<Value, Fault> {
        match (self, column) {
            (
                Self::Labels(labels),
                Block::Category {
                    value,
                    filled: label,
                    ..
                },
            ) => {
                let place = |label: &str| labels.iter().position(|known| *known == label);
                // An empty label is that of missing values, too.
                let of_missing = match (label.as_deref(), place("")) {
                    (Some(label), _) => place(label).map_or(unknown, |place| place as i64),
                    (None, Some(empty)) => empty as i64,
                    (None, None) => missing,
                };
                let mut keys = vec![String::new()];
                let mut places = vec![of_missing];
                for (place, label) in (0..).zip(labels) {
                    if !label.is_empty() {
                        keys.push((*label).to_owned());
                        places.push(place);
                    }
                }
                let attributes = vec![
                    ("keys_strings", Attribute::Texts(keys)),
                    ("values_int64s", Attribute::Ints(places)),
                    ("default_int64", Attribute::Int(unknown)),
                ];
                Ok(graph.ml("LabelEncoder", &[*value], 1, attributes)[0])
            }
            (Self::Numbers(numbers), column) if column.len() == 1 => {
                let value = column.numbers(graph)?;
                let is_missing = graph.op("IsNaN", [value]);
                let mut place = graph.constant(Tensor::Int64(vec![], vec![unknown]));
                if !numbers.is_empty() {
                    let known = graph.row(numbers.clone());
                    let is_known = graph.op("Equal", [value, known]);
                    let is_known = graph.int64(is_known);
                    let any = graph.sum(is_known, 1, true);
                    let any = graph.op_with("Cast", &[any], vec![("to", Attribute::Int(9))]);
                    let attributes =
                        vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(1))];
                    let first = graph.op_with("ArgMax", &[is_known], attributes);
                    place = graph.op("Where", [any, first, place]);
                }
                let missing = graph.constant(Tensor::Int64(vec![], vec![missing]));
                Ok(graph.op("Where", [is_missing, missing, place]))
            }
            _ => Err(Fault::Failed(
                "the model is damaged: a column has categories of another kind".to_owned(),
            )),
        }
    }
}
