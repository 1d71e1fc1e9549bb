//! [`Pool`]: what runs tasks. A pool decides where and when; it never decides
//! what a result is, and it keeps no record: the store does.

mod ahead;
mod crew;
mod files;
mod http;
mod local;
mod nats;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use fanout_contract::Task;

pub use http::{EndpointError, HttpPool, HttpSettings, Problem};
pub use local::{LocalPool, SHARED_FROM};
pub use nats::{NatsLink, NatsPool, QueueState};

use crate::digest::Digest;
use crate::expand::TaskSpec;
use crate::queue::QueueError;
use crate::run::record::{Ended, Found, Kept, Record, Wanted};
use crate::sandbox::Cancel;
use crate::store::{Key, StoreError};

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
    /// An endpoint does not serve.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// What makes requests can't be set up.
    #[error("can't set up the requests to the endpoints")]
    Client(#[source] reqwest::Error),
    /// The certificates that the plan names can't be used.
    #[error("can't use the certificates of `{}`: {why}", file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// The queue can't be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// Workers give every task back.
    #[error("workers have only given tasks back for {} s; the last one: {why}", time.as_secs())]
    GivenBack {
        /// For how long.
        time: Duration,
        /// Why the last one was given back.
        why: String,
    },
    /// A worker elsewhere is to run a task that it can't know of.
    #[error("a task outside the run's manifest can't be sent to workers")]
    Unnamed,
    /// The data is to go by URL, and the store makes none.
    #[error("the store `{store}` signs no URLs, as `pool.data: url` asks")]
    Unsigned {
        /// The store.
        store: String,
    },
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
    /// The fits of task `index`, as the record names them.
    fn wanted(&self, index: usize) -> Wanted;
    /// The document of task `index`.
    fn task(&self, index: usize) -> Task;
    /// Where task `index` stands in its run's manifest, where it does.
    fn spec(&self, _index: usize) -> Option<&TaskSpec> {
        None
    }
}

/// Where tasks find their data, and where results go.
#[derive(Clone, Debug)]
pub struct Work {
    /// Where results are looked up and kept.
    pub record: Record,
    /// The dataset's Parquet file.
    pub dataset: Digest,
    /// The splits' Parquet file.
    pub splits: Digest,
    /// Stops the run.
    pub cancel: Cancel,
}

/// What a pool tells of the tasks.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Fits of a task ended, and the record has them. A task may end in more
    /// than one notice: what was found, and what was made.
    Ended {
        /// The task's index.
        task: usize,
        /// Which fits, and how.
        ended: Ended,
    },
    /// A part of a task's results is damaged; its fits are made again.
    Damaged {
        /// Its name.
        key: Key,
    },
    /// A part of a task's results has other scores than those just made.
    Differing {
        /// Its name.
        key: Key,
    },
    /// A worker elsewhere did not run a task now; it comes again.
    Returned {
        /// The worker.
        worker: String,
        /// Why.
        why: String,
    },
    /// A worker elsewhere takes tasks.
    WorkerJoined {
        /// Its name.
        worker: String,
        /// How many tasks it runs at a time.
        slots: usize,
    },
    /// It takes none any more.
    WorkerLeft {
        /// Its name.
        worker: String,
        /// Whether it went without a word.
        silent: bool,
    },
    /// There are tasks, and no worker elsewhere takes any.
    NoWorker,
    /// The connection to the queue came or went.
    LinkChanged {
        /// Whether it is there.
        up: bool,
    },
}

impl Notice {
    /// What there is to tell of a task that was looked up.
    fn of_found(task: usize, found: &mut Found) -> impl Iterator<Item = Self> {
        let damaged = std::mem::take(&mut found.damaged);
        let ended = std::mem::take(&mut found.ended);
        let damaged = damaged.into_iter().map(|key| Self::Damaged { key });
        damaged.chain(
            ended
                .into_iter()
                .map(move |ended| Self::Ended { task, ended }),
        )
    }

    /// What there is to tell of fits that were made and kept.
    fn of_kept(task: usize, ended: Ended, kept: Kept) -> impl Iterator<Item = Self> {
        let damaged = kept.damaged.into_iter().map(|key| Self::Damaged { key });
        let differing = kept
            .differing
            .into_iter()
            .map(|key| Self::Differing { key });
        let ended = std::iter::once(Self::Ended { task, ended });
        damaged.chain(differing).chain(ended)
    }
}

/// Runs tasks.
pub trait Pool {
    /// How many tasks run at a time.
    fn workers(&self) -> usize;

    /// Runs all tasks, in any order, and tells `noticed` on the calling
    /// thread: of a fit that ended, after the record has it. Ends early when
    /// `noticed` breaks or the work is cancelled; tasks in flight are then
    /// dropped.
    fn run(
        &self,
        tasks: &dyn Tasks,
        noticed: &mut dyn FnMut(Notice) -> ControlFlow<()>,
    ) -> Result<(), PoolError>;
}
