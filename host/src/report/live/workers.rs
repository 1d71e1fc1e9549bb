//! [`WorkerState`]: what a worker does, and what it did.

use std::sync::Arc;

use serde::Serialize;

use super::RunState;
use crate::run::event::{Event, StampedEvent};

/// Threat: more workers than there are, by forged heartbeats. No more are kept.
const WORKERS: usize = 10_000;

/// A worker of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct WorkerState {
    /// What it does now, as far as it was told: not what takes milliseconds, and of a
    /// remote worker some seconds late.
    pub running: Vec<Running>,
    /// How many tasks it runs at a time; `None` for one of this process.
    pub slots: Option<usize>,
    /// Tasks that it finished.
    pub tasks: usize,
    /// Their fits.
    pub fits: usize,
    /// Seconds that these took.
    pub busy: f64,
    /// CPU seconds that these took, as far as they are known.
    pub cpu: f64,
    /// Bytes of memory of its guest with the latest task, where that is known.
    pub memory: Option<u64>,
    /// When it was heard last, in microseconds since 1970-01-01 UTC.
    pub latest_us: u64,
}

/// What a worker runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Running {
    /// What it is.
    pub work: Work,
    /// When it began, in microseconds since 1970-01-01 UTC.
    pub since_us: u64,
}

/// A piece of work.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "work", rename_all = "snake_case")]
pub enum Work {
    /// A task of the search.
    Task {
        /// Its index.
        task: usize,
        /// The split.
        split: u32,
        /// The target.
        target: usize,
        /// The trainer.
        trainer: Arc<str>,
        /// How many fits.
        fits: usize,
        /// What it is expected to take, beside others.
        cost: f64,
    },
    /// A part of a model.
    Part {
        /// Its number.
        part: usize,
    },
}

impl WorkerState {
    fn begin(&mut self, work: Work, since_us: u64) {
        // Of those that are forgotten it was lost that they ended.
        let most = self.slots.unwrap_or(1).max(1);
        if self.running.len() >= most {
            self.running.remove(0);
        }
        self.running.push(Running { work, since_us });
    }

    fn end_task(&mut self, task: usize) {
        let is_it = |work: &Work| matches!(work, Work::Task { task: it, .. } if *it == task);
        self.running.retain(|running| !is_it(&running.work));
    }
}

impl RunState {
    /// Notes what an event says of its worker.
    pub(super) fn note_worker(&mut self, stamped: &StampedEvent) {
        let Some(name) = &stamped.worker else {
            return;
        };
        if let Event::WorkerLeft { .. } = stamped.event {
            self.workers.remove(name);
            return;
        }
        if self.workers.len() >= WORKERS && !self.workers.contains_key(name) {
            return;
        }
        if let (true, Event::TaskFinished { task, .. }) = (self.copied, &stamped.event) {
            for worker in self.workers.values_mut() {
                worker.end_task(*task);
            }
        }
        let worker = self.workers.entry(Arc::clone(name)).or_default();
        worker.latest_us = stamped.time_us;
        match &stamped.event {
            Event::WorkerJoined { slots } => worker.slots = Some(*slots),
            Event::TaskStarted {
                task,
                split,
                target,
                trainer,
                fits,
                cost,
            } => {
                let work = Work::Task {
                    task: *task,
                    split: *split,
                    target: *target,
                    trainer: Arc::clone(trainer),
                    fits: *fits,
                    cost: *cost,
                };
                worker.begin(work, stamped.time_us);
            }
            Event::PartStarted { part } => {
                worker.begin(Work::Part { part: *part }, stamped.time_us);
            }
            Event::PartFinished { part, wall, .. } => {
                let is_it = |work: &Work| *work == Work::Part { part: *part };
                worker.running.retain(|running| !is_it(&running.work));
                worker.busy += wall.as_secs_f64();
            }
            Event::TaskFinished {
                task,
                fits,
                wall,
                cpu,
                memory,
                ..
            } => {
                worker.end_task(*task);
                worker.tasks += 1;
                worker.fits += fits;
                worker.busy += wall.as_secs_f64();
                worker.cpu += cpu.map_or(0.0, |cpu| cpu.as_secs_f64());
                worker.memory = memory.or(worker.memory);
            }
            _ => {}
        }
    }
}
