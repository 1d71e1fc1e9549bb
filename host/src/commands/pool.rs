//! The pools of a run: the one that the plan names for the search, and workers
//! of this process for what is done here whatever it names.

use fanout::dataset::Prepared;
use fanout::plan::{CheckedPlan, PoolPlan};
use fanout::pool::{HttpPool, HttpSettings, LocalPool, Pool, Work};
use fanout::run::record::Record;
use fanout::sandbox::Cancel;

use super::plan::Loaded;
use super::{CommandError, Kind};

/// What a pool of endpoints is made of, where the plan names one, with the
/// token from the environment.
pub(super) fn http_settings(plan: &CheckedPlan) -> Result<Option<HttpSettings>, CommandError> {
    let PoolPlan::Http(http) = &plan.pool else {
        return Ok(None);
    };
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
    Ok(Some(HttpSettings {
        endpoints: http.endpoints.clone(),
        concurrency: http.concurrency,
        token,
        data: http.data,
        retry: http.retry,
        ca: http.ca.clone(),
    }))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The pools of a run.
pub(super) struct Pools {
    http: Option<HttpPool>,
    /// For the refit, and for the search where the plan names no endpoints.
    pub(super) local: LocalPool,
}

impl Pools {
    pub(super) fn new(
        loaded: &Loaded,
        http: Option<HttpSettings>,
        prepared: &Prepared,
        record: Record,
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
        let http = match http {
            None => None,
            Some(settings) => {
                let description = loaded.guest.describe()?;
                let pool = HttpPool::new(settings, description, work.clone(), limits)?;
                Some(match files.clone() {
                    Some((table, splits)) => pool.with_files(table, splits),
                    None => pool,
                })
            }
        };
        let workers = if http.is_some() { 1 } else { loaded.workers };
        let local = LocalPool::new(loaded.guest.clone(), work, limits, workers);
        let local = match files {
            Some((table, splits)) => local.with_files(table, splits),
            None => local,
        };
        Ok(Self { http, local })
    }

    /// The pool of the search.
    pub(super) fn search(&self) -> &dyn Pool {
        match &self.http {
            Some(http) => http,
            None => &self.local,
        }
    }
}
