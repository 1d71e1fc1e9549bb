//! [`Event`]: what happened in a run. Everything that a person, a file or
//! another program is told about a run comes from these. [`Listeners`] stamps
//! each event with time and sequence number and passes it to any number of
//! [`Listener`]s. The run does not know who listens.

#[cfg(test)]
pub(crate) mod example;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fanout_contract::Params;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data_summary::DataColumn;
use crate::digest::Digest;
use crate::store::Key;
use crate::task::{TaskFault, microseconds};

/// Something that happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The dataset and its splits are in the store.
    DatasetPrepared {
        /// Rows.
        rows: u64,
        /// Features.
        features: usize,
        /// Whether the store had the dataset already.
        reused: bool,
        /// How long it took, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
        /// The first 200 columns, features first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        columns: Vec<DataColumn>,
    },
    /// The data has a property that its user should know. The run goes on.
    DatasetWarned {
        /// One sentence.
        message: String,
    },
    /// The plan asks for something that is done in part. The run goes on.
    PlanWarned {
        /// One sentence.
        message: String,
    },
    /// The tasks are known and are about to be run.
    RunStarted {
        /// The run's id.
        #[schemars(with = "String")]
        run: Digest,
        /// Targets, each with a search. `run` is that of the first.
        #[serde(default = "one")]
        targets: usize,
        /// Candidates, of all targets.
        candidates: usize,
        /// Splits of a target, the most.
        splits: usize,
        /// Candidates × splits, of all targets.
        fits: usize,
        /// Tasks.
        tasks: usize,
        /// How many tasks the pool runs at a time.
        workers: usize,
        /// The name of the plan.
        #[serde(default)]
        name: String,
        /// The metric that ranks the candidates, those of the first target.
        #[serde(default)]
        metric: String,
        /// By target: the metric that ranks its candidates.
        #[serde(default)]
        target_metrics: Vec<String>,
        /// By target: its column.
        #[serde(default)]
        target_names: Vec<String>,
        /// By target: the id of its run. Empty in logs of before.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        #[schemars(with = "Vec<String>")]
        target_runs: Vec<Digest>,
        /// The trainers of all targets, each once.
        #[serde(default)]
        trainers: Vec<Arc<str>>,
        /// By trainer: how many fits.
        #[serde(default)]
        trainer_fits: Vec<usize>,
        /// By trainer: what its tasks are expected to take together, as `cost` of
        /// `task_finished` says of one.
        #[serde(default)]
        trainer_costs: Vec<f64>,
    },
    /// A worker began with a task. Of a task that ends within milliseconds,
    /// `task_finished` alone is told. Of a remote worker it is known late, from its
    /// heartbeat.
    TaskStarted {
        /// The task's index in the run.
        task: usize,
        /// The index of the split.
        split: u32,
        /// The index of the target.
        target: usize,
        /// The trainer.
        trainer: Arc<str>,
        /// How many of the run's fits.
        fits: usize,
        /// See `task_finished`.
        cost: f64,
    },
    /// An object whose name is the digest of its content was damaged, and was
    /// written again.
    ObjectRepaired {
        /// Its name.
        #[schemars(with = "String")]
        key: Key,
    },
    /// A part of a task's results is damaged; its fits are made again.
    ResultDamaged {
        /// Its name.
        #[schemars(with = "String")]
        key: Key,
    },
    /// A part of a task's results carries no valid HMAC, and the store has a key:
    /// its writer had none, or another one. Its fits are made again.
    ResultUnproven {
        /// Its name.
        #[schemars(with = "String")]
        key: Key,
    },
    /// A stored part of a task's results has other scores than this run made
    /// for the same fit: the trainer is not deterministic.
    ResultDiffered {
        /// Its name.
        #[schemars(with = "String")]
        key: Key,
    },
    /// An instance could not hand its decoded dataset to the other workers;
    /// each decodes the dataset for itself, which takes time and memory.
    SharingFailed {
        /// Why.
        message: String,
    },
    /// Fits of a task ended, with or without scores, and are in the store.
    TaskFinished {
        /// The task's index in the run.
        task: usize,
        /// The index of the split.
        split: u32,
        /// How many of the run's fits.
        fits: usize,
        /// How many models were fitted for them.
        models: u32,
        /// Why they have no scores; null where they have.
        fault: Option<TaskFault>,
        /// Wall time in the guest, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
        /// Whether the store had them.
        reused: bool,
        /// The best mean score so far by the ranking metric, over candidates
        /// whose splits are all done; null where there are several targets.
        best: Option<f64>,
        /// The index of the target.
        #[serde(default)]
        target: usize,
        /// The trainer.
        #[serde(default)]
        trainer: Arc<str>,
        /// What these fits were expected to take, beside others: seconds where the
        /// trainer says so, by rough estimate.
        #[serde(default)]
        cost: f64,
        /// When the worker began with the task, in microseconds since 1970-01-01 UTC by
        /// the clock of the run's host, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started_us: Option<u64>,
        /// The part of the wall time in which the dataset was opened, in seconds, where
        /// that is known.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "maybe_seconds"
        )]
        #[schemars(with = "Option<f64>")]
        load: Option<Duration>,
        /// CPU time, in seconds, where that is known.
        #[serde(
            default,
            skip_serializing_if = "Option::is_none",
            with = "maybe_seconds"
        )]
        #[schemars(with = "Option<f64>")]
        cpu: Option<Duration>,
        /// The most bytes of memory that the guest's instance has had, where that is
        /// known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        memory: Option<u64>,
    },
    /// All fits of a candidate ended. Not told where a mean over the splits says nothing,
    /// such as over the points of a learning curve.
    CandidateScored {
        /// The index of the target.
        target: usize,
        /// The index of the candidate among those of the target.
        candidate: usize,
        /// The mean of its test scores by the ranking metric; null if one of them is
        /// missing or not a number.
        mean: Option<f64>,
        /// Their standard deviation.
        std: Option<f64>,
        /// Seconds of one of its fits, as `mean_fit_time` of `cv_results`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fit_time: Option<f64>,
        /// Its searched hyper-parameters, with the trainer where there are several.
        #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
        params: Arc<Params>,
    },
    /// The baseline was scored on a split, and the store has its scores.
    BaselineFinished {
        /// The index of the split.
        split: u32,
        /// Why it has no scores; null where it has.
        fault: Option<TaskFault>,
        /// Wall time in the guest, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
        /// Whether the store had them.
        reused: bool,
    },
    /// The search inside the splits of a nested cross-validation ended, and the best
    /// candidate of each is about to be fitted on all training rows there.
    OuterFitsStarted {
        /// How many fits.
        fits: usize,
    },
    /// One of these fits ended, and the store has its scores.
    OuterFitFinished {
        /// The number of the fit.
        task: usize,
        /// Why it has no scores; null where it has.
        fault: Option<TaskFault>,
        /// Wall time in the guest, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
        /// Whether the store had them.
        reused: bool,
    },
    /// Models are about to be fitted in parts, such as ranges of the trees of a forest.
    PartsStarted {
        /// How many parts.
        parts: usize,
        /// Whether these are models of the refit, whose parts are fitted beside the last
        /// tasks of the search: of one candidate it is known that it will be refitted.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ahead: bool,
    },
    /// A worker began with a part of a model.
    PartStarted {
        /// The number of the part.
        part: usize,
    },
    /// A part of a model was fitted, and the store has it.
    PartFinished {
        /// The number of the part.
        part: usize,
        /// Why there is none; null where there is.
        fault: Option<TaskFault>,
        /// Wall time in the guest, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
        /// Whether the store had it.
        reused: bool,
    },
    /// A remote worker began to take tasks.
    WorkerJoined {
        /// How many tasks it runs at a time.
        slots: usize,
    },
    /// A remote worker stopped taking tasks; those that it held go to others.
    WorkerLeft {
        /// Whether it left without notice.
        silent: bool,
    },
    /// There are tasks and no remote worker to take them. The run waits.
    WorkersAwaited,
    /// A remote worker could not run a task now; the task is delivered again.
    TaskReturned {
        /// Why.
        reason: String,
    },
    /// A remote worker, or an endpoint, runs a task far beyond its kind while others are
    /// idle: one of these gets it, too, and the first result is taken.
    TaskCopied {
        /// The URL of the endpoint, if it is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
    },
    /// An endpoint does not answer. It is tried again; the run ends where no endpoint
    /// answers for some time.
    EndpointLost {
        /// Its URL.
        endpoint: String,
        /// The last failure.
        reason: String,
        /// How long a run goes on without an answer of any endpoint, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        retry: Duration,
    },
    /// An endpoint answers again.
    EndpointAnswered {
        /// Its URL.
        endpoint: String,
    },
    /// The connection to the queue was made again.
    QueueConnected,
    /// The connection to the queue was lost. It is made again by itself.
    QueueDisconnected,
    /// Every task of the search ended, and what was made ahead beside them.
    RunFinished {
        /// From the first task to the last, in seconds.
        #[serde(with = "seconds")]
        #[schemars(with = "f64")]
        wall: Duration,
    },
    /// The refit of the best candidate began.
    RefitStarted,
    /// The members of an ensemble are about to be selected.
    EnsembleStarted,
    /// The refits of the members of an ensemble began.
    MembersRefitStarted {
        /// How many members there are.
        members: usize,
    },
    /// An estimator is about to learn from what the members predict: a run of its own follows.
    SecondStageStarted,
    /// The best candidate is about to be explained.
    ExplanationStarted,
    /// The run was stopped; tasks that ended are in the store.
    RunInterrupted {
        /// Fits that are done.
        done: usize,
        /// Fits in all.
        fits: usize,
    },
    /// The process is done with the run: its results are written, or it failed.
    RunClosed {
        /// Why it failed; null where it did not.
        failure: Option<String>,
    },
    /// The store's copy of the events lacks some. The run is not harmed.
    EventsLost {
        /// How many.
        events: u64,
        /// Why.
        reason: String,
    },
}

