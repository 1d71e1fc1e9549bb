//! [`Report`]: the results of a search that ended, and all else that people and
//! files are told about it; [`Reports`]: those of a run, one a target. The modules below
//! render them; none computes a score.
//!
//! [`terminal`] is for people, [`files`] for the folder of results, [`json`]
//! for other programs, and [`progress`] for people who wait.

use std::collections::BTreeMap;
use std::path::PathBuf;

use fanout_contract::Params;
use serde::Serialize;

use crate::error::ErrorKind;
use crate::expand::Candidates;
use crate::plan::Plan;
use crate::reduce::{
    BaselineScore, BaselineScores, Choice, Findings, Lead, OneStandardError, SearchResults,
};
use crate::run::data_summary::DataSummary;
use crate::run::manifest::Digests;
use crate::run::summary::{BestCandidate, Summary};
use crate::worth::threshold::TunedThreshold;
use crate::worth::{DrawnWorth, Ensemble, Worth};
use explanations::Explanations;

pub mod activity;
pub mod columns;
pub mod compare;
pub mod ensemble;
pub mod events;
pub mod explanations;
pub mod files;
pub mod findings;
pub mod html;
pub mod human;
pub mod json;
pub mod live;
pub mod page;
pub mod predictions;
pub mod progress;
pub mod said;
pub mod stored;
mod targets;
pub mod task_stream;
pub mod telemetry;
pub mod terminal;
pub mod trackers;
pub mod usage;
pub mod worth;

pub use targets::Reports;
pub use usage::Usage;

/// The search of one target, which ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// The plan, resolved.
    pub plan: Plan,
    /// The digests of all that decides the run's scores.
    pub digests: Digests,
    /// The searched hyper-parameters, by candidate.
    pub candidates: Candidates,
    /// The results of the search.
    pub results: SearchResults,
    /// What the run found beside them, where its splits are not those of `cv`.
    pub findings: Option<Findings>,
    /// The scores of the baseline, where there is one.
    pub baseline: Option<BaselineScores>,
    /// How sure it is that the candidate of the greatest mean is the best.
    pub lead: Option<Lead>,
    /// The decision threshold of the chosen candidate, where the plan wants it tuned.
    pub threshold: Option<TunedThreshold>,
    /// The ensemble of candidates, where the plan wants one.
    pub ensemble: Option<Ensemble>,
    /// What the predictions of the chosen candidate tell, where there are some.
    pub worth: Option<Worth>,
    /// Their curves, as they are drawn; `None` where they were not read.
    pub drawn: Option<DrawnWorth>,
    /// The scores of the refitted model on the hold-out rows, by metric;
    /// null where the metric is not defined on them.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The score of the refitted model's training rows out of bag, where its
    /// hyper-parameters want one.
    pub oob_score: Option<f64>,
    /// The file of the refitted model.
    pub model: Option<PathBuf>,
    /// Why the chosen candidate predicts what it predicts, where the plan wants that.
    pub explanations: Option<Explanations>,
    /// The table, in short.
    pub data: DataSummary,
    /// Warnings about the data and the store, one sentence each.
    pub warnings: Vec<String>,
    /// What went wrong after the search, whose results are whole all the same.
    pub failure: Option<Failure>,
    /// The usage of the process; `None` for a run of another process.
    pub usage: Option<Usage>,
}

/// What went wrong after a search: the refit, the writing of files, or that no
/// candidate has a score on every split.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Its kind, which is the exit code of the command line.
    #[serde(skip)]
    pub kind: ErrorKind,
    /// The message, with its causes.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// The chosen candidate, the best unless the plan has a rule; the content of
/// `best.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// The metric that ranked the candidates.
    pub metric: String,
    /// The candidate's index, from 0; scikit-learn's `best_index_`.
    pub index: usize,
    /// Why it is chosen, where `refit` has a rule.
    pub rule: Option<OneStandardError>,
    /// How sure it is that the candidate of the greatest mean is the best; null where
    /// there is nothing to compare.
    pub lead: Option<Lead>,
    /// Its tuned decision threshold; null where the plan wants none.
    pub threshold: Option<TunedThreshold>,
    /// Its mean test score by `metric`; scikit-learn's `best_score_`.
    pub mean: f64,
    /// The standard deviation over the splits.
    pub std: f64,
    /// Its trainer.
    pub trainer: String,
    /// Its hyper-parameters, those that the plan fixes included.
    pub params: Params,
    /// Its searched hyper-parameters alone; scikit-learn's `best_params_`.
    pub searched: Params,
    /// Its test scores by every metric; none where nothing is split.
    pub scores: BTreeMap<String, BestScore>,
    /// The scores of the refitted model on the hold-out rows; null where
    /// there are none.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The score of the refitted model's training rows out of bag; left out where there is
    /// none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oob_score: Option<f64>,
    /// The refitted model's file; null where none was made.
    pub model: Option<String>,
}

