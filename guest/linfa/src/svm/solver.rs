//! [`Problem`]: sequential minimal optimisation (Platt, 1998) with the working set
//! of second order of Fan, Chen and Lin (2005), as in libsvm.

use std::rc::Rc;

use fanout_sdk::Matrix;

use super::kernel::{Kernel, Vectors};
use crate::points::{Query, queries};

/// Minimises `½ aᵀ Q a + linearᵀ a` for `0 ≤ a ≤ bounds` and `signsᵀ a = 0`, where
/// `Qᵢⱼ = signᵢ signⱼ K(xᵢ, xⱼ)`. There are once or twice as many duals as rows; the
/// second half is of the same rows.
pub(super) struct Problem<'a> {
    pub(super) linear: Vec<f64>,
    pub(super) bounds: Vec<f64>,
    pub(super) signs: Vec<f64>,
    pub(super) vectors: &'a Vectors,
    pub(super) matrix: &'a Matrix,
    pub(super) rows: &'a [u32],
    pub(super) kernel: Kernel,
}

/// When to stop, and how much to keep.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) tol: f64,
    pub(super) steps: usize,
    /// Bytes of the kernel's rows.
    pub(super) cache: usize,
}

pub(super) struct Solution {
    pub(super) duals: Vec<f64>,
    pub(super) offset: f64,
}

/// The curvature of a pair whose kernel is not positive definite.
const TAU: f64 = 1e-12;

impl Problem<'_> {
    pub(super) fn solve(&self, limits: &Limits) -> Solution {
        let count = self.signs.len();
        let mut cache = Cache::new(self, limits.cache);
        let diagonal = cache.diagonal();
        let mut duals = vec![0.0; count];
        let mut gradient = self.linear.clone();
        for _ in 0..limits.steps {
            let Some((i, row_i, j)) = self.select(&mut cache, &diagonal, &duals, &gradient, limits)
            else {
                break;
            };
            let row_j = cache.row(j);
            let (before_i, before_j) = (duals[i], duals[j]);
            let cross = self.signs[i] * self.signs[j] * row_i[self.place(j)];
            let curvature = diagonal[self.place(i)] + diagonal[self.place(j)];
            let (at_i, at_j) = (gradient[i], gradient[j]);
            let (bound_i, bound_j) = (self.bounds[i], self.bounds[j]);
            let (mut a, mut b);
            if self.signs[i] != self.signs[j] {
                let delta = (-at_i - at_j) / positive(curvature + 2.0 * cross);
                let difference = before_i - before_j;
                (a, b) = (before_i + delta, before_j + delta);
                if difference > 0.0 && b < 0.0 {
                    (a, b) = (difference, 0.0);
                } else if difference <= 0.0 && a < 0.0 {
                    (a, b) = (0.0, -difference);
                }
                if difference > bound_i - bound_j && a > bound_i {
                    (a, b) = (bound_i, bound_i - difference);
                } else if difference <= bound_i - bound_j && b > bound_j {
                    (a, b) = (bound_j + difference, bound_j);
                }
            } else {
                let delta = (at_i - at_j) / positive(curvature - 2.0 * cross);
                let sum = before_i + before_j;
                (a, b) = (before_i - delta, before_j + delta);
                if sum > bound_i && a > bound_i {
                    (a, b) = (bound_i, sum - bound_i);
                } else if sum <= bound_i && b < 0.0 {
                    (a, b) = (sum, 0.0);
                }
                if sum > bound_j && b > bound_j {
                    (a, b) = (sum - bound_j, bound_j);
                } else if sum <= bound_j && a < 0.0 {
                    (a, b) = (0.0, sum);
                }
            }
            (duals[i], duals[j]) = (a, b);
            let change_i = (a - before_i) * self.signs[i];
            let change_j = (b - before_j) * self.signs[j];
            let halves = gradient
                .chunks_mut(self.rows.len())
                .zip(self.signs.chunks(self.rows.len()));
            for (gradient, signs) in halves {
                let rows = row_i.iter().zip(row_j.iter());
                for ((g, sign), (in_i, in_j)) in gradient.iter_mut().zip(signs).zip(rows) {
                    *g += sign * (in_i * change_i + in_j * change_j);
                }
            }
        }
        Solution {
            offset: self.offset(&duals, &gradient),
            duals,
        }
    }

    /// The row of a dual.
    fn place(&self, dual: usize) -> usize {
        if dual < self.rows.len() {
            dual
        } else {
            dual - self.rows.len()
        }
    }

    /// Whether a dual can move so that `sign a` rises.
    fn can_rise(&self, dual: usize, value: f64) -> bool {
        if self.signs[dual] > 0.0 {
            value < self.bounds[dual]
        } else {
            value > 0.0
        }
    }

    /// Whether a dual can move so that `sign a` falls.
    fn can_fall(&self, dual: usize, value: f64) -> bool {
        if self.signs[dual] > 0.0 {
            value > 0.0
        } else {
            value < self.bounds[dual]
        }
    }

    /// The pair of duals that violates the conditions of an optimum the most, by the
    /// decrease of the second order, and the kernel's row of the first. `None` if
    /// none does by more than the tolerance.
    fn select(
        &self,
        cache: &mut Cache<'_>,
        diagonal: &[f64],
        duals: &[f64],
        gradient: &[f64],
        limits: &Limits,
    ) -> Option<(usize, Rc<[f64]>, usize)> {
        let (mut most, mut first) = (f64::NEG_INFINITY, None);
        for (dual, (&value, g)) in duals.iter().zip(gradient).enumerate() {
            let violation = -self.signs[dual] * g;
            if violation >= most && self.can_rise(dual, value) {
                (most, first) = (violation, Some(dual));
            }
        }
        let i = first?;
        let row = cache.row(i);
        let own = diagonal[self.place(i)];
        let (mut other, mut second, mut best) = (f64::NEG_INFINITY, None, f64::INFINITY);
        for (dual, (&value, g)) in duals.iter().zip(gradient).enumerate() {
            if !self.can_fall(dual, value) {
                continue;
            }
            let violation = self.signs[dual] * g;
            other = f64::max(other, violation);
            let both = most + violation;
            if both > 0.0 {
                let place = self.place(dual);
                let curvature = positive(own + diagonal[place] - 2.0 * row[place]);
                let decrease = -(both * both) / curvature;
                if decrease <= best {
                    (best, second) = (decrease, Some(dual));
                }
            }
        }
        if most + other < limits.tol {
            return None;
        }
        second.map(|j| (i, row, j))
    }

    /// The offset of the decision: the mean over duals within their bounds, or else
    /// the middle of what their bounds allow.
    fn offset(&self, duals: &[f64], gradient: &[f64]) -> f64 {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut sum, mut count) = (0.0, 0.0);
        for (dual, (&value, g)) in duals.iter().zip(gradient).enumerate() {
            let signed = self.signs[dual] * g;
            match (self.can_rise(dual, value), self.can_fall(dual, value)) {
                (true, true) => {
                    sum += signed;
                    count += 1.0;
                }
                (true, false) => high = high.min(signed),
                (false, true) => low = low.max(signed),
                (false, false) => {}
            }
        }
        if count > 0.0 {
            sum / count
        } else {
            0.5 * (low + high)
        }
    }
}