/// An event with its stamp: one JSON object, the event's fields beside the
/// stamp's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StampedEvent {
    /// The event's number in its run, from 0.
    pub sequence: u64,
    /// Microseconds since 1970-01-01 UTC.
    pub time_us: u64,
    /// The worker that the event is about; null where it is about none.
    pub worker: Option<Arc<str>>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Receives the events of a run, in order, on the run's own thread. What goes
/// wrong in a listener is the listener's: it can't fail a run.
pub trait Listener {
    /// Receives one event.
    fn on_event(&mut self, event: &StampedEvent);
}

impl<F: FnMut(&StampedEvent)> Listener for F {
    fn on_event(&mut self, event: &StampedEvent) {
        self(event);
    }
}

/// All listeners of a run.
#[derive(Default)]
pub struct Listeners<'l> {
    listeners: Vec<&'l mut dyn Listener>,
    attached: Vec<Box<dyn Listener>>,
    sequence: u64,
}

impl<'l> Listeners<'l> {
    /// These listeners; each receives every event.
    pub fn new(listeners: Vec<&'l mut dyn Listener>) -> Self {
        Self {
            listeners,
            ..Self::default()
        }
    }

    /// Adds a listener, which receives every event from here on until
    /// [`Self::detach`].
    pub fn attach(&mut self, listener: Box<dyn Listener>) {
        self.attached.push(listener);
    }

