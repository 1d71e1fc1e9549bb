//! [`Scoreboard`] collects scores as they arrive; [`SearchResults`] holds their
//! means, ranks and failures; [`Choice`] is the candidate to refit, and [`Lead`] how sure
//! it is that the best is. It does no I/O and measures no time.
//!
//! Scores are in flat arrays of eight bytes each, so that 100,000 candidates
//! take a few megabytes.

mod choice;
mod findings;
mod lead;
mod permutation;

use std::collections::BTreeMap;

use fanout_contract::{Answer, Scores};
use serde::Serialize;

use crate::expand::TaskSpec;
use crate::numpy;
use crate::plan::ErrorScore;
use crate::task::{Outcome, TaskFault};

pub use choice::{Choice, OneStandardError, within_one_standard_error};
pub use findings::{CurvePoint, Findings, OuterScore, OuterSplit, PermutationTest, PermutedScores};
pub use lead::{Lead, PairedTest};
pub use permutation::{MetricImportance, PermutationImportance, PermutedRows};

/// The scores of a search as they arrive, in any order.
#[derive(Clone, Debug)]
pub struct Scoreboard {
    candidates: usize,
    splits: usize,
    error_score: f64,
    metrics: Vec<MetricScores>,
    /// Seconds of each fit, in rows of splits; NaN if not recorded yet.
    times: Vec<f64>,
    /// The number of splits that are not recorded yet, by candidate.
    pending: Vec<u32>,
    /// The candidates whose last split was recorded with the latest task.
    completed: Vec<u32>,
    fit_counts: FitCounts,
    failures: BTreeMap<&'static str, Failures>,
}

/// The scores by one metric, in rows of splits, one a candidate.
#[derive(Clone, Debug)]
struct MetricScores {
    name: String,
    test: Vec<f64>,
    train: Option<Vec<f64>>,
    best: Option<f64>,
    undefined: usize,
}

/// The results of a search. Candidates have their indices in the expansion.
#[derive(Clone, Debug)]
pub struct SearchResults {
    /// The number of candidates.
    pub candidates: usize,
    /// The number of splits.
    pub splits: usize,
    /// By metric, in the plan's order.
    pub metrics: Vec<MetricResults>,
    /// The seconds of each fit. The time of a fit is its task's wall time divided by the
    /// fits that the task served.
    pub fit_time: ScoreTable,
    /// The numbers of fits.
    pub fit_counts: FitCounts,
    /// The failures, by kind, in alphabetical order.
    pub failures: Vec<Failures>,
}

/// The results by one metric.
#[derive(Clone, Debug)]
pub struct MetricResults {
    /// The metric's name.
    pub name: String,
    /// The scores on the test rows.
    pub test: ScoreTable,
    /// scikit-learn's `rank_test_<metric>`, by candidate: 1 for the greatest mean;
    /// equal means have the same rank, NaN the last.
    pub rank: Vec<i32>,
    /// The scores on the training rows, if the plan asks for them.
    pub train: Option<ScoreTable>,
    /// The number of fits that succeeded and have no test score, because the
    /// metric is not defined on their rows.
    pub undefined: usize,
}

/// Scores by one metric: of each split, their mean, and their population standard
/// deviation, as in `cv_results_`.
#[derive(Clone, Debug)]
pub struct ScoreTable {
    splits: usize,
    scores: Vec<f64>,
    /// By candidate; NaN if the score of a split is.
    pub mean: Vec<f64>,
    /// By candidate; NaN if the score of a split is.
    pub std: Vec<f64>,
}

/// The scores of an estimator that ignores the features, with which those of the
/// candidates are compared. It is no candidate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineScores {
    /// Its trainer.
    pub trainer: String,
    /// Its test scores by every metric. NaN is null in JSON.
    pub scores: BTreeMap<String, BaselineScore>,
}

/// The test scores of a baseline by one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BaselineScore {
    /// The mean over the splits.
    pub mean: f64,
    /// The standard deviation over the splits.
    pub std: f64,
    /// By split.
    pub splits: Vec<f64>,
}

