//! [`minimise`]: Newton's method with preconditioned conjugate gradients.

use super::design::Design;
use super::likelihood::{Likelihood, Losses};
use crate::algebra::{Cholesky, add, dot};

/// When a minimisation ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stop {
    /// If no entry of the gradient is greater.
    pub(super) gradient: f64,
    /// After so many steps.
    pub(super) steps: usize,
}

/// The inverse of an approximate Hessian.
#[derive(Debug)]
pub(super) enum Preconditioner {
    /// By output: a factor of its block of the diagonal.
    Blocks(Vec<Cholesky>),
    /// One over the entry of each coefficient.
    Diagonal(Vec<f64>),
}

impl Preconditioner {
    fn apply(&self, vector: &[f64]) -> Vec<f64> {
        let mut out = vector.to_vec();
        match self {
            Self::Blocks(blocks) => {
                let width = out.len() / blocks.len();
                for (block, out) in blocks.iter().zip(out.chunks_exact_mut(width)) {
                    block.solve(out);
                }
            }
            Self::Diagonal(diagonal) => {
                for (out, factor) in out.iter_mut().zip(diagonal) {
                    *out *= factor;
                }
            }
        }
        out
    }
}

/// The greatest number of conjugate gradients of a step.
const GRADIENTS: usize = 200;

/// The products of all rows with a point, by output.
pub(super) fn outputs(design: &Design<'_>, point: &[f64]) -> Vec<Vec<f64>> {
    let outputs: Vec<&[f64]> = point.chunks_exact(design.width()).collect();
    design.multiply_many(&outputs)
}

/// `l2 b` added to the gradient of the losses.
pub(super) fn gradient(design: &Design<'_>, losses: &Losses, point: &[f64], l2: f64) -> Vec<f64> {
    let mut gradient = design.transposed_multiply_many(&losses.residuals).concat();
    add_penalty(design, &mut gradient, l2, point);
    gradient
}

/// Adds `l2` times the penalised coefficients of `point` to `to`.
fn add_penalty(design: &Design<'_>, to: &mut [f64], l2: f64, point: &[f64]) {
    let width = design.width();
    let outputs = to.chunks_exact_mut(width).zip(point.chunks_exact(width));
    for (to, point) in outputs {
        add(&mut to[..width - 1], l2, &point[..width - 1]);
    }
}

/// `‖b‖²` of the penalised coefficients.
fn square(design: &Design<'_>, a: &[f64], b: &[f64]) -> f64 {
    let width = design.width();
    let outputs = a.chunks_exact(width).zip(b.chunks_exact(width));
    outputs
        .map(|(a, b)| dot(&a[..width - 1], &b[..width - 1]))
        .sum()
}

/// Minimises the losses plus `l2 / 2 ‖b‖²` from `point` on. `precondition` makes a
/// preconditioner at some losses; it is called once, or for every step if it says
/// that the step before is out of date.
pub(super) fn minimise(
    design: &Design<'_>,
    likelihood: &Likelihood,
    l2: f64,
    mut point: Vec<f64>,
    stop: &Stop,
    mut precondition: impl FnMut(&Losses) -> Option<Preconditioner>,
) -> Vec<f64> {
    let mut at = outputs(design, &point);
    let mut losses = likelihood.losses(&at);
    let mut preconditioner = None;
    for _ in 0..stop.steps {
        let gradient = gradient(design, &losses, &point, l2);
        let greatest = gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        if greatest <= stop.gradient || greatest.is_nan() {
            break;
        }
        if let Some(new) = precondition(&losses) {
            preconditioner = Some(new);
        }
        let Some(preconditioner) = &preconditioner else {
            break;
        };
        // The last step need not be solved farther than to where it stops.
        let enough = (0.3 * stop.gradient / greatest).clamp(1e-10, 0.1);
        let step = solve(
            design,
            likelihood,
            l2,
            &losses,
            &gradient,
            preconditioner,
            enough,
        );
        let slope = dot(&gradient, &step.direction);
        if slope >= 0.0 || slope.is_nan() {
            break;
        }
        let before = losses.loss + 0.5 * l2 * square(design, &point, &point);
        let cross = square(design, &point, &step.direction);
        let own = square(design, &step.direction, &step.direction);
        let mut length = 1.0;
        let moved = loop {
            let mut tried = at.clone();
            for (tried, change) in tried.iter_mut().zip(&step.change) {
                add(tried, length, change);
            }
            let found = likelihood.losses(&tried);
            let square = square(design, &point, &point) + length * (2.0 * cross + length * own);
            let now = found.loss + 0.5 * l2 * square;
            // Near the optimum the losses differ by rounding errors alone.
            let noise = 1e-13 * before.abs();
            if now <= before + 1e-4 * length * slope + noise {
                break Some((tried, found));
            }
            length *= 0.5;
            if length < 1e-10 {
                break None;
            }
        };
        let Some((tried, found)) = moved else {
            break;
        };
        (at, losses) = (tried, found);
        add(&mut point, length, &step.direction);
    }
    point
}

/// A direction, and the change of the outputs along it.
struct Step {
    direction: Vec<f64>,
    change: Vec<Vec<f64>>,
}

/// Solves `H d = -gradient` by conjugate gradients, until the residual is `enough`
/// of the gradient, in the norm of the preconditioner.
fn solve(
    design: &Design<'_>,
    likelihood: &Likelihood,
    l2: f64,
    losses: &Losses,
    gradient: &[f64],
    preconditioner: &Preconditioner,
    enough: f64,
) -> Step {
    let mut residual: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut scaled = preconditioner.apply(&residual);
    let mut search = scaled.clone();
    let mut norm = dot(&residual, &scaled);
    let first = norm;
    let mut direction = vec![0.0; gradient.len()];
    let mut change: Option<Vec<Vec<f64>>> = None;
    for _ in 0..GRADIENTS {
        let along = outputs(design, &search);
        let mut curved = along.clone();
        likelihood.curve(losses, &mut curved);
        let mut product = design.transposed_multiply_many(&curved).concat();
        add_penalty(design, &mut product, l2, &search);
        let curvature = dot(&search, &product);
        // A direction without curvature is one of rounding errors.
        if curvature.is_nan() || curvature <= 0.0 {
            break;
        }
        let length = norm / curvature;
        add(&mut direction, length, &search);
        match &mut change {
            None => {
                let scaled = |mut along: Vec<f64>| {
                    along.iter_mut().for_each(|value| *value *= length);
                    along
                };
                change = Some(along.into_iter().map(scaled).collect());
            }
            Some(change) => {
                for (change, along) in change.iter_mut().zip(&along) {
                    add(change, length, along);
                }
            }
        }
        add(&mut residual, -length, &product);
        scaled = preconditioner.apply(&residual);
        let next = dot(&residual, &scaled);
        if next.is_nan() || next <= enough * enough * first {
            break;
        }
        let keep = next / norm;
        norm = next;
        for (search, scaled) in search.iter_mut().zip(&scaled) {
            *search = scaled + keep * *search;
        }
    }
    Step {
        change: change
            .unwrap_or_else(|| vec![vec![0.0; design.rows.len()]; losses.residuals.len()]),
        direction,
    }
}
