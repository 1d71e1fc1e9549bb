//! [`Findings`]: what a run finds beside the scores of its fits, by the kind of its plan.

use std::ops::Range;

use fanout_contract::Scores;

use super::{FitCounts, MetricResults, ScoreTable, SearchResults, rank};
use crate::numpy;

/// What a run finds whose splits are not those of `cv` alone.
#[derive(Clone, Debug)]
pub enum Findings {
    /// The points of a learning curve, by ascending size.
    LearningCurve(Vec<CurvePoint>),
    /// The outer splits of a nested cross-validation, in order.
    Nested(Vec<OuterSplit>),
    /// A permutation test of each estimator, in order.
    PermutationTest(Vec<PermutationTest>),
}

/// scikit-learn's `permutation_test_score` of an estimator.
#[derive(Clone, Debug, PartialEq)]
pub struct PermutationTest {
    /// By metric, in the plan's order.
    pub metrics: Vec<PermutedScores>,
}

/// The scores of a permutation test by one metric. NaN is a score that is not defined.
#[derive(Clone, Debug, PartialEq)]
pub struct PermutedScores {
    /// The mean over the splits, with the targets as they are.
    pub score: f64,
    /// By permutation of the targets: the mean over the splits.
    pub permutation_scores: Vec<f64>,
}

impl PermutedScores {
    /// How many permutations score as well or better.
    pub fn as_good(&self) -> usize {
        let scores = self.permutation_scores.iter();
        scores.filter(|score| **score >= self.score).count()
    }

    /// The share of the permutations, and of the targets as they are, that score as well
    /// or better (Ojala and Garriga, JMLR 11, 2010, test 1). NaN where a score is.
    pub fn pvalue(&self) -> f64 {
        let scores = &self.permutation_scores;
        if self.score.is_nan() || scores.iter().any(|score| score.is_nan()) {
            return f64::NAN;
        }
        (self.as_good() + 1) as f64 / (scores.len() + 1) as f64
    }

    /// The mean of the scores of the permutations, and their standard deviation.
    pub fn mean_and_std(&self) -> (f64, f64) {
        numpy::mean_and_std(&self.permutation_scores)
    }
}

impl PermutationTest {
    /// Those of all estimators. `permuted` has the results of each permutation.
    pub fn all(unshuffled: &SearchResults, permuted: &[SearchResults]) -> Vec<Self> {
        let test = |candidate: usize| {
            let mean = |results: &SearchResults, metric: usize| {
                results.metrics[metric].test.mean[candidate]
            };
            let metrics = (0..unshuffled.metrics.len()).map(|metric| PermutedScores {
                score: mean(unshuffled, metric),
                permutation_scores: permuted.iter().map(|of| mean(of, metric)).collect(),
            });
            Self {
                metrics: metrics.collect(),
            }
        };
        (0..unshuffled.candidates).map(test).collect()
    }
}

/// The scores after training on some of the rows.
#[derive(Clone, Debug)]
pub struct CurvePoint {
    /// How many training rows; a split that has fewer trains on all of them.
    pub train_size: u32,
    /// The scores on the splits of `cv`. The candidates are the estimators.
    pub results: SearchResults,
}

/// A split of a nested cross-validation.
#[derive(Clone, Debug)]
pub struct OuterSplit {
    /// The search inside its training rows.
    pub inner: SearchResults,
    /// The best candidate of that; `None` where none has a score on every inner split.
    pub best: Option<usize>,
    /// The scores of that candidate, fitted on all training rows: of the test rows, and of
    /// the training rows where the plan asks for them. NaN where it failed, or there is none.
    pub scores: Vec<OuterScore>,
}

/// The scores of an outer split by one metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OuterScore {
    /// Of the test rows.
    pub test: f64,
    /// Of the training rows, where they are scored.
    pub train: Option<f64>,
}

