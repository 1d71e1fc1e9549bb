//! [`Scoring`]: the metrics that a task names, over the predictions of its
//! candidates.

use crate::contract::{Scores, Task};
use crate::splits::Rows;
use crate::trainer::{Prediction, Scorer};
use crate::{Fault, Target};

/// Scores the candidates of one task.
pub(crate) struct Scoring<'a> {
    target: &'a Target,
    rows: &'a Rows,
    wants_train: bool,
    scores: Vec<Option<Scores>>,
}

impl<'a> Scoring<'a> {
    pub(crate) fn new(task: &Task, target: &'a Target, rows: &'a Rows) -> Result<Self, Fault> {
        Ok(Self {
            target,
            rows,
            wants_train: task.train_score,
            scores: vec![None; task.candidates.len()],
        })
    }

    pub(crate) fn finish(self, trainer: &str) -> Result<Vec<Scores>, Fault> {
        self.scores
            .into_iter()
            .collect::<Option<_>>()
            .ok_or_else(|| Fault::Failed(format!("trainer `{trainer}` left out a candidate")))
    }

    fn accuracy(&self, rows: &[u32], prediction: Prediction<'_>) -> f64 {
        let Target::Classes { classes, codes } = self.target else {
            return f64::NAN;
        };
        let predicted = prediction.classes(classes.len());
        let pairs = rows.iter().zip(predicted.iter());
        let right = pairs
            .filter(|(row, class)| codes[**row as usize] == **class)
            .count();
        right as f64 / rows.len() as f64
    }
}

impl Scorer for Scoring<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let score = self.accuracy(&self.rows.test, prediction);
        let scores = self.scores[candidate].get_or_insert_default();
        scores.test.insert("accuracy".to_owned(), Some(score));
        Ok(())
    }

    fn wants_train(&self) -> bool {
        self.wants_train
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let score = self.accuracy(&self.rows.train, prediction);
        let scores = self.scores[candidate].get_or_insert_default();
        scores.train.insert("accuracy".to_owned(), Some(score));
        Ok(())
    }
}
