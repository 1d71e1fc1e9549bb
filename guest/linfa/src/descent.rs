//! [`Quadratic`]: coordinate descent on a quadratic function with an l1 penalty.

use crate::algebra::add;

/// `½ bᵀ Q b - qᵀ b + l1 ‖b‖₁ + ½ l2 ‖b‖²`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quadratic<'a> {
    /// `Q`, symmetric, of shape (columns, columns).
    pub(crate) matrix: &'a [f64],
    /// `q`.
    pub(crate) linear: &'a [f64],
    pub(crate) l1: f64,
    pub(crate) l2: f64,
}

/// The coefficients of a [`Quadratic`] and their product with its matrix.
#[derive(Clone, Debug)]
pub(crate) struct Descent {
    pub(crate) coefficients: Vec<f64>,
    /// `Q b`.
    pub(crate) product: Vec<f64>,
}

impl Descent {
    /// From coefficients of 0.
    pub(crate) fn zero(columns: usize) -> Self {
        Self {
            coefficients: vec![0.0; columns],
            product: vec![0.0; columns],
        }
    }

    /// From any coefficients.
    pub(crate) fn from(coefficients: Vec<f64>, matrix: &[f64]) -> Self {
        let mut product = vec![0.0; coefficients.len()];
        for (row, &coefficient) in matrix.chunks_exact(product.len().max(1)).zip(&coefficients) {
            if coefficient != 0.0 {
                add(&mut product, coefficient, row);
            }
        }
        Self {
            coefficients,
            product,
        }
    }

    /// Minimises along each coordinate of a list. Returns the greatest change of a
    /// coefficient, and the greatest coefficient.
    pub(crate) fn pass(&mut self, of: &Quadratic<'_>, coordinates: &[usize]) -> (f64, f64) {
        let columns = self.coefficients.len();
        let (mut most_change, mut most) = (0.0, 0.0);
        for &column in coordinates {
            let row = &of.matrix[column * columns..][..columns];
            let own = row[column];
            if own <= 0.0 {
                continue;
            }
            let before = self.coefficients[column];
            let pull = of.linear[column] - self.product[column] + before * own;
            let shrunk = (pull.abs() - of.l1).max(0.0).copysign(pull);
            let after = shrunk / (own + of.l2);
            if after != before {
                add(&mut self.product, after - before, row);
                self.coefficients[column] = after;
            }
            most_change = f64::max(most_change, (after - before).abs());
            most = f64::max(most, after.abs());
        }
        (most_change, most)
    }
}
