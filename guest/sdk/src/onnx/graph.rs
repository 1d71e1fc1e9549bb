//! [`Graph`]: operators, constants, inputs and outputs of a model, and the file that
//! they are written to.

use std::collections::BTreeMap;

use crate::contract::OnnxForm;

mod file;

/// The version of the domain `ai.onnx.ml` that models use unless an operator needs a
/// newer one: the first with tree ensembles of 64-bit numbers.
const ML: u32 = 3;

/// A tensor of a [`Graph`]: an input, a constant, or the result of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(u32);

/// A constant with its shape; the elements are row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Tensor {
    /// Numbers of 64 bits.
    Double(Vec<usize>, Vec<f64>),
    /// Whole numbers.
    Int64(Vec<usize>, Vec<i64>),
    /// Whole numbers below 256.
    UInt8(Vec<usize>, Vec<u8>),
    /// Texts.
    Text(Vec<usize>, Vec<String>),
}

/// An attribute of an operator.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<String>),
    /// A tensor.
    Tensor(Tensor),
}

/// The domain of an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Domain {
    Standard,
    Ml,
}

/// An operator.
#[derive(Clone, Debug)]
struct Node {
    operator: &'static str,
    domain: Domain,
    inputs: Vec<Value>,
    outputs: Vec<Value>,
    attributes: Vec<(&'static str, Attribute)>,
}

/// The types of the elements of a tensor, as ONNX numbers them.
const DOUBLE: i64 = 11;
const INT64: i64 = 7;

/// The type of the elements of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Elements {
    Double,
    Int64,
    Text,
}

/// An input or output: its name, its type, and its second dimension, if it has one.
#[derive(Clone, Debug)]
struct Port {
    value: Value,
    name: String,
    elements: Elements,
    columns: Option<usize>,
}

/// The operators of a model. Every operator gives one value unless it says otherwise.
#[derive(Clone, Debug)]
pub struct Graph {
    opset: u32,
    ml: u32,
    /// By feature that is the place of a category in an order: the categories.
    ordered: BTreeMap<String, Vec<String>>,
    values: u32,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    constants: Vec<(Value, Tensor)>,
    nodes: Vec<Node>,
}

impl Graph {
    /// A graph without operators.
    pub fn new(form: &OnnxForm) -> Self {
        Self {
            opset: form.opset,
            ordered: form.ordered.clone(),
            ml: ML,
            values: 0,
            inputs: Vec::new(),
            outputs: Vec::new(),
            constants: Vec::new(),
            nodes: Vec::new(),
        }
    }

    /// The version of ONNX's operators.
    pub fn opset(&self) -> u32 {
        self.opset
    }

    /// Sets the version of the domain `ai.onnx.ml`.
    pub(super) fn use_ml(&mut self, version: u32) {
        self.ml = version;
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        Value(self.values)
    }

    /// The categories of a feature that is the place of one in an order.
    pub(super) fn order_of(&self, feature: &str) -> Option<Vec<String>> {
        self.ordered.get(feature).cloned()
    }

    /// A feature: numbers, or categories as texts, of shape (rows, 1).
    pub(super) fn input(&mut self, name: &str, is_category: bool) -> Value {
        let value = self.value();
        self.inputs.push(Port {
            value,
            name: name.to_owned(),
            elements: if is_category {
                Elements::Text
            } else {
                Elements::Double
            },
            columns: Some(1),
        });
        value
    }

    /// The features with their kinds, as a JSON object.
    pub(crate) fn features(&self) -> String {
        let features = self.inputs.iter().map(|input| {
            let kind = match input.elements {
                Elements::Text => "category",
                Elements::Double | Elements::Int64 => "number",
            };
            (input.name.clone(), kind.into())
        });
        serde_json::Value::Object(features.collect()).to_string()
    }

