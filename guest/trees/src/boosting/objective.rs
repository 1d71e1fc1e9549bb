//! [`Objective`]: a loss on given targets: where a model starts, the gradients and
//! Hessians of a round, the values of leaves that are no Newton steps, and what is
//! predicted.
//!
//! A model has one *output* for a number or two classes, and one a class for more
//! classes. Outputs are by row of the dataset. The losses are those of scikit-learn's
//! `HistGradientBoosting*`, half of the squared error and of the deviances, and
//! Huber's of its `GradientBoostingRegressor`.

use crate::boosting::params::Loss;
use fanout_sdk::exponential::{sigmoid, softmax};
use fanout_sdk::metrics::quantile::{linear_quantile, lower_quantile};

/// The target of every row of a dataset.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BoostingTarget<'a> {
    /// The class of each row, of so many classes.
    Classes(&'a [u32], usize),
    /// The number of each row.
    Numbers(&'a [f64]),
}

/// What a fit minimises.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objective<'a> {
    loss: Loss,
    target: BoostingTarget<'a>,
    /// By row of the dataset; all 1 if `None`.
    weights: Option<&'a [f64]>,
}

/// What a model's outputs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Link {
    /// The prediction.
    Identity,
    /// The logarithm of the prediction.
    Log,
    /// The logarithm of the odds of class 1.
    Logit,
    /// The logarithms of the probabilities, up to a sum.
    Softmax,
}

impl Link {
    /// Replaces the outputs of rows, `width` a row, by predictions: probabilities for
    /// classes.
    pub(crate) fn predict(self, outputs: &mut [f64], width: usize) {
        match self {
            Self::Identity => {}
            Self::Log => outputs
                .iter_mut()
                .for_each(|output| *output = libm::exp(*output)),
            Self::Logit => sigmoid(outputs),
            Self::Softmax => outputs.chunks_exact_mut(width).for_each(softmax),
        }
    }
}

/// The rows whose exponentials are taken at a time.
const BLOCK: usize = 1024;

impl<'a> Objective<'a> {
    /// A loss that suits the target.
    ///
    /// # Errors
    /// If a training row has a number that the loss does not take; the message says
    /// which.
    pub(crate) fn new(
        loss: Loss,
        target: BoostingTarget<'a>,
        weights: Option<&'a [f64]>,
        train: &[u32],
    ) -> Result<Self, String> {
        let least = match loss {
            Loss::Poisson => Some(("poisson", "0 or more", 0.0)),
            Loss::Gamma => Some(("gamma", "above 0", f64::MIN_POSITIVE)),
            _ => None,
        };
        if let (BoostingTarget::Numbers(numbers), Some((name, takes, least))) = (target, least) {
            let row = train.iter().find(|&&row| numbers[row as usize] < least);
            if let Some(&row) = row {
                return Err(format!(
                    "`loss: {name}` takes targets {takes}, but training row {row} has {}",
                    numbers[row as usize]
                ));
            }
            if !train.iter().any(|&row| numbers[row as usize] > 0.0) {
                return Err(format!(
                    "`loss: {name}` needs a target above 0, but those of all training rows are 0"
                ));
            }
        }
        Ok(Self {
            loss,
            target,
            weights,
        })
    }

    /// The number of outputs of a row.
    pub(crate) fn outputs(&self) -> usize {
        match self.target {
            BoostingTarget::Classes(_, classes) if classes > 2 => classes,
            _ => 1,
        }
    }

    /// What the outputs are.
    pub(crate) fn link(&self) -> Link {
        match (self.loss, self.outputs()) {
            (Loss::Likelihood, 1) => Link::Logit,
            (Loss::Likelihood, _) => Link::Softmax,
            (Loss::Poisson | Loss::Gamma, _) => Link::Log,
            _ => Link::Identity,
        }
    }

    fn weight(&self, row: u32) -> f64 {
        self.weights.map_or(1.0, |weights| weights[row as usize])
    }

