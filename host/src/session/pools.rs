//! [`Pools`]: the pool that the plan names for the search, and workers of this
//! process for what always runs here.

use std::sync::Arc;
use std::time::Duration;

use super::{LoadedPlan, Options, SessionError};
use crate::dataset::Prepared;
use crate::digest::Digest;
use crate::plan::{CheckedPlan, HttpPlan, NatsPlan, PoolPlan};
use crate::pool::{HttpPool, HttpSettings, LocalPool, NatsLink, NatsPool, PoolContext, PoolError};
use crate::queue::{Credentials, QueueSettings};
use crate::run::pool::Pool;
use crate::run::record::Record;

/// The other side of a remote pool.
pub(super) enum Remote {
    /// Endpoints, with the token from the environment.
    Http(HttpSettings),
    /// A connected queue.
    Nats {
        link: Box<NatsLink>,
        /// How long a run goes on without it.
        retry: Duration,
        /// How many tasks run at a time, where the plan says so.
        workers: Option<usize>,
    },
}

impl Remote {
    /// The remote side that the plan names; `None` for a local pool.
    pub(super) fn open(plan: &CheckedPlan) -> Result<Option<Self>, SessionError> {
        match &plan.pool {
            PoolPlan::Local { .. } => Ok(None),
            PoolPlan::Http(http) => http_settings(http).map(Self::Http).map(Some),
            PoolPlan::Nats(nats) => {
                if plan.store.url.starts_with("memory:") {
                    return Err(SessionError::UnsharedStore);
                }
                Ok(Some(Self::Nats {
                    link: Box::new(NatsLink::open(queue_settings(nats))?),
                    retry: nats.retry,
                    workers: nats.workers,
                }))
            }
        }
    }

    /// How many tasks run there at a time. `planned` is what the plan says.
    pub(super) fn workers(&self, planned: usize) -> Result<usize, SessionError> {
        match self {
            Self::Nats {
                link,
                workers: None,
                ..
            } => Ok(link.slots()?.max(1)),
            Self::Nats { .. } | Self::Http(_) => Ok(planned),
        }
    }
}

/// The queue that a plan names, with credentials from the environment.
pub fn queue_settings(nats: &NatsPlan) -> QueueSettings {
    QueueSettings {
        urls: nats.servers.clone(),
        name: nats.queue.clone(),
        credentials: Credentials::from_env(|name| std::env::var(name).ok()),
        ca: nats.ca.clone(),
    }
}

fn http_settings(http: &HttpPlan) -> Result<HttpSettings, SessionError> {
    let token = match &http.token_env {
        None => None,
        Some(name) => match std::env::var(name) {
            Ok(token) if is_token(&token) => Some(token),
            Ok(_) => {
                let variable = name.clone();
                return Err(SessionError::TokenMalformed { variable });
            }
            Err(_) => {
                let variable = name.clone();
                return Err(SessionError::TokenMissing { variable });
            }
        },
    };
    let settings = HttpSettings {
        endpoints: http.endpoints.clone(),
        concurrency: http.concurrency,
        token,
        insecure: http.insecure,
        data: http.data,
        retry: http.retry,
        ca: http.ca.clone(),
    };
    match settings.exposing_endpoint() {
        None => Ok(settings),
        Some(endpoint) => {
            let endpoint = endpoint.to_owned();
            Err(SessionError::TokenExposed { endpoint })
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The pools of a run.
pub(super) struct Pools {
    remote: Option<Box<dyn Pool<Error = PoolError>>>,
    /// For the refit, and for the search where the plan names no other.
    pub(super) local: LocalPool,
    /// What they keep.
    pub(super) record: Record,
}

impl Pools {
    /// The pools for `run`, with at most `workers` tasks at a time.
    pub(super) fn new(
        loaded: &LoadedPlan,
        workers: usize,
        remote: Option<Remote>,
        prepared: &Prepared,
        run: Digest,
        record: Record,
        options: &Options,
    ) -> Result<Self, SessionError> {
        let context = PoolContext {
            record: record.clone(),
            dataset: prepared.dataset,
            splits: prepared.splits,
            cancel: options.cancel.clone(),
        };
        let limits = loaded.plan.limits.into();
        let files = prepared.dataset_content.as_ref();
        let files = files.map(|table| (table.clone(), prepared.splits_content.clone()));
        let remote: Option<Box<dyn Pool<Error = PoolError>>> = match remote {
            None => None,
            Some(Remote::Http(settings)) => {
                // A checked plan for endpoints has one guest.
                let description = loaded.guests[0].guest.describe()?;
                let pool = HttpPool::new(settings, description, context.clone(), limits)?;
                Some(Box::new(match files.clone() {
                    Some((table, splits)) => pool.with_files(table, splits),
                    None => pool,
                }))
            }
            Some(Remote::Nats { link, retry, .. }) => {
                let pool = NatsPool::new(*link, run, context.clone(), limits, workers);
                Some(Box::new(pool.fresh(options.fresh).retry(retry)))
            }
        };
        let here = if remote.is_some() { 1 } else { workers };
        let guests = loaded.guests.iter();
        let guests = guests.map(|loaded| Arc::clone(&loaded.guest)).collect();
        let local = LocalPool::new(guests, context, limits, here);
        let local = match files {
            Some((table, splits)) => local.with_files(table, splits),
            None => local,
        };
        Ok(Self {
            remote,
            local,
            record,
        })
    }

    /// The same, in which every worker of this process decodes the dataset for itself.
    pub(super) fn unshared(self) -> Self {
        Self {
            local: self.local.unshared(),
            ..self
        }
    }

    /// The pool of the search.
    pub(super) fn search(&self) -> &dyn Pool<Error = PoolError> {
        match &self.remote {
            Some(remote) => &**remote,
            None => &self.local,
        }
    }
}
