//! [`Endpoints`]: which endpoint takes the next request. Each has at most
//! `concurrency` requests under way. An endpoint that failed rests for a while,
//! with exponential back-off and jitter, while the others go on.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::jitter::jittered;

/// The first rest, before jitter.
const FIRST: Duration = Duration::from_millis(100);

/// The longest rest, where the endpoint asks for no longer one.
const LONGEST: Duration = Duration::from_secs(10);

/// How long an endpoint has not answered, or will not be asked, before the run tells of
/// it: what is over sooner is of no interest.
const SILENT: Duration = Duration::from_secs(1);

/// The same of one that says that it has too much to do, as a platform does that starts
/// instances or limits requests.
const BUSY: Duration = Duration::from_secs(10);

/// How often a waiting worker checks whether the run was stopped.
const LOOK: Duration = Duration::from_millis(50);

/// All endpoints of a pool.
#[derive(Debug)]
pub(super) struct Endpoints {
    concurrency: usize,
    /// How long a run goes on without any answer.
    retry: Duration,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    endpoints: Vec<EndpointState>,
    /// Workers that wait for an endpoint.
    waiting: usize,
    /// When anything was last answered; the beginning, at first.
    answered: Instant,
}

#[derive(Clone, Debug)]
struct EndpointState {
    /// Requests under way.
    busy: usize,
    /// Whether it serves the right guest and has not failed since.
    known: bool,
    /// Whether a worker is finding that out.
    identifying: bool,
    /// Failures since the last answer.
    failures: u32,
    /// When the first of them was.
    failing_since: Option<Instant>,
    /// Whether the run has told that it does not answer.
    is_told: bool,
    rests_until: Instant,
    why: String,
    /// Consecutive requests without data that were answered with a request for
    /// it.
    data_needed: u32,
    /// How many requests carry the data before the next one without.
    with_data: u32,
}

/// Why no endpoint takes a request.
#[derive(Debug, PartialEq)]
pub(super) enum Idle {
    /// No request is wanted any more.
    Over,
    /// None has answered for as long as the run waits: the index of one, and its
    /// last failure.
    Silent { endpoint: usize, why: String },
}

/// Why an endpoint rests.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rest {
    /// It does not answer.
    Silent,
    /// It has too much to do, and asks for that long a rest, if it says how long.
    Busy(Option<Duration>),
    /// Others come first.
    Slow,
}

/// The right to one request to an endpoint.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    all: &'a Endpoints,
    /// Which endpoint.
    pub(super) endpoint: usize,
    /// Whether it is not known what the endpoint serves.
    pub(super) unknown: bool,
    taken: Instant,
}

impl Endpoints {
    pub(super) fn new(count: usize, concurrency: usize, retry: Duration) -> Self {
        let now = Instant::now();
        let endpoint = EndpointState {
            busy: 0,
            known: false,
            identifying: false,
            failures: 0,
            failing_since: None,
            is_told: false,
            rests_until: now,
            why: String::new(),
            data_needed: 0,
            with_data: 0,
        };
        Self {
            concurrency,
            retry,
            state: Mutex::new(State {
                endpoints: vec![endpoint; count],
                waiting: 0,
                answered: now,
            }),
            changed: Condvar::new(),
        }
    }

    /// Starts the time that a run waits for an answer.
    pub(super) fn start(&self) {
        self.state().answered = Instant::now();
    }

    /// The endpoint with the fewest requests under way, but not the one that is
    /// `avoided`; waits until there is one, or `is_over`.
    pub(super) fn take(
        &self,
        is_over: &dyn Fn() -> bool,
        avoided: &dyn Fn() -> Option<usize>,
    ) -> Result<Slot<'_>, Idle> {
        let mut state = self.state();
        loop {
            if is_over() {
                return Err(Idle::Over);
            }
            let now = Instant::now();
            if let Some(slot) = self.free(&mut state, avoided(), now) {
                return Ok(slot);
            }
            if let Some(idle) = self.silent(&state, now) {
                return Err(idle);
            }
            state.waiting += 1;
            let waited = self.changed.wait_timeout(state, LOOK);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
    }

