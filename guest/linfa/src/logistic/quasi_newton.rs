//! [`minimise`]: the limited-memory BFGS method (Nocedal, 1980) with a
//! preconditioner in place of its first, diagonal approximation.
//!
//! A step takes one product of the rows with its direction, the losses there, and
//! one product of the columns with their derivatives; a shorter step takes the
//! losses alone, since outputs are linear in the length.

use std::collections::VecDeque;

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

/// The number of steps that are remembered.
const MEMORY: usize = 10;

/// The inverse of an approximate Hessian.
#[derive(Debug)]
pub(super) enum Preconditioner {
    /// By output: a factor of its block of the diagonal.
    Blocks(Vec<Cholesky>),
    /// One over the entry of each coefficient.
    Diagonal(Vec<f64>),
}

impl Preconditioner {
    fn apply(&self, vector: &mut [f64]) {
        match self {
            Self::Blocks(blocks) => {
                let width = vector.len() / blocks.len();
                for (block, vector) in blocks.iter().zip(vector.chunks_exact_mut(width)) {
                    block.solve(vector);
                }
            }
            Self::Diagonal(diagonal) => {
                for (entry, factor) in vector.iter_mut().zip(diagonal) {
                    *entry *= factor;
                }
            }
        }
    }
}

/// A point, and what the losses are there.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) point: Vec<f64>,
    /// By output: one number per row.
    outputs: Vec<Vec<f64>>,
    pub(super) losses: Losses,
    /// The gradient of the losses alone.
    gradient: Vec<f64>,
}

impl State {
    pub(super) fn new(design: &Design<'_>, likelihood: &Likelihood, point: Vec<f64>) -> Self {
        let outputs = design.outputs(&point);
        let losses = likelihood.losses(&outputs);
        Self {
            gradient: design.transposed_multiply_many(&losses.residuals).concat(),
            point,
            outputs,
            losses,
        }
    }

    /// The state without the derivatives of the rows' losses, which take as much memory
    /// as the outputs, and of which a minimisation with one preconditioner reads none.
    pub(super) fn without_residuals(mut self) -> Self {
        self.losses.residuals = Vec::new();
        self
    }

    /// The gradient of the losses plus `l2 / 2 ‖b‖²`.
    fn gradient(&self, design: &Design<'_>, l2: f64) -> Vec<f64> {
        let mut gradient = self.gradient.clone();
        let width = design.width();
        let outputs = gradient.chunks_exact_mut(width);
        for (gradient, point) in outputs.zip(self.point.chunks_exact(width)) {
            add(&mut gradient[..width - 1], l2, &point[..width - 1]);
        }
        gradient
    }

    /// Whether a minimisation ends here.
    pub(super) fn is_optimum(&self, design: &Design<'_>, l2: f64, stop: &Stop) -> bool {
        greatest(&self.gradient(design, l2)) <= stop.gradient
    }

    /// The state some way along a direction, and the way's length: the first of 1,
    /// ½, ¼, … that lessens the losses and the penalty enough. `None` if there is
    /// none.
    fn moved(
        &self,
        design: &Design<'_>,
        likelihood: &Likelihood,
        l2: f64,
        direction: &[f64],
        slope: f64,
    ) -> Option<(Self, f64)> {
        let change = design.outputs(direction);
        let own = design.penalised(&self.point, &self.point);
        let cross = design.penalised(&self.point, direction);
        let square = design.penalised(direction, direction);
        let before = self.losses.loss + 0.5 * l2 * own;
        // Near the optimum the losses differ by rounding errors alone.
        let noise = 1e-13 * before.abs() + f64::EPSILON * likelihood.weight();
        let mut length = 1.0;
        while length > 1e-10 {
            let mut outputs = self.outputs.clone();
            for (outputs, change) in outputs.iter_mut().zip(&change) {
                add(outputs, length, change);
            }
            let losses = likelihood.losses(&outputs);
            let now = losses.loss + 0.5 * l2 * (own + length * (2.0 * cross + length * square));
            if now <= before + 1e-4 * length * slope + noise {
                let mut point = self.point.clone();
                add(&mut point, length, direction);
                let moved = Self {
                    gradient: design.transposed_multiply_many(&losses.residuals).concat(),
                    point,
                    outputs,
                    losses,
                };
                return Some((moved, length));
            }
            length *= 0.5;
        }
        None
    }
}

