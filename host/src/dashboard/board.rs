//! [`Board`]: what a page shows of a run, as a pure fold over the run's events. Its size is
//! bounded whatever the number of tasks, candidates, workers and failures, and what is told of
//! it is the state, not the events: a reader that has version N is told what changed since,
//! whether it was away for a second or an hour.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::clipped;
use super::failures::Failures;
use super::scored::{Scored, ScoredCandidates};
use crate::digest::Digest;
use crate::jitter::random_name;
use crate::report::live::RunState;
use crate::report::said::{Severity, phase, said};
use crate::report::task_stream::{TaskLabel, TaskStream};
use crate::run::data_summary::DataColumn;
use crate::run::event::{Event, StampedEvent};

/// The most notes that are kept: the latest. Warnings have as much room of their own.
const NOTES: usize = 200;

/// The most trainers, splits and targets whose progress is told apart; others are counted
/// with the last.
const TOLD: [usize; 3] = [32, 64, 128];

/// What a page shows of a run.
#[derive(Debug)]
pub(super) struct Board {
    /// Tells this board from one that was made anew, whose versions are others.
    nonce: String,
    version: u64,
    /// The number of the latest event.
    sequence: Option<u64>,
    run: RunState,
    stream: TaskStream,
    scored: ScoredCandidates,
    matrix: Counts<(usize, usize)>,
    targets: Counts<usize>,
    trainers: Vec<String>,
    outline: Map<String, Value>,
    /// The targets whose runs began, each with the run that has its results.
    runs: Vec<(String, Digest)>,
    /// Rows, features and columns of the dataset.
    data: Option<(u64, usize, Vec<DataColumn>)>,
    failures: Failures,
    notes: Notes,
    changed: Changed,
    ended: bool,
}

/// The versions in which parts changed last.
#[derive(Debug, Default)]
struct Changed {
    outline: u64,
    data: u64,
    progress: u64,
    failures: u64,
    notes: u64,
}

/// Fits by what they are of.
#[derive(Debug)]
struct Counts<K>(BTreeMap<K, [u64; 3]>);

impl<K: Ord> Counts<K> {
    /// Counts fits: done, failed, reused.
    fn add(&mut self, key: K, fits: usize, failed: bool, reused: bool) {
        let counts = self.0.entry(key).or_default();
        for (count, counts_here) in counts.iter_mut().zip([true, failed, reused]) {
            *count += if counts_here { fits as u64 } else { 0 };
        }
    }
}

#[derive(Debug, Default)]
struct Notes {
    warnings: VecDeque<Note>,
    latest: VecDeque<Note>,
}

#[derive(Clone, Debug, Serialize)]
struct Note {
    time_us: u64,
    text: String,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            nonce: random_name(),
            version: 0,
            sequence: None,
            run: RunState::default(),
            stream: TaskStream::new(),
            scored: ScoredCandidates::default(),
            matrix: Counts(BTreeMap::new()),
            targets: Counts(BTreeMap::new()),
            trainers: Vec::new(),
            outline: Map::new(),
            runs: Vec::new(),
            data: None,
            failures: Failures::default(),
            notes: Notes::default(),
            changed: Changed::default(),
            ended: false,
        }
    }
}

