//! [`Recorder`]: a scorer that keeps the outputs that a task asks for beside its
//! scores.

use crate::contract::Output;
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

/// Passes predictions on to be scored, and keeps those that a task asks for.
pub(crate) struct Recorder<'a> {
    scoring: Scoring<'a>,
    outputs: &'a [Output],
    classes: &'a [String],
    test: &'a [u32],
    artifacts: Vec<Artifact>,
}

impl<'a> Recorder<'a> {
    /// A recorder of predictions of the rows `test`, for a target of `classes`
    /// (none for numbers).
    pub(crate) fn new(
        scoring: Scoring<'a>,
        outputs: &'a [Output],
        classes: &'a [String],
        test: &'a [u32],
    ) -> Self {
        Self {
            scoring,
            outputs,
            classes,
            test,
            artifacts: Vec::new(),
        }
    }

    /// The scoring, and the artifacts in the order of the candidates.
    pub(crate) fn finish(mut self) -> (Scoring<'a>, Vec<Artifact>) {
        self.artifacts
            .sort_by_key(|artifact| (artifact.candidate, artifact.output));
        (self.scoring, self.artifacts)
    }
}

impl Scorer for Recorder<'_> {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scoring.test(candidate, prediction)?;
        for &output in self.outputs {
            let bytes = match output {
                Output::Predictions => prediction::of_rows(self.test, self.classes, prediction)?,
            };
            self.artifacts.push(Artifact {
                output,
                candidate: candidate as u32,
                bytes,
            });
        }
        Ok(())
    }

    fn wants_train(&self) -> bool {
        self.scoring.wants_train()
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        self.scoring.train(candidate, prediction)
    }
}
