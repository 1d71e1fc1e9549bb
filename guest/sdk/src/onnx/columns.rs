//! [`Columns`]: the columns of a [`crate::Matrix`] as values of a [`Graph`].

use super::graph::{Graph, Value};
use super::lookup::Table;
use crate::Fault;
use crate::matrix::CodedColumn;

/// Named columns, as blocks that mirror those of a matrix.
#[derive(Clone, Debug, Default)]
pub struct Columns {
    blocks: Vec<Block>,
}

/// One or more neighbouring columns.
#[derive(Clone, Debug)]
pub enum Block {
    /// Numbers of shape (rows, columns); NaN is missing.
    Numbers {
        /// The names of the columns.
        names: Vec<String>,
        /// The numbers.
        value: Value,
    },
    /// One column of categories that is not encoded.
    Category {
        /// The column's name.
        name: String,
        /// Texts of shape (rows, 1); an empty one is missing.
        value: Value,
        /// The label that stands for a missing one, if that was filled.
        filled: Option<String>,
    },
    /// The columns of a one-hot encoded category.
    Coded {
        /// The columns.
        columns: Vec<CodedColumn>,
        /// Of shape (rows, columns): 1 in the column of the row, else 0.
        inside: Value,
    },
}

impl Block {
    /// The number of columns.
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers { names, .. } => names.len(),
            Self::Category { .. } => 1,
            Self::Coded { columns, .. } => columns.len(),
        }
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A feature that is the place of a category in an order, of an input of texts. The
    /// run of the model fails where a text is none of the categories.
    fn places(graph: &mut Graph, name: &str, order: &[String]) -> Self {
        let value = graph.input(name, true);
        let table = Table::Labels(order.iter().map(String::as_str).collect());
        let places: Vec<f64> = (0..order.len()).map(|place| place as f64).collect();
        Self::Numbers {
            names: vec![name.to_owned()],
            value: table.of_texts(graph, value, None, &places, [Some(f64::NAN), None]),
        }
    }

    /// The columns `names` of 0 and 1: a row whose `code`, of shape (rows, 1), is the
    /// index of a column is 1 there.
    pub(crate) fn one_hot(graph: &mut Graph, code: Value, names: Vec<String>) -> Self {
        let all = graph.row((0..names.len()).map(|column| column as f64).collect());
        let inside = graph.op("Equal", [code, all]);
        let columns = names.into_iter().map(|name| CodedColumn {
            name,
            offset: 0.0,
            scale: 1.0,
        });
        Self::Coded {
            columns: columns.collect(),
            inside: graph.double(inside),
        }
    }

    fn names(&self) -> Vec<&str> {
        match self {
            Self::Numbers { names, .. } => names.iter().map(String::as_str).collect(),
            Self::Category { name, .. } => vec![name],
            Self::Coded { columns, .. } => columns.iter().map(|c| c.name.as_str()).collect(),
        }
    }

    /// Some of the columns, by index.
    fn select(&self, graph: &mut Graph, kept: &[usize]) -> Self {
        if kept.iter().copied().eq(0..self.len()) {
            return self.clone();
        }
        let indices = || kept.iter().map(|&column| column as i64).collect();
        match self {
            Self::Numbers { names, value } => Self::Numbers {
                names: kept.iter().map(|&column| names[column].clone()).collect(),
                value: graph.columns(*value, indices()),
            },
            Self::Category { .. } => self.clone(),
            Self::Coded { columns, inside } => Self::Coded {
                columns: kept.iter().map(|&column| columns[column].clone()).collect(),
                inside: graph.columns(*inside, indices()),
            },
        }
    }

    /// By row of a category: `values` at the place of its label, or the first of `others`
    /// if it is missing, the second if it is none of the labels; of shape (rows, 1). Where
    /// that is `None`, the run of the model fails.
    ///
    /// # Errors
    /// If it is no category.
    pub fn look_up(
        &self,
        graph: &mut Graph,
        labels: &[String],
        values: &[f64],
        others: [Option<f64>; 2],
    ) -> Result<Value, Fault> {
        let table = Table::Labels(labels.iter().map(String::as_str).collect());
        self.of_table(graph, &table, values, others)
    }

    /// By row: `values` at the place of its category in a table, or the first of `others` if
    /// it is missing, the second if it is none of them; of shape (rows, 1). Where that is
    /// `None` the run of the model fails: ONNX has no operator that does, but says that it is
    /// an error to take an element behind the last.
    ///
    /// # Errors
    /// If the column is of another kind than the table.
    pub(crate) fn of_table(
        &self,
        graph: &mut Graph,
        table: &Table<'_>,
        values: &[f64],
        others: [Option<f64>; 2],
    ) -> Result<Value, Fault> {
        match (table, self) {
            (
                Table::Labels(_),
                Self::Category {
                    value,
                    filled: label,
                    ..
                },
            ) => Ok(table.of_texts(graph, *value, label.as_deref(), values, others)),
            (Table::Numbers(_), column) if column.len() == 1 => {
                let numbers = column.numbers(graph)?;
                Ok(table.of_numbers(graph, numbers, values, others))
            }
            _ => Err(Fault::Failed(
                "the model is damaged: a column has categories of another kind".to_owned(),
            )),
        }
    }

    /// The columns as numbers of shape (rows, columns).
    ///
    /// # Errors
    /// If it is a category.
    pub fn numbers(&self, graph: &mut Graph) -> Result<Value, Fault> {
        match self {
            Self::Numbers { value, .. } => Ok(*value),
            Self::Category { name, .. } => Err(Fault::InvalidTask(format!(
                "column `{name}` is a category that no step encodes"
            ))),
            Self::Coded { columns, inside } => {
                let scales: Vec<f64> = columns.iter().map(|column| column.scale).collect();
                let offsets: Vec<f64> = columns.iter().map(|column| column.offset).collect();
                let mut value = *inside;
                if scales.iter().any(|&scale| scale != 1.0) {
                    let scales = graph.row(scales);
                    value = graph.op("Mul", [value, scales]);
                }
                if offsets.iter().any(|&offset| offset != 0.0) {
                    let offsets = graph.row(offsets);
                    value = graph.op("Add", [value, offsets]);
                }
                Ok(value)
            }
        }
    }
}

