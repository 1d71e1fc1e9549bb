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
        // By dual: its sign times the gradient, and the bounds that keep it.
        let signed = self.signs.iter().zip(&self.linear);
        let mut state = State {
            signed: signed.map(|(sign, linear)| sign * linear).collect(),
            rise: vec![0.0; count],
            fall: vec![0.0; count],
            scores: vec![0.0; count],
        };
        (0..count).for_each(|dual| self.mark(dual, 0.0, &mut state));
        for _ in 0..limits.steps {
            let Some((i, row_i, j)) = self.select(&mut cache, &diagonal, &mut state, limits) else {
                break;
            };
            let row_j = cache.row(j);
            let (before_i, before_j) = (duals[i], duals[j]);
            let cross = self.signs[i] * self.signs[j] * row_i[self.place(j)];
            let curvature = diagonal[self.place(i)] + diagonal[self.place(j)];
            let (at_i, at_j) = (
                state.signed[i] * self.signs[i],
                state.signed[j] * self.signs[j],
            );
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
            self.mark(i, a, &mut state);
            self.mark(j, b, &mut state);
            for signed in state.signed.chunks_mut(self.rows.len()) {
                let rows = row_i.iter().zip(row_j.iter());
                for (signed, (in_i, in_j)) in signed.iter_mut().zip(rows) {
                    *signed += in_i * change_i + in_j * change_j;
                }
            }
        }
        Solution {
            offset: self.offset(&duals, &state.signed),
            duals,
        }
    }

    /// Notes where a dual can move to.
    fn mark(&self, dual: usize, value: f64, state: &mut State) {
        let bound = |can| if can { 0.0 } else { f64::INFINITY };
        state.rise[dual] = bound(self.can_rise(dual, value));
        state.fall[dual] = bound(self.can_fall(dual, value));
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
    /// none does by more than the tolerance. Of equal ones it is the last, as
    /// libsvm's.
    fn select(
        &self,
        cache: &mut Cache<'_>,
        diagonal: &[f64],
        state: &mut State,
        limits: &Limits,
    ) -> Option<(usize, Rc<[f64]>, usize)> {
        let State {
            signed,
            rise,
            fall,
            scores,
        } = state;
        for ((score, signed), rise) in scores.iter_mut().zip(signed.iter()).zip(rise.iter()) {
            *score = -(signed + rise);
        }
        let (i, most) = last_greatest(scores)?;
        for ((score, signed), fall) in scores.iter_mut().zip(signed.iter()).zip(fall.iter()) {
            *score = signed - fall;
        }
        let (_, other) = last_greatest(scores)?;
        if most + other < limits.tol {
            return None;
        }
        let row = cache.row(i);
        let own = diagonal[self.place(i)];
        for scores in scores.chunks_mut(self.rows.len()) {
            let curvatures = diagonal.iter().zip(row.iter());
            for (score, (diagonal, cross)) in scores.iter_mut().zip(curvatures) {
                let both = f64::max(most + *score, 0.0);
                *score = both * both / positive(own + diagonal - 2.0 * cross);
            }
        }
        let (j, decrease) = last_greatest(scores)?;
        (decrease > 0.0).then_some((i, row, j))
    }

    /// The offset of the decision: the mean over duals within their bounds, or else
    /// the middle of what their bounds allow.
    fn offset(&self, duals: &[f64], signed: &[f64]) -> f64 {
        let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
        let (mut sum, mut count) = (0.0, 0.0);
        for (dual, (&value, &signed)) in duals.iter().zip(signed).enumerate() {
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

/// What the choice of a pair reads, by dual.
struct State {
    /// The sign times the gradient.
    signed: Vec<f64>,
    /// 0 where `sign a` can rise, else infinite.
    rise: Vec<f64>,
    /// 0 where `sign a` can fall, else infinite.
    fall: Vec<f64>,
    /// Room for what is compared.
    scores: Vec<f64>,
}

/// The last place of the greatest number, and that number; `None` if all are
/// negative infinity. Two passes without branches take less time than one with.
fn last_greatest(numbers: &[f64]) -> Option<(usize, f64)> {
    let mut lanes = [f64::NEG_INFINITY; 8];
    let (chunks, rest) = numbers.as_chunks::<8>();
    for chunk in chunks {
        for (lane, &number) in lanes.iter_mut().zip(chunk) {
            *lane = if number > *lane { number } else { *lane };
        }
    }
    let all = lanes.iter().chain(rest);
    let most = all.fold(
        f64::NEG_INFINITY,
        |most, &number| {
            if number > most { number } else { most }
        },
    );
    let place = numbers.iter().rposition(|&number| number == most)?;
    (most > f64::NEG_INFINITY).then_some((place, most))
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
