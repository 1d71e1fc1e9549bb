//! [`Summary`]: the outcome of a run that ended, `result.json` in the store. It
//! saves a listing of runs from reading every task; the tasks' results are what
//! counts. Where the store has a key, it carries an HMAC, and one without a valid
//! HMAC is not read.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanout_contract::{Params, Split};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::data_summary::DataSummary;
use crate::digest::Digest;
use crate::plan::ExplainPlan;
use crate::reduce::{Lead, SearchResults};
use crate::store::{Key, LAYOUT, MacKey, Store, StoreError};
use crate::worth::threshold::TunedThreshold;
use crate::worth::{Ensemble, Worth};

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
    /// The scores of the baseline, by metric as in [`BestCandidate::scores`]; `None`
    /// where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<MeanScores>,
    /// The scores of the refitted model on the hold-out rows.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// The score of the refitted model's training rows out of bag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oob_score: Option<f64>,
    /// How sure it is that the candidate of the greatest mean is the best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<Lead>,
    /// The tuned decision threshold of the chosen candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<TunedThreshold>,
    /// What its predictions tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<Worth>,
    /// The ensemble of candidates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<Ensemble>,
    /// What was explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
    /// The table, in short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<DataSummary>,
    /// The memory that a task might use, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_memory: Option<u64>,
    /// Warnings about the data and the store.
    pub warnings: Vec<String>,
    /// When, where and by what it ended.
    ended: End,
    /// The HMAC of the summary without this field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hmac: Option<String>,
}

/// What was found out of the chosen candidate. All of it is found again from the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explained {
    /// What the plan wanted.
    pub plan: ExplainPlan,
    /// The split of the refitted model, whose training rows are all of the search.
    pub refit: Split,
    /// What was found, in short, as a page shows it. Runs of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub found: Option<Value>,
}

/// By metric: mean and standard deviation over the splits; null where they are not
/// numbers.
pub type MeanScores = BTreeMap<String, [Option<f64>; 2]>;

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
    pub scores: MeanScores,
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
        baseline: Option<MeanScores>,
        holdout: Option<BTreeMap<String, Option<f64>>>,
        warnings: Vec<String>,
    ) -> Self {
        Self {
            candidates: results.candidates,
            splits: results.splits,
            failed: results.fit_counts.failed,
            best,
            baseline,
            ..Self::of_fit(run, holdout, warnings)
        }
    }

    /// The summary of a run of one fit that ends now, on this host: it searched nothing.
    pub fn of_fit(
        run: Digest,
        holdout: Option<BTreeMap<String, Option<f64>>>,
        warnings: Vec<String>,
    ) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Self {
            layout: LAYOUT,
            run,
            candidates: 1,
            splits: 0,
            failed: 0,
            best: None,
            baseline: None,
            holdout,
            oob_score: None,
            lead: None,
            threshold: None,
            worth: None,
            ensemble: None,
            explained: None,
            data: None,
            task_memory: None,
            warnings,
            ended: End {
                unix: now.unwrap_or_default().as_secs(),
                host: host(),
                fanout: env!("CARGO_PKG_VERSION").to_owned(),
            },
            hmac: None,
        }
    }

    /// Whether it is that of one fit ([`Self::of_fit`]), or of a plan without splits.
    pub fn is_of_fit(&self) -> bool {
        self.splits == 0
    }

    /// The same with the score of the refitted model out of bag.
    #[must_use]
    pub fn with_oob_score(self, oob_score: Option<f64>) -> Self {
        Self { oob_score, ..self }
    }

    /// The same with what is known of the chosen candidate.
    #[must_use]
    pub fn with_worth(
        self,
        lead: Option<Lead>,
        threshold: Option<TunedThreshold>,
        worth: Option<Worth>,
    ) -> Self {
        Self {
            lead,
            threshold,
            worth,
            ..self
        }
    }

    /// The same with the ensemble.
    #[must_use]
    pub fn with_ensemble(self, ensemble: Option<Ensemble>) -> Self {
        Self { ensemble, ..self }
    }

    /// The same with the table in short, and with the memory that a task might use.
    #[must_use]
    pub fn with_data(self, data: DataSummary, task_memory: u64) -> Self {
        Self {
            data: Some(data),
            task_memory: Some(task_memory),
            ..self
        }
    }

    /// The same with what was explained.
    #[must_use]
    pub fn with_explained(self, explained: Option<Explained>) -> Self {
        Self { explained, ..self }
    }

    /// The summary of `run`; `None` where there is none that is whole, or, where
    /// the store has a key, none with a valid HMAC.
    pub fn read(store: &Store, run: &Digest) -> Result<Option<Self>, StoreError> {
        let bytes = store.get(&Key::result(run))?;
        let summary = bytes.and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok());
        let summary = summary.filter(|summary| summary.layout == LAYOUT && summary.run == *run);
        Ok(summary.filter(|summary| store.mac_key().is_none_or(|key| summary.is_proven(key))))
    }

    /// Keeps it, unless the store has an equal one. A different one belongs to
    /// a run under other limits and is replaced.
    pub fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let key = Key::result(&self.run);
        let proven = Self {
            hmac: store.mac_key().map(|mac_key| {
                let mac = mac_key.mac(key.as_ref(), self.proven_text().as_bytes());
                mac.to_string()
            }),
            ..self.clone()
        };
        let bytes = Bytes::from(proven.text() + "\n");
        if store.create(&key, bytes.clone())? {
            return Ok(());
        }
        let same = |other: Self| {
            let (ended, hmac) = (self.ended.clone(), self.hmac.clone());
            let other = Self {
                ended,
                hmac,
                ..other
            };
            other == *self
        };
        if Self::read(store, &self.run)?.is_some_and(same) {
            return Ok(());
        }
        store.replace(&key, bytes)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).expect("a summary is JSON")
    }

    /// What the HMAC is of: the summary without it.
    fn proven_text(&self) -> String {
        let content = Self {
            hmac: None,
            ..self.clone()
        };
        content.text()
    }

    fn is_proven(&self, key: &MacKey) -> bool {
        let Some(mac) = self.hmac.as_ref().and_then(|mac| mac.parse().ok()) else {
            return false;
        };
        let (name, text) = (Key::result(&self.run), self.proven_text());
        key.verifies(name.as_ref(), text.as_bytes(), mac)
    }
}

