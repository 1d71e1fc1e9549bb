//! [`TaskStream`]: what each worker did when, as a pure fold over the tasks of a run. Its
//! size is bounded whatever the number of tasks: past [`SEGMENTS`] segments, neighbours of a
//! lane that begin in the same interval of time become one, which says how its time was
//! spent; the interval grows as the run does. It draws nothing.

mod segment;
mod span;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::event::{Event, StampedEvent};
use segment::Segment;

pub use span::{TaskLabel, TaskSpan};

/// The most segments that are kept: what a browser draws at once, and a few hundred kilobytes.
pub const SEGMENTS: usize = 4096;

/// The most lanes. What further workers do is told in the last one.
pub const LANES: usize = 128;

/// The most tasks under way that are kept.
const RUNNING: usize = 1024;

/// The most names of trainers, and of targets, that are told apart.
const NAMES: usize = 256;

/// Clocks of microseconds on two threads: an overlap as short as this is none.
const OVERLAP_US: u64 = 2_000;

/// What one worker does at one time: a worker that runs several tasks at once has several.
#[derive(Clone, Debug)]
struct Lane {
    worker: Arc<str>,
    /// Its number among those of the worker.
    slot: usize,
    end_us: u64,
    last: Option<usize>,
}

/// A task under way.
#[derive(Clone, Debug)]
struct Running {
    start_us: u64,
    label: (usize, u32, usize, usize),
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct TaskStream {
    origin_us: Option<u64>,
    end_us: u64,
    /// 0: every segment is a task of its own.
    resolution_us: u64,
    /// The version in which segments were last made anew, so that their numbers changed.
    made: u64,
    version: u64,
    segments: Vec<Segment>,
    lanes: Vec<Lane>,
    by_worker: FxHashMap<Arc<str>, Vec<usize>>,
    running: BTreeMap<(Arc<str>, usize), Running>,
    trainers: Vec<String>,
}

impl TaskStream {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in an event. `version` rises from call to call.
    pub fn on_event(&mut self, version: u64, stamped: &StampedEvent) {
        match &stamped.event {
            Event::RunStarted { .. } => self.begin(stamped.time_us),
            Event::TaskStarted {
                task,
                split,
                target,
                trainer,
                ..
            } => {
                let label = TaskLabel {
                    task: *task,
                    split: *split,
                    target: *target,
                    trainer,
                };
                let worker = stamped.worker.as_deref().unwrap_or("?");
                self.started(version, worker, stamped.time_us, label);
            }
            Event::RunFinished { .. } | Event::RunInterrupted { .. } => {
                self.end(version, stamped.time_us);
            }
            // What comes after the search, such as a refit, has no tasks of the stream.
            Event::RunClosed { .. } if !self.running.is_empty() => {
                self.end(version, stamped.time_us);
            }
            _ => {
                if let Some(span) = TaskSpan::of(stamped) {
                    self.finished(version, &span);
                }
            }
        }
    }

    /// Sets the time that all others count from, if none is set: the begin of the run, in
    /// microseconds since 1970.
    pub(super) fn begin(&mut self, time_us: u64) {
        self.origin_us.get_or_insert(time_us);
    }

    /// Forgets all that it has: another process begins the run anew.
    pub fn restart(&mut self, version: u64) {
        *self = Self {
            made: version,
            version,
            ..Self::default()
        };
    }

    /// Records that a worker began with a task. `version` rises from call to call, here and
    /// in [`Self::finished`].
    fn started(&mut self, version: u64, worker: &str, time_us: u64, label: TaskLabel<'_>) {
        self.version = version;
        let start_us = self.since(time_us);
        let label = self.label(label);
        let worker = self.worker(worker);
        if self.running.len() < RUNNING {
            let running = Running { start_us, label };
            self.running.insert((worker.clone(), label.0), running);
        }
        let under_way = self.running.range((worker.clone(), 0)..);
        let under_way = under_way.take_while(|((of, _), _)| *of == worker).count();
        if self.by_worker[&worker].len() < under_way {
            self.add_lane(&worker);
        }
    }

    /// Records that a worker ended a task.
    pub(super) fn finished(&mut self, version: u64, span: &TaskSpan<'_>) {
        self.version = version;
        let took = span.load_us + span.fit_us;
        let start = span
            .started_us
            .unwrap_or(span.ended_us.saturating_sub(took));
        self.begin(start);
        // That it ended is told when its results are kept: the worker has gone on by then.
        let ended = span.started_us.map(|started| started + took);
        let end_us = self.since(ended.unwrap_or(span.ended_us).min(span.ended_us));
        let start_us = self.since(start).min(end_us);
        let label = self.label(span.label);
        let worker = self.worker(span.worker);
        self.running.remove(&(worker.clone(), label.0));
        let lane = self.lane(&worker, start_us);
        let start_us = start_us.max(self.lanes[lane].end_us).min(end_us);
        self.end_us = self.end_us.max(end_us);
        let (fit_us, fault_us) = match span.failed {
            true => (0, span.fit_us),
            false => (span.fit_us, 0),
        };
        let segment = Segment {
            lane,
            start_us,
            end_us,
            load_us: span.load_us,
            fit_us,
            fault_us,
            cpu_us: span.cpu_us,
            memory: span.memory,
            tasks: 1,
            faults: u64::from(span.failed),
            fits: span.fits as u64,
            label: Some(label),
            changed: version,
        };
        self.lanes[lane].end_us = self.lanes[lane].end_us.max(end_us);
        self.add(segment);
        if self.segments.len() > SEGMENTS {
            self.coarsen();
        }
    }

