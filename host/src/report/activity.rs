//! [`Activity`]: what the events of a run tell its page: the task stream, and the time and
//! memory that its tasks used. A pure fold, of bounded size.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::task_stream::TaskStream;
use crate::run::event::{Event, StampedEvent};

/// What tasks did and used, by their events.
#[derive(Clone, Debug, Default)]
pub struct Activity {
    stream: TaskStream,
    measured: Measured,
    /// Of the process before, where the run was begun more than once.
    before: Option<Box<(TaskStream, Measured)>>,
    sequence: Option<u64>,
    version: u64,
}

/// What tasks used whose CPU time or memory was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    /// Tasks that ended.
    pub tasks: usize,
    /// Their wall seconds.
    pub wall_seconds: f64,
    /// CPU seconds of those that tell.
    pub cpu_seconds: f64,
    /// How many these are.
    pub cpu_tasks: usize,
    /// Wall seconds times the most memory that the instance held, in GiB, of those that tell.
    pub gb_seconds: f64,
    /// How many these are.
    pub memory_tasks: usize,
    /// The most memory of an instance, in bytes.
    pub peak_memory: u64,
}

impl Measured {
    fn add(&mut self, wall: Duration, cpu: Option<Duration>, memory: Option<u64>) {
        self.tasks += 1;
        self.wall_seconds += wall.as_secs_f64();
        if let Some(cpu) = cpu {
            self.cpu_tasks += 1;
            self.cpu_seconds += cpu.as_secs_f64();
        }
        if let Some(memory) = memory {
            self.memory_tasks += 1;
            self.gb_seconds += wall.as_secs_f64() * memory as f64 / (1_u64 << 30) as f64;
            self.peak_memory = self.peak_memory.max(memory);
        }
    }
}

impl Activity {
    /// Takes an event. Those of one process come in order, and those of a later one behind.
    pub fn take(&mut self, stamped: &StampedEvent) {
        if self.sequence.is_some_and(|last| stamped.sequence <= last) {
            let stream = std::mem::take(&mut self.stream);
            let measured = std::mem::take(&mut self.measured);
            // What reused all of it did nothing itself.
            if !stream.is_empty() {
                self.before = Some(Box::new((stream, measured)));
            }
        }
        self.sequence = Some(stamped.sequence);
        self.version += 1;
        match &stamped.event {
            // A page of results has no tasks under way.
            Event::TaskStarted { .. } => return,
            Event::TaskFinished {
                wall,
                cpu,
                memory,
                reused: false,
                ..
            } => self.measured.add(*wall, *cpu, *memory),
            _ => {}
        }
        self.stream.on_event(self.version, stamped);
    }

    /// Of the latest process that ran any task.
    fn latest(&self) -> (&TaskStream, &Measured) {
        match &self.before {
            Some(before) if self.stream.is_empty() => (&before.0, &before.1),
            _ => (&self.stream, &self.measured),
        }
    }

    /// The task stream; `None` where no task was run.
    pub fn stream(&self) -> Option<Value> {
        let (stream, _) = self.latest();
        (!stream.is_empty()).then(|| stream.snapshot())
    }

    /// What its tasks used; `None` where none was run.
    pub fn measured(&self) -> Option<Measured> {
        let (_, measured) = self.latest();
        (measured.tasks > 0).then_some(*measured)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finished(sequence: u64, reused: bool) -> StampedEvent {
        let event = serde_json::json!({
            "sequence": sequence, "time_us": 5_000_000 + sequence, "worker": "worker-0",
            "event": "task_finished", "task": 0, "split": 0, "fits": 4, "models": 1,
            "fault": null, "wall": 2.0, "reused": reused, "best": 0.5, "trainer": "dummy",
            "cpu": 1.5, "memory": 1_u64 << 29,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn tasks_are_measured_and_drawn_of_the_process_that_ran_them() {
        let mut activity = Activity::default();
        assert!(activity.stream().is_none() && activity.measured().is_none());
        activity.take(&finished(0, false));
        activity.take(&finished(1, false));
        let measured = activity.measured().unwrap();
        assert_eq!((measured.tasks, measured.cpu_tasks), (2, 2));
        assert_eq!((measured.cpu_seconds, measured.gb_seconds), (3.0, 2.0));
        assert_eq!(
            activity.stream().unwrap()["segments"]
                .as_array()
                .unwrap()
                .len(),
            2
        );
        // A process that found all of it in the store.
        activity.take(&finished(0, true));
        assert_eq!(activity.measured(), Some(measured));
        // One that ran a task anew.
        activity.take(&finished(1, false));
        assert_eq!(activity.measured().unwrap().tasks, 1);
    }
}
