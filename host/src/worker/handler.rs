//! How a worker handles one task, from its message to its acknowledgement.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use async_nats::jetstream::{AckKind, Message};
use fanout_contract::{CONTRACT, Params};

use super::acks::FinishedTask;
use super::{Held, Worker, WorkerEvent, wait};
use crate::digest::Digest;
use crate::error::chained;
use crate::expand::TaskIdentity;
use crate::queue::message::{
    self, HMAC_HEADER, LOST, REASON, Series, TaskMessage, Verdict, WorkerMessage,
};
use crate::run::event::Event;
use crate::run::pool::PoolEvent;
use crate::run::tasks::SingleTask;
use crate::store::{Kind, MacKey};
use crate::task::{TaskLimits, TaskUsage};

/// How long a run may take to confirm a redelivery.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// How often a task may be delivered while its run does not confirm: it may
/// have killed as many workers.
const DELIVERIES: u64 = 20;

/// How the handling of a task ended.
enum Disposition {
    /// The record has its fits.
    Done {
        made: Vec<u32>,
        differing: Vec<u32>,
        /// What making the fits took, if it made some.
        usage: Option<TaskUsage>,
    },
    /// It can't be run now, or not here.
    Returned(String),
    /// The worker was stopped.
    Stopped,
    /// Its run does not want it, or not any more.
    Unwanted,
    /// So many workers died over it.
    Deadly(u64),
}

/// Why a worker does not run a task, whatever the store has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It may use more memory than the worker allows.
    #[error(
        "the task may use {} of memory, and this worker allows {} (`--max-memory`)",
        bytes(*demanded),
        bytes(*most)
    )]
    Memory {
        /// Bytes that it may use.
        demanded: u64,
        /// Bytes that the worker allows.
        most: u64,
    },
    /// It may take longer than the worker allows.
    #[error(
        "the task may take {}, and this worker allows {} (`--max-timeout`)",
        seconds(*demanded),
        seconds(*most)
    )]
    Time {
        /// How long it may take.
        demanded: Duration,
        /// How long the worker allows.
        most: Duration,
    },
    /// The worker's store has a key, and the message no HMAC made with it.
    #[error(
        "the task carries no valid HMAC: its run has another `FANOUT_STORE_KEY` than this \
         worker, or none"
    )]
    Unproven,
    /// The message has an HMAC, and the worker's store no key: the run would not
    /// take what this worker makes.
    #[error("its run has a `FANOUT_STORE_KEY`, and this worker has none")]
    Keyless,
}

/// Why a message states no task that this worker knows how to run.
#[derive(Debug, thiserror::Error)]
pub(super) enum StatementError {
    /// The task's id is not the digest of what the message says that it is.
    #[error("the id `{task}` is not that of the task in the message")]
    OtherId {
        /// The id.
        task: Digest,
    },
    /// The task is in no form that this version knows.
    #[error("fanout {VERSION} can't read the task `{task}`; is its run of another version?")]
    Unreadable {
        /// The id.
        task: Digest,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The task is of another version of the contract.
    #[error("the task is of contract {contract}, and this worker's of {CONTRACT}")]
    Contract {
        /// The version.
        contract: u32,
    },
    /// No fit is asked for.
    #[error("no fit of the task `{task}` is asked for")]
    NoFits {
        /// The id.
        task: Digest,
    },
}

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn bytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// Checks that a message was made with the key of the store, where it has one.
pub(super) fn check_proof(
    key: Option<&MacKey>,
    subject: &str,
    payload: &[u8],
    proof: Option<&str>,
) -> Result<(), Refusal> {
    match (key, proof) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::Keyless),
        (Some(key), proof) => {
            let mac = proof.and_then(|proof| proof.parse().ok());
            let proven = mac.is_some_and(|mac| key.verifies(subject, payload, mac));
            proven.then_some(()).ok_or(Refusal::Unproven)
        }
    }
}

/// Checks that a task demands no more than the worker allows.
pub(super) fn check_limits(task: &TaskMessage, most: TaskLimits) -> Result<(), Refusal> {
    let demanded = task.limits();
    if demanded.memory > most.memory {
        return Err(Refusal::Memory {
            demanded: demanded.memory,
            most: most.memory,
        });
    }
    if demanded.timeout > most.timeout {
        return Err(Refusal::Time {
            demanded: demanded.timeout,
            most: most.timeout,
        });
    }
    Ok(())
}