impl Columns {
    /// Columns of blocks.
    pub fn new(blocks: Vec<Block>) -> Self {
        Self { blocks }
    }

    /// One block of numbers of shape (rows, columns).
    pub(crate) fn of_numbers(names: Vec<String>, value: Value) -> Self {
        Self {
            blocks: vec![Block::Numbers { names, value }],
        }
    }

    /// The features of a model as inputs of the graph: names, and which are categories.
    pub fn inputs<'a>(
        graph: &mut Graph,
        features: impl IntoIterator<Item = (&'a str, bool)>,
    ) -> Self {
        let blocks = features.into_iter().map(|(name, is_category)| {
            if let (false, Some(order)) = (is_category, graph.order_of(name)) {
                return Block::places(graph, name, &order);
            }
            let value = graph.input(name, is_category);
            if is_category {
                Block::Category {
                    name: name.to_owned(),
                    value,
                    filled: None,
                }
            } else {
                Block::Numbers {
                    names: vec![name.to_owned()],
                    value,
                }
            }
        });
        Self {
            blocks: blocks.collect(),
        }
    }

    /// The blocks.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// The number of columns.
    pub fn len(&self) -> usize {
        self.blocks.iter().map(Block::len).sum()
    }

    /// Whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names of the columns, in order.
    pub fn names(&self) -> Vec<&str> {
        self.blocks.iter().flat_map(Block::names).collect()
    }

