//! [`Reference`]: the point where fits begin, and an approximation of the Hessian
//! there.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::Block;

use super::design::Design;
use super::likelihood::{Likelihood, Losses};
use super::quasi_newton::{self, Preconditioner, State, Stop};
use crate::algebra::Cholesky;

/// The greatest number of columns of which all products are taken. With more, the
/// diagonal of the Hessian has to do.
const COLUMNS: usize = 1500;

/// The greatest number of entries of the blocks of all outputs: 64 MiB, of which
/// there are some copies at a time.
const ENTRIES: usize = 1 << 23;

/// The least number of rows of the sample, and of rows per column.
const SAMPLE: usize = 8192;
const SAMPLE_PER_COLUMN: usize = 40;

/// How much longer than a product with a vector the products of all columns may
/// take, for the Hessian of every step to be worth it.
const PRODUCTS: f64 = 10.0;

/// The penalty at the point of reference: that of the default `C`.
const L2: f64 = 1.0;

/// A point near the optimum for `C` of 1, and an approximation of the Hessian of the
/// losses there. It depends on the rows, their classes and weights alone.
///
/// Of two classes and some coded columns it is found by Newton's method: on a sample of
/// the rows, on more rows from its optimum, and on all from there. Else it is found by
/// the limited-memory BFGS method, with the Hessian where all coefficients are 0.
#[derive(Debug)]
pub(super) struct Reference {
    state: State,
    hessian: Hessian,
}

#[derive(Debug)]
enum Hessian {
    /// By output: its block of the diagonal.
    Blocks(Vec<Vec<f64>>),
    Diagonal(Vec<f64>),
}

/// How a [`Reference`] is found.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// From coefficients of 0, with the diagonal of the Hessian.
    Diagonal,
    /// From coefficients of 0, with the Hessian there.
    Zero,
    /// From the optimum on every so many rows, or from coefficients of 0 if that is
    /// all, with a new Hessian for every other step.
    Newton(usize),
}

impl Way {
    fn of(design: &Design<'_>, likelihood: &Likelihood) -> Self {
        let width = design.width();
        if width > COLUMNS || width * width * likelihood.outputs > ENTRIES {
            return Self::Diagonal;
        }
        // Rare categories make one Hessian for all steps a poor one, columns of numbers
        // do not.
        let is_coded = |block: &Block| matches!(block, Block::Coded(_));
        let has_coded = design.matrix.blocks().iter().any(is_coded);
        if likelihood.outputs > 1 || !has_coded || gram_cost(design.matrix) > PRODUCTS {
            return Self::Zero;
        }
        let stride = design.rows.len() / SAMPLE.max(SAMPLE_PER_COLUMN * width);
        Self::Newton(stride.max(1))
    }
}

impl Reference {
    pub(super) fn new(design: &Design<'_>, likelihood: &Likelihood) -> Self {
        Self::by(Way::of(design, likelihood), design, likelihood)
    }

    fn by(way: Way, design: &Design<'_>, likelihood: &Likelihood) -> Self {
        let shares = likelihood.shares();
        let zero = of_shares(design, likelihood, &shares);
        let hessian = match way {
            Way::Diagonal => Hessian::diagonal(design, likelihood, &shares),
            Way::Zero => Hessian::of_shares(design, likelihood, &shares),
            Way::Newton(stride) => {
                let start = newton_point(design, likelihood, stride, zero);
                let (state, hessian) = newton(design, likelihood, L2, start, 3e-5);
                let hessian =
                    hessian.unwrap_or_else(|| Hessian::at(design, likelihood, &state.losses));
                return Self {
                    state: state.without_residuals(),
                    hessian,
                };
            }
        };
        let start = State::new(design, likelihood, zero);
        let stop = stop(likelihood, 1e-4);
        let mut first = Some(hessian.preconditioner(design, L2));
        let next = |_: &Losses| first.take();
        let state = quasi_newton::minimise(design, likelihood, L2, next, start, &stop);
        Self {
            state: state.without_residuals(),
            hessian,
        }
    }

    /// Minimises the losses plus `l2 / 2 ‖b‖²`.
    pub(super) fn minimise(
        &self,
        design: &Design<'_>,
        likelihood: &Likelihood,
        l2: f64,
        stop: &Stop,
    ) -> Vec<f64> {
        if self.state.is_optimum(design, l2, stop) {
            return self.state.point.clone();
        }
        let mut first = Some(self.hessian.preconditioner(design, l2));
        let next = |_: &Losses| first.take();
        let start = self.state.clone();
        quasi_newton::minimise(design, likelihood, l2, next, start, stop).point
    }
}

/// An end at this mean gradient.
fn stop(likelihood: &Likelihood, gradient: f64) -> Stop {
    Stop {
        gradient: gradient * likelihood.weight(),
        steps: 100,
    }
}