/// The task that a message states, whose id is that of the message, and the keys of
/// its fits.
pub(super) fn stated(task: &TaskMessage) -> Result<(TaskIdentity, Vec<Params>), StatementError> {
    let text = task.identity.text();
    if Digest::of(text.as_bytes()) != task.task {
        return Err(StatementError::OtherId { task: task.task });
    }
    let unreadable = |source| StatementError::Unreadable {
        task: task.task,
        source,
    };
    let identity = TaskIdentity::read(text).map_err(unreadable)?;
    if identity.task.contract != CONTRACT {
        return Err(StatementError::Contract {
            contract: identity.task.contract,
        });
    }
    let fits = task.fits.iter().map(|fit| serde_json::from_str(fit.text()));
    let fits: Vec<Params> = fits.collect::<Result<_, _>>().map_err(unreadable)?;
    match fits.is_empty() {
        true => Err(StatementError::NoFits { task: task.task }),
        false => Ok((identity, fits)),
    }
}

/// What the run and the queue say of a task that was delivered before: over how
/// many workers' deaths it may be run again, or how its handling ends.
fn judge(verdict: Option<Verdict>, delivered: u64) -> Result<u64, Disposition> {
    let before = delivered.saturating_sub(1);
    match verdict {
        Some(Verdict::Unwanted) => Err(Disposition::Unwanted),
        Some(Verdict::Wanted { excused }) => match before.saturating_sub(excused) {
            lost if lost >= LOST => Err(Disposition::Deadly(lost)),
            lost => Ok(lost),
        },
        None if delivered > DELIVERIES => Err(Disposition::Deadly(before)),
        None => Ok(before),
    }
}

impl Worker {
    /// Handles a task, from its message to its acknowledgement.
    pub(super) fn handle(&self, message: Message, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let started = Instant::now();
        let drop_message = |reason: &str| {
            self.acknowledge(&message, AckKind::Term);
            let reason = message::shown(reason, REASON);
            emit(WorkerEvent::TaskDropped { reason });
        };
        // Only the queue says how often a task was delivered.
        let delivered = message.info().map_or(1, |info| info.delivered);
        let delivered = u64::try_from(delivered).unwrap_or(1);
        let task = match message::read::<TaskMessage>(&message.payload) {
            Ok(task) => task,
            Err(error) => return drop_message(&format!("a message is no task: {error}")),
        };
        self.holding().push(Held {
            task: task.task,
            message: message.clone(),
            since: started,
        });
        let disposition = match self.admit(&message, &task) {
            Ok(()) => match self.confirm_redelivery(&task, delivered) {
                Ok(0) => self.run_task(&task),
                Ok(_) => self.run_suspect(&task),
                Err(disposition) => disposition,
            },
            Err(refusal) => Disposition::Returned(refusal.to_string()),
        };
        self.release(&message);
        let (id, wall) = (task.task, started.elapsed());
        self.prefetch.took(wall);
        match disposition {
            Disposition::Done {
                made,
                differing,
                usage,
            } => {
                let report = message::write(&WorkerMessage::Done {
                    tag: task.tag,
                    worker: self.settings.name.clone(),
                    made: Series::of(&made),
                    differing,
                });
                let session = self.queue.session(&task.session);
                let finished = FinishedTask {
                    message,
                    session,
                    report,
                    usage,
                };
                if self.acks.add(finished) {
                    self.block_on(self.acks.send(&self.queue));
                }
                self.done.fetch_add(1, Ordering::Relaxed);
                let made = made.len();
                let task = id;
                emit(WorkerEvent::TaskFinished { task, made, wall });
            }
            Disposition::Returned(reason) => {
                self.give_back(&message, &task, &reason, Some(wait(delivered)), emit);
            }
            Disposition::Stopped => {
                self.give_back(&message, &task, "the worker is stopped", None, emit);
            }
            Disposition::Unwanted => {
                drop_message(&format!("its run does not want task {id} any more"));
            }
            Disposition::Deadly(workers) => {
                // The run looks whether it is gone.
                let gone = message.double_ack_with(AckKind::Term);
                if self.block_on(gone).is_ok() {
                    self.send(&task, &WorkerMessage::Dropped { tag: task.tag });
                }
                let reason = format!("task {id} killed {workers} workers");
                emit(WorkerEvent::TaskDropped { reason });
            }
        }
    }

