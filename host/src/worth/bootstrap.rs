//! [`intervals`]: scores of rows with bootstrap intervals; [`compare`], those of two models
//! on the same rows, with their difference.

use std::collections::BTreeMap;
use std::ops::Range;

use fanout_contract::Task;
use fanout_sdk::metrics::quantile::linear_quantile;
use fanout_sdk::{Fault, scores};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::rows::PredictedRows;
use crate::{numpy, random};

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
    let whole = of_rows(rows, task)?;
    let resampled = resampled(rows.len(), |places| of_rows(&rows.taken(places), task))?;
    let interval = |(name, score): (String, Option<f64>)| {
        let values = resampled.iter().filter_map(|of| of[&name]);
        let interval = Interval::of(score, values.collect(), rows.len());
        (name, interval)
    };
    Ok(whole.into_iter().map(interval).collect())
}

/// The scores of two models on the same rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Those of the old model.
    pub old: Interval,
    /// Those of the new one.
    pub new: Interval,
    /// New minus old, on the same resampled rows.
    pub difference: Interval,
}

/// The scores of two models by the metrics of `task`, each with its interval and that of
/// the difference, which is of the same resampled rows: those of [`intervals`].
pub(super) fn compare(
    old: &PredictedRows,
    new: &PredictedRows,
    task: &Task,
) -> Result<BTreeMap<String, Comparison>, Fault> {
    let whole = [of_rows(old, task)?, of_rows(new, task)?];
    let resampled = resampled(old.len(), |places| {
        let of = |rows: &PredictedRows| of_rows(&rows.taken(places), task);
        Ok([of(old)?, of(new)?])
    })?;
    let difference = |[old, new]: [Option<f64>; 2]| Some(new? - old?);
    let comparison = |name: &String| {
        let scores = |of: &[Scores; 2]| [of[0][name], of[1][name]];
        let each = |score: &dyn Fn([Option<f64>; 2]) -> Option<f64>| {
            let values = resampled.iter().filter_map(|of| score(scores(of)));
            Interval::of(score(scores(&whole)), values.collect(), old.len())
        };
        let comparison = Comparison {
            old: each(&|scores| scores[0]),
            new: each(&|scores| scores[1]),
            difference: each(&difference),
        };
        (name.clone(), comparison)
    };
    Ok(whole[0].keys().map(comparison).collect())
}

/// With so many splits or more, splits are drawn, and not rows of each: leave one out has a
/// split for each row.
const MANY_SPLITS: usize = 30;

/// New minus old: the mean over the splits of the score by the one metric of `task`, with
/// its interval. Rows are drawn within each split, and both models predict the same ones.
pub(super) fn gain_over_splits(
    old: &PredictedRows,
    new: &PredictedRows,
    task: &Task,
) -> Result<Interval, Fault> {
    let splits = old.by_split();
    let of_split = |places: &[u32]| -> Result<Option<f64>, Fault> {
        let score = |rows: &PredictedRows| -> Result<Option<f64>, Fault> {
            Ok(of_rows(&rows.taken(places), task)?
                .into_values()
                .next()
                .flatten())
        };
        Ok(score(new)?.zip(score(old)?).map(|(new, old)| new - old))
    };
    let places =
        |range: &Range<usize>| -> Vec<u32> { (range.start as u32..range.end as u32).collect() };
    let whole = splits.iter().map(|range| of_split(&places(range)));
    let whole: Vec<Option<f64>> = whole.collect::<Result<_, _>>()?;
    let mean = |gains: &[Option<f64>]| -> Option<f64> {
        let gains: Option<Vec<f64>> = gains.iter().copied().collect();
        gains.map(|gains| numpy::mean(&gains))
    };
    let rows = old.len();
    let resampled = (0..RESAMPLES).into_par_iter().map(|stream| {
        let mut random = stream_of(stream);
        if splits.len() >= MANY_SPLITS {
            let drawn = whole
                .iter()
                .map(|_| whole[random::below(whole.len() as u64, &mut random) as usize]);
            return Ok(mean(&drawn.collect::<Vec<_>>()));
        }
        let gains = splits.iter().map(|range| {
            let count = range.len() * rows.min(MAX_ROWS) / rows;
            let place =
                |_| range.start as u32 + random::below(range.len() as u64, &mut random) as u32;
            let drawn: Vec<u32> = (0..count.max(1)).map(place).collect();
            of_split(&drawn)
        });
        Ok(mean(&gains.collect::<Result<Vec<_>, Fault>>()?))
    });
    let resampled: Vec<Option<f64>> = resampled.collect::<Result<_, Fault>>()?;
    let values = resampled.into_iter().flatten().collect();
    Ok(match splits.len() >= MANY_SPLITS {
        // Nothing was drawn from fewer rows.
        true => Interval::of(mean(&whole), values, 1),
        false => Interval::of(mean(&whole), values, rows),
    })
}

type Scores = BTreeMap<String, Option<f64>>;

fn of_rows(rows: &PredictedRows, task: &Task) -> Result<Scores, Fault> {
    let weights = rows.weights.as_deref();
    scores(task, &rows.target, weights, rows.prediction())
}

/// The random numbers of a resample.
fn stream_of(stream: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(0);
    random.set_stream(stream);
    random
}

/// What `of` gives of the places of each resample of so many rows.
fn resampled<T: Send>(
    rows: usize,
    of: impl Fn(&[u32]) -> Result<T, Fault> + Sync,
) -> Result<Vec<T>, Fault> {
    let each = (0..RESAMPLES).into_par_iter().map(|stream| {
        let mut random = stream_of(stream);
        let place = |_| random::below(rows as u64, &mut random) as u32;
        let places: Vec<u32> = (0..rows.min(MAX_ROWS)).map(place).collect();
        of(&places)
    });
    each.collect()
}

impl Interval {
    /// That of a score of so many rows whose values on resamples are these, as far as
    /// they are defined.
    fn of(score: Option<f64>, values: Vec<f64>, rows: usize) -> Self {
        let shrink = (rows.min(MAX_ROWS) as f64 / rows as f64).sqrt();
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
        Self { score, low, high }
    }
}