impl BaselineScores {
    /// The scores of the only candidate of `results`; `None` unless its fits on all
    /// splits succeeded, and a metric is defined on all.
    pub fn new(trainer: &str, results: &SearchResults) -> Option<Self> {
        let score = |table: &ScoreTable| BaselineScore {
            mean: table.mean[0],
            std: table.std[0],
            splits: table.of(0).to_vec(),
        };
        let scores = results.metrics.iter();
        let scores: BTreeMap<_, _> = scores
            .map(|metric| (metric.name.clone(), score(&metric.test)))
            .collect();
        let whole = results.fit_counts.served == results.splits;
        let defined = scores.values().any(|score| !score.mean.is_nan());
        (whole && defined).then(|| Self {
            trainer: trainer.to_owned(),
            scores,
        })
    }
}

/// The numbers of fits of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FitCounts {
    /// Fits with scores.
    pub served: usize,
    /// Models that were fitted for them: fewer, since a family shares one.
    pub made: usize,
    /// Fits among `served` whose scores are of an earlier run.
    pub reused: usize,
    /// Fits that failed.
    pub failed: usize,
}

/// The failures of one kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    /// [`TaskFault::kind`].
    pub kind: &'static str,
    /// The number of tasks.
    pub tasks: usize,
    /// The number of their fits.
    pub fits: usize,
    /// The fault of the first of them, by split and candidate.
    pub example: TaskFault,
    /// The split of the example.
    pub split: u32,
    /// The first candidate of the example.
    pub candidate: u32,
}

impl Scoreboard {
    /// A scoreboard without scores. `error_score` is the score of a failed fit by
    /// every metric. [`ErrorScore::Raise`] is NaN here; the caller ends the run.
    pub fn new(
        candidates: usize,
        splits: usize,
        metrics: &[String],
        train_score: bool,
        error_score: ErrorScore,
    ) -> Self {
        let cells = candidates * splits;
        let metric_scores = |name: &String| MetricScores {
            name: name.clone(),
            test: vec![f64::NAN; cells],
            train: train_score.then(|| vec![f64::NAN; cells]),
            best: None,
            undefined: 0,
        };
        Self {
            candidates,
            splits,
            error_score: match error_score {
                ErrorScore::Value(score) => score,
                ErrorScore::Nan | ErrorScore::Raise => f64::NAN,
            },
            metrics: metrics.iter().map(metric_scores).collect(),
            times: vec![f64::NAN; cells],
            pending: vec![u32::try_from(splits).expect("splits fit in 32 bits"); candidates],
            completed: Vec::new(),
            fit_counts: FitCounts::default(),
            failures: BTreeMap::new(),
        }
    }

    /// Records the outcome of a task. A fit that was recorded before keeps its
    /// scores. An answer without the scores of a candidate or a metric is a
    /// [`TaskFault::MalformedAnswer`].
    ///
    /// # Panics
    ///
    /// If the task is not one of this search's.
    pub fn record(&mut self, task: &TaskSpec, outcome: &Outcome) {
        let answer = match &outcome.result {
            Ok(answer) => self.check(task, answer).map(|()| answer),
            Err(fault) => Err(fault.clone()),
        };
        let seconds = outcome.wall.as_secs_f64() / task.candidates.len().max(1) as f64;
        let mut new = 0;
        self.completed.clear();
        for (position, &number) in task.candidates.iter().enumerate() {
            let candidate = number as usize;
            let cell = candidate * self.splits + task.split as usize;
            if !self.times[cell].is_nan() {
                continue;
            }
            self.times[cell] = seconds;
            new += 1;
            match &answer {
                Ok(answer) => self.write(cell, &answer.scores[position]),
                Err(_) => self.write_failed(cell),
            }
            self.pending[candidate] -= 1;
            if self.pending[candidate] == 0 {
                self.completed.push(number);
                self.update_best(candidate);
            }
        }
        if new == 0 {
            return;
        }
        match answer {
            Ok(answer) => {
                self.fit_counts.served += new;
                self.fit_counts.made += answer.fits as usize;
                self.fit_counts.reused += if outcome.reused { new } else { 0 };
            }
            Err(fault) => {
                self.fit_counts.failed += new;
                self.note_failure(task, fault, new);
            }
        }
    }

