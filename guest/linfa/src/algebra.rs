//! Dense linear algebra on small symmetric matrices, row-major.

mod cholesky;
mod least_squares;

pub(crate) use cholesky::Cholesky;
pub(crate) use least_squares::LeastSquares;

/// The inner product of two vectors of one length, in eight sums.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let (a_head, a_tail) = a.as_chunks::<8>();
    let (b_head, b_tail) = b.as_chunks::<8>();
    for (a, b) in a_head.iter().zip(b_head) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let head = ((lanes[0] + lanes[4]) + (lanes[1] + lanes[5]))
        + ((lanes[2] + lanes[6]) + (lanes[3] + lanes[7]));
    let tail: f64 = a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum();
    head + tail
}

/// Adds `factor` times `from` to `to`.
pub(crate) fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += factor * from;
    }
}

/// Solves `Lᵀ x = b` in place, for the leading rows of a lower triangle of rows of
/// `width` numbers.
pub(crate) fn back_substitute(lower: &[f64], width: usize, b: &mut [f64]) {
    for row in (0..b.len()).rev() {
        let own = &lower[row * width..][..=row];
        b[row] /= own[row];
        let value = b[row];
        add(&mut b[..row], -value, &own[..row]);
    }
}
