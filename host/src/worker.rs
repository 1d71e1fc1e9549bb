//! [`Worker`]: takes tasks from a queue, runs them in the sandbox, and keeps
//! the results in the store. It runs at most one task per slot, and holds no
//! state that another worker would miss.
//!
//! A task is acknowledged when its results are in the record. A task that was
//! not acknowledged is delivered again, to any worker. The worker emits
//! [`WorkerEvent`]s and prints nothing.

mod acks;
mod cache;
mod handler;
mod limits;
pub mod metrics;
mod objects;
mod prefetch;
mod subscription;
mod supply;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Subject;
use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::digest::Digest;
use crate::error::chained;
use crate::queue::message::{self, Heartbeat, WorkerState};
use crate::queue::{Link, Queue, QueueError, QueueSettings, is_inbox};
use crate::sandbox::{Cache, GuestError, Sandbox, THREAD_STACK};
use crate::store::{MacKey, Store};
use crate::task::{Cancel, TaskLimits};

use acks::Acks;
use cache::{POOLS, WorkerCache};
pub use limits::machine_limits;
pub use objects::Objects;
use prefetch::Prefetch;

/// The time between two heartbeats.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// The longest delay of a returned task.
const LONGEST: Duration = Duration::from_secs(30);

/// The settings of a [`Worker`].
#[derive(Debug)]
pub struct WorkerSettings {
    /// Its name, unique in the queue.
    pub name: String,
    /// How many tasks it runs at a time.
    pub slots: usize,
    /// The most that a task may demand; one that demands more is returned to the
    /// queue.
    pub max_limits: TaskLimits,
    /// Where compiled guests are kept.
    pub compiled: Option<Cache>,
    /// Where datasets and guests of the store are kept.
    pub objects: Option<Objects>,
    /// How long every task is held before it is run: for measuring what the
    /// queue costs apart from the fits.
    pub delay: Duration,
}

/// Why a worker ended with an error.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The queue can't be used.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The sandbox does not start.
    #[error(transparent)]
    Guest(#[from] GuestError),
    /// A thread can't be started.
    #[error("can't start a thread")]
    Thread(#[source] std::io::Error),
}

/// Something that happened in a worker.
#[derive(Clone, Debug)]
pub enum WorkerEvent {
    /// It began to take tasks.
    Started {
        /// How many at a time.
        slots: usize,
    },
    /// The connection to the queue was made.
    QueueConnected,
    /// The connection to the queue was lost. It is made again by itself.
    QueueDisconnected,
    /// A task's fits are in the record.
    TaskFinished {
        /// The task.
        task: Digest,
        /// How many of its fits this worker made.
        made: usize,
        /// How long the worker held it.
        wall: Duration,
    },
    /// A task was returned to the queue.
    TaskReturned {
        /// The task.
        task: Digest,
        /// Why.
        reason: String,
    },
    /// A message was removed from the queue without a result.
    TaskDropped {
        /// Why.
        reason: String,
    },
    /// The queue failed; it is tried again.
    QueueFailed {
        /// Why.
        reason: String,
    },
    /// It was told to stop, and finishes the tasks that it holds.
    Draining {
        /// How many tasks.
        holding: usize,
    },
    /// It holds no task any more.
    Ended,
}

/// Stops a worker from outside; clones stop the same one.
#[derive(Clone, Debug)]
pub struct WorkerStop {
    drain: watch::Sender<bool>,
    cancel: Cancel,
}

impl Default for WorkerStop {
    fn default() -> Self {
        Self {
            drain: watch::Sender::new(false),
            cancel: Cancel::default(),
        }
    }
}

impl WorkerStop {
    /// Ends taking tasks; those that it holds are finished.
    pub fn drain(&self) {
        self.drain.send_replace(true);
    }

    /// Ends taking tasks; those that it holds are returned to the queue.
    pub fn stop(&self) {
        self.cancel.cancel();
        self.drain();
    }

    /// Whether it was told to stop.
    pub fn is_draining(&self) -> bool {
        *self.drain.borrow()
    }
}

/// A task that the worker holds.
struct Held {
    task: Digest,
    message: Message,
    since: Instant,
}

/// Counts a slot as running while it lives.
struct RunningSlot<'a>(&'a watch::Sender<usize>);