    /// Another endpoint than this one, if one is idle and no worker waits for it.
    pub(super) fn take_other(&self, endpoint: usize) -> Option<Slot<'_>> {
        let mut state = self.state();
        match state.waiting {
            0 => self.free(&mut state, Some(endpoint), Instant::now()),
            _ => None,
        }
    }

    fn free(&self, state: &mut State, avoided: Option<usize>, now: Instant) -> Option<Slot<'_>> {
        let endpoints = state.endpoints.iter_mut().enumerate();
        let free = endpoints.filter(|(endpoint, state)| {
            Some(*endpoint) != avoided
                && state.rests_until <= now
                && !state.identifying
                && state.busy < self.concurrency
        });
        let (endpoint, state) = free.min_by_key(|(_, state)| state.busy)?;
        state.busy += 1;
        state.identifying = !state.known;
        Some(Slot {
            all: self,
            endpoint,
            unknown: !state.known,
            taken: now,
        })
    }

    /// The error where no endpoint will take a request while the run waits.
    fn silent(&self, state: &State, now: Instant) -> Option<Idle> {
        if state.endpoints.iter().any(|endpoint| endpoint.busy > 0) {
            return None;
        }
        let (index, first) = state
            .endpoints
            .iter()
            .enumerate()
            .min_by_key(|(_, endpoint)| endpoint.rests_until)?;
        let until = first.rests_until.max(now);
        (until.duration_since(state.answered) > self.retry).then(|| Idle::Silent {
            endpoint: index,
            why: first.why.clone(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    fn with<T>(&self, change: impl FnOnce(&mut EndpointState) -> T) -> T {
        let changed = change(&mut self.all.state().endpoints[self.endpoint]);
        self.all.changed.notify_all();
        changed
    }

    /// The endpoint serves the right guest. Returns what [`Self::answered`] does.
    pub(super) fn identified(&mut self) -> bool {
        self.unknown = false;
        self.with(|state| {
            state.known = true;
            state.identifying = false;
        });
        self.answered()
    }

    /// The endpoint answered. Returns whether that is news, since the run has told that it
    /// does not.
    #[must_use]
    pub(super) fn answered(&self) -> bool {
        let mut state = self.all.state();
        state.answered = Instant::now();
        let endpoint = &mut state.endpoints[self.endpoint];
        endpoint.failures = 0;
        endpoint.failing_since = None;
        std::mem::take(&mut endpoint.is_told)
    }

    /// The endpoint rests for as long as it asked, or for longer each time. Returns whether
    /// the run is to tell that it does not answer: once until it does.
    #[must_use]
    pub(super) fn rest(&self, why: String, rest: Rest) -> bool {
        let now = Instant::now();
        // What an endpoint serves it tells at once, if it is there.
        let begun = if self.unknown { self.taken } else { now };
        self.with(|state| {
            let step = FIRST
                .saturating_mul(1 << state.failures.min(16))
                .min(LONGEST);
            state.failures += 1;
            let (asked, bearable) = match rest {
                Rest::Silent => (None, Some(SILENT)),
                Rest::Busy(asked) => (asked, Some(BUSY)),
                Rest::Slow => (None, None),
            };
            state.rests_until = now + asked.unwrap_or_default().max(jittered(step));
            state.why = why;
            let Some(bearable) = bearable else {
                return false;
            };
            let since = *state.failing_since.get_or_insert(begun);
            let is_long = state.rests_until.duration_since(since) >= bearable;
            is_long && !std::mem::replace(&mut state.is_told, true)
        })
    }

    /// What is behind the endpoint may be another now: it is asked again.
    pub(super) fn forget(&self) {
        self.with(|state| state.known = false);
    }

    /// Whether to send the data without being asked. An instance that keeps
    /// it needs it once; a platform that keeps no instance needs it always,
    /// and is seldom tried without.
    pub(super) fn sends_data(&self) -> bool {
        self.with(|state| {
            let sends = state.with_data > 0;
            state.with_data = state.with_data.saturating_sub(1);
            sends
        })
    }

    /// An instance had the data, or had it not.
    pub(super) fn data_was_held(&self, had: bool) {
        self.with(|state| {
            state.data_needed = if had { 0 } else { state.data_needed + 1 };
            state.with_data = (1 << state.data_needed.saturating_sub(1).min(6)) - 1;
        });
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.with(|state| {
            state.busy -= 1;
            if self.unknown {
                state.identifying = false;
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
    use crate::task::Cancel;

    const LONG: Duration = Duration::from_secs(3600);

    fn take<'a>(all: &'a Endpoints, cancel: &Cancel) -> Result<Slot<'a>, Idle> {
        all.take(&|| cancel.is_cancelled(), &|| None)
    }

    fn identified(slot: Result<Slot<'_>, Idle>) -> Slot<'_> {
        let mut slot = slot.unwrap();
        assert!(!slot.identified());
        slot
    }

    #[test]
    fn requests_go_where_fewest_are_under_way_up_to_the_limit() {
        let all = Endpoints::new(2, 2, LONG);
        let cancel = Cancel::default();
        let slots = [(); 4].map(|()| identified(take(&all, &cancel)));
        assert_eq!(slots.each_ref().map(|slot| slot.endpoint), [0, 1, 0, 1]);
        std::thread::scope(|scope| {
            let fifth = scope.spawn(|| take(&all, &cancel).unwrap().endpoint);
            let [first, second, third, fourth] = slots;
            drop(second);
            assert_eq!(fifth.join().unwrap(), 1);
            drop((first, third, fourth));
        });
    }

    #[test]
    fn an_unknown_endpoint_is_asked_by_one_worker() {
        let all = Endpoints::new(1, 8, LONG);
        let cancel = Cancel::default();
        let mut first = take(&all, &cancel).unwrap();
        assert!(first.unknown);
        std::thread::scope(|scope| {
            let second = scope.spawn(|| take(&all, &cancel).unwrap().unknown);
            assert!(!first.identified());
            assert!(!second.join().unwrap());
        });
        first.forget();
        drop(first);
        assert!(take(&all, &cancel).unwrap().unknown);
    }

    #[test]
    fn one_that_rests_is_passed_over() {
        let all = Endpoints::new(2, 1, LONG);
        let cancel = Cancel::default();
        let slot = take(&all, &cancel).unwrap();
        assert_eq!(slot.endpoint, 0);
        let _ = slot.rest("refused".to_owned(), Rest::Busy(Some(LONG / 2)));
        drop(slot);
        for _ in 0..3 {
            assert_eq!(take(&all, &cancel).unwrap().endpoint, 1);
        }
    }

    #[test]
    fn one_that_is_avoided_is_passed_over() {
        let all = Endpoints::new(2, 1, LONG);
        let cancel = Cancel::default();
        let second = all.take(&|| false, &|| Some(0)).unwrap();
        assert_eq!(second.endpoint, 1);
        assert!(all.take_other(0).is_none());
        let first = all.take_other(1).unwrap();
        assert_eq!(first.endpoint, 0);
        drop(second);
        // Who waits has the first right to an endpoint.
        std::thread::scope(|scope| {
            let avoids = || {
                all.take(&|| cancel.is_cancelled(), &|| Some(1))
                    .unwrap_err()
            };
            let waits = scope.spawn(avoids);
            while all.state().waiting == 0 {
                std::thread::yield_now();
            }
            assert!(all.take_other(0).is_none());
            cancel.cancel();
            assert_eq!(waits.join().unwrap(), Idle::Over);
        });
        assert_eq!(all.take_other(0).unwrap().endpoint, 1);
    }

    #[test]
    fn when_all_rest_longer_than_the_run_is_patient_it_is_told_so() {
        let all = Endpoints::new(1, 1, Duration::from_secs(10));
        let cancel = Cancel::default();
        let slot = take(&all, &cancel).unwrap();
        let _ = slot.rest("refused".to_owned(), Rest::Busy(Some(LONG)));
        drop(slot);
        let idle = take(&all, &cancel).unwrap_err();
        let why = "refused".to_owned();
        assert_eq!(idle, Idle::Silent { endpoint: 0, why });
    }

    /// Rests without a wait between them: the growing rests alone make them last.
    #[test]
    fn one_that_does_not_answer_is_told_of_once_until_it_does() {
        let all = Endpoints::new(1, 1, LONG);
        let slot = take(&all, &Cancel::default()).unwrap();
        let tell = |rest| slot.rest("refused".to_owned(), rest);
        for _ in 0..2 {
            // The first rests are of less than a second, the sixth is of 1.6 s at least.
            let told: Vec<bool> = (0..8).map(|_| tell(Rest::Silent)).collect();
            let first = told.iter().position(|told| *told).unwrap();
            assert!((4..=5).contains(&first), "{told:?}");
            assert_eq!(told.iter().filter(|told| **told).count(), 1);
            assert!(slot.answered());
            assert!(!slot.answered());
        }
        // A platform that asks for a short rest, and one that asks for a long one.
        assert!(!tell(Rest::Busy(Some(SILENT))));
        assert!(!slot.answered());
        assert!(tell(Rest::Busy(Some(LONG))));
        assert!(slot.answered());
        assert!((0..20).all(|_| !tell(Rest::Slow)));
        assert!(!slot.answered());
    }

    #[test]
    fn who_waits_hears_that_the_run_was_stopped() {
        let all = Endpoints::new(1, 1, LONG);
        let cancel = Cancel::default();
        let slot = take(&all, &cancel).unwrap();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| take(&all, &cancel).unwrap_err());
            cancel.cancel();
            assert_eq!(second.join().unwrap(), Idle::Over);
        });
        drop(slot);
    }

    #[test]
    fn a_platform_that_keeps_nothing_is_seldom_tried_without_data() {
        let all = Endpoints::new(1, 1, LONG);
        let slot = take(&all, &Cancel::default()).unwrap();
        let mut asked = 0;
        for _ in 0..1000 {
            if !slot.sends_data() {
                asked += 1;
                slot.data_was_held(false);
            }
        }
        assert!(asked < 30, "{asked}");
        while slot.sends_data() {}
        slot.data_was_held(true);
        assert!(!slot.sends_data());
    }
}
