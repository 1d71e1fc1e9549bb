//! [`read`]: the predictions of one candidate, as the store keeps them, beside the
//! target of their rows; [`make`] makes those that it lacks.

use bytes::Bytes;
use fanout_contract::{Answer, Output, Split};

use super::event::Listeners;
use super::manifest::Manifest;
use super::pool::Pool;
use super::record::Record;
use super::search::run_outside_search;
use super::tasks::{SingleTask, wanted_predictions};
use crate::dataset::{StoredError, Truth};
use crate::digest::Digest;
use crate::expand::Expansion;
use crate::store::{Key, Store, StoreError};
use crate::task::{TaskFault, WantedFits};
use crate::worth::{PredictedRows, RowsError};

/// Splits whose predictions are looked up at a time.
const LOOKED_UP: usize = 1024;

/// Why predictions can't be read.
#[derive(Debug, thiserror::Error)]
pub enum PredictionsError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of predictions is not of the contract's form.
    #[error(transparent)]
    Rows(#[from] RowsError),
    /// A file that the run stored can't be read back.
    #[error(transparent)]
    Stored(#[from] StoredError),
    /// The dataset is not in the store.
    #[error("`{key}` is not in the store")]
    NoDataset {
        /// Its name.
        key: Key,
    },
    /// They are not in the store.
    #[error("the store lacks predictions of candidate {candidate}")]
    Missing {
        /// The candidate.
        candidate: usize,
    },
}

/// The predictions of the test rows of `splits` by `candidate`, as `record` keeps
/// them; `None` where those of a split are missing.
pub fn read(
    record: &Record,
    expansion: &Expansion,
    candidate: usize,
    splits: &[Split],
    truth: &Truth,
) -> Result<Option<PredictedRows>, PredictionsError> {
    let files = files(record, expansion, candidate, splits)?;
    let rows = files.map(|files| PredictedRows::read(&files, truth));
    Ok(rows.transpose()?)
}

/// Their files, one a split.
fn files(
    record: &Record,
    expansion: &Expansion,
    candidate: usize,
    splits: &[Split],
) -> Result<Option<Vec<Bytes>>, StoreError> {
    let record = record.reusing();
    let mut files = Vec::with_capacity(splits.len());
    for splits in splits.chunks(LOOKED_UP) {
        let wanted = splits.iter();
        let wanted = wanted.map(|split| wanted_predictions(expansion, candidate, split));
        let wanted: Vec<WantedFits> = wanted.collect();
        for (wanted, found) in wanted.iter().zip(record.look(&wanted)?) {
            let Some((_, output, digest)) = found.artifacts.first() else {
                return Ok(None);
            };
            match record.artifact(&wanted.task, *output, *digest)? {
                Some(file) => files.push(file),
                None => return Ok(None),
            }
        }
    }
    Ok(Some(files))
}

/// Fits `candidate` on each of `splits` for whose test rows the record has no
/// predictions; then it has. A fault is that of the first split that met one.
pub fn make<E>(
    expansion: &Expansion,
    candidate: usize,
    splits: &[Split],
    pool: &dyn Pool<Error = E>,
    listeners: &mut Listeners<'_>,
) -> Result<Result<(), TaskFault>, E> {
    let task = |split| {
        let outputs = vec![Output::Predictions];
        SingleTask::outside_search(expansion, candidate, split, outputs)
    };
    let tasks: Vec<SingleTask> = splits.iter().map(task).collect();
    let ended = run_outside_search(&tasks, pool, listeners)?;
    let made: Result<Vec<Answer>, TaskFault> = ended.into_iter().collect();
    Ok(made.map(drop))
}

/// A dataset's file, from the store.
pub fn dataset(store: &Store, digest: Digest) -> Result<Bytes, PredictionsError> {
    let key = Key::dataset(&digest);
    let dataset = store.get_verified(&key, digest)?;
    dataset.ok_or(PredictionsError::NoDataset { key })
}

/// The target of a run's rows, from the dataset in the store.
pub fn truth(store: &Store, manifest: &Manifest) -> Result<Truth, PredictionsError> {
    let dataset = dataset(store, manifest.inputs.data.dataset)?;
    let plan = manifest.plan();
    let weight = plan.dataset.weight.as_deref();
    Ok(Truth::read(&dataset, &plan.dataset.target, weight)?)
}
