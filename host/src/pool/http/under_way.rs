//! [`TasksUnderWay`]: the tasks that endpoints have. One that runs far beyond its kind is
//! sent to a second endpoint, and the first answer is taken: fits are pure, so that it does
//! not matter whose it is. The other request is dropped.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::pool::pace::{Pace, RunningTask};
use crate::task::Cancel;

/// How often an idle worker looks for a task that runs far beyond its kind.
const LOOK: Duration = Duration::from_millis(100);

/// The tasks under way.
#[derive(Debug)]
pub(super) struct TasksUnderWay<'a, T> {
    cancel: &'a Cancel,
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct State<T> {
    pace: Pace,
    /// Workers that may take tasks yet.
    workers: usize,
    tasks: BTreeMap<u64, TaskState<T>>,
    next: u64,
}

/// A task that has no answer.
#[derive(Debug)]
struct TaskState<T> {
    task: Arc<T>,
    /// What it is expected to cost.
    cost: f64,
    is_copied: bool,
    /// The attempts that go on: the first one, and the copy.
    attempts: [Option<Place>; 2],
}

/// Where an attempt is.
#[derive(Clone, Copy, Debug)]
enum Place {
    /// Before a request, or between two.
    Here,
    /// At an endpoint, since then.
    At(usize, Instant),
}

/// A worker that may take tasks, until it is dropped.
pub(super) struct TakingWorker<'a, T>(&'a TasksUnderWay<'a, T>);

/// One of at most two attempts to get the answer of a task.
#[derive(Debug)]
pub(super) struct Attempt<'a, T> {
    all: &'a TasksUnderWay<'a, T>,
    key: u64,
    number: usize,
    pub(super) task: Arc<T>,
}

/// What to copy: the task, and the endpoint that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Straggler {
    key: u64,
    endpoint: usize,
}

