//! [`Fleet`]: the workers of a queue that are known from their heartbeats.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::digest::Digest;
use crate::queue::message::{Heartbeat, WorkerState};
use crate::run::event::Event;
use crate::run::pool::PoolEvent;

/// Heartbeats that may be missing before a worker counts as gone.
const MISSED: u32 = 3;

/// Threat: heartbeats of workers that are not there. The run knows no more
/// workers than these.
const MOST: usize = 10_000;

/// The known workers.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    workers: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    slots: usize,
    until: Instant,
    /// The tasks that it holds, and since when it says so without interruption.
    holding: HashMap<Digest, Instant>,
}

impl Fleet {
    /// Receives a heartbeat. Returns whether a worker joined or left by it.
    pub(super) fn heartbeat(&mut self, heartbeat: Heartbeat, now: Instant) -> Option<PoolEvent> {
        let Heartbeat { name, slots, .. } = heartbeat;
        if self.workers.len() >= MOST && !self.workers.contains_key(&name) {
            return None;
        }
        if heartbeat.state != WorkerState::Up {
            self.workers.remove(&name)?;
            return Some(PoolEvent::of_worker(
                &name,
                Event::WorkerLeft { silent: false },
            ));
        }
        let every = Duration::from_millis(heartbeat.every_ms.clamp(100, 60_000));
        let until = now + every * MISSED;
        let known = self.workers.remove(&name);
        let joined = known.is_none();
        let before = known.map(|seen| seen.holding).unwrap_or_default();
        let holding = heartbeat.holding.into_iter().take(slots);
        let since = |task: Digest| (task, before.get(&task).copied().unwrap_or(now));
        let seen = Seen {
            slots,
            until,
            holding: holding.map(since).collect(),
        };
        self.workers.insert(name.clone(), seen);
        joined.then(|| PoolEvent::of_worker(&name, Event::WorkerJoined { slots }))
    }

    /// The tasks that a worker says it holds, and did not say before.
    pub(super) fn newly_held(&self, heartbeat: &Heartbeat) -> Vec<Digest> {
        let known = self.workers.get(&heartbeat.name);
        let held = heartbeat.holding.iter().take(heartbeat.slots);
        let is_new = |task: &&Digest| known.is_none_or(|seen| !seen.holding.contains_key(task));
        held.filter(is_new).copied().collect()
    }

    /// How long a worker has held one of these tasks, at the longest.
    pub(super) fn longest_held(&self, is_ours: impl Fn(&Digest) -> bool, now: Instant) -> Duration {
        let held = self.workers.values().flat_map(|seen| &seen.holding);
        let ours = held.filter(|(task, _)| is_ours(task));
        let longest = ours.map(|(_, since)| now.duration_since(*since)).max();
        longest.unwrap_or_default()
    }

    /// The worker that has held a task longest, and since when it says so; `None` where
    /// none says that it does.
    pub(super) fn holder(&self, task: &Digest) -> Option<(&str, Instant)> {
        let held = self.workers.iter().filter_map(|(name, seen)| {
            let since = seen.holding.get(task)?;
            Some((name.as_str(), *since))
        });
        held.min_by_key(|(_, since)| *since)
    }

    /// How many workers are known.
    pub(super) fn len(&self) -> usize {
        self.workers.len()
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
        let slots = self.workers.values().map(|seen| seen.slots);
        slots.fold(0, usize::saturating_add)
    }

    /// Whether no worker is known.
    pub(super) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
    fn a_task_is_held_for_as_long_as_every_heartbeat_says_so() {
        let (mut fleet, start) = (Fleet::default(), Instant::now());
        let (ours, other) = (Digest::of(b"ours"), Digest::of(b"other"));
        let mut beat = |second, holding: &[Digest]| {
            let now = start + Duration::from_secs(second);
            let holding = holding.to_vec();
            let state = WorkerState::Up;
            drop(fleet.heartbeat(
                Heartbeat {
                    holding,
                    ..heartbeat("a", state)
                },
                now,
            ));
            fleet.longest_held(|task| *task == ours, now).as_secs()
        };
        assert_eq!(beat(0, &[other]), 0);
        assert_eq!(beat(2, &[other, ours]), 0);
        assert_eq!(beat(4, &[ours, other]), 2);
        assert_eq!(beat(6, &[ours]), 4);
        assert_eq!(beat(8, &[]), 0);
        assert_eq!(beat(10, &[ours]), 0);
    }

    #[test]
    fn a_task_is_newly_held_once() {
        let (mut fleet, now) = (Fleet::default(), Instant::now());
        let [first, second, third] = [b"1", b"2", b"3"].map(|text| Digest::of(text));
        let mut beat = |holding: &[Digest]| {
            let heartbeat = Heartbeat {
                holding: holding.to_vec(),
                ..heartbeat("a", WorkerState::Up)
            };
            let new = fleet.newly_held(&heartbeat);
            drop(fleet.heartbeat(heartbeat, now));
            new
        };
        assert_eq!(beat(&[first]), [first]);
        assert_eq!(beat(&[second, first]), [second]);
        // It has two slots.
        assert_eq!(beat(&[second, first, third]), []);
        assert_eq!(beat(&[third]), [third]);
        assert_eq!(beat(&[first]), [first]);
    }

    proptest! {
        /// Whatever heartbeats are forged: no panic, and no more workers than are
        /// believed.
        #[test]
        fn forged_heartbeats_are_bounded(
            beats in prop::collection::vec((".{0,3}", any::<usize>(), any::<u64>(), 0u8..3), 0..40),
        ) {
            let (mut fleet, now) = (Fleet::default(), Instant::now());
            for (name, slots, every_ms, state) in beats {
                let state = [WorkerState::Up, WorkerState::Draining, WorkerState::Gone]
                    [usize::from(state)];
                let beat = Heartbeat { slots, every_ms, ..heartbeat(&name, state) };
                fleet.heartbeat(beat, now);
                fleet.slots();
                fleet.extend_deadlines(now);
                fleet.remove_silent(now);
            }
        }
    }

    #[test]
    fn only_so_many_workers_are_known() {
        let (mut fleet, now) = (Fleet::default(), Instant::now());
        for number in 0..MOST + 10 {
            fleet.heartbeat(heartbeat(&number.to_string(), WorkerState::Up), now);
        }
        assert_eq!(fleet.slots(), 2 * MOST);
        let left = fleet.heartbeat(heartbeat("0", WorkerState::Gone), now);
        assert!(left.is_some());
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
