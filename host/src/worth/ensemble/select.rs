//! [`Selection`]: which candidates of a library are members, by their scores on some of
//! the splits.

use std::collections::HashMap;

use fanout_contract::Task;
use fanout_sdk::Fault;
use rayon::prelude::*;

use super::Library;
use super::combine::{MemberValues, add, predictions, width};
use crate::numpy;
use crate::task::Cancel;

/// After so many rounds without a better score, greedy selection ends.
const PATIENCE: u32 = 10;

/// How members are selected.
#[derive(Clone, Debug, PartialEq)]
pub enum Members {
    /// Greedily, with at most so many rounds.
    Greedy {
        /// How many.
        size: u32,
    },
    /// The best candidate of each trainer, in their order, with these weights; none: all
    /// weigh the same.
    BestPerTrainer {
        /// By trainer.
        weights: Vec<f64>,
    },
    /// So many of the best candidates, the best one first.
    Best {
        /// How many.
        count: usize,
        /// By rank.
        weights: Vec<f64>,
    },
    /// These candidates, in their order.
    Named {
        /// Their indices among those of the search.
        candidates: Vec<usize>,
        /// By place in this order; none: all weigh the same.
        weights: Vec<f64>,
    },
}

/// Means that differ by less are equal: those of the same scores in another order do.
const ROUNDING: f64 = 1e-12;

/// By candidate, the score on each split; NaN where it is not defined.
type ScoresOfAll = Vec<Vec<f64>>;

/// Selects members by one metric.
pub(super) struct Selection<'a> {
    library: &'a Library,
    task: &'a Task,
    cancel: &'a Cancel,
    /// The scores of each candidate alone.
    alone: ScoresOfAll,
    /// By how often each candidate was taken: the scores with one candidate more. What is
    /// selected on other splits often begins in the same way.
    with_one_more: HashMap<Vec<u32>, ScoresOfAll>,
}

impl<'a> Selection<'a> {
    pub(super) fn new(
        library: &'a Library,
        task: &'a Task,
        cancel: &'a Cancel,
    ) -> Result<Self, Fault> {
        let mut selection = Self {
            library,
            task,
            cancel,
            alone: Vec::new(),
            with_one_more: HashMap::new(),
        };
        selection.alone = selection.scored(None)?;
        Ok(selection)
    }

    /// The position of the candidate of the greatest mean on these splits, the first of
    /// several; `None` if none has a score on each.
    pub(super) fn best(&self, on: &[usize]) -> Option<usize> {
        greatest(&self.alone, on, |_| true).map(|(best, _)| best)
    }

    /// The positions of members and their weights, by scores on these splits.
    pub(super) fn select(
        &mut self,
        members: &Members,
        on: &[usize],
    ) -> Result<Option<Vec<(usize, f64)>>, Fault> {
        let (positions, weights) = match members {
            Members::Greedy { size } => return self.greedy(*size, on),
            Members::BestPerTrainer { weights } => {
                let candidates = &self.library.candidates;
                let trainers = candidates.iter().map(|candidate| candidate.trainer);
                let trainers = trainers.max().map_or(0, |last| last + 1);
                let best = |trainer| {
                    let is_own = |position: usize| candidates[position].trainer == trainer;
                    greatest(&self.alone, on, is_own).map(|(best, _)| best)
                };
                let best: Option<Vec<usize>> = (0..trainers).map(best).collect();
                (best, weights)
            }
            Members::Best { count, weights } => {
                let mut taken: Vec<usize> = Vec::new();
                while taken.len() < *count
                    && let Some((next, _)) =
                        greatest(&self.alone, on, |position| !taken.contains(&position))
                {
                    taken.push(next);
                }
                ((taken.len() == *count).then_some(taken), weights)
            }
            Members::Named {
                candidates: named,
                weights,
            } => {
                let position = |index: &usize| {
                    let mut candidates = self.library.candidates.iter();
                    let position = candidates.position(|candidate| candidate.index == *index)?;
                    (!mean_of(&self.alone[position], on).is_nan()).then_some(position)
                };
                (named.iter().map(position).collect(), weights)
            }
        };
        let weight = |(place, position): (usize, usize)| {
            (position, weights.get(place).copied().unwrap_or(1.0))
        };
        Ok(positions.map(|positions| positions.into_iter().enumerate().map(weight).collect()))
    }

