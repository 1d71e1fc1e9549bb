//! [`Store::probe`]: whether a store is there and does what the record needs.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::retry::Retry;
use super::{Failure, Key, Store, StoreError};

/// How long the first requests are tried again: who mistyped an endpoint wants
/// to know soon.
const BUDGET: Duration = Duration::from_secs(5);

impl Store {
    /// Finds out with two requests whether the store is reachable, can be
    /// written to, and keeps what it was told to create only. Some stores
    /// overwrite without a word; on such a one no result is safe.
    ///
    /// It leaves one small object, the same each time, so that it needs no
    /// right to remove any. Returns how long an answer took.
    pub fn probe(&self) -> Result<Duration, StoreError> {
        let soon = Self {
            retry: Retry {
                budget: self.retry.budget.min(BUDGET),
            },
            ..self.clone()
        };
        let key = Key::probe();
        let started = Instant::now();
        soon.create(&key, Bytes::from_static(b"first"))?;
        let took = started.elapsed();
        if soon.create(&key, Bytes::from_static(b"second"))? {
            return Err(self.overwrites(&key));
        }
        Ok(took)
    }

    /// The same, and whether an object can be read back and removed, as
    /// `fanout gc` does.
    pub fn probe_well(&self) -> Result<Duration, StoreError> {
        let took = self.probe()?;
        let key = Key::new_scratch();
        let content = Bytes::from_static(b"fanout doctor");
        self.create(&key, content.clone())?;
        let found = self.get(&key)?;
        if found != Some(content) {
            return Err(StoreError::Object {
                verb: "read",
                key: key.to_string(),
                url: self.url.clone(),
                failure: Failure::Missing,
            });
        }
        self.delete(&key)?;
        Ok(took)
    }

    fn overwrites(&self, key: &Key) -> StoreError {
        StoreError::Object {
            verb: "keep",
            key: key.to_string(),
            url: self.url.clone(),
            failure: Failure::Overwrites,
        }
    }
}
