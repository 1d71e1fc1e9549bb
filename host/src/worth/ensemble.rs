//! [`Library`]: predictions out of fold of the candidates of a search; and [`Ensemble`],
//! what a combination of some of them is worth.
//!
//! Greedy selection is that of Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble
//! selection from libraries of models" (ICML 2004), with replacement. Votes are those of
//! scikit-learn's `VotingClassifier` and `VotingRegressor`.

mod combine;
mod select;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use fanout_contract::Task;
use fanout_sdk::{Fault, PredictionBuf, PredictionValues, Target, scores};
use serde::{Deserialize, Serialize};

use combine::{MemberValues, combined};
pub use select::Members;

use super::assessment::Scoring;
use super::bootstrap;
use super::bootstrap::Interval;
use super::rows::PredictedRows;
use crate::digest::Digest;
use crate::model::Votes;
use crate::numpy;
use crate::task::Cancel;
use select::Selection;

/// The most parts into which the splits are divided for scores of splits that the
/// selection has not seen. Threat: a selection for each row of `leave_one_out`.
const PARTS: usize = 10;

/// What a combination of candidates is worth; the content of `ensemble.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ensemble {
    /// The method's name in a plan.
    pub method: String,
    /// The metric by which members were selected.
    pub metric: String,
    /// How many candidates they were selected from.
    pub selected_from: usize,
    /// Whether the plan names the members; left out where not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub named: bool,
    /// The members, by candidate; those of a vote in their order.
    pub members: Vec<Member>,
    /// Its test scores by every metric.
    pub scores: BTreeMap<String, SplitScores>,
    /// The candidate of the greatest mean by `metric`.
    pub best_candidate: usize,
    /// By how much the mean of `metric` is greater than that of the best candidate, on the
    /// predictions by which both were selected.
    pub gain: Interval,
    /// The same of splits that the selection has not seen; null where there is one split.
    pub left_out: Option<LeftOut>,
    /// The scores of the refitted ensemble on the hold-out rows, by metric; null where
    /// there are none.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The run of the estimator that learns from what the members predict; left out where
    /// there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_stage: Option<Digest>,
}

/// A member of an ensemble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The candidate's index, from 0.
    pub candidate: usize,
    /// Its weight among the members: for greedy selection, how often it was taken.
    pub weight: f64,
}

/// Scores by one metric on the test rows of the splits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitScores {
    /// The mean over the splits; null where that of a split is.
    pub mean: Option<f64>,
    /// The standard deviation over the splits; likewise.
    pub std: Option<f64>,
    /// By split; null where the metric is not defined.
    pub splits: Vec<Option<f64>>,
}

/// Scores of splits by what was selected on the other ones: of ensembles, and of single
/// candidates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    /// Into how many parts the splits were divided, each of which was left out once.
    pub parts: usize,
    /// Of the ensembles, by every metric.
    pub scores: BTreeMap<String, SplitScores>,
    /// Of the best candidates of the other splits, by every metric.
    pub best_candidate: BTreeMap<String, SplitScores>,
    /// By how much the mean of the metric is greater for the ensembles, with an interval of
    /// 95 %.
    pub gain: Interval,
}

impl SplitScores {
    fn new(splits: Vec<Option<f64>>) -> Self {
        let numbers: Option<Vec<f64>> = splits.iter().copied().collect();
        let (mean, std) = numbers.as_deref().map(numpy::mean_and_std).unzip();
        Self { mean, std, splits }
    }
}

/// Predictions out of fold of candidates, all of the same rows.
#[derive(Debug)]
pub struct Library {
    /// The rows with their target; the predictions are those of the first candidate.
    rows: PredictedRows,
    /// The target and weights of the rows of each split.
    splits: Vec<SplitTruth>,
    votes: Votes,
    candidates: Vec<Candidate>,
}

#[derive(Debug)]
struct SplitTruth {
    rows: std::ops::Range<usize>,
    target: Target,
    weights: Option<Vec<f64>>,
}

#[derive(Debug)]
struct Candidate {
    /// Its index among those of the search.
    index: usize,
    /// The index of its trainer.
    trainer: usize,
    values: MemberValues,
}

impl Library {
    /// The library of one candidate.
    ///
    /// # Errors
    /// If it does not predict what is combined.
    pub fn new(
        index: usize,
        trainer: usize,
        rows: PredictedRows,
        votes: Votes,
    ) -> Result<Self, Fault> {
        let truth = |range: std::ops::Range<usize>| {
            let places: Vec<u32> = (range.start as u32..range.end as u32).collect();
            let PredictedRows {
                target, weights, ..
            } = rows.taken(&places);
            SplitTruth {
                rows: range,
                target,
                weights,
            }
        };
        let splits = rows.by_split().into_iter().map(truth).collect();
        let values = MemberValues::of(&rows, votes)?;
        Ok(Self {
            rows,
            splits,
            votes,
            candidates: vec![Candidate {
                index,
                trainer,
                values,
            }],
        })
    }

