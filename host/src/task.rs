//! What every layer says of a task: its limits ([`TaskLimits`]), the fits that
//! are wanted of it ([`WantedFits`]), how it ended ([`Outcome`],
//! [`FinishedFits`], [`TaskFault`]), and the switch that stops it ([`Cancel`]).
//! Plain data: nothing here runs or stores anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use fanout_contract::{Answer, Output};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// The most that one task may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLimits {
    /// Bytes of the guest's memory.
    pub memory: u64,
    /// Wall time of one call of the guest.
    pub timeout: Duration,
}

impl TaskLimits {
    /// The time limit in whole milliseconds.
    pub fn timeout_ms(&self) -> u64 {
        u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for TaskLimits {
    /// 1 GiB, 5 minutes.
    fn default() -> Self {
        Self {
            memory: 1 << 30,
            timeout: Duration::from_secs(300),
        }
    }
}

/// A switch that stops guests from outside; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Stops every guest that runs under this switch.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The fits that a run wants of one task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedFits {
    /// The task's id.
    pub task: Digest,
    /// The keys of the fits: the nested hyper-parameters of each, as an
    /// object in canonical JSON. A fit's position is its index here.
    pub fits: Vec<String>,
    /// What is wanted of each fit beside its scores.
    pub outputs: Vec<Output>,
}

/// What a guest gave for a task.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The scores.
    pub answer: Answer,
    /// The outputs that the task asks for, one of each for every candidate.
    pub artifacts: Vec<Artifact>,
}

/// The output of this name.
pub fn output(name: &str) -> Option<Output> {
    let mut known = Output::ALL.into_iter();
    known.find(|output| output.name() == name)
}

/// An output of a fit beside its scores: a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// What it is.
    pub output: Output,
    /// The index of the candidate in the task.
    pub candidate: u32,
    /// The file.
    pub bytes: Bytes,
}

/// Fits of one task that finished together.
#[derive(Clone, Debug, PartialEq)]
pub struct FinishedFits {
    /// The positions of the fits in [`WantedFits::fits`].
    pub positions: Vec<u32>,
    /// How they ended; an answer holds their scores in this order.
    pub outcome: Outcome,
    /// The worker that made them; `None` where the store had them.
    pub worker: Option<Arc<str>>,
    /// What making them took, as far as that is known.
    pub usage: TaskUsage,
}

/// What running a task took, as far as its worker knows. Never part of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskUsage {
    /// When the worker began with it: microseconds since 1970-01-01 UTC, by the clock of
    /// the run's host.
    pub started_us: Option<u64>,
    /// The part of its wall time in which the dataset was opened.
    pub load: Option<Duration>,
    /// CPU time of the thread that ran it.
    pub cpu: Option<Duration>,
    /// The most bytes of memory that the guest's instance has had.
    pub memory: Option<u64>,
}

/// A time in microseconds since 1970-01-01 UTC.
pub fn microseconds(time: SystemTime) -> u64 {
    microseconds_of(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A duration in microseconds.
pub fn microseconds_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// How a call of a guest ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, TaskFault>,
    /// Wall time in the guest; where the call served other fits too, the
    /// share of these.
    pub wall: Duration,
    /// Whether the store had it, from an earlier run or from one that goes on
    /// at the same time.
    pub reused: bool,
}

/// Why a task has no answer. A fault is a result and is stored like one, except
/// [`TaskFault::WorkersLost`] and [`TaskFault::Cancelled`]. A stored fault that
/// a limit caused is tried again by runs whose limit is greater.
#[derive(
    Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema, thiserror::Error,
)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskFault {
    /// The guest trapped (a panic, an unreachable, a division by zero).
    #[error("the guest trapped: {message}")]
    Trapped {
        /// The trap and the guest's innermost functions.
        message: String,
    },
    /// The guest asked for more memory than its limit.
    #[error("the guest needed more than its {} of memory", size(*limit))]
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The call took longer than its limit, computing or waiting.
    #[error("the task took longer than its {} s", *limit_ms as f64 / 1000.0)]
    TimedOut {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The guest's stack overflowed.
    #[error("the guest's stack overflowed")]
    StackOverflowed,
    /// The answer is not what the contract asks for.
    #[error("the guest's answer is malformed: {message}")]
    MalformedAnswer {
        /// What is wrong.
        message: String,
    },
    /// Every worker that ran the task died or stopped answering. Never stored:
    /// other workers may succeed.
    #[error("{workers} workers that ran the task died or stopped answering")]
    WorkersLost {
        /// How many.
        workers: u64,
    },
    /// The run was stopped. Never stored.
    #[error("the run was stopped")]
    Cancelled,
    /// The guest returned a fault of its own.
    #[error("{fault}")]
    Refused {
        /// What the guest said.
        #[schemars(schema_with = "guest_fault_schema")]
        fault: fanout_contract::Fault,
    },
}

/// The JSON Schema of a guest's own fault, whose crate knows of no schemas.
fn guest_fault_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "required": ["fault", "message"],
        "properties": {
            "fault": {"enum": ["invalid-dataset", "invalid-task", "invalid-params", "failed"]},
            "message": {"type": "string"},
        },
    })
}

/// `1 GiB`, `512 MiB`: most limits are multiples of a power of two.
fn size(bytes: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let whole = units
        .into_iter()
        .find(|(bits, _)| bytes >= 1 << bits && bytes.is_multiple_of(1 << bits));
    whole.map_or(format!("{bytes} bytes"), |(bits, unit)| {
        format!("{} {unit}", bytes >> bits)
    })
}

impl TaskFault {
    /// What the user can do about it, where the plan or the workers decide it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::OutOfMemory { .. } => Some(
                "raise `limits.memory`, or leave columns out; `fanout check` estimates what a \
                 run needs",
            ),
            Self::TimedOut { .. } => Some("raise `limits.timeout`"),
            Self::WorkersLost { .. } => Some(
                "look at the workers' logs: the machine's memory may be less than \
                 `limits.memory` for each of their tasks",
            ),
            Self::Trapped { .. } => Some(
                "the trainer has a defect: leave out the hyper-parameters that lead to it, and \
                 tell those who made the guest",
            ),
            Self::StackOverflowed => Some("ask for smaller models, such as by a lower `max_depth`"),
            Self::MalformedAnswer { .. } => Some(
                "see what `fanout guest check` says of the guest; it may be of another version",
            ),
            Self::Cancelled => Some("the same command goes on where this one stopped"),
            // The guest says it.
            Self::Refused { .. } => None,
        }
    }

    /// The fault's kind as it stands in stored results; for
    /// [`TaskFault::Refused`], the kind of the guest's own fault.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trapped { .. } => "trapped",
            Self::OutOfMemory { .. } => "out_of_memory",
            Self::TimedOut { .. } => "timed_out",
            Self::StackOverflowed => "stack_overflowed",
            Self::MalformedAnswer { .. } => "malformed_answer",
            Self::WorkersLost { .. } => "workers_lost",
            Self::Cancelled => "cancelled",
            Self::Refused { fault } => match fault {
                fanout_contract::Fault::InvalidDataset(_) => "invalid_dataset",
                fanout_contract::Fault::InvalidTask(_) => "invalid_task",
                fanout_contract::Fault::InvalidParams(_) => "invalid_params",
                fanout_contract::Fault::Failed(_) => "fit_failed",
            },
        }
    }
}