/// The optimum, to this mean gradient, with a new Hessian for every other step, and the
/// last of these.
fn newton(
    design: &Design<'_>,
    likelihood: &Likelihood,
    l2: f64,
    start: Vec<f64>,
    gradient: f64,
) -> (State, Option<Hessian>) {
    let start = State::new(design, likelihood, start);
    let mut last = None;
    let mut step = 0;
    let next = |losses: &Losses| {
        // A Hessian takes as long as a step or two, and serves the second nearly as well.
        let is_due = step % 2 == 0;
        step += 1;
        is_due.then(|| {
            let hessian = last.insert(Hessian::at(design, likelihood, losses));
            hessian.preconditioner(design, l2)
        })
    };
    let stop = stop(likelihood, gradient);
    let state = quasi_newton::minimise(design, likelihood, l2, next, start, &stop);
    (state, last)
}

/// The optimum on every so many rows, from that on fewer rows on.
fn newton_point(
    design: &Design<'_>,
    likelihood: &Likelihood,
    stride: usize,
    mut point: Vec<f64>,
) -> Vec<f64> {
    let strides = [stride, stride / 4]
        .into_iter()
        .filter(|stride| *stride > 2);
    for stride in strides {
        let rows: Vec<u32> = (0..design.rows.len() as u32).step_by(stride).collect();
        let (matrix, of_sample) = (design.matrix.take(&rows), likelihood.take(&rows));
        let sample = Design::about(&matrix, design.means.clone(), design.fit_intercept);
        // The sample stands for all rows, beside which the penalty is as small as this.
        let times = design.rows.len() as f64 / rows.len() as f64;
        point = newton(&sample, &of_sample, L2 / times, point, 1e-3).0.point;
    }
    point
}

/// The time that the products of all columns take, as a multiple of that of `X b`
/// and `Xᵀ r`, roughly: a tile of dense products does four at the time of another's
/// one.
fn gram_cost(matrix: &Matrix) -> f64 {
    let is_coded = |block: &&Block| matches!(block, Block::Coded(_));
    let coded = matrix.blocks().iter().filter(is_coded).count() as f64;
    let dense = matrix.blocks().len() as f64 - coded;
    let gram = dense * dense / 8.0 + coded * (dense + coded / 2.0);
    gram / (3.0 * (dense + coded))
}

/// The point whose coefficients are 0, and whose intercepts give the classes their
/// shares.
fn of_shares(design: &Design<'_>, likelihood: &Likelihood, shares: &[f64]) -> Vec<f64> {
    let width = design.width();
    let mut point = vec![0.0; width * likelihood.outputs];
    if design.fit_intercept {
        let logarithms: Vec<f64> = shares
            .iter()
            .map(|share| libm::log(if *share > 1e-10 { *share } else { 1e-10 }))
            .collect();
        match likelihood.outputs {
            1 => point[width - 1] = logarithms[1] - logarithms[0],
            _ => {
                let intercepts = point.iter_mut().skip(width - 1).step_by(width);
                intercepts.zip(logarithms).for_each(|(to, l)| *to = l);
            }
        }
    }
    point
}

/// By output: the second derivative of a row's loss where all coefficients are 0.
fn curvatures(design: &Design<'_>, likelihood: &Likelihood, shares: &[f64]) -> Vec<f64> {
    let even = 1.0 / shares.len() as f64;
    let shares = &shares[shares.len() - likelihood.outputs..];
    let share = |share: &f64| if design.fit_intercept { *share } else { even };
    shares.iter().map(share).map(|p| p * (1.0 - p)).collect()
}

impl Hessian {
    /// The blocks of all outputs where all coefficients are 0.
    fn of_shares(design: &Design<'_>, likelihood: &Likelihood, shares: &[f64]) -> Self {
        let gram = design.weighted_gram(likelihood.weights.as_deref());
        let scaled = |c: &f64| gram.iter().map(|product| c * product).collect();
        Self::Blocks(
            curvatures(design, likelihood, shares)
                .iter()
                .map(scaled)
                .collect(),
        )
    }

    /// The blocks of all outputs.
    fn at(design: &Design<'_>, likelihood: &Likelihood, losses: &Losses) -> Self {
        let block = |output| {
            let curvature = likelihood.curvature(losses, output);
            design.weighted_gram(Some(&curvature))
        };
        Self::Blocks((0..likelihood.outputs).map(block).collect())
    }

