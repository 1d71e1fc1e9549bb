//! The pools of a run: the one that the plan names for the search, and workers
//! of this process for what is done here whatever it names.

use std::time::Duration;

use fanout::dataset::Prepared;
use fanout::digest::Digest;
use fanout::plan::{CheckedPlan, HttpPlan, NatsPlan, PoolPlan};
use fanout::pool::{HttpPool, HttpSettings, LocalPool, NatsLink, NatsPool, Pool, Work};
use fanout::queue::{Credentials, QueueSettings};
use fanout::run::record::Record;
use fanout::sandbox::Cancel;

use super::plan::Loaded;
use super::{CommandError, Kind};

/// What is at the other side of a pool that is not here.
pub(super) enum Remote {
    /// Endpoints, with the token from the environment.
    Http(HttpSettings),
    /// A queue, connected, and how long a run goes on without it.
    Nats(Box<NatsLink>, Duration),
}

impl Remote {
    /// The one that the plan names, if it names one. `loaded` learns how many
    /// tasks run there at a time.
    pub(super) fn open(loaded: &mut Loaded) -> Result<Option<Self>, CommandError> {
        match &loaded.plan.pool {
            PoolPlan::Local { .. } => Ok(None),
            PoolPlan::Http(http) => http_settings(http).map(Self::Http).map(Some),
            PoolPlan::Nats(nats) => {
                refuse_unshared(&loaded.plan)?;
                let link = NatsLink::open(queue_settings(nats))?;
                let retry = nats.retry;
                if nats.workers.is_none() {
                    loaded.workers = link.slots()?.max(1);
                }
                Ok(Some(Self::Nats(Box::new(link), retry)))
            }
        }
    }
}

/// The queue that a plan names, with credentials from the environment.
pub(super) fn queue_settings(nats: &NatsPlan) -> QueueSettings {
    QueueSettings {
        urls: nats.servers.clone(),
        name: nats.queue.clone(),
        credentials: Credentials::from_env(|name| std::env::var(name).ok()),
        ca: nats.ca.clone(),
    }
}

/// A store in this process's memory is nowhere else.
fn refuse_unshared(plan: &CheckedPlan) -> Result<(), CommandError> {
    if plan.store.url.starts_with("memory:") {
        let message = "workers elsewhere can't reach the store `memory://`";
        let error = CommandError::new(Kind::Pool, message);
        return Err(error.hint("use a bucket, or a folder that all of them have"));
    }
    Ok(())
}

fn http_settings(http: &HttpPlan) -> Result<HttpSettings, CommandError> {
    let token = match &http.token_env {
        None => None,
        Some(name) => match std::env::var(name) {
            Ok(token) if is_token(&token) => Some(token),
            Ok(_) => {
                let message = format!("the environment variable `{name}` holds no token");
                let error = CommandError::new(Kind::Pool, message);
                return Err(error.hint("a token is one word of ASCII characters, without `Bearer`"));
            }
            Err(_) => {
                let message = format!("the environment variable `{name}` is not set");
                let error = CommandError::new(Kind::Pool, message);
                return Err(error.hint("`pool.token_env` names it: it holds the endpoint's token"));
            }
        },
    };
    Ok(HttpSettings {
        endpoints: http.endpoints.clone(),
        concurrency: http.concurrency,
        token,
        data: http.data,
        retry: http.retry,
        ca: http.ca.clone(),
    })
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The pools of a run.
pub(super) struct Pools {
    remote: Option<Box<dyn Pool>>,
    /// For the refit, and for the search where the plan names nothing else.
    pub(super) local: LocalPool,
}

impl Pools {
    /// `fresh` has every fit of `run` made again.
    pub(super) fn new(
        loaded: &Loaded,
        remote: Option<Remote>,
        prepared: &Prepared,
        run: Digest,
        record: Record,
        fresh: bool,
        cancel: &Cancel,
    ) -> Result<Self, CommandError> {
        let work = Work {
            record,
            dataset: prepared.dataset,
            splits: prepared.splits,
            cancel: cancel.clone(),
        };
        let limits = loaded.plan.limits.into();
        let files = prepared.dataset_content.as_ref();
        let files = files.map(|table| (table.clone(), prepared.splits_content.clone()));
        let remote: Option<Box<dyn Pool>> = match remote {
            None => None,
            Some(Remote::Http(settings)) => {
                let description = loaded.guest.describe()?;
                let pool = HttpPool::new(settings, description, work.clone(), limits)?;
                Some(Box::new(match files.clone() {
                    Some((table, splits)) => pool.with_files(table, splits),
                    None => pool,
                }))
            }
            Some(Remote::Nats(link, retry)) => {
                let pool = NatsPool::new(*link, run, work.clone(), limits, loaded.workers);
                Some(Box::new(pool.fresh(fresh).retry(retry)))
            }
        };
        let workers = if remote.is_some() { 1 } else { loaded.workers };
        let local = LocalPool::new(loaded.guest.clone(), work, limits, workers);
        let local = match files {
            Some((table, splits)) => local.with_files(table, splits),
            None => local,
        };
        Ok(Self { remote, local })
    }

    /// The pool of the search.
    pub(super) fn search(&self) -> &dyn Pool {
        match &self.remote {
            Some(remote) => &**remote,
            None => &self.local,
        }
    }
}
