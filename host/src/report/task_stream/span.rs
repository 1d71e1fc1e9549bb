//! [`TaskSpan`]: a task that ended on a worker, as an event tells it.

use crate::run::event::{Event, StampedEvent};
use crate::task::microseconds_of;

/// What a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskLabel<'a> {
    /// Its number in the run.
    pub task: usize,
    /// The index of its split.
    pub split: u32,
    /// The index of its target.
    pub target: usize,
    /// The name of its trainer.
    pub trainer: &'a str,
}

/// A task that ended on a worker.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskSpan<'a> {
    /// The worker.
    pub worker: &'a str,
    /// What it is.
    pub label: TaskLabel<'a>,
    /// When it began, in microseconds since 1970; `None`: as long before its end as it took.
    pub started_us: Option<u64>,
    /// When it ended, in microseconds since 1970.
    pub ended_us: u64,
    /// Microseconds of opening the dataset.
    pub load_us: u64,
    /// Microseconds in the guest.
    pub fit_us: u64,
    /// Fits that it was for.
    pub fits: usize,
    /// Whether it has no scores.
    pub failed: bool,
    /// The most bytes of its instance, 0 where not known.
    pub memory: u64,
    /// Microseconds of CPU, 0 where not known.
    pub cpu_us: u64,
}

impl<'e> TaskSpan<'e> {
    /// The task, or the part of a model, that ended by an event; `None` where none did, or
    /// the store had it.
    pub(super) fn of(stamped: &'e StampedEvent) -> Option<Self> {
        let worker = stamped.worker.as_deref().unwrap_or("?");
        match &stamped.event {
            Event::TaskFinished {
                task,
                split,
                target,
                trainer,
                fits,
                fault,
                wall,
                load,
                cpu,
                memory,
                started_us,
                reused: false,
                ..
            } => {
                let load = load.unwrap_or_default().min(*wall);
                Some(Self {
                    worker,
                    label: TaskLabel {
                        task: *task,
                        split: *split,
                        target: *target,
                        trainer,
                    },
                    started_us: *started_us,
                    ended_us: stamped.time_us,
                    load_us: microseconds_of(load),
                    fit_us: microseconds_of(*wall - load),
                    fits: *fits,
                    failed: fault.is_some(),
                    memory: memory.unwrap_or(0),
                    cpu_us: cpu.map_or(0, microseconds_of),
                })
            }
            Event::PartFinished {
                part,
                fault,
                wall,
                reused: false,
            } => Some(Self {
                worker,
                label: TaskLabel {
                    task: *part,
                    split: 0,
                    target: 0,
                    trainer: "part of a model",
                },
                started_us: None,
                ended_us: stamped.time_us,
                load_us: 0,
                fit_us: microseconds_of(*wall),
                fits: 0,
                failed: fault.is_some(),
                memory: 0,
                cpu_us: 0,
            }),
            _ => None,
        }
    }
}
