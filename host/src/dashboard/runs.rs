//! [`Runs`]: the runs that pages can show: those of the store, and those that this process
//! executes. A run of the store is followed by its journal as long as a page shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use serde_json::{Value, json};

use super::feed::Followed;
use crate::digest::Digest;
use crate::report::live::RunState;
use crate::report::page::ResultsPage;
use crate::report::stored::StoredRun;
use crate::run::history::{History, HistoryError, RunEntry};
use crate::run::journal::Follower;
use crate::run::manifest::Manifest;
use crate::run::summary::Summary;
use crate::store::{Key, Store, StoreError};

/// The name of the run that this process executes, whose id is not known from the start.
const LIVE: &str = "live";

/// The most runs that are listed, the latest first.
const LISTED: usize = 500;

/// The most runs of the store whose boards are kept.
const KEPT: usize = 8;

/// The most results that are kept.
const RESULTS: usize = 4;

/// How often the journal of a run is asked for what is new.
const POLLED: Duration = Duration::from_secs(1);

/// Events that are taken in under one lock.
const AT_ONCE: usize = 1_000;

/// See the module.
#[derive(Debug)]
pub(super) struct Runs {
    store: Store,
    live: Mutex<Vec<Arc<Followed>>>,
    followed: Mutex<Vec<(Digest, Arc<Followed>)>>,
    /// The rows of runs that ended.
    rows: Mutex<BTreeMap<Digest, Value>>,
    results: Mutex<Vec<(Digest, Value)>>,
}

/// Why a run can't be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunsError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error("this process executes no run; `/` lists those of the store")]
    NoneLive,
    #[error("the run has not begun; its page shows it as soon as it has")]
    NotBegun,
    #[error(
        "the run is one of `fanout retrain`, which searches nothing: `fanout show` tells its scores"
    )]
    OfFit,
    #[error("there is no thread to follow the run")]
    Thread(#[source] std::io::Error),
}

