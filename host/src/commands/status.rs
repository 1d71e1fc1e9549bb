//! `fanout status`: a queue, its workers, and the runs that they work for, from
//! NATS and the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use clap::Args;
use fanout::digest::Digest;
use fanout::pool::{NatsLink, QueueState};
use fanout::queue::message::{Heartbeat, WorkerState};
use fanout::report::human::{aligned, count, counted};
use fanout::run::history::History;
use serde::Serialize;

use super::nats::QueueArguments;
use super::runs::{self, Row};
use super::store::StoreArgument;
use super::{CommandError, print};
use fanout::error::ErrorKind;

/// Tell of a queue: its tasks, its workers, and the runs they are for.
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    queue: QueueArguments,
    #[command(flatten)]
    store: StoreArgument,
    /// Print one machine-readable object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct State {
    queue: QueueState,
    workers: Vec<Heartbeat>,
    /// Runs of the store that have tasks in the queue, or are unfinished.
    runs: Vec<Row>,
    /// Runs with tasks in the queue that the store does not have.
    strange: Vec<String>,
}

impl Status {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let link = NatsLink::open(self.queue.settings()?)?;
        let queue = link.state()?;
        let workers = link.workers()?;
        let store = self.store.open()?;
        let history = History::open(&store)?;
        let mut waiting: BTreeMap<Digest, usize> = queue.runs.clone();
        let mut rows = Vec::new();
        for entry in &history.runs {
            let waits = waiting.remove(&entry.run).is_some();
            if waits || entry.ended.is_none() {
                let manifest = history.manifest(&entry.run)?;
                rows.push(runs::row(&store, entry, &manifest)?);
            }
        }
        let state = State {
            queue,
            workers,
            runs: rows,
            strange: waiting.keys().map(ToString::to_string).collect(),
        };
        print(&if self.json {
            let text = serde_json::to_string(&state);
            text.map_err(|error| CommandError::new(ErrorKind::Internal, error))? + "\n"
        } else {
            text(&state, store.url())?
        });
        Ok(())
    }
}

fn text(state: &State, store: &str) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let queue = &state.queue;
    writeln!(
        text,
        "queue {}: {}, {} of them held by workers",
        queue.name,
        counted(queue.tasks, "task"),
        count(queue.held)
    )?;
    for (run, tasks) in &queue.runs {
        let run = &run.to_string()[..12];
        writeln!(text, "  {} of run {run}", counted(*tasks, "task"))?;
    }
    writeln!(text)?;
    if state.workers.is_empty() {
        writeln!(text, "no worker answers")?;
    } else {
        let head = [
            "worker", "state", "slots", "holds", "done", "cores", "memory", "version",
        ];
        let mut lines = vec![head.map(ToOwned::to_owned)];
        lines.extend(state.workers.iter().map(line));
        text.push_str(&aligned(&lines));
    }
    writeln!(text)?;
    if state.runs.is_empty() {
        writeln!(text, "no run goes on in {store}")?;
    } else {
        text.push_str(&runs::table(&state.runs, store)?);
    }
    for run in &state.strange {
        let run = &run[..12];
        writeln!(
            text,
            "run {run} has tasks in the queue and is not in {store}"
        )?;
    }
    Ok(text)
}

fn line(beat: &Heartbeat) -> [String; 8] {
    let state = match beat.state {
        WorkerState::Up => "up",
        WorkerState::Draining => "draining",
        WorkerState::Gone => "gone",
    };
    let memory = beat
        .memory
        .map(|bytes| format!("{} GiB", (bytes + (1 << 29)) >> 30));
    [
        beat.name.clone(),
        state.to_owned(),
        count(beat.slots),
        count(beat.holding.len()),
        count(usize::try_from(beat.done).unwrap_or(usize::MAX)),
        count(beat.cores),
        memory.unwrap_or_else(|| "-".to_owned()),
        beat.version.clone(),
    ]
}
