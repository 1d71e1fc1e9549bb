//! Probabilities of support vector machines: [`Sigmoid`] (Platt, 1999; Lin, Lin and
//! Weng, 2007), fitted by [`Folds`], and [`couple`], those of all classes from those of
//! pairs (Wu, Lin and Weng, 2004, the second method). Formulas, folds, bounds and
//! stopping rules are libsvm's.

use fanout_sdk::numpy::{MersenneTwister, numpy_seed};
use serde::{Deserialize, Serialize};

/// The number of folds whose decisions a sigmoid is fitted to.
const FOLDS: usize = 5;

/// The least probability of a pair.
const LEAST: f64 = 1e-7;

/// The probability of the first of two classes by a decision:
/// `1 / (1 + exp(slope × decision + offset))`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sigmoid {
    slope: f64,
    offset: f64,
}

/// The folds of the rows of a pair of classes: rows of the first class come before those
/// of the second, and are then shuffled as by libsvm with scikit-learn's `random_state`.
pub(super) struct Folds(Vec<usize>);

impl Folds {
    /// `signs` has 1 for a row of the first class, -1 for one of the second.
    pub(super) fn new(signs: &[f64], random_state: u32) -> Self {
        let of = |sign: f64| (0..signs.len()).filter(move |&row| signs[row] == sign);
        let mut rows: Vec<usize> = of(1.0).chain(of(-1.0)).collect();
        // libsvm sets the seed again in the fits of a pair's folds, so that every pair
        // has the same shuffle.
        let mut random = MersenneTwister::new(numpy_seed(random_state));
        for at in 0..rows.len() {
            let other = at + random.below((rows.len() - at) as u32) as usize;
            rows.swap(at, other);
        }
        Self(rows)
    }

    /// By fold: the rows that are left out, and the others.
    fn parts(&self) -> impl Iterator<Item = (&[usize], Vec<usize>)> {
        let Self(rows) = self;
        (0..FOLDS).map(|fold| {
            let bound = |fold| fold * rows.len() / FOLDS;
            let (begin, end) = (bound(fold), bound(fold + 1));
            let others = rows[..begin].iter().chain(&rows[end..]);
            (&rows[begin..end], others.copied().collect())
        })
    }

    /// The sigmoid of the decisions of each fold by a machine of the others. `decide` is
    /// given the rows of a machine and those to decide; both classes occur among the
    /// former.
    pub(super) fn sigmoid(
        &self,
        signs: &[f64],
        mut decide: impl FnMut(&[usize], &[usize]) -> Vec<f64>,
    ) -> Sigmoid {
        let mut decisions = vec![0.0; signs.len()];
        for (left_out, mut others) in self.parts().filter(|(left_out, _)| !left_out.is_empty()) {
            others.sort_unstable();
            let has = |sign: f64| others.iter().any(|&row| signs[row] == sign);
            let found = match (has(1.0), has(-1.0)) {
                (true, true) => decide(&others, left_out),
                (true, false) => vec![1.0; left_out.len()],
                (false, true) => vec![-1.0; left_out.len()],
                (false, false) => vec![0.0; left_out.len()],
            };
            for (&row, decision) in left_out.iter().zip(found) {
                decisions[row] = decision;
            }
        }
        Sigmoid::fit(&decisions, signs)
    }
}

impl Sigmoid {
    /// The greatest likelihood of targets that are drawn in from 0 and 1, by Newton's
    /// method with a line search.
    fn fit(decisions: &[f64], signs: &[f64]) -> Self {
        const STEPS: usize = 100;
        const SHORTEST: f64 = 1e-10;
        const RIDGE: f64 = 1e-12;
        const GRADIENT: f64 = 1e-5;
        let firsts = signs.iter().filter(|sign| **sign > 0.0).count() as f64;
        let seconds = signs.len() as f64 - firsts;
        let (high, low) = ((firsts + 1.0) / (firsts + 2.0), 1.0 / (seconds + 2.0));
        let rows = || {
            let targets = signs
                .iter()
                .map(|&sign| if sign > 0.0 { high } else { low });
            decisions.iter().copied().zip(targets)
        };
        let loss = |at: Self| -> f64 {
            rows()
                .map(|(decision, target)| at.loss(decision, target))
                .sum()
        };
        let mut at = Self {
            slope: 0.0,
            offset: libm::log((seconds + 1.0) / (firsts + 1.0)),
        };
        let mut value = loss(at);
        for _ in 0..STEPS {
            let (mut h11, mut h22, mut h21) = (RIDGE, RIDGE, 0.0);
            let (mut g1, mut g2) = (0.0, 0.0);
            for (decision, target) in rows() {
                let p = at.probability(decision);
                let curvature = p * (1.0 - p);
                h11 += decision * decision * curvature;
                h22 += curvature;
                h21 += decision * curvature;
                g1 += decision * (target - p);
                g2 += target - p;
            }
            if g1.abs() < GRADIENT && g2.abs() < GRADIENT {
                break;
            }
            let determinant = h11 * h22 - h21 * h21;
            let slope = -(h22 * g1 - h21 * g2) / determinant;
            let offset = -(h11 * g2 - h21 * g1) / determinant;
            let descent = g1 * slope + g2 * offset;
            let lengths = std::iter::successors(Some(1.0), |length| Some(length / 2.0));
            let step = lengths
                .take_while(|length| *length >= SHORTEST)
                .find_map(|length| {
                    let next = Self {
                        slope: at.slope + length * slope,
                        offset: at.offset + length * offset,
                    };
                    let found = loss(next);
                    (found < value + 1e-4 * length * descent).then_some((next, found))
                });
            let Some((next, found)) = step else {
                break;
            };
            (at, value) = (next, found);
        }
        at
    }

