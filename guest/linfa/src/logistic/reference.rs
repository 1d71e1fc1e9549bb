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

impl Reference {
    pub(super) fn new(design: &Design<'_>, likelihood: &Likelihood) -> Self {
        let zero = vec![0.0; design.width() * likelihood.outputs];
        if design.width() > COLUMNS {
            return Self::at(design, likelihood, zero, 1.0);
        }
        let enough = SAMPLE.max(SAMPLE_PER_COLUMN * design.width());
        let stride = design.rows.len() / enough;
        if stride <= 1 {
            let point = optimum(design, likelihood, 1.0, zero, 1e-3);
            return Self::at(design, likelihood, point, 1.0);
        }
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
        if gram_cost(design.matrix) > PRODUCTS {
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
    fn new(design: &Design<'_>, likelihood: &Likelihood, losses: &Losses) -> Self {
        let curvatures = (0..likelihood.outputs).map(|output| likelihood.curvature(losses, output));
        if design.width() <= COLUMNS {
            let mut blocks: Vec<Vec<f64>> = Vec::with_capacity(likelihood.outputs);
            let mut last: Vec<f64> = Vec::new();
            for curvature in curvatures {
                // Where all outputs are 0, their curvatures are the same.
                match blocks.last() {
                    Some(block) if curvature == last => blocks.push(block.clone()),
                    _ => blocks.push(design.weighted_gram(&curvature)),
                }
                last = curvature;
            }
            return Self::Blocks(blocks);
        }
        let diagonal = curvatures.flat_map(|curvature| {
            let moments = design.matrix.moments(&design.rows, Some(&curvature));
            let squares = moments.iter().zip(&design.means).map(|(moments, mean)| {
                let from_mean = moments.mean - mean;
                moments.weight * (moments.variance + from_mean * from_mean)
            });
            let total: f64 = curvature.iter().sum();
            squares.chain([total]).collect::<Vec<f64>>()
        });
        Self::Diagonal(diagonal.collect())
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