/// This host's name, where the platform tells it without a system call.
fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.or_else(|| std::env::var("HOSTNAME").ok());
    let name = name.or_else(|| std::env::var("COMPUTERNAME").ok())?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(failed: usize) -> Summary {
        Summary {
            layout: LAYOUT,
            run: Digest::of(b"run"),
            candidates: 2,
            splits: 3,
            failed,
            best: Some(BestCandidate {
                index: 1,
                searched: Params::from([("max_depth".to_owned(), 3.into())]),
                metric: "accuracy".to_owned(),
                scores: [("accuracy".to_owned(), [Some(0.1 + 0.2), None])].into(),
            }),
            baseline: None,
            holdout: None,
            oob_score: None,
            lead: None,
            threshold: None,
            worth: None,
            ensemble: None,
            explained: Some(Explained {
                plan: serde_json::from_str(r#"{"importances": true}"#).unwrap(),
                refit: serde_json::from_str(r#"{"column": "refit"}"#).unwrap(),
                // Numbers that are easily read as others.
                found: Some(serde_json::json!({"impurity": [0.1 + 0.2, 1e-310, -0.0, 1e17, null]})),
            }),
            data: None,
            task_memory: None,
            warnings: vec!["ä".to_owned()],
            ended: End {
                unix: 1,
                host: None,
                fanout: "1".to_owned(),
            },
            hmac: None,
        }
    }

    #[test]
    fn with_a_key_a_planted_summary_is_not_read_and_is_replaced() {
        let plain = Store::open("memory://").unwrap();
        let keyed = plain.clone().with_mac_key(Some(MacKey::new(&[1; 32])));
        let other = plain.clone().with_mac_key(Some(MacKey::new(&[2; 32])));
        let read = |store: &Store| Summary::read(store, &Digest::of(b"run")).unwrap();
        let failed = |store: &Store| read(store).map(|summary| summary.failed);
        summary(7).keep(&plain).unwrap();
        let text = plain.get(&Key::result(&Digest::of(b"run"))).unwrap();
        assert!(!String::from_utf8_lossy(&text.unwrap()).contains("hmac"));
        assert_eq!((failed(&plain), failed(&keyed)), (Some(7), None));
        summary(0).keep(&keyed).unwrap();
        assert_eq!(failed(&keyed), Some(0));
        // It is read without the key, and an equal one is not replaced.
        assert_eq!(failed(&plain), Some(0));
        assert_eq!(failed(&other), None);
        summary(0).keep(&plain).unwrap();
        assert!(read(&plain).unwrap().hmac.is_some());
        assert_eq!(failed(&keyed), Some(0));
    }
}
