//! The file of a [`Graph`]: a `ModelProto` of ONNX.

use std::collections::BTreeSet;

use super::super::wire::Message;
use super::{Attribute, DOUBLE, Domain, Elements, Graph, INT64, Node, Port, Tensor, Value};
use crate::Fault;

/// Bytes of a file. Protocol buffers have at most these.
const MOST: usize = i32::MAX as usize;

/// Further types of the elements of a tensor.
const UINT8: i64 = 2;
const TEXT: i64 = 8;

impl Graph {
    /// The file: a `ModelProto` of ONNX. `metadata` are texts by name.
    ///
    /// # Errors
    /// If it is larger than a file of protocol buffers may be.
    pub(crate) fn finish(self, name: &str, metadata: &[(&str, String)]) -> Result<Vec<u8>, Fault> {
        let names = Names::new(&self);
        let mut graph = Message::default();
        for node in &self.nodes {
            graph.message(1, &names.node(node));
        }
        graph.bytes(2, name);
        for (value, tensor) in &self.constants {
            let mut message = tensor_message(tensor);
            message.bytes(8, names.of(*value));
            graph.message(5, &message);
        }
        for (field, ports) in [(11, &self.inputs), (12, &self.outputs)] {
            for port in ports {
                graph.message(field, &port_message(port));
            }
        }
        let mut model = Message::default();
        model.int(1, format_version(self.opset));
        model.bytes(2, "fanout");
        model.message(7, &graph);
        for (domain, version) in [("", self.opset), ("ai.onnx.ml", self.ml)] {
            let mut set = Message::default();
            set.bytes(1, domain);
            set.int(2, i64::from(version));
            model.message(8, &set);
        }
        for (key, text) in metadata {
            let mut entry = Message::default();
            entry.bytes(1, key);
            entry.bytes(2, text);
            model.message(14, &entry);
        }
        let file = model.into_bytes();
        if file.len() > MOST {
            return Err(Fault::Failed(format!(
                "the model takes {} MiB as ONNX, but a file has at most 2 GiB",
                file.len() >> 20
            )));
        }
        Ok(file)
    }
}

/// The version of ONNX's file format that came with a version of the operators.
fn format_version(opset: u32) -> i64 {
    match opset {
        ..=18 => 8,
        19 | 20 => 9,
        _ => 10,
    }
}

/// The names of values: inputs and outputs have their own, others a number behind a
/// beginning that no input or output has.
pub(super) struct Names<'a> {
    ports: Vec<&'a Port>,
    beginning: String,
}

impl<'a> Names<'a> {
    pub(super) fn new(graph: &'a Graph) -> Self {
        let ports: Vec<&Port> = graph.inputs.iter().chain(&graph.outputs).collect();
        let names: BTreeSet<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        let mut beginning = "_".to_owned();
        while names.iter().any(|name| name.starts_with(&beginning)) {
            beginning.push('_');
        }
        Self { ports, beginning }
    }

    pub(super) fn of(&self, value: Value) -> String {
        match self.ports.iter().find(|port| port.value == value) {
            Some(port) => port.name.clone(),
            None => format!("{}{}", self.beginning, value.0),
        }
    }

    fn node(&self, node: &Node) -> Message {
        let mut message = Message::default();
        for input in &node.inputs {
            message.bytes(1, self.of(*input));
        }
        for output in &node.outputs {
            message.bytes(2, self.of(*output));
        }
        message.bytes(4, node.operator);
        for (name, attribute) in &node.attributes {
            message.message(5, &attribute_message(name, attribute));
        }
        if node.domain == Domain::Ml {
            message.bytes(7, "ai.onnx.ml");
        }
        message
    }
}

fn attribute_message(name: &str, attribute: &Attribute) -> Message {
    let mut message = Message::default();
    message.bytes(1, name);
    let kind = match attribute {
        Attribute::Int(number) => {
            message.int(3, *number);
            2
        }
        Attribute::Text(text) => {
            message.bytes(4, text);
            3
        }
        Attribute::Tensor(tensor) => {
            message.message(5, &tensor_message(tensor));
            4
        }
        Attribute::Ints(numbers) => {
            message.ints(8, numbers);
            7
        }
        Attribute::Texts(texts) => {
            texts.iter().for_each(|text| message.bytes(9, text));
            8
        }
    };
    message.int(20, kind);
    message
}

fn tensor_message(tensor: &Tensor) -> Message {
    let mut message = Message::default();
    let (shape, kind) = match tensor {
        Tensor::Double(shape, _) => (shape, DOUBLE),
        Tensor::Int64(shape, _) => (shape, INT64),
        Tensor::UInt8(shape, _) => (shape, UINT8),
        Tensor::Text(shape, _) => (shape, TEXT),
    };
    let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
    message.ints(1, &shape);
    message.int(2, kind);
    match tensor {
        Tensor::Text(_, texts) => texts.iter().for_each(|text| message.bytes(6, text)),
        Tensor::Double(_, numbers) => {
            let raw: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            message.bytes(9, raw);
        }
        Tensor::Int64(_, numbers) => {
            let raw: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
            message.bytes(9, raw);
        }
        Tensor::UInt8(_, numbers) => message.bytes(9, numbers),
    }
    message
}

fn port_message(port: &Port) -> Message {
    let mut rows = Message::default();
    rows.bytes(2, "rows");
    let mut shape = Message::default();
    shape.message(1, &rows);
    if let Some(columns) = port.columns {
        let mut dimension = Message::default();
        dimension.int(1, columns as i64);
        shape.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.int(
        1,
        match port.elements {
            Elements::Double => DOUBLE,
            Elements::Int64 => INT64,
            Elements::Text => TEXT,
        },
    );
    tensor.message(2, &shape);
    let mut kind = Message::default();
    kind.message(1, &tensor);
    let mut message = Message::default();
    message.bytes(1, &port.name);
    message.message(2, &kind);
    message
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::OnnxForm;

    #[test]
    fn a_file_begins_with_its_versions_and_its_producer() {
        let file = |opset| {
            let form = OnnxForm {
                opset,
                ..OnnxForm::default()
            };
            Graph::new(&form).finish("g", &[]).unwrap()
        };
        let name = b"\x12\x06fanout\x3a\x03\x12\x01g";
        let domains = |opset: u8| {
            let standard = [&b"\x42\x04\x0a\x00\x10"[..], &[opset]].concat();
            [standard, b"\x42\x0e\x0a\x0aai.onnx.ml\x10\x03".to_vec()].concat()
        };
        assert_eq!(file(21), [&b"\x08\x0a"[..], name, &domains(21)].concat());
        assert_eq!(file(16), [&b"\x08\x08"[..], name, &domains(16)].concat());
    }
}