impl RunsError {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::History(HistoryError::Unknown { .. } | HistoryError::Ambiguous { .. })
            | Self::NoneLive
            | Self::OfFit
            | Self::NotBegun => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            live: Mutex::default(),
            followed: Mutex::default(),
            rows: Mutex::default(),
            results: Mutex::default(),
        }
    }

    /// Adds the board of a run that this process executes.
    pub(super) fn add_live(&self, board: Arc<Followed>) {
        locked(&self.live).push(board);
    }

    /// The latest runs, one row each.
    pub(super) fn list(&self) -> Result<Value, RunsError> {
        let history = History::open(&self.store)?;
        let live = self.live_runs();
        let mut rows = Vec::new();
        for entry in history.runs.iter().take(LISTED) {
            rows.push(self.row(&history, entry, &live)?);
        }
        let omitted = history.runs.len().saturating_sub(LISTED);
        let is_live = !locked(&self.live).is_empty();
        Ok(json!({
            "store": self.store.url(),
            "live": is_live.then_some(LIVE),
            "runs": rows,
            "omitted": omitted,
        }))
    }

    fn live_runs(&self) -> Vec<String> {
        let live = locked(&self.live).clone();
        let running = live.iter().filter_map(|one| {
            let board = one.board();
            board.run().filter(|_| !board.is_ended())
        });
        running.collect()
    }

    /// The runs that this process executes or that pages follow, each with its id.
    pub(super) fn states(&self) -> Vec<(String, RunState)> {
        let live = locked(&self.live).clone();
        let followed = locked(&self.followed).clone();
        let followed = followed.into_iter().map(|(_, board)| board);
        let mut states: Vec<(String, RunState)> = Vec::new();
        for one in live.into_iter().chain(followed) {
            let board = one.board();
            if let Some(run) = board
                .run()
                .filter(|run| states.iter().all(|(id, _)| id != run))
            {
                states.push((run, board.run_state().clone()));
            }
        }
        states
    }

    fn row(
        &self,
        history: &History,
        entry: &RunEntry,
        live: &[String],
    ) -> Result<Value, RunsError> {
        if let Some(row) = locked(&self.rows).get(&entry.run) {
            return Ok(row.clone());
        }
        let run = entry.run.to_string();
        let manifest = match history.manifest(&entry.run) {
            Ok(manifest) => manifest,
            // One that another version wrote, or that is damaged, hides no other.
            Err(HistoryError::Manifest { source, .. }) => {
                let state = format!("unreadable: {source}");
                return Ok(json!({"run": run, "state": state, "begun": unix(entry.begun)}));
            }
            Err(error) => return Err(error.into()),
        };
        let summary = match entry.ended {
            Some(_) => Summary::read(&self.store, &entry.run)?,
            None => None,
        };
        let plan = manifest.plan();
        let is_live = live.contains(&run);
        let state = match &summary {
            _ if is_live => "running",
            Some(_) => "finished",
            None => "unfinished",
        };
        let best = summary.as_ref().and_then(|summary| summary.best.as_ref());
        let scores = best.and_then(|best| best.scores.get(&best.metric));
        let row = json!({
            "run": run,
            "name": plan.name,
            "trainers": plan.trainer_names(),
            "target": plan.dataset.target,
            "dataset": manifest.inputs.data.dataset.to_string(),
            "rows": manifest.rows,
            "features": manifest.features,
            "candidates": summary.as_ref().map(|summary| summary.candidates),
            "splits": summary.as_ref().map(|summary| summary.splits),
            "failed": summary.as_ref().map(|summary| summary.failed),
            "state": state,
            "metric": best.map(|best| &best.metric),
            "mean": scores.and_then(|scores| scores[0]),
            "std": scores.and_then(|scores| scores[1]),
            "searched": best.map(|best| &best.searched),
            "begun": unix(entry.begun),
            "ended": entry.ended.map(unix),
            "plan": manifest.plan_fields(),
        });
        if summary.is_some() && !is_live {
            locked(&self.rows).insert(entry.run, row.clone());
        }
        Ok(row)
    }

    /// What is known of a run without its events.
    pub(super) fn facts(&self, name: &str) -> Result<Value, RunsError> {
        let run = self.find(name)?;
        let manifest = self.manifest(&run)?;
        let is_live = self.live_runs().contains(&run.to_string());
        let summary = Summary::read(&self.store, &run)?;
        Ok(json!({
            "run": run,
            "name": manifest.plan().name,
            "rows": manifest.rows,
            "features": manifest.features,
            "plan": manifest.plan_fields(),
            "digests": manifest.digests(),
            "nested": nested(&manifest),
            "live": is_live,
            "ended": summary.is_some(),
            "warnings": summary.map_or(Vec::new(), |summary| summary.warnings),
        }))
    }

    /// The results of a run, as far as the store has them.
    pub(super) fn results(&self, name: &str) -> Result<Value, RunsError> {
        let run = self.find(name)?;
        let known = locked(&self.results);
        if let Some((_, known)) = known.iter().find(|(of, _)| *of == run) {
            return Ok(known.clone());
        }
        drop(known);
        let manifest = self.manifest(&run)?;
        let summary = Summary::read(&self.store, &run)?;
        if summary.as_ref().is_some_and(Summary::is_of_fit) {
            return Err(RunsError::OfFit);
        }
        let is_ended = summary.is_some();
        let stored = StoredRun::read(&self.store, &manifest, summary)?;
        let mut page = ResultsPage::of_targets(std::slice::from_ref(&stored.report));
        // To find it again takes the guest, and nothing is executed here.
        let explained = stored.explained.map(|explained| explained.found);
        let is_in_report = explained.as_ref().is_some_and(Option::is_none);
        page.targets[0].importances = explained.flatten();
        let mut page = json!(page);
        page["is_explained_in_report"] = is_in_report.into();
        if is_ended && !self.live_runs().contains(&run.to_string()) {
            let mut results = locked(&self.results);
            results.push((run, page.clone()));
            if results.len() > RESULTS {
                results.remove(0);
            }
        }
        Ok(page)
    }

    /// The board of a run, which grows as the run goes on.
    pub(super) fn follow(&self, name: &str) -> Result<Arc<Followed>, RunsError> {
        let live = locked(&self.live).clone();
        if name == LIVE {
            return live.last().cloned().ok_or(RunsError::NoneLive);
        }
        let of_run = |one: &&Arc<Followed>| {
            let run = one.board().run();
            run.is_some_and(|run| run.starts_with(name))
        };
        if let Some(found) = live.iter().rev().find(of_run) {
            return Ok(Arc::clone(found));
        }
        let run = self.find(name)?;
        let mut followed = locked(&self.followed);
        if let Some(at) = followed.iter().position(|(of, _)| *of == run) {
            let found = followed.remove(at);
            followed.push(found.clone());
            return Ok(found.1);
        }
        // What is not there is no board that never ends.
        self.manifest(&run)?;
        let board = Followed::new();
        follow_journal(self.store.clone(), run, &board).map_err(RunsError::Thread)?;
        followed.push((run, Arc::clone(&board)));
        if followed.len() > KEPT {
            followed.remove(0);
        }
        Ok(board)
    }

    fn manifest(&self, run: &Digest) -> Result<Manifest, RunsError> {
        let unreadable = |source| HistoryError::Manifest { run: *run, source };
        let Some(bytes) = self.store.get(&Key::plan(run))? else {
            let (prefix, url) = (run.to_string(), self.store.url().to_owned());
            return Err(HistoryError::Unknown { prefix, url }.into());
        };
        Ok(Manifest::read(&bytes, run).map_err(unreadable)?)
    }

    /// The run of this name: its id, the first digits of it, or `live`.
    fn find(&self, name: &str) -> Result<Digest, RunsError> {
        if name == LIVE {
            let live = locked(&self.live).last().cloned();
            let live = live.ok_or(RunsError::NoneLive)?;
            let run = live.board().run().ok_or(RunsError::NotBegun)?;
            return run.parse().map_err(|_| RunsError::NotBegun);
        }
        if let Ok(run) = name.parse() {
            return Ok(run);
        }
        Ok(History::open(&self.store)?.find(name)?.run)
    }
}

