//! [`Worker`]: takes tasks from a queue, runs them in the sandbox, and keeps
//! the results in the store. It has as many tasks in hand as it has slots and
//! no more, and no state that another worker would miss.
//!
//! A task is acknowledged when its results are in the record. Whatever comes
//! between is another worker's matter: a task that was not acknowledged comes
//! again. What the worker has to tell it tells as [`WorkerEvent`]s.

mod hand;
mod objects;
mod shelf;
mod tap;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::{AckKind, Message};
use futures::StreamExt as _;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::digest::Digest;
use crate::queue::message::{self, Beat, WorkerState};
use crate::queue::{Link, Queue, QueueError, QueueSettings};
use crate::report::human::chained;
use crate::sandbox::{Cache, Cancel, GuestError, Sandbox, THREAD_STACK};
use crate::store::Store;

pub use objects::Objects;
use shelf::{KEPT, Shelf};
use tap::Tap;

/// How often a worker says that it is there.
const BEAT: Duration = Duration::from_secs(2);

/// The longest that a task is given back for.
const LONGEST: Duration = Duration::from_secs(30);

/// What a worker is made of.
#[derive(Debug)]
pub struct WorkerSettings {
    /// Its name, unlike any other's.
    pub name: String,
    /// How many tasks it runs at a time.
    pub slots: usize,
    /// Where compiled guests are kept.
    pub compiled: Option<Cache>,
    /// Where datasets and guests of the store are kept.
    pub objects: Option<Objects>,
    /// How long every task waits in hand before it is run: to measure what
    /// the queue costs, apart from what the fits cost.
    pub rehearse: Duration,
}

/// Why a worker can't work.
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

/// What a worker has to tell.
#[derive(Clone, Debug)]
pub enum WorkerEvent {
    /// It takes tasks.
    Started {
        /// How many at a time.
        slots: usize,
    },
    /// The connection to the queue came or went.
    LinkChanged {
        /// Whether it is there.
        up: bool,
    },
    /// The record has the fits of a task.
    TaskFinished {
        /// The task.
        task: Digest,
        /// How many of its fits were made here and now.
        made: usize,
        /// How long it was in hand.
        wall: Duration,
    },
    /// A task went back to the queue.
    TaskReturned {
        /// The task.
        task: Digest,
        /// Why.
        why: String,
    },
    /// A message was taken out of the queue without a result.
    TaskDropped {
        /// Why.
        why: String,
    },
    /// The queue can't be used now; it is tried again.
    QueueFailed {
        /// Why.
        why: String,
    },
    /// It was told to stop, and finishes what it has in hand.
    Draining {
        /// How many tasks.
        holding: usize,
    },
    /// It has nothing in hand any more.
    Ended,
}

/// Tells a worker to stop; clones tell the same one.
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
    /// Takes no task more; those in hand are finished.
    pub fn drain(&self) {
        self.drain.send_replace(true);
    }

    /// Those in hand go back to the queue.
    pub fn stop(&self) {
        self.cancel.cancel();
        self.drain();
    }

    /// Whether it was told to stop.
    pub fn is_draining(&self) -> bool {
        *self.drain.borrow()
    }
}

/// A task in hand.
struct Held {
    task: Digest,
    message: Message,
    since: Instant,
}

