//! [`Asked`]: the rows whose predictions a job wants of a bag; [`Added`]: what its members
//! predict of these, added up.

use std::collections::BTreeMap;

use super::draw::Draw;
use super::mean::{Sums, joined, owned};
use crate::trainer::{Prediction, PredictionValues};
use crate::{Fault, Job, Scorer};

/// The rows that a job asks predictions for, ascending, each once.
pub(super) struct Asked {
    pub(super) rows: Vec<u32>,
    /// The places of the test rows and of the training rows, if these are asked for too.
    places: Option<[Vec<u32>; 2]>,
}

impl Asked {
    pub(super) fn new(job: &Job<'_>, with_train: bool) -> Self {
        if !with_train {
            return Self {
                rows: job.test.to_vec(),
                places: None,
            };
        }
        let mut rows = [job.test, job.train].concat();
        rows.sort_unstable();
        rows.dedup();
        let place = |row: &u32| rows.partition_point(|other| other < row) as u32;
        let places = [job.test, job.train].map(|list| list.iter().map(place).collect());
        Self {
            rows,
            places: Some(places),
        }
    }

    /// Those of the rows that are no training rows of a member: trainers predict test rows
    /// and training rows apart.
    pub(super) fn left_out(&self, job: &Job<'_>, draw: &Draw) -> Vec<u32> {
        if self.places.is_none() {
            return job.test.to_vec();
        }
        let mut rows = [job.test, &draw.chosen(job.train, false)].concat();
        rows.sort_unstable();
        rows
    }

    /// By row: its place among the test rows and, behind these, the training rows of a
    /// member; `None` if they are the test rows.
    pub(super) fn order(&self, member: &Job<'_>) -> Option<Vec<u32>> {
        self.places.as_ref()?;
        let place = |row: &u32| match member.test.binary_search(row) {
            Ok(place) => place as u32,
            // The first, if it was drawn more than once.
            Err(_) => {
                let place = member.train.partition_point(|other| other < row);
                (member.test.len() + place) as u32
            }
        };
        Some(self.rows.iter().map(place).collect())
    }

    /// Passes the predictions of these rows on to a scorer.
    pub(super) fn pass_on(
        &self,
        values: &PredictionValues,
        classes: usize,
        candidate: usize,
        scorer: &mut dyn Scorer,
    ) -> Result<(), Fault> {
        let Some([test, train]) = &self.places else {
            return scorer.test(candidate, values.as_prediction());
        };
        scorer.test(candidate, values.of_rows(classes, test).as_prediction())?;
        scorer.train(candidate, values.of_rows(classes, train).as_prediction())
    }
}

/// Adds the predictions of a member's candidates to sums.
pub(super) struct Added<'a> {
    pub(super) sums: &'a mut [Sums],
    /// By candidate: the place of its sums.
    pub(super) places: &'a [usize],
    /// The number of classes; 0 for numbers.
    pub(super) classes: usize,
    /// See [`Asked::order`].
    pub(super) order: Option<Vec<u32>>,
    /// By candidate: its predictions of test rows and of training rows, until both are
    /// there.
    pub(super) halves: BTreeMap<usize, [Option<PredictionValues>; 2]>,
}

impl Added<'_> {
    fn half(&mut self, which: usize, candidate: usize, prediction: Prediction<'_>) {
        let Some(order) = &self.order else {
            self.sums[self.places[candidate]].add(prediction);
            return;
        };
        let halves = self.halves.entry(candidate).or_default();
        halves[which] = Some(owned(prediction));
        if let [Some(test), Some(train)] = halves {
            let both = joined(test, train).of_rows(self.classes, order);
            self.sums[self.places[candidate]].add(both.as_prediction());
            self.halves.remove(&candidate);
        }
    }
}

impl Scorer for Added<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.half(0, candidate, prediction);
        Ok(())
    }

    fn wants_train(&self) -> bool {
        self.order.is_some()
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.half(1, candidate, prediction);
        Ok(())
    }
}
