//! [`minimise`]: coordinate descent on the dual of the hinge loss (Hsieh et al.,
//! 2008), with the shrinking of liblinear.

use super::Problem;
use crate::rows::Rows;
use fanout_sdk::random::Random;

/// The coefficients, and that of the constant column behind them.
pub(super) fn minimise(problem: &Problem<'_>, seed: u64) -> Vec<f64> {
    let rows = Rows::new(problem.matrix, problem.rows);
    let columns = problem.matrix.columns();
    let constant = problem.constant;
    let mut point = vec![0.0; columns + 1];
    let mut duals = vec![0.0; rows.count()];
    let squares: Vec<f64> = (0..rows.count())
        .map(|row| rows.square(row) + constant * constant)
        .collect();
    let mut random = Random::new(seed);
    let mut open: Vec<usize> = (0..rows.count())
        .filter(|&row| problem.costs[row] > 0.0 && squares[row] > 0.0)
        .collect();
    let all = open.clone();
    let (mut high, mut low) = (f64::INFINITY, f64::NEG_INFINITY);
    for _ in 0..problem.steps {
        random.shuffle(&mut open);
        let (mut most, mut least) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut at = 0;
        while at < open.len() {
            let row = open[at];
            let (sign, cost) = (problem.signs[row], problem.costs[row]);
            let output = rows.dot(row, &point[..columns]) + constant * point[columns];
            let gradient = sign * output - 1.0;
            let before = duals[row];
            // A dual at its bound that its gradient keeps there takes no part.
            let is_kept = (before == 0.0 && gradient > high) || (before == cost && gradient < low);
            if is_kept {
                open.swap_remove(at);
                continue;
            }
            at += 1;
            let projected = if before == 0.0 {
                gradient.min(0.0)
            } else if before == cost {
                gradient.max(0.0)
            } else {
                gradient
            };
            most = most.max(projected);
            least = least.min(projected);
            if projected.abs() > 1e-12 {
                duals[row] = (before - gradient / squares[row]).clamp(0.0, cost);
                let step = (duals[row] - before) * sign;
                rows.add(row, step, &mut point[..columns]);
                point[columns] += step * constant;
            }
        }
        if most - least <= problem.tol {
            if open.len() == all.len() {
                break;
            }
            open.clone_from(&all);
            (high, low) = (f64::INFINITY, f64::NEG_INFINITY);
            continue;
        }
        high = if most > 0.0 { most } else { f64::INFINITY };
        low = if least < 0.0 {
            least
        } else {
            f64::NEG_INFINITY
        };
    }
    point
}