    /// The outputs that minimise the loss of `rows` without a tree.
    pub(crate) fn baseline(&self, rows: &[u32]) -> Vec<f64> {
        match self.target {
            BoostingTarget::Classes(codes, classes) => {
                let mut sums = vec![0.0; classes];
                for &row in rows {
                    sums[codes[row as usize] as usize] += self.weight(row);
                }
                let all: f64 = sums.iter().sum();
                // As in scikit-learn, a class without rows has a probability of almost
                // nothing.
                let share = |sum: &f64| (sum / all).clamp(f64::EPSILON, 1.0 - f64::EPSILON);
                let logs = sums.iter().map(|sum| libm::log(share(sum)));
                if classes == 2 {
                    let one = share(&sums[1]);
                    return vec![libm::log(one / (1.0 - one))];
                }
                let logs: Vec<f64> = logs.collect();
                let mean = logs.iter().sum::<f64>() / classes as f64;
                logs.into_iter().map(|log| log - mean).collect()
            }
            BoostingTarget::Numbers(numbers) => {
                let weighted = || {
                    let of_row = |&row: &u32| (numbers[row as usize], self.weight(row));
                    rows.iter().map(of_row).collect::<Vec<_>>()
                };
                vec![match self.loss {
                    Loss::AbsoluteError | Loss::Huber(_) => median(weighted()),
                    Loss::Quantile(level) => quantile(weighted(), level),
                    Loss::Poisson | Loss::Gamma => libm::log(mean(&weighted())),
                    Loss::SquaredError | Loss::Likelihood => mean(&weighted()),
                }]
            }
        }
    }

    /// Writes the gradients and Hessians of output `output` at `rows`.
    /// `probabilities` are those of the classes, by row of the dataset, where there
    /// are more than two; else `outputs` are the outputs. The Hessians of more classes
    /// are K / (K - 1) times the diagonal of the likelihood's, as in LightGBM: K outputs
    /// stand for K - 1 (Friedman: Greedy function approximation, 2001, algorithm 6).
    pub(crate) fn differentiate(
        &self,
        rows: &[u32],
        output: usize,
        outputs: &[f64],
        gradients: &mut [f64],
        hessians: &mut [f64],
    ) {
        let mut set = |row: u32, gradient: f64, hessian: f64| {
            let weight = self.weight(row);
            gradients[row as usize] = gradient * weight;
            hessians[row as usize] = hessian * weight;
        };
        match self.target {
            BoostingTarget::Classes(codes, 2) => {
                let mut ones = [0.0; BLOCK];
                for rows in rows.chunks(BLOCK) {
                    let ones = &mut ones[..rows.len()];
                    for (one, &row) in ones.iter_mut().zip(rows) {
                        *one = outputs[row as usize];
                    }
                    sigmoid(ones);
                    for (one, &row) in ones.iter().zip(rows) {
                        let is_one = f64::from(codes[row as usize]);
                        set(row, one - is_one, one * (1.0 - one));
                    }
                }
            }
            BoostingTarget::Classes(codes, classes) => {
                let redundant = classes as f64 / (classes as f64 - 1.0);
                for &row in rows {
                    let share = outputs[row as usize * classes + output];
                    let is_class = f64::from(u8::from(codes[row as usize] as usize == output));
                    set(row, share - is_class, redundant * share * (1.0 - share));
                }
            }
            BoostingTarget::Numbers(numbers) => {
                self.differentiate_numbers(rows, outputs, numbers, set)
            }
        }
    }

    fn differentiate_numbers(
        &self,
        rows: &[u32],
        outputs: &[f64],
        numbers: &[f64],
        mut set: impl FnMut(u32, f64, f64),
    ) {
        let each = rows
            .iter()
            .map(|&row| (row, outputs[row as usize], numbers[row as usize]));
        match self.loss {
            Loss::SquaredError | Loss::Likelihood => {
                each.for_each(|(row, output, number)| set(row, output - number, 1.0));
            }
            Loss::AbsoluteError => each.for_each(|(row, output, number)| {
                set(row, if output < number { -1.0 } else { 1.0 }, 1.0);
            }),
            Loss::Quantile(level) => each.for_each(|(row, output, number)| {
                set(
                    row,
                    if output <= number {
                        -level
                    } else {
                        1.0 - level
                    },
                    1.0,
                );
            }),
            Loss::Poisson => each.for_each(|(row, output, number)| {
                let mean = libm::exp(output);
                set(row, mean - number, mean);
            }),
            Loss::Gamma => each.for_each(|(row, output, number)| {
                let ratio = number * libm::exp(-output);
                set(row, 1.0 - ratio, ratio);
            }),
            Loss::Huber(_) => {
                let far = self.huber_width(rows, outputs);
                each.for_each(|(row, output, number)| {
                    set(row, (output - number).clamp(-far, far), 1.0);
                });
            }
        }
    }

    /// Where Huber's loss becomes linear.
    fn huber_width(&self, rows: &[u32], outputs: &[f64]) -> f64 {
        let (Loss::Huber(level), BoostingTarget::Numbers(numbers)) = (self.loss, self.target)
        else {
            return f64::INFINITY;
        };
        let error = |&row: &u32| {
            let error = (numbers[row as usize] - outputs[row as usize]).abs();
            (error, self.weight(row))
        };
        quantile(rows.iter().map(error).collect(), level)
    }

