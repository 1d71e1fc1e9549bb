//! How a worker handles one task, from its message to its acknowledgement.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::jetstream::{AckKind, Message};

use super::{Held, Worker, WorkerEvent, wait};
use crate::error::chained;
use crate::queue::message::{self, Series, TaskMessage, Verdict, WorkerMessage};
use crate::run::event::Event;
use crate::run::pool::PoolEvent;
use crate::run::tasks::SingleTask;

/// How long a run may take to confirm a redelivery.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// How often a task may be delivered while its run does not confirm: it may
/// have killed as many workers.
const DELIVERIES: u64 = 20;

/// The longest reason of a returned task, in bytes.
const REASON: usize = 500;

/// How the handling of a task ended.
enum Disposition {
    /// The record has its fits.
    Done {
        made: Vec<u32>,
        damaged: Vec<String>,
        differing: Vec<String>,
    },
    /// It can't be run now, or not here.
    Returned(String),
    /// The worker was stopped.
    Stopped,
    /// Its run does not want it any more.
    Dropped,
}

impl Worker {
    /// Handles a task, from its message to its acknowledgement.
    pub(super) fn handle(&self, message: Message, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let started = Instant::now();
        let task = match message::read::<TaskMessage>(&message.payload) {
            Ok(task) => task,
            Err(error) => {
                self.acknowledge(&message, AckKind::Term);
                let reason = format!("a message is no task: {error}");
                return emit(WorkerEvent::TaskDropped { reason });
            }
        };
        let delivered = message
            .info()
            .map_or(1, |info| info.delivered.unsigned_abs());
        self.holding().push(Held {
            task: task.task,
            message: message.clone(),
            since: started,
        });
        let disposition = match self.confirm_redelivery(&task, delivered) {
            Verdict::Drop => Disposition::Dropped,
            Verdict::Run => self.run_task(&task),
        };
        self.release(&message);
        let id = task.task;
        match disposition {
            Disposition::Done {
                made,
                damaged,
                differing,
            } => {
                self.acknowledge(&message, AckKind::Ack);
                self.done.fetch_add(1, Ordering::Relaxed);
                let done = WorkerMessage::Done {
                    tag: task.tag,
                    worker: self.settings.name.clone(),
                    made: Series::of(&made),
                    damaged,
                    differing,
                };
                self.send(&task, &done);
                emit(WorkerEvent::TaskFinished {
                    task: id,
                    made: made.len(),
                    wall: started.elapsed(),
                });
            }
            Disposition::Returned(reason) => {
                self.give_back(&message, &task, reason, Some(wait(delivered)), emit);
            }
            Disposition::Stopped => {
                let reason = "the worker is stopped".to_owned();
                self.give_back(&message, &task, reason, None, emit);
            }
            Disposition::Dropped => {
                self.acknowledge(&message, AckKind::Term);
                let reason = format!("task {id} killed {} workers", delivered - 1);
                emit(WorkerEvent::TaskDropped { reason });
            }
        }
    }

    /// Removes a message from those that the worker holds.
    fn release(&self, message: &Message) {
        let mut holding = self.holding();
        let same = |held: &Held| held.message.reply == message.reply;
        if let Some(at) = holding.iter().position(same) {
            holding.swap_remove(at);
        }
    }

    /// Returns a task to the queue, to be delivered again after this time.
    fn give_back(
        &self,
        message: &Message,
        task: &TaskMessage,
        mut reason: String,
        after: Option<Duration>,
        emit: &(dyn Fn(WorkerEvent) + Sync),
    ) {
        reason.truncate(reason.floor_char_boundary(REASON));
        let returned = WorkerMessage::Returned {
            tag: task.tag,
            worker: self.settings.name.clone(),
            reason: reason.clone(),
        };
        // Before the task is delivered to another worker.
        self.send(task, &returned);
        self.acknowledge(message, AckKind::Nak(after));
        let task = task.task;
        emit(WorkerEvent::TaskReturned { task, reason });
    }

    /// Asks the run whether a task that was delivered before is to be run: it
    /// may have killed the workers that ran it.
    fn confirm_redelivery(&self, task: &TaskMessage, delivered: u64) -> Verdict {
        if delivered <= 1 {
            return Verdict::Run;
        }
        let tag = task.tag;
        let question = message::write(&WorkerMessage::ConfirmRedelivery { tag, delivered });
        let subject = self.queue.session(&task.session);
        let request = self.queue.client().request(subject, question);
        let answer = self
            .runtime
            .block_on(async { tokio::time::timeout(CONFIRMATION, request).await });
        let verdict = answer.ok().and_then(Result::ok);
        let verdict = verdict.and_then(|message| message::read(&message.payload).ok());
        verdict.unwrap_or(match delivered {
            ..=DELIVERIES => Verdict::Run,
            _ => Verdict::Drop,
        })
    }

    /// Runs a task and keeps its results.
    fn run_task(&self, task: &TaskMessage) -> Disposition {
        let context = match self.cache.context(task) {
            Ok(context) => context,
            Err(error) => return Disposition::Returned(chained(&error)),
        };
        let candidates = task.candidates.numbers();
        let spec = candidates
            .and_then(|candidates| context.expansion.spec(task.split, candidates))
            .filter(|spec| spec.id == task.task);
        let Some(spec) = spec else {
            let (version, task) = (env!("CARGO_PKG_VERSION"), task.task);
            return Disposition::Returned(format!(
                "fanout {version} finds no task `{task}` in this run; is it of another version?"
            ));
        };
        std::thread::sleep(self.settings.delay);
        let single = SingleTask::of_search(&context.expansion, &spec);
        let events = match context.pool.run_here(&single) {
            Ok(events) => events,
            Err(error) => return Disposition::Returned(chained(&error)),
        };
        let (mut finished_fits, mut made) = (0, BTreeSet::new());
        let (mut damaged, mut differing) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                PoolEvent::Finished { finished, .. } => {
                    finished_fits += finished.positions.len();
                    if !finished.outcome.reused {
                        made.extend(finished.positions);
                    }
                }
                PoolEvent::Other { event, .. } => match event {
                    Event::ResultDamaged { key } => damaged.push(key.to_string()),
                    Event::ResultDiffered { key } => differing.push(key.to_string()),
                    _ => {}
                },
            }
        }
        if finished_fits < spec.candidates.len() {
            return Disposition::Stopped;
        }
        Disposition::Done {
            made: made.into_iter().collect(),
            damaged,
            differing,
        }
    }

    /// Acknowledges a message. Where that is lost, the task is delivered again
    /// and its results are found in the record.
    pub(super) fn acknowledge(&self, message: &Message, kind: AckKind) {
        drop(self.runtime.block_on(message.ack_with(kind)));
    }

    /// Sends a message to the task's run. Where it is lost, the run finds the
    /// results by its own look-ups.
    fn send(&self, task: &TaskMessage, message: &WorkerMessage) {
        let subject = self.queue.session(&task.session);
        let sent = self
            .queue
            .client()
            .publish(subject, message::write(message));
        drop(self.runtime.block_on(sent));
    }
}