fn greatest(gradient: &[f64]) -> f64 {
    let least_upper = |most: f64, g: &f64| {
        if g.abs() > most || g.is_nan() {
            g.abs()
        } else {
            most
        }
    };
    gradient.iter().fold(0.0, least_upper)
}

/// Minimises the losses plus `l2 / 2 ‖b‖²` from a state on. `precondition` makes a
/// preconditioner at some losses; it is asked before each step, and may say that
/// that of the step before will do. With the inverse Hessian for each step it is
/// Newton's method.
pub(super) fn minimise(
    design: &Design<'_>,
    likelihood: &Likelihood,
    l2: f64,
    mut precondition: impl FnMut(&Losses) -> Option<Preconditioner>,
    mut state: State,
    stop: &Stop,
) -> State {
    let mut gradient = state.gradient(design, l2);
    let mut memory = Memory::default();
    let mut known = None;
    for _ in 0..stop.steps {
        let most = greatest(&gradient);
        if most <= stop.gradient || most.is_nan() {
            break;
        }
        if let Some(new) = precondition(&state.losses) {
            known = Some(new);
            memory.pairs.clear();
        }
        let Some(preconditioner) = &known else {
            break;
        };
        let direction = memory.direction(&gradient, preconditioner);
        let slope = dot(&gradient, &direction);
        let moved = (slope < 0.0)
            .then(|| state.moved(design, likelihood, l2, &direction, slope))
            .flatten();
        let Some((next, length)) = moved else {
            // What is remembered may be of rounding errors alone.
            if memory.pairs.is_empty() {
                break;
            }
            memory.pairs.clear();
            continue;
        };
        let new = next.gradient(design, l2);
        let mut change = new.clone();
        add(&mut change, -1.0, &gradient);
        let step = direction.iter().map(|d| length * d).collect();
        memory.add(step, change, preconditioner);
        (state, gradient) = (next, new);
    }
    state
}

/// The last steps.
#[derive(Debug, Default)]
struct Memory {
    /// The oldest first.
    pairs: VecDeque<Pair>,
    /// The scale of the preconditioner by the last step.
    scale: f64,
}

/// A step, the change of the gradient along it, and one over their product.
#[derive(Debug)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    inverse: f64,
}

impl Memory {
    fn add(&mut self, step: Vec<f64>, change: Vec<f64>, preconditioner: &Preconditioner) {
        let curvature = dot(&step, &change);
        let mut scaled = change.clone();
        preconditioner.apply(&mut scaled);
        let square = dot(&change, &scaled);
        // Without curvature it is a step of rounding errors.
        if curvature > 1e-14 * square && square > 0.0 {
            if self.pairs.len() == MEMORY {
                self.pairs.pop_front();
            }
            self.scale = curvature / square;
            self.pairs.push_back(Pair {
                inverse: 1.0 / curvature,
                step,
                change,
            });
        }
    }

    /// Minus the approximate inverse Hessian times the gradient, by the recursion in
    /// two loops.
    fn direction(&self, gradient: &[f64], preconditioner: &Preconditioner) -> Vec<f64> {
        let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut parts = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let part = pair.inverse * dot(&pair.step, &direction);
            add(&mut direction, -part, &pair.change);
            parts.push(part);
        }
        preconditioner.apply(&mut direction);
        if !self.pairs.is_empty() {
            direction.iter_mut().for_each(|entry| *entry *= self.scale);
        }
        for (pair, part) in self.pairs.iter().zip(parts.into_iter().rev()) {
            let back = pair.inverse * dot(&pair.change, &direction);
            add(&mut direction, part - back, &pair.step);
        }
        direction
    }
}
