//! A run as the tools that people have read it: [`optuna`] for Optuna and its dashboard,
//! [`mlflow`] for a tracking server of MLflow, and [`trace`] for Chrome's and Perfetto's
//! viewers. Each tells of a finished run, or of one as far as it is.

use std::time::Duration;

use fanout_contract::Params;

use super::Report;

pub mod mlflow;
pub mod optuna;
pub mod trace;

/// A candidate as trackers have it: one try of hyper-parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The candidate's index, from 0.
    pub candidate: usize,
    /// Its trainer.
    pub trainer: String,
    /// Its searched hyper-parameters.
    pub params: Params,
    /// Its scores by every metric of the plan, in order.
    pub scores: Vec<TrialScore>,
    /// What its fits took together; the time of a fit that serves several candidates is
    /// shared among them.
    pub time: Duration,
}

/// The test scores of a candidate by one metric; NaN where there is none.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialScore {
    /// The metric.
    pub metric: String,
    /// The mean over the splits.
    pub mean: f64,
    /// The standard deviation over the splits.
    pub std: f64,
    /// By split.
    pub splits: Vec<f64>,
}

impl Trial {
    /// The candidates of a report, in order.
    pub fn of_report(report: &Report) -> impl ExactSizeIterator<Item = Self> + '_ {
        let labels: Vec<String> = report.plan.arms().map(|arm| arm.trainer.label()).collect();
        (0..report.candidates.len()).map(move |candidate| {
            let scores = report.results.metrics.iter().map(|metric| TrialScore {
                metric: metric.name.clone(),
                mean: metric.test.mean[candidate],
                std: metric.test.std[candidate],
                splits: metric.test.of(candidate).to_vec(),
            });
            let times = report.results.fit_time.of(candidate).iter();
            let seconds: f64 = times.filter(|seconds| seconds.is_finite()).sum();
            Self {
                candidate,
                trainer: labels[report.candidates.arm(candidate)].clone(),
                params: report.candidates.searched(candidate),
                scores: scores.collect(),
                time: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
            }
        })
    }
}