    /// All columns as numbers, of shape (rows, columns).
    ///
    /// # Errors
    /// If one is a category, or there are no columns.
    pub fn numbers(&self, graph: &mut Graph) -> Result<Value, Fault> {
        let blocks = self.blocks.iter().filter(|block| !block.is_empty());
        let values: Vec<Value> = blocks
            .map(|block| block.numbers(graph))
            .collect::<Result<_, _>>()?;
        if values.is_empty() {
            return Err(Fault::InvalidTask("the steps leave no column".to_owned()));
        }
        Ok(graph.beside(&values))
    }

    /// Some of the columns, by index; neighbours of one block stay one.
    #[must_use]
    pub fn select(&self, graph: &mut Graph, kept: &[usize]) -> Self {
        let places: Vec<(usize, usize)> = self
            .blocks
            .iter()
            .enumerate()
            .flat_map(|(block, of)| (0..of.len()).map(move |column| (block, column)))
            .collect();
        let kept: Vec<(usize, usize)> = kept.iter().map(|&column| places[column]).collect();
        let runs = kept.chunk_by(|a, b| a.0 == b.0);
        let blocks = runs.map(|run| {
            let columns: Vec<usize> = run.iter().map(|(_, column)| *column).collect();
            self.blocks[run[0].0].select(graph, &columns)
        });
        Self {
            blocks: blocks.collect(),
        }
    }

    /// The same columns under other names.
    pub(crate) fn renamed(mut self, mut rename: impl FnMut(&str) -> String) -> Self {
        for block in &mut self.blocks {
            match block {
                Block::Numbers { names, .. } => {
                    names.iter_mut().for_each(|name| *name = rename(name));
                }
                Block::Category { name, .. } => *name = rename(name),
                Block::Coded { columns, .. } => {
                    for column in columns {
                        column.name = rename(&column.name);
                    }
                }
            }
        }
        self
    }

    /// These columns, and then those of `other`.
    pub(crate) fn beside(mut self, other: Self) -> Self {
        self.blocks.extend(other.blocks);
        self
    }

    /// Neighbouring blocks of numbers as one.
    fn merged(&self, graph: &mut Graph) -> Vec<Block> {
        let is_number = |block: &&Block| matches!(block, Block::Numbers { .. });
        let blocks: Vec<&Block> = self.blocks.iter().collect();
        let runs = blocks.chunk_by(|a, b| is_number(a) && is_number(b));
        let merged = runs.map(|run| {
            if let [one] = run {
                return (*one).clone();
            }
            let (mut all, mut values) = (Vec::new(), Vec::new());
            for block in run {
                if let Block::Numbers { names, value } = block {
                    all.extend(names.iter().cloned());
                    values.push(*value);
                }
            }
            Block::Numbers {
                names: all,
                value: graph.beside(&values),
            }
        });
        merged.collect()
    }

    /// The columns with each number of each column mapped: `values` makes the operators
    /// for a range of columns, `one` maps a number of a column. Columns of encoded
    /// categories stay so, since they have two values each.
    pub(crate) fn map(
        &self,
        graph: &mut Graph,
        mut values: impl FnMut(&mut Graph, Value, std::ops::Range<usize>) -> Value,
        one: impl Fn(usize, f64) -> f64,
    ) -> Self {
        let mut first = 0;
        let merged = self.merged(graph).into_iter();
        let blocks = merged.map(|block| {
            let range = first..first + block.len();
            first = range.end;
            match block {
                Block::Numbers { names, value } => Block::Numbers {
                    names,
                    value: values(graph, value, range),
                },
                Block::Coded { columns, inside } => {
                    let mapped = columns.into_iter().zip(range).map(|(column, at)| {
                        let outside = one(at, column.offset);
                        CodedColumn {
                            name: column.name,
                            scale: one(at, column.offset + column.scale) - outside,
                            offset: outside,
                        }
                    });
                    Block::Coded {
                        columns: mapped.collect(),
                        inside,
                    }
                }
                block @ Block::Category { .. } => block,
            }
        });
        Self {
            blocks: blocks.collect(),
        }
    }
}
