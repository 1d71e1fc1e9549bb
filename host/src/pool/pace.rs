//! [`Pace`]: how long tasks take for what they are expected to cost, so that one is known
//! that runs far beyond its kind.

use std::time::Duration;

/// A task that takes so many times as long as the slowest of its kind is far beyond it:
/// more than another worker's load or an estimate of its cost makes of it.
const FAR: f64 = 4.0;

/// No task is beyond its kind before it ran so long: a shorter wait is not worth a second
/// fit.
const LEAST: Duration = Duration::from_secs(2);

/// So many tasks make a kind.
const KIND: u32 = 3;

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

    /// Whether a task of this cost that runs for so long is far beyond its kind.
    pub(super) fn is_exceeded(&self, cost: f64, running: Duration) -> bool {
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
}
