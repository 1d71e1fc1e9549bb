//! [`Table`]: what each category of a column becomes.

use super::graph::{Attribute, Graph, Tensor, Value};

/// Numbers for the categories of a column.
#[derive(Clone, Debug)]
pub(crate) enum Table<'a> {
    /// By label.
    Labels(Vec<&'a str>),
    /// By number.
    Numbers(Vec<f64>),
}

impl Table<'_> {
    /// By row of numbers, of shape (rows, 1): `values` at the place of its number; `others`
    /// are those of missing and unknown ones.
    pub(super) fn of_numbers(
        &self,
        graph: &mut Graph,
        numbers: Value,
        values: &[f64],
        others: [Option<f64>; 2],
    ) -> Value {
        let known: &[f64] = match self {
            Self::Numbers(known) => known,
            Self::Labels(_) => &[],
        };
        let (all, [missing, unknown]) = with_others(values, others);
        let places = places_of_numbers(graph, known, numbers, missing, unknown);
        taken(graph, all, places)
    }

    /// The same of texts, of which an empty one is missing, or the label `filled`.
    pub(super) fn of_texts(
        &self,
        graph: &mut Graph,
        texts: Value,
        filled: Option<&str>,
        values: &[f64],
        others: [Option<f64>; 2],
    ) -> Value {
        let labels: &[&str] = match self {
            Self::Labels(labels) => labels,
            Self::Numbers(_) => &[],
        };
        let (all, [missing, unknown]) = with_others(values, others);
        let place = |label: &str| labels.iter().position(|known| *known == label);
        // An empty label is that of missing values, too.
        let of_missing = match (filled, place("")) {
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
        let places = graph.ml("LabelEncoder", &[texts], 1, attributes)[0];
        taken(graph, all, places)
    }
}

/// The values of categories, behind them those of missing and unknown ones, and the
/// places of these two: behind the last for `None`.
fn with_others(values: &[f64], others: [Option<f64>; 2]) -> (Vec<f64>, [i64; 2]) {
    let mut all = values.to_vec();
    let places = others.map(|other| {
        let place = other.map(|value| {
            all.push(value);
            all.len() - 1
        });
        place.unwrap_or(values.len() + 2) as i64
    });
    (all, places)
}

fn taken(graph: &mut Graph, all: Vec<f64>, places: Value) -> Value {
    let all = graph.constant(Tensor::Double(vec![all.len()], all));
    graph.at(all, places)
}

/// By row of a column of numbers, of shape (rows, 1): the place of its number.
fn places_of_numbers(
    graph: &mut Graph,
    numbers: &[f64],
    value: Value,
    missing: i64,
    unknown: i64,
) -> Value {
    let is_missing = graph.op("IsNaN", [value]);
    let mut place = graph.constant(Tensor::Int64(vec![], vec![unknown]));
    if !numbers.is_empty() {
        let known = graph.row(numbers.to_vec());
        let is_known = graph.op("Equal", [value, known]);
        let is_known = graph.int64(is_known);
        let number = graph.sum(is_known, 1, true);
        let none = graph.constant(Tensor::Int64(vec![], vec![0]));
        let any = graph.op("Greater", [number, none]);
        let attributes = vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(1))];
        let first = graph.op_with("ArgMax", &[is_known], attributes);
        place = graph.op("Where", [any, first, place]);
    }
    let missing = graph.constant(Tensor::Int64(vec![], vec![missing]));
    graph.op("Where", [is_missing, missing, place])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_behind_the_last_value() {
        let of = |others| with_others(&[7.0, 8.0], others);
        assert_eq!(
            of([Some(1.0), Some(2.0)]),
            (vec![7.0, 8.0, 1.0, 2.0], [2, 3])
        );
        assert_eq!(of([None, Some(2.0)]), (vec![7.0, 8.0, 2.0], [4, 2]));
        assert_eq!(of([Some(1.0), None]), (vec![7.0, 8.0, 1.0], [2, 4]));
        assert_eq!(of([None, None]), (vec![7.0, 8.0], [4, 4]));
    }
}
