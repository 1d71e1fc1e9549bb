//! [`Summary`]: the outcome of a run that ended, `result.json` in the store. It
//! saves a listing of runs from reading every task; the tasks' results are what
//! counts.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanout_contract::Params;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::reduce::SearchResults;
use crate::store::{Key, LAYOUT, Store, StoreError};

/// The outcome of a run that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    layout: u32,
    /// The run's id.
    pub run: Digest,
    /// How many candidates.
    pub candidates: usize,
    /// How many splits.
    pub splits: usize,
    /// How many fits have no answer.
    pub failed: usize,
    /// The best candidate; `None` where none has a score.
    pub best: Option<BestCandidate>,
    /// The scores of the refitted model on the hold-out rows.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// Warnings about the data and the store.
    pub warnings: Vec<String>,
    /// When, where and by what it ended.
    ended: End,
}

/// The best candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestCandidate {
    /// The candidate's index.
    pub index: usize,
    /// Its searched hyper-parameters.
    pub searched: Params,
    /// The metric that ranked the candidates.
    pub metric: String,
    /// By metric: mean and standard deviation over the splits; null where
    /// they are not numbers.
    pub scores: BTreeMap<String, [Option<f64>; 2]>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct End {
    /// Seconds since 1970.
    unix: u64,
    host: Option<String>,
    fanout: String,
}

impl Summary {
    /// The summary of a run that ends now, on this host.
    pub fn new(
        run: Digest,
        results: &SearchResults,
        best: Option<BestCandidate>,
        holdout: Option<BTreeMap<String, Option<f64>>>,
        warnings: Vec<String>,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            layout: LAYOUT,
            run,
            candidates: results.candidates,
            splits: results.splits,
            failed: results.fit_counts.failed,
            best,
            holdout,
            warnings,
            ended: End {
                unix: now.unwrap_or_default().as_secs(),
                host: host(),
                fanout: env!("CARGO_PKG_VERSION").to_owned(),
            },
        }
    }

    /// The summary of `run`; `None` where there is none that is whole.
    pub fn read(store: &Store, run: &Digest) -> Result<Option<Self>, StoreError> {
        let bytes = store.get(&Key::result(run))?;
        let summary = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        Ok(summary.filter(|summary| summary.layout == LAYOUT && summary.run == *run))
    }

    /// Keeps it, unless the store has an equal one. A different one belongs to
    /// a run under other limits and is replaced.
    pub fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let key = Key::result(&self.run);
        let text = serde_json::to_string(self).expect("a summary is JSON");
        let bytes = Bytes::from(text + "\n");
        if store.create(&key, bytes.clone())? {
            return Ok(());
        }
        let same = |other: Self| {
            let ended = self.ended.clone();
            Self { ended, ..other } == *self
        };
        if Self::read(store, &self.run)?.is_some_and(same) {
            return Ok(());
        }
        store.replace(&key, bytes)
    }
}

/// This host's name, where the platform tells it without a system call.
fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