    /// Checks a message before anything is loaded for it.
    fn admit(&self, message: &Message, task: &TaskMessage) -> Result<(), Refusal> {
        let headers = message.headers.as_ref();
        let proof = headers.and_then(|headers| headers.get(HMAC_HEADER));
        let proof = proof.map(async_nats::HeaderValue::as_str);
        let key = self.mac_key.as_ref();
        check_proof(key, &message.subject, &message.payload, proof)?;
        check_limits(task, self.settings.max_limits)
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
        reason: &str,
        after: Option<Duration>,
        emit: &(dyn Fn(WorkerEvent) + Sync),
    ) {
        let reason = message::shown(reason, REASON);
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

    /// Asks the run about a task that was delivered before: it may have killed
    /// the workers that ran it. Returns how many; an error where it is not to be
    /// run.
    fn confirm_redelivery(&self, task: &TaskMessage, delivered: u64) -> Result<u64, Disposition> {
        if delivered <= 1 {
            return Ok(0);
        }
        let tag = task.tag;
        let question = message::write(&WorkerMessage::ConfirmRedelivery { tag });
        let subject = self.queue.session(&task.session);
        let request = self.queue.client().request(subject, question);
        let answer = self.block_on(async { tokio::time::timeout(CONFIRMATION, request).await });
        let verdict = answer.ok().and_then(Result::ok);
        let verdict = verdict.and_then(|message| message::read(&message.payload).ok());
        judge(verdict, delivered)
    }

    /// Runs a task that may have killed workers, with no other task held that
    /// would be delivered again for its sake.
    fn run_suspect(&self, task: &TaskMessage) -> Disposition {
        self.block_on(self.give_back_unbegun(self.prefetch.begin_suspect()));
        let disposition = self.run_task(task);
        self.prefetch.end_suspect();
        disposition
    }

    /// Runs a task and keeps its results.
    fn run_task(&self, task: &TaskMessage) -> Disposition {
        let (identity, fits) = match stated(task) {
            Ok(stated) => stated,
            Err(error) => return Disposition::Returned(chained(&error)),
        };
        let pool = match self.cache.pool_of(task, &identity) {
            Ok(pool) => pool,
            Err(error) => return Disposition::Returned(chained(&error)),
        };
        std::thread::sleep(self.settings.delay);
        let wanted = fits.len();
        let outputs = task.outputs.iter().copied().collect();
        let single = SingleTask::of_identity(task.identity.text(), identity, fits, outputs);
        let single = single.with_cuts(task.cuts.clone());
        let events = match pool.run_here(&single) {
            Ok(events) => events,
            Err(error) => return Disposition::Returned(chained(&error)),
        };
        let (mut finished_fits, mut made) = (0, BTreeSet::new());
        let (mut differing, mut usage) = (Vec::new(), None);
        for event in events {
            match event {
                PoolEvent::Finished { finished, .. } => {
                    finished_fits += finished.positions.len();
                    if !finished.outcome.reused {
                        made.extend(finished.positions);
                        usage = Some(finished.usage);
                    }
                }
                PoolEvent::Started { .. } => {}
                // What else the store has, the run sees for itself.
                PoolEvent::Other { event, .. } => {
                    if let Event::ResultDiffered { key } = event
                        && let Some(Kind::Part(_, number)) = key.kind()
                    {
                        differing.push(number);
                    }
                }
            }
        }
        if finished_fits < wanted {
            return Disposition::Stopped;
        }
        Disposition::Done {
            made: made.into_iter().collect(),
            differing,
            usage,
        }
    }

    /// Acknowledges a message. Where that is lost, the task is delivered again
    /// and its results are found in the record.
    fn acknowledge(&self, message: &Message, kind: AckKind) {
        drop(self.block_on(message.ack_with(kind)));
    }

    /// Sends a message to the task's run. Where it is lost, the run finds the
    /// results by its own look-ups.
    fn send(&self, task: &TaskMessage, message: &WorkerMessage) {
        let subject = self.queue.session(&task.session);
        let sent = self
            .queue
            .client()
            .publish(subject, message::write(message));
        drop(self.block_on(sent));
    }
}

#[cfg(test)]
mod tests;
