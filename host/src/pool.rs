//! [`Pool`]: what runs tasks. A pool decides where and when; it never decides
//! what a result is, and it keeps no record: the store does.

mod local;

use std::ops::ControlFlow;

use fanout_contract::Task;

pub use local::LocalPool;

use crate::digest::Digest;
use crate::run::event::Outcome;
use crate::sandbox::Cancel;
use crate::store::{Store, StoreError};

/// Why a pool gave up. A task's fault is not among these: it is a result.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The record can't be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object that a task needs is not in the store.
    #[error("`{key}` is not in the store")]
    Missing {
        /// Its key.
        key: String,
    },
    /// A worker can't be started.
    #[error("can't start a worker")]
    Worker(#[source] std::io::Error),
}

/// The tasks of a run, made one at a time, so that a run of many tasks does
/// not hold them all.
pub trait Tasks: Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The id of task `index`: the name of its result.
    fn id(&self, index: usize) -> Digest;
    /// The document of task `index`.
    fn task(&self, index: usize) -> Task;
}

/// Where tasks find their data, and where results go.
#[derive(Clone, Debug)]
pub struct Work {
    /// The record.
    pub store: Store,
    /// The dataset's Parquet file.
    pub dataset: Digest,
    /// The splits' Parquet file.
    pub splits: Digest,
    /// Whether results of earlier runs are taken.
    pub reuse: bool,
    /// Stops the run.
    pub cancel: Cancel,
}

/// Runs tasks.
pub trait Pool {
    /// How many tasks run at a time.
    fn workers(&self) -> usize;

    /// Runs all tasks, in any order, and hands each outcome, with the task's
    /// index, to `finished` on the calling thread, after it is in the store.
    /// Ends early when `finished` breaks or the work is cancelled; tasks in
    /// flight are then dropped.
    fn run(
        &self,
        tasks: &dyn Tasks,
        finished: &mut dyn FnMut(usize, Outcome) -> ControlFlow<()>,
    ) -> Result<(), PoolError>;
}
