//! [`OwnSteps`]: steps that a guest brings itself, beside those of the SDK.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::contract::StepDescription;
use crate::matrix::Block;
use crate::{Fault, Matrix, Params, Target};

/// The steps of the guest. There is one guest in a component.
static OWN: OnceLock<&'static dyn OwnSteps> = OnceLock::new();

/// Steps that a guest brings itself. Names contain a full stop, which those of the SDK do
/// not.
pub trait OwnSteps: Sync {
    /// What the guest offers, in the order in which it is shown.
    fn descriptions(&self) -> Vec<StepDescription>;

    /// The description of one step.
    fn description(&self, name: &str) -> Option<StepDescription> {
        let mut descriptions = self.descriptions().into_iter();
        descriptions.find(|description| description.name == name)
    }

    /// Whether a step is meant for a column of categories, or one of numbers: those that
    /// are selected if a plan names none.
    fn suits(&self, name: &str, is_category: bool) -> bool;

    /// Fits a step on the training rows, and transforms these and `others`.
    ///
    /// # Errors
    /// If it can't be fitted.
    fn fit_transform(
        &self,
        name: &str,
        fit: &OwnFit<'_>,
        others: &[u32],
    ) -> Result<(Vec<u8>, OwnOutput), Fault>;

    /// Transforms rows by a fitted step.
    ///
    /// # Errors
    /// If it can't.
    fn transform(
        &self,
        name: &str,
        fitted: &[u8],
        matrix: &Matrix,
        rows: &[u32],
    ) -> Result<OwnOutput, Fault>;
}

/// What a fit reads.
pub struct OwnFit<'a> {
    /// The selected columns.
    pub matrix: &'a Matrix,
    /// Every parameter of the description.
    pub params: &'a Params,
    /// The target of all rows.
    pub target: &'a Target,
    /// The training rows, ascending.
    pub train: &'a [u32],
}

impl std::fmt::Debug for OwnFit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnFit").finish_non_exhaustive()
    }
}

/// The columns that a step makes.
#[derive(Debug)]
pub struct OwnOutput {
    /// Their names.
    pub names: Vec<String>,
    /// Row by row, the training rows of a fit before the others.
    pub numbers: Vec<f64>,
}

impl OwnOutput {
    /// A matrix of so many rows; others than `at` are missing.
    fn matrix(self, rows: usize, at: impl Iterator<Item = u32> + Clone) -> Result<Matrix, Fault> {
        let width = self.names.len();
        if self.numbers.len() != width * at.clone().count() {
            let message = "it did not give every column for each row";
            return Err(Fault::Failed(message.to_owned()));
        }
        let columns = self.names.into_iter().enumerate().map(|(column, name)| {
            let mut values = vec![f64::NAN; rows];
            for (row, numbers) in at.clone().zip(self.numbers.chunks_exact(width)) {
                values[row as usize] = numbers[column];
            }
            Block::number(name, values)
        });
        Ok(Matrix::new(rows, columns.collect()))
    }
}

/// A fitted step of the guest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedOwn {
    name: String,
    #[serde(with = "serde_bytes")]
    fitted: Vec<u8>,
}

/// Makes the steps of the guest known.
pub(crate) fn register(own: &'static dyn OwnSteps) {
    OWN.get_or_init(|| own);
}

/// The guest's own steps, if it has any.
pub(super) fn own() -> Option<&'static dyn OwnSteps> {
    OWN.get().copied()
}

impl FittedOwn {
    pub(super) fn fit_transform(
        own: &dyn OwnSteps,
        name: &str,
        fit: &OwnFit<'_>,
        rows: &[u32],
    ) -> Result<(Self, Matrix), Fault> {
        let is_other = |row: &&u32| fit.train.binary_search(row).is_err();
        let others: Vec<u32> = rows.iter().filter(is_other).copied().collect();
        let (fitted, output) = own.fit_transform(name, fit, &others)?;
        let all = fit.train.iter().chain(&others).copied();
        let matrix = output.matrix(fit.matrix.rows(), all)?;
        let name = name.to_owned();
        Ok((Self { name, fitted }, matrix))
    }

    pub(super) fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
        let Self { name, fitted } = self;
        let own =
            own().ok_or_else(|| Fault::InvalidTask(format!("the guest has no step `{name}`")))?;
        let output = own.transform(name, fitted, matrix, rows)?;
        output.matrix(matrix.rows(), rows.iter().copied())
    }
}
