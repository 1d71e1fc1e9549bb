//! [`Trainer`], the trait that an estimator implements, and the types of its
//! arguments and results.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};

use crate::contract::metric::Compares;
use crate::contract::{Importances, Part};
use crate::equal::EqualParts;
use crate::explanation::Contributions;
use crate::{Fault, Matrix, Params, Table, Target, TrainerDescription, onnx};

/// An estimator of a guest. Its functions are pure: their results depend on
/// nothing but their arguments, since a task has to give the same bits on every
/// host.
pub trait Trainer: 'static {
    /// The features of a dataset in the form that fits need, such as a dense
    /// matrix or binned features. Computed once per dataset, and serialised in
    /// the format of [`Trainer::Model`] for other instances of the guest.
    type Prepared: Serialize + DeserializeOwned + 'static;
    /// A fitted estimator. It predicts rows of any table that has the same
    /// features. It is serialised in postcard's format, which keeps every bit of
    /// a float but is not self-describing: its types must not use
    /// `#[serde(untagged)]`, `flatten`, `skip_serializing_if` or
    /// `serde_json::Value`.
    type Model: Serialize + DeserializeOwned + 'static;

    /// The name, the kinds of target and the hyper-parameters of the estimator.
    fn description() -> TrainerDescription;

    /// Reads the features of a table.
    ///
    /// # Errors
    /// If a feature can't be read, or the estimator does not support it.
    fn prepare(table: &Table) -> Result<Self::Prepared, Fault>;

    /// Reads the features as the steps of a pipeline leave them.
    ///
    /// # Errors
    /// As [`Trainer::prepare`].
    fn prepare_matrix(matrix: &Matrix) -> Result<Self::Prepared, Fault> {
        Self::prepare(&Table::of_matrix(matrix.clone())?)
    }

    /// Fits every candidate of the job on the training rows, and passes its
    /// predictions to `scorer`: [`Scorer::test`] exactly once per candidate, and
    /// [`Scorer::train`] exactly once if [`Scorer::wants_train`]. Returns the
    /// number of models that were fitted.
    ///
    /// # Errors
    /// [`Fault::InvalidParams`] for hyper-parameters that do not go together or
    /// do not fit the data, [`Fault::Failed`] for a fit that fails, and the
    /// faults of `scorer`.
    fn evaluate(
        data: &Self::Prepared,
        job: &Job<'_>,
        scorer: &mut dyn Scorer,
    ) -> Result<u32, Fault>;

    /// Fits the first candidate of the job on the training rows.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    fn fit(data: &Self::Prepared, job: &Job<'_>) -> Result<Self::Model, Fault>;

    /// The model of the parts of a fit ([`Job::part`]), in order and without gaps:
    /// bit for bit that of the whole fit. Each part is read when it is asked for, so that
    /// what it holds beside the model need not be in memory with that of all others.
    ///
    /// # Errors
    /// [`Fault::InvalidTask`] if models have no parts, or these are not the parts of
    /// one fit; and the fault of a part that can't be read.
    fn merge(
        parts: impl Iterator<Item = Result<Self::Model, Fault>>,
    ) -> Result<Self::Model, Fault> {
        let _ = parts;
        let name = Self::description().name;
        Err(Fault::InvalidTask(format!(
            "models of trainer `{name}` have no parts"
        )))
    }

    /// Passes what a fitted model, that of the only candidate of the job, predicts to
    /// `scorer`, bit for bit as [`Trainer::evaluate`] does. Only for trainers that say
    /// that models have parts.
    ///
    /// # Errors
    /// As [`Trainer::evaluate`].
    fn score(
        data: &Self::Prepared,
        job: &Job<'_>,
        model: &Self::Model,
        scorer: &mut dyn Scorer,
    ) -> Result<(), Fault> {
        let _ = (data, job, model, scorer);
        let name = Self::description().name;
        Err(Fault::InvalidTask(format!(
            "models of trainer `{name}` have no parts"
        )))
    }

    /// Has a model that was read hold what is equal to a part of another model, such as the
    /// bin edges of a feature, as one with that: models of many members fit into memory so.
    /// What it predicts stays as it is.
    fn share_equal(model: &mut Self::Model, parts: &mut EqualParts) {
        let _ = (model, parts);
    }

    /// The score of the training rows out of bag, if the model has one.
    fn oob_score(model: &Self::Model) -> Option<f64> {
        let _ = model;
        None
    }

    /// Predicts every row of a table. Its features may be in another order than
    /// those of the training table, and its categories may have other codes:
    /// features are matched by name, categories by label ([`crate::Schema`]).
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] if a feature is missing or of another kind.
    fn predict(model: &Self::Model, table: &Table) -> Result<PredictionBuf, Fault>;

    /// Predicts every row of a matrix that the steps of the model's pipeline left,
    /// which has the very columns that it was fitted on.
    ///
    /// # Errors
    /// As [`Trainer::predict`].
    fn predict_matrix(model: &Self::Model, matrix: &Matrix) -> Result<PredictionBuf, Fault> {
        Self::predict(model, &Table::of_matrix(matrix.clone())?)
    }

    /// The operators of ONNX that predict as [`Trainer::predict`] does. `columns` are
    /// those that the steps of the model's pipeline leave; `None` without steps: then
    /// the features become inputs of the graph ([`onnx::Columns::inputs`]).
    ///
    /// # Errors
    /// [`onnx::refused`], with the reason, if ONNX can't say it.
    fn onnx(
        model: &Self::Model,
        graph: &mut onnx::Graph,
        columns: Option<onnx::Columns>,
    ) -> Result<onnx::Prediction, Fault> {
        let _ = (model, graph, columns);
        Err(onnx::refused(
            &format!("trainer `{}`", Self::description().name),
            "the trainer offers none",
        ))
    }

    /// What each feature adds to the predictions of every row of a table, whose
    /// features are matched as those of [`Trainer::predict`].
    ///
    /// # Errors
    /// [`Fault::InvalidTask`] if the trainer can't tell, and as [`Trainer::predict`].
    fn explain(model: &Self::Model, table: &Table) -> Result<Contributions, Fault> {
        let _ = (model, table);
        Err(Fault::InvalidTask(format!(
            "trainer `{}` has no contributions of features; trainers of trees have",
            Self::description().name
        )))
    }

    /// How much a model relies on each of its features, from the model alone.
    ///
    /// # Errors
    /// [`Fault::InvalidTask`] if the trainer can't tell.
    fn importances(model: &Self::Model) -> Result<Importances, Fault> {
        let _ = model;
        Err(Fault::InvalidTask(format!(
            "trainer `{}` has no importances of its own; permutation importance is of any \
             trainer",
            Self::description().name
        )))
    }
}

