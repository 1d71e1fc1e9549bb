//! [`Acks`]: acknowledgements of finished tasks, and the reports to their runs,
//! that were not sent yet. They are sent together, so that tasks of microseconds
//! do not wake the connection each.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::HeaderMap;
use async_nats::jetstream::{AckKind, Message};
use bytes::Bytes;

use crate::queue::Queue;
use crate::queue::message::{self, DoneUsage, USAGE_HEADER};
use crate::task::TaskUsage;

/// How long an acknowledgement waits while the next task is run.
pub(super) const WAIT: Duration = Duration::from_millis(5);

/// A task whose results are in the record.
pub(super) struct FinishedTask {
    pub(super) message: Message,
    /// The subject of its run's session.
    pub(super) session: String,
    /// What is reported to the run.
    pub(super) report: Bytes,
    /// What making the fits took, if it made some.
    pub(super) usage: Option<TaskUsage>,
}

#[derive(Default)]
pub(super) struct Acks {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    tasks: Vec<FinishedTask>,
    /// When the first of them finished.
    since: Option<Instant>,
}

impl Acks {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a finished task. Returns whether they are to be sent.
    pub(super) fn add(&self, task: FinishedTask) -> bool {
        let mut waiting = self.waiting();
        waiting.tasks.push(task);
        waiting.since.get_or_insert_with(Instant::now).elapsed() >= WAIT
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting().tasks.is_empty()
    }

    /// Sends all. Where an acknowledgement is lost, its task is delivered again
    /// and its results are found in the record; where a report is lost, the run
    /// finds them by its own look-ups.
    pub(super) async fn send(&self, queue: &Queue) {
        let Waiting { tasks, .. } = std::mem::take(&mut *self.waiting());
        for task in tasks {
            drop(task.message.ack_with(AckKind::Ack).await);
            let mut headers = HeaderMap::new();
            if let Some(usage) = &task.usage {
                let usage = message::write(&DoneUsage::from(usage));
                headers.insert(USAGE_HEADER, String::from_utf8_lossy(&usage).as_ref());
            }
            let client = queue.client();
            let sent = client.publish_with_headers(task.session, headers, task.report);
            drop(sent.await);
        }
    }
}
