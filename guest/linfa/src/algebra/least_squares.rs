//! [`LeastSquares`]: solutions of least norm of normal equations.

use super::{Cholesky, add, back_substitute, dot};

/// The share of a column's variance that other columns leave unexplained below
/// which it counts as a linear combination of them. Rounding of a Gram matrix is
/// some 1e-15 of it.
const DEPENDENT: f64 = 1e-12;

/// The solver of `G b = Xᵀ y` for a Gram matrix `G = Xᵀ X` of any rank, for the `b`
/// of least norm, as LAPACK's `gelsd`.
///
/// Columns are scaled to one norm, since the rank must not depend on their units.
/// A Cholesky factorisation with pivots then finds columns that are independent,
/// and the others as their combinations: `X = X₁ M`. The solution of least norm is
/// `Mᵀ (M Mᵀ)⁻¹ b₁`, if `b₁` solves for the independent columns alone.
#[derive(Debug)]
pub(crate) struct LeastSquares {
    size: usize,
    /// By independent column: its index.
    independent: Vec<usize>,
    /// The factor of the scaled independent columns, lower, row-major.
    lower: Vec<f64>,
    /// One over the norm of each independent column.
    scales: Vec<f64>,
    /// Of all columns by the independent ones, if some are dependent.
    combinations: Option<Combinations>,
}

#[derive(Debug)]
struct Combinations {
    /// `M`, of shape (independent, columns).
    matrix: Vec<f64>,
    /// The factor of `M Mᵀ`.
    square: Cholesky,
}

impl LeastSquares {
    /// Factorises a Gram matrix of shape (size, size).
    pub(crate) fn new(size: usize, gram: &[f64]) -> Self {
        let norms: Vec<f64> = (0..size).map(|i| gram[i * size + i].sqrt()).collect();
        let greatest = norms.iter().copied().fold(0.0, f64::max);
        let scale = |i: usize| 1.0 / norms[i];
        // A column of rounding errors is constant.
        let is_column = |i: usize| norms[i] > 1e-14 * greatest && norms[i].is_normal();
        let mut order: Vec<usize> = (0..size).filter(|&i| is_column(i)).collect();
        let count = order.len();
        let mut left = vec![1.0; count];
        let mut lower = vec![0.0; count * count];
        let mut rank = 0;
        while rank < count {
            let best = (rank..count).fold(rank, |best, place| {
                if left[place] > left[best] {
                    place
                } else {
                    best
                }
            });
            if left[best] <= DEPENDENT {
                break;
            }
            order.swap(rank, best);
            left.swap(rank, best);
            for column in 0..rank {
                lower.swap(rank * count + column, best * count + column);
            }
            let (before, rest) = lower.split_at_mut((rank + 1) * count);
            let own = &mut before[rank * count..];
            let pivot = left[rank].sqrt();
            own[rank] = pivot;
            for (row, place) in rest.chunks_exact_mut(count).zip(rank + 1..) {
                let (a, b) = (order[place], order[rank]);
                let entry = gram[a * size + b] * scale(a) * scale(b);
                row[rank] = (entry - dot(&row[..rank], &own[..rank])) / pivot;
                left[place] -= row[rank] * row[rank];
            }
            rank += 1;
        }
        let combinations = (rank < count).then(|| {
            let mut matrix = vec![0.0; rank * size];
            for (place, &column) in order.iter().enumerate() {
                if place < rank {
                    matrix[place * size + column] = 1.0;
                    continue;
                }
                // Lᵀ c = l: the combination that gives this column.
                let mut combination = lower[place * count..][..rank].to_vec();
                back_substitute(&lower, count, &mut combination);
                for (row, value) in combination.into_iter().enumerate() {
                    matrix[row * size + column] = value * scale(order[row]) / scale(column);
                }
            }
            let rows: Vec<&[f64]> = matrix.chunks_exact(size).collect();
            let mut square = vec![0.0; rank * rank];
            for a in 0..rank {
                for b in 0..=a {
                    square[a * rank + b] = dot(rows[a], rows[b]);
                }
            }
            // M Mᵀ is at least the identity.
            let square = Cholesky::new(rank, square)?;
            Some(Combinations { matrix, square })
        });
        let independent = order[..rank].to_vec();
        Self {
            size,
            scales: independent.iter().map(|&column| scale(column)).collect(),
            lower: (0..rank)
                .flat_map(|row| lower[row * count..][..rank].to_vec())
                .collect(),
            combinations: combinations.flatten(),
            independent,
        }
    }

    /// The number of independent columns.
    #[cfg(test)]
    pub(crate) fn rank(&self) -> usize {
        self.independent.len()
    }

    /// The solution for a right side `Xᵀ y`.
    pub(crate) fn solve(&self, right: &[f64]) -> Vec<f64> {
        let rank = self.independent.len();
        let scaled = self.independent.iter().zip(&self.scales);
        let mut solution: Vec<f64> = scaled
            .map(|(&column, scale)| right[column] * scale)
            .collect();
        for row in 0..rank {
            let own = &self.lower[row * rank..][..=row];
            solution[row] = (solution[row] - dot(&own[..row], &solution[..row])) / own[row];
        }
        back_substitute(&self.lower, rank, &mut solution);
        for (value, scale) in solution.iter_mut().zip(&self.scales) {
            *value *= scale;
        }
        let mut out = vec![0.0; self.size];
        match &self.combinations {
            None => {
                for (&column, value) in self.independent.iter().zip(solution) {
                    out[column] = value;
                }
            }
            Some(combinations) => {
                combinations.square.solve(&mut solution);
                for (row, value) in combinations.matrix.chunks_exact(self.size).zip(solution) {
                    add(&mut out, value, row);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns 2 and 4 are combinations of 0 and 1; column 3 is zero.
    #[test]
    fn the_solution_of_a_deficient_matrix_has_the_least_norm() {
        let x = |row: usize| {
            let (a, b) = ((row * row % 7) as f64, 1e-3 * (row % 3) as f64);
            [a, b, a + b, 0.0, 2.0 * a]
        };
        let y = |row: usize| (row % 5) as f64;
        let mut gram = vec![0.0; 25];
        let mut right = vec![0.0; 5];
        for row in 0..20 {
            for a in 0..5 {
                right[a] += x(row)[a] * y(row);
                for b in 0..5 {
                    gram[a * 5 + b] += x(row)[a] * x(row)[b];
                }
            }
        }
        let solver = LeastSquares::new(5, &gram);
        assert_eq!(solver.rank(), 2);
        let b = solver.solve(&right);
        // It solves the normal equations, and is orthogonal to what X maps to 0.
        for (row, right) in gram.chunks_exact(5).zip(&right) {
            assert!((dot(row, &b) - right).abs() < 1e-9, "{b:?}");
        }
        assert!((b[0] + b[1] - b[2]).abs() < 1e-9 * b[1].abs(), "{b:?}");
        assert!((2.0 * b[0] - b[4]).abs() < 1e-9 * b[1].abs(), "{b:?}");
        assert_eq!(b[3], 0.0);
    }
}
