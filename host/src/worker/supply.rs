//! How a worker's slots are supplied with tasks: it keeps a subscription open,
//! requests what [`Prefetch`](super::prefetch::Prefetch) lacks, and gives back
//! what no slot begins.

use async_nats::jetstream::{AckKind, Message};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::subscription::{Answer, LATE, PullSubscription, WAIT};
use super::{Worker, WorkerEvent, acks, wait};
use crate::error::chained;
use crate::queue::message::{self, TaskMessage, WorkerMessage};
use crate::queue::{Link, QueueError};

/// Why a subscription is served no longer.
enum Ended {
    /// The worker is to stop.
    Drained,
    /// Its requests may be forgotten.
    Stale,
}

impl Worker {
    /// Supplies the slots until the worker is told to stop; then gives back what
    /// they did not begin.
    pub(super) async fn supply(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let mut failed = 0;
        let subscription = loop {
            let opened = tokio::select! {
                biased;
                () = self.drained() => break None,
                opened = PullSubscription::open(&self.queue) => opened,
            };
            let error = match opened {
                Ok(mut subscription) => {
                    self.ack_wait.send_replace(subscription.ack_wait());
                    match self.serve(&mut subscription, &mut failed).await {
                        Ok(Ended::Drained) => break Some(subscription),
                        Ok(Ended::Stale) => continue,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            failed += 1;
            // A lost connection is reported once, by its state.
            if *self.queue.link().borrow() == Link::Up {
                let reason = chained(&error);
                emit(WorkerEvent::QueueFailed { reason });
            }
            tokio::select! {
                () = sleep(wait(failed)) => {}
                () = self.drained() => {}
            }
        };
        self.give_back_unbegun(self.prefetch.close()).await;
        let up = *self.queue.link().borrow() == Link::Up;
        if let Some(subscription) = subscription.filter(|_| up) {
            let tasks = subscription.close(&self.queue).await;
            self.give_back_unbegun(tasks).await;
        }
    }

    /// Requests and receives tasks over one subscription.
    async fn serve(
        &self,
        subscription: &mut PullSubscription,
        failed: &mut u64,
    ) -> Result<Ended, QueueError> {
        let mut link = subscription.link();
        // Runs while tasks or acknowledgements wait, which the slots move on.
        let mut ticks = interval(acks::WAIT * 2);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut busy = false;
        let mut silent = Instant::now();
        self.prefetch.forget_requests();
        loop {
            while let Some(request) = self.prefetch.request() {
                subscription.request(request).await?;
                silent = Instant::now() + WAIT + LATE;
            }
            tokio::select! {
                biased;
                () = self.drained() => return Ok(Ended::Drained),
                // A server that was restarted has forgotten the requests.
                _ = link.changed() => return Ok(Ended::Stale),
                answers = subscription.next(&self.queue) => {
                    silent = Instant::now() + WAIT + LATE;
                    for answer in answers {
                        match answer {
                            Answer::Task(task) => {
                                (*failed, busy) = (0, true);
                                if let Err(task) = self.prefetch.deliver(*task) {
                                    self.give_back_unbegun(vec![task]).await;
                                }
                            }
                            Answer::Ended(missing) => self.prefetch.ended(missing),
                            Answer::Other => {}
                            Answer::Refused(error) => return Err(error),
                        }
                    }
                }
                () = self.prefetch.wanted() => {}
                _ = ticks.tick(), if busy => {
                    self.acks.send(&self.queue).await;
                    self.give_back_unbegun(self.prefetch.overdue()).await;
                    busy = !(self.prefetch.is_empty() && self.acks.is_empty());
                }
                () = sleep_until(silent), if self.prefetch.is_requested() => {
                    return Ok(Ended::Stale);
                }
            }
        }
    }

    /// Returns tasks to the queue that no slot began, to be delivered again at
    /// once.
    pub(super) async fn give_back_unbegun(&self, tasks: Vec<Message>) {
        for task in tasks {
            // Before the task is delivered to another worker. A message that is no
            // task is delivered again, and dropped by the slot that reads it.
            if let Ok(TaskMessage { session, tag, .. }) = message::read(&task.payload) {
                let unbegun = message::write(&WorkerMessage::Unbegun { tag });
                let session = self.queue.session(&session);
                drop(self.queue.client().publish(session, unbegun).await);
            }
            drop(task.ack_with(AckKind::Nak(None)).await);
        }
    }
}
