//! [`LocalPool`]: workers of this process. Each is a thread with an instance of
//! the guest that keeps the dataset open from task to task.
//!
//! It starts no task a second time, as pools of other machines do: all workers are on the
//! same cores, and a copy of a pure fit would take as long there.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use fanout_contract::{Fault, Instances, Task};

use super::feed::{Job, Reports, TaskFeed, parts_of};
use super::files::Files;
use super::grouped::GroupedTasks;
use super::threads::WorkerThreads;
use super::{PoolContext, PoolError};
use crate::digest::Digest;
use crate::run::event::Event;
use crate::run::pool::{Pool, PoolEvent};
use crate::run::tasks::Tasks;
use crate::sandbox::{Guest, Instance, THREAD_STACK, thread_cpu_time};
use crate::task::{Artifact, Outcome, TaskFault, TaskLimits, TaskUsage, microseconds};

/// Datasets of at least so many bytes are decoded by one worker for all. With
/// smaller ones, waiting for the first worker costs more time than a decoded
/// copy for each costs memory.
pub const SHARED_FROM: usize = 16 << 20;

/// Runs tasks in this process.
#[derive(Debug)]
pub struct LocalPool {
    guests: Vec<Arc<Guest>>,
    context: PoolContext,
    limits: TaskLimits,
    workers: usize,
    /// Whether the store is behind a network.
    remote_store: bool,
    /// The dataset and the splits, read once for all workers.
    files: Files,
    /// Instances that have yet to open the dataset.
    unopened: AtomicUsize,
    opening: Mutex<Opening>,
    shared_from: usize,
    /// Instances with the dataset open that no worker holds.
    idle: Mutex<Vec<OpenGuest>>,
}

/// An instance with the dataset open, and its guest.
#[derive(Debug)]
struct OpenGuest {
    guest: Digest,
    instance: Instance,
    /// Whether it decoded the dataset itself, and so has its table.
    has_table: bool,
}

/// The fits that a task lacked.
struct Made {
    outcome: Outcome,
    artifacts: Vec<Artifact>,
    usage: TaskUsage,
}

/// How the next worker's instance opens the dataset. Decoding costs time and,
/// for as long as the instance lives, memory.
#[derive(Debug, Default)]
enum Opening {
    /// It decodes the dataset for all; the others wait.
    #[default]
    First,
    /// It adopts what was shared.
    Adopt(Arc<Vec<u8>>),
    /// It decodes the dataset for itself.
    Each,
}

/// The result of decoding the dataset for all workers.
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
enum Decoded {
    /// What every worker adopts. The instance that made it is dropped, and with
    /// it the memory that decoding took.
    Shared(Arc<Vec<u8>>),
    /// The guest shares nothing: an instance for the worker that decoded, or
    /// why there is none.
    Own(Result<Instance, TaskFault>),
}

/// How often the dataset is opened: once by each worker, or, for a guest whose instances
/// run one task, by every task.
fn openings(guests: &[Arc<Guest>], workers: usize) -> usize {
    let mut guests = guests.iter();
    match guests.any(|guest| guest.instances() == Instances::OneTask) {
        true => usize::MAX,
        false => workers,
    }
}

impl LocalPool {
    /// A pool of `workers` threads for tasks of `guests`. Nothing is started yet.
    pub fn new(
        guests: Vec<Arc<Guest>>,
        context: PoolContext,
        limits: TaskLimits,
        workers: usize,
    ) -> Self {
        Self {
            remote_store: context.record.store().at_once() > 1,
            unopened: AtomicUsize::new(openings(&guests, workers.max(1))),
            guests,
            context,
            limits,
            workers: workers.max(1),
            files: Files::default(),
            opening: Mutex::default(),
            shared_from: SHARED_FROM,
            idle: Mutex::default(),
        }
    }

