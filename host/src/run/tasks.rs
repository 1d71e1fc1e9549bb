//! [`Tasks`]: the tasks of a run as a pool takes them: a whole [`Expansion`],
//! or a [`SingleTask`].

use std::borrow::Cow;

use fanout_contract::{Split, Task};

use crate::digest::Digest;
use crate::expand::{Expansion, TaskSpec};
use crate::task::WantedFits;

/// The tasks of a run, those of its baseline last. Each is made when it is asked
/// for, so that a run of many tasks does not hold them all.
pub trait Tasks: Sync {
    /// How many there are.
    fn len(&self) -> usize;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// How many workers there is something to do for. Tasks that take no time, a
    /// baseline's, are left to those that have the dataset open.
    fn busy_workers(&self) -> usize {
        self.len()
    }
    /// The fits of task `index`, as the record names them.
    fn wanted(&self, index: usize) -> WantedFits;
    /// The document of task `index`.
    fn task(&self, index: usize) -> Task;

    /// The guest that runs task `index`.
    fn guest(&self, index: usize) -> Digest;
    /// The place of task `index` in its run's manifest, where it has one.
    fn spec(&self, _index: usize) -> Option<&TaskSpec> {
        None
    }
}

impl Tasks for Expansion {
    fn len(&self) -> usize {
        self.tasks.len() + self.baseline_tasks.len()
    }

    fn busy_workers(&self) -> usize {
        self.tasks.len()
    }

    fn wanted(&self, index: usize) -> WantedFits {
        wanted(self, self.any_task(index))
    }

    fn task(&self, index: usize) -> Task {
        Self::task(self, index)
    }

    fn guest(&self, index: usize) -> Digest {
        Self::guest(self, self.any_task(index).candidates[0] as usize)
    }

    fn spec(&self, index: usize) -> Option<&TaskSpec> {
        Some(self.any_task(index))
    }
}

/// The fits of a task of the search, as the record names them.
fn wanted(expansion: &Expansion, task: &TaskSpec) -> WantedFits {
    let key = |&candidate: &u32| expansion.key(candidate as usize);
    WantedFits {
        task: task.id,
        fits: task.candidates.iter().map(key).collect(),
    }
}

/// The fit of `candidate` on a split outside the search, as the record names
/// it.
pub fn wanted_fit(expansion: &Expansion, candidate: usize, split: &Split) -> WantedFits {
    WantedFits {
        task: expansion.id(candidate, split),
        fits: vec![expansion.key(candidate)],
    }
}

/// The part of a task whose fits finished.
pub(super) fn finished_part<'a>(task: &'a TaskSpec, positions: &[u32]) -> Cow<'a, TaskSpec> {
    if positions.len() == task.candidates.len() {
        return Cow::Borrowed(task);
    }
    let candidate = |&position: &u32| task.candidates[position as usize];
    Cow::Owned(TaskSpec {
        candidates: positions.iter().map(candidate).collect(),
        ..task.clone()
    })
}

/// One task alone.
#[derive(Clone, Debug)]
pub struct SingleTask {
    wanted: WantedFits,
    task: Task,
    guest: Digest,
}

impl SingleTask {
    /// A task of the search.
    pub fn of_search(expansion: &Expansion, spec: &TaskSpec) -> Self {
        Self {
            wanted: wanted(expansion, spec),
            task: expansion.document(spec),
            guest: expansion.guest(spec.candidates[0] as usize),
        }
    }

    /// The fit of `candidate` on a split outside the search.
    pub fn outside_search(expansion: &Expansion, candidate: usize, split: &Split) -> Self {
        Self {
            wanted: wanted_fit(expansion, candidate, split),
            task: expansion.single(candidate, split),
            guest: expansion.guest(candidate),
        }
    }
}

impl Tasks for SingleTask {
    fn len(&self) -> usize {
        1
    }

    fn wanted(&self, _index: usize) -> WantedFits {
        self.wanted.clone()
    }

    fn task(&self, _index: usize) -> Task {
        self.task.clone()
    }

    fn guest(&self, _index: usize) -> Digest {
        self.guest
    }
}
