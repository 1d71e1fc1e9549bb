//! [`Recorder`], for several test files.

use std::collections::BTreeMap;

use fanout_sdk::{Fault, Prediction, Scorer};

/// A scorer that keeps the predictions of each candidate.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Recorder {
    /// By candidate: those of the test rows.
    pub(crate) test: BTreeMap<usize, Vec<f64>>,
    /// By candidate: those of the training rows.
    pub(crate) train: BTreeMap<usize, Vec<f64>>,
}

/// The numbers of a prediction.
pub(crate) fn values(prediction: Prediction<'_>) -> Vec<f64> {
    match prediction {
        Prediction::Binary(values)
        | Prediction::Multiclass(values)
        | Prediction::Numbers(values) => values.to_vec(),
        other => panic!("trees predicted {other:?}"),
    }
}

impl Scorer for Recorder {
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let before = self.test.insert(candidate, values(prediction));
        assert!(before.is_none(), "scored twice");
        Ok(())
    }

    fn wants_train(&self) -> bool {
        true
    }

    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault> {
        let before = self.train.insert(candidate, values(prediction));
        assert!(before.is_none(), "scored twice");
        Ok(())
    }
}
