//! [`History`]: the runs that a store holds, and [`Replay`], the results of one
//! of them so far. It runs nothing and writes nothing.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::boards::Boards;
use super::manifest::{Manifest, ManifestError};
use super::record::Record;
use super::tasks::{Tasks as _, wanted_fit};
use crate::digest::Digest;
use crate::expand::Expansion;
use crate::plan::Plan;
use crate::reduce::{BaselineScores, Choice, SearchResults};
use crate::store::{Key, Kind, Store, StoreError};
use crate::task::WantedFits;

/// Tasks that are looked up at a time.
const LOOKED_UP: usize = 1024;

/// The runs of a store.
#[derive(Clone, Debug)]
pub struct History {
    store: Store,
    /// The latest first.
    pub runs: Vec<RunEntry>,
}

/// One run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunEntry {
    /// Its id.
    pub run: Digest,
    /// When it first began.
    pub begun: SystemTime,
    /// When it first ended; `None`: it never did.
    pub ended: Option<SystemTime>,
}

/// Why a run can't be read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The manifest can't be read.
    #[error("the run `{run}` can't be read")]
    Manifest {
        /// The run.
        run: Digest,
        /// Why.
        #[source]
        source: ManifestError,
    },
    /// No run has an id that begins so.
    #[error("no run in the store `{url}` has an id that begins with `{prefix}`")]
    Unknown {
        /// What was asked for.
        prefix: String,
        /// The store.
        url: String,
    },
    /// More than one run has an id that begins so.
    #[error("{} runs have ids that begin with `{prefix}`: {}", runs.len(), names(runs))]
    Ambiguous {
        /// What was asked for.
        prefix: String,
        /// The runs.
        runs: Vec<Digest>,
    },
}

fn names(runs: &[Digest]) -> String {
    let names: Vec<String> = runs
        .iter()
        .map(|run| format!("`{}`", &run.to_string()[..20]))
        .collect();
    names.join(", ")
}

impl History {
    /// Lists the runs of a store.
    pub fn open(store: &Store) -> Result<Self, StoreError> {
        store.check_layout()?;
        let mut times: BTreeMap<Digest, [Option<SystemTime>; 2]> = BTreeMap::new();
        for object in store.list("runs")? {
            match object.key.kind() {
                Some(Kind::Plan(run)) => times.entry(run).or_default()[0] = Some(object.modified),
                Some(Kind::Result(run)) => times.entry(run).or_default()[1] = Some(object.modified),
                _ => {}
            }
        }
        let mut runs: Vec<RunEntry> = times
            .into_iter()
            .filter_map(|(run, [begun, ended])| {
                let begun = begun?;
                Some(RunEntry { run, begun, ended })
            })
            .collect();
        runs.sort_by_key(|entry| (std::cmp::Reverse(entry.begun), entry.run));
        Ok(Self {
            store: store.clone(),
            runs,
        })
    }

    /// The run whose id begins with `prefix`.
    pub fn find(&self, prefix: &str) -> Result<RunEntry, HistoryError> {
        let begins = |entry: &&RunEntry| entry.run.to_string().starts_with(prefix);
        let found: Vec<&RunEntry> = self.runs.iter().filter(begins).collect();
        match found.as_slice() {
            [one] => Ok(**one),
            [] => Err(HistoryError::Unknown {
                prefix: prefix.to_owned(),
                url: self.store.url().to_owned(),
            }),
            _ => Err(HistoryError::Ambiguous {
                prefix: prefix.to_owned(),
                runs: found.iter().map(|entry| entry.run).collect(),
            }),
        }
    }

    /// What a run consists of.
    pub fn manifest(&self, run: &Digest) -> Result<Manifest, HistoryError> {
        let unreadable = |source| HistoryError::Manifest { run: *run, source };
        let bytes = self.store.get(&Key::plan(run))?.unwrap_or_default();
        Manifest::read(&bytes, run).map_err(unreadable)
    }
}

/// The results of a run so far, from the parts of its tasks in the store.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The plan.
    pub plan: Plan,
    /// The tasks, whole families.
    pub expansion: Expansion,
    /// The results; fits that are not done have neither score nor time.
    pub results: SearchResults,
    /// The scores of the baseline, where they are there.
    pub baseline: Option<BaselineScores>,
    /// How many fits are done.
    pub done: usize,
    /// The scores on the hold-out rows, where they are there.
    pub holdout: Option<BTreeMap<String, Option<f64>>>,
    /// Parts that are damaged.
    pub damaged: Vec<Key>,
    /// Parts without a valid HMAC, where the store has a key.
    pub unproven: Vec<Key>,
}

impl Replay {
    /// Reads all that the store has of a run.
    pub fn new(store: &Store, manifest: &Manifest) -> Result<Self, StoreError> {
        let (plan, expansion) = (manifest.plan(), manifest.expand(1));
        let record = Record::to_read(store.clone());
        let mut boards = Boards::new(&expansion, &plan);
        let (mut damaged, mut unproven) = (Vec::new(), Vec::new());
        for start in (0..expansion.len()).step_by(LOOKED_UP) {
            let indices = start..expansion.len().min(start + LOOKED_UP);
            let wanted: Vec<WantedFits> = indices.clone().map(|i| expansion.wanted(i)).collect();
            for (index, found) in indices.zip(record.look(&wanted)?) {
                for finished in &found.finished {
                    boards.record(index, finished);
                }
                damaged.extend(found.damaged);
                unproven.extend(found.unproven);
            }
        }
        let done = boards.search.recorded();
        let (results, baseline) = boards.finish();
        let refitted = plan.refit.as_ref();
        let refitted = refitted.and_then(|_| Choice::new(&plan, &expansion.candidates, &results));
        let holdout = match (refitted, &manifest.holdout) {
            (Some(refitted), Some(split)) if done == expansion.fits() => {
                let found = record.look(&[wanted_fit(&expansion, refitted.index, split)])?;
                let answer = found.into_iter().flat_map(|found| found.finished).next();
                let answer = answer.and_then(|finished| finished.outcome.result.ok());
                answer.map(|answer| expansion.named(&answer.scores[0]).into_iter().collect())
            }
            _ => None,
        };
        Ok(Self {
            plan,
            expansion,
            results,
            baseline,
            done,
            holdout,
            damaged,
            unproven,
        })
    }
}
