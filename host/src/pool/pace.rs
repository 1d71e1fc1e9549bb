//! [`Pace`]: how long tasks take for what they are expected to cost, so that one is known
//! that runs far beyond its kind, and is started a second time elsewhere. It reads no clock.

use std::time::Duration;

/// A task that takes so many times as long as the slowest of its kind is far beyond it:
/// more than another worker's load or an estimate of its cost makes of it.
const FAR: f64 = 4.0;

/// No task is beyond its kind before it ran so long: a shorter wait is not worth a second
/// fit.
const LEAST: Duration = Duration::from_secs(2);

/// So many tasks make a kind.
const KIND: u32 = 3;

/// A task that runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct RunningTask<K> {
    /// By what its pool knows it.
    pub(super) key: K,
    /// What it is expected to cost.
    pub(super) cost: f64,
    /// For how long it runs.
    pub(super) running: Duration,
    /// Whether it was started a second time.
    pub(super) is_copied: bool,
}

/// The pace of the tasks of a run.
#[derive(Debug, Default)]
pub(super) struct Pace {
    ended: u32,
    /// The most seconds per unit of cost.
    slowest: f64,
}

impl Pace {
    /// Notes a task of this cost that took so long.
    pub(super) fn note(&mut self, cost: f64, wall: Duration) {
        let pace = wall.as_secs_f64() / cost;
        if pace.is_finite() {
            self.ended += 1;
            self.slowest = self.slowest.max(pace);
        }
    }

    /// The tasks to start a second time: those that run far beyond their kind, each once,
    /// and no more than there are idle slots. The first ones come first.
    pub(super) fn stragglers<K>(
        &self,
        idle: usize,
        tasks: impl IntoIterator<Item = RunningTask<K>>,
    ) -> Vec<K> {
        let tasks = tasks.into_iter();
        let slow =
            tasks.filter(|task| !task.is_copied && self.is_exceeded(task.cost, task.running));
        slow.take(idle).map(|task| task.key).collect()
    }

    /// Whether a task of this cost that runs for so long is far beyond its kind.
    fn is_exceeded(&self, cost: f64, running: Duration) -> bool {
        let most = FAR * self.slowest * cost;
        self.ended >= KIND && running >= LEAST && running.as_secs_f64() > most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_held_against_those_of_like_cost() {
        let mut pace = Pace::default();
        let seconds = Duration::from_secs;
        pace.note(1.0, seconds(2));
        pace.note(10.0, seconds(15));
        // Two make no kind, and a cost that is none no pace.
        pace.note(0.0, seconds(9));
        assert!(!pace.is_exceeded(1.0, seconds(60)));
        pace.note(2.0, seconds(1));
        assert!(pace.is_exceeded(1.0, seconds(9)));
        assert!(!pace.is_exceeded(1.0, seconds(8)));
        assert!(!pace.is_exceeded(10.0, seconds(60)));
        assert!(pace.is_exceeded(0.01, seconds(3)));
        assert!(!pace.is_exceeded(0.01, seconds(1)));
    }

    #[test]
    fn stragglers_are_copied_once_and_as_many_as_there_is_room_for() {
        let mut pace = Pace::default();
        let seconds = Duration::from_secs;
        let task = |key, cost, running, is_copied| RunningTask {
            key,
            cost,
            running: seconds(running),
            is_copied,
        };
        let tasks = [
            task('a', 1.0, 9, false),
            task('b', 1.0, 8, false),
            task('c', 1.0, 60, true),
            task('d', 10.0, 60, false),
            task('e', 1.0, 60, false),
            task('f', 0.1, 2, false),
        ];
        for wall in [1, 2] {
            pace.note(1.0, seconds(wall));
        }
        assert!(pace.stragglers(9, tasks).is_empty());
        pace.note(2.0, seconds(1));
        assert_eq!(pace.stragglers(9, tasks), ['a', 'e', 'f']);
        assert_eq!(pace.stragglers(2, tasks), ['a', 'e']);
        assert!(pace.stragglers(0, tasks).is_empty());
    }
}