    /// A result of the model; of shape (rows) if there is no number of `columns`. Its
    /// name is followed by underscores if a feature has it.
    pub(super) fn output(
        &mut self,
        name: &str,
        value: Value,
        elements: Elements,
        columns: Option<usize>,
    ) {
        let mut name = name.to_owned();
        while self.inputs.iter().any(|input| input.name == name) {
            name.push('_');
        }
        // A value has one name: that of the output is its own.
        let value = self.op("Identity", [value]);
        self.outputs.push(Port {
            value,
            name,
            elements,
            columns,
        });
    }

    /// A constant.
    pub fn constant(&mut self, tensor: Tensor) -> Value {
        let known = self.constants.iter().rev().take(16);
        if let Some((value, _)) = known.into_iter().find(|(_, known)| is_same(known, &tensor)) {
            return *value;
        }
        let value = self.value();
        self.constants.push((value, tensor));
        value
    }

    /// A number, which operators take for one of each row and column.
    pub fn number(&mut self, number: f64) -> Value {
        self.constant(Tensor::Double(vec![], vec![number]))
    }

    /// One number for each column, of shape (1, columns).
    pub fn row(&mut self, numbers: Vec<f64>) -> Value {
        self.constant(Tensor::Double(vec![1, numbers.len()], numbers))
    }

    /// Numbers of shape (rows, columns), row-major.
    pub fn table(&mut self, columns: usize, numbers: Vec<f64>) -> Value {
        let rows = numbers.len() / columns.max(1);
        self.constant(Tensor::Double(vec![rows, columns], numbers))
    }

    /// A list of whole numbers.
    pub fn whole(&mut self, numbers: Vec<i64>) -> Value {
        self.constant(Tensor::Int64(vec![numbers.len()], numbers))
    }

    /// An operator of ONNX without attributes.
    pub fn op<const N: usize>(&mut self, operator: &'static str, inputs: [Value; N]) -> Value {
        self.op_with(operator, &inputs, vec![])
    }