    /// The diagonal alone, where all coefficients are 0.
    fn diagonal(design: &Design<'_>, likelihood: &Likelihood, shares: &[f64]) -> Self {
        let weights = likelihood.weights.as_deref();
        let moments = design.matrix.moments(&design.rows, weights);
        let squares = moments.iter().zip(&design.means).map(|(moments, mean)| {
            let from_mean = moments.mean - mean;
            moments.weight * (moments.variance + from_mean * from_mean)
        });
        let own: Vec<f64> = squares.chain([likelihood.weight()]).collect();
        let each = curvatures(design, likelihood, shares).into_iter();
        Self::Diagonal(
            each.flat_map(|c| own.iter().map(move |square| c * square))
                .collect(),
        )
    }

    /// The inverse of the Hessian plus `l2` on its diagonal.
    fn preconditioner(&self, design: &Design<'_>, l2: f64) -> Preconditioner {
        let width = design.width();
        match self {
            Self::Blocks(blocks) => {
                let factors: Option<Vec<Cholesky>> = blocks
                    .iter()
                    .map(|block| factorise(width, block, l2))
                    .collect();
                factors.map_or_else(
                    || {
                        let entries = blocks
                            .iter()
                            .flat_map(|block| block.iter().step_by(width + 1));
                        of_diagonal(entries, width, l2)
                    },
                    Preconditioner::Blocks,
                )
            }
            Self::Diagonal(diagonal) => of_diagonal(diagonal.iter(), width, l2),
        }
    }
}

/// A factor of a block plus `l2`, or plus what makes it positive definite: columns
/// may be dependent if there is no penalty.
fn factorise(width: usize, block: &[f64], l2: f64) -> Option<Cholesky> {
    let most = block.iter().step_by(width + 1).copied().fold(0.0, f64::max);
    let mut jitter = 0.0;
    for _ in 0..4 {
        let mut matrix = block.to_vec();
        for column in 0..width {
            let entry = &mut matrix[column * width + column];
            if column + 1 < width {
                *entry += l2;
            }
            *entry += jitter * *entry + jitter * 1e-6 * most;
        }
        if let Some(factor) = Cholesky::new(width, matrix) {
            return Some(factor);
        }
        jitter = if jitter == 0.0 { 1e-10 } else { jitter * 1e3 };
    }
    None
}

fn of_diagonal<'a>(
    entries: impl Iterator<Item = &'a f64>,
    width: usize,
    l2: f64,
) -> Preconditioner {
    let inverse = entries.enumerate().map(|(at, entry)| {
        let entry = if at % width + 1 < width {
            entry + l2
        } else {
            *entry
        };
        if entry > 0.0 { 1.0 / entry } else { 1.0 }
    });
    Preconditioner::Diagonal(inverse.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout_sdk::random::Random;

    /// Every way leads to the same optimum, of two classes and of three.
    #[test]
    fn the_optimum_does_not_depend_on_the_reference() {
        let mut random = Random::new(1);
        let mut column = |levels: usize| {
            let mut values: Vec<f64> = (0..600).map(|row| (row % levels) as f64).collect();
            random.shuffle(&mut values);
            values
        };
        let noise = column(5);
        let columns = [column(600), column(7), column(2), column(40)];
        let score = |row: usize| columns[0][row] / 150.0 - columns[1][row] + 1.5 * noise[row];
        let blocks = columns.iter().zip(["a", "b", "c", "d"]);
        let blocks = blocks.map(|(values, name)| Block::number(name, values.clone()));
        let matrix = Matrix::new(600, blocks.collect());
        for (outputs, bounds) in [(1, [1.5, f64::INFINITY]), (3, [1.0, 4.0])] {
            let codes =
                (0..600).map(|row| bounds.iter().filter(|b| score(row) > **b).count() as u32);
            let likelihood = Likelihood {
                codes: codes.collect(),
                weights: Some(column(3)),
                outputs,
            };
            let design = Design::new(&matrix, likelihood.weights.as_deref(), true);
            assert_eq!(Way::of(&design, &likelihood), Way::Zero);
            let stop = Stop {
                gradient: 1e-10,
                steps: 1000,
            };
            let ways = [Way::Zero, Way::Diagonal, Way::Newton(1), Way::Newton(4)];
            for l2 in [0.05, 1.0, 50.0] {
                let optima = ways.map(|way| {
                    let reference = Reference::by(way, &design, &likelihood);
                    let point = reference.minimise(&design, &likelihood, l2, &stop);
                    // Not outputs: a number added to all intercepts changes nothing.
                    let losses = likelihood.losses(&design.outputs(&point));
                    losses.residuals.concat()
                });
                for (way, optimum) in ways.iter().zip(&optima) {
                    let worst = optimum
                        .iter()
                        .zip(&optima[0])
                        .fold(0.0, |worst, (a, b)| f64::max(worst, (a - b).abs()));
                    assert!(worst < 1e-7, "{way:?}, {outputs}, {l2}: {worst}");
                }
            }
        }
    }
}
