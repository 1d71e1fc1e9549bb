//! [`channel`]: the way of reports from the workers to the run's thread, in
//! batches. A thread is woken for many reports, not for each: with tasks that
//! take microseconds, waking it costs more than the tasks.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::PoolError;
use crate::run::pool::PoolEvent;

/// A report, or the error that ends the run.
pub(super) type Report = Result<PoolEvent, PoolError>;

/// The longest that a report waits for others.
const INTERVAL: Duration = Duration::from_millis(5);

/// So many reports wake the receiver before the interval is over.
const BATCH: usize = 256;

/// The most reports that wait. The bound keeps a slow listener from filling
/// memory: workers wait for it.
const WAITING: usize = 1024;

#[derive(Debug, Default)]
struct State {
    reports: Vec<Report>,
    senders: usize,
    /// Whether the receiver is gone.
    closed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Signals a full batch, an error, and the last sender's end.
    ready: Condvar,
    /// Signals that there is room again, or no receiver.
    room: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sender and the receiver.
pub(super) fn channel() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    shared.state().senders = 1;
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// Sends reports; clones send to the same receiver.
#[derive(Debug)]
pub(super) struct Sender(Arc<Shared>);

impl Sender {
    /// Sends a report. Returns false where the receiver is gone.
    pub(super) fn send(&self, report: Report) -> bool {
        let urgent = report.is_err();
        let mut state = self.0.state();
        while state.reports.len() >= WAITING && !state.closed {
            let waited = self.0.room.wait(state);
            state = waited.unwrap_or_else(PoisonError::into_inner);
        }
        if state.closed {
            return false;
        }
        state.reports.push(report);
        let wake = urgent || state.reports.len() == BATCH;
        drop(state);
        if wake {
            self.0.ready.notify_one();
        }
        true
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.senders -= 1;
        let last = state.senders == 0;
        drop(state);
        if last {
            self.0.ready.notify_one();
        }
    }
}

/// Receives reports in batches.
#[derive(Debug)]
pub(super) struct Receiver(Arc<Shared>);

impl Receiver {
    /// The next reports, in the order in which they were sent; `None` where
    /// there are none and every sender is gone.
    pub(super) fn receive(&self) -> Option<Vec<Report>> {
        let deadline = Instant::now() + INTERVAL;
        let mut state = self.0.state();
        loop {
            let now = Instant::now();
            let due = state.reports.len() >= BATCH
                || state.senders == 0
                || state.reports.last().is_some_and(Result::is_err)
                || now >= deadline && !state.reports.is_empty();
            if due {
                break;
            }
            let wait = match deadline.saturating_duration_since(now) {
                Duration::ZERO => INTERVAL,
                wait => wait,
            };
            let waited = self.0.ready.wait_timeout(state, wait);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let reports = std::mem::take(&mut state.reports);
        drop(state);
        self.0.room.notify_all();
        (!reports.is_empty()).then_some(reports)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.room.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::Event;

    fn report() -> Report {
        Ok(Event::WorkersAwaited.into())
    }

    #[test]
    fn every_report_arrives_in_order_and_the_end_is_seen() {
        let (sender, receiver) = channel();
        let received = std::thread::scope(|scope| {
            for _ in 0..3 {
                let sender = sender.clone();
                scope.spawn(move || {
                    for slots in 0..5000 {
                        let event = Event::WorkerJoined { slots };
                        assert!(sender.send(Ok(event.into())));
                    }
                });
            }
            drop(sender);
            let mut received = Vec::new();
            while let Some(reports) = receiver.receive() {
                assert!(reports.len() <= WAITING);
                received.extend(reports);
            }
            received
        });
        let mut counts = vec![0; 5000];
        for report in received {
            let Ok(PoolEvent::Other {
                event: Event::WorkerJoined { slots },
                ..
            }) = report
            else {
                panic!("{report:?}")
            };
            counts[slots] += 1;
            assert!(slots == 0 || counts[slots] <= counts[slots - 1]);
        }
        assert!(counts.iter().all(|&count| count == 3));
    }

    #[test]
    fn a_sender_ends_when_nobody_receives() {
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut sent = 0;
                while sender.send(report()) {
                    sent += 1;
                }
                sent
            });
            assert!(receiver.receive().is_some());
            drop(receiver);
            assert!(sending.join().unwrap() >= 1);
        });
    }

    #[test]
    fn a_lone_report_arrives_while_its_sender_lives() {
        let (sender, receiver) = channel();
        assert!(sender.send(report()));
        assert_eq!(receiver.receive().map(|reports| reports.len()), Some(1));
        drop(sender);
        assert!(receiver.receive().is_none());
    }
}
