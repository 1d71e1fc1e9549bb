//! [`Bootstrap`]: the random samples that trees draw from the training rows.

use crate::random::{Key, Rng, scale};
use crate::sample::{ClassSample, SampleError};

/// How a tree draws its rows, with replacement.
#[derive(Debug)]
pub(crate) enum Bootstrap {
    /// All rows have the same probability.
    Uniform {
        /// The number of draws.
        draws: u32,
    },
    /// The probability of a row is proportional to the weight of its class.
    ByClass {
        /// The number of draws.
        draws: u32,
        /// The cumulative probability of each class.
        cumulative: Vec<f64>,
        /// By class, the positions of its rows among the training rows.
        positions: Vec<Vec<u32>>,
    },
    /// The probability of a row is proportional to its weight.
    ByRow {
        /// The number of draws.
        draws: u32,
        /// The cumulative probability of each training row.
        cumulative: Vec<f64>,
    },
}

/// Sums of `weights` up to and including each, as shares of the sum of all.
fn cumulative(weights: &[f64]) -> Vec<f64> {
    let total: f64 = weights.iter().sum();
    let mut cumulative: Vec<f64> = weights
        .iter()
        .scan(0.0, |sum, weight| {
            *sum += weight;
            Some(*sum / total)
        })
        .collect();
    // Rounding must not leave a gap below 1, which would draw what has no weight.
    if let Some(last) = weights.iter().rposition(|&weight| weight > 0.0) {
        cumulative[last..].fill(1.0);
    }
    cumulative
}

impl Bootstrap {
    /// Draws in proportion to `class_weights`, one per class.
    pub(crate) fn by_class(sample: &ClassSample<'_>, draws: u32, class_weights: &[f64]) -> Self {
        let mut positions = vec![Vec::new(); sample.counts().len()];
        for (position, &class) in sample.classes().iter().enumerate() {
            positions[usize::from(class)].push(position as u32);
        }
        let weights: Vec<f64> = sample
            .counts()
            .iter()
            .zip(class_weights)
            .map(|(&count, weight)| f64::from(count) * weight)
            .collect();
        Self::ByClass {
            draws,
            cumulative: cumulative(&weights),
            positions,
        }
    }

    /// Draws in proportion to `weights`, one per training row.
    pub(crate) fn by_row(draws: u32, weights: &[f64]) -> Self {
        Self::ByRow {
            draws,
            cumulative: cumulative(weights),
        }
    }

    /// Writes the number of draws of each training row into `counts`.
    ///
    /// # Errors
    /// If a row is drawn more than `limit` times.
    pub(crate) fn draw(&self, key: Key, limit: u16, counts: &mut [u16]) -> Result<(), SampleError> {
        counts.fill(0);
        let mut rng = key.rng();
        let rows = counts.len() as u32;
        match self {
            Self::Uniform { draws: number } => {
                draw_uniform(&mut rng, *number, rows, limit, counts)?
            }
            Self::ByClass {
                draws: number,
                cumulative,
                positions,
            } => {
                for _ in 0..*number {
                    let share = rng.next_f64();
                    let class = cumulative.partition_point(|&upto| upto <= share);
                    let positions = &positions[class];
                    let position = positions[rng.below(positions.len() as u32) as usize];
                    count(&mut counts[position as usize], limit)?;
                }
            }
            Self::ByRow {
                draws: number,
                cumulative,
            } => {
                for _ in 0..*number {
                    let share = rng.next_f64();
                    let position = cumulative.partition_point(|&upto| upto <= share);
                    count(&mut counts[position], limit)?;
                }
            }
        }
        Ok(())
    }
}

fn draw_uniform(
    rng: &mut Rng,
    number: u32,
    rows: u32,
    limit: u16,
    counts: &mut [u16],
) -> Result<(), SampleError> {
    let mut left = number;
    // In chunks of eight for the reason given in `chunks`.
    while left >= 8 {
        for _ in 0..4 {
            let bits = rng.next_u64();
            for half in [bits >> 32, bits & 0xffff_ffff] {
                if let Some(row) = scale(half, rows) {
                    count(&mut counts[row as usize], limit)?;
                    left -= 1;
                }
            }
        }
    }
    while left > 0 {
        let bits = rng.next_u64();
        for half in [bits >> 32, bits & 0xffff_ffff] {
            if left > 0
                && let Some(row) = scale(half, rows)
            {
                count(&mut counts[row as usize], limit)?;
                left -= 1;
            }
        }
    }
    Ok(())
}

#[inline]
fn count(draws: &mut u16, limit: u16) -> Result<(), SampleError> {
    if *draws >= limit {
        return Err(SampleError::Overdrawn { limit });
    }
    *draws += 1;
    Ok(())
}