    /// The functions that give the values of leaves which are no Newton steps, for
    /// the outputs of a round; `None` if they are.
    pub(crate) fn leaf_values(&self, rows: &[u32], outputs: &[f64]) -> Option<LeafObjective> {
        match self.loss {
            Loss::AbsoluteError => Some(LeafObjective::Quantile(None)),
            Loss::Quantile(level) => Some(LeafObjective::Quantile(Some(level))),
            Loss::Huber(_) => Some(LeafObjective::Huber(self.huber_width(rows, outputs))),
            _ => None,
        }
    }

    /// The value of a leaf of `rows`.
    pub(crate) fn leaf_value(&self, leaf: LeafObjective, rows: &[u32], outputs: &[f64]) -> f64 {
        let BoostingTarget::Numbers(numbers) = self.target else {
            return 0.0;
        };
        let error = |&row: &u32| {
            let error = numbers[row as usize] - outputs[row as usize];
            (error, self.weight(row))
        };
        let errors: Vec<(f64, f64)> = rows.iter().map(error).collect();
        match leaf {
            LeafObjective::Quantile(None) => median(errors),
            LeafObjective::Quantile(Some(level)) => quantile(errors, level),
            LeafObjective::Huber(far) => {
                let middle = median(errors.clone());
                let near = errors
                    .iter()
                    .map(|(error, weight)| ((error - middle).clamp(-far, far), *weight));
                middle + mean(&near.collect::<Vec<_>>())
            }
        }
    }

    /// The mean loss of rows, up to a constant.
    pub(crate) fn mean_loss(&self, rows: &[u32], outputs: &[f64]) -> f64 {
        let width = self.outputs();
        let (mut sum, mut weights) = (0.0, 0.0);
        let far = self.huber_width(rows, outputs);
        for &row in rows {
            let weight = self.weight(row);
            let of_row = &outputs[row as usize * width..][..width];
            sum += weight * self.loss_of(row, of_row, far);
            weights += weight;
        }
        sum / weights
    }

    fn loss_of(&self, row: u32, outputs: &[f64], far: f64) -> f64 {
        let output = outputs[0];
        let number = match self.target {
            BoostingTarget::Numbers(numbers) => numbers[row as usize],
            BoostingTarget::Classes(codes, 2) => {
                let signed = if codes[row as usize] == 1 {
                    -output
                } else {
                    output
                };
                // log(1 + exp(x)), without overflow.
                let above = if signed > 0.0 { signed } else { 0.0 };
                return above + libm::log1p(libm::exp(-signed.abs()));
            }
            BoostingTarget::Classes(codes, _) => {
                let greatest =
                    outputs.iter().fold(
                        f64::NEG_INFINITY,
                        |most, x| if *x > most { *x } else { most },
                    );
                let sum: f64 = outputs.iter().map(|x| libm::exp(x - greatest)).sum();
                return greatest + libm::log(sum) - outputs[codes[row as usize] as usize];
            }
        };
        let error = number - output;
        match self.loss {
            Loss::SquaredError | Loss::Likelihood => 0.5 * error * error,
            Loss::AbsoluteError => error.abs(),
            Loss::Quantile(level) => {
                if error >= 0.0 {
                    level * error
                } else {
                    (level - 1.0) * error
                }
            }
            Loss::Poisson => libm::exp(output) - number * output,
            Loss::Gamma => output + number * libm::exp(-output),
            Loss::Huber(_) => match error.abs() {
                near if near <= far => 0.5 * error * error,
                away => far * (away - 0.5 * far),
            },
        }
    }
}

/// How the values of leaves are found which are no Newton steps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LeafObjective {
    /// The quantile of the errors at a level; their median without.
    Quantile(Option<f64>),
    /// Huber's mean of the errors, which are cut off at a distance from their median.
    Huber(f64),
}

fn mean(weighted: &[(f64, f64)]) -> f64 {
    let sum: f64 = weighted
        .iter()
        .map(|(number, weight)| number * weight)
        .sum();
    let weights: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    sum / weights
}

/// The quantile of numbers with weights at `level`, in (0, 1): of equal weights between
/// the two nearest numbers, else one of the numbers, as in scikit-learn.
fn quantile(weighted: Vec<(f64, f64)>, level: f64) -> f64 {
    let Some(&(_, first)) = weighted.first() else {
        return 0.0;
    };
    if weighted.iter().all(|&(_, weight)| weight == first) {
        let numbers = weighted.into_iter().map(|(number, _)| number);
        return linear_quantile(numbers.collect(), level);
    }
    lower_quantile(weighted.into_iter(), level)
}

/// The quantile at a half.
fn median(weighted: Vec<(f64, f64)>) -> f64 {
    quantile(weighted, 0.5)
}