/// The test scores of the best candidate by one metric. NaN is null in JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestScore {
    /// The mean over the splits.
    pub mean: f64,
    /// The standard deviation over the splits.
    pub std: f64,
    /// Its rank by this metric, from 1.
    pub rank: i32,
    /// By split.
    pub splits: Vec<f64>,
}

impl Report {
    /// The index of the metric that ranks the candidates: the one to refit
    /// for, or else the first.
    pub fn ranked_by(&self) -> usize {
        let refit = self.plan.refit.as_ref();
        refit
            .and_then(|refit| self.results.metric(&refit.metric))
            .unwrap_or(0)
    }

    /// Whether there is a score on every split: of a candidate, or in one of the findings;
    /// also where nothing is split.
    pub fn is_scored(&self) -> bool {
        let metric = self.ranked_by();
        match &self.findings {
            None if !self.plan.kind.has_splits() => true,
            None => self.results.best(metric).is_some(),
            Some(Findings::LearningCurve(points)) => {
                let mut points = points.iter();
                points.any(|point| point.results.best(metric).is_some())
            }
            Some(Findings::Nested(outer)) => outer.iter().any(|split| split.best.is_some()),
            Some(Findings::PermutationTest(tests)) => {
                let mut tests = tests.iter();
                tests.any(|test| !test.metrics[metric].score.is_nan())
            }
        }
    }

    /// The candidate that the plan chooses; `None` where none has a score, and where the
    /// splits are not those of `cv`.
    pub fn chosen(&self) -> Option<Choice> {
        match self.findings {
            None => Choice::new(&self.plan, &self.candidates, &self.results),
            Some(_) => None,
        }
    }

    /// Whether the model is that of all candidates together, none of which was scored.
    pub fn is_unranked_ensemble(&self) -> bool {
        self.plan.ensemble.is_some() && !self.plan.kind.has_splits()
    }

    /// The chosen candidate; `None` where none has a score.
    pub fn best(&self) -> Option<Best> {
        if self.is_unranked_ensemble() {
            return None;
        }
        let Choice {
            index,
            metric: ranked_by,
            rule,
        } = self.chosen()?;
        let ranking = &self.results.metrics[ranked_by];
        let searched = self.candidates.searched(index);
        let arm = self.plan.arms().nth(self.candidates.arm(index))?;
        let mut params = arm.trainer.params.clone();
        params.extend(searched.clone());
        let scored = self.results.metrics.iter();
        let scored = scored.filter(|_| self.plan.kind.has_splits());
        let scores = scored.map(|metric| {
            let score = BestScore {
                mean: metric.test.mean[index],
                std: metric.test.std[index],
                rank: metric.rank[index],
                splits: metric.test.of(index).to_vec(),
            };
            (metric.name.clone(), score)
        });
        Some(Best {
            metric: ranking.name.clone(),
            index,
            rule,
            lead: self.lead.clone(),
            threshold: self.threshold.clone(),
            mean: ranking.test.mean[index],
            std: ranking.test.std[index],
            trainer: arm.trainer.label(),
            params,
            searched,
            scores: scores.collect(),
            holdout: self.holdout.clone(),
            oob_score: self.oob_score,
            model: self.model.as_ref().map(|path| path.display().to_string()),
        })
    }

    /// The summary that the store keeps of the run, as of now and on this
    /// host.
    pub fn summary(&self) -> Summary {
        let number = |number: f64| number.is_finite().then_some(number);
        let scored = self.best().filter(|_| self.plan.kind.has_splits());
        let best = scored.map(|best| BestCandidate {
            index: best.index,
            searched: best.searched,
            metric: best.metric,
            scores: best
                .scores
                .into_iter()
                .map(|(metric, score)| (metric, [number(score.mean), number(score.std)]))
                .collect(),
        });
        let baseline = self.baseline.as_ref().map(|baseline| {
            let scores = baseline.scores.iter();
            let pair = |score: &BaselineScore| [number(score.mean), number(score.std)];
            scores
                .map(|(metric, score)| (metric.clone(), pair(score)))
                .collect()
        });
        Summary::new(
            self.digests.run,
            &self.results,
            best,
            baseline,
            self.holdout.clone(),
            self.warnings.clone(),
        )
        .with_oob_score(self.oob_score)
        .with_worth(
            self.lead.clone(),
            self.threshold.clone(),
            self.worth.clone(),
        )
        .with_ensemble(self.ensemble.clone())
        .with_data(self.data.clone(), self.plan.limits.memory)
    }
}

#[cfg(test)]
mod example;
