//! [`symmetric_eigen`]: eigenvalues and eigenvectors of a symmetric matrix.

use crate::matrix::dot;

/// The eigenvalues of a symmetric matrix, greatest first, and their eigenvectors.
#[derive(Clone, Debug, PartialEq)]
pub struct Eigen {
    /// The eigenvalues, descending.
    pub values: Vec<f64>,
    /// By eigenvalue: the eigenvector, of norm 1 and of any sign.
    pub vectors: Vec<Vec<f64>>,
}

/// The most steps that one eigenvalue may take; two or three are usual.
const MOST_STEPS: usize = 100;

/// The eigenvalues and eigenvectors of a symmetric matrix of shape (size, size),
/// row-major: Householder's reduction to a tridiagonal matrix, and the QL algorithm
/// with implicit shifts (Golub and Van Loan, "Matrix Computations", 8.3). Errors are
/// a small multiple of the machine precision times the greatest eigenvalue. Takes
/// about `6 size³` multiplications. `None` if a number is not finite.
///
/// # Panics
/// If `matrix` does not have size² numbers.
pub fn symmetric_eigen(matrix: &[f64], size: usize) -> Option<Eigen> {
    assert_eq!(matrix.len(), size * size, "the matrix is square");
    let scale = matrix
        .iter()
        .fold(0.0, |greatest: f64, x| greatest.max(x.abs()));
    if !matrix.iter().all(|x| x.is_finite()) {
        return None;
    }
    let divisor = if scale > 0.0 { scale } else { 1.0 };
    let mut rows: Vec<Vec<f64>> = Vec::with_capacity(size);
    for row in matrix.chunks_exact(size.max(1)) {
        rows.push(row.iter().map(|x| x / divisor).collect());
    }
    let reflectors = tridiagonalise(&mut rows);
    let mut diagonal: Vec<f64> = (0..size).map(|at| rows[at][at]).collect();
    let mut below: Vec<f64> = (1..size).map(|at| rows[at][at - 1]).collect();
    below.push(0.0);
    let mut vectors = accumulate(&reflectors, size);
    diagonalise(&mut diagonal, &mut below, &mut vectors)?;
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|&a, &b| diagonal[b].total_cmp(&diagonal[a]));
    Some(Eigen {
        values: order.iter().map(|&at| diagonal[at] * divisor).collect(),
        vectors: order
            .iter()
            .map(|&at| std::mem::take(&mut vectors[at]))
            .collect(),
    })
}

/// A reflection `I - factor v vᵀ`; `v` is 0 before its first entry.
struct Reflector {
    first: usize,
    vector: Vec<f64>,
    factor: f64,
}

/// Reduces a symmetric matrix to its diagonal and the one below, by reflections
/// from both sides.
fn tridiagonalise(rows: &mut [Vec<f64>]) -> Vec<Reflector> {
    let size = rows.len();
    let mut reflectors = Vec::new();
    for at in 0..size.saturating_sub(2) {
        let first = at + 1;
        // The column below the diagonal, which is the row beside it.
        let mut vector: Vec<f64> = rows[at][first..].to_vec();
        let rest: f64 = vector[1..].iter().map(|x| x * x).sum();
        if rest == 0.0 {
            continue;
        }
        let norm = (vector[0] * vector[0] + rest).sqrt();
        let image = -norm.copysign(vector[0]);
        vector[0] -= image;
        let factor = 2.0 / (vector[0] * vector[0] + rest);
        // A := A - v wᵀ - w vᵀ, for w = p - (factor pᵀv / 2) v and p = factor A v.
        let mut w: Vec<f64> = rows[first..]
            .iter()
            .map(|row| factor * dot(&row[first..], &vector))
            .collect();
        let half = factor * dot(&w, &vector) / 2.0;
        w.iter_mut().zip(&vector).for_each(|(w, v)| *w -= half * v);
        for (row, (v, w_of_row)) in rows[first..].iter_mut().zip(vector.iter().zip(&w)) {
            for ((x, w), v_of_column) in row[first..].iter_mut().zip(&w).zip(&vector) {
                *x -= v * w + w_of_row * v_of_column;
            }
        }
        rows[first][at] = image;
        reflectors.push(Reflector {
            first,
            vector,
            factor,
        });
    }
    if size >= 2 {
        let last = rows[size - 2][size - 1];
        rows[size - 1][size - 2] = last;
    }
    reflectors
}