    /// The best mean test score, by the metric with this index, of a
    /// candidate whose splits are all recorded.
    pub fn best_so_far(&self, metric: usize) -> Option<f64> {
        self.metrics[metric].best
    }

    /// The candidates whose splits are all recorded since the latest call of
    /// [`Self::record`].
    pub fn completed(&self) -> &[u32] {
        &self.completed
    }

    /// The mean and the standard deviation of a candidate's test scores by the metric with
    /// this index; NaN where the score of a split is.
    pub fn mean_and_std(&self, candidate: u32, metric: usize) -> (f64, f64) {
        let candidate = candidate as usize;
        let cells = candidate * self.splits..(candidate + 1) * self.splits;
        numpy::mean_and_std(&self.metrics[metric].test[cells])
    }

    /// The mean of the seconds of a candidate's fits; NaN where one is not recorded.
    pub fn mean_time(&self, candidate: u32) -> f64 {
        let candidate = candidate as usize;
        let cells = candidate * self.splits..(candidate + 1) * self.splits;
        numpy::mean_and_std(&self.times[cells]).0
    }

    /// The number of recorded fits.
    pub fn recorded(&self) -> usize {
        self.fit_counts.served + self.fit_counts.failed
    }

    /// The results. The scores and times of fits that were not recorded are NaN.
    pub fn finish(self) -> SearchResults {
        let (candidates, splits) = (self.candidates, self.splits);
        let table = |scores: Vec<f64>| match splits {
            0 => ScoreTable::unscored(candidates),
            splits => ScoreTable::new(scores, splits),
        };
        let results = |metric: MetricScores| {
            let test = table(metric.test);
            MetricResults {
                name: metric.name,
                rank: rank(&test.mean),
                test,
                train: metric.train.map(table),
                undefined: metric.undefined,
            }
        };
        SearchResults {
            candidates: self.candidates,
            splits,
            metrics: self.metrics.into_iter().map(results).collect(),
            fit_time: table(self.times),
            fit_counts: self.fit_counts,
            failures: self.failures.into_values().collect(),
        }
    }

    fn check(&self, task: &TaskSpec, answer: &Answer) -> Result<(), TaskFault> {
        let malformed = |message| Err(TaskFault::MalformedAnswer { message });
        if answer.scores.len() != task.candidates.len() {
            return malformed(format!(
                "expected the scores of {} candidates, found {}",
                task.candidates.len(),
                answer.scores.len()
            ));
        }
        for scores in &answer.scores {
            for metric in &self.metrics {
                let train = metric.train.is_none() || scores.train.contains_key(&metric.name);
                if !train || !scores.test.contains_key(&metric.name) {
                    return malformed(format!("there is no score by `{}`", metric.name));
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, cell: usize, scores: &Scores) {
        let score = |by: &BTreeMap<String, Option<f64>>, name: &str| by[name].unwrap_or(f64::NAN);
        for metric in &mut self.metrics {
            let test = score(&scores.test, &metric.name);
            metric.test[cell] = test;
            metric.undefined += usize::from(test.is_nan());
            if let Some(train) = &mut metric.train {
                train[cell] = score(&scores.train, &metric.name);
            }
        }
    }

    fn write_failed(&mut self, cell: usize) {
        for metric in &mut self.metrics {
            metric.test[cell] = self.error_score;
            if let Some(train) = &mut metric.train {
                train[cell] = self.error_score;
            }
        }
    }

    fn update_best(&mut self, candidate: usize) {
        let cells = candidate * self.splits..(candidate + 1) * self.splits;
        for metric in &mut self.metrics {
            let mean = numpy::mean(&metric.test[cells.clone()]);
            if !mean.is_nan() && metric.best.is_none_or(|best| mean > best) {
                metric.best = Some(mean);
            }
        }
    }

    fn note_failure(&mut self, task: &TaskSpec, fault: TaskFault, fits: usize) {
        let first = task.candidates.iter().copied().min().unwrap_or_default();
        let kind = fault.kind();
        match self.failures.entry(kind) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                let (split, candidate) = (task.split, first);
                entry.insert(Failures {
                    kind,
                    tasks: 1,
                    fits,
                    example: fault,
                    split,
                    candidate,
                });
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let failures = entry.get_mut();
                failures.tasks += 1;
                failures.fits += fits;
                // The example must not depend on which task ended first.
                if (task.split, first) < (failures.split, failures.candidate) {
                    (failures.split, failures.candidate) = (task.split, first);
                    failures.example = fault;
                }
            }
        }
    }
}

impl SearchResults {
    /// The best candidate by the metric with this index: the first of rank 1,
    /// as in scikit-learn's `best_index_`; `None` where no candidate has a
    /// mean (there scikit-learn takes the first).
    pub fn best(&self, metric: usize) -> Option<usize> {
        let metric = &self.metrics[metric];
        let best = metric.rank.iter().position(|&rank| rank == 1)?;
        (!metric.test.mean[best].is_nan()).then_some(best)
    }