impl Board {
    /// One that has seen nothing.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// How much it has seen. Rises with every change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// What a reader that has all up to now names when it comes again.
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.nonce, self.version)
    }

    /// The version that a reader has who names `id`; 0 for what another board told.
    pub(super) fn version_of(&self, id: &str) -> u64 {
        let version = id.strip_prefix(&self.nonce);
        let version = version.and_then(|rest| rest.strip_prefix('.')?.parse().ok());
        // One that was never told here is no version.
        version
            .filter(|version| *version <= self.version)
            .unwrap_or(0)
    }

    /// Whether nothing more will change.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Ends it: the run's process is done, or there is nothing more to read.
    pub(super) fn end(&mut self) {
        if !self.ended {
            self.version += 1;
            self.ended = true;
        }
    }

    /// The id of the run; `None` before it began.
    pub(super) fn run(&self) -> Option<String> {
        self.outline.get("run")?.as_str().map(ToOwned::to_owned)
    }

    /// Records that what is to be told can't be read now. Once for each reason.
    pub(super) fn fail(&mut self, reason: &str) {
        let text = format!("the events can't be read: {reason}");
        if self
            .notes
            .warnings
            .back()
            .is_none_or(|note| note.text != text)
        {
            self.version += 1;
            self.note(None, text, true);
        }
    }

    /// Records that so many events were not seen, since they came faster than they could be
    /// taken.
    pub(super) fn missed(&mut self, events: u64) {
        self.version += 1;
        let text = format!("{events} events came too fast and are not shown here");
        self.note(None, text, true);
    }

    /// Takes in an event.
    pub(super) fn on_event(&mut self, stamped: &StampedEvent) {
        self.version += 1;
        self.ended = false;
        // Another process executes the run anew, and tells all fits once more.
        if self.sequence.is_some_and(|last| stamped.sequence <= last) {
            self.restart();
        }
        self.sequence = Some(stamped.sequence);
        self.run.fold(stamped);
        self.stream.on_event(self.version, stamped);
        let worker = stamped.worker.as_deref();
        match &stamped.event {
            Event::RunStarted { .. } => self.start(stamped),
            Event::TaskFinished { .. } => self.finish(stamped),
            Event::CandidateScored {
                target,
                candidate,
                mean,
                std,
                fit_time,
                params,
            } => {
                let scored = Scored {
                    index: *candidate,
                    mean: *mean,
                    std: *std,
                    fit_time: *fit_time,
                    params: Arc::clone(params),
                };
                self.scored.add(self.version, *target, scored);
            }
            Event::DatasetPrepared {
                rows,
                features,
                columns,
                ..
            } => {
                let columns = columns.iter().cloned().map(shortened).collect();
                self.data = Some((*rows, *features, columns));
                self.changed.data = self.version;
            }
            _ => {}
        }
        if let Some(said) = said(&stamped.event, worker) {
            let is_warning = said.severity != Severity::News;
            self.note(Some(stamped.time_us), said.text, is_warning);
        }
        if let Event::RunClosed { .. } = stamped.event {
            self.ended = true;
        }
    }

    fn restart(&mut self) {
        let version = self.version;
        *self = Self {
            nonce: std::mem::take(&mut self.nonce),
            version,
            changed: Changed {
                outline: version,
                data: version,
                progress: version,
                failures: version,
                notes: version,
            },
            ..Self::default()
        };
        self.stream.restart(version);
    }

    fn start(&mut self, stamped: &StampedEvent) {
        let Event::RunStarted {
            trainers,
            run,
            target_names,
            target_metrics,
            target_runs,
            splits,
            ..
        } = &stamped.event
        else {
            return;
        };
        let only: &str = match trainers.as_slice() {
            [only] => only,
            _ => "",
        };
        self.scored
            .begin(target_names, target_metrics, only, *splits);
        // A second stage adds its own.
        for name in trainers {
            if !self.trainers.iter().any(|known| **known == **name) {
                self.trainers.push(name.to_string());
            }
        }
        // Logs of before name the first run alone.
        let runs = match target_runs.is_empty() {
            true => std::slice::from_ref(run),
            false => target_runs,
        };
        for (name, run) in target_names.iter().zip(runs).take(TOLD[2]) {
            // The second stage of an ensemble is part of the first one's results.
            if !self.runs.iter().any(|(known, _)| known == name) {
                self.runs.push((name.clone(), *run));
                self.changed.outline = self.version;
            }
        }
        if self.outline.is_empty() {
            let value = serde_json::to_value(&stamped.event).unwrap_or_default();
            if let Value::Object(mut fields) = value {
                fields.remove("event");
                fields.insert("begun_us".to_owned(), stamped.time_us.into());
                self.outline = fields;
            }
            self.changed.outline = self.version;
        }
    }

    fn finish(&mut self, stamped: &StampedEvent) {
        let Event::TaskFinished {
            task,
            split,
            fits,
            fault,
            reused,
            target,
            trainer,
            ..
        } = &stamped.event
        else {
            return;
        };
        let label = TaskLabel {
            task: *task,
            split: *split,
            target: *target,
            trainer,
        };
        self.changed.progress = self.version;
        let [trainers, splits, targets] = TOLD;
        let known = self.trainers.iter().position(|name| **name == **trainer);
        let place = (
            known.unwrap_or(0).min(trainers - 1),
            (*split as usize).min(splits - 1),
        );
        let failed = fault.is_some();
        self.matrix.add(place, *fits, failed, *reused);
        self.targets
            .add((*target).min(targets - 1), *fits, failed, *reused);
        if let Some(fault) = fault {
            self.changed.failures = self.version;
            self.failures
                .add(fault, label, *fits, stamped.worker.as_deref());
        }
    }

    fn note(&mut self, time_us: Option<u64>, text: String, is_warning: bool) {
        self.changed.notes = self.version;
        let note = Note {
            time_us: time_us.unwrap_or(0),
            text: clipped(text),
        };
        let notes = match is_warning {
            true => &mut self.notes.warnings,
            false => &mut self.notes.latest,
        };
        notes.push_back(note);
        if notes.len() > NOTES {
            notes.pop_front();
        }
    }

    /// What changed after version `since`, by the name of the part. `now_us` is the time, in
    /// microseconds since 1970.
    pub(super) fn changes(&self, since: u64, now_us: u64) -> Value {
        let mut parts = Map::new();
        let Changed {
            outline,
            data,
            progress,
            failures,
            notes,
        } = self.changed;
        let mut tell = |name: &str, changed: u64, part: &dyn Fn() -> Value| {
            if changed > since || since == 0 {
                parts.insert(name.to_owned(), part());
            }
        };
        tell("outline", outline, &|| {
            let mut outline = self.outline.clone();
            outline.insert("target_runs".to_owned(), json!(self.runs));
            outline.into()
        });
        if let Some((rows, features, columns)) = &self.data {
            tell(
                "data",
                data,
                &|| json!({"rows": rows, "features": features, "columns": columns}),
            );
        }
        tell("state", self.version, &|| self.state(now_us));
        tell("progress", progress, &|| self.progress());
        tell("failures", failures, &|| json!(self.failures));
        tell(
            "notes",
            notes,
            &|| json!({"warnings": self.notes.warnings, "latest": self.notes.latest}),
        );
        tell(
            "scored",
            self.scored.changed(),
            &|| json!({"version": self.scored.changed(), "candidates": self.scored.seen()}),
        );
        tell("stream", self.version, &|| self.stream.changes(since));
        parts.insert("ended".to_owned(), self.ended.into());
        parts.into()
    }

    /// Where the run is, with the seconds that are left.
    fn state(&self, now_us: u64) -> Value {
        let mut state = json!(self.run);
        let left = self.run.time_left(now_us);
        state["left"] = left.as_ref().map(Duration::as_secs_f64).into();
        state["now"] = phase(&self.run.phase).into();
        state
    }

    /// Where the run is.
    pub(super) fn run_state(&self) -> &RunState {
        &self.run
    }

    fn progress(&self) -> Value {
        let matrix = self.matrix.0.iter();
        let matrix: Vec<_> = matrix
            .map(|((one, two), counts)| json!([one, two, counts]))
            .collect();
        let targets = self.targets.0.iter();
        let targets: Vec<_> = targets.map(|(one, counts)| json!([one, counts])).collect();
        json!({"trainers": self.trainers, "matrix": matrix, "targets": targets})
    }

    /// The candidates that are scored so far, in the form of the results of a run.
    pub(super) fn scored(&self) -> Value {
        self.scored.document()
    }
}

/// A column whose texts are no longer than those of other messages.
fn shortened(column: DataColumn) -> DataColumn {
    DataColumn {
        name: clipped(column.name),
        reads: clipped(column.reads),
        ..column
    }
}
