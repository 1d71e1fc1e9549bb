//! The messages between runs and workers. They carry ids and keys, never data:
//! a worker computes a task from the run's manifest in the store and compares
//! its id.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::task::TaskLimits;

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskMessage {
    /// The run: its manifest is in the store.
    pub run: Digest,
    /// The task's id.
    pub task: Digest,
    /// The index of the split.
    pub split: u32,
    /// The indices of the candidates.
    pub candidates: Series,
    /// Bytes of memory that the task may use.
    pub memory: u64,
    /// Milliseconds that it may take.
    pub timeout_ms: u64,
    /// Whether stored results are ignored.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// The run's session: names the subject for messages about the task.
    pub session: String,
    /// The run's number for the task.
    pub tag: u64,
}

impl TaskMessage {
    /// The task's limits.
    pub fn limits(&self) -> TaskLimits {
        TaskLimits {
            memory: self.memory,
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}

/// A worker's message to a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "message", rename_all = "snake_case", deny_unknown_fields)]
pub enum WorkerMessage {
    /// The record has all fits of a task.
    Done {
        /// The task.
        tag: u64,
        /// The worker's name.
        worker: String,
        /// The positions, among the task's candidates, of the fits that this
        /// worker made.
        made: Series,
        /// Names of damaged parts of the task's results.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        damaged: Vec<String>,
        /// Names of parts with other scores than this worker made.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differing: Vec<String>,
    },
    /// The task was returned to the queue and is delivered again later.
    Returned {
        /// The task.
        tag: u64,
        /// The worker's name.
        worker: String,
        /// Why.
        reason: String,
    },
    /// The task was delivered before. The worker asks whether to run it, and
    /// waits for a [`Verdict`].
    ConfirmRedelivery {
        /// The task.
        tag: u64,
        /// How often it was delivered, including this time.
        delivered: u64,
    },
}

/// The answer to [`WorkerMessage::ConfirmRedelivery`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Run the task.
    Run,
    /// Remove it from the queue.
    Drop,
}

/// A worker's state, sent every [`Heartbeat::every_ms`] and on request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its name, unique in the queue.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// Whether it takes tasks.
    pub state: WorkerState,
    /// How many tasks it runs at a time.
    pub slots: usize,
    /// Cores of its machine.
    pub cores: usize,
    /// Bytes of memory of its machine, where that is known.
    pub memory: Option<u64>,
    /// The tasks that it holds.
    pub holding: Vec<Digest>,
    /// Tasks that it finished since it started.
    pub done: u64,
    /// Milliseconds until the next heartbeat.
    pub every_ms: u64,
}

/// Whether a worker takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It takes tasks.
    Up,
    /// It takes no more, and finishes those that it holds.
    Draining,
    /// It has stopped.
    Gone,
}

/// Serialises a message.
pub fn write(message: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(message);
    text.expect("a message is JSON").into()
}

/// Parses a message.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Ascending numbers, encoded as arithmetic progressions `[first, count, step]`.
/// The candidates of a family are a few of these in most grids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(Vec<(u32, u32, u32)>);

/// Threat: a message of a few bytes that names billions of numbers.
const MOST: usize = 1 << 24;

impl Series {
    /// Encodes ascending numbers.
    pub fn of(numbers: &[u32]) -> Self {
        let mut runs: Vec<(u32, u32, u32)> = Vec::new();
        for &number in numbers {
            match runs.last_mut() {
                Some((first, count @ 1, step)) if number > *first => {
                    *count = 2;
                    *step = number - *first;
                }
                Some((first, count, step)) if *count > 1 && *first + *count * *step == number => {
                    *count += 1;
                }
                _ => runs.push((number, 1, 1)),
            }
        }
        Self(runs)
    }

    /// Decodes the numbers; `None` where there are more than any task has.
    pub fn numbers(&self) -> Option<Vec<u32>> {
        let count: u64 = self.0.iter().map(|&(_, count, _)| u64::from(count)).sum();
        if count > MOST as u64 {
            return None;
        }
        let mut numbers = Vec::with_capacity(usize::try_from(count).ok()?);
        for &(first, count, step) in &self.0 {
            for index in 0..count {
                numbers.push(index.checked_mul(step)?.checked_add(first)?);
            }
        }
        Some(numbers)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_series_holds_its_numbers(numbers in proptest::collection::btree_set(0u32..1000, 0..50)) {
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let text = write(&Series::of(&numbers));
            let series: Series = read(&text).unwrap();
            prop_assert_eq!(series.numbers().unwrap(), numbers);
        }
    }

    #[test]
    fn equal_steps_take_one_run() {
        let every_third: Vec<u32> = (0..1000).map(|index| 5 + 3 * index).collect();
        assert_eq!(write(&Series::of(&every_third)), "[[5,1000,3]]");
    }

    #[test]
    fn a_series_longer_than_any_task_is_none() {
        assert_eq!(Series(vec![(0, u32::MAX, 1)]).numbers(), None);
        assert_eq!(Series(vec![(u32::MAX, 2, 1)]).numbers(), None);
        assert_eq!(Series(vec![(1, 3, u32::MAX)]).numbers(), None);
    }
}
