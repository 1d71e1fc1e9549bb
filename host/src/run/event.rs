//! [`Event`]: what happened in a run. Everything that a person or a file is
//! told comes from these.

use std::time::Duration;

use fanout_contract::Answer;
use serde::{Deserialize, Serialize};

use crate::store::Key;

/// Why a task has no answer. It is a result, stored like any other; what a
/// limit ended is tried again under a greater one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskFault {
    /// The guest trapped (a panic, an unreachable, a division by zero).
    #[error("the guest trapped: {message}")]
    Trapped {
        /// The trap and the guest's innermost functions.
        message: String,
    },
    /// The guest asked for more memory than the plan allows.
    #[error("the guest needed more than its {} of memory", size(*limit))]
    OutOfMemory {
        /// The limit, in bytes.
        limit: u64,
    },
    /// The task took longer than the plan allows.
    #[error("the task took longer than its {} s", *limit_ms as f64 / 1000.0)]
    TimedOut {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The guest recursed too deep.
    #[error("the guest's stack overflowed")]
    StackOverflowed,
    /// The answer is not what the contract asks for.
    #[error("the guest's answer is malformed: {message}")]
    MalformedAnswer {
        /// What is wrong.
        message: String,
    },
    /// Every worker that ran the task died, or fell silent, over it; never
    /// stored, since others may fare better.
    #[error("{workers} workers that ran the task died or fell silent over it")]
    WorkersLost {
        /// How many.
        workers: u64,
    },
    /// The run was told to stop; never stored.
    #[error("the run was stopped")]
    Cancelled,
    /// The guest said why it did not answer.
    #[error("{fault}")]
    Refused {
        /// What the guest said.
        fault: fanout_contract::Fault,
    },
}

/// `1 GiB`, `512 MiB`: limits are powers of two in most plans.
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
    /// What to do about it, where that is in the plan's hands.
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
            _ => None,
        }
    }

    /// The kind alone, as in the task's stored result; for a guest's refusal,
    /// which of the four it is.
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

/// How one task ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The answer, or why there is none.
    pub result: Result<Answer, TaskFault>,
    /// Wall time in the guest; where its call served other fits too, the
    /// share of these.
    pub wall: Duration,
    /// Whether it was found in the store, left by an earlier run or by one
    /// that goes on beside this one.
    pub reused: bool,
}

/// Something that happened in a run, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// The dataset and its splits are in the store.
    DatasetPrepared {
        /// Rows.
        rows: u64,
        /// Features.
        features: usize,
        /// Whether the store had the dataset already.
        reused: bool,
        /// How long it took.
        wall: Duration,
    },
    /// Something in the data that a person should know of; the run goes on.
    DatasetWarned {
        /// One sentence.
        message: String,
    },
    /// The tasks are known and about to be sent.
    RunStarted {
        /// Candidates.
        candidates: usize,
        /// Splits.
        splits: usize,
        /// Candidates × splits.
        fits: usize,
        /// Tasks.
        tasks: usize,
        /// Workers of the pool.
        workers: usize,
    },
    /// An object whose name is the digest of its content was damaged, and was
    /// written anew.
    ObjectMended {
        /// Its name.
        key: Key,
    },
    /// A part of a task's results is damaged; its fits are made again.
    ResultDamaged {
        /// Its name.
        key: Key,
    },
    /// A part of a task's results has other scores than this run made for
    /// the same fit: the trainer is not deterministic.
    ResultDiffers {
        /// Its name.
        key: Key,
    },
    /// Fits of a task ended, well or not, and are in the store.
    TaskFinished {
        /// Its index in the expansion.
        task: usize,
        /// How many of the run's fits.
        fits: usize,
        /// How.
        outcome: Outcome,
        /// The best mean score so far of a candidate whose splits are all
        /// done, by the ranking metric.
        best: Option<f64>,
    },
    /// A worker elsewhere takes tasks.
    WorkerJoined {
        /// Its name.
        worker: String,
        /// How many it runs at a time.
        slots: usize,
    },
    /// A worker elsewhere takes tasks no more; those that it held come to
    /// others.
    WorkerLeft {
        /// Its name.
        worker: String,
        /// Whether it went without a word.
        silent: bool,
    },
    /// There are tasks, and no worker elsewhere to take them. The run waits.
    WorkersAwaited,
    /// A worker elsewhere could not run a task now; it comes again.
    TaskReturned {
        /// Its name.
        worker: String,
        /// Why.
        why: String,
    },
    /// The connection to the queue came or went.
    LinkChanged {
        /// Whether it is there.
        up: bool,
    },
    /// Every task ended.
    RunFinished {
        /// From the first task to the last.
        wall: Duration,
    },
    /// The refit of the best candidate began.
    RefitStarted,
    /// The run was told to stop; tasks that ended are kept.
    RunInterrupted {
        /// Fits done.
        done: usize,
        /// Fits in all.
        fits: usize,
    },
}
