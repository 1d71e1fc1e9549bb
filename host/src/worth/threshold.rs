//! [`tune`]: the decision threshold that serves a metric best, as scikit-learn's
//! `TunedThresholdClassifierCV` finds it.

use fanout_contract::{Score, Task};
use fanout_sdk::{Fault, Prediction, Target, scores};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::assessment::Scoring;
use super::rows::PredictedRows;

/// The number of thresholds that are tried.
const THRESHOLDS: usize = 100;

/// A tuned decision threshold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TunedThreshold {
    /// The name of the metric.
    pub metric: String,
    /// The label of the positive class, which is predicted for rows of at least the
    /// threshold.
    pub positive: String,
    /// What is compared with it.
    pub of: Compared,
    /// The threshold; scikit-learn's `best_threshold_`.
    pub threshold: f64,
    /// The mean over the splits of the interpolated scores at the threshold;
    /// scikit-learn's `best_score_`.
    pub score: f64,
    /// The mean over the splits of the scores of the classes that the model predicts
    /// by itself; `None` where one is not defined.
    pub untuned_score: Option<f64>,
}

/// What is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// The probability of the positive class.
    Probability,
    /// The decision for the positive class.
    Decision,
}

/// Why no threshold is found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// The rows of a split can't be told apart.
    #[error("the model gives the same number to all test rows of split {split}")]
    Constant {
        /// The split.
        split: u32,
    },
    /// There are neither probabilities nor decisions, or not two classes.
    #[error("the model has neither probabilities nor decisions of two classes")]
    NoRanking,
    /// The metric is not defined on the rows of a split, at some threshold.
    #[error("`{metric}` is not defined on split {split} at every threshold")]
    Undefined {
        /// The metric.
        metric: String,
        /// The split.
        split: u32,
    },
    /// The metric can't be computed.
    #[error(transparent)]
    Metric(#[from] Fault),
}

/// Tunes the threshold on the predictions of the test rows of splits: on each split,
/// the metric at 100 thresholds from its least number to its greatest; then, at 100
/// thresholds from the least to the greatest of all, the mean of these scores,
/// interpolated. The first of the greatest is the result.
pub fn tune(
    rows: &PredictedRows,
    score: &Score,
    positive: Option<&str>,
) -> Result<TunedThreshold, ThresholdError> {
    let scoring = Scoring {
        scores: std::slice::from_ref(score),
        positive,
    };
    let classes = rows.target.classes();
    let class = scoring.positive(classes).ok_or(ThresholdError::NoRanking)?;
    let ranking = rows.ranking(class).ok_or(ThresholdError::NoRanking)?;
    let task = scoring.task(&rows.target);
    let metric = Metric { rows, task, score };
    let splits: Vec<Curve> = rows
        .by_split()
        .into_iter()
        .map(|places| metric.curve(places, &ranking, class))
        .collect::<Result<_, _>>()?;
    let ends = splits
        .iter()
        .map(|curve| (curve.thresholds[0], curve.thresholds[THRESHOLDS - 1]));
    let (low, high) = ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| {
        (low.min(a), high.max(b))
    });
    let candidates = linspace(low, high);
    let means = candidates.iter().map(|&threshold| {
        let sum: f64 = splits.iter().map(|curve| curve.at(threshold)).sum();
        sum / splits.len() as f64
    });
    let means: Vec<f64> = means.collect();
    let mut best = 0;
    for (at, mean) in means.iter().enumerate() {
        if *mean > means[best] {
            best = at;
        }
    }
    let untuned = splits.iter().map(|curve| curve.untuned);
    let untuned: Option<Vec<f64>> = untuned.collect();
    Ok(TunedThreshold {
        metric: score.name.clone(),
        positive: classes[class].clone(),
        of: match rows.probabilities(class) {
            Some(_) => Compared::Probability,
            None => Compared::Decision,
        },
        threshold: candidates[best],
        score: means[best],
        untuned_score: untuned.map(|of| of.iter().sum::<f64>() / of.len() as f64),
    })
}

/// The metric of rows.
struct Metric<'a> {
    rows: &'a PredictedRows,
    task: Task,
    score: &'a Score,
}

/// The scores of a split by threshold, ascending.
struct Curve {
    thresholds: Vec<f64>,
    scores: Vec<f64>,
    untuned: Option<f64>,
}

impl Metric<'_> {
    fn curve(
        &self,
        places: std::ops::Range<usize>,
        ranking: &[f64],
        class: usize,
    ) -> Result<Curve, ThresholdError> {
        let split = self.rows.splits[places.start];
        let of_split: Vec<u32> = (places.start as u32..places.end as u32).collect();
        let rows = self.rows.taken(&of_split);
        let ranking = &ranking[places];
        let least = ranking.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = ranking.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if is_close(least, greatest) {
            return Err(ThresholdError::Constant { split });
        }
        let thresholds = linspace(least, greatest);
        let scores: Vec<Option<f64>> = thresholds
            .par_iter()
            .map(|threshold| {
                let is_positive = |value: &f64| value >= threshold;
                let code = |value| u32::from(is_positive(value) == (class == 1));
                let codes: Vec<u32> = ranking.iter().map(code).collect();
                self.of(
                    &rows.target,
                    rows.weights.as_deref(),
                    Prediction::Classes(&codes),
                )
            })
            .collect::<Result<_, _>>()?;
        let scores: Option<Vec<f64>> = scores.into_iter().collect();
        let undefined = || ThresholdError::Undefined {
            metric: self.score.name.clone(),
            split,
        };
        let predicted = rows.prediction();
        Ok(Curve {
            thresholds,
            scores: scores.ok_or_else(undefined)?,
            untuned: self.of(&rows.target, rows.weights.as_deref(), predicted)?,
        })
    }

    fn of(
        &self,
        target: &Target,
        weights: Option<&[f64]>,
        prediction: Prediction<'_>,
    ) -> Result<Option<f64>, Fault> {
        let scores = scores(&self.task, target, weights, prediction)?;
        Ok(scores.get(&self.score.name).copied().flatten())
    }
}

impl Curve {
    /// The score at a threshold, as `numpy.interp`.
    fn at(&self, threshold: f64) -> f64 {
        let (xs, ys) = (&self.thresholds, &self.scores);
        let above = xs.partition_point(|x| *x <= threshold);
        match above {
            0 => ys[0],
            above if above == xs.len() => ys[above - 1],
            above => {
                let low = above - 1;
                let slope = (ys[above] - ys[low]) / (xs[above] - xs[low]);
                slope * (threshold - xs[low]) + ys[low]
            }
        }
    }
}

/// `numpy.linspace` of [`THRESHOLDS`] numbers.
fn linspace(low: f64, high: f64) -> Vec<f64> {
    let step = (high - low) / (THRESHOLDS - 1) as f64;
    let number = |at: usize| match at {
        at if at == THRESHOLDS - 1 => high,
        at => at as f64 * step + low,
    };
    (0..THRESHOLDS).map(number).collect()
}

/// `numpy.isclose` with its defaults.
fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-8 + 1e-5 * b.abs()
}