    /// An operator of ONNX.
    pub fn op_with(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Value {
        self.add(Domain::Standard, operator, inputs, 1, attributes)[0]
    }

    /// An operator of ONNX with several results.
    pub fn op_many(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        results: usize,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Vec<Value> {
        self.add(Domain::Standard, operator, inputs, results, attributes)
    }

    /// An operator of the domain `ai.onnx.ml`.
    pub fn ml(
        &mut self,
        operator: &'static str,
        inputs: &[Value],
        results: usize,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Vec<Value> {
        self.add(Domain::Ml, operator, inputs, results, attributes)
    }

    fn add(
        &mut self,
        domain: Domain,
        operator: &'static str,
        inputs: &[Value],
        results: usize,
        attributes: Vec<(&'static str, Attribute)>,
    ) -> Vec<Value> {
        let outputs: Vec<Value> = (0..results).map(|_| self.value()).collect();
        self.nodes.push(Node {
            operator,
            domain,
            inputs: inputs.to_vec(),
            outputs: outputs.clone(),
            attributes,
        });
        outputs
    }

    /// Numbers or truth values as numbers of 64 bits.
    pub fn double(&mut self, value: Value) -> Value {
        self.op_with("Cast", &[value], vec![("to", Attribute::Int(DOUBLE))])
    }

    /// Numbers or truth values as whole numbers.
    pub fn int64(&mut self, value: Value) -> Value {
        self.op_with("Cast", &[value], vec![("to", Attribute::Int(INT64))])
    }

    /// Tensors beside each other along the axis 1.
    pub fn beside(&mut self, values: &[Value]) -> Value {
        match values {
            [one] => *one,
            values => self.op_with("Concat", values, vec![("axis", Attribute::Int(1))]),
        }
    }

    /// Columns of a table, by index.
    pub fn columns(&mut self, table: Value, columns: Vec<i64>) -> Value {
        let columns = self.whole(columns);
        let axis = vec![("axis", Attribute::Int(1))];
        self.op_with("Gather", &[table, columns], axis)
    }

    /// The elements of a list or of a table's rows at whole numbers.
    pub fn at(&mut self, list: Value, indices: Value) -> Value {
        self.op_with(
            "Gather",
            &[list, indices],
            vec![("axis", Attribute::Int(0))],
        )
    }

    /// A table with a column of one number behind its columns.
    pub fn padded(&mut self, table: Value, number: f64) -> Value {
        let (ends, number) = (self.whole(vec![0, 0, 0, 1]), self.number(number));
        self.op("Pad", [table, ends, number])
    }

    /// The sums along an axis; of a table along 1 and with `keep`, of shape (rows, 1).
    pub fn sum(&mut self, value: Value, axis: i64, keep: bool) -> Value {
        let axes = self.whole(vec![axis]);
        let keep = Attribute::Int(i64::from(keep));
        self.op_with("ReduceSum", &[value, axes], vec![("keepdims", keep)])
    }

    /// By row of a table: the exponentials over their sum.
    pub fn softmax(&mut self, table: Value) -> Value {
        self.op_with("Softmax", &[table], vec![("axis", Attribute::Int(1))])
    }

    /// By row of a table: the greatest number, of shape (rows, 1).
    pub fn greatest(&mut self, table: Value) -> Value {
        // What was an attribute became an input.
        if self.opset < 18 {
            let axes = vec![("axes", Attribute::Ints(vec![1]))];
            return self.op_with("ReduceMax", &[table], axes);
        }
        let axes = self.whole(vec![1]);
        self.op("ReduceMax", [table, axes])
    }

    /// By row of a table: the first column of the greatest number, of shape (rows).
    pub fn first_greatest(&mut self, table: Value) -> Value {
        let attributes = vec![("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
        self.op_with("ArgMax", &[table], attributes)
    }

    /// The shape of a value, changed: 0 keeps a dimension, -1 is what is left.
    pub fn reshape(&mut self, value: Value, shape: Vec<i64>) -> Value {
        let shape = self.whole(shape);
        self.op("Reshape", [value, shape])
    }

    /// Numbers as they are, but those below `low` and above `high` as these. NaN stays.
    pub fn clamp(&mut self, value: Value, low: f64, high: f64) -> Value {
        let [low, high] = [low, high].map(|bound| self.number(bound));
        let is_below = self.op("Less", [value, low]);
        let value = self.op("Where", [is_below, low, value]);
        let is_above = self.op("Greater", [value, high]);
        self.op("Where", [is_above, high, value])
    }
}

/// Whether two constants are the same, bit for bit.
fn is_same(a: &Tensor, b: &Tensor) -> bool {
    match (a, b) {
        (Tensor::Double(shape, a), Tensor::Double(other, b)) => {
            shape == other
                && a.len() == b.len()
                && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
        }
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::file::Names;
    use super::*;

    fn graph() -> Graph {
        Graph::new(&OnnxForm::default())
    }

    #[test]
    fn values_have_names_that_no_feature_has() {
        let mut graph = graph();
        let a = graph.input("_3", false);
        let b = graph.input("label", false);
        let sum = graph.op("Add", [a, b]);
        graph.output("label", sum, Elements::Double, Some(1));
        let names = Names::new(&graph);
        let named: Vec<String> = [a, b, sum].map(|value| names.of(value)).to_vec();
        assert_eq!(named, ["_3", "label", "__3"]);
        assert_eq!(graph.outputs[0].name, "label_");
    }

    #[test]
    fn equal_constants_are_one() {
        let mut graph = graph();
        let [zero, minus] = [0.0, -0.0].map(|number| graph.number(number));
        assert_ne!(zero, minus);
        assert_eq!(graph.number(0.0), zero);
        let row = graph.row(vec![0.0]);
        assert_ne!(row, zero);
        assert_eq!(graph.row(vec![f64::NAN]), graph.row(vec![f64::NAN]));
    }
}
