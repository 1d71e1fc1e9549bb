//! [`intervals`]: scores of rows with bootstrap intervals.

use std::collections::BTreeMap;

use fanout_contract::Task;
use fanout_sdk::metrics::quantile::linear_quantile;
use fanout_sdk::{Fault, scores};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::rows::PredictedRows;
use crate::random;

/// How often rows are drawn.
pub(super) const RESAMPLES: u64 = 500;

/// The most rows of a resample.
pub(super) const MAX_ROWS: usize = 10_000;

/// The probability with which an interval contains the score of all rows there are.
pub(super) const CONFIDENCE: f64 = 0.95;

/// A score, and the interval of 95 % that the percentiles of its values on resampled
/// rows give.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Of all rows; `None` where the metric is not defined on them.
    pub score: Option<f64>,
    /// The lower end; `None` where the metric is not defined on more than half of the
    /// resamples.
    pub low: Option<f64>,
    /// The upper end; likewise.
    pub high: Option<f64>,
}

/// The scores by the metrics of `task`, each with its interval. Resamples are drawn
/// with replacement, each from a stream of its own of one seed, so that the result
/// depends on the rows alone. Of more than [`MAX_ROWS`] rows `n`, so many, `m`, are
/// drawn, and the distances from the score are those of `m` rows times `√(m / n)`
/// (Bickel, Götze and van Zwet, Statistica Sinica 7, 1997).
pub(super) fn intervals(
    rows: &PredictedRows,
    task: &Task,
) -> Result<BTreeMap<String, Interval>, Fault> {
    let of = |rows: &PredictedRows| {
        let weights = rows.weights.as_deref();
        scores(task, &rows.target, weights, rows.prediction())
    };
    let whole = of(rows)?;
    let drawn = rows.len().min(MAX_ROWS);
    let resampled = (0..RESAMPLES).into_par_iter().map(|stream| {
        let mut random = ChaCha8Rng::seed_from_u64(0);
        random.set_stream(stream);
        let place = |_| random::below(rows.len() as u64, &mut random) as u32;
        let places: Vec<u32> = (0..drawn).map(place).collect();
        of(&rows.taken(&places))
    });
    let resampled: Vec<BTreeMap<String, Option<f64>>> = resampled.collect::<Result<_, _>>()?;
    let shrink = (drawn as f64 / rows.len() as f64).sqrt();
    let interval = |(name, score): (String, Option<f64>)| {
        let values = resampled.iter().filter_map(|of| of[&name]);
        let values: Vec<f64> = values.collect();
        let end = |share: f64| {
            let is_defined = values.len() as u64 * 2 > RESAMPLES;
            let score = score.filter(|_| is_defined)?;
            let end = linear_quantile(values.clone(), share);
            // Not by a difference and a sum where nothing shrinks: they round.
            Some(match shrink < 1.0 {
                true => score + (end - score) * shrink,
                false => end,
            })
        };
        let (low, high) = (end((1.0 - CONFIDENCE) / 2.0), end((1.0 + CONFIDENCE) / 2.0));
        (name, Interval { score, low, high })
    };
    Ok(whole.into_iter().map(interval).collect())
}