impl<'a> RunningSlot<'a> {
    fn new(running: &'a watch::Sender<usize>) -> Self {
        running.send_modify(|running| *running += 1);
        Self(running)
    }
}

impl Drop for RunningSlot<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running -= 1);
    }
}

/// Takes tasks from a queue and runs them.
pub struct Worker {
    settings: WorkerSettings,
    runtime: Runtime,
    queue: Queue,
    /// Why the first connection failed.
    unreachable: Option<String>,
    cache: WorkerCache,
    /// With it a task carries an HMAC; one without is not run.
    mac_key: Option<MacKey>,
    stop: WorkerStop,
    prefetch: Prefetch,
    acks: Acks,
    holding: Mutex<Vec<Held>>,
    /// How long the queue waits for an acknowledgement before it delivers a task
    /// again.
    ack_wait: watch::Sender<Duration>,
    done: AtomicU64,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker for the runs of one store. The queue need not be reachable yet.
    pub fn new(
        settings: WorkerSettings,
        queue: QueueSettings,
        store: Store,
        stop: WorkerStop,
    ) -> Result<Self, WorkerError> {
        // The thread that runs the worker drives the connection, too: a message
        // reaches a slot with one change of threads.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(WorkerError::Thread)?;
        // A server that is not there may come; other errors stay.
        let (queue, unreachable) = match runtime.block_on(Queue::connect(queue.clone())) {
            Err(error @ QueueError::Unreachable { .. }) => {
                let queue = runtime.block_on(Queue::connect_in_background(queue))?;
                (queue, Some(chained(&error)))
            }
            connected => (connected?, None),
        };
        // Every slot may hold an instance of each cached pool.
        let instances = settings.slots * (POOLS + 1) + 1;
        let sandbox = Sandbox::new(instances, settings.compiled.clone())?;
        let objects = settings.objects.clone();
        let mac_key = store.mac_key().cloned();
        let prefetch = Prefetch::new(settings.slots);
        let cache = WorkerCache::new(sandbox, store, objects, settings.slots, stop.cancel.clone());
        Ok(Self {
            settings,
            runtime,
            queue,
            unreachable,
            cache,
            mac_key,
            stop,
            prefetch,
            acks: Acks::default(),
            holding: Mutex::default(),
            ack_wait: watch::Sender::new(Duration::from_secs(30)),
            done: AtomicU64::new(0),
        })
    }

    /// Takes and runs tasks until it is told to stop.
    pub fn run(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) -> Result<(), WorkerError> {
        if let Some(reason) = self.unreachable.clone() {
            emit(WorkerEvent::QueueFailed { reason });
        }
        let running = watch::Sender::new(0);
        let result = std::thread::scope(|scope| {
            let mut result = Ok(());
            for number in 0..self.settings.slots {
                let slot = RunningSlot::new(&running);
                let thread = std::thread::Builder::new()
                    .name(format!("slot-{number}"))
                    .stack_size(THREAD_STACK);
                let run = move || {
                    self.slot(emit);
                    drop(slot);
                };
                if let Err(error) = thread.spawn_scoped(scope, run) {
                    self.stop.stop();
                    result = Err(WorkerError::Thread(error));
                    break;
                }
            }
            if result.is_ok() {
                let slots = self.settings.slots;
                emit(WorkerEvent::Started { slots });
            }
            self.runtime
                .block_on(self.serve_slots(running.subscribe(), emit));
            result
        });
        emit(WorkerEvent::Ended);
        result
    }

    /// All that the worker does on its connection, until no slot runs any more.
    async fn serve_slots(
        &self,
        running: watch::Receiver<usize>,
        emit: &(dyn Fn(WorkerEvent) + Sync),
    ) {
        let draining = async {
            self.drained().await;
            let holding = self.holding().len();
            emit(WorkerEvent::Draining { holding });
        };
        let heartbeats = self.send_heartbeats(running, emit);
        let all = async { tokio::join!(heartbeats, self.supply(emit), draining) };
        tokio::select! {
            _ = all => {}
            () = self.extend_held() => {}
        }
        drop(tokio::time::timeout(HEARTBEAT, self.queue.client().flush()).await);
    }

