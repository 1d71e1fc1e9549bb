//! [`Endpoints`]: which endpoint takes the next request. Each has so many
//! requests under way and no more; one that failed rests for a while, at
//! growing and random lengths, as the others go on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::chance::jittered;
use crate::sandbox::Cancel;

/// How long an endpoint rests at first, before chance halves it at most.
const FIRST: Duration = Duration::from_millis(100);

/// The longest rest, where the endpoint asks for no longer one.
const LONGEST: Duration = Duration::from_secs(10);

/// How often whoever waits looks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// All endpoints of a pool.
#[derive(Debug)]
pub(super) struct Endpoints {
    concurrency: usize,
    /// How long a run goes on without any answer.
    patience: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    desks: Vec<Desk>,
    /// When anything was last answered; the beginning, at first.
    answered: Instant,
}

#[derive(Clone, Debug)]
struct Desk {
    /// Requests under way.
    busy: usize,
    /// Whether it was found to serve the right guest, and not failed since.
    known: bool,
    /// Whether somebody is finding that out.
    meeting: bool,
    /// Failures since the last answer.
    failures: u32,
    rests_until: Instant,
    why: String,
    /// Consecutive requests without data that were answered by asking for
    /// it, and how many are sent with data before the next without.
    forgot: u32,
    with_data: u32,
}

/// Why there is no endpoint to be had.
#[derive(Debug, PartialEq)]
pub(super) enum Idle {
    /// The run was stopped.
    Cancelled,
    /// None has answered for as long as the run is patient: the index of one,
    /// and how it failed last.
    Silent { endpoint: usize, why: String },
}

/// The right to one request to an endpoint.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    all: &'a Endpoints,
    /// Which endpoint.
    pub(super) endpoint: usize,
    /// Whether the endpoint has yet to be asked what it serves.
    pub(super) stranger: bool,
}

impl Endpoints {
    pub(super) fn new(count: usize, concurrency: usize, patience: Duration) -> Self {
        let now = Instant::now();
        let desk = Desk {
            busy: 0,
            known: false,
            meeting: false,
            failures: 0,
            rests_until: now,
            why: String::new(),
            forgot: 0,
            with_data: 0,
        };
        Self {
            concurrency,
            patience,
            state: Mutex::new(State {
                desks: vec![desk; count],
                answered: now,
            }),
            changed: Condvar::new(),
        }
    }

    /// Patience begins now.
    pub(super) fn start(&self) {
        self.state().answered = Instant::now();
    }