/// The transposed product of the reflections.
fn accumulate(reflectors: &[Reflector], size: usize) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = (0..size)
        .map(|at| {
            let mut row = vec![0.0; size];
            row[at] = 1.0;
            row
        })
        .collect();
    // Q = H0 H1 …, so that Qᵀ = … H1 H0: each H from the right, last one first, acts
    // on rows that are still those of the identity before its first entry.
    for reflector in reflectors.iter().rev() {
        let Reflector {
            first,
            vector,
            factor,
        } = reflector;
        for row in &mut rows[*first..] {
            let row = &mut row[*first..];
            let step = factor * dot(row, vector);
            row.iter_mut().zip(vector).for_each(|(x, v)| *x -= step * v);
        }
    }
    rows
}

/// Diagonalises a tridiagonal matrix by rotations, which are applied to neighbouring
/// rows of `vectors` too.
fn diagonalise(diagonal: &mut [f64], below: &mut [f64], vectors: &mut [Vec<f64>]) -> Option<()> {
    let size = diagonal.len();
    for at in 0..size {
        let mut steps = 0;
        loop {
            let end = (at..size.saturating_sub(1))
                .find(|&next| {
                    let near = diagonal[next].abs() + diagonal[next + 1].abs();
                    below[next].abs() <= f64::EPSILON * near
                })
                .unwrap_or(size - 1);
            if end == at {
                break;
            }
            steps += 1;
            if steps > MOST_STEPS {
                return None;
            }
            let half = (diagonal[at + 1] - diagonal[at]) / (2.0 * below[at]);
            let root = libm::hypot(half, 1.0).copysign(half);
            let mut bulge = diagonal[end] - diagonal[at] + below[at] / (half + root);
            let (mut sine, mut cosine, mut shift) = (1.0, 1.0, 0.0);
            let mut is_split = false;
            for next in (at..end).rev() {
                let (f, b) = (sine * below[next], cosine * below[next]);
                let radius = libm::hypot(f, bulge);
                below[next + 1] = radius;
                if radius == 0.0 {
                    diagonal[next + 1] -= shift;
                    below[end] = 0.0;
                    is_split = true;
                    break;
                }
                sine = f / radius;
                cosine = bulge / radius;
                let g = diagonal[next + 1] - shift;
                let radius = (diagonal[next] - g) * sine + 2.0 * cosine * b;
                shift = sine * radius;
                diagonal[next + 1] = g + shift;
                bulge = cosine * radius - b;
                let (lower, upper) = vectors.split_at_mut(next + 1);
                rotate(&mut lower[next], &mut upper[0], cosine, sine);
            }
            if !is_split {
                diagonal[at] -= shift;
                below[at] = bulge;
                below[end] = 0.0;
            }
        }
    }
    Some(())
}

fn rotate(a: &mut [f64], b: &mut [f64], cosine: f64, sine: f64) {
    for (a, b) in a.iter_mut().zip(b) {
        let old = *b;
        *b = sine * *a + cosine * old;
        *a = cosine * *a - sine * old;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(matrix: &[f64], size: usize) {
        let Eigen { values, vectors } = symmetric_eigen(matrix, size).unwrap();
        let scale = matrix
            .iter()
            .fold(1.0, |greatest: f64, x| greatest.max(x.abs()));
        let tolerance = 1e-13 * scale * size.max(1) as f64;
        assert!(values.is_sorted_by(|a, b| a >= b));
        for (value, vector) in values.iter().zip(&vectors) {
            for (row, x) in matrix.chunks_exact(size).zip(vector) {
                assert!((dot(row, vector) - value * x).abs() <= tolerance);
            }
        }
        for (a, left) in vectors.iter().enumerate() {
            for (b, right) in vectors.iter().enumerate() {
                let expected = f64::from(u8::from(a == b));
                assert!((dot(left, right) - expected).abs() <= 1e-13 * size as f64);
            }
        }
    }

    proptest! {
        #[test]
        fn vectors_are_orthonormal_and_of_their_values(
            (size, numbers) in (1..12usize).prop_flat_map(|size| {
                let number = prop_oneof![Just(0.0), -5.0..5.0, -1e-6..1e-6];
                (Just(size), prop::collection::vec(number, size * size))
            })
        ) {
            let mut matrix = vec![0.0; size * size];
            for a in 0..size {
                for b in 0..=a {
                    matrix[a * size + b] = numbers[a * size + b];
                    matrix[b * size + a] = numbers[a * size + b];
                }
            }
            check(&matrix, size);
        }
    }

    #[test]
    fn special_matrices_are_decomposed() {
        check(&[], 0);
        check(&[4.0], 1);
        let size = 80;
        let ones = vec![1.0; size * size];
        check(&ones, size);
        assert!((symmetric_eigen(&ones, size).unwrap().values[0] - 80.0).abs() < 1e-12);
        let hilbert: Vec<f64> = (0..size * size)
            .map(|at| 1.0 / (at / size + at % size + 1) as f64)
            .collect();
        check(&hilbert, size);
        assert_eq!(symmetric_eigen(&[f64::NAN], 1), None);
    }
}