impl<'a, T> TasksUnderWay<'a, T> {
    pub(super) fn new(cancel: &'a Cancel) -> Self {
        Self {
            cancel,
            state: Mutex::new(State {
                pace: Pace::default(),
                workers: 0,
                tasks: BTreeMap::new(),
                next: 0,
            }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a worker takes tasks.
    pub(super) fn take_tasks(&'a self) -> TakingWorker<'a, T> {
        self.state().workers += 1;
        TakingWorker(self)
    }

    /// The first attempt at a task that is expected to cost so much.
    pub(super) fn begin(&'a self, task: T, cost: f64) -> Attempt<'a, T> {
        let task = Arc::new(task);
        let mut state = self.state();
        let key = state.next;
        state.next += 1;
        let of_task = TaskState {
            task: Arc::clone(&task),
            cost,
            is_copied: false,
            attempts: [Some(Place::Here), None],
        };
        state.tasks.insert(key, of_task);
        Attempt {
            all: self,
            key,
            number: 0,
            task,
        }
    }

    /// Waits for a task that runs far beyond its kind, and begins the second attempt at it;
    /// `None` once there will be no such task. `take_other` gives the right to a request to
    /// another endpoint than the one that has the task, if one is idle. Beside the attempt,
    /// that right and the endpoint that has the task.
    pub(super) fn copy<S>(
        &'a self,
        take_other: &dyn Fn(usize) -> Option<S>,
    ) -> Option<(Attempt<'a, T>, S, usize)> {
        let mut state = self.state();
        loop {
            let may_be = |task: &TaskState<T>| !task.is_copied;
            let more = state.workers > 0 || state.tasks.values().any(may_be);
            if !more || self.cancel.is_cancelled() {
                return None;
            }
            let slow = state.stragglers(Instant::now());
            // Endpoints are not asked with the lock held: who waits for one needs it.
            drop(state);
            for straggler in slow {
                if let Some(slot) = take_other(straggler.endpoint)
                    && let Some(attempt) = self.begin_copy(straggler)
                {
                    return Some((attempt, slot, straggler.endpoint));
                }
            }
            let waited = self.changed.wait_timeout(self.state(), LOOK);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The second attempt at a task, unless it was answered meanwhile, or copied.
    fn begin_copy(&'a self, straggler: Straggler) -> Option<Attempt<'a, T>> {
        let mut state = self.state();
        let of_task = state.tasks.get_mut(&straggler.key)?;
        if of_task.is_copied || of_task.endpoint(0) != Some(straggler.endpoint) {
            return None;
        }
        of_task.is_copied = true;
        of_task.attempts[1] = Some(Place::Here);
        Some(Attempt {
            all: self,
            key: straggler.key,
            number: 1,
            task: Arc::clone(&of_task.task),
        })
    }
}

impl<T> State<T> {
    fn stragglers(&self, now: Instant) -> Vec<Straggler> {
        let running = self.tasks.iter().filter_map(|(&key, of_task)| {
            let Some(Place::At(endpoint, since)) = of_task.attempts[0] else {
                return None;
            };
            Some(RunningTask {
                key: Straggler { key, endpoint },
                cost: of_task.cost,
                running: now.duration_since(since),
                is_copied: of_task.is_copied,
            })
        });
        self.pace.stragglers(self.tasks.len(), running)
    }
}

impl<T> TaskState<T> {
    fn endpoint(&self, attempt: usize) -> Option<usize> {
        match self.attempts[attempt] {
            Some(Place::At(endpoint, _)) => Some(endpoint),
            _ => None,
        }
    }
}

impl<T> Attempt<'_, T> {
    /// Whether the other attempt had an answer.
    pub(super) fn is_answered(&self) -> bool {
        !self.all.state().tasks.contains_key(&self.key)
    }

    /// Whether no answer is wanted any more.
    pub(super) fn is_over(&self) -> bool {
        self.all.cancel.is_cancelled() || self.is_answered()
    }

    /// Whether it is the second one.
    pub(super) fn is_copy(&self) -> bool {
        self.number == 1
    }

    /// The endpoint at which the other attempt is.
    pub(super) fn avoided(&self) -> Option<usize> {
        let state = self.all.state();
        state.tasks.get(&self.key)?.endpoint(1 - self.number)
    }

    /// Notes that it is at an endpoint since then.
    pub(super) fn sent_to(&self, endpoint: usize, since: Instant) {
        self.is_at(Place::At(endpoint, since));
    }

    /// Notes that it is at no endpoint.
    pub(super) fn came_back(&self) {
        self.is_at(Place::Here);
    }

    fn is_at(&self, place: Place) {
        if let Some(of_task) = self.all.state().tasks.get_mut(&self.key) {
            of_task.attempts[self.number] = Some(place);
        }
    }

    /// Ends the task with an answer, which took so long where it is a success. Returns
    /// whether it is the first.
    pub(super) fn answers(self, wall: Option<Duration>) -> bool {
        let mut state = self.all.state();
        let Some(of_task) = state.tasks.remove(&self.key) else {
            return false;
        };
        if let Some(wall) = wall {
            state.pace.note(of_task.cost, wall);
        }
        true
    }

    /// Ends the attempt without an answer. Returns whether that ends the task: no other
    /// attempt goes on.
    pub(super) fn gives_up(self) -> bool {
        self.leave()
    }

    fn leave(&self) -> bool {
        let mut state = self.all.state();
        let Some(of_task) = state.tasks.get_mut(&self.key) else {
            return false;
        };
        of_task.attempts[self.number] = None;
        let is_last = of_task.attempts.iter().all(Option::is_none);
        if is_last {
            state.tasks.remove(&self.key);
        }
        is_last
    }
}

impl<T> Drop for Attempt<'_, T> {
    fn drop(&mut self) {
        self.leave();
        self.all.changed.notify_all();
    }
}

impl<T> Drop for TakingWorker<'_, T> {
    fn drop(&mut self) {
        self.0.state().workers -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Three tasks ended in a second each, and `slow` is at endpoint 0 since `start`.
    fn with_a_slow_one<'a>(
        all: &'a TasksUnderWay<'a, &'static str>,
        start: Instant,
    ) -> Attempt<'a, &'static str> {
        for _ in 0..3 {
            assert!(all.begin("quick", 1.0).answers(Some(SECOND)));
        }
        let slow = all.begin("slow", 1.0);
        assert!(stragglers(all, start + 60 * SECOND).is_empty());
        slow.sent_to(0, start);
        slow
    }

    fn stragglers<T>(all: &TasksUnderWay<'_, T>, now: Instant) -> Vec<Straggler> {
        all.state().stragglers(now)
    }

    #[test]
    fn the_first_answer_is_taken_whose_ever_it_is() {
        let (cancel, start) = (Cancel::default(), Instant::now());
        for copy_is_first in [false, true] {
            let all = TasksUnderWay::new(&cancel);
            let slow = with_a_slow_one(&all, start);
            assert!(stragglers(&all, start + 4 * SECOND).is_empty());
            let found = stragglers(&all, start + 5 * SECOND);
            assert!(found.len() == 1 && found[0].endpoint == 0, "{found:?}");
            let copy = all.begin_copy(found[0]).unwrap();
            assert_eq!(*copy.task, "slow");
            assert!(copy.is_copy() && !slow.is_copy());
            copy.sent_to(1, start + 5 * SECOND);
            assert_eq!((copy.avoided(), slow.avoided()), (Some(0), Some(1)));
            // Once each.
            assert!(stragglers(&all, start + 60 * SECOND).is_empty());
            assert!(all.begin_copy(found[0]).is_none());
            let (first, second) = match copy_is_first {
                true => (copy, slow),
                false => (slow, copy),
            };
            assert!(!second.is_over());
            assert!(first.answers(Some(SECOND)));
            assert!(second.is_over() && second.is_answered());
            assert!(!second.answers(Some(SECOND)));
            assert!(all.copy(&|_| Some(())).is_none());
        }
    }

    /// A time-out, or an endpoint that fails again and again, is the outcome of a task once
    /// no other attempt goes on.
    #[test]
    fn an_attempt_without_an_answer_leaves_the_task_to_the_other() {
        let (cancel, start) = (Cancel::default(), Instant::now());
        for copy_leaves in [false, true] {
            let all = TasksUnderWay::new(&cancel);
            let slow = with_a_slow_one(&all, start);
            let found = stragglers(&all, start + 5 * SECOND);
            let copy = all.begin_copy(found[0]).unwrap();
            let (leaves, stays) = match copy_leaves {
                true => (copy, slow),
                false => (slow, copy),
            };
            assert!(!leaves.gives_up());
            assert!(!stays.is_over());
            assert_eq!(stays.avoided(), None);
            assert!(stays.gives_up());
        }
    }

    #[test]
    fn what_moved_on_is_not_copied() {
        let (cancel, start) = (Cancel::default(), Instant::now());
        let all = TasksUnderWay::new(&cancel);
        let slow = with_a_slow_one(&all, start);
        let found = stragglers(&all, start + 5 * SECOND);
        slow.came_back();
        assert!(all.begin_copy(found[0]).is_none());
        slow.sent_to(1, start + 5 * SECOND);
        assert!(all.begin_copy(found[0]).is_none());
        assert!(stragglers(&all, start + 6 * SECOND).is_empty());
        assert!(slow.answers(None));
        assert!(all.begin_copy(found[0]).is_none());
    }

    /// Idle workers wait as long as there may be something to copy.
    #[test]
    fn idle_workers_end_with_the_last_task() {
        let cancel = Cancel::default();
        let all = TasksUnderWay::new(&cancel);
        std::thread::scope(|scope| {
            let taking = all.take_tasks();
            let idle = scope.spawn(|| all.copy(&|_| Some(())).is_none());
            let quick = all.begin("quick", 1.0);
            drop(taking);
            assert!(quick.answers(None));
            assert!(idle.join().unwrap());
            let stopped = all.begin("quick", 1.0);
            let idle = scope.spawn(|| all.copy(&|_| Some(())).is_none());
            cancel.cancel();
            assert!(idle.join().unwrap() && stopped.is_over() && !stopped.is_answered());
        });
    }

    /// A task that an endpoint has had for a minute is sent to another one, once that is
    /// idle.
    #[test]
    fn an_idle_worker_gets_the_right_to_another_endpoint() {
        let cancel = Cancel::default();
        let all = TasksUnderWay::new(&cancel);
        let Some(minute_ago) = Instant::now().checked_sub(60 * SECOND) else {
            return;
        };
        let slow = with_a_slow_one(&all, minute_ago);
        let asked = Mutex::new(0);
        let take_other = |endpoint| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            (*asked > 1).then_some(("another than", endpoint))
        };
        let (copy, right, endpoint) = all.copy(&take_other).unwrap();
        assert_eq!((right, endpoint), (("another than", 0), 0));
        assert!(copy.answers(None) && slow.is_answered());
    }
}
