//! [`Residuals`] of predicted numbers, and [`PredictionInterval`]s.

use fanout_sdk::metrics::quantile::linear_quantile;
use serde::{Deserialize, Serialize};

use crate::numpy;

/// The shares of the quantiles that are told.
pub(super) const SHARES: [f64; 9] = [0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];

/// The shares of the rows that intervals are to contain.
pub(super) const COVERAGES: [f64; 5] = [0.5, 0.8, 0.9, 0.95, 0.99];

/// The differences of true and predicted numbers. All rows count alike, whatever
/// their weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Residuals {
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub std: f64,
    /// Pairs of a share and the quantile of it, as NumPy's method `linear`.
    pub quantiles: Vec<(f64, f64)>,
}

/// An interval around a prediction that is to contain the true number of a new row
/// with a certain probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PredictionInterval {
    /// That probability.
    pub coverage: f64,
    /// Half its width: the interval is the prediction ± this. `None` if there are too
    /// few rows to say so much.
    pub half_width: Option<f64>,
    /// The share of the hold-out rows that are in theirs, where the width is of other
    /// rows.
    pub holdout: Option<f64>,
}

/// True minus predicted, by row.
pub(super) fn differences(truth: &[f64], predicted: &[f64]) -> Vec<f64> {
    let both = truth.iter().zip(predicted);
    both.map(|(truth, predicted)| truth - predicted).collect()
}

impl Residuals {
    /// Those of at least one row; `None` unless all are finite.
    pub fn new(residuals: &[f64]) -> Option<Self> {
        if residuals.is_empty() || !residuals.iter().all(|residual| residual.is_finite()) {
            return None;
        }
        let (mean, std) = numpy::mean_and_std(residuals);
        let quantile = |share| (share, linear_quantile(residuals.to_vec(), share));
        Some(Self {
            mean,
            std,
            quantiles: SHARES.map(quantile).to_vec(),
        })
    }
}

impl PredictionInterval {
    /// Intervals by the residuals of `n` rows that the model was not fitted on (split
    /// conformal prediction; Lei et al., JASA 113, 2018): half the width is the
    /// ⌈(n + 1) coverage⌉-th least absolute residual. `holdout` are those of rows whose
    /// share in the intervals is told.
    pub fn of_residuals(residuals: &[f64], holdout: Option<&[f64]>) -> Vec<Self> {
        let mut sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let interval = |coverage: f64| {
            // What is whole but for rounding is whole.
            let place = ((sizes.len() + 1) as f64 * coverage - 1e-9).ceil() as usize;
            let half_width = sizes.get(place.max(1) - 1).copied();
            let half_width = half_width.filter(|width| width.is_finite());
            let within = holdout.zip(half_width).map(|(holdout, width)| {
                let within = holdout.iter().filter(|residual| residual.abs() <= width);
                within.count() as f64 / holdout.len() as f64
            });
            Self {
                coverage,
                half_width,
                holdout: within,
            }
        };
        COVERAGES.map(interval).to_vec()
    }
}
