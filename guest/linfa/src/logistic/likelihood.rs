//! [`Likelihood`]: the negative logarithm of the likelihood of the training rows.

use crate::exponential::exp;

/// The losses of the training rows. With one output it is the probability of class
/// 1, else there is an output per class.
#[derive(Clone, Debug)]
pub(super) struct Likelihood {
    /// The class of each row.
    pub(super) codes: Vec<u32>,
    /// The weight of each row; `None` if all are 1.
    pub(super) weights: Option<Vec<f64>>,
    pub(super) outputs: usize,
}

/// The loss at a point, and its derivatives by the outputs.
#[derive(Debug)]
pub(super) struct Losses {
    /// The weighted sum.
    pub(super) loss: f64,
    /// By output: the derivative of each row's loss.
    pub(super) residuals: Vec<Vec<f64>>,
    /// By output: the probability of each row.
    probabilities: Vec<Vec<f64>>,
}

impl Likelihood {
    fn row_weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// The sum of the weights.
    pub(super) fn weight(&self) -> f64 {
        match &self.weights {
            None => self.codes.len() as f64,
            Some(weights) => weights.iter().sum(),
        }
    }

    /// Some of the rows.
    pub(super) fn take(&self, rows: &[u32]) -> Self {
        let weights = self.weights.as_ref();
        Self {
            codes: rows.iter().map(|&row| self.codes[row as usize]).collect(),
            weights: weights.map(|weights| rows.iter().map(|&row| weights[row as usize]).collect()),
            outputs: self.outputs,
        }
    }

    /// The losses at these outputs, one list per output.
    pub(super) fn losses(&self, outputs: &[Vec<f64>]) -> Losses {
        match outputs {
            [output] => self.binary(output),
            outputs => self.multinomial(outputs),
        }
    }

    fn binary(&self, output: &[f64]) -> Losses {
        let mut loss = 0.0;
        let mut residuals = vec![0.0; output.len()];
        let mut probabilities = vec![0.0; output.len()];
        let mut small: Vec<f64> = output.iter().map(|x| -x.abs()).collect();
        exp(&mut small);
        for (row, (&x, &code)) in output.iter().zip(&self.codes).enumerate() {
            let (weight, small) = (self.row_weight(row), small[row]);
            // log(1 + exp(x)) - x y, without overflow.
            let y = f64::from(code);
            let signed = if code == 1 { -x } else { x };
            loss += weight * (libm::log1p(small) + signed.max(0.0));
            let probability = if x >= 0.0 { 1.0 } else { small } / (1.0 + small);
            probabilities[row] = probability;
            residuals[row] = weight * (probability - y);
        }
        Losses {
            loss,
            residuals: vec![residuals],
            probabilities: vec![probabilities],
        }
    }

    fn multinomial(&self, outputs: &[Vec<f64>]) -> Losses {
        let mut loss = 0.0;
        let mut residuals = vec![vec![0.0; self.codes.len()]; outputs.len()];
        let mut probabilities = residuals.clone();
        let mut buffer = vec![0.0; outputs.len()];
        for (row, &code) in self.codes.iter().enumerate() {
            let weight = self.row_weight(row);
            for (cell, output) in buffer.iter_mut().zip(outputs) {
                *cell = output[row];
            }
            let own = buffer[code as usize];
            loss += weight * (softmax(&mut buffer) - own);
            for (class, &probability) in buffer.iter().enumerate() {
                let y = f64::from(class == code as usize);
                probabilities[class][row] = probability;
                residuals[class][row] = weight * (probability - y);
            }
        }
        Losses {
            loss,
            residuals,
            probabilities,
        }
    }

    /// The second derivatives of the losses times a change of the outputs, in
    /// place.
    pub(super) fn curve(&self, at: &Losses, change: &mut [Vec<f64>]) {
        if let [change] = change {
            for (row, (change, p)) in change.iter_mut().zip(&at.probabilities[0]).enumerate() {
                *change *= self.row_weight(row) * p * (1.0 - p);
            }
            return;
        }
        let mut means = vec![0.0; self.codes.len()];
        for (change, probabilities) in change.iter().zip(&at.probabilities) {
            for ((mean, change), p) in means.iter_mut().zip(change).zip(probabilities) {
                *mean += p * change;
            }
        }
        for (change, probabilities) in change.iter_mut().zip(&at.probabilities) {
            for (row, (change, p)) in change.iter_mut().zip(probabilities).enumerate() {
                *change = self.row_weight(row) * p * (*change - means[row]);
            }
        }
    }

    /// The second derivative of each row's loss by one output.
    pub(super) fn curvature(&self, at: &Losses, output: usize) -> Vec<f64> {
        let probabilities = at.probabilities[output].iter().enumerate();
        probabilities
            .map(|(row, p)| self.row_weight(row) * p * (1.0 - p))
            .collect()
    }
}

/// Turns outputs into probabilities. Returns the logarithm of the sum of their
/// exponentials.
fn softmax(row: &mut [f64]) -> f64 {
    let greatest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value -= greatest;
    }
    exp(row);
    for value in row.iter() {
        sum += value;
    }
    row.iter_mut().for_each(|value| *value /= sum);
    greatest + libm::log(sum)
}

/// Turns outputs into probabilities.
pub(super) fn softmax_row(row: &mut [f64]) {
    softmax(row);
}

#[cfg(test)]
mod tests {
    use super::super::sigmoid;
    use super::*;

    #[test]
    fn two_outputs_of_opposite_sign_are_the_binary_loss() {
        let codes = vec![0, 1, 1, 0];
        let output = vec![0.3, -2.0, 800.0, 1.0];
        let likelihood = |outputs| Likelihood {
            codes: codes.clone(),
            weights: Some(vec![1.0, 2.0, 0.5, 3.0]),
            outputs,
        };
        let halves: Vec<f64> = output.iter().map(|x| x / 2.0).collect();
        let negated = halves.iter().map(|x| -x).collect();
        let one = likelihood(1).losses(std::slice::from_ref(&output));
        let two = likelihood(2).losses(&[negated, halves]);
        assert!((one.loss - two.loss).abs() < 1e-12);
        for (row, x) in output.iter().enumerate() {
            assert!((one.residuals[0][row] - two.residuals[1][row]).abs() < 1e-12);
            assert!((one.probabilities[0][row] - sigmoid(*x)).abs() < 1e-15);
        }
    }
}
