//! [`Choice`]: the candidate that a plan's `refit` chooses.

use std::cmp::Ordering;

use serde::Serialize;
use serde_json::Value;

use super::{ScoreTable, SearchResults};
use crate::expand::Candidates;
use crate::plan::{Plan, RefitRule};

/// The candidate that is chosen.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// Its index.
    pub index: usize,
    /// The index of the metric that it is chosen by.
    pub metric: usize,
    /// Why it is chosen, where it need not be the best.
    pub rule: Option<OneStandardError>,
}

/// That the simplest candidate was chosen of those whose mean is within one standard
/// error of the best.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OneStandardError {
    /// The name of the rule.
    pub name: RefitRule,
    /// The hyper-parameters by which a candidate is simple.
    pub simplest: Vec<String>,
    /// The candidate of the greatest mean.
    pub best_index: usize,
    /// Its mean.
    pub best_mean: f64,
    /// The standard error of that mean: the standard deviation of the splits' scores,
    /// of `k - 1` degrees of freedom, divided by `√k`; NaN for one split.
    pub standard_error: f64,
    /// How many candidates are within it.
    pub within: usize,
}

impl Choice {
    /// The candidate that a plan chooses, by its first metric if it refits none; `None`
    /// where no candidate has a mean. Without splits it is the first.
    pub fn new(plan: &Plan, candidates: &Candidates, results: &SearchResults) -> Option<Self> {
        let refit = plan.refit.as_ref();
        let metric = refit
            .and_then(|refit| results.metric(&refit.metric))
            .unwrap_or(0);
        let best = match plan.kind.has_splits() {
            true => results.best(metric)?,
            false => 0,
        };
        let plain = Self {
            index: best,
            metric,
            rule: None,
        };
        let Some(refit) = refit.filter(|refit| refit.rule == RefitRule::OneStandardError) else {
            return Some(plain);
        };
        let test = &results.metrics[metric].test;
        let (error, within) = within_one_standard_error(results, metric, best);
        let size = |candidate: usize, name: &String| {
            let arm = plan.arms().nth(candidates.arm(candidate));
            let fixed = arm.and_then(|arm| arm.trainer.params.get(name));
            let value = candidates.value(candidate, name).or(fixed);
            value.and_then(Value::as_f64).unwrap_or(f64::INFINITY)
        };
        let simpler = |a: &usize, b: &usize| {
            let sizes = refit
                .simplest
                .iter()
                .map(|name| size(*a, name).total_cmp(&size(*b, name)));
            sizes.fold(Ordering::Equal, Ordering::then)
        };
        // Of equals, the first, which is the better.
        let index = within.iter().copied().min_by(simpler).unwrap_or(best);
        Some(Self {
            index,
            rule: Some(OneStandardError {
                name: refit.rule,
                simplest: refit.simplest.clone(),
                best_index: best,
                best_mean: test.mean[best],
                standard_error: error,
                within: within.len(),
            }),
            ..plain
        })
    }
}

/// The standard error of the mean of candidate `best`, and the candidates whose mean is
/// within it, the best first; where it is not defined, the best alone is.
pub fn within_one_standard_error(
    results: &SearchResults,
    metric: usize,
    best: usize,
) -> (f64, Vec<usize>) {
    let test = &results.metrics[metric].test;
    let error = standard_error(test, best);
    let least = test.mean[best] - if error.is_nan() { 0.0 } else { error };
    let mut within = results.ranking(metric);
    within.retain(|candidate| test.mean[*candidate] >= least);
    (error, within)
}

/// The standard error of a candidate's mean; NaN for one split.
pub(super) fn standard_error(test: &ScoreTable, candidate: usize) -> f64 {
    // NumPy's deviation has `k` degrees of freedom.
    test.std[candidate] / (test.of(candidate).len() as f64 - 1.0).sqrt()
}