    /// The index of the metric called `name`.
    pub fn metric(&self, name: &str) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.name == name)
    }

    /// The candidates from the best to the worst by the metric with this
    /// index; equals in the order of their indices.
    pub fn ranking(&self, metric: usize) -> Vec<usize> {
        let rank = &self.metrics[metric].rank;
        let mut order: Vec<usize> = (0..self.candidates).collect();
        order.sort_by_key(|&candidate| rank[candidate]);
        order
    }
}

impl ScoreTable {
    /// The scores of candidates on no split.
    fn unscored(candidates: usize) -> Self {
        Self {
            splits: 0,
            scores: Vec::new(),
            mean: vec![f64::NAN; candidates],
            std: vec![f64::NAN; candidates],
        }
    }

    fn new(scores: Vec<f64>, splits: usize) -> Self {
        // A table without splits has no rows to go through.
        let (mean, std) = scores
            .chunks_exact(splits.max(1))
            .map(numpy::mean_and_std)
            .unzip();
        Self {
            splits,
            scores,
            mean,
            std,
        }
    }

    /// The scores of one candidate, by split.
    pub fn of(&self, candidate: usize) -> &[f64] {
        &self.scores[candidate * self.splits..][..self.splits]
    }

    /// The scores on one split, by candidate.
    pub fn on(&self, split: usize) -> impl Iterator<Item = f64> {
        self.scores.iter().copied().skip(split).step_by(self.splits)
    }
}

/// scikit-learn's ranks of `mean_test_<metric>`
/// (`BaseSearchCV._format_results`).
fn rank(means: &[f64]) -> Vec<i32> {
    let least = means
        .iter()
        .copied()
        .filter(|mean| !mean.is_nan())
        .reduce(f64::min);
    let Some(least) = least else {
        return vec![1; means.len()];
    };
    let worst = least - 1.0;
    // `numpy.nan_to_num` also makes infinities finite.
    let finite = |mean: f64| match mean {
        _ if mean.is_nan() => worst,
        f64::INFINITY => f64::MAX,
        f64::NEG_INFINITY => f64::MIN,
        mean => mean,
    };
    let mut order: Vec<(f64, usize)> = means
        .iter()
        .enumerate()
        .map(|(candidate, &mean)| (finite(mean), candidate))
        .collect();
    order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let mut ranks = vec![0; means.len()];
    let mut rank = 1;
    for (position, &(mean, candidate)) in order.iter().enumerate() {
        // Not equal by bits: 0.0 and -0.0 share a rank.
        if position == 0 || mean != order[position - 1].0 {
            rank = i32::try_from(position + 1).expect("candidates fit in 31 bits");
        }
        ranks[candidate] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests;