impl OuterScore {
    /// The scores of a fit by these metrics; without a fit, `otherwise`.
    pub fn all(metrics: &[MetricResults], scores: Option<&Scores>, otherwise: f64) -> Vec<Self> {
        let each = metrics.iter().map(|metric| {
            let of = |by: fn(&Scores) -> &std::collections::BTreeMap<String, Option<f64>>| {
                let Some(scores) = scores else {
                    return otherwise;
                };
                by(scores)
                    .get(&metric.name)
                    .copied()
                    .flatten()
                    .unwrap_or(f64::NAN)
            };
            Self {
                test: of(|scores| &scores.test),
                train: metric.train.as_ref().map(|_| of(|scores| &scores.train)),
            }
        });
        each.collect()
    }

    /// The mean and the standard deviation of the test scores by the metric with this
    /// index, over the outer splits.
    pub fn mean_and_std(outer: &[OuterSplit], metric: usize) -> (f64, f64) {
        let test: Vec<f64> = outer
            .iter()
            .map(|split| split.scores[metric].test)
            .collect();
        numpy::mean_and_std(&test)
    }
}

impl SearchResults {
    /// The results on some splits alone, ranked by these. The numbers of fits and the
    /// failures are those of the whole, and are left out.
    pub fn on(&self, splits: Range<usize>) -> Self {
        let metrics = self.metrics.iter().map(|metric| {
            let test = metric.test.part(&splits);
            MetricResults {
                name: metric.name.clone(),
                rank: rank(&test.mean),
                test,
                train: metric.train.as_ref().map(|train| train.part(&splits)),
                undefined: 0,
            }
        });
        Self {
            candidates: self.candidates,
            metrics: metrics.collect(),
            fit_time: self.fit_time.part(&splits),
            splits: splits.len(),
            fit_counts: FitCounts::default(),
            failures: Vec::new(),
        }
    }
}

impl ScoreTable {
    /// The scores on some splits.
    fn part(&self, splits: &Range<usize>) -> Self {
        let rows = self.scores.chunks_exact(self.splits.max(1));
        let scores = rows.flat_map(|row| row[splits.clone()].iter().copied());
        Self::new(scores.collect(), splits.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pvalue_counts_the_targets_as_they_are() {
        let of = |score: f64, permutation_scores: &[f64]| PermutedScores {
            score,
            permutation_scores: permutation_scores.to_vec(),
        };
        assert_eq!(of(0.5, &[0.4, 0.5, 0.6, 0.1]).pvalue(), 3.0 / 5.0);
        assert_eq!(of(0.7, &[0.4, 0.5, 0.6, 0.1]).pvalue(), 1.0 / 5.0);
        assert!(of(0.5, &[0.4, f64::NAN]).pvalue().is_nan());
        assert!(of(f64::NAN, &[0.4]).pvalue().is_nan());
    }

    #[test]
    fn a_part_has_means_and_ranks_of_its_own() {
        let table = |scores: Vec<f64>| ScoreTable::new(scores, 4);
        let test = table(vec![1.0, 1.0, 3.0, 5.0, 2.0, 2.0, 0.0, 1.0]);
        let results = SearchResults {
            candidates: 2,
            splits: 4,
            metrics: vec![MetricResults {
                name: "r2".to_owned(),
                rank: rank(&test.mean),
                test,
                train: None,
                undefined: 0,
            }],
            fit_time: table(vec![1.0; 8]),
            fit_counts: FitCounts::default(),
            failures: Vec::new(),
        };
        let (first, second) = (results.on(0..2), results.on(2..4));
        let of = |part: &SearchResults| {
            let metric = &part.metrics[0];
            (metric.test.mean.clone(), metric.rank.clone(), part.best(0))
        };
        assert_eq!(of(&first), (vec![1.0, 2.0], vec![2, 1], Some(1)));
        assert_eq!(of(&second), (vec![4.0, 0.5], vec![1, 2], Some(0)));
        assert_eq!(second.metrics[0].test.of(0), [3.0, 5.0]);
        assert_eq!(second.fit_time.mean, [1.0, 1.0]);
    }
}
