//! [`Joined`]: graphs of ONNX as one: values that models have of their own get a name that
//! no other has, features with one name are one input, and operators are put behind.

use std::collections::BTreeMap;

use super::proto::{Field, Message, fields};

/// The types of the elements of a tensor.
pub(super) const DOUBLE: i64 = 11;
pub(super) const INT64: i64 = 7;
pub(super) const TEXT: i64 = 8;

/// The domain of operators of machine learning.
const ML: &str = "ai.onnx.ml";

/// Bytes of a file. Protocol buffers have at most these.
const MOST: usize = i32::MAX as usize;

/// A value of the joined graph, by its name.
pub(super) type Value = String;

/// The file of a model that its guest wrote: a `ModelProto` of ONNX.
pub(super) struct ModelGraph<'a> {
    /// The version of the file format.
    version: i64,
    /// The versions of the operators by domain.
    operators: Vec<(&'a [u8], i64)>,
    pub(super) metadata: Vec<(String, String)>,
    graph: Vec<Field<'a>>,
    inputs: Vec<Port<'a>>,
    /// In the order of the file.
    outputs: Vec<Port<'a>>,
}

/// An input or output: a `ValueInfoProto`.
#[derive(Clone, Copy)]
struct Port<'a> {
    name: &'a str,
    /// Its type.
    kind: &'a [u8],
}