    fn exponent(self, decision: f64) -> f64 {
        decision * self.slope + self.offset
    }

    /// The negative log likelihood of a row whose target is `target`.
    fn loss(self, decision: f64, target: f64) -> f64 {
        let exponent = self.exponent(decision);
        let of_first = if exponent >= 0.0 {
            target
        } else {
            target - 1.0
        };
        of_first * exponent + libm::log(1.0 + libm::exp(-exponent.abs()))
    }

    /// The probability of the first of two classes.
    fn probability(self, decision: f64) -> f64 {
        let exponent = self.exponent(decision);
        if exponent >= 0.0 {
            let small = libm::exp(-exponent);
            small / (1.0 + small)
        } else {
            1.0 / (1.0 + libm::exp(exponent))
        }
    }

    /// The same, neither 0 nor 1.
    pub(super) fn bounded(self, decision: f64) -> f64 {
        self.probability(decision).clamp(LEAST, 1.0 - LEAST)
    }
}

/// The pairs of classes, the lesser first, in libsvm's order.
pub(super) fn pairs(classes: usize) -> impl Iterator<Item = (u32, u32)> {
    let classes = classes as u32;
    (0..classes).flat_map(move |a| (a + 1..classes).map(move |b| (a, b)))
}

/// The probabilities of `classes` classes by those of pairs: `first` has for each pair,
/// in the order of [`pairs`], the probability of its first class.
pub(super) fn couple(classes: usize, first: &[f64]) -> Vec<f64> {
    let mut of = vec![vec![0.0; classes]; classes];
    for ((a, b), &probability) in pairs(classes).zip(first) {
        of[a as usize][b as usize] = probability;
        of[b as usize][a as usize] = 1.0 - probability;
    }
    let mut matrix = vec![vec![0.0; classes]; classes];
    for (a, row) in matrix.iter_mut().enumerate() {
        for b in (0..classes).filter(|&b| b != a) {
            row[a] += of[b][a] * of[b][a];
            row[b] = -of[b][a] * of[a][b];
        }
    }
    let mut probabilities = vec![1.0 / classes as f64; classes];
    let mut products = vec![0.0; classes];
    for _ in 0..classes.max(100) {
        for (product, row) in products.iter_mut().zip(&matrix) {
            *product = row.iter().zip(&probabilities).map(|(q, p)| q * p).sum();
        }
        let squares = probabilities.iter().zip(&products);
        let mut square: f64 = squares.map(|(p, product)| p * product).sum();
        let errors = products.iter().map(|product| (product - square).abs());
        if errors.fold(0.0, f64::max) < 0.005 / classes as f64 {
            break;
        }
        for (class, row) in matrix.iter().enumerate() {
            let own = row[class];
            let change = (square - products[class]) / own;
            let scale = 1.0 + change;
            probabilities[class] += change;
            square = (square + change * (change * own + 2.0 * products[class])) / scale / scale;
            for (product, q) in products.iter_mut().zip(row) {
                *product = (*product + change * q) / scale;
            }
            probabilities.iter_mut().for_each(|p| *p /= scale);
        }
    }
    probabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_classes_have_the_probabilities_of_their_pair() {
        for p in [LEAST, 0.2, 0.5, 0.999] {
            let found = couple(2, &[p]);
            assert!((found[0] - p).abs() < 0.01, "{found:?}");
            assert!((found[0] + found[1] - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn folds_leave_each_row_out_once() {
        for rows in [1, 4, 5, 23] {
            let signs: Vec<f64> = (0..rows).map(|row| [1.0, -1.0][row % 2]).collect();
            let folds = Folds::new(&signs, 7);
            let mut left_out: Vec<usize> =
                folds.parts().flat_map(|(out, _)| out.to_vec()).collect();
            assert!(
                folds
                    .parts()
                    .all(|(out, others)| out.len() + others.len() == rows)
            );
            left_out.sort_unstable();
            assert_eq!(left_out, (0..rows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_fold_without_a_class_asks_no_machine() {
        let signs = [1.0, -1.0, -1.0, -1.0, -1.0, -1.0];
        let mut asked = 0;
        let sigmoid = Folds::new(&signs, 0).sigmoid(&signs, |rows, left_out| {
            assert!(rows.contains(&0));
            asked += 1;
            vec![-0.5; left_out.len()]
        });
        assert_eq!(asked, 4);
        assert!(sigmoid.probability(0.0).is_finite());
    }
}
