//! [`Prefetch`]: the tasks that the queue delivered to a worker and that no slot
//! has begun. Slots take from it; what they need is requested from the queue.
//!
//! It holds as many tasks as the slots finish within [`HORIZON`], so that tasks
//! of microseconds do not pay a round trip each, and none where a task takes
//! longer: then an idle worker elsewhere is to have it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use tokio::sync::Notify;

/// How long the held tasks may take together, at the mean time of a task.
const HORIZON: Duration = Duration::from_millis(10);

/// The most tasks that are held for a slot.
const PER_SLOT: usize = 32;

/// How long the held tasks may wait while no slot takes one.
const PATIENCE: Duration = Duration::from_millis(100);

/// A request for tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The most tasks that answer it.
    pub(super) batch: usize,
    /// Whether it ends with the tasks that are in the queue when it is first
    /// answered; else it waits for all.
    pub(super) no_wait: bool,
}

pub(super) struct Prefetch<T = Message> {
    slots: usize,
    state: Mutex<State<T>>,
    /// Notifies slots of tasks, and of the end.
    delivered: Condvar,
    /// Notifies the connection that a request may be due.
    wanted: Notify,
}

struct State<T> {
    tasks: VecDeque<T>,
    /// When a task was last taken, or delivered where there was none.
    moved: Instant,
    /// How many slots wait for a task.
    waiting: usize,
    /// How many tasks were requested and have not arrived.
    requested: usize,
    /// How many of these a request demands that does not wait.
    no_wait: usize,
    /// Whether such a request was refused because other workers wait for more
    /// tasks than there are.
    scarce: bool,
    /// The mean time of a task, of which the last counts a quarter.
    mean: Option<Duration>,
    /// How many tasks are under way that may kill the worker.
    suspects: usize,
    closed: bool,
}

impl<T> State<T> {
    /// How many tasks are to be held.
    fn depth(&self, slots: usize) -> usize {
        let Some(mean) = self.mean.filter(|_| self.suspects == 0) else {
            return 0;
        };
        let finished = HORIZON.as_nanos() / mean.as_nanos().max(1);
        usize::try_from(finished).map_or(PER_SLOT, |finished| finished.min(PER_SLOT)) * slots
    }

    /// The request that is due now.
    fn due(&self, slots: usize) -> Option<Request> {
        let depth = self.depth(slots);
        if self.requested == 0 && !self.scarce && self.tasks.len() < depth.div_ceil(2) {
            return Some(Request {
                batch: self.waiting + depth - self.tasks.len(),
                no_wait: true,
            });
        }
        let coming = self.tasks.len() + self.requested;
        (self.waiting > coming).then(|| Request {
            batch: self.waiting - coming,
            no_wait: false,
        })
    }
}

impl<T> Prefetch<T> {
    /// For so many slots.
    pub(super) fn new(slots: usize) -> Self {
        Self {
            slots,
            state: Mutex::new(State {
                tasks: VecDeque::new(),
                moved: Instant::now(),
                waiting: 0,
                requested: 0,
                no_wait: 0,
                scarce: false,
                mean: None,
                suspects: 0,
                closed: false,
            }),
            delivered: Condvar::new(),
            wanted: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A task, where one is held.
    pub(super) fn take(&self) -> Option<T> {
        self.pop(&mut self.state())
    }

    /// Waits for a task; `None` once it is closed.
    pub(super) fn wait(&self) -> Option<T> {
        let mut state = self.state();
        state.waiting += 1;
        if state.due(self.slots).is_some() {
            self.wanted.notify_one();
        }
        while state.tasks.is_empty() && !state.closed {
            let waited = self.delivered.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        state.waiting -= 1;
        self.pop(&mut state)
    }

    fn pop(&self, state: &mut State<T>) -> Option<T> {
        let task = state.tasks.pop_front()?;
        state.moved = Instant::now();
        if state.due(self.slots).is_some() {
            self.wanted.notify_one();
        }
        Some(task)
    }

    /// Waits until a request may be due.
    pub(super) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// The request that is due, which is then counted as sent.
    pub(super) fn request(&self) -> Option<Request> {
        let mut state = self.state();
        let request = state.due(self.slots).filter(|_| !state.closed)?;
        state.requested += request.batch;
        if request.no_wait {
            state.no_wait = request.batch;
        }
        Some(request)
    }

    /// Whether an answer is pending.
    pub(super) fn is_requested(&self) -> bool {
        self.state().requested > 0
    }

    /// Adds a task that the queue delivered. Returns it where the slots take no
    /// more.
    pub(super) fn deliver(&self, task: T) -> Result<(), T> {
        let mut state = self.state();
        state.requested = state.requested.saturating_sub(1);
        if state.closed {
            return Err(task);
        }
        state.scarce = false;
        if state.tasks.is_empty() {
            state.moved = Instant::now();
        }
        state.tasks.push_back(task);
        if state.waiting > 0 {
            self.delivered.notify_one();
        }
        Ok(())
    }

    /// Notes that a request ended with so many tasks missing; `None` where the
    /// queue refused one that does not wait.
    pub(super) fn ended(&self, missing: Option<usize>) {
        let mut state = self.state();
        state.scarce |= missing.is_none();
        let missing = missing.unwrap_or(state.no_wait);
        state.no_wait = 0;
        state.requested = state.requested.saturating_sub(missing);
    }

    /// Forgets the requests that were sent: the queue has forgotten them.
    pub(super) fn forget_requests(&self) {
        let mut state = self.state();
        (state.requested, state.no_wait) = (0, 0);
    }

    /// Notes how long a task took.
    pub(super) fn took(&self, time: Duration) {
        let mut state = self.state();
        state.mean = Some(state.mean.map_or(time, |mean| (mean * 3 + time) / 4));
    }

    /// Notes that a task begins that may kill the worker. Returns the held tasks,
    /// to be given back: those beside it would count as killed with it.
    pub(super) fn begin_suspect(&self) -> Vec<T> {
        let mut state = self.state();
        state.suspects += 1;
        state.tasks.drain(..).collect()
    }

    /// Notes that such a task ended.
    pub(super) fn end_suspect(&self) {
        self.state().suspects -= 1;
    }

    /// The tasks that are to be given back: those that wait while every slot
    /// has a long task, or one that may kill the worker.
    pub(super) fn overdue(&self) -> Vec<T> {
        let mut state = self.state();
        let (waited, suspects) = (state.moved.elapsed(), state.suspects);
        if state.waiting > 0 || (waited < PATIENCE && suspects == 0) {
            return Vec::new();
        }
        let tasks: Vec<T> = state.tasks.drain(..).collect();
        if !tasks.is_empty() && suspects == 0 {
            state.mean = Some(waited);
        }
        tasks
    }

    /// Whether no task is held.
    pub(super) fn is_empty(&self) -> bool {
        self.state().tasks.is_empty()
    }

    /// Ends all waiting. Returns the held tasks, to be given back.
    pub(super) fn close(&self) -> Vec<T> {
        let mut state = self.state();
        state.closed = true;
        self.delivered.notify_all();
        state.tasks.drain(..).collect()
    }
}

#[cfg(test)]
mod tests;