    /// Ends all tasks that are under way: the run ended, or its process did.
    fn end(&mut self, version: u64, time_us: u64) {
        self.version = version;
        self.running.clear();
        self.end_us = self.end_us.max(self.since(time_us));
    }

    /// What changed after `since`, for a reader that has all before; everything for 0. Where
    /// `reset` is true, the segments that the reader has are void.
    pub fn changes(&self, since: u64) -> Value {
        let reset = since == 0 || since < self.made;
        let changed = self.segments.iter().enumerate();
        let changed = changed.filter(|(_, segment)| reset || segment.changed > since);
        let rows: Vec<Value> = changed.map(|(id, segment)| segment.row(id)).collect();
        json!({
            "reset": reset,
            "origin_us": self.origin_us,
            "end_us": self.end_us,
            "resolution_us": self.resolution_us,
            "lanes": self.lanes.iter().map(lane_name).collect::<Vec<_>>(),
            "trainers": self.trainers,
            "running": self.under_way(),
            "segments": rows,
        })
    }

    /// All of it, to be embedded in a page.
    pub fn snapshot(&self) -> Value {
        self.changes(0)
    }

    /// Whether there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty() && self.running.is_empty()
    }

    fn since(&self, time_us: u64) -> u64 {
        time_us.saturating_sub(self.origin_us.unwrap_or(time_us))
    }

    fn label(&mut self, label: TaskLabel<'_>) -> (usize, u32, usize, usize) {
        let known = self.trainers.iter().position(|name| name == label.trainer);
        let trainer = known.unwrap_or_else(|| {
            if self.trainers.len() < NAMES {
                self.trainers.push(label.trainer.to_owned());
            }
            self.trainers.len() - 1
        });
        (label.task, label.split, label.target, trainer)
    }

    fn worker(&mut self, name: &str) -> Arc<str> {
        if let Some((known, _)) = self.by_worker.get_key_value(name) {
            return known.clone();
        }
        // Threat: a queue that ever new workers join and leave.
        if self.lanes.len() >= LANES {
            return self.lanes[LANES - 1].worker.clone();
        }
        let worker: Arc<str> = match self.lanes.len() + 1 {
            LANES => "other workers".into(),
            _ => name.into(),
        };
        self.by_worker.insert(worker.clone(), Vec::new());
        self.add_lane(&worker);
        worker
    }

    /// Adds a lane of a worker; none where there is no room.
    fn add_lane(&mut self, worker: &Arc<str>) -> Option<usize> {
        let of_worker = self.by_worker.get_mut(worker)?;
        // The last lane is that of the workers that have none.
        let room = match of_worker.is_empty() {
            true => LANES,
            false => LANES - 1,
        };
        if self.lanes.len() >= room {
            return None;
        }
        self.lanes.push(Lane {
            worker: worker.clone(),
            slot: of_worker.len(),
            end_us: 0,
            last: None,
        });
        of_worker.push(self.lanes.len() - 1);
        of_worker.last().copied()
    }

    /// A lane of a worker that is free at a time.
    fn lane(&mut self, worker: &Arc<str>, start_us: u64) -> usize {
        let free = |lane: &&usize| self.lanes[**lane].end_us <= start_us + OVERLAP_US;
        if let Some(lane) = self.by_worker[worker].iter().find(free) {
            return *lane;
        }
        let added = self.add_lane(worker);
        added.unwrap_or_else(|| {
            let of_worker = self.by_worker[worker].iter();
            let earliest = of_worker.min_by_key(|lane| self.lanes[**lane].end_us);
            *earliest.expect("a worker has a lane")
        })
    }

    fn add(&mut self, segment: Segment) {
        let lane = &mut self.lanes[segment.lane];
        let last = lane.last.map(|last| &mut self.segments[last]);
        match last {
            Some(last) if last.is_beside(&segment, self.resolution_us) => {
                last.absorb(&segment);
            }
            _ => {
                lane.last = Some(self.segments.len());
                self.segments.push(segment);
            }
        }
    }

    /// Makes the interval longer until half of the room is free.
    fn coarsen(&mut self) {
        self.made = self.version;
        while self.segments.len() > SEGMENTS / 2 {
            self.resolution_us = match self.resolution_us {
                0 => (self.end_us / SEGMENTS as u64).max(1),
                before => before.saturating_mul(2),
            };
            for lane in &mut self.lanes {
                lane.last = None;
            }
            for segment in std::mem::take(&mut self.segments) {
                self.add(segment);
            }
        }
    }

    /// The tasks under way: lane, begin, task, split, target, trainer.
    fn under_way(&self) -> Vec<Value> {
        let mut taken = vec![false; self.lanes.len()];
        let mut rows = Vec::new();
        for ((worker, _), running) in &self.running {
            let free = self.by_worker[worker].iter().find(|lane| !taken[**lane]);
            let Some(&lane) = free else { continue };
            taken[lane] = true;
            let (task, split, target, trainer) = running.label;
            rows.push(json!([
                lane,
                running.start_us,
                task,
                split,
                target,
                trainer
            ]));
        }
        rows
    }
}

fn lane_name(lane: &Lane) -> String {
    match lane.slot {
        0 => lane.worker.to_string(),
        slot => format!("{} #{}", lane.worker, slot + 1),
    }
}

impl Serialize for TaskStream {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}
