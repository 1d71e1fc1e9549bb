//! [`Likelihood`]: the negative logarithm of the likelihood of the training rows.

use fanout_sdk::exponential::{exp, of_small};

use crate::algebra::combine;

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

/// The rows that are done at a time.
const CHUNK: usize = 256;

/// The rows whose factors are multiplied before a logarithm is taken: no product of
/// as many sums over 2³¹ classes overflows.
const FACTORS: usize = 32;

/// The loss at a point, and its derivatives by the outputs.
#[derive(Clone, Debug)]
pub(super) struct Losses {
    /// The weighted sum.
    pub(super) loss: f64,
    /// By output: the derivative of each row's loss.
    pub(super) residuals: Vec<Vec<f64>>,
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

    /// The weights of the rows from `start` on.
    fn weights_from(&self, start: usize) -> Option<&[f64]> {
        self.weights.as_deref().map(|weights| &weights[start..])
    }

    fn binary(&self, output: &[f64]) -> Losses {
        let mut loss = 0.0;
        let mut residuals = vec![0.0; output.len()];
        let mut buffer = [0.0; CHUNK];
        let chunks = output.chunks(CHUNK).zip(self.codes.chunks(CHUNK));
        for (at, ((output, codes), residuals)) in
            chunks.zip(residuals.chunks_mut(CHUNK)).enumerate()
        {
            let small = &mut buffer[..output.len()];
            for (small, x) in small.iter_mut().zip(output) {
                *small = -x.abs();
            }
            exp(small);
            let rows = residuals
                .iter_mut()
                .zip(output)
                .zip(small.iter())
                .zip(codes);
            for (((residual, &x), &small), &code) in rows {
                *residual = of_small(x, small) - f64::from(code);
            }
            // log(1 + exp(x)) - x y, without overflow.
            let linear = |x: f64, code: u32| {
                let signed = if code == 1 { -x } else { x };
                if signed > 0.0 { signed } else { 0.0 }
            };
            match self.weights_from(at * CHUNK) {
                None => {
                    let rows = output.iter().zip(codes);
                    loss += sum_of_logarithms(small.iter_mut(), |small| 1.0 + small)
                        + rows.map(|(&x, &code)| linear(x, code)).sum::<f64>();
                }
                Some(weights) => {
                    let rows = output.iter().zip(codes).zip(small.iter()).zip(weights);
                    for (((&x, &code), &small), weight) in rows {
                        loss += weight * (libm::log1p(small) + linear(x, code));
                    }
                    let rows = residuals.iter_mut().zip(weights);
                    rows.for_each(|(residual, weight)| *residual *= weight);
                }
            }
        }
        Losses {
            loss,
            residuals: vec![residuals],
        }
    }

    fn multinomial(&self, outputs: &[Vec<f64>]) -> Losses {
        let mut loss = 0.0;
        let mut residuals = outputs.to_vec();
        for (at, codes) in self.codes.chunks(CHUNK).enumerate() {
            let start = at * CHUNK;
            let rows = start..start + codes.len();
            let mut greatest = [f64::NEG_INFINITY; CHUNK];
            for output in outputs {
                let output = &output[rows.clone()];
                combine(&mut greatest[..codes.len()], output, |a, b| {
                    if b > a { b } else { a }
                });
            }
            let mut sums = [0.0; CHUNK];
            for residuals in &mut residuals {
                let residuals = &mut residuals[rows.clone()];
                combine(residuals, &greatest[..codes.len()], |x, greatest| {
                    x - greatest
                });
                exp(residuals);
                combine(&mut sums[..codes.len()], residuals, |sum, x| sum + x);
            }
            let sums = &mut sums[..codes.len()];
            let weights = self.weights_from(start);
            let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
            let places = codes.iter().zip(&greatest).enumerate();
            let linear = places.map(|(row, (&code, greatest))| {
                weight(row) * (greatest - outputs[code as usize][start + row])
            });
            loss += linear.sum::<f64>();
            loss += match weights {
                None => sum_of_logarithms(sums.iter_mut(), |sum| *sum),
                Some(weights) => {
                    let rows = sums.iter().zip(weights);
                    rows.map(|(sum, weight)| weight * libm::log(*sum)).sum()
                }
            };
            for (row, sum) in sums.iter_mut().enumerate() {
                *sum = weight(row) / *sum;
            }
            for residuals in &mut residuals {
                combine(&mut residuals[rows.clone()], sums, |x, factor| x * factor);
            }
            for (row, &code) in codes.iter().enumerate() {
                residuals[code as usize][start + row] -= weight(row);
            }
        }
        Losses { loss, residuals }
    }

    /// The second derivative of each row's loss by one output.
    pub(super) fn curvature(&self, at: &Losses, output: usize) -> Vec<f64> {
        // The distance of a probability from the truth, d: p (1 - p) = d (1 - d).
        let residuals = at.residuals[output].iter().map(|r| r.abs());
        match &self.weights {
            None => residuals.map(|r| r * (1.0 - r)).collect(),
            Some(weights) => {
                let rows = residuals.zip(weights);
                rows.map(|(r, &w)| if w > 0.0 { r * (1.0 - r / w) } else { 0.0 })
                    .collect()
            }
        }
    }

    /// The weighted share of each class.
    pub(super) fn shares(&self) -> Vec<f64> {
        let mut shares = vec![0.0; self.outputs.max(2)];
        for (row, &code) in self.codes.iter().enumerate() {
            shares[code as usize] += self.row_weight(row);
        }
        let total = self.weight();
        shares.iter_mut().for_each(|share| *share /= total);
        shares
    }
}

/// The sum of the logarithms of a function of all numbers.
fn sum_of_logarithms<'a>(
    numbers: impl ExactSizeIterator<Item = &'a mut f64>,
    factor: impl Fn(&f64) -> f64,
) -> f64 {
    let mut products = [1.0; CHUNK / FACTORS];
    for (at, number) in numbers.enumerate() {
        products[at % products.len()] *= factor(number);
    }
    products.iter().map(|product| libm::log(*product)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fanout_sdk::exponential::sigmoid;

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
        let mut probabilities = output;
        sigmoid(&mut probabilities);
        for (row, probability) in probabilities.iter().enumerate() {
            assert!((one.residuals[0][row] - two.residuals[1][row]).abs() < 1e-12);
            let weight = likelihood(1).row_weight(row);
            let expected = weight * (probability - f64::from(codes[row]));
            assert!((one.residuals[0][row] - expected).abs() < 1e-15);
        }
    }
}
