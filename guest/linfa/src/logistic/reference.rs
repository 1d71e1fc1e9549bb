//! [`Reference`]: the point where fits begin, and the Hessian there.

use fanout_sdk::Matrix;
use fanout_sdk::matrix::Block;

use super::design::Design;
use super::likelihood::{Likelihood, Losses};
use super::newton::{self, Preconditioner, Stop};
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
/// take, for the Hessian of all rows to be worth it.
const PRODUCTS: f64 = 10.0;

/// A point near the optimum for `C` of 1, and the Hessian of the losses there. It
/// depends on the rows, their classes and weights alone.
///
/// The point is the optimum on a sample of the rows, and a Newton step or two on all
/// rows from there; these are left out where the Hessian of all rows takes longer
/// than the conjugate gradients that it saves.
#[derive(Debug)]
pub(super) struct Reference {
    point: Vec<f64>,
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
    /// At coefficients of 0, with the diagonal of the Hessian.
    Zero,
    /// The optimum on all rows.
    Rows,
    /// The optimum on every so many rows, and on all from there.
    SampleAndRows(usize),
    /// The optimum on every so many rows, with their Hessian.
    Sample(usize),
}

impl Way {
    fn of(design: &Design<'_>, likelihood: &Likelihood) -> Self {
        let width = design.width();
        if width > COLUMNS || width * width * likelihood.outputs > ENTRIES {
            return Self::Zero;
        }
        let stride = design.rows.len() / SAMPLE.max(SAMPLE_PER_COLUMN * width);
        if stride <= 1 {
            Self::Rows
        } else if gram_cost(design.matrix) > PRODUCTS {
            Self::Sample(stride)
        } else {
            Self::SampleAndRows(stride)
        }
    }
}

impl Reference {
    pub(super) fn new(design: &Design<'_>, likelihood: &Likelihood) -> Self {
        Self::by(Way::of(design, likelihood), design, likelihood)
    }

    fn by(way: Way, design: &Design<'_>, likelihood: &Likelihood) -> Self {
        let zero = vec![0.0; design.width() * likelihood.outputs];
        let stride = match way {
            Way::Zero => {
                let losses = likelihood.losses(&newton::outputs(design, &zero));
                return Self {
                    hessian: Hessian::diagonal(design, likelihood, &losses),
                    point: zero,
                };
            }
            Way::Rows => {
                let point = optimum(design, likelihood, 1.0, zero, 1e-3);
                return Self::at(design, likelihood, point, 1.0);
            }
            Way::SampleAndRows(stride) | Way::Sample(stride) => stride,
        };
        let rows: Vec<u32> = (0..design.rows.len() as u32).step_by(stride).collect();
        let (matrix, of_sample) = (design.matrix.take(&rows), likelihood.take(&rows));
        let sample = Design {
            matrix: &matrix,
            rows: matrix.all_rows(),
            means: design.means.clone(),
            fit_intercept: design.fit_intercept,
        };
        // The sample stands for all rows, beside which a penalty of 1 is as small as
        // this.
        let times = design.rows.len() as f64 / rows.len() as f64;
        let point = optimum(&sample, &of_sample, 1.0 / times, zero, 1e-3);
        if matches!(way, Way::Sample(_)) {
            return Self::at(&sample, &of_sample, point, times);
        }
        let point = optimum(design, likelihood, 1.0, point, 3e-4);
        Self::at(design, likelihood, point, 1.0)
    }

    /// At a point, of rows each of which stands for `times`.
    fn at(design: &Design<'_>, likelihood: &Likelihood, point: Vec<f64>, times: f64) -> Self {
        let losses = likelihood.losses(&newton::outputs(design, &point));
        let mut hessian = Hessian::new(design, likelihood, &losses);
        hessian.scale(times);
        Self { point, hessian }
    }

    /// Minimises the losses plus `l2 / 2 ‖b‖²`.
    pub(super) fn minimise(
        &self,
        design: &Design<'_>,
        likelihood: &Likelihood,
        l2: f64,
        stop: &Stop,
    ) -> Vec<f64> {
        let mut is_first = true;
        newton::minimise(design, likelihood, l2, self.point.clone(), stop, |_| {
            let first = std::mem::take(&mut is_first);
            first.then(|| self.hessian.preconditioner(design, l2))
        })
    }
}

/// The optimum, to this mean gradient, by Newton steps with a new Hessian each.
fn optimum(
    design: &Design<'_>,
    likelihood: &Likelihood,
    l2: f64,
    start: Vec<f64>,
    gradient: f64,
) -> Vec<f64> {
    let stop = Stop {
        gradient: gradient * likelihood.weight(),
        steps: 20,
    };
    // With many outputs a Hessian takes as long as many conjugate gradients.
    let every = if likelihood.outputs > 1 { 2 } else { 1 };
    let mut step = 0;
    newton::minimise(design, likelihood, l2, start, &stop, |losses| {
        step += 1;
        let is_due = (step - 1) % every == 0;
        is_due.then(|| Hessian::new(design, likelihood, losses).preconditioner(design, l2))
    })
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

impl Hessian {
    /// The blocks of all outputs.
    fn new(design: &Design<'_>, likelihood: &Likelihood, losses: &Losses) -> Self {
        let mut blocks: Vec<Vec<f64>> = Vec::with_capacity(likelihood.outputs);
        let mut last: Vec<f64> = Vec::new();
        for output in 0..likelihood.outputs {
            let curvature = likelihood.curvature(losses, output);
            // Where all outputs are 0, their curvatures are the same.
            match blocks.last() {
                Some(block) if curvature == last => blocks.push(block.clone()),
                _ => blocks.push(design.weighted_gram(&curvature)),
            }
            last = curvature;
        }
        Self::Blocks(blocks)
    }

    /// The diagonal alone.
    fn diagonal(design: &Design<'_>, likelihood: &Likelihood, losses: &Losses) -> Self {
        let of_output = |output| {
            let curvature = likelihood.curvature(losses, output);
            let moments = design.matrix.moments(&design.rows, Some(&curvature));
            let squares = moments.iter().zip(&design.means).map(|(moments, mean)| {
                let from_mean = moments.mean - mean;
                moments.weight * (moments.variance + from_mean * from_mean)
            });
            let total: f64 = curvature.iter().sum();
            squares.chain([total]).collect::<Vec<f64>>()
        };
        Self::Diagonal((0..likelihood.outputs).flat_map(of_output).collect())
    }

    /// Multiplies all entries.
    fn scale(&mut self, factor: f64) {
        match self {
            Self::Blocks(blocks) => {
                let entries = blocks.iter_mut().flatten();
                entries.for_each(|entry| *entry *= factor);
            }
            Self::Diagonal(diagonal) => diagonal.iter_mut().for_each(|entry| *entry *= factor),
        }
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
    use crate::random::Random;

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
            assert_eq!(Way::of(&design, &likelihood), Way::Rows);
            let stop = Stop {
                gradient: 1e-10,
                steps: 200,
            };
            let ways = [Way::Rows, Way::Zero, Way::SampleAndRows(4), Way::Sample(4)];
            for l2 in [0.05, 1.0, 50.0] {
                let optima = ways.map(|way| {
                    let reference = Reference::by(way, &design, &likelihood);
                    let point = reference.minimise(&design, &likelihood, l2, &stop);
                    // Not outputs: a number added to all intercepts changes nothing.
                    let losses = likelihood.losses(&newton::outputs(&design, &point));
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
