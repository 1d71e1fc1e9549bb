//! [`Calibration`]: scikit-learn's `calibration_curve`, with its 5 bins.

use fanout_sdk::metrics::quantile::linear_quantile;
use serde::{Deserialize, Serialize};

/// The number of bins.
const BINS: usize = 5;

/// How probabilities are divided into bins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    /// Of equal width.
    Uniform,
    /// Of equally many rows.
    Quantile,
}

/// Rows of similar probabilities. All rows count alike, whatever their weights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// The mean of the probabilities; scikit-learn's `prob_pred`.
    pub predicted: f64,
    /// The share of the rows that are of the class; scikit-learn's `prob_true`.
    pub observed: f64,
    /// How many.
    pub rows: usize,
}

/// How often rows are of a class, beside the probabilities of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// The class.
    pub label: String,
    /// Bins of equal width, those without rows left out.
    pub uniform: Vec<Bin>,
    /// Bins of equally many rows.
    pub quantile: Vec<Bin>,
}

impl Calibration {
    /// The calibration of probabilities of rows that are of the class, or not.
    pub fn new(label: &str, truth: &[bool], probabilities: &[f64]) -> Self {
        Self {
            label: label.to_owned(),
            uniform: bins(truth, probabilities, Binning::Uniform),
            quantile: bins(truth, probabilities, Binning::Quantile),
        }
    }
}

pub(super) fn bins(truth: &[bool], probabilities: &[f64], binning: Binning) -> Vec<Bin> {
    // The inner edges.
    let edge = |bin: usize| {
        let share = bin as f64 * (1.0 / BINS as f64);
        match binning {
            Binning::Uniform => share,
            Binning::Quantile => linear_quantile(probabilities.to_vec(), share),
        }
    };
    let edges: Vec<f64> = (1..BINS).map(edge).collect();
    let mut bins = [(0.0, 0.0, 0_usize); BINS];
    for (is_class, probability) in truth.iter().zip(probabilities) {
        let (predicted, observed, rows) = &mut bins[edges.partition_point(|e| e < probability)];
        *predicted += probability;
        *observed += f64::from(u8::from(*is_class));
        *rows += 1;
    }
    let filled = bins.into_iter().filter(|(.., rows)| *rows > 0);
    let bin = |(predicted, observed, rows)| Bin {
        predicted: predicted / rows as f64,
        observed: observed / rows as f64,
        rows,
    };
    filled.map(bin).collect()
}
