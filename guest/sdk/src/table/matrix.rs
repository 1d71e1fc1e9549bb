//! A [`Table`] as a [`Matrix`], and a matrix as a table.

use super::{Source, Table, Values};
use crate::Fault;
use crate::contract::{Column, ColumnKind, Role};
use crate::matrix::{Block, CategoryColumn, Matrix, Numbers, Shared};

impl Matrix {
    /// The features of a table, in order: numbers as [`Block::Number`],
    /// categories as [`Block::Category`]. Of a table that was made of a matrix, its
    /// very blocks.
    ///
    /// # Errors
    /// If a column can't be read.
    pub fn of(table: &Table) -> Result<Self, Fault> {
        match &table.source {
            Source::Matrix(matrix) => Ok(matrix.clone()),
            _ => Self::of_features(table, 0..table.features().len()),
        }
    }

    /// Features of a table, by index, in the order of the indices: see
    /// [`Matrix::of`].
    ///
    /// # Errors
    /// If a column can't be read.
    pub fn of_features(
        table: &Table,
        features: impl IntoIterator<Item = usize>,
    ) -> Result<Self, Fault> {
        if let Source::Matrix(matrix) = &table.source {
            let features: Vec<usize> = features.into_iter().collect();
            return Ok(matrix.select(&features));
        }
        let blocks = features.into_iter().map(|index| {
            let feature = &table.features()[index];
            Ok(match (table.values(index)?, &feature.labels) {
                (Values::Number(values), _) => {
                    Block::numbers(&feature.name, Numbers::compact(values))
                }
                (Values::Category(codes), labels) => Block::Category(CategoryColumn {
                    name: feature.name.clone(),
                    labels: Shared::new(labels.clone().unwrap_or_default()),
                    codes: codes.into(),
                }),
            })
        });
        let blocks = blocks.collect::<Result<_, Fault>>()?;
        Ok(Self::new(table.rows(), blocks))
    }
}

impl Table {
    /// A table whose features are the columns of a matrix, and which has no
    /// targets, for a [`crate::Trainer`] that is fitted behind steps. A coded
    /// column is decoded when it is read; nothing else is copied.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] if the matrix has no column, or two columns of one
    /// name.
    pub fn of_matrix(matrix: Matrix) -> Result<Self, Fault> {
        let columns = matrix.blocks().iter().flat_map(|block| {
            block.names().map(move |name| Column {
                name: name.to_owned(),
                role: Role::Feature,
                kind: match block {
                    Block::Category(column) => ColumnKind::Category {
                        labels: column.labels.to_vec(),
                    },
                    _ => ColumnKind::Number,
                },
            })
        });
        let columns: Vec<Column> = columns.collect();
        if columns.is_empty() {
            return Err(Fault::InvalidDataset(
                "the steps leave no column".to_owned(),
            ));
        }
        Self::new(matrix.rows(), columns, Source::Matrix(matrix))
    }
}

/// The values of a column of a matrix. The labels of a category are in the order
/// of the layout.
pub(super) fn matrix_values(matrix: &Matrix, column: usize) -> Values {
    let place = matrix.places()[column];
    match &matrix.blocks()[place.block] {
        Block::Number(column) => Values::Number(column.values.to_vec()),
        Block::Category(column) => Values::Category(column.codes.iter().collect()),
        Block::Coded(_) => Values::Number(matrix.column(column, &matrix.all_rows())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::{CodedBlock, CodedColumn, Codes};

    #[test]
    fn a_matrix_is_read_as_a_table() {
        let coded = |name: &str| CodedColumn {
            name: name.to_owned(),
            offset: 0.5,
            scale: 2.0,
        };
        let codes = Codes::new(3, [2, 0, 1].into_iter());
        let block = CodedBlock::new(
            codes,
            vec![0, CodedBlock::NONE, 1],
            vec![coded("p"), coded("q")],
        );
        let category = CategoryColumn {
            name: "c".to_owned(),
            labels: Shared::new(vec!["9".to_owned(), "10".to_owned()]),
            codes: vec![1, 0, CategoryColumn::MISSING].into(),
        };
        let number = Block::number("n", vec![1.0, f64::INFINITY, 3.0]);
        let matrix = Matrix::new(
            3,
            vec![number, Block::Coded(block), Block::Category(category)],
        );
        let table = Table::of_matrix(matrix.clone()).unwrap();
        let names: Vec<&str> = table.features().iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["n", "p", "q", "c"]);
        assert_eq!(table.values(1), Ok(Values::Number(vec![0.5, 2.5, 0.5])));
        assert_eq!(table.values(2), Ok(Values::Number(vec![2.5, 0.5, 0.5])));
        assert_eq!(
            table.values(3),
            Ok(Values::Category(vec![1, 0, Values::MISSING]))
        );
        assert_eq!(table.features()[3].labels.as_deref().unwrap(), ["9", "10"]);
        assert_eq!(Matrix::of(&table), Ok(matrix));
        let message = Table::of_matrix(Matrix::new(3, vec![]))
            .unwrap_err()
            .to_string();
        assert_eq!(message, "invalid dataset: the steps leave no column");
    }
}
