//! scikit-learn's metrics as pure functions: [`Counts`] of predicted classes and
//! their [`disagreement`], [`Ranking`]s by score, losses of probabilities
//! ([`probability`]), errors of numbers ([`regression`]) and their [`deviance`].
//!
//! Values equal those of scikit-learn 1.9 to 1e-12, edge cases included. Where
//! scikit-learn raises an error because of the rows (a class without a row), the
//! value is NaN. The names of the metrics are in
//! [`Metric`](crate::contract::Metric).

pub mod counts;
pub mod deviance;
pub mod disagreement;
pub mod probability;
pub mod quantile;
pub mod ranking;
pub mod regression;

pub use counts::Counts;
pub use ranking::{Ranking, WeightedRanking};

/// Sample weights, one per row, finite and at least 0; `None`: all rows count
/// alike.
pub type Weights<'a> = Option<&'a [f64]>;

/// A compensated sum, whose error does not grow with the number of summands
/// (Neumaier, 1974).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum {
    sum: f64,
    lost: f64,
}

impl Sum {
    #[inline]
    pub(crate) fn add(&mut self, number: f64) {
        let next = self.sum + number;
        self.lost += if self.sum.abs() >= number.abs() {
            (self.sum - next) + number
        } else {
            (number - next) + self.sum
        };
        self.sum = next;
    }

    pub(crate) fn total(self) -> f64 {
        self.sum + self.lost
    }
}

impl FromIterator<f64> for Sum {
    fn from_iter<I: IntoIterator<Item = f64>>(numbers: I) -> Self {
        let mut sum = Self::default();
        numbers.into_iter().for_each(|number| sum.add(number));
        sum
    }
}

/// The mean of `numbers`, NaN if there are none.
pub(crate) fn mean(numbers: impl IntoIterator<Item = f64>) -> f64 {
    let mut count = 0u64;
    let sum: Sum = numbers.into_iter().inspect(|_| count += 1).collect();
    sum.total() / count as f64
}

/// The mean of `numbers`, one per row, by the weights of the rows. NaN if these
/// are all 0.
pub(crate) fn weighted_mean(numbers: impl Iterator<Item = f64>, weights: Weights<'_>) -> f64 {
    let Some(weights) = weights else {
        return mean(numbers);
    };
    let (mut sum, mut all) = (Sum::default(), Sum::default());
    for (number, weight) in numbers.zip(weights) {
        sum.add(number * weight);
        all.add(*weight);
    }
    sum.total() / all.total()
}

/// The weight of the rows of each class: their number without weights.
pub(crate) fn class_weights(truth: &[u32], classes: usize, weights: Weights<'_>) -> Vec<f64> {
    let mut sums = vec![Sum::default(); classes];
    match weights {
        None => truth
            .iter()
            .for_each(|class| sums[*class as usize].add(1.0)),
        Some(weights) => {
            for (class, weight) in truth.iter().zip(weights) {
                sums[*class as usize].add(*weight);
            }
        }
    }
    sums.into_iter().map(Sum::total).collect()
}