    /// The shortest beginning of the greatest mean of greedy selection.
    fn greedy(&mut self, size: u32, on: &[usize]) -> Result<Option<Vec<(usize, f64)>>, Fault> {
        let mut counts = vec![0; self.library.len()];
        let mut best: Option<(f64, Vec<u32>)> = None;
        let mut stale = 0;
        for round in 0..size {
            if self.cancel.is_cancelled() {
                break;
            }
            let found = match round {
                0 => greatest(&self.alone, on, |_| true),
                _ => first_of_greatest(self.with_one_more(&counts)?, on),
            };
            let Some((taken, mean)) = found else {
                break;
            };
            counts[taken] += 1;
            if best.as_ref().is_none_or(|(best, _)| mean > best + ROUNDING) {
                best = Some((mean, counts.clone()));
                stale = 0;
            } else {
                stale += 1;
            }
            if stale == PATIENCE {
                break;
            }
        }
        let members = best.map(|(_, counts)| taken(&counts).collect());
        Ok(members)
    }

    fn with_one_more(&mut self, counts: &[u32]) -> Result<&ScoresOfAll, Fault> {
        if !self.with_one_more.contains_key(counts) {
            let found = self.scored(Some(counts))?;
            self.with_one_more.insert(counts.to_vec(), found);
        }
        Ok(&self.with_one_more[counts])
    }

    /// The scores of each candidate, with those that were taken so often.
    fn scored(&self, counts: Option<&[u32]>) -> Result<ScoresOfAll, Fault> {
        let Library {
            candidates, splits, ..
        } = self.library;
        let classes = self.library.classes();
        let width = width(classes);
        let mut sums = Vec::new();
        let mut total = 1.0;
        if let Some(counts) = counts {
            let members = taken(counts).map(|(at, count)| (&candidates[at].values, count));
            let members: Vec<(&MemberValues, f64)> = members.collect();
            sums = vec![0.0; self.library.rows.len() * width];
            add(&members, &mut sums);
            total += members.iter().map(|(_, count)| count).sum::<f64>();
        }
        let of_candidate = |values: &MemberValues| -> Result<Vec<f64>, Fault> {
            let of_split = |split: usize| {
                let rows = splits[split].rows.clone();
                let values = match values {
                    MemberValues::Codes(codes) => {
                        MemberValues::Codes(codes[rows].to_vec()).into_predictions(classes)
                    }
                    MemberValues::Table(table) => {
                        let places = rows.start * width..rows.end * width;
                        let own = &table[places.clone()];
                        let table = match sums.get(places) {
                            Some(sums) if counts.is_some() => {
                                let both = sums.iter().zip(own);
                                both.map(|(sum, own)| (sum + own) / total).collect()
                            }
                            _ => own.to_vec(),
                        };
                        predictions(table, classes)
                    }
                };
                Ok(self
                    .library
                    .score(self.task, split, values)?
                    .unwrap_or(f64::NAN))
            };
            (0..splits.len()).map(of_split).collect()
        };
        let all = candidates.par_iter();
        all.map(|candidate| of_candidate(&candidate.values))
            .collect()
    }
}

/// Those that were taken at least once, and how often.
fn taken(counts: &[u32]) -> impl Iterator<Item = (usize, f64)> {
    let counts = counts.iter().enumerate().filter(|(_, count)| **count > 0);
    counts.map(|(position, count)| (position, f64::from(*count)))
}

/// The first of the greatest mean over these splits, and that mean, of those that are asked
/// for and have a score on each.
fn greatest(
    scores: &ScoresOfAll,
    on: &[usize],
    is_asked: impl Fn(usize) -> bool,
) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for (position, scores) in scores.iter().enumerate() {
        if !is_asked(position) {
            continue;
        }
        let mean = mean_of(scores, on);
        if mean.is_nan() {
            continue;
        }
        if best.is_none_or(|(_, greatest)| mean > greatest) {
            best = Some((position, mean));
        }
    }
    best
}

/// The first whose mean over these splits is the greatest but for rounding, and that mean.
fn first_of_greatest(scores: &ScoresOfAll, on: &[usize]) -> Option<(usize, f64)> {
    let (_, most) = greatest(scores, on, |_| true)?;
    let means = scores.iter().map(|scores| mean_of(scores, on)).enumerate();
    let mut first = means.filter(|(_, mean)| *mean >= most - ROUNDING);
    first.next()
}

fn mean_of(scores: &[f64], on: &[usize]) -> f64 {
    let own: Vec<f64> = on.iter().map(|split| scores[*split]).collect();
    numpy::mean(&own)
}