/// The candidates of one family, on one split, for one target. Every candidate
/// has every hyper-parameter of the description, given or default, and its value
/// was checked against the description.
#[derive(Debug)]
pub struct Job<'a> {
    /// The candidates, at least one. Candidates that the host grouped differ only
    /// in nested hyper-parameters, but a trainer has to accept any others.
    pub candidates: &'a [Params],
    /// The target of all rows of the table. Training and test rows have a value.
    pub target: &'a Target,
    /// The weights of all rows of the table, finite and at least 0; `None` if all
    /// rows weigh the same. Only for trainers that say that they take weights.
    pub weights: Option<&'a [f64]>,
    /// The indices of the training rows, ascending; at least one. A row may occur more
    /// than once, as a row of its own each time, for trainers that take no weights: in
    /// bags.
    pub train: &'a [u32],
    /// The indices of the test rows, ascending; none for a fit.
    pub test: &'a [u32],
    /// The part of the model that a fit is to make; `None` for the whole model, and
    /// for trainers that do not say that models have parts.
    pub part: Option<Part>,
}

/// Takes the predictions of one candidate after the other, so that a trainer
/// does not have to keep those of all candidates.
pub trait Scorer {
    /// Scores the predictions of candidate `candidate` for the job's test rows,
    /// in the order of these.
    ///
    /// # Errors
    /// If they are not one per row, or were scored already.
    fn test(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault>;
    /// Whether anything compares predictions of this kind. Those that nothing compares may
    /// be anything of their shape, and decisions and probabilities be left out, where they
    /// cost time.
    fn wants(&self, kind: Compares) -> bool {
        let _ = kind;
        true
    }
    /// Whether [`Scorer::train`] has to be called.
    fn wants_train(&self) -> bool;
    /// Scores the predictions of candidate `candidate` for the job's training
    /// rows, in the order of these.
    ///
    /// # Errors
    /// As [`Scorer::test`].
    fn train(&mut self, candidate: usize, prediction: Prediction<'_>) -> Result<(), Fault>;
}

/// The predictions for a list of rows.
#[derive(Clone, Copy, Debug)]
pub enum Prediction<'a> {
    /// One class index per row, of a classifier without probabilities.
    Classes(&'a [u32]),
    /// For two classes: the probability of class 1, the second of
    /// [`Target::classes`], one per row. Class 1 is predicted if it is greater
    /// than 0.5.
    Binary(&'a [f64]),
    /// For any number of classes: a matrix of shape (rows, classes) of
    /// probabilities, row-major. The first class of the greatest probability is
    /// predicted.
    Multiclass(&'a [f64]),
    /// Decisions, of a classifier that ranks rows by other numbers than
    /// probabilities.
    Decisions {
        /// One class index per row: the class that is predicted.
        classes: &'a [u32],
        /// For two classes, one number per row, greater for class 1; else a matrix of
        /// shape (rows, classes), row-major, whose number is greater the more the
        /// row is of the class. A class without a training row has negative infinity.
        values: &'a [f64],
        /// Probabilities in the shape of `values`, of class 1 for two classes; `None`
        /// if there are none.
        probabilities: Option<&'a [f64]>,
    },
    /// One number per row, of a regressor.
    Numbers(&'a [f64]),
}

impl<'a> Prediction<'a> {
    /// The number of rows, for a target of `classes` classes (0 for numbers).
    /// `None` if the length is not a multiple of the classes, or the kind of
    /// prediction does not suit the target.
    pub fn rows(&self, classes: usize) -> Option<usize> {
        match self {
            Self::Classes(codes) => (classes > 1).then_some(codes.len()),
            Self::Decisions {
                classes: codes,
                values,
                probabilities,
            } => {
                let width = if classes == 2 { 1 } else { classes };
                let mut tables = std::iter::once(values).chain(probabilities);
                let fits = tables.all(|table| table.len() == codes.len() * width);
                (classes > 1 && fits).then_some(codes.len())
            }
            Self::Binary(ones) => (classes == 2).then_some(ones.len()),
            Self::Multiclass(table) => {
                (classes > 1 && table.len().is_multiple_of(classes)).then(|| table.len() / classes)
            }
            Self::Numbers(numbers) => (classes == 0).then_some(numbers.len()),
        }
    }

    /// The predicted class of each row, for a target of `classes` classes. Empty
    /// for a regressor.
    pub fn classes(&self, classes: usize) -> Cow<'a, [u32]> {
        match self {
            Self::Classes(codes) | Self::Decisions { classes: codes, .. } => Cow::Borrowed(codes),
            Self::Binary(ones) => ones.iter().map(|one| u32::from(*one > 0.5)).collect(),
            Self::Multiclass(table) => table.chunks_exact(classes).map(first_greatest).collect(),
            Self::Numbers(_) => Cow::Borrowed(&[]),
        }
    }
}

/// The first index of the greatest number. As in NumPy's `argmax`, NaN is greater
/// than all numbers.
fn first_greatest(row: &[f64]) -> u32 {
    let (mut best, mut best_place) = (row[0], 0);
    for (place, &value) in (0u32..).zip(row).skip(1) {
        // Branchless: the result of the comparison is hard to predict.
        let is_greater = ((value > best) | value.is_nan()) & !best.is_nan();
        best = if is_greater { value } else { best };
        best_place = if is_greater { place } else { best_place };
    }
    best_place
}

/// A [`Prediction`] that owns its values, with the class labels.
#[derive(Clone, Debug)]
pub struct PredictionBuf {
    /// The labels by class index; empty for a regressor.
    pub classes: Vec<String>,
    /// The predicted values.
    pub values: PredictionValues,
}

impl PredictionBuf {
    /// The predicted values, borrowed.
    pub fn as_prediction(&self) -> Prediction<'_> {
        self.values.as_prediction()
    }
}

impl PredictionValues {
    /// The values, borrowed.
    pub fn as_prediction(&self) -> Prediction<'_> {
        match self {
            Self::Classes(codes) => Prediction::Classes(codes),
            Self::Binary(ones) => Prediction::Binary(ones),
            Self::Multiclass(table) => Prediction::Multiclass(table),
            Self::Decisions {
                classes,
                values,
                probabilities,
            } => Prediction::Decisions {
                classes,
                values,
                probabilities: probabilities.as_deref(),
            },
            Self::Numbers(numbers) => Prediction::Numbers(numbers),
        }
    }

    /// The predictions of the rows at these places, which may be named twice, for a target of
    /// `classes` classes, 0 for numbers.
    #[must_use]
    pub fn of_rows(&self, classes: usize, places: &[u32]) -> Self {
        let codes =
            |codes: &[u32]| -> Vec<u32> { places.iter().map(|at| codes[*at as usize]).collect() };
        let table = |values: &[f64], width: usize| -> Vec<f64> {
            let row = |at: &u32| &values[*at as usize * width..][..width];
            places.iter().flat_map(row).copied().collect()
        };
        let width = if classes == 2 { 1 } else { classes };
        match self {
            Self::Classes(of) => Self::Classes(codes(of)),
            Self::Binary(ones) => Self::Binary(table(ones, 1)),
            Self::Multiclass(of) => Self::Multiclass(table(of, classes)),
            Self::Decisions {
                classes: of,
                values,
                probabilities,
            } => Self::Decisions {
                classes: codes(of),
                values: table(values, width),
                probabilities: probabilities.as_ref().map(|of| table(of, width)),
            },
            Self::Numbers(numbers) => Self::Numbers(table(numbers, 1)),
        }
    }
}

/// The values of a [`Prediction`], owned.
#[derive(Clone, Debug)]
pub enum PredictionValues {
    /// See [`Prediction::Classes`].
    Classes(Vec<u32>),
    /// See [`Prediction::Binary`].
    Binary(Vec<f64>),
    /// See [`Prediction::Multiclass`].
    Multiclass(Vec<f64>),
    /// See [`Prediction::Decisions`].
    Decisions {
        /// One class index per row.
        classes: Vec<u32>,
        /// One number per row, or of shape (rows, classes).
        values: Vec<f64>,
        /// Probabilities in the shape of `values`.
        probabilities: Option<Vec<f64>>,
    },
    /// See [`Prediction::Numbers`].
    Numbers(Vec<f64>),
}
