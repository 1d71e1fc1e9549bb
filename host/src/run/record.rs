//! [`Record`]: a task's result as the store keeps it.

use std::time::Duration;

use bytes::Bytes;
use fanout_contract::Answer;
use serde::{Deserialize, Serialize};

use super::event::{Outcome, TaskFault};
use crate::digest::Digest;

/// The version of the form below.
const VERSION: u32 = 1;

/// A task's result: the answer or the fault, with the task's id so that it
/// can't be taken for another's, and the time it took beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    version: u32,
    task: Digest,
    result: Kept,
    wall_s: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Answer(Answer),
    Fault(TaskFault),
}

impl Record {
    /// What to keep of an outcome. `None` for faults that another run, with
    /// other limits or more time, need not meet.
    pub fn of(task: &Digest, outcome: &Outcome) -> Option<Self> {
        let result = match &outcome.result {
            Ok(answer) => Kept::Answer(answer.clone()),
            Err(
                TaskFault::Cancelled | TaskFault::TimedOut { .. } | TaskFault::OutOfMemory { .. },
            ) => return None,
            Err(fault) => Kept::Fault(fault.clone()),
        };
        let wall_s = outcome.wall.as_secs_f64();
        Some(Self {
            version: VERSION,
            task: *task,
            result,
            wall_s,
        })
    }

    /// Reads a record of `task`; `None` where the bytes are not one, so that
    /// a damaged result is computed again.
    pub fn read(bytes: &[u8], task: &Digest) -> Option<Self> {
        let record: Self = serde_json::from_slice(bytes).ok()?;
        let sound = record.version == VERSION
            && record.task == *task
            && Duration::try_from_secs_f64(record.wall_s).is_ok();
        sound.then_some(record)
    }

    /// The bytes to store.
    pub fn bytes(&self) -> Bytes {
        serde_json::to_vec(self).expect("a record is JSON").into()
    }

    /// The outcome that it keeps.
    pub fn outcome(self) -> Outcome {
        Outcome {
            result: match self.result {
                Kept::Answer(answer) => Ok(answer),
                Kept::Fault(fault) => Err(fault),
            },
            wall: Duration::from_secs_f64(self.wall_s),
            reused: true,
        }
    }
}