/// Takes tasks from a queue and runs them.
pub struct Worker {
    settings: WorkerSettings,
    runtime: Runtime,
    queue: Queue,
    /// Why the queue was not there at first.
    early: Option<String>,
    shelf: Shelf,
    stop: WorkerStop,
    holding: Mutex<Vec<Held>>,
    /// How long the queue waits for a word of a task.
    patience: watch::Sender<Duration>,
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
    /// A worker for the runs of one store. The queue need not be there yet.
    pub fn new(
        settings: WorkerSettings,
        queue: QueueSettings,
        store: Store,
        stop: WorkerStop,
    ) -> Result<Self, WorkerError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("nats")
            .enable_all()
            .build()
            .map_err(WorkerError::Thread)?;
        // What is wrong for good is told at once; what may pass is waited for.
        let (queue, early) = match runtime.block_on(Queue::connect(queue.clone())) {
            Err(error @ QueueError::Unreachable { .. }) => {
                let queue = runtime.block_on(Queue::connect_whenever(queue))?;
                (queue, Some(chained(&error)))
            }
            connected => (connected?, None),
        };
        // Every slot may hold one of each pool that is kept.
        let instances = settings.slots * (KEPT + 1) + 1;
        let sandbox = Sandbox::new(instances, settings.compiled.clone())?;
        let objects = settings.objects.clone();
        let shelf = Shelf::new(sandbox, store, objects, settings.slots, stop.cancel.clone());
        Ok(Self {
            settings,
            runtime,
            queue,
            early,
            shelf,
            stop,
            holding: Mutex::default(),
            patience: watch::Sender::new(Duration::from_secs(30)),
            done: AtomicU64::new(0),
        })
    }

    /// Works until it is told to stop.
    pub fn run(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) -> Result<(), WorkerError> {
        if let Some(why) = self.early.clone() {
            emit(WorkerEvent::QueueFailed { why });
        }
        let ended = watch::Sender::new(false);
        let result = std::thread::scope(|scope| {
            let telling = std::thread::Builder::new().name("beats".to_owned());
            let tell = || {
                self.runtime.block_on(async {
                    tokio::select! {
                        () = self.tell(ended.subscribe(), emit) => {}
                        () = self.keep() => {}
                    }
                });
            };
            telling
                .spawn_scoped(scope, tell)
                .map_err(WorkerError::Thread)?;
            let result = self.work(emit);
            ended.send_replace(true);
            result
        });
        emit(WorkerEvent::Ended);
        result
    }

    /// Takes tasks in every slot until it is told to stop and has none in hand.
    fn work(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) -> Result<(), WorkerError> {
        std::thread::scope(|scope| {
            for number in 0..self.settings.slots {
                let thread = std::thread::Builder::new()
                    .name(format!("slot-{number}"))
                    .stack_size(THREAD_STACK);
                if let Err(error) = thread.spawn_scoped(scope, || self.slot(emit)) {
                    self.stop.stop();
                    return Err(WorkerError::Thread(error));
                }
            }
            emit(WorkerEvent::Started {
                slots: self.settings.slots,
            });
            self.runtime.block_on(self.drained());
            emit(WorkerEvent::Draining {
                holding: self.holding().len(),
            });
            Ok(())
        })
    }

    async fn drained(&self) {
        let mut drain = self.stop.drain.subscribe();
        // The sender is the worker's own, and outlives this.
        drop(drain.wait_for(|drain| *drain).await);
    }

    fn holding(&self) -> MutexGuard<'_, Vec<Held>> {
        self.holding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells who is here, now and then and when asked, until it has ended.
    async fn tell(&self, mut ended: watch::Receiver<bool>, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let client = self.queue.client();
        let Ok(mut calls) = client.subscribe(self.queue.roll_call()).await else {
            return;
        };
        let mut link = self.queue.link();
        let mut up = false;
        let mut drain = self.stop.drain.subscribe();
        let mut ticks = tokio::time::interval(BEAT);
        loop {
            let mut to = self.queue.beats().into();
            tokio::select! {
                _ = ticks.tick() => {}
                Some(call) = calls.next() => {
                    let Some(reply) = call.reply else { continue };
                    to = reply;
                }
                Ok(()) = link.changed() => {
                    let now = *link.borrow_and_update() == Link::Up;
                    if std::mem::replace(&mut up, now) != now {
                        emit(WorkerEvent::LinkChanged { up });
                    }
                }
                Ok(()) = drain.changed() => {}
                _ = ended.wait_for(|ended| *ended) => break,
            }
            let state = if self.stop.is_draining() {
                WorkerState::Draining
            } else {
                WorkerState::Up
            };
            self.beat(to, state).await;
        }
        self.beat(self.queue.beats().into(), WorkerState::Gone)
            .await;
        drop(tokio::time::timeout(BEAT, client.flush()).await);
    }

    /// A word that is lost is said again at the next beat.
    async fn beat(&self, to: async_nats::Subject, state: WorkerState) {
        if *self.queue.link().borrow() == Link::Down {
            return;
        }
        let beat = Beat {
            name: self.settings.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            state,
            slots: self.settings.slots,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory: total_memory(),
            holding: self.holding().iter().map(|held| held.task).collect(),
            done: self.done.load(Ordering::Relaxed),
            every_ms: BEAT.as_millis() as u64,
        };
        let said = self.queue.client().publish(to, message::write(&beat));
        drop(said.await);
    }

    /// One slot: a task at a time, until the worker is told to stop.
    fn slot(&self, emit: &(dyn Fn(WorkerEvent) + Sync)) {
        let mut tap = None;
        let mut failed = 0;
        while !self.stop.is_draining() {
            match self.runtime.block_on(self.next(&mut tap)) {
                // It came as the worker was told to stop.
                Ok(Some(task)) if self.stop.is_draining() => {
                    self.acknowledge(&task, AckKind::Nak(None));
                }
                Ok(Some(task)) => {
                    failed = 0;
                    self.take(task, emit);
                }
                Ok(None) => {}
                Err(error) => {
                    tap = None;
                    failed += 1;
                    let why = chained(&error);
                    // A queue that is away says so once, by its link.
                    if *self.queue.link().borrow() == Link::Up {
                        emit(WorkerEvent::QueueFailed { why });
                    }
                    self.runtime.block_on(async {
                        let wait = tokio::time::sleep(wait(failed));
                        tokio::select! {
                            () = wait => {}
                            () = self.drained() => {}
                        }
                    });
                }
            }
        }
        let up = *self.queue.link().borrow() == Link::Up;
        if let Some(tap) = tap.filter(|_| up) {
            self.runtime.block_on(tap.close(&self.queue));
        }
    }

    /// The next task. `None`: there is none now, or the worker is to stop.
    async fn next(&self, tap: &mut Option<Tap>) -> Result<Option<Message>, QueueError> {
        let mut link = self.queue.link();
        link.mark_unchanged();
        let ask = async {
            if tap.is_none() {
                let opened = Tap::open(&self.queue).await?;
                self.patience.send_replace(opened.patience());
                *tap = Some(opened);
            }
            tap.as_mut().expect("it was set").next(&self.queue).await
        };
        tokio::select! {
            biased;
            task = ask => return task,
            () = self.drained() => {}
            // A server that came back knows nothing of the request.
            _ = link.changed() => *tap = None,
        }
        Ok(None)
    }

    /// Keeps the tasks in hand: says of each to the queue that it is being
    /// worked on.
    async fn keep(&self) {
        let mut patience = self.patience.subscribe();
        loop {
            let every = *patience.borrow_and_update() / 3;
            tokio::select! {
                () = tokio::time::sleep(every) => {}
                Ok(()) = patience.changed() => continue,
            }
            let held: Vec<Message> = self
                .holding()
                .iter()
                .filter(|held| held.since.elapsed() >= every / 2)
                .map(|held| held.message.clone())
                .collect();
            for message in held {
                // The next word may arrive.
                drop(message.ack_with(AckKind::Progress).await);
            }
        }
    }
}

/// How long to wait before try number `tries`.
fn wait(tries: u64) -> Duration {
    let step = Duration::from_millis(500 << tries.min(10));
    crate::chance::jittered(step.min(LONGEST))
}

/// Bytes of memory of this machine, where it tells.
fn total_memory() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes << 10)
}
