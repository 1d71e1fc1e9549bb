//! [`Trainer`], the one trait that an estimator implements, and what it is
//! given to work with.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use crate::{Fault, Params, Table, Target, TrainerDescription};

/// An estimator that a guest offers. It has no state of its own: what it
/// makes of a dataset stands in [`Trainer::Prepared`], what it learns in
/// [`Trainer::Model`], and both are functions of their arguments alone.
pub trait Trainer: 'static {
    /// What the estimator makes of a dataset once, for all fits on it: binned
    /// features, a dense matrix. One instance hands it to the others, in the
    /// format of [`Trainer::Model`].
    type Prepared: Serialize + DeserializeOwned + 'static;
    /// A fitted estimator, self-contained: it predicts rows of other tables
    /// with the same features. It is written in postcard's format, which
    /// keeps every bit of a float but does not describe itself: its types
    /// need no `#[serde(untagged)]`, `flatten`, `skip_serializing_if` or
    /// `serde_json::Value`.
    type Model: Serialize + DeserializeOwned;

    /// Name, hyper-parameters, and which of them are nested.
    fn description() -> TrainerDescription;

    /// Reads the features. The target is none of its business.
    fn prepare(table: &Table) -> Result<Self::Prepared, Fault>;

    /// Fits every candidate of the job on its training rows and hands the
    /// predictions to `scorer`: [`Scorer::test`] exactly once a candidate,
    /// [`Scorer::train`] too if [`Scorer::wants_train`]. Returns how many
    /// models it fitted.
    fn evaluate(
        data: &Self::Prepared,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault>;

    /// Fits the first candidate of the job on its training rows.
    fn fit(data: &Self::Prepared, job: &Job<'_>) -> Result<Self::Model, Fault>;

    /// Predicts every row of a table. Its features may stand in another
    /// order than those of the training table, and its categories may be
    /// coded otherwise: names and labels decide.
    fn predict(model: &Self::Model, table: &Table) -> Result<PredictionBuf, Fault>;
}

/// The candidates of one family on one split for one target. Every
/// hyper-parameter of the description is present in every candidate (given or
/// default), and was checked against its kinds.
#[derive(Debug)]
pub struct Job<'a> {
    /// The candidates; at least one. They differ only in nested
    /// hyper-parameters when the host grouped them, but a trainer is correct
    /// for any others too.
    pub candidates: &'a [Params],
    /// What to predict, for all rows of the table.
    pub target: &'a Target,
    /// The rows to fit on, ascending.
    pub train: &'a [u32],
    /// The rows to score, ascending.
    pub test: &'a [u32],
}

/// Takes the predictions of candidates, one at a time, so that a trainer
/// never holds those of all candidates at once.
pub trait Scorer {
    /// Scores candidate `candidate` by its predictions for the job's test
    /// rows, in their order.
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault>;
    /// Whether [`Scorer::train`] is to be called too.
    fn wants_train(&self) -> bool;
    /// Scores candidate `candidate` by its predictions for the job's training
    /// rows, in their order.
    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault>;
}

/// Predictions for some rows, in their order.
#[derive(Clone, Copy, Debug)]
pub enum Prediction<'a> {
    /// Class indices, of an estimator that knows no probabilities.
    Classes(&'a [u32]),
    /// For two classes: the probability of class 1 (the second of
    /// [`Target::classes`]) a row. The predicted class is 1 where it is
    /// greater than 0.5.
    Binary(&'a [f64]),
    /// For any number of classes: row-major, one probability a class. The
    /// predicted class is the first of the greatest.
    Multiclass(&'a [f64]),
    /// Numbers, of a regressor.
    Numbers(&'a [f64]),
}

impl<'a> Prediction<'a> {
    /// The number of rows, of a target of `classes` classes; `None` where the
    /// numbers do not come out even, or the kind does not fit the classes.
    pub fn rows(&self, classes: usize) -> Option<usize> {
        match self {
            Self::Classes(codes) => (classes > 1).then_some(codes.len()),
            Self::Binary(ones) => (classes == 2).then_some(ones.len()),
            Self::Multiclass(table) => {
                (classes > 1 && table.len().is_multiple_of(classes)).then(|| table.len() / classes)
            }
            Self::Numbers(numbers) => (classes == 0).then_some(numbers.len()),
        }
    }

    /// The predicted class of each row, of a target of `classes` classes;
    /// none for a regressor.
    pub fn classes(&self, classes: usize) -> Cow<'a, [u32]> {
        match self {
            Self::Classes(codes) => Cow::Borrowed(codes),
            Self::Binary(ones) => ones.iter().map(|one| u32::from(*one > 0.5)).collect(),
            Self::Multiclass(table) => table.chunks_exact(classes).map(first_greatest).collect(),
            Self::Numbers(_) => Cow::Borrowed(&[]),
        }
    }
}

/// The first place of the greatest number, as NumPy's `argmax`: a NaN is
/// greater than all.
fn first_greatest(row: &[f64]) -> u32 {
    let (mut best, mut best_place) = (row[0], 0);
    for (place, &value) in (0u32..).zip(row).skip(1) {
        // Without a branch: which class is ahead can't be foreseen.
        let ahead = ((value > best) | value.is_nan()) & !best.is_nan();
        best = if ahead { value } else { best };
        best_place = if ahead { place } else { best_place };
    }
    best_place
}

/// [`Prediction`] that owns its numbers, with the classes that they are of.
#[derive(Clone, Debug)]
pub struct PredictionBuf {
    /// The class labels, in the order of the indices; empty for a regressor.
    pub classes: Vec<String>,
    /// The numbers.
    pub values: PredictionValues,
}

impl PredictionBuf {
    /// The numbers, borrowed.
    pub fn as_prediction(&self) -> Prediction<'_> {
        match &self.values {
            PredictionValues::Classes(codes) => Prediction::Classes(codes),
            PredictionValues::Binary(ones) => Prediction::Binary(ones),
            PredictionValues::Multiclass(table) => Prediction::Multiclass(table),
            PredictionValues::Numbers(numbers) => Prediction::Numbers(numbers),
        }
    }
}

/// See [`Prediction`].
#[derive(Clone, Debug)]
pub enum PredictionValues {
    /// See [`Prediction::Classes`].
    Classes(Vec<u32>),
    /// See [`Prediction::Binary`].
    Binary(Vec<f64>),
    /// See [`Prediction::Multiclass`].
    Multiclass(Vec<f64>),
    /// See [`Prediction::Numbers`].
    Numbers(Vec<f64>),
}
