//! [`Design`]: the columns of the training rows about their means, and a column of
//! ones.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::Joined;

use crate::algebra::{dot, filled, sum};
use crate::linear::{LinearModel, column_means, model};

/// A matrix whose rows are the training rows, less the mean of each column, with a
/// column of ones behind them if there is an intercept. Without one the means are
/// 0, and the last coefficient stays 0.
///
/// A point has one list of `columns + 1` coefficients per output, one behind the
/// other.
#[derive(Debug)]
pub(super) struct Design<'a> {
    pub(super) matrix: &'a Matrix,
    joined: Joined,
    pub(super) rows: Vec<u32>,
    pub(super) means: Vec<f64>,
    pub(super) fit_intercept: bool,
}

impl<'a> Design<'a> {
    pub(super) fn new(matrix: &'a Matrix, weights: Option<&[f64]>, fit_intercept: bool) -> Self {
        let means = column_means(matrix, &matrix.all_rows(), weights, fit_intercept);
        Self::about(matrix, means, fit_intercept)
    }

    /// A design about given means.
    pub(super) fn about(matrix: &'a Matrix, means: Vec<f64>, fit_intercept: bool) -> Self {
        Self {
            joined: Joined::new(matrix),
            rows: matrix.all_rows(),
            matrix,
            means,
            fit_intercept,
        }
    }

    /// The number of coefficients of an output.
    pub(super) fn width(&self) -> usize {
        self.means.len() + 1
    }

    /// The products of all rows with the coefficients of one output.
    pub(super) fn multiply(&self, coefficients: &[f64]) -> Vec<f64> {
        self.multiply_many(&[coefficients]).remove(0)
    }

    /// The products of all rows with a point, by output.
    pub(super) fn outputs(&self, point: &[f64]) -> Vec<Vec<f64>> {
        let outputs: Vec<&[f64]> = point.chunks_exact(self.width()).collect();
        self.multiply_many(&outputs)
    }

    /// The inner product of the penalised coefficients of two points.
    pub(super) fn penalised(&self, a: &[f64], b: &[f64]) -> f64 {
        let width = self.width();
        let outputs = a.chunks_exact(width).zip(b.chunks_exact(width));
        outputs
            .map(|(a, b)| dot(&a[..width - 1], &b[..width - 1]))
            .sum()
    }

    /// The products of all rows with the coefficients of each output.
    fn multiply_many(&self, outputs: &[&[f64]]) -> Vec<Vec<f64>> {
        let columns: Vec<&[f64]> = outputs.iter().map(|o| &o[..self.means.len()]).collect();
        let constant = |(output, columns): (&&[f64], &&[f64])| {
            let centre: f64 = columns.iter().zip(&self.means).map(|(b, m)| b * m).sum();
            filled(self.rows.len(), output[self.means.len()] - centre)
        };
        let mut products: Vec<Vec<f64>> = outputs.iter().zip(&columns).map(constant).collect();
        let mut slices: Vec<&mut [f64]> = products.iter_mut().map(Vec::as_mut_slice).collect();
        self.joined.multiply_add_many(&columns, &mut slices);
        products
    }

    /// The products of all columns with a vector.
    pub(super) fn transposed_multiply(&self, vector: &[f64]) -> Vec<f64> {
        let vectors = [vector.to_vec()];
        self.transposed_multiply_many(&vectors).remove(0)
    }

    /// The products of all columns with each vector.
    pub(super) fn transposed_multiply_many(&self, vectors: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let slices: Vec<&[f64]> = vectors.iter().map(Vec::as_slice).collect();
        let mut products = self.joined.transposed_multiply_many(&slices);
        for (products, vector) in products.iter_mut().zip(vectors) {
            if !self.fit_intercept {
                products.push(0.0);
                continue;
            }
            let total = sum(vector);
            for (product, mean) in products.iter_mut().zip(&self.means) {
                *product -= mean * total;
            }
            products.push(total);
        }
        products
    }

    /// `Xᵀ W X` of shape (width, width) for weights of the rows (without: 1). Without
    /// an intercept its last row is that of the identity, so that it can be factorised.
    pub(super) fn weighted_gram(&self, weights: Option<&[f64]>) -> Vec<f64> {
        let gram = self
            .matrix
            .gram(&self.rows, weights, &[], Some(&self.means));
        let (columns, width) = (self.means.len(), self.width());
        let mut out = vec![0.0; width * width];
        for (row, products) in gram.products().chunks_exact(columns.max(1)).enumerate() {
            out[row * width..][..columns].copy_from_slice(products);
        }
        if self.fit_intercept {
            for (column, &sum) in gram.sums.iter().enumerate() {
                out[columns * width + column] = sum;
                out[column * width + columns] = sum;
            }
        }
        out[width * width - 1] = if self.fit_intercept { gram.weight } else { 1.0 };
        out
    }

    /// The model of a point.
    pub(super) fn model(&self, point: &[f64]) -> LinearModel {
        let columns = self.means.len();
        let outputs = point.chunks_exact(self.width());
        let coefficients = outputs.clone().map(|output| output[..columns].to_vec());
        let intercepts: Vec<f64> = outputs.map(|output| output[columns]).collect();
        model(coefficients.collect(), &self.means, &intercepts)
    }
}