fn positive(curvature: f64) -> f64 {
    if curvature > 0.0 { curvature } else { TAU }
}

/// Rows of the kernel, of which those that were used last are kept.
struct Cache<'a> {
    problem: &'a Problem<'a>,
    queries: Vec<Query>,
    kept: Vec<Option<Rc<[f64]>>>,
    /// By row: when it was used last.
    used: Vec<u64>,
    now: u64,
    count: usize,
    room: usize,
}

impl<'a> Cache<'a> {
    fn new(problem: &'a Problem<'a>, bytes: usize) -> Self {
        let rows = problem.vectors.count();
        Self {
            queries: queries(problem.matrix, problem.rows).collect(),
            problem,
            kept: vec![None; rows],
            used: vec![0; rows],
            now: 0,
            count: 0,
            room: (bytes / (8 * rows.max(1))).max(2),
        }
    }

    /// The kernel of each row and itself.
    fn diagonal(&self) -> Vec<f64> {
        let (matrix, rows) = (self.problem.matrix, self.problem.rows);
        if let Kernel::Rbf { .. } = self.problem.kernel {
            return vec![1.0; rows.len()];
        }
        let own = |(query, row): (&Query, &u32)| {
            let mut value = Vec::new();
            let alone = Vectors::new(matrix, &[*row]);
            alone.kernel_row(self.problem.kernel, query, &mut value);
            value[0]
        };
        self.queries.iter().zip(rows).map(own).collect()
    }

    /// The kernel's row of a dual.
    fn row(&mut self, dual: usize) -> Rc<[f64]> {
        let row = self.problem.place(dual);
        self.now += 1;
        self.used[row] = self.now;
        if let Some(known) = &self.kept[row] {
            return Rc::clone(known);
        }
        if self.count == self.room {
            let oldest = (0..self.kept.len())
                .filter(|&row| self.kept[row].is_some())
                .min_by_key(|&row| self.used[row]);
            if let Some(oldest) = oldest {
                self.kept[oldest] = None;
                self.count -= 1;
            }
        }
        let mut values = Vec::with_capacity(self.problem.vectors.count());
        let query = &self.queries[row];
        self.problem
            .vectors
            .kernel_row(self.problem.kernel, query, &mut values);
        let values: Rc<[f64]> = values.into();
        self.kept[row] = Some(Rc::clone(&values));
        self.count += 1;
        values
    }
}
