//! [`Fleet`]: the workers of a queue, as far as they were heard of.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::pool::Notice;
use crate::queue::message::{Beat, WorkerState};

/// Beats that may be missed before a worker counts as gone.
const MISSED: u32 = 3;

/// Who is there.
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
    /// Takes in what a worker says of itself; what there is to tell.
    pub(super) fn beat(&mut self, beat: Beat, now: Instant) -> Option<Notice> {
        let Beat { name, slots, .. } = beat;
        if beat.state != WorkerState::Up {
            self.workers.remove(&name)?;
            return Some(Notice::WorkerLeft {
                worker: name,
                silent: false,
            });
        }
        let every = Duration::from_millis(beat.every_ms.clamp(100, 60_000));
        let until = now + every * MISSED;
        let known = self.workers.insert(name.clone(), Seen { slots, until });
        known.is_none().then_some(Notice::WorkerJoined {
            worker: name,
            slots,
        })
    }

    /// Those that fell silent.
    pub(super) fn left(&mut self, now: Instant) -> Vec<Notice> {
        let silent = self.workers.extract_if(|_, seen| seen.until < now);
        silent
            .map(|(worker, _)| Notice::WorkerLeft {
                worker,
                silent: true,
            })
            .collect()
    }

    /// Nobody can be heard: their silence means nothing.
    pub(super) fn forgive(&mut self, now: Instant) {
        for seen in self.workers.values_mut() {
            seen.until = seen.until.max(now + Duration::from_secs(10));
        }
    }

    /// How many tasks they run at a time.
    pub(super) fn slots(&self) -> usize {
        self.workers.values().map(|seen| seen.slots).sum()
    }

    /// Whether nobody is there.
    pub(super) fn is_empty(&self) -> bool {
        self.workers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(name: &str, state: WorkerState) -> Beat {
        Beat {
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
    fn workers_come_and_go() {
        let (mut fleet, now) = (Fleet::default(), Instant::now());
        let joined = |worker: &str| {
            Some(Notice::WorkerJoined {
                worker: worker.to_owned(),
                slots: 2,
            })
        };
        let left = |worker: &str, silent| Notice::WorkerLeft {
            worker: worker.to_owned(),
            silent,
        };
        assert_eq!(fleet.beat(beat("a", WorkerState::Up), now), joined("a"));
        assert_eq!(fleet.beat(beat("a", WorkerState::Up), now), None);
        assert_eq!(fleet.beat(beat("b", WorkerState::Up), now), joined("b"));
        assert_eq!(fleet.slots(), 4);
        let drained = fleet.beat(beat("b", WorkerState::Draining), now);
        assert_eq!(drained, Some(left("b", false)));
        assert_eq!(fleet.beat(beat("b", WorkerState::Gone), now), None);
        assert_eq!(fleet.left(now + Duration::from_secs(2)), []);
        assert_eq!(fleet.left(now + Duration::from_secs(4)), [left("a", true)]);
        assert!(fleet.is_empty());
    }
}
