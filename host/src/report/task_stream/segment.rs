//! [`Segment`]: what a worker did for some time, as a piece of its lane.

use serde_json::Value;

/// A task, or several of a lane, one after the other. What of its time was neither load, fit
/// nor fault was spent waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) lane: usize,
    /// Microseconds since the begin of the run.
    pub(super) start_us: u64,
    pub(super) end_us: u64,
    pub(super) load_us: u64,
    pub(super) fit_us: u64,
    pub(super) fault_us: u64,
    pub(super) cpu_us: u64,
    pub(super) memory: u64,
    pub(super) tasks: u64,
    pub(super) faults: u64,
    pub(super) fits: u64,
    /// The task, where there is one alone: number, split, target and trainer.
    pub(super) label: Option<(usize, u32, usize, usize)>,
    pub(super) changed: u64,
}

impl Segment {
    /// Takes in one that follows.
    pub(super) fn absorb(&mut self, other: &Self) {
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

    /// Whether both began in the same interval of time; never where that is 0.
    pub(super) fn is_beside(&self, other: &Self, resolution_us: u64) -> bool {
        let interval = |segment: &Self| segment.start_us.checked_div(resolution_us);
        interval(self).is_some_and(|own| interval(other) == Some(own))
    }

    /// The columns of a row: number, lane, begin, length, load, fit, fault (microseconds), tasks,
    /// faults, fits, memory (bytes), CPU (microseconds); of a task alone its number, split, target
    /// and trainer, too.
    pub(super) fn row(&self, id: usize) -> Value {
        let mut row = vec![
            id as u64,
            self.lane as u64,
            self.start_us,
            self.end_us - self.start_us,
            self.load_us,
            self.fit_us,
            self.fault_us,
            self.tasks,
            self.faults,
            self.fits,
            self.memory,
            self.cpu_us,
        ];
        if let Some((task, split, target, trainer)) = self.label {
            row.extend([task as u64, split.into(), target as u64, trainer as u64]);
        }
        row.into()
    }
}