impl<'a> ModelGraph<'a> {
    /// Reads a file; `None` if it is none.
    pub(super) fn read(file: &'a [u8]) -> Option<Self> {
        let mut read = Self {
            version: 0,
            operators: Vec::new(),
            metadata: Vec::new(),
            graph: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let text = |fields: &[Field<'a>], number: u64| -> Option<&'a str> {
            let found = fields.iter().find(|field| field.number == number)?;
            std::str::from_utf8(found.bytes).ok()
        };
        for field in fields(file)? {
            match field.number {
                1 => read.version = field.int as i64,
                7 => read.graph = fields(field.bytes)?,
                8 => {
                    let set = fields(field.bytes)?;
                    let of = |number| set.iter().find(|field| field.number == number);
                    let domain = of(1).map_or(&[][..], |field| field.bytes);
                    read.operators.push((domain, of(2)?.int as i64));
                }
                14 => {
                    let entry = fields(field.bytes)?;
                    let both = (text(&entry, 1)?.to_owned(), text(&entry, 2)?.to_owned());
                    read.metadata.push(both);
                }
                _ => {}
            }
        }
        for field in &read.graph {
            let ports = match field.number {
                11 => &mut read.inputs,
                12 => &mut read.outputs,
                _ => continue,
            };
            let port = fields(field.bytes)?;
            let kind = port.iter().find(|field| field.number == 2)?.bytes;
            let name = text(&port, 1)?;
            ports.push(Port { name, kind });
        }
        Some(read)
    }

    /// The version of `ai.onnx.ml` whose operators of trees it has; `None` if it has no trees.
    pub(super) fn trees(&self) -> Option<i64> {
        let nodes = self.graph.iter().filter(|field| field.number == 1);
        let mut operators = nodes.filter_map(|node| {
            let node = fields(node.bytes)?.into_iter();
            let mut operators = node.filter(|field| field.number == 4);
            operators.next().map(|field| field.bytes)
        });
        operators.find(|operator| operator.starts_with(b"TreeEnsemble"))?;
        let mut sets = self.operators.iter();
        let set = sets.find(|(domain, _)| *domain == ML.as_bytes());
        set.map(|(_, version)| *version)
    }
}

/// The outputs of a model that was added, by their names without underscores behind them.
#[derive(Clone, Debug, Default)]
pub(super) struct Outputs(BTreeMap<String, (Value, Vec<u8>)>);

impl Outputs {
    /// One of `label`, `probabilities`, `decisions` and `variable`.
    pub(super) fn get(&self, name: &str) -> Option<Value> {
        self.0.get(name).map(|(value, _)| value.clone())
    }

    /// All of them, with their types.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &Value, &[u8])> {
        let all = self.0.iter();
        all.map(|(name, (value, kind))| (name.as_str(), value, kind.as_slice()))
    }
}

/// Graphs as one.
pub(super) struct Joined {
    version: i64,
    operators: BTreeMap<Vec<u8>, i64>,
    graph: Message,
    initializers: Message,
    /// By name: the type.
    inputs: BTreeMap<String, Vec<u8>>,
    /// The names of inputs in their order.
    order: Vec<String>,
    outputs: Vec<(String, Value, Vec<u8>)>,
    /// What the names of values begin with that are neither inputs nor outputs.
    beginning: String,
    values: usize,
    models: usize,
}

impl Joined {
    /// A graph of none of these models yet, all of which will be added.
    pub(super) fn of(models: &[ModelGraph<'_>]) -> Self {
        let is_begun_by = |beginning: &String| {
            let mut inputs = models.iter().flat_map(|model| &model.inputs);
            inputs.any(|port| port.name.starts_with(beginning))
        };
        let mut beginning = "_".to_owned();
        while is_begun_by(&beginning) {
            beginning.push('_');
        }
        Self {
            version: 0,
            operators: BTreeMap::new(),
            graph: Message::default(),
            initializers: Message::default(),
            inputs: BTreeMap::new(),
            order: Vec::new(),
            outputs: Vec::new(),
            beginning,
            values: 0,
            models: 0,
        }
    }

    /// Adds the operators of a model. Its inputs are those of the graph, but for those that
    /// `given` has a value for.
    ///
    /// # Errors
    /// The name of an input that is of another kind in another model.
    pub(super) fn add(
        &mut self,
        model: &ModelGraph<'_>,
        given: &BTreeMap<String, Value>,
    ) -> Result<Outputs, String> {
        self.version = self.version.max(model.version);
        for (domain, version) in &model.operators {
            let known = self.operators.entry(domain.to_vec()).or_default();
            *known = (*known).max(*version);
        }
        let mut names: BTreeMap<&[u8], Value> = BTreeMap::new();
        for port in &model.inputs {
            let value = match given.get(port.name) {
                Some(value) => value.clone(),
                None => {
                    let name = port.name.to_owned();
                    let known = self.inputs.entry(name.clone()).or_insert_with(|| {
                        self.order.push(name.clone());
                        port.kind.to_vec()
                    });
                    if known.as_slice() != port.kind {
                        return Err(name);
                    }
                    name
                }
            };
            names.insert(port.name.as_bytes(), value);
        }
        let (beginning, number) = (self.beginning.clone(), self.models);
        self.models += 1;
        let renamed = |name: &[u8]| match names.get(name) {
            Some(name) => name.clone(),
            // An input of an operator that is left out.
            None if name.is_empty() => String::new(),
            None => format!("{beginning}{number}.{}", String::from_utf8_lossy(name)),
        };
        let rewritten = |message: &[u8], named: &[u64]| {
            let all = fields(message).unwrap_or_default();
            all.iter().fold(Message::default(), |message, field| {
                match named.contains(&field.number) {
                    true => message.bytes(field.number, renamed(field.bytes)),
                    false => message.field(field),
                }
            })
        };
        for field in &model.graph {
            match field.number {
                // A node has inputs and outputs, a tensor a name.
                1 => {
                    let node = rewritten(field.bytes, &[1, 2]);
                    self.graph = std::mem::take(&mut self.graph).message(1, &node);
                }
                5 => {
                    let tensor = rewritten(field.bytes, &[8]);
                    self.initializers = std::mem::take(&mut self.initializers).message(5, &tensor);
                }
                _ => {}
            }
        }
        let outputs = model.outputs.iter().map(|port| {
            let name = port.name.trim_end_matches('_').to_owned();
            (name, (renamed(port.name.as_bytes()), port.kind.to_vec()))
        });
        Ok(Outputs(outputs.collect()))
    }

    fn value(&mut self) -> Value {
        self.values += 1;
        format!("{}{}", self.beginning, self.values)
    }

    /// The result of an operator; `attributes` are messages that [`int`], [`ints`] and
    /// [`texts`] make.
    pub(super) fn op(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        attributes: &[Message],
    ) -> Value {
        self.of_domain("", operator, inputs, attributes)
    }

    /// The result of an operator of the domain `ai.onnx.ml`.
    pub(super) fn ml(&mut self, operator: &str, input: &Value, attributes: &[Message]) -> Value {
        self.of_domain(ML, operator, &[input], attributes)
    }

    fn of_domain(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&Value],
        attributes: &[Message],
    ) -> Value {
        let value = self.value();
        let inputs = inputs.iter();
        let node = inputs.fold(Message::default(), |node, input| node.bytes(1, input));
        let node = node.bytes(2, &value).bytes(4, operator);
        let attributes = attributes.iter();
        let mut node = attributes.fold(node, |node, attribute| node.message(5, attribute));
        if !domain.is_empty() {
            node = node.bytes(7, domain);
        }
        self.graph = std::mem::take(&mut self.graph).message(1, &node);
        value
    }