    /// Adds a candidate behind those there are: its index is greater.
    ///
    /// # Errors
    /// If it does not predict what is combined, or not the same rows.
    pub fn add(&mut self, index: usize, trainer: usize, rows: &PredictedRows) -> Result<(), Fault> {
        if rows.rows != self.rows.rows || rows.splits != self.rows.splits {
            let message = format!("candidate {index} predicts other rows than the first one");
            return Err(Fault::Failed(message));
        }
        self.candidates.push(Candidate {
            index,
            trainer,
            values: MemberValues::of(rows, self.votes)?,
        });
        Ok(())
    }

    /// How many candidates it has.
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Selects members by the metric of this name, which is one of `scoring`, and says what
    /// they are worth. The same library gives the same, bit for bit. `None` if no candidate
    /// has a score on every split; what is found after `cancel` is of no use.
    ///
    /// # Errors
    /// If a metric does not suit the predictions.
    pub fn ensemble(
        &self,
        method: &str,
        members: &Members,
        metric: &str,
        scoring: Scoring<'_>,
        cancel: &Cancel,
    ) -> Result<Option<Ensemble>, Fault> {
        let task = scoring.task(&self.rows.target);
        let by_metric = of_metric(&task, metric);
        let mut selection = Selection::new(self, &by_metric, cancel)?;
        let all: Vec<usize> = (0..self.splits.len()).collect();
        let Some(selected) = selection.select(members, &all)? else {
            return Ok(None);
        };
        let Some(best) = selection.best(&all) else {
            return Ok(None);
        };
        let alone = vec![(best, 1.0)];
        let ensemble = self.rows_of(&selected);
        let gain = bootstrap::gain_over_splits(&self.rows_of(&alone), &ensemble, &by_metric)?;
        Ok(Some(Ensemble {
            method: method.to_owned(),
            metric: metric.to_owned(),
            selected_from: self.len(),
            named: matches!(members, Members::Named { .. }),
            members: self.named(&selected),
            scores: self.scores(&task, &ensemble)?,
            best_candidate: self.candidates[best].index,
            gain,
            left_out: self.left_out(members, &mut selection, [&task, &by_metric])?,
            holdout: None,
            second_stage: None,
        }))
    }

    /// Selects members by the metric of this name, which is one of `scoring`, and the best
    /// candidate; `None` if there are too few with a score on every split.
    ///
    /// # Errors
    /// If the metric does not suit the predictions.
    pub fn select(
        &self,
        members: &Members,
        metric: &str,
        scoring: Scoring<'_>,
        cancel: &Cancel,
    ) -> Result<Option<(Vec<Member>, usize)>, Fault> {
        let by_metric = of_metric(&scoring.task(&self.rows.target), metric);
        let mut selection = Selection::new(self, &by_metric, cancel)?;
        let all: Vec<usize> = (0..self.splits.len()).collect();
        let selected = selection.select(members, &all)?;
        let both = selected.zip(selection.best(&all));
        Ok(both.map(|(selected, best)| (self.named(&selected), self.candidates[best].index)))
    }

    /// What an estimator is worth that learnt from what members predict, as [`Library::select`]
    /// gives them: `rows` are its predictions out of fold, of the rows of the library.
    ///
    /// # Errors
    /// If these are other rows, or a metric does not suit the predictions.
    pub fn second_stage(
        &self,
        (members, best_candidate): (Vec<Member>, usize),
        rows: &PredictedRows,
        metric: &str,
        scoring: Scoring<'_>,
    ) -> Result<Ensemble, Fault> {
        if rows.rows != self.rows.rows || rows.splits != self.rows.splits {
            let message = "the second stage predicts other rows than the first";
            return Err(Fault::Failed(message.to_owned()));
        }
        let task = scoring.task(&self.rows.target);
        let mut candidates = self.candidates.iter();
        let best = candidates.position(|candidate| candidate.index == best_candidate);
        let alone = self.rows_of(&[(best.unwrap_or_default(), 1.0)]);
        Ok(Ensemble {
            method: "stacking".to_owned(),
            metric: metric.to_owned(),
            selected_from: self.len(),
            named: false,
            members,
            scores: self.scores(&task, rows)?,
            best_candidate,
            gain: bootstrap::gain_over_splits(&alone, rows, &of_metric(&task, metric))?,
            left_out: None,
            holdout: None,
            second_stage: None,
        })
    }

    /// Scores each part of the splits by what is selected on the others.
    fn left_out(
        &self,
        members: &Members,
        selection: &mut Selection<'_>,
        [task, by_metric]: [&Task; 2],
    ) -> Result<Option<LeftOut>, Fault> {
        let parts = self.splits.len().min(PARTS);
        if parts < 2 {
            return Ok(None);
        }
        let mut both = [self.rows.clone(), self.rows.clone()];
        let mut values: [Option<MemberValues>; 2] = [None, None];
        for part in 0..parts {
            let of_part = |split: &usize| split % parts == part;
            let (own, others): (Vec<usize>, Vec<usize>) = (0..self.splits.len()).partition(of_part);
            let (Some(selected), Some(best)) =
                (selection.select(members, &others)?, selection.best(&others))
            else {
                return Ok(None);
            };
            for (all, chosen) in values.iter_mut().zip([&selected, &vec![(best, 1.0)]]) {
                let found = self.combined(chosen);
                let all = all.get_or_insert_with(|| found.clone());
                for split in &own {
                    all.copy(&found, self.splits[*split].rows.clone(), self.classes());
                }
            }
        }
        for (rows, values) in both.iter_mut().zip(values) {
            if let Some(values) = values {
                rows.predicted.values = values.into_predictions(self.classes());
            }
        }
        let [ensemble, best] = both;
        Ok(Some(LeftOut {
            parts,
            scores: self.scores(task, &ensemble)?,
            best_candidate: self.scores(task, &best)?,
            gain: bootstrap::gain_over_splits(&best, &ensemble, by_metric)?,
        }))
    }