    /// Removes the listener that was attached last.
    pub fn detach(&mut self) {
        self.attached.pop();
    }

    /// Stamps an event that is about no worker, and passes it on.
    pub fn emit(&mut self, event: Event) {
        self.emit_of(None, event);
    }

    /// Stamps an event that is about `worker`, and passes it on.
    pub fn emit_of(&mut self, worker: Option<Arc<str>>, event: Event) {
        let stamped = StampedEvent {
            sequence: self.sequence,
            time_us: microseconds(SystemTime::now()),
            worker,
            event,
        };
        self.sequence += 1;
        for listener in &mut self.listeners {
            listener.on_event(&stamped);
        }
        for listener in &mut self.attached {
            listener.on_event(&stamped);
        }
    }
}

impl std::fmt::Debug for Listeners<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listeners")
            .field("listeners", &self.listeners.len())
            .field("attached", &self.attached.len())
            .field("sequence", &self.sequence)
            .finish()
    }
}

/// The number of targets in logs of before.
fn one() -> usize {
    1
}

/// Durations as seconds in JSON.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(duration.as_secs_f64())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        Duration::try_from_secs_f64(seconds).map_err(serde::de::Error::custom)
    }
}

/// Durations that may not be known, as seconds in JSON.
mod maybe_seconds {
    use std::time::Duration;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => super::seconds::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        let duration = seconds.map(Duration::try_from_secs_f64).transpose();
        duration.map_err(serde::de::Error::custom)
    }
}
