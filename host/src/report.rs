//! [`Report`]: all that a person or a file is told of a run that ended. The
//! modules below only render it; none of them computes a score.
//!
//! [`terminal`] is for people, [`files`] for the folder of results, [`json`]
//! for other programs, and [`progress`] for people who wait.

use std::collections::BTreeMap;
use std::path::Path;

use fanout_contract::Params;
use serde::Serialize;

use crate::digest::Digest;
use crate::expand::Candidates;
use crate::plan::Plan;
use crate::reduce::SearchResults;

pub mod columns;
pub mod files;
pub mod human;
pub mod json;
pub mod progress;
pub mod terminal;
pub mod took;

pub use took::Took;

/// A run that ended.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The plan, resolved.
    pub plan: &'a Plan,
    /// What the run was made of.
    pub digests: &'a Digests,
    /// The searched hyper-parameters, by candidate.
    pub candidates: &'a Candidates,
    /// What the search came to.
    pub results: &'a SearchResults,
    /// The scores of the refitted model on the hold-out rows, by metric;
    /// null where the metric is not defined on them.
    pub holdout: Option<&'a BTreeMap<String, Option<f64>>>,
    /// The file of the refitted model.
    pub model: Option<&'a Path>,
    /// What a person should know of, one sentence each.
    pub warnings: &'a [String],
    /// What the run took; `None` where it is told of later.
    pub took: Option<&'a Took>,
}

/// The digests of all that decides a run's scores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digests {
    /// The run's own: that of its resolved plan.
    pub run: Digest,
    /// The guest component's.
    pub guest: Digest,
    /// The dataset's.
    pub dataset: Digest,
    /// The splits'.
    pub splits: Digest,
}

/// The best candidate; the content of `best.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Best {
    /// The metric that ranked the candidates.
    pub metric: String,
    /// The candidate's index, from 0; scikit-learn's `best_index_`.
    pub index: usize,
    /// Its mean test score by `metric`; scikit-learn's `best_score_`.
    pub mean: f64,
    /// The standard deviation over the splits.
    pub std: f64,
    /// Its hyper-parameters, those that the plan fixes included.
    pub params: Params,
    /// Its searched hyper-parameters alone; scikit-learn's `best_params_`.
    pub searched: Params,
    /// Its test scores by every metric.
    pub scores: BTreeMap<String, BestScore>,
    /// The scores of the refitted model on the hold-out rows; null where
    /// there are none.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
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

impl Report<'_> {
    /// The index of the metric that ranks the candidates: the one to refit
    /// for, or else the first.
    pub fn ranked_by(&self) -> usize {
        let refit = self.plan.refit.as_deref();
        refit
            .and_then(|name| self.results.metric(name))
            .unwrap_or(0)
    }

    /// The best candidate; `None` where none has a score.
    pub fn best(&self) -> Option<Best> {
        let ranked_by = self.ranked_by();
        let index = self.results.best(ranked_by)?;
        let ranking = &self.results.metrics[ranked_by];
        let searched = self.candidates.get(index);
        let mut params = self.plan.trainer.params.clone();
        params.extend(searched.clone());
        let scores = self.results.metrics.iter().map(|metric| {
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
            mean: ranking.test.mean[index],
            std: ranking.test.std[index],
            params,
            searched,
            scores: scores.collect(),
            holdout: self.holdout.cloned(),
            model: self.model.map(|path| path.display().to_string()),
        })
    }
}

#[cfg(test)]
mod example;
