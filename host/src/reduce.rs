//! [`Scoreboard`], the scores as they arrive, and [`SearchResults`], what they
//! come to. Pure: it does no I/O, and knows nothing of time but the wall times
//! that outcomes carry.
//!
//! Scores lie in flat arrays, eight bytes each, so that 100,000 candidates
//! stay a few megabytes.

use std::collections::BTreeMap;

use fanout_contract::{Answer, Scores};

use crate::expand::TaskSpec;
use crate::plan::ErrorScore;
use crate::task::{Outcome, TaskFault};

mod numpy;

/// The scores of a search as they arrive, in any order.
#[derive(Clone, Debug)]
pub struct Scoreboard {
    candidates: usize,
    splits: usize,
    error_score: f64,
    metrics: Vec<Sheet>,
    /// Seconds a fit, candidate by candidate; NaN: not recorded yet.
    times: Vec<f64>,
    /// Splits not recorded yet, by candidate.
    pending: Vec<u32>,
    tally: Tally,
    failures: BTreeMap<&'static str, Failures>,
}

/// The scores by one metric, candidate by candidate.
#[derive(Clone, Debug)]
struct Sheet {
    name: String,
    test: Vec<f64>,
    train: Option<Vec<f64>>,
    best: Option<f64>,
    undefined: usize,
}

/// What a search came to. Candidates go by their index in the expansion.
#[derive(Clone, Debug)]
pub struct SearchResults {
    /// How many candidates.
    pub candidates: usize,
    /// How many splits.
    pub splits: usize,
    /// By metric, in the plan's order.
    pub metrics: Vec<MetricResults>,
    /// Seconds a fit, by candidate, over the splits. A fit's time is its
    /// task's wall time divided by the fits that the task served.
    pub mean_fit_time: Vec<f64>,
    /// The standard deviation of the same.
    pub std_fit_time: Vec<f64>,
    /// How many fits.
    pub tally: Tally,
    /// What failed, by kind, in alphabetical order.
    pub failures: Vec<Failures>,
}

/// The results by one metric.
#[derive(Clone, Debug)]
pub struct MetricResults {
    /// The metric's name.
    pub name: String,
    /// On the test rows.
    pub test: ScoreTable,
    /// By candidate: 1 for the greatest mean, equal means sharing the least
    /// rank, NaN worst: scikit-learn's `rank_test_<metric>`.
    pub rank: Vec<i32>,
    /// On the training rows, where the plan asked for them.
    pub train: Option<ScoreTable>,
    /// How many fits that did not fail have no test score, because the
    /// metric is not defined on their rows.
    pub undefined: usize,
}

/// Scores by one metric: those of the splits, their mean, and their
/// standard deviation (that of a population, as in `cv_results_`).
#[derive(Clone, Debug)]
pub struct ScoreTable {
    splits: usize,
    scores: Vec<f64>,
    /// By candidate; NaN where a split's score is.
    pub mean: Vec<f64>,
    /// By candidate; NaN where a split's score is.
    pub std: Vec<f64>,
}

/// How many fits a search took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Fits with an answer.
    pub served: usize,
    /// Models that were fitted for these answers: fewer where families share
    /// one.
    pub made: usize,
    /// Fits among `served` whose answer an earlier run had left.
    pub reused: usize,
    /// Fits with no answer.
    pub failed: usize,
}

/// The fits that failed in one way.
#[derive(Clone, Debug, PartialEq)]
pub struct Failures {
    /// [`TaskFault::kind`].
    pub kind: &'static str,
    /// How many tasks.
    pub tasks: usize,
    /// How many fits these stood for.
    pub fits: usize,
    /// The fault of the first of them, by split and candidate.
    pub example: TaskFault,
    /// The split of the example.
    pub split: u32,
    /// The first candidate of the example.
    pub candidate: u32,
}

impl Scoreboard {
    /// An empty one. `error_score` is the score of a failed fit by every
    /// metric; that [`ErrorScore::Raise`] ends a run is not this module's to
    /// do, and the fit counts as NaN.
    pub fn new(
        candidates: usize,
        splits: usize,
        metrics: &[String],
        train_score: bool,
        error_score: ErrorScore,
    ) -> Self {
        let cells = candidates * splits;
        let sheet = |name: &String| Sheet {
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
            metrics: metrics.iter().map(sheet).collect(),
            times: vec![f64::NAN; cells],
            pending: vec![u32::try_from(splits).expect("splits fit in 32 bits"); candidates],
            tally: Tally::default(),
            failures: BTreeMap::new(),
        }
    }

    /// Takes in how a task ended. A fit that was recorded before keeps its
    /// scores. An answer that lacks a candidate or a metric is a
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
        for (position, &candidate) in task.candidates.iter().enumerate() {
            let candidate = candidate as usize;
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
                self.rate(candidate);
            }
        }
        if new == 0 {
            return;
        }
        match answer {
            Ok(answer) => {
                self.tally.served += new;
                self.tally.made += answer.fits as usize;
                self.tally.reused += if outcome.reused { new } else { 0 };
            }
            Err(fault) => {
                self.tally.failed += new;
                self.note_failure(task, fault, new);
            }
        }
    }

    /// The best mean test score, by the metric with this index, of a
    /// candidate whose splits are all recorded.
    pub fn best_so_far(&self, metric: usize) -> Option<f64> {
        self.metrics[metric].best
    }

    /// How many fits are recorded.
    pub fn recorded(&self) -> usize {
        self.tally.served + self.tally.failed
    }

    /// The results. A fit that was never recorded has neither scores nor a
    /// time (NaN).
    pub fn finish(self) -> SearchResults {
        let splits = self.splits;
        let metric = |sheet: Sheet| {
            let test = ScoreTable::new(sheet.test, splits);
            MetricResults {
                name: sheet.name,
                rank: rank(&test.mean),
                test,
                train: sheet.train.map(|scores| ScoreTable::new(scores, splits)),
                undefined: sheet.undefined,
            }
        };
        let times = ScoreTable::new(self.times, splits);
        SearchResults {
            candidates: self.candidates,
            splits,
            metrics: self.metrics.into_iter().map(metric).collect(),
            mean_fit_time: times.mean,
            std_fit_time: times.std,
            tally: self.tally,
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
            for sheet in &self.metrics {
                let train = sheet.train.is_none() || scores.train.contains_key(&sheet.name);
                if !train || !scores.test.contains_key(&sheet.name) {
                    return malformed(format!("there is no score by `{}`", sheet.name));
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, cell: usize, scores: &Scores) {
        let score = |by: &BTreeMap<String, Option<f64>>, name: &str| by[name].unwrap_or(f64::NAN);
        for sheet in &mut self.metrics {
            let test = score(&scores.test, &sheet.name);
            sheet.test[cell] = test;
            sheet.undefined += usize::from(test.is_nan());
            if let Some(train) = &mut sheet.train {
                train[cell] = score(&scores.train, &sheet.name);
            }
        }
    }

    fn write_failed(&mut self, cell: usize) {
        for sheet in &mut self.metrics {
            sheet.test[cell] = self.error_score;
            if let Some(train) = &mut sheet.train {
                train[cell] = self.error_score;
            }
        }
    }

    fn rate(&mut self, candidate: usize) {
        let cells = candidate * self.splits..(candidate + 1) * self.splits;
        for sheet in &mut self.metrics {
            let mean = numpy::mean(&sheet.test[cells.clone()]);
            if !mean.is_nan() && sheet.best.is_none_or(|best| mean > best) {
                sheet.best = Some(mean);
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
