//! Dense linear algebra on small symmetric matrices, row-major.

mod cholesky;
mod least_squares;

pub(crate) use cholesky::Cholesky;
pub(crate) use fanout_sdk::matrix::{dot, sum};
pub(crate) use least_squares::LeastSquares;

/// Replaces each number of `to` by a function of it and that of `from`, eight a turn: a
/// sandbox looks at the clock at every turn.
pub(crate) fn combine(to: &mut [f64], from: &[f64], of: impl Fn(f64, f64) -> f64) {
    let (to_turns, to_rest) = to.as_chunks_mut::<8>();
    let (from_turns, from_rest) = from.as_chunks::<8>();
    for (to, from) in to_turns.iter_mut().zip(from_turns) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = of(*to, *from);
        }
    }
    for (to, from) in to_rest.iter_mut().zip(from_rest) {
        *to = of(*to, *from);
    }
}

/// Adds `factor` times `from` to `to`.
pub(crate) fn add(to: &mut [f64], factor: f64, from: &[f64]) {
    combine(to, from, |to, from| to + factor * from);
}

/// So many times a number, eight a turn.
pub(crate) fn filled(count: usize, number: f64) -> Vec<f64> {
    let mut out = vec![0.0; count];
    let (turns, rest) = out.as_chunks_mut::<8>();
    turns.iter_mut().for_each(|turn| *turn = [number; 8]);
    rest.fill(number);
    out
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
