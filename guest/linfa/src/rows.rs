//! [`Rows`]: training rows one by one, for descent along the rows.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::{Block, CodedBlock};

/// The rows of a matrix, each as dense values and the columns of coded blocks that
/// it is in. A coded block whose other rows are not 0 is kept as dense values.
#[derive(Debug)]
pub(crate) struct Rows {
    /// By dense value: its column.
    dense_columns: Vec<usize>,
    /// Of shape (rows, dense values).
    dense: Vec<f64>,
    /// By coded block: of each row the column and its value; none is 0 in column 0.
    coded: Vec<Vec<(u32, f64)>>,
    count: usize,
}

impl Rows {
    pub(crate) fn new(matrix: &Matrix, rows: &[u32]) -> Self {
        let mut dense_columns = Vec::new();
        let mut coded = Vec::new();
        let mut first = 0;
        for block in matrix.blocks() {
            let columns = first..first + block.columns();
            match block {
                Block::Coded(block) if block.columns().iter().all(|c| c.offset == 0.0) => {
                    let place = |&row: &u32| {
                        let level = block.codes().get(row as usize) as usize;
                        match block.column_of()[level] {
                            CodedBlock::NONE => (0, 0.0),
                            column => {
                                let scale = block.columns()[column as usize].scale;
                                (first as u32 + column, scale)
                            }
                        }
                    };
                    coded.push(rows.iter().map(place).collect());
                }
                _ => dense_columns.extend(columns.clone()),
            }
            first = columns.end;
        }
        let mut dense = vec![0.0; rows.len() * dense_columns.len()];
        matrix.select(&dense_columns).gather(rows, &mut dense);
        Self {
            dense_columns,
            dense,
            coded,
            count: rows.len(),
        }
    }

    /// The number of rows.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn values(&self, row: usize) -> &[f64] {
        let width = self.dense_columns.len();
        &self.dense[row * width..][..width]
    }

    /// The product of a row with one coefficient per column.
    pub(crate) fn dot(&self, row: usize, coefficients: &[f64]) -> f64 {
        let mut sum = 0.0;
        for (value, &column) in self.values(row).iter().zip(&self.dense_columns) {
            sum += value * coefficients[column];
        }
        for block in &self.coded {
            let (column, value) = block[row];
            sum += value * coefficients[column as usize];
        }
        sum
    }

    /// Adds a multiple of a row to the coefficients.
    pub(crate) fn add(&self, row: usize, factor: f64, coefficients: &mut [f64]) {
        for (value, &column) in self.values(row).iter().zip(&self.dense_columns) {
            coefficients[column] += factor * value;
        }
        for block in &self.coded {
            let (column, value) = block[row];
            coefficients[column as usize] += factor * value;
        }
    }

    /// The sum of squares of a row.
    pub(crate) fn square(&self, row: usize) -> f64 {
        let dense: f64 = self.values(row).iter().map(|value| value * value).sum();
        let coded: f64 = self
            .coded
            .iter()
            .map(|block| block[row].1 * block[row].1)
            .sum();
        dense + coded
    }
}