    fn constant(
        &mut self,
        shape: &[usize],
        kind: i64,
        content: impl FnOnce(Message) -> Message,
    ) -> Value {
        let value = self.value();
        let shape = shape.iter();
        let tensor = shape.fold(Message::default(), |tensor, size| {
            tensor.int(1, *size as i64)
        });
        let tensor = content(tensor.int(2, kind)).bytes(8, &value);
        self.initializers = std::mem::take(&mut self.initializers).message(5, &tensor);
        value
    }

    /// A number, which operators take for one of each row and column.
    pub(super) fn number(&mut self, number: f64) -> Value {
        self.constant(&[], DOUBLE, |tensor| tensor.bytes(9, number.to_le_bytes()))
    }

    /// Whole numbers, of this shape.
    pub(super) fn whole(&mut self, shape: &[usize], numbers: &[i64]) -> Value {
        let raw: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        self.constant(shape, INT64, |tensor| tensor.bytes(9, raw))
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, texts: &[String]) -> Value {
        self.constant(&[texts.len()], TEXT, |tensor| {
            texts
                .iter()
                .fold(tensor, |tensor, text| tensor.bytes(6, text))
        })
    }

    /// An output. Its name is followed by underscores if an input or another output has it.
    pub(super) fn output(&mut self, name: &str, value: &Value, kind: Vec<u8>) {
        let mut name = name.to_owned();
        let is_known = |name: &String| {
            let mut outputs = self.outputs.iter();
            self.inputs.contains_key(name) || outputs.any(|(known, ..)| known == name)
        };
        while is_known(&name) {
            name.push('_');
        }
        self.outputs.push((name, value.clone(), kind));
    }

    /// The file. `metadata` are texts by name; `None` if it is larger than one may be.
    pub(super) fn finish(mut self, name: &str, metadata: &[(&str, String)]) -> Option<Vec<u8>> {
        for (name, value, _) in &self.outputs {
            let node = Message::default()
                .bytes(1, value)
                .bytes(2, name)
                .bytes(4, "Identity");
            self.graph = std::mem::take(&mut self.graph).message(1, &node);
        }
        let mut graph = self.graph.bytes(2, name).into_bytes();
        graph.extend(self.initializers.into_bytes());
        let port = |name: &String, kind: &[u8]| Message::default().bytes(1, name).bytes(2, kind);
        let mut ports = Message::default();
        for input in &self.order {
            ports = ports.message(11, &port(input, &self.inputs[input]));
        }
        for (output, _, kind) in &self.outputs {
            ports = ports.message(12, &port(output, kind));
        }
        graph.extend(ports.into_bytes());
        let model = Message::default().int(1, self.version).bytes(2, "fanout");
        let mut model = model.bytes(7, graph);
        for (domain, version) in &self.operators {
            let set = Message::default().bytes(1, domain).int(2, *version);
            model = model.message(8, &set);
        }
        for (key, text) in metadata {
            let entry = Message::default().bytes(1, key).bytes(2, text);
            model = model.message(14, &entry);
        }
        let file = model.into_bytes();
        (file.len() <= MOST).then_some(file)
    }
}

/// The type of a tensor of shape (rows), or (rows, columns).
pub(super) fn tensor(elements: i64, columns: Option<usize>) -> Vec<u8> {
    let rows = Message::default().bytes(2, "rows");
    let mut shape = Message::default().message(1, &rows);
    if let Some(columns) = columns {
        let dimension = Message::default().int(1, columns as i64);
        shape = shape.message(1, &dimension);
    }
    let tensor = Message::default().int(1, elements).message(2, &shape);
    Message::default().message(1, &tensor).into_bytes()
}

/// An attribute: a whole number.
pub(super) fn int(name: &str, number: i64) -> Message {
    Message::default().bytes(1, name).int(3, number).int(20, 2)
}

/// An attribute: whole numbers.
pub(super) fn ints(name: &str, numbers: &[i64]) -> Message {
    let named = Message::default().bytes(1, name);
    let numbers = numbers.iter();
    numbers
        .fold(named, |message, number| message.int(8, *number))
        .int(20, 7)
}

/// An attribute: texts.
pub(super) fn texts(name: &str, texts: &[String]) -> Message {
    let named = Message::default().bytes(1, name);
    let texts = texts.iter();
    texts
        .fold(named, |message, text| message.bytes(9, text))
        .int(20, 8)
}
