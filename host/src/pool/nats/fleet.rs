//! [`Fleet`]: the workers of a queue that are known from their heartbeats.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::queue::message::{Heartbeat, WorkerState};
use crate::run::event::Event;
use crate::run::pool::PoolEvent;

/// Heartbeats that may be missing before a worker counts as gone.
const MISSED: u32 = 3;

/// The known workers.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    workers: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    slots: usize,
    until: Instant,
}

impl Fleet {
    /// Receives a heartbeat. Returns whether a worker joined or left by it.
    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat, now: Instant) -> Option<PoolEvent> {
        let Heartbeat { name, slots, .. } = heartbeat;
        if heartbeat.state != WorkerState::Up {
            self.workers.remove(&name)?;
            return Some(PoolEvent::of_worker(
                &name,
                Event::WorkerLeft { silent: false },
            ));
        }
        let every = Duration::from_millis(heartbeat.every_ms.clamp(100, 60_000));
        let until = now + every * MISSED;
        let known = self.workers.insert(name.clone(), Seen { slots, until });
        known
            .is_none()
            .then(|| PoolEvent::of_worker(&name, Event::WorkerJoined { slots }))
    }

    /// Removes the workers whose heartbeats stopped.
    pub(super) fn remove_silent(&mut self, now: Instant) -> Vec<PoolEvent> {
        let silent = self.workers.extract_if(|_, seen| seen.until < now);
        silent
            .map(|(worker, _)| PoolEvent::of_worker(&worker, Event::WorkerLeft { silent: true }))
            .collect()
    }

    /// Extends all deadlines: without a connection no heartbeat arrives.
    pub(super) fn extend_deadlines(&mut self, now: Instant) {
        for seen in self.workers.values_mut() {
            seen.until = seen.until.max(now + Duration::from_secs(10));
        }
    }

    /// How many tasks they run at a time.
    pub(super) fn slots(&self) -> usize {
        self.workers.values().map(|seen| seen.slots).sum()
    }

    /// Whether no worker is known.
    pub(super) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(name: &str, state: WorkerState) -> Heartbeat {
        Heartbeat {
            name: name.to_owned(),
            version: "1".to_owned(),
            state,
            slots: 2,
            cores: 2,
            memory: None,
            holding: Vec::new(),
            done: 0,
            every_ms: 1000,
        }
    }

    #[test]
    fn workers_join_and_leave() {
        let (mut fleet, now) = (Fleet::default(), Instant::now());
        let joined = |worker: &str| {
            Some(PoolEvent::of_worker(
                worker,
                Event::WorkerJoined { slots: 2 },
            ))
        };
        let left =
            |worker: &str, silent| PoolEvent::of_worker(worker, Event::WorkerLeft { silent });
        assert_eq!(
            fleet.heartbeat(heartbeat("a", WorkerState::Up), now),
            joined("a")
        );
        assert_eq!(fleet.heartbeat(heartbeat("a", WorkerState::Up), now), None);
        assert_eq!(
            fleet.heartbeat(heartbeat("b", WorkerState::Up), now),
            joined("b")
        );
        assert_eq!(fleet.slots(), 4);
        let drained = fleet.heartbeat(heartbeat("b", WorkerState::Draining), now);
        assert_eq!(drained, Some(left("b", false)));
        assert_eq!(
            fleet.heartbeat(heartbeat("b", WorkerState::Gone), now),
            None
        );
        assert_eq!(fleet.remove_silent(now + Duration::from_secs(2)), []);
        assert_eq!(
            fleet.remove_silent(now + Duration::from_secs(4)),
            [left("a", true)]
        );
        assert!(fleet.is_empty());
    }
}
