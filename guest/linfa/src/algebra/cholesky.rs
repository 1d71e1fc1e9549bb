//! [`Cholesky`]: the factorisation of a positive definite matrix.

use super::{back_substitute, dot};

/// `A = L Lᵀ` of a symmetric positive definite matrix.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    size: usize,
    /// `L` row-major; what is above its diagonal has no meaning.
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factorises `matrix` of shape (size, size), of which it reads the lower
    /// triangle. `None` if it is not positive definite to the precision of its
    /// numbers: if a pivot is not above 1e-15 of its diagonal entry.
    pub(crate) fn new(size: usize, mut matrix: Vec<f64>) -> Option<Self> {
        for row in 0..size {
            let (before, rest) = matrix.split_at_mut(row * size);
            let own = &mut rest[..size];
            for column in 0..row {
                let other = &before[column * size..][..=column];
                let sum = own[column] - dot(&own[..column], &other[..column]);
                own[column] = sum / other[column];
            }
            let diagonal = own[row];
            let pivot = diagonal - dot(&own[..row], &own[..row]);
            if pivot.is_nan() || pivot <= 1e-15 * diagonal || pivot.is_infinite() {
                return None;
            }
            own[row] = pivot.sqrt();
        }
        Some(Self {
            size,
            lower: matrix,
        })
    }

    /// Solves `A x = b` in place.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        let size = self.size;
        for row in 0..size {
            let own = &self.lower[row * size..][..=row];
            b[row] = (b[row] - dot(&own[..row], &b[..row])) / own[row];
        }
        back_substitute(&self.lower, size, b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_solves() {
        let size = 37;
        let entry = |a: usize, b: usize| ((a * 7 + b * 7 + a * b) % 11) as f64 / 11.0;
        let mut matrix = vec![0.0; size * size];
        for a in 0..size {
            for b in 0..size {
                matrix[a * size + b] = entry(a.max(b), a.min(b));
            }
            matrix[a * size + a] += 40.0;
        }
        let x: Vec<f64> = (0..size).map(|i| i as f64 - 5.0).collect();
        let mut b: Vec<f64> = matrix.chunks_exact(size).map(|row| dot(row, &x)).collect();
        Cholesky::new(size, matrix).unwrap().solve(&mut b);
        assert!(b.iter().zip(&x).all(|(b, x)| (b - x).abs() < 1e-12));
    }

    #[test]
    fn a_singular_matrix_has_no_factor() {
        assert!(Cholesky::new(2, vec![1.0, 1.0, 1.0, 1.0]).is_none());
        assert!(Cholesky::new(2, vec![1.0, 2.0, 2.0, 1.0]).is_none());
        assert!(Cholesky::new(1, vec![f64::NAN]).is_none());
    }
}
