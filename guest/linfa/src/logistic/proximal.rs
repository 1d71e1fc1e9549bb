//! [`minimise`]: a proximal Newton method for l1 penalties (Friedman, Hastie,
//! Tibshirani, 2010; Yuan, Ho, Lin, 2012).
//!
//! One output after the other, the losses are replaced by their quadratic
//! approximation, whose optimum with the penalty coordinate descent finds, and a
//! line search decides how far to go there.

use super::Penalty;
use super::design::Design;
use super::likelihood::{Likelihood, Losses};
use super::quasi_newton::Stop;
use crate::algebra::{add, dot};
use crate::descent::{Descent, Quadratic};

/// The greatest number of passes of coordinate descent for one approximation.
const PASSES: usize = 1000;

struct State {
    point: Vec<f64>,
    outputs: Vec<Vec<f64>>,
    losses: Losses,
}

/// Minimises the losses plus the penalty from coefficients of 0 on. It stops once
/// no entry of the least subgradient is above that of `stop`.
pub(super) fn minimise(
    design: &Design<'_>,
    likelihood: &Likelihood,
    penalty: Penalty,
    stop: &Stop,
) -> Vec<f64> {
    let outputs = vec![vec![0.0; design.rows.len()]; likelihood.outputs];
    let mut state = State {
        point: vec![0.0; design.width() * likelihood.outputs],
        losses: likelihood.losses(&outputs),
        outputs,
    };
    for _ in 0..stop.steps {
        let mut most: f64 = 0.0;
        let mut is_moved = false;
        for output in 0..likelihood.outputs {
            let (violation, moved) = step(design, likelihood, penalty, stop, output, &mut state);
            most = most.max(violation);
            is_moved |= moved;
        }
        if most <= stop.gradient || !is_moved {
            break;
        }
    }
    state.point
}

/// Moves one output. Returns its violation of the condition of an optimum before,
/// and whether it was moved.
fn step(
    design: &Design<'_>,
    likelihood: &Likelihood,
    penalty: Penalty,
    stop: &Stop,
    output: usize,
    state: &mut State,
) -> (f64, bool) {
    let width = design.width();
    let columns = width - 1;
    let own = output * width..(output + 1) * width;
    let before = state.point[own.clone()].to_vec();
    let gradient = design.transposed_multiply(&state.losses.residuals[output]);
    let violation = violation(&gradient, &before, penalty);
    if violation <= stop.gradient || violation.is_nan() {
        return (violation, false);
    }
    let hessian = design.weighted_gram(Some(&likelihood.curvature(&state.losses, output)));
    // The intercept has no penalty: its best value is put in for it.
    let weight = hessian[width * width - 1];
    let sums = &hessian[columns * width..][..columns];
    let pull = if weight > 0.0 {
        gradient[columns] / weight
    } else {
        0.0
    };
    let mut matrix = vec![0.0; columns * columns];
    for (row, out) in matrix.chunks_exact_mut(columns).enumerate() {
        out.copy_from_slice(&hessian[row * width..][..columns]);
        if weight > 0.0 {
            add(out, -sums[row] / weight, sums);
        }
    }
    let mut descent = Descent::from(before[..columns].to_vec(), &matrix);
    let linear: Vec<f64> = (0..columns)
        .map(|column| descent.product[column] - gradient[column] + pull * sums[column])
        .collect();
    let quadratic = Quadratic {
        matrix: &matrix,
        linear: &linear,
        l1: penalty.l1,
        l2: penalty.l2,
    };
    let enough = (0.02 * violation).max(0.1 * stop.gradient);
    descend(&quadratic, &mut descent, enough);
    let mut direction = descent.coefficients;
    add(&mut direction, -1.0, &before[..columns]);
    direction.push(if weight > 0.0 && design.fit_intercept {
        -pull - dot(sums, &direction) / weight
    } else {
        0.0
    });
    let change = design.multiply(&direction);
    let cost = |length: f64| {
        let moved = before[..columns].iter().zip(&direction);
        moved.fold(0.0, |cost, (b, d)| {
            let b = b + length * d;
            cost + penalty.l1 * b.abs() + 0.5 * penalty.l2 * b * b
        })
    };
    let now = state.losses.loss + cost(0.0);
    let mut expected = dot(&gradient, &direction);
    for (b, d) in before[..columns].iter().zip(&direction) {
        expected += penalty.l1 * ((b + d).abs() - b.abs()) + penalty.l2 * b * d;
    }
    if expected >= 0.0 || expected.is_nan() {
        return (violation, false);
    }
    let at = state.outputs[output].clone();
    let mut length = 1.0;
    while length > 1e-10 {
        state.outputs[output].clone_from(&at);
        add(&mut state.outputs[output], length, &change);
        let found = likelihood.losses(&state.outputs);
        if found.loss + cost(length) <= now + 1e-4 * length * expected + 1e-13 * now.abs() {
            state.losses = found;
            add(&mut state.point[own], length, &direction);
            return (violation, true);
        }
        length *= 0.5;
    }
    state.outputs[output] = at;
    (violation, false)
}

/// The greatest entry of the least subgradient.
fn violation(gradient: &[f64], point: &[f64], penalty: Penalty) -> f64 {
    let columns = point.len() - 1;
    let entries = gradient.iter().zip(point).enumerate();
    entries.fold(0.0, |most: f64, (column, (g, b))| {
        let entry = if column == columns {
            g.abs()
        } else if *b == 0.0 {
            (g.abs() - penalty.l1).max(0.0)
        } else {
            (g + penalty.l2 * b + penalty.l1.copysign(*b)).abs()
        };
        most.max(entry)
    })
}

/// Coordinate descent until no pass over all coordinates finds an entry of the
/// subgradient above `enough`. Between those it passes over what is not 0.
fn descend(of: &Quadratic<'_>, descent: &mut Descent, enough: f64) {
    let columns = descent.coefficients.len();
    let all: Vec<usize> = (0..columns).collect();
    let entry = |descent: &Descent, column: usize| {
        let g = descent.product[column] - of.linear[column];
        let b = descent.coefficients[column];
        if b == 0.0 {
            (g.abs() - of.l1).max(0.0)
        } else {
            (g + of.l2 * b + of.l1.copysign(b)).abs()
        }
    };
    let mut passes = 0;
    while passes < PASSES {
        descent.pass(of, &all);
        passes += 1;
        let active: Vec<usize> = all
            .iter()
            .copied()
            .filter(|&column| descent.coefficients[column] != 0.0)
            .collect();
        let most = |descent: &Descent, columns: &[usize]| {
            let entries = columns.iter().map(|&column| entry(descent, column));
            entries.fold(0.0, f64::max)
        };
        if most(descent, &all) <= enough {
            break;
        }
        while passes < PASSES && most(descent, &active) > enough {
            descent.pass(of, &active);
            passes += 1;
        }
    }
}