    /// The same with the bytes of the dataset and the splits, so that they need
    /// not be read.
    pub fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.files = Files::of(table, splits);
        self
    }

    /// The same, treating the store as one behind a network: look-ups and
    /// writes have threads of their own.
    pub fn with_remote_store(mut self) -> Self {
        self.remote_store = true;
        self
    }

    /// The same, sharing datasets of at least `bytes` bytes instead of
    /// [`SHARED_FROM`].
    pub fn shared_from(mut self, bytes: usize) -> Self {
        self.shared_from = bytes;
        self
    }

    /// The same, in which every worker decodes the dataset for itself.
    pub fn unshared(self) -> Self {
        self.shared_from(usize::MAX)
    }

    /// Runs tasks on the calling thread, whose stack must be of
    /// [`THREAD_STACK`] bytes. Returns all reports.
    pub fn run_here(&self, tasks: &dyn Tasks) -> Result<Vec<PoolEvent>, PoolError> {
        let collected = Arc::new(Mutex::new(Ok(Vec::new())));
        let reports: Reports = {
            let collected = Arc::clone(&collected);
            Arc::new(move |event| {
                let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
                match (event, collected.as_mut()) {
                    (Ok(event), Ok(events)) => events.push(event),
                    (Err(error), Ok(_)) => *collected = Err(error),
                    (_, Err(_)) => {}
                }
                collected.is_ok()
            })
        };
        let (context, grouped) = (&self.context, GroupedTasks::new(tasks.groups()));
        let feed = TaskFeed::local(tasks, &context.record, &context.cancel, reports, &grouped);
        self.work(tasks, &feed);
        let mut collected = collected.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *collected, Ok(Vec::new()))
    }

    /// Calls the worker's instance of `guest`, or an idle one, or a new one. An
    /// instance that was stopped in the middle of the call is dropped. What opening the
    /// dataset took, and the instance's memory, go into `usage`.
    fn with_instance<T>(
        &self,
        held: &mut Option<OpenGuest>,
        guest: Digest,
        task: &Task,
        emit: &dyn Fn(Event),
        usage: &mut TaskUsage,
        call: impl FnOnce(&mut Instance) -> Result<T, TaskFault>,
    ) -> Result<Result<T, TaskFault>, PoolError> {
        // The list of idle instances is locked only where one is to change hands.
        if let Some(other) = held.take_if(|held| held.guest != guest) {
            self.idle().push(other);
        }
        // Features are permuted in the table, which an instance that adopted lacks: it
        // makes room for one that decodes.
        let needs_table = task.permute.is_some();
        let suits = |open: &OpenGuest| open.has_table || !needs_table;
        let taken = held.take().or_else(|| self.take_idle(guest));
        let mut open = match taken.filter(suits) {
            Some(open) => open,
            None => {
                let started = Instant::now();
                let opened = match needs_table {
                    true => self.decode(guest)?.map(|instance| (instance, true)),
                    false => self.open(guest, task, emit)?,
                };
                usage.load = Some(started.elapsed());
                match opened {
                    Ok((instance, has_table)) => OpenGuest {
                        guest,
                        instance,
                        has_table,
                    },
                    Err(fault) => return Ok(Err(fault)),
                }
            }
        };
        let result = call(&mut open.instance);
        usage.memory = Some(open.instance.peak_memory());
        if !open.instance.is_spent() && !self.runs_one_task(guest) {
            *held = Some(open);
        }
        Ok(result)
    }

    /// Whether an instance of a guest runs one task alone.
    fn runs_one_task(&self, guest: Digest) -> bool {
        let mut guests = self.guests.iter();
        let guest = guests.find(|known| known.digest() == guest);
        guest.is_some_and(|guest| guest.instances() == Instances::OneTask)
    }

    fn take_idle(&self, guest: Digest) -> Option<OpenGuest> {
        let mut idle = self.idle();
        let at = idle.iter().position(|idle| idle.guest == guest)?;
        Some(idle.swap_remove(at))
    }

    /// A new instance with the dataset open for tasks like `task`, and whether it has
    /// the table.
    fn open(
        &self,
        guest: Digest,
        task: &Task,
        emit: &dyn Fn(Event),
    ) -> Result<Result<(Instance, bool), TaskFault>, PoolError> {
        let mut opening = self.opening();
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self
            .unopened
            .fetch_update(set, get, |left| left.checked_sub(1));
        let others_follow = before.is_ok_and(|before| before > 1);
        let how = match &*opening {
            // The last worker: the shared bytes are dropped after it.
            Opening::Adopt(_) if !others_follow => std::mem::replace(&mut *opening, Opening::Each),
            Opening::Adopt(shared) => Opening::Adopt(Arc::clone(shared)),
            Opening::First if others_follow && self.is_worth_sharing()? => Opening::First,
            Opening::First | Opening::Each => Opening::Each,
        };
        let (opened, has_table) = match how {
            Opening::First => match self.decode_for_all(guest, task, emit)? {
                Decoded::Shared(shared) => {
                    *opening = Opening::Adopt(Arc::clone(&shared));
                    drop(opening);
                    (self.adopt(guest, &shared, emit)?, false)
                }
                Decoded::Own(opened) => {
                    *opening = Opening::Each;
                    (opened, true)
                }
            },
            Opening::Adopt(shared) => {
                drop(opening);
                (self.adopt(guest, &shared, emit)?, false)
            }
            Opening::Each => {
                drop(opening);
                (self.decode(guest)?, true)
            }
        };
        // Every worker has what it needs of the files in its guest's memory. A
        // worker that loses its instance reads them again, which is slow only
        // with a remote store.
        if !others_follow && !self.remote_store {
            self.files.release();
        }
        Ok(opened.map(|instance| (instance, has_table)))
    }

    fn is_worth_sharing(&self) -> Result<bool, PoolError> {
        let (table, _) = self.files.get(&self.context)?;
        Ok(table.len() >= self.shared_from)
    }

    fn decode_for_all(
        &self,
        guest: Digest,
        task: &Task,
        emit: &dyn Fn(Event),
    ) -> Result<Decoded, PoolError> {
        let mut instance = match self.decode(guest)? {
            Ok(instance) => instance,
            Err(fault) => return Ok(Decoded::Own(Err(fault))),
        };
        if !self.remote_store {
            self.files.release();
        }
        Ok(match instance.share(task) {
            Ok(shared) => Decoded::Shared(Arc::new(shared)),
            Err(fault) => {
                report_sharing(&fault, emit);
                if instance.is_spent() {
                    Decoded::Own(self.decode(guest)?)
                } else {
                    Decoded::Own(Ok(instance))
                }
            }
        })
    }

    /// A new instance with the dataset that another one shared. Where it does
    /// not adopt that, it decodes the dataset itself.
    fn adopt(
        &self,
        guest: Digest,
        shared: &[u8],
        emit: &dyn Fn(Event),
    ) -> Result<Result<Instance, TaskFault>, PoolError> {
        let adopted = self.fresh(guest)?.and_then(|mut fresh| {
            fresh.adopt(shared)?;
            Ok(fresh)
        });
        match adopted {
            Err(fault) if fault != TaskFault::Cancelled => {
                report_sharing(&fault, emit);
                self.decode(guest)
            }
            adopted => Ok(adopted),
        }
    }

    /// A new instance that has decoded the dataset.
    fn decode(&self, guest: Digest) -> Result<Result<Instance, TaskFault>, PoolError> {
        let (table, splits) = self.files.get(&self.context)?;
        Ok(self.fresh(guest)?.and_then(|mut fresh| {
            fresh.open(&table, &splits)?;
            Ok(fresh)
        }))
    }

    fn fresh(&self, guest: Digest) -> Result<Result<Instance, TaskFault>, PoolError> {
        let mut guests = self.guests.iter();
        let guest = guests.find(|known| known.digest() == guest);
        let guest = guest.ok_or(PoolError::OtherGuest)?;
        let cancel = self.context.cancel.clone();
        Ok(Instance::new(guest, self.limits, cancel))
    }

    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<OpenGuest>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs tasks until there are none.
    fn work(&self, tasks: &dyn Tasks, feed: &TaskFeed<'_>) {
        let mut held = None;
        while let Some(job) = feed.next() {
            if !feed.begin(&job) {
                break;
            }
            let Made {
                outcome,
                artifacts,
                usage,
            } = match self.evaluate(tasks, &job, &mut held, feed) {
                Ok(made) => made,
                Err(error) => {
                    feed.fail(error);
                    break;
                }
            };
            if outcome.result == Err(TaskFault::Cancelled) {
                break;
            }
            let finished = job.finished(outcome, usage, feed.worker());
            if !feed.hand_in(job, finished, artifacts) {
                break;
            }
        }
        self.idle().extend(held);
    }

    /// Makes the missing fits of a task.
    fn evaluate(
        &self,
        tasks: &dyn Tasks,
        job: &Job,
        held: &mut Option<OpenGuest>,
        feed: &TaskFeed<'_>,
    ) -> Result<Made, PoolError> {
        // Before the clock that measures: what is added to it lies past no end.
        let started_us = microseconds(SystemTime::now());
        let (started, cpu) = (Instant::now(), thread_cpu_time());
        let mut usage = TaskUsage {
            started_us: Some(started_us),
            load: Some(Duration::ZERO),
            ..TaskUsage::default()
        };
        let task = job.document(tasks);
        let emit = |event| {
            // Where no more is wanted, the next task says so.
            feed.report(PoolEvent::of_worker(feed.worker(), event));
        };
        let guest = tasks.guest(job.task);
        let parts = parts_of(tasks, job.task, &self.context.record)?;
        let (parts, of_parts) = parts.unzip();
        let call = |instance: &mut Instance| match parts {
            Some(parts) => match instance.assemble(&task, parts) {
                // Parts that are not those of this fit change no result.
                Err(TaskFault::Refused {
                    fault: Fault::InvalidTask(_),
                }) => instance.evaluate(&task),
                evaluated => evaluated,
            },
            None => instance.evaluate(&task),
        };
        let result = self.with_instance(held, guest, &task, &emit, &mut usage, call)?;
        let (result, artifacts) = match result {
            Ok(evaluation) => (Ok(evaluation.answer), evaluation.artifacts),
            Err(fault) => (Err(fault), Vec::new()),
        };
        let outcome = Outcome {
            result,
            wall: started.elapsed() + of_parts.unwrap_or_default(),
            reused: false,
        };
        tracing::trace!(
            worker = &**feed.worker(),
            task = job.task,
            seconds = outcome.wall.as_secs_f64(),
            "a task ended"
        );
        let used = cpu.zip(thread_cpu_time());
        usage.cpu = used.map(|(before, after)| after.saturating_sub(before));
        Ok(Made {
            outcome,
            artifacts,
            usage,
        })
    }
}

/// Reports that the dataset is decoded once more than necessary.
fn report_sharing(fault: &TaskFault, emit: &dyn Fn(Event)) {
    if !matches!(fault, TaskFault::Cancelled) {
        emit(Event::SharingFailed {
            message: fault.to_string(),
        });
    }
}

impl Pool for LocalPool {
    type Error = PoolError;

    fn workers(&self) -> usize {
        self.workers
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let workers = self.workers.min(tasks.busy_workers()).max(1);
        let openings = openings(&self.guests, workers);
        self.unopened.store(openings, Ordering::Relaxed);
        let threads = WorkerThreads {
            workers: self.workers,
            stack: THREAD_STACK,
            remote_store: self.remote_store,
        };
        threads.run(&self.context, tasks, report, &|feed| self.work(tasks, feed))
    }
}
