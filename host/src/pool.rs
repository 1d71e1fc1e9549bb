//! The pools, each of which implements [`Pool`](crate::run::pool::Pool):
//! [`LocalPool`] runs tasks in this process, [`HttpPool`] at endpoints that
//! serve the guest over HTTP, and [`NatsPool`] at workers that take them from a
//! queue.
//!
//! A pool decides where and when a task runs; it never decides what a result
//! is, and it keeps no record: the store does.

mod feed;
mod files;
mod grouped;
mod http;
mod local;
mod nats;
mod pace;
mod reports;
mod threads;

use std::path::PathBuf;
use std::time::Duration;

#[cfg(any(fuzzing, test))]
pub(crate) use http::read_reply;
pub use http::{EndpointError, HttpPool, HttpSettings, Problem};
pub use local::{LocalPool, SHARED_FROM};
pub use nats::{NatsLink, NatsPool, QueueState};

use crate::digest::Digest;
use crate::queue::QueueError;
use crate::run::record::Record;
use crate::store::StoreError;
use crate::task::Cancel;

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
    /// The HTTP client can't be set up.
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
    /// Workers return every task.
    #[error("workers have only returned tasks for {} s; the last one: {reason}", time.as_secs())]
    AllReturned {
        /// For how long.
        time: Duration,
        /// Why the last one was returned.
        reason: String,
    },
    /// A task is of a guest that the pool was not given.
    #[error("a task is of a guest that its run does not name")]
    OtherGuest,
    /// The data is to go by URL, and the store signs none.
    #[error("the store `{store}` signs no URLs, as `pool.data: url` asks")]
    Unsigned {
        /// The store.
        store: String,
    },
}

/// What every pool needs of a run: where tasks find their data, where results
/// go, and what stops it.
#[derive(Clone, Debug)]
pub struct PoolContext {
    /// Where results are looked up and kept.
    pub record: Record,
    /// The dataset's Parquet file.
    pub dataset: Digest,
    /// The splits' Parquet file.
    pub splits: Digest,
    /// Stops the run.
    pub cancel: Cancel,
}
