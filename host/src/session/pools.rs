//! [`PoolInputs::open`]: the pool that a plan names.

use std::rc::Rc;
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
use crate::run::stages::Stages;

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

    /// Whether its workers take tasks of one run at a time.
    pub(super) fn is_of_one_run(&self) -> bool {
        matches!(self, Self::Nats { .. })
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

/// What a pool is made of, beside its kind.
pub(super) struct PoolInputs<'a> {
    pub(super) loaded: &'a LoadedPlan,
    /// How many tasks run at a time.
    pub(super) workers: usize,
    pub(super) prepared: &'a Prepared,
    pub(super) run: Digest,
    pub(super) record: Record,
    pub(super) options: &'a Options,
    /// Whether what one instance prepared serves all tasks.
    pub(super) share: bool,
}

impl PoolInputs<'_> {
    /// The pool that the plan names.
    pub(super) fn open(
        self,
        remote: Option<&Remote>,
    ) -> Result<Rc<dyn Pool<Error = PoolError>>, SessionError> {
        let (loaded, prepared) = (self.loaded, self.prepared);
        let record = self.record.clone();
        let context = PoolContext {
            record: self.record,
            dataset: prepared.dataset,
            splits: prepared.splits,
            cancel: self.options.cancel.clone(),
        };
        let limits = loaded.plan.limits.into();
        let files = prepared.dataset_content.as_ref();
        let files = files.map(|table| (table.clone(), prepared.splits_content.clone()));
        let pool: Box<dyn Pool<Error = PoolError>> = match remote {
            Some(Remote::Http(settings)) => {
                // A checked plan for endpoints has one guest.
                let description = loaded.guests[0].guest.describe()?;
                let pool = HttpPool::new(settings.clone(), description, context, limits)?;
                Box::new(match files {
                    Some((table, splits)) => pool.with_files(table, splits),
                    None => pool,
                })
            }
            Some(Remote::Nats { link, retry, .. }) => {
                let pool = NatsPool::new((**link).clone(), self.run, context, limits, self.workers);
                Box::new(pool.fresh(self.options.fresh).retry(*retry))
            }
            None => {
                let guests = loaded.guests.iter();
                let guests = guests.map(|loaded| Arc::clone(&loaded.guest)).collect();
                let mut pool = LocalPool::new(guests, context, limits, self.workers);
                if let Some((table, splits)) = files {
                    pool = pool.with_files(table, splits);
                }
                Box::new(if self.share { pool } else { pool.unshared() })
            }
        };
        Ok(Rc::new(Stages::new(pool, record)))
    }
}
