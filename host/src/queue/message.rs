//! What runs and workers tell each other. Messages carry ids and keys, never
//! data: what a task is, a worker computes from the run's manifest in the
//! store, and holds the id against it.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::sandbox::TaskLimits;

/// A task in the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
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
    /// Whether results that are there already don't count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fresh: bool,
    /// Where the run listens.
    pub session: String,
    /// What the run calls the task.
    pub tag: u64,
}

impl Order {
    /// What the task may use.
    pub fn limits(&self) -> TaskLimits {
        TaskLimits {
            memory: self.memory,
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}

/// What a worker tells a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "word", rename_all = "snake_case", deny_unknown_fields)]
pub enum Word {
    /// The record has all fits of a task.
    Done {
        /// The task.
        tag: u64,
        /// Who.
        worker: String,
        /// The positions in the order of the fits that were made now.
        made: Series,
        /// Parts that are damaged.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        damaged: Vec<String>,
        /// Parts with other scores than those made now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differing: Vec<String>,
    },
    /// The task goes back to the queue and comes again after a while.
    Returned {
        /// The task.
        tag: u64,
        /// Who.
        worker: String,
        /// Why.
        why: String,
    },
    /// The task was brought to this worker after others had it. May it be run
    /// once more? Answered by a [`Verdict`].
    MayI {
        /// The task.
        tag: u64,
        /// How often it was delivered, this time included.
        delivered: u64,
    },
}

/// The answer to [`Word::MayI`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Run it.
    Run,
    /// Take it out of the queue.
    Drop,
}

/// What a worker tells of itself, every [`Beat::every_ms`] and when asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Its name, unlike any other's.
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
    /// Milliseconds until it tells so again.
    pub every_ms: u64,
}

/// Whether a worker takes tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It does.
    Up,
    /// It finishes those that it holds.
    Draining,
    /// It is gone.
    Gone,
}

/// A message's bytes.
pub fn write(message: &impl Serialize) -> Bytes {
    let text = serde_json::to_vec(message);
    text.expect("a message is JSON").into()
}

/// Reads a message.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, serde_json::Error> {
    serde_json::from_slice(bytes)
}

/// Numbers in order, written as few runs of equal steps: `[first, count,
/// step]` each. A family's candidates are a handful of such runs in most
/// grids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Series(Vec<(u32, u32, u32)>);

/// Threat: a message of a few bytes that names billions of numbers.
const MOST: usize = 1 << 24;

impl Series {
    /// These numbers, which ascend.
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

    /// The numbers; `None` where there are more than any task has.
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
