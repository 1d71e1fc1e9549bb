//! [`Board`]: what a page shows of a run, as a pure fold over the run's events. Its size is
//! bounded whatever the number of tasks, candidates, workers and failures, and what is told of
//! it is the state, not the events: a reader that has version N is told what changed since,
//! whether it was away for a second or an hour.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::scored::ScoredCandidates;
use crate::jitter::random_name;
use crate::report::live::RunState;
use crate::report::task_stream::{TaskLabel, TaskStream};
use crate::run::event::{Event, StampedEvent};
use crate::task::TaskFault;

/// The most notes that are kept: the latest. Warnings have as much room of their own.
const NOTES: usize = 200;

/// The most messages of a kind of failure that are kept: the first.
const MESSAGES: usize = 20;

/// The most characters of a message.
const MESSAGE: usize = 4_000;

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
    failures: Failures,
    notes: Notes,
    changed: Changed,
    ended: bool,
}

/// The versions in which parts changed last.
#[derive(Debug, Default)]
struct Changed {
    outline: u64,
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

/// The failures of one kind.
#[derive(Debug, Default, Serialize)]
struct Failure {
    fits: u64,
    tasks: u64,
    /// What to do about it.
    remedy: Option<&'static str>,
    messages: Vec<FailureMessage>,
    /// Messages that were not kept.
    more: u64,
}

#[derive(Debug, Serialize)]
struct FailureMessage {
    message: String,
    times: u64,
    /// The first task that failed so.
    task: usize,
    split: u32,
    target: usize,
    trainer: String,
    worker: Option<String>,
}

/// By kind; the kinds are few.
#[derive(Debug, Default)]
struct Failures(BTreeMap<String, Failure>);

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
                params,
            } => {
                let version = self.version;
                self.scored
                    .add(version, *target, *candidate, *mean, *std, params.clone());
            }
            _ => {}
        }
        if let Some((text, is_warning)) = told(&stamped.event, worker) {
            self.note(Some(stamped.time_us), text, is_warning);
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
            target_names,
            target_metrics,
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
            text: shortened(text),
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
            progress,
            failures,
            notes,
        } = self.changed;
        let mut tell = |name: &str, changed: u64, part: &dyn Fn() -> Value| {
            if changed > since || since == 0 {
                parts.insert(name.to_owned(), part());
            }
        };
        tell("outline", outline, &|| Value::Object(self.outline.clone()));
        tell("state", self.version, &|| self.state(now_us));
        tell("progress", progress, &|| self.progress());
        tell("failures", failures, &|| json!(self.failures.0));
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

impl Failures {
    fn add(&mut self, fault: &TaskFault, label: TaskLabel<'_>, fits: usize, worker: Option<&str>) {
        let kind = serde_json::to_value(fault).ok();
        let kind = kind.and_then(|value| Some(value.get("kind")?.as_str()?.to_owned()));
        let failure = self.0.entry(kind.unwrap_or_default()).or_default();
        failure.fits += fits as u64;
        failure.tasks += 1;
        failure.remedy = fault.remedy();
        let message = shortened(fault.to_string());
        let mut messages = failure.messages.iter_mut();
        if let Some(known) = messages.find(|known| known.message == message) {
            known.times += 1;
        } else if failure.messages.len() < MESSAGES {
            failure.messages.push(FailureMessage {
                message,
                times: 1,
                task: label.task,
                split: label.split,
                target: label.target,
                trainer: label.trainer.to_owned(),
                worker: worker.map(ToOwned::to_owned),
            });
        } else {
            failure.more += 1;
        }
    }
}

/// What a person is told of an event that is about no task, and whether it is a warning.
fn told(event: &Event, worker: Option<&str>) -> Option<(String, bool)> {
    let worker = worker.unwrap_or("?");
    let (text, is_warning) = match event {
        Event::DatasetPrepared {
            rows,
            features,
            reused,
            wall,
        } => {
            let how = if *reused {
                "found in the store"
            } else {
                "prepared"
            };
            let text = format!(
                "dataset of {rows} rows and {features} features {how} in {:.3} s",
                wall.as_secs_f64()
            );
            (text, false)
        }
        Event::DatasetWarned { message } | Event::PlanWarned { message } => (message.clone(), true),
        Event::ObjectRepaired { key } => (
            format!("`{key}` in the store was damaged and was written again"),
            true,
        ),
        Event::ResultDamaged { key } => (
            format!("`{key}` in the store is damaged; its fits are made again"),
            true,
        ),
        Event::ResultUnproven { key } => (
            format!("`{key}` in the store carries no valid HMAC; its fits are made again"),
            true,
        ),
        Event::ResultDiffered { key } => (
            format!(
                "`{key}` in the store has other scores than were made now; the trainer is not \
                 deterministic"
            ),
            true,
        ),
        Event::SharingFailed { message } => (
            format!("the decoded dataset can't be shared: {message}"),
            true,
        ),
        Event::EventsLost { events, reason } => (
            format!("the store's copy of the events lacks {events}: {reason}"),
            true,
        ),
        Event::RunStarted { fits, tasks, .. } => (format!("{fits} fits in {tasks} tasks"), false),
        Event::OuterFitsStarted { fits } => (format!("{fits} fits of the outer splits"), false),
        Event::PartsStarted { parts } => (format!("models are fitted in {parts} parts"), false),
        Event::WorkerJoined { slots } => (
            format!("worker {worker} joined, for {slots} tasks at a time"),
            false,
        ),
        Event::WorkerLeft { silent: true } => (
            format!("worker {worker} does not answer; others get its tasks"),
            true,
        ),
        Event::WorkerLeft { silent: false } => (format!("worker {worker} left"), false),
        Event::WorkersAwaited => ("no worker takes tasks; waiting for one".to_owned(), true),
        Event::TaskReturned { reason } => {
            (format!("worker {worker} returned a task: {reason}"), true)
        }
        Event::TaskCopied { endpoint } => {
            let who = endpoint.as_deref().unwrap_or(worker);
            (
                format!("{who} takes long for a task; another one gets it, too"),
                false,
            )
        }
        Event::QueueConnected => ("NATS is connected again".to_owned(), false),
        Event::QueueDisconnected => ("NATS is not connected; waiting for it".to_owned(), true),
        Event::RunFinished { wall } => (
            format!("all tasks ended after {:.3} s", wall.as_secs_f64()),
            false,
        ),
        Event::RefitStarted => ("the best candidate is fitted on all rows".to_owned(), false),
        Event::EnsembleStarted => ("the members of the ensemble are selected".to_owned(), false),
        Event::MembersRefitStarted { members } => (
            format!("{members} members of the ensemble are fitted on all rows"),
            false,
        ),
        Event::SecondStageStarted => ("the second stage of the ensemble begins".to_owned(), false),
        Event::ExplanationStarted => ("the best candidate is explained".to_owned(), false),
        Event::RunInterrupted { done, fits } => {
            (format!("stopped: {done} of {fits} fits are done"), true)
        }
        Event::RunClosed {
            failure: Some(failure),
        } => (format!("failed: {failure}"), true),
        _ => return None,
    };
    Some((text, is_warning))
}

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MESSAGE) {
        text.truncate(end);
        text.push('…');
    }
    text
}
