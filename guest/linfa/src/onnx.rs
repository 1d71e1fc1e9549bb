//! What estimators share of their forms in ONNX: linear models, and predictions of the
//! classes that occur.

use fanout_sdk::Fault;
use fanout_sdk::onnx::{Columns, Graph, Prediction, Tensor, Value};

use crate::classes::Occurring;
use crate::linear::LinearModel;

impl LinearModel {
    /// `X b + intercept` of shape (rows, outputs).
    ///
    /// # Errors
    /// If a column is a category.
    pub(crate) fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Value, Fault> {
        let value = columns.numbers(graph)?;
        let outputs = self.coefficients.iter();
        let by_column = (0..columns.len()).flat_map(|at| outputs.clone().map(move |of| of[at]));
        let coefficients = graph.table(self.coefficients.len(), by_column.collect());
        let products = graph.op("MatMul", [value, coefficients]);
        let intercepts = graph.row(self.intercepts.clone());
        Ok(graph.op("Add", [products, intercepts]))
    }
}

impl Occurring {
    /// By [`Self::of_decisions`]: of two classes one number a row, else of shape (rows,
    /// occurring).
    pub(crate) fn onnx_decided(
        &self,
        graph: &mut Graph,
        labels: &[String],
        decisions: Value,
    ) -> Prediction {
        let class = if self.count() == 2 {
            let zero = graph.number(0.0);
            let is_second = graph.op("Greater", [decisions, zero]);
            let second = graph.int64(is_second);
            graph.reshape(second, vec![-1])
        } else {
            graph.first_greatest(decisions)
        };
        self.onnx_classes(graph, labels, class, decisions)
    }

    /// Classes that are given by their place among those that occur, with decisions.
    pub(crate) fn onnx_classes(
        &self,
        graph: &mut Graph,
        labels: &[String],
        class: Value,
        decisions: Value,
    ) -> Prediction {
        let of_class = self.labels.iter().map(|&label| i64::from(label)).collect();
        let of_class = graph.constant(Tensor::Int64(vec![self.count()], of_class));
        let classes = graph.at(of_class, class);
        let negated = |graph: &mut Graph, second| graph.op("Neg", [second]);
        let decisions = if self.all == 2 && self.count() == 2 {
            decisions
        } else {
            let all = self.onnx_of_all(graph, decisions, f64::NEG_INFINITY, negated);
            match self.all {
                2 => graph.columns(all, vec![1]),
                _ => all,
            }
        };
        Prediction::Classes {
            labels: labels.to_vec(),
            classes,
            decisions: Some(decisions),
            probabilities: None,
        }
    }

    /// By probabilities of shape (rows, occurring); of two classes, of the second alone.
    pub(crate) fn onnx_probable(
        &self,
        graph: &mut Graph,
        labels: &[String],
        probabilities: Value,
    ) -> Prediction {
        let from_one = |graph: &mut Graph, second| {
            let one = graph.number(1.0);
            graph.op("Sub", [one, second])
        };
        let labels = labels.to_vec();
        if self.all == 2 && self.count() == 2 {
            return Prediction::of_binary(graph, labels, probabilities);
        }
        let all = self.onnx_of_all(graph, probabilities, 0.0, from_one);
        if self.all == 2 {
            let second = graph.columns(all, vec![1]);
            return Prediction::of_binary(graph, labels, second);
        }
        Prediction::of_multiclass(graph, labels, all)
    }

    /// By the logarithms of the joint likelihoods, of shape (rows, occurring).
    pub(crate) fn onnx_likely(
        &self,
        graph: &mut Graph,
        labels: &[String],
        logs: Value,
    ) -> Prediction {
        let mut probabilities = graph.softmax(logs);
        if self.count() == 2 {
            probabilities = graph.columns(probabilities, vec![1]);
        }
        self.onnx_probable(graph, labels, probabilities)
    }

    /// Numbers of the classes that occur as those of all, of shape (rows, all).
    fn onnx_of_all(
        &self,
        graph: &mut Graph,
        numbers: Value,
        absent: f64,
        first: impl Fn(&mut Graph, Value) -> Value,
    ) -> Value {
        let mut table = numbers;
        if self.count() == 2 {
            let first = first(graph, numbers);
            table = graph.beside(&[first, numbers]);
        }
        if self.all as usize == self.count() {
            return table;
        }
        let table = graph.padded(table, absent);
        let place = |label: u32| {
            let place = self.labels.iter().position(|&known| known == label);
            place.unwrap_or(self.count()) as i64
        };
        graph.columns(table, (0..self.all).map(place).collect())
    }
}