    async fn drained(&self) {
        let mut drain = self.stop.drain.subscribe();
        // The sender is the worker's own, and outlives this.
        drop(drain.wait_for(|drain| *drain).await);
    }

    fn holding(&self) -> MutexGuard<'_, Vec<Held>> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends heartbeats, at intervals and on request, until no slot runs any more.
    async fn send_heartbeats(
        &self,
        mut running: watch::Receiver<usize>,
        emit: &(dyn Fn(WorkerEvent) + Sync),
    ) {
        let client = self.queue.client();
        let Ok(mut calls) = client.subscribe(self.queue.roll_call()).await else {
            return;
        };
        let mut link = self.queue.link();
        let mut up = false;
        let mut drain = self.stop.drain.subscribe();
        let mut ticks = tokio::time::interval(HEARTBEAT);
        loop {
            let mut to = Subject::from(self.queue.heartbeats());
            tokio::select! {
                _ = ticks.tick() => {}
                Some(call) = calls.next() => {
                    let ours = |reply: &Subject| *reply == to || is_inbox(reply);
                    let Some(reply) = call.reply.filter(ours) else {
                        continue;
                    };
                    to = reply;
                }
                Ok(()) = link.changed() => {
                    let now = *link.borrow_and_update() == Link::Up;
                    if std::mem::replace(&mut up, now) != now {
                        emit(if up {
                            WorkerEvent::QueueConnected
                        } else {
                            WorkerEvent::QueueDisconnected
                        });
                    }
                }
                Ok(()) = drain.changed() => {}
                _ = running.wait_for(|running| *running == 0) => break,
            }
            let state = if self.stop.is_draining() {
                WorkerState::Draining
            } else {
                WorkerState::Up
            };
            self.send_heartbeat(to, state).await;
        }
        self.send_heartbeat(self.queue.heartbeats().into(), WorkerState::Gone)
            .await;
    }

    /// Sends one heartbeat; one that is lost is followed by the next.
    async fn send_heartbeat(&self, to: Subject, state: WorkerState) {
        if *self.queue.link().borrow() == Link::Down {
            return;
        }
        let heartbeat = Heartbeat {
            name: self.settings.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            slots: self.settings.slots,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: limits::total_memory(),
            holding: self.holding().iter().map(|held| held.task).collect(),
            done: self.done.load(Ordering::Relaxed),
            every_ms: HEARTBEAT.as_millis() as u64,
        };
        let sent = self.queue.client().publish(to, message::write(&heartbeat));
        drop(sent.await);
    }

    /// One slot: a task at a time, until the worker is told to stop.
    fn slot(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        loop {
            let held = self.prefetch.take();
            let Some(task) = held.or_else(|| {
                // What waits for more tasks would wait too long.
                self.block_on(self.acks.send(&self.queue));
                self.prefetch.wait()
            }) else {
                break;
            };
            if self.stop.is_draining() {
                self.block_on(self.give_back_unbegun(vec![task]));
            } else {
                self.handle(task, emit);
            }
        }
    }

    /// Waits in a slot; the thread that runs the worker drives the connection.
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.handle().block_on(future)
    }

    /// Tells the queue at intervals that the held tasks are in progress, so that
    /// it does not deliver them again.
    async fn extend_held(&self) {
        let mut ack_wait = self.ack_wait.subscribe();
        loop {
            let every = *ack_wait.borrow_and_update() / 3;
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                Ok(()) = ack_wait.changed() => continue,
            }
            let held: Vec<Message> = self
                .holding()
                .iter()
                .filter(|held| held.since.elapsed() >= every / 2)
                .map(|held| held.message.clone())
                .collect();
            for message in held {
                // One that is lost is followed by the next.
                drop(message.ack_with(AckKind::Progress).await);
            }
        }
    }
}

/// The delay before try number `tries`.
fn wait(tries: u64) -> Duration {
    let step = Duration::from_millis(500 << tries.min(10));
    crate::jitter::jittered(step.min(LONGEST))
}
