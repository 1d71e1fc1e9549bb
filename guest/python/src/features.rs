//! [`Features`]: the features of a dataset as they are handed to the interpreter.

use fanout_sdk::matrix::{Block, CategoryColumn, Matrix, Shared};
use fanout_sdk::{Fault, Schema, Table, Values};
use serde::{Deserialize, Serialize};

use crate::message::Request;

/// Rows that are gathered at a time.
const ROWS: usize = 1024;

/// The features of a table, with what finds them in another one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Features {
    pub(crate) schema: Schema,
    matrix: Matrix,
}

/// What a message says of its features.
#[derive(Debug, Serialize)]
pub(crate) struct Columns<'a> {
    /// The names, in order.
    names: Vec<&'a str>,
    /// By column: the labels of a category. Without one, the numbers come row by row,
    /// else column by column, a category as the index of its label.
    labels: Vec<Option<&'a [String]>>,
}

impl Features {
    pub(crate) fn of(table: &Table) -> Result<Self, Fault> {
        Ok(Self {
            schema: Schema::of(table),
            matrix: Matrix::of(table)?,
        })
    }

    /// The features that a model was fitted on, in another table.
    pub(crate) fn found(schema: &Schema, table: &Table) -> Result<Self, Fault> {
        let blocks = schema
            .features()
            .iter()
            .enumerate()
            .map(|(index, feature)| {
                Ok(match (schema.values(table, index)?, &feature.labels) {
                    (Values::Category(codes), Some(labels)) => Block::Category(CategoryColumn {
                        name: feature.name.clone(),
                        labels: Shared::new(labels.clone()),
                        codes: codes.into(),
                    }),
                    (Values::Number(numbers), _) => Block::number(&feature.name, numbers),
                    (Values::Category(_), None) => unreachable!("a schema gives its own kinds"),
                })
            });
        let blocks: Vec<Block> = blocks.collect::<Result<_, Fault>>()?;
        Ok(Self {
            schema: schema.clone(),
            matrix: Matrix::new(table.rows(), blocks),
        })
    }

    pub(crate) fn columns(&self) -> Columns<'_> {
        let features = self.schema.features().iter();
        Columns {
            names: features
                .clone()
                .map(|feature| feature.name.as_str())
                .collect(),
            labels: features.map(|feature| feature.labels.as_deref()).collect(),
        }
    }

    pub(crate) fn rows(&self) -> Vec<u32> {
        self.matrix.all_rows()
    }

    /// The bytes of so many rows in a message.
    pub(crate) fn bytes(&self, rows: usize) -> usize {
        rows * self.matrix.columns() * 8
    }

    /// Adds rows to a message.
    pub(crate) fn write(&self, rows: &[u32], request: &mut Request) {
        let columns = self.matrix.columns();
        if self.matrix.first_category().is_some() {
            for column in 0..columns {
                for rows in rows.chunks(ROWS) {
                    request.numbers(self.matrix.column(column, rows));
                }
            }
            return;
        }
        let mut numbers = vec![0.0; ROWS.min(rows.len()) * columns];
        for rows in rows.chunks(ROWS) {
            let numbers = &mut numbers[..rows.len() * columns];
            self.matrix.gather(rows, numbers);
            request.numbers(numbers.iter().copied());
        }
    }
}
