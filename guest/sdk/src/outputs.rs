//! [`Artifact`]: an output of a task; [`Recorder`]: a scorer that keeps predictions.

use crate::contract::Output;
use crate::contract::metric::Compares;
use crate::scoring::Scoring;
use crate::trainer::{Prediction, Scorer};
use crate::{Fault, prediction};

/// An output of a task beside its scores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What it is.
    pub output: Output,
    /// The index of the candidate in the task.
    pub candidate: u32,
    /// A file.
    pub bytes: Vec<u8>,
}

/// Passes predictions on to be scored, and keeps them if they are wanted.
pub(crate) struct Recorder<'a> {
    scoring: Scoring<'a>,
    kept: bool,
    classes: &'a [String],
    test: &'a [u32],
    artifacts: Vec<Artifact>,
}

impl<'a> Recorder<'a> {
    /// A recorder of predictions of the rows `test`, for a target of `classes`
    /// (none for numbers), which are `kept` or only scored.
    pub(crate) fn new(
        scoring: Scoring<'a>,
        kept: bool,
        classes: &'a [String],
        test: &'a [u32],
    ) -> Self {
        Self {
            scoring,
            kept,
            classes,
            test,
            artifacts: Vec::new(),
        }
    }

    /// The scoring, and the predictions.
    pub(crate) fn finish(self) -> (Scoring<'a>, Vec<Artifact>) {
        (self.scoring, self.artifacts)
    }
}

impl Scorer for Recorder<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scoring.test(candidate, prediction)?;
        if self.kept {
            self.artifacts.push(Artifact {
                output: Output::Predictions,
                candidate: candidate as u32,
                bytes: prediction::of_rows(self.test, self.classes, prediction)?,
            });
        }
        Ok(())
    }

    fn wants(&self, kind: Compares) -> bool {
        self.kept || self.scoring.wants(kind)
    }

    fn wants_train(&self) -> bool {
        self.scoring.wants_train()
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scoring.train(candidate, prediction)
    }
}
