//! [`SessionError`]: why a plan was not executed to its end, with its kind and
//! what the user can do.

mod hint;

use std::path::PathBuf;

use fanout_contract::Fault;

use crate::dataset::{DatasetError, SourceError, WriteError};
use crate::digest::Digest;
use crate::error::{ErrorKind, chained};
use crate::model::{CompositeError, ExportError, ModelFileError, PredictError, ServedError};
use crate::plan::PlanError;
use crate::pool::PoolError;
use crate::python::PythonError;
use crate::queue::QueueError;
use crate::report::Failure;
use crate::report::files::FilesError;
use crate::run::predictions::PredictionsError;
use crate::run::search::SearchError;
use crate::sandbox::GuestError;
use crate::store::StoreError;
use crate::task::TaskFault;

/// Why a plan was not executed to its end.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The plan has mistakes.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The dataset can't be read or does not fit the plan.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file of a guest can't be read.
    #[error("can't read the guest `{}`", path.display())]
    GuestFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A guest can't be used.
    #[error("the guest `{name}` can't be used")]
    Guest {
        /// Its name or path.
        name: String,
        /// Why.
        #[source]
        source: GuestError,
    },
    /// There is no guest of Python.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The sandbox does not start.
    #[error(transparent)]
    Sandbox(#[from] GuestError),
    /// The pool gave up.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The store is in the memory of this process, and workers are elsewhere.
    #[error("remote workers can't reach the store `memory://`")]
    UnsharedStore,
    /// The environment variable of the endpoints' token is not set.
    #[error("the environment variable `{variable}` is not set")]
    TokenMissing {
        /// The variable.
        variable: String,
    },
    /// The environment variable of the endpoints' token holds something else.
    #[error("the environment variable `{variable}` holds no token")]
    TokenMalformed {
        /// The variable.
        variable: String,
    },
    /// The token would be sent where anybody on the way can read it.
    #[error("the token would be sent to `{endpoint}` in plain text")]
    TokenExposed {
        /// The endpoint's URL.
        endpoint: String,
    },
    /// The search has no results.
    #[error(transparent)]
    Search(#[from] SearchError<PoolError>),
    /// The best candidate can't be fitted or scored once more.
    #[error("the refit of the best candidate failed")]
    Refit(#[source] TaskFault),
    /// A member of an ensemble can't be fitted once more.
    #[error("the refit of candidate {candidate}, a member of the ensemble, failed")]
    Member {
        /// The candidate.
        candidate: usize,
        /// How it failed.
        #[source]
        fault: TaskFault,
    },
    /// The dataset of a second stage can't be made.
    #[error("the dataset of the second stage can't be made")]
    SecondDataset(#[source] DatasetError),
    /// The final estimator can't be fitted once more.
    #[error("the refit of the final estimator failed")]
    SecondStage(#[source] TaskFault),
    /// There are no members.
    #[error("there is no ensemble: {why}")]
    NoEnsemble {
        /// What is missing.
        why: &'static str,
    },
    /// A feature can't be permuted.
    #[error("the best candidate can't be scored with a feature permuted")]
    Explanation(#[source] TaskFault),
    /// The predictions of the best candidate can't be read back.
    #[error("the predictions of the best candidate can't be read back")]
    Predictions(#[from] PredictionsError),
    /// The predictions of the best candidate can't be scored.
    #[error("the predictions of the best candidate can't be scored")]
    Assessment(#[source] Fault),
    /// A target of a chain has no model, so that those behind it can't be searched.
    #[error("the chain of targets ends at `{target}`: {}", failure.message)]
    Chain {
        /// The target.
        target: String,
        /// What went wrong with it.
        failure: Failure,
    },
    /// The splits don't test each row once, so that a chain has no predictions of it.
    #[error(
        "a chain of targets needs each row to be tested once: of `{target}`, {never} rows are \
         tested by no split and {twice} by several"
    )]
    NoPartition {
        /// The target.
        target: String,
        /// The number of rows without a prediction.
        never: usize,
        /// The number of predictions of rows that have one.
        twice: usize,
    },
    /// The refitted model is in the store no more.
    #[error("the refitted model was removed from the store before it was read")]
    ModelLost,
    /// A model file can't be read.
    #[error(transparent)]
    ModelFile(#[from] ModelFileError),
    /// A composite model, where one model is wanted.
    #[error(transparent)]
    Composite(#[from] CompositeError),
    /// The guest of a model is not at hand.
    #[error("the model has no guest with it, and guest `{guest}` is none of this program's")]
    ModelGuest {
        /// Its digest.
        guest: Digest,
    },
    /// A guest can't serve a model.
    #[error(transparent)]
    Served(#[from] ServedError),
    /// Rows can't be predicted.
    #[error(transparent)]
    Predict(#[from] PredictError),
    /// A model can't be exported.
    #[error(transparent)]
    Export(#[from] ExportError),
    /// A model can't be retrained.
    #[error(transparent)]
    Retrain(#[from] RetrainError),
    /// The files of results can't be written.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Why a model can't be retrained.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RetrainError {
    /// The model file does not name its source.
    #[error("the model does not say on which data it was trained")]
    NoSource,
    /// It is of a target of a chain, which reads what is predicted of others.
    #[error("the model reads what other models of a chain predict, of {before}")]
    Chained {
        /// The targets before it.
        before: String,
    },
    /// The target has other classes.
    #[error("the target `{target}` has the classes {found}; the model has {trained}")]
    Classes {
        /// The target.
        target: String,
        /// Those of the data.
        found: String,
        /// Those of the model.
        trained: String,
    },
    /// No metric is defined for both models on the newest rows.
    #[error("none of the metrics {metrics} is defined on the {rows} newest rows")]
    Undefined {
        /// The metrics.
        metrics: String,
        /// The number of rows.
        rows: usize,
    },
}

impl SessionError {
    /// The error as what went wrong after a search.
    pub(super) fn into_failure(self) -> Failure {
        Failure {
            kind: self.kind(),
            hint: self.hint(),
            message: chained(&self),
        }
    }
}

impl From<QueueError> for SessionError {
    fn from(error: QueueError) -> Self {
        Self::Pool(error.into())
    }
}

impl SessionError {
    /// The kind of failure.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Plan(_) => ErrorKind::Plan,
            Self::Dataset(DatasetError::Store(_) | DatasetError::Source(SourceError::Store(_))) => {
                ErrorKind::Store
            }
            // The fault of the machine, not of the data.
            Self::Dataset(DatasetError::Write(WriteError::Temporary(_))) => ErrorKind::Internal,
            Self::Dataset(DatasetError::Stored(_)) => ErrorKind::Store,
            Self::Dataset(_) => ErrorKind::Data,
            Self::Store(_) => ErrorKind::Store,
            // The fault of the machine, not of the guest.
            Self::Guest {
                source: GuestError::Cache(_),
                ..
            }
            | Self::Sandbox(GuestError::Cache(_)) => ErrorKind::Internal,
            Self::Python(PythonError::NotMade { .. }) => ErrorKind::Guest,
            Self::Python(error) => error.kind(),
            Self::GuestFile { .. } | Self::Guest { .. } | Self::Sandbox(_) => ErrorKind::Guest,
            Self::Pool(error) | Self::Search(SearchError::Pool(error)) => pool_kind(error),
            Self::UnsharedStore
            | Self::TokenMissing { .. }
            | Self::TokenMalformed { .. }
            | Self::TokenExposed { .. } => ErrorKind::Pool,
            Self::Predictions(_) => ErrorKind::Store,
            Self::Assessment(_) => ErrorKind::Guest,
            Self::Refit(TaskFault::Cancelled)
            | Self::Explanation(TaskFault::Cancelled)
            | Self::SecondStage(TaskFault::Cancelled)
            | Self::Member {
                fault: TaskFault::Cancelled,
                ..
            } => ErrorKind::Interrupted,
            Self::Search(SearchError::Raised { .. } | SearchError::AllFailed { .. })
            | Self::Refit(_)
            | Self::Member { .. }
            | Self::SecondStage(_)
            | Self::Explanation(_) => ErrorKind::Guest,
            Self::NoEnsemble { .. } => ErrorKind::Unscored,
            Self::SecondDataset(_) => ErrorKind::Store,
            Self::Search(SearchError::Interrupted { .. }) => ErrorKind::Interrupted,
            Self::ModelFile(_) | Self::Composite(_) | Self::ModelGuest { .. } | Self::Served(_) => {
                ErrorKind::Data
            }
            Self::ModelLost => ErrorKind::Store,
            Self::Chain { failure, .. } => failure.kind,
            Self::NoPartition { .. } => ErrorKind::Data,
            Self::Predict(error) => match error {
                PredictError::Rows(DatasetError::Source(SourceError::Store(_))) => ErrorKind::Store,
                PredictError::Rows(_)
                | PredictError::Drawn(_)
                | PredictError::ClassesAlone
                | PredictError::SameName { .. } => ErrorKind::Data,
                PredictError::Guest(TaskFault::Cancelled) => ErrorKind::Interrupted,
                PredictError::Guest(_) => ErrorKind::Guest,
                PredictError::Output(_) | PredictError::Threads(_) => ErrorKind::Internal,
            },
            Self::Export(ExportError::Guest(TaskFault::Cancelled)) => ErrorKind::Interrupted,
            Self::Export(_) => ErrorKind::Guest,
            Self::Retrain(RetrainError::Undefined { .. }) => ErrorKind::Unscored,
            Self::Retrain(_) => ErrorKind::Data,
            Self::Files(_) => ErrorKind::Internal,
        }
    }
}

fn pool_kind(error: &PoolError) -> ErrorKind {
    match error {
        PoolError::Store(_) | PoolError::Missing { .. } => ErrorKind::Store,
        PoolError::Worker(_) | PoolError::Client(_) | PoolError::OtherGuest => ErrorKind::Internal,
        PoolError::Endpoint(_)
        | PoolError::Queue(_)
        | PoolError::AllReturned { .. }
        | PoolError::Authority { .. }
        | PoolError::Unsigned { .. } => ErrorKind::Pool,
    }
}
