//! [`FindingsPage`]: what a plan finds that makes no model, for charts and tables.

use serde::Serialize;
use serde_json::Value;

use super::super::Report;
use super::candidates::{searched, shown};
use crate::reduce::{CurvePoint, Findings, OuterScore, OuterSplit, PermutationTest};

/// The most outer splits that are told one by one.
const SPLITS: usize = 200;

/// Findings by the kind of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FindingsPage {
    /// Scores by the number of training rows.
    LearningCurve {
        /// Of each trainer and metric, those of a trainer one after the other.
        curves: Vec<SizeCurve>,
    },
    /// The outer splits of a nested cross-validation.
    Nested {
        /// The first 200.
        splits: Vec<NestedSplit>,
        /// By metric: the mean over all outer splits, and the standard deviation.
        scores: Vec<(String, f64, f64)>,
    },
    /// Permutation tests.
    PermutationTest {
        /// Of each trainer and metric.
        tests: Vec<PermutedScore>,
    },
}

/// The scores of a trainer by the number of training rows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SizeCurve {
    /// The trainer.
    pub trainer: String,
    /// The metric.
    pub metric: String,
    /// Training rows.
    pub sizes: Vec<u32>,
    /// The mean test score there.
    pub mean: Vec<f64>,
    /// The standard deviation over the splits.
    pub std: Vec<f64>,
    /// The mean score of the training rows, where they are scored.
    pub train: Option<Vec<f64>>,
}

/// An outer split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NestedSplit {
    /// Its number.
    pub split: usize,
    /// Its best candidate.
    pub best: Option<usize>,
    /// The trainer and the searched hyper-parameters of that, in words.
    pub params: String,
    /// The mean of that over the inner splits, by the metric that ranks.
    pub inner: f64,
    /// Its score on the test rows, by the metric that ranks.
    pub test: f64,
}

/// A permutation test by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PermutedScore {
    /// The trainer.
    pub trainer: String,
    /// The metric.
    pub metric: String,
    /// The score with the targets as they are.
    pub score: f64,
    /// The scores with the targets shuffled.
    pub permuted: Vec<f64>,
    /// The p-value.
    pub pvalue: f64,
}

impl FindingsPage {
    pub(super) fn new(report: &Report) -> Option<Self> {
        Some(match report.findings.as_ref()? {
            Findings::LearningCurve(points) => Self::LearningCurve {
                curves: curves(report, points),
            },
            Findings::Nested(outer) => Self::Nested {
                splits: nested(report, outer),
                scores: outer_scores(report, outer),
            },
            Findings::PermutationTest(tests) => Self::PermutationTest {
                tests: permuted(report, tests),
            },
        })
    }
}

fn curves(report: &Report, points: &[CurvePoint]) -> Vec<SizeCurve> {
    let metrics = &report.results.metrics;
    let trainers = report.plan.trainer_names().into_iter().enumerate();
    let of = |(candidate, trainer): (usize, String)| {
        let of_metric = metrics.iter().enumerate().map(move |(index, metric)| {
            let at = |point: &CurvePoint| point.results.metrics[index].test.mean[candidate];
            let std = |point: &CurvePoint| point.results.metrics[index].test.std[candidate];
            let train = |point: &CurvePoint| {
                let train = point.results.metrics[index].train.as_ref()?;
                Some(train.mean[candidate])
            };
            SizeCurve {
                trainer: trainer.clone(),
                metric: metric.name.clone(),
                sizes: points.iter().map(|point| point.train_size).collect(),
                mean: points.iter().map(at).collect(),
                std: points.iter().map(std).collect(),
                train: points.iter().map(train).collect(),
            }
        });
        of_metric.collect::<Vec<_>>()
    };
    trainers.flat_map(of).collect()
}

fn nested(report: &Report, outer: &[OuterSplit]) -> Vec<NestedSplit> {
    let metric = report.ranked_by();
    let first = outer.iter().take(SPLITS).enumerate();
    first
        .map(|(split, of)| {
            let inner = |best: usize| of.inner.metrics[metric].test.mean[best];
            NestedSplit {
                split,
                best: of.best,
                params: of.best.map_or_else(String::new, |best| named(report, best)),
                inner: of.best.map_or(f64::NAN, inner),
                test: of.scores[metric].test,
            }
        })
        .collect()
}

fn outer_scores(report: &Report, outer: &[OuterSplit]) -> Vec<(String, f64, f64)> {
    let metrics = report.results.metrics.iter().enumerate();
    metrics
        .map(|(index, metric)| {
            let (mean, std) = OuterScore::mean_and_std(outer, index);
            (metric.name.clone(), mean, std)
        })
        .collect()
}

fn permuted(report: &Report, tests: &[PermutationTest]) -> Vec<PermutedScore> {
    let trainers = report.plan.trainer_names();
    let both = tests.iter().zip(&trainers);
    both.flat_map(|(test, trainer)| {
        let scores = test.metrics.iter().zip(&report.results.metrics);
        scores.map(|(scores, metric)| PermutedScore {
            trainer: trainer.clone(),
            metric: metric.name.clone(),
            score: scores.score,
            permuted: scores.permutation_scores.clone(),
            pvalue: scores.pvalue(),
        })
    })
    .collect()
}

/// A candidate in words: `random_forest with max_depth = 4, max_features = sqrt`; the trainer
/// where there are several, and `the defaults` where nothing is searched.
pub(in crate::report) fn named(report: &Report, candidate: usize) -> String {
    let set = searched(&report.candidates).filter_map(|name| {
        let value = report.candidates.value(candidate, name)?;
        let text = match shown(value) {
            Value::String(text) => text,
            number => number.to_string(),
        };
        Some(format!("{name} = {text}"))
    });
    let set: Vec<String> = set.collect();
    let trainers = report.plan.trainer_names();
    let trainer = trainers.get(report.candidates.arm(candidate));
    match (trainer, set.as_slice()) {
        (Some(trainer), []) => trainer.clone(),
        (Some(trainer), set) => format!("{trainer} with {}", set.join(", ")),
        (None, set) => set.join(", "),
    }
}