    fn classes(&self) -> usize {
        self.rows.target.classes().len()
    }

    fn named(&self, members: &[(usize, f64)]) -> Vec<Member> {
        let member = |(position, weight): &(usize, f64)| Member {
            candidate: self.candidates[*position].index,
            weight: *weight,
        };
        members.iter().map(member).collect()
    }

    fn combined(&self, members: &[(usize, f64)]) -> MemberValues {
        let members = members.iter();
        let members =
            members.map(|(position, weight)| (&self.candidates[*position].values, *weight));
        combined(&members.collect::<Vec<_>>(), self.classes())
    }

    /// The rows as members at these positions predict them together.
    fn rows_of(&self, members: &[(usize, f64)]) -> PredictedRows {
        let values = self.combined(members).into_predictions(self.classes());
        PredictedRows {
            predicted: PredictionBuf {
                classes: self.rows.predicted.classes.clone(),
                values,
            },
            ..self.rows.clone()
        }
    }

    /// The scores of predictions by split.
    fn scores(
        &self,
        task: &Task,
        rows: &PredictedRows,
    ) -> Result<BTreeMap<String, SplitScores>, Fault> {
        let mut found: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
        for split in &self.splits {
            let places: Vec<u32> = (split.rows.start as u32..split.rows.end as u32).collect();
            let rows = rows.taken(&places);
            let scored = scores(
                task,
                &split.target,
                split.weights.as_deref(),
                rows.prediction(),
            )?;
            for (name, score) in scored {
                found.entry(name).or_default().push(score);
            }
        }
        let found = found.into_iter();
        Ok(found
            .map(|(name, splits)| (name, SplitScores::new(splits)))
            .collect())
    }

    /// The score, by the one metric of `task`, of values of the rows of a split.
    fn score(
        &self,
        task: &Task,
        split: usize,
        values: PredictionValues,
    ) -> Result<Option<f64>, Fault> {
        let truth = &self.splits[split];
        let predicted = PredictionBuf {
            classes: self.rows.predicted.classes.clone(),
            values,
        };
        let weights = truth.weights.as_deref();
        let scored = scores(task, &truth.target, weights, predicted.as_prediction())?;
        Ok(scored.into_values().next().flatten())
    }
}

/// The same task with the metric of this name alone.
fn of_metric(task: &Task, metric: &str) -> Task {
    let scoring = task.scoring.iter().filter(|score| score.name == metric);
    Task {
        scoring: scoring.cloned().collect(),
        ..task.clone()
    }
}

/// What members of these weights predict together of rows that each predicts.
///
/// # Errors
/// If one does not predict what is combined.
pub fn vote(
    members: &[(PredictedRows, f64)],
    votes: Votes,
) -> Result<Option<PredictedRows>, Fault> {
    let Some((first, _)) = members.first() else {
        return Ok(None);
    };
    let values = members
        .iter()
        .map(|(rows, _)| MemberValues::of(rows, votes));
    let values: Vec<MemberValues> = values.collect::<Result<_, _>>()?;
    let weighted: Vec<(&MemberValues, f64)> = values
        .iter()
        .zip(members.iter().map(|(_, weight)| *weight))
        .collect();
    let classes = first.target.classes().len();
    let mut rows = first.clone();
    rows.predicted.values = combined(&weighted, classes).into_predictions(classes);
    Ok(Some(rows))
}

/// The columns that an estimator of a second stage takes of what a member predicts: numbers,
/// the probability of the second of two classes, or those of all classes.
///
/// # Errors
/// If it predicts no probabilities of classes.
pub fn stacked(rows: &PredictedRows) -> Result<Vec<Vec<f64>>, Fault> {
    let width = combine::width(rows.target.classes().len());
    match MemberValues::of(rows, Votes::Mean)? {
        MemberValues::Table(table) => {
            let column = |at| table.iter().skip(at).step_by(width).copied().collect();
            Ok((0..width).map(column).collect())
        }
        MemberValues::Codes(_) => Ok(Vec::new()),
    }
}

/// The scores of rows by every metric.
///
/// # Errors
/// If a metric does not suit the predictions.
pub fn score_rows(
    rows: &PredictedRows,
    scoring: Scoring<'_>,
) -> Result<BTreeMap<String, Option<f64>>, Fault> {
    let task = scoring.task(&rows.target);
    scores(
        &task,
        &rows.target,
        rows.weights.as_deref(),
        rows.prediction(),
    )
}
