//! [`Data`]: how endpoints get the dataset and the splits: by signed URLs, or
//! in the body of the request.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::plan::DataWay;
use crate::pool::files::Files;
use crate::pool::{PoolContext, PoolError};
use crate::store::Key;

/// A URL is valid for at least this long, and for a task's time limit, when it
/// is handed out.
const VALID: Duration = Duration::from_secs(3600);

/// After so many failures in a row, an endpoint is treated as one that does not
/// reach the store.
const FAILURES: u32 = 3;

/// How one request carries the files.
#[derive(Debug)]
pub(super) enum Way {
    Urls { dataset: String, splits: String },
    Body,
}

/// The two files.
#[derive(Debug)]
pub(super) struct Data {
    way: DataWay,
    files: Files,
    /// How long a signed URL is valid.
    valid: Duration,
    signed: Mutex<Option<Signed>>,
    /// By endpoint, how many URLs in a row it could not fetch.
    failures: Vec<AtomicU32>,
}

struct Signed {
    until: Instant,
    /// Those of the dataset and the splits; `None` where the store signs none.
    urls: Option<(String, String)>,
}

impl std::fmt::Debug for Signed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the URLs: they are credentials.
        f.debug_struct("Signed")
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl Data {
    /// For tasks that may take `timeout`, at so many endpoints.
    pub(super) fn new(way: DataWay, endpoints: usize, timeout: Duration) -> Self {
        Self {
            way,
            files: Files::default(),
            valid: 2 * (VALID + timeout),
            signed: Mutex::default(),
            failures: (0..endpoints).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    pub(super) fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.files = Files::of(table, splits);
        self
    }

    /// How an endpoint gets the files.
    pub(super) fn way(&self, context: &PoolContext, endpoint: usize) -> Result<Way, PoolError> {
        if self.way == DataWay::Body
            || self.way == DataWay::Auto
                && self.failures[endpoint].load(Ordering::Relaxed) >= FAILURES
        {
            return Ok(Way::Body);
        }
        let mut signed = self.signed.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |signed: &Signed| signed.until > Instant::now();
        if !signed.as_ref().is_some_and(fresh) {
            *signed = Some(self.sign(context)?);
        }
        match signed.as_ref().and_then(|signed| signed.urls.clone()) {
            Some((dataset, splits)) => Ok(Way::Urls { dataset, splits }),
            None if self.way == DataWay::Url => Err(PoolError::Unsigned {
                store: context.record.store().url().to_owned(),
            }),
            None => Ok(Way::Body),
        }
    }

    fn sign(&self, context: &PoolContext) -> Result<Signed, PoolError> {
        let store = context.record.store();
        let until = Instant::now() + self.valid / 2;
        let dataset = store.signed_url(&Key::dataset(&context.dataset), self.valid)?;
        let urls = match dataset {
            None => None,
            Some(dataset) => store
                .signed_url(&Key::splits(&context.splits), self.valid)?
                .map(|splits| (dataset, splits)),
        };
        Ok(Signed { until, urls })
    }

    /// An endpoint could not fetch a URL. Returns whether the files may go in
    /// the body instead.
    pub(super) fn url_failed(&self, endpoint: usize) -> bool {
        self.failures[endpoint].fetch_add(1, Ordering::Relaxed);
        self.way == DataWay::Auto
    }

    pub(super) fn url_served(&self, endpoint: usize) {
        self.failures[endpoint].store(0, Ordering::Relaxed);
    }

    pub(super) fn files(&self, context: &PoolContext) -> Result<(Bytes, Bytes), PoolError> {
        self.files.get(context)
    }

    /// How many bytes the files have, where they are in memory.
    pub(super) fn len(&self) -> u64 {
        self.files.len()
    }
}
