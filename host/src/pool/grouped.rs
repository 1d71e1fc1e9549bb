//! [`GroupedTasks`]: which task a worker takes next, so that tasks that share fitted
//! steps go to one worker as long as others have work of their own.

use std::cell::Cell;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::expand::TaskGroup;

/// The tasks of a run that no worker has taken, by group.
#[derive(Debug)]
pub(super) struct GroupedTasks(Mutex<Left>);

#[derive(Debug)]
struct Left {
    /// The rest of each group. Where one was divided, the later half is a group
    /// behind all others.
    groups: Vec<TaskGroup>,
    /// The first group that no worker has taken from; those behind it neither.
    untouched: usize,
}

impl GroupedTasks {
    /// All tasks of some groups.
    pub(super) fn new(groups: Vec<TaskGroup>) -> Self {
        Self(Mutex::new(Left {
            groups,
            untouched: 0,
        }))
    }

    /// The next task of a worker: the next of its group; else the first of a group
    /// that no worker has taken from; else one of the group with the most tasks left.
    /// Tasks that share steps are halved then, and those that share nothing are taken
    /// in order by all. `None` if there are no more. `current` is the worker's group.
    pub(super) fn next(&self, current: &Cell<Option<usize>>) -> Option<usize> {
        let mut left = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_own = current.get().and_then(|group| left.take(group));
        of_own.or_else(|| {
            let group = left.untouched().or_else(|| left.shared_with_another())?;
            current.set(Some(group));
            left.take(group)
        })
    }
}

impl Left {
    fn take(&mut self, group: usize) -> Option<usize> {
        self.groups[group].tasks.next()
    }

    fn untouched(&mut self) -> Option<usize> {
        while self.untouched < self.groups.len() {
            let group = self.untouched;
            self.untouched += 1;
            if !self.groups[group].tasks.is_empty() {
                return Some(group);
            }
        }
        None
    }

    fn shared_with_another(&mut self) -> Option<usize> {
        let lengths = self.groups.iter().map(|group| group.tasks.len());
        // The first of the longest.
        let (group, length) = lengths
            .enumerate()
            .rev()
            .max_by_key(|(_, length)| *length)?;
        if length == 0 {
            return None;
        }
        if !self.groups[group].shares_steps {
            return Some(group);
        }
        let Range { start, end } = self.groups[group].tasks;
        let middle = start + length / 2;
        self.groups[group].tasks = start..middle;
        self.groups.push(TaskGroup {
            tasks: middle..end,
            shares_steps: true,
        });
        self.untouched = self.groups.len();
        Some(self.groups.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tasks_of(groups: &[(usize, bool)]) -> GroupedTasks {
        let mut start = 0;
        let groups = groups.iter().map(|&(count, shares_steps)| {
            let tasks = start..start + count;
            start = tasks.end;
            TaskGroup {
                tasks,
                shares_steps,
            }
        });
        GroupedTasks::new(groups.collect())
    }

    /// The tasks of workers that take in turn, as `turns` numbers them.
    fn taken(tasks: &GroupedTasks, turns: &[usize]) -> Vec<Option<usize>> {
        let workers = [const { Cell::new(None) }; 3];
        let mut taken = Vec::new();
        for &worker in turns {
            taken.push(tasks.next(&workers[worker]));
        }
        taken
    }

    #[test]
    fn tasks_that_share_nothing_are_taken_in_order() {
        let found = taken(&tasks_of(&[(4, false)]), &[0, 1, 1, 0, 1, 0]);
        assert_eq!(found, [Some(0), Some(1), Some(2), Some(3), None, None]);
    }

    #[test]
    fn a_worker_stays_with_its_group() {
        let tasks = tasks_of(&[(2, true), (2, true), (2, true)]);
        let found = taken(&tasks, &[0, 1, 0, 1, 1, 0]);
        // Worker 1 is the first that needs another group, and worker 0 takes from its.
        let expected = [0, 2, 1, 3, 4, 5].map(Some);
        assert_eq!(found, expected);
    }

    #[test]
    fn an_idle_worker_takes_the_later_half_of_the_longest_group() {
        let tasks = tasks_of(&[(8, true), (1, true)]);
        let found = taken(&tasks, &[0, 1, 1, 1, 0, 2, 0, 2, 0]);
        // 1 to 7 are left as worker 1 comes, which leaves 1 to 3 of them. As worker 2
        // comes, 2 and 3 are left here, and 6 and 7 there.
        assert_eq!(found, [0, 8, 4, 5, 1, 3, 2, 7, 6].map(Some));
        assert_eq!(taken(&tasks, &[0, 1, 2]), [None; 3]);
    }

    #[test]
    fn a_group_that_shares_nothing_is_shared() {
        let tasks = tasks_of(&[(1, true), (3, false)]);
        let found = taken(&tasks, &[0, 1, 0, 1, 0, 1]);
        let expected = [Some(0), Some(1), Some(2), Some(3), None, None];
        assert_eq!(found, expected);
    }
}
