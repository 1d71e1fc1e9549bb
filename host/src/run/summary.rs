//! [`Summary`]: what a run that ended came to, in short: `result.json` in the
//! store. It only saves those who list runs from adding up every task; what
//! holds are the tasks.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanout_contract::Params;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::report::Report;
use crate::store::{Key, LAYOUT, Store, StoreError};

/// What a run that ended came to.
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
    pub best: Option<Best>,
    /// The scores of the refitted model on the hold-out rows.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// What a person should know of.
    pub warnings: Vec<String>,
    /// When, where and by what it ended.
    ended: Ended,
}

/// The best candidate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
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
struct Ended {
    /// Seconds since 1970.
    unix: u64,
    host: Option<String>,
    fanout: String,
}

impl Summary {
    /// The summary of a report, as of now and here.
    pub fn of(report: &Report<'_>) -> Self {
        let number = |number: f64| number.is_finite().then_some(number);
        let best = report.best().map(|best| Best {
            index: best.index,
            searched: best.searched,
            metric: best.metric,
            scores: best
                .scores
                .into_iter()
                .map(|(metric, score)| (metric, [number(score.mean), number(score.std)]))
                .collect(),
        });
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            layout: LAYOUT,
            run: report.digests.run,
            candidates: report.results.candidates,
            splits: report.results.splits,
            failed: report.results.tally.failed,
            best,
            holdout: report.holdout.cloned(),
            warnings: report.warnings.to_vec(),
            ended: Ended {
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

    /// Keeps it, unless the store has one that says the same. One that says
    /// other is of a run under other limits, and gives way.
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

/// This machine's name, where it is easy to know.
fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