    /// The endpoint with the fewest requests under way; waits until there is
    /// one.
    pub(super) fn take(&self, cancel: &Cancel) -> Result<Slot<'_>, Idle> {
        let mut state = self.state();
        loop {
            if cancel.is_cancelled() {
                return Err(Idle::Cancelled);
            }
            let now = Instant::now();
            let free = |desk: &Desk| {
                desk.rests_until <= now && !desk.meeting && desk.busy < self.concurrency
            };
            let desks = state.desks.iter_mut().enumerate();
            let best = desks
                .filter(|(_, desk)| free(desk))
                .min_by_key(|(_, desk)| desk.busy);
            if let Some((endpoint, desk)) = best {
                desk.busy += 1;
                desk.meeting = !desk.known;
                return Ok(Slot {
                    all: self,
                    endpoint,
                    stranger: !desk.known,
                });
            }
            if let Some(idle) = self.silent(&state, now) {
                return Err(idle);
            }
            let waited = self.changed.wait_timeout(state, LOOK);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Whether nobody answers any more, nor will while the run is patient.
    fn silent(&self, state: &State, now: Instant) -> Option<Idle> {
        if state.desks.iter().any(|desk| desk.busy > 0) {
            return None;
        }
        let (endpoint, desk) = state
            .desks
            .iter()
            .enumerate()
            .min_by_key(|(_, desk)| desk.rests_until)?;
        let until = desk.rests_until.max(now);
        (until.duration_since(state.answered) > self.patience).then(|| Idle::Silent {
            endpoint,
            why: desk.why.clone(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    fn with<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        let changed = change(&mut self.all.state().desks[self.endpoint]);
        self.all.changed.notify_all();
        changed
    }

    /// The endpoint serves the right guest.
    pub(super) fn met(&mut self) {
        self.stranger = false;
        self.with(|desk| {
            desk.known = true;
            desk.meeting = false;
        });
        self.answered();
    }

    /// The endpoint answered.
    pub(super) fn answered(&self) {
        let mut state = self.all.state();
        state.answered = Instant::now();
        state.desks[self.endpoint].failures = 0;
    }

    /// The endpoint can't be reached, or said that it has too much to do. It
    /// rests for as long as it asked, or for longer each time.
    pub(super) fn rest(&self, why: String, asked: Option<Duration>) {
        self.with(|desk| {
            let step = FIRST
                .saturating_mul(1 << desk.failures.min(16))
                .min(LONGEST);
            desk.failures += 1;
            desk.rests_until = Instant::now() + asked.unwrap_or_default().max(jittered(step));
            desk.why = why;
        });
    }

    /// What is behind the endpoint may be another now: it is asked again.
    pub(super) fn forget(&self) {
        self.with(|desk| desk.known = false);
    }

    /// Whether to send the data without being asked. An instance that keeps
    /// it needs it once; a platform that keeps no instance needs it always,
    /// and is seldom tried without.
    pub(super) fn sends_data(&self) -> bool {
        self.with(|desk| {
            let sends = desk.with_data > 0;
            desk.with_data = desk.with_data.saturating_sub(1);
            sends
        })
    }

    /// An instance had the data, or had it not.
    pub(super) fn had_data(&self, had: bool) {
        self.with(|desk| {
            desk.forgot = if had { 0 } else { desk.forgot + 1 };
            desk.with_data = (1 << desk.forgot.saturating_sub(1).min(6)) - 1;
        });
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.with(|desk| {
            desk.busy -= 1;
            if self.stranger {
                desk.meeting = false;
            }
        });
    }
}

/// The wait before a task's try number `tries`.
pub(super) fn backoff(tries: u32) -> Duration {
    jittered(FIRST.saturating_mul(1 << tries.min(16)).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    fn met(slot: Result<Slot<'_>, Idle>) -> Slot<'_> {
        let mut slot = slot.unwrap();
        slot.met();
        slot
    }

    #[test]
    fn requests_go_where_fewest_are_under_way_up_to_the_limit() {
        let all = Endpoints::new(2, 2, LONG);
        let cancel = Cancel::default();
        let slots = [(); 4].map(|()| met(all.take(&cancel)));
        assert_eq!(slots.each_ref().map(|slot| slot.endpoint), [0, 1, 0, 1]);
        std::thread::scope(|scope| {
            let fifth = scope.spawn(|| all.take(&cancel).unwrap().endpoint);
            let [first, second, third, fourth] = slots;
            drop(second);
            assert_eq!(fifth.join().unwrap(), 1);
            drop((first, third, fourth));
        });
    }

    #[test]
    fn a_stranger_is_asked_by_one_alone() {
        let all = Endpoints::new(1, 8, LONG);
        let cancel = Cancel::default();
        let mut first = all.take(&cancel).unwrap();
        assert!(first.stranger);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| all.take(&cancel).unwrap().stranger);
            first.met();
            assert!(!second.join().unwrap());
        });
        first.forget();
        drop(first);
        assert!(all.take(&cancel).unwrap().stranger);
    }

    #[test]
    fn one_that_rests_is_passed_over() {
        let all = Endpoints::new(2, 1, LONG);
        let cancel = Cancel::default();
        let slot = all.take(&cancel).unwrap();
        assert_eq!(slot.endpoint, 0);
        slot.rest("refused".to_owned(), Some(LONG / 2));
        drop(slot);
        for _ in 0..3 {
            assert_eq!(all.take(&cancel).unwrap().endpoint, 1);
        }
    }

    #[test]
    fn when_all_rest_longer_than_the_run_is_patient_it_is_told_so() {
        let all = Endpoints::new(1, 1, Duration::from_secs(10));
        let cancel = Cancel::default();
        let slot = all.take(&cancel).unwrap();
        slot.rest("refused".to_owned(), Some(LONG));
        drop(slot);
        let idle = all.take(&cancel).unwrap_err();
        let why = "refused".to_owned();
        assert_eq!(idle, Idle::Silent { endpoint: 0, why });
    }

    #[test]
    fn who_waits_hears_that_the_run_was_stopped() {
        let all = Endpoints::new(1, 1, LONG);
        let cancel = Cancel::default();
        let slot = all.take(&cancel).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| all.take(&cancel).unwrap_err());
            cancel.cancel();
            assert_eq!(second.join().unwrap(), Idle::Cancelled);
        });
        drop(slot);
    }

    #[test]
    fn a_platform_that_keeps_nothing_is_seldom_tried_without_data() {
        let all = Endpoints::new(1, 1, LONG);
        let slot = all.take(&Cancel::default()).unwrap();
        let mut asked = 0;
        for _ in 0..1000 {
            if !slot.sends_data() {
                asked += 1;
                slot.had_data(false);
            }
        }
        assert!(asked < 30, "{asked}");
        while slot.sends_data() {}
        slot.had_data(true);
        assert!(!slot.sends_data());
    }
}
