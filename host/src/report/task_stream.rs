//! [`TaskStream`]: what each worker did when, as a pure fold over the tasks of a run. Its
//! size is bounded whatever the number of tasks: past [`SEGMENTS`] segments, neighbours of a
//! lane that begin in the same interval of time become one, which says how its time was
//! spent; the interval grows as the run does. It draws nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::{Value, json};

use crate::run::event::{Event, StampedEvent};
use crate::task::microseconds_of;

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
    fn of(stamped: &'e StampedEvent) -> Option<Self> {
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

/// A task, or several of a lane, one after the other. What of its time was neither load, fit
/// nor fault was spent waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Segment {
    lane: usize,
    /// Microseconds since [`TaskStream::origin_us`].
    start_us: u64,
    end_us: u64,
    load_us: u64,
    fit_us: u64,
    fault_us: u64,
    cpu_us: u64,
    memory: u64,
    tasks: u64,
    faults: u64,
    fits: u64,
    /// The task, where there is one alone: number, split, target and trainer.
    label: Option<(usize, u32, usize, usize)>,
    changed: u64,
}

impl Segment {
    fn absorb(&mut self, other: &Self) {
        self.start_us = self.start_us.min(other.start_us);
        self.end_us = self.end_us.max(other.end_us);
        self.load_us += other.load_us;
        self.fit_us += other.fit_us;
        self.fault_us += other.fault_us;
        self.cpu_us += other.cpu_us;
        self.memory = self.memory.max(other.memory);
        self.tasks += other.tasks;
        self.faults += other.faults;
        self.fits += other.fits;
        self.changed = self.changed.max(other.changed);
        self.label = None;
    }
}

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
            Event::RunFinished { .. } | Event::RunInterrupted { .. } | Event::RunClosed { .. } => {
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
        let rows: Vec<Value> = changed.map(|(id, segment)| row(id, segment)).collect();
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
            Some(last) if same_interval(last, &segment, self.resolution_us) => {
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

fn same_interval(one: &Segment, other: &Segment, resolution_us: u64) -> bool {
    let interval = |segment: &Segment| segment.start_us.checked_div(resolution_us);
    interval(one).is_some_and(|of_one| interval(other) == Some(of_one))
}

fn lane_name(lane: &Lane) -> String {
    match lane.slot {
        0 => lane.worker.to_string(),
        slot => format!("{} #{}", lane.worker, slot + 1),
    }
}

/// The columns of a row: number, lane, begin, length, load, fit, fault (microseconds), tasks,
/// faults, fits, memory (bytes), CPU (microseconds); of a task alone its number, split, target
/// and trainer, too.
fn row(id: usize, segment: &Segment) -> Value {
    let mut row = vec![
        id as u64,
        segment.lane as u64,
        segment.start_us,
        segment.end_us - segment.start_us,
        segment.load_us,
        segment.fit_us,
        segment.fault_us,
        segment.tasks,
        segment.faults,
        segment.fits,
        segment.memory,
        segment.cpu_us,
    ];
    if let Some((task, split, target, trainer)) = segment.label {
        row.extend([task as u64, split.into(), target as u64, trainer as u64]);
    }
    row.into()
}

impl Serialize for TaskStream {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.snapshot().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: u64 = 1_700_000_000_000_000;

    fn span(worker: &str, task: usize, start_us: u64, fit_us: u64) -> TaskSpan<'_> {
        TaskSpan {
            worker,
            label: TaskLabel {
                task,
                split: 0,
                target: 0,
                trainer: "random_forest",
            },
            started_us: Some(BEGIN + start_us),
            ended_us: BEGIN + start_us + fit_us,
            load_us: 0,
            fit_us,
            fits: 2,
            failed: false,
            memory: 1 << 20,
            cpu_us: fit_us,
        }
    }

    fn stream() -> TaskStream {
        let mut stream = TaskStream::new();
        stream.begin(BEGIN);
        stream
    }

    /// A column of all segments.
    fn column(stream: &TaskStream, column: usize) -> Vec<u64> {
        let rows = stream.snapshot();
        let rows = rows["segments"].as_array().unwrap().iter();
        rows.map(|row| row[column].as_u64().unwrap()).collect()
    }

    #[test]
    fn tasks_of_a_worker_stand_one_after_the_other_in_its_lane() {
        let mut stream = stream();
        stream.finished(1, &span("a", 0, 0, 50_000));
        stream.finished(2, &span("b", 1, 0, 60_000));
        let mut failed = span("a", 2, 55_000, 10_000);
        (failed.failed, failed.load_us) = (true, 3_000);
        stream.finished(3, &failed);
        let told = stream.snapshot();
        assert_eq!(told["lanes"], json!(["a", "b"]));
        assert_eq!(told["end_us"], 65_000);
        let rows = json!([
            [
                0,
                0,
                0,
                50_000,
                0,
                50_000,
                0,
                1,
                0,
                2,
                1 << 20,
                50_000,
                0,
                0,
                0,
                0
            ],
            [
                1,
                1,
                0,
                60_000,
                0,
                60_000,
                0,
                1,
                0,
                2,
                1 << 20,
                60_000,
                1,
                0,
                0,
                0
            ],
            [
                2,
                0,
                55_000,
                10_000,
                3_000,
                0,
                10_000,
                1,
                1,
                2,
                1 << 20,
                10_000,
                2,
                0,
                0,
                0
            ],
        ]);
        assert_eq!(told["segments"], rows);
    }

    #[test]
    fn tasks_at_the_same_time_on_one_worker_have_lanes_of_their_own() {
        let mut stream = stream();
        let label = span("a", 0, 0, 0).label;
        stream.started(1, "a", BEGIN, label);
        stream.started(2, "a", BEGIN + 5, TaskLabel { task: 1, ..label });
        let told = stream.snapshot();
        assert_eq!(told["lanes"], json!(["a", "a #2"]));
        assert_eq!(
            told["running"],
            json!([[0, 0, 0, 0, 0, 0], [1, 5, 1, 0, 0, 0]])
        );
        stream.finished(3, &span("a", 0, 0, 50_000));
        stream.finished(4, &span("a", 1, 5, 60_000));
        stream.finished(5, &span("a", 2, 61_000, 10_000));
        assert_eq!(column(&stream, 1), [0, 1, 0]);
        assert_eq!(stream.snapshot()["running"], json!([]));
    }

    #[test]
    fn a_task_whose_end_is_told_late_takes_no_lane_from_the_next() {
        let mut stream = stream();
        let mut late = span("a", 0, 0, 50_000);
        late.ended_us += 30_000;
        stream.finished(1, &late);
        stream.finished(2, &span("a", 1, 51_000, 10_000));
        assert_eq!(column(&stream, 1), [0, 0]);
        assert_eq!(column(&stream, 3), [50_000, 10_000]);
    }

    #[test]
    fn a_reader_that_has_a_version_gets_what_changed_since() {
        let mut stream = stream();
        stream.finished(1, &span("a", 0, 0, 10));
        stream.finished(2, &span("a", 1, 10, 10));
        let told = stream.changes(1);
        assert_eq!(told["reset"], false);
        assert_eq!(told["segments"].as_array().unwrap().len(), 1);
        assert_eq!(told["segments"][0][0], 1);
        assert_eq!(stream.changes(2)["segments"], json!([]));
    }

    /// What a reader holds after it was told of changes.
    fn tell(held: &mut BTreeMap<u64, Value>, changes: &Value) {
        if changes["reset"] == true {
            held.clear();
        }
        for row in changes["segments"].as_array().unwrap() {
            held.insert(row[0].as_u64().unwrap(), row.clone());
        }
    }

    #[test]
    fn a_hundred_thousand_tasks_stay_within_the_bound_and_no_time_is_lost() {
        let mut stream = stream();
        let (mut fit, mut held, mut had) = (0, BTreeMap::new(), 0);
        for task in 0..100_000_u64 {
            let worker = format!("worker-{}", task % 4);
            let took = 500 + task * 7 % 3_000;
            let mut span = span(&worker, task as usize, task / 4 * 4_000, took);
            span.failed = task % 1_000 == 0;
            fit += took;
            stream.finished(task + 1, &span);
            assert!(stream.segments.len() <= SEGMENTS);
            // A reader that comes now and then.
            if task % 1_017 == 0 {
                tell(&mut held, &stream.changes(had));
                had = task + 1;
            }
        }
        tell(&mut held, &stream.changes(had));
        let sum = |index| column(&stream, index).iter().sum::<u64>();
        assert_eq!(sum(7), 100_000);
        assert_eq!(sum(8), 100);
        assert_eq!(sum(9), 200_000);
        assert_eq!(sum(5) + sum(6), fit);
        // What the reader put together is what there is.
        let all = stream.snapshot();
        let held: Vec<Value> = held.into_values().collect();
        assert_eq!(Value::from(held), all["segments"]);
        // docs/dashboard.md says so.
        let bytes = all.to_string().len();
        assert!(bytes < 400_000, "{bytes}");
        assert!(size_of::<Segment>() <= 136, "{}", size_of::<Segment>());
    }

    #[test]
    fn workers_without_end_share_the_last_lane() {
        let mut stream = stream();
        for task in 0..5_000 {
            let worker = format!("worker-{task}");
            stream.finished(task as u64 + 1, &span(&worker, task, task as u64 * 100, 90));
        }
        let told = stream.snapshot();
        let lanes = told["lanes"].as_array().unwrap();
        assert_eq!(lanes.len(), LANES);
        assert_eq!(lanes[LANES - 1], "other workers");
        assert!(stream.by_worker.len() <= LANES);
        assert_eq!(column(&stream, 7).iter().sum::<u64>(), 5_000);
    }
}