/// Reads the journal of a run into a board, on a thread that ends with the board. Where no
/// page waits for the board, the store is left alone.
fn follow_journal(store: Store, run: Digest, board: &Arc<Followed>) -> std::io::Result<()> {
    let board = Arc::downgrade(board);
    let thread = thread::Builder::new().name("dashboard-journal".to_owned());
    thread.spawn(move || {
        let mut follower = Follower::new(store.clone(), run);
        let mut was_asked = false;
        while let Some(board) = board.upgrade() {
            if !was_asked || board.is_watched() {
                let events = follower.poll();
                let has_begun = follower.has_begun();
                match events {
                    // Pages are told in between.
                    Ok(events) => {
                        let mut events = events.iter().peekable();
                        while events.peek().is_some() {
                            board.change(|board| {
                                events
                                    .by_ref()
                                    .take(AT_ONCE)
                                    .for_each(|it| board.on_event(it));
                                // An end that another attempt follows is none.
                                while board.is_ended()
                                    && let Some(event) = events.next()
                                {
                                    board.on_event(event);
                                }
                            });
                        }
                    }
                    Err(error) => {
                        let reason = crate::error::chained(&error);
                        board.change(|board| board.fail(&reason));
                    }
                }
                // Of a version that kept no events.
                if !has_begun && store.get(&Key::result(&run)).is_ok_and(|it| it.is_some()) {
                    board.change(|board| board.end());
                }
                was_asked = true;
            }
            drop(board);
            thread::sleep(POLLED);
        }
    })?;
    Ok(())
}

/// The names of nested hyper-parameters.
fn nested(manifest: &Manifest) -> BTreeSet<&str> {
    let params = manifest
        .inputs
        .arms
        .iter()
        .flat_map(|arm| &arm.trainer.params);
    let nested = params.filter(|param| param.nested);
    nested.map(|param| param.name.as_str()).collect()
}

/// Seconds since 1970.
fn unix(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}
