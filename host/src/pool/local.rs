//! [`LocalPool`]: workers of this process, one thread each, every one with an
//! instance that keeps the dataset open from task to task.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use fanout_contract::Task;

use super::ahead::{Desk, Job, Notices};
use super::crew::Crew;
use super::files::Files;
use super::{Notice, Pool, PoolError, Tasks, Work};
use crate::run::event::{Outcome, TaskFault};
use crate::run::record::Ended;
use crate::sandbox::{Guest, Instance, THREAD_STACK, TaskLimits};

/// The bytes of a dataset from which on one worker decodes it for all. With a
/// smaller one they lose more time by waiting for the first than memory by a
/// copy each.
pub const SHARED_FROM: usize = 16 << 20;

/// Runs tasks in this process.
#[derive(Debug)]
pub struct LocalPool {
    guest: Arc<Guest>,
    work: Work,
    limits: TaskLimits,
    workers: usize,
    /// Whether the store takes its time.
    far: bool,
    /// The dataset and the splits, read once for all workers.
    files: Files,
    /// Workers that have not opened the dataset yet.
    closed: AtomicUsize,
    opening: Mutex<Opening>,
    shared_from: usize,
    /// Instances with the dataset open that no worker holds.
    idle: Mutex<Vec<Instance>>,
}

/// How a worker that comes now has its instance open the dataset. Decoding is
/// dear in time and, for as long as the instance lives, in memory.
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

/// What came of decoding the dataset for all.
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
enum Decoded {
    /// What every worker adopts. The instance is gone, and with it the file
    /// and all that decoding took.
    Shared(Arc<Vec<u8>>),
    /// An instance, or why there is none, for the worker that decoded: the
    /// guest shares nothing.
    Own(Result<Instance, TaskFault>),
}

impl LocalPool {
    /// A pool of `workers` threads. Nothing is started yet.
    pub fn new(guest: Arc<Guest>, work: Work, limits: TaskLimits, workers: usize) -> Self {
        Self {
            far: work.record.store().at_once() > 1,
            guest,
            work,
            limits,
            workers: workers.max(1),
            files: Files::default(),
            closed: AtomicUsize::new(workers.max(1)),
            opening: Mutex::default(),
            shared_from: SHARED_FROM,
            idle: Mutex::default(),
        }
    }

    /// The same with the dataset and the splits at hand, so that they need
    /// not be read.
    pub fn with_files(mut self, table: Bytes, splits: Bytes) -> Self {
        self.files = Files::of(table, splits);
        self
    }

    /// The same, whatever the store is, as for one behind a network: tasks are
    /// looked up ahead of the workers, and results written behind them.
    pub fn as_if_far(mut self) -> Self {
        self.far = true;
        self
    }

    /// The same, but one worker decodes the dataset for all if it has so many
    /// bytes.
    pub fn shared_from(mut self, bytes: usize) -> Self {
        self.shared_from = bytes;
        self
    }

    /// Runs tasks on the calling thread, whose stack must be of
    /// [`THREAD_STACK`] bytes; what there is to tell of them.
    pub(crate) fn run_here(&self, tasks: &dyn Tasks) -> Result<Vec<Notice>, PoolError> {
        let told = Arc::new(Mutex::new(Ok(Vec::new())));
        let notices: Notices = {
            let told = Arc::clone(&told);
            Arc::new(move |notice| {
                let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
                match (notice, told.as_mut()) {
                    (Ok(notice), Ok(notices)) => notices.push(notice),
                    (Err(error), Ok(_)) => *told = Err(error),
                    (_, Err(_)) => {}
                }
                told.is_ok()
            })
        };
        let (work, next) = (&self.work, AtomicUsize::new(0));
        let desk = Desk::near(tasks, &work.record, &work.cancel, notices, &next);
        self.work(tasks, &desk);
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *told, Ok(Vec::new()))
    }

    /// Fits one model.
    pub fn fit(&self, task: &Task) -> Result<Result<Vec<u8>, TaskFault>, PoolError> {
        std::thread::scope(|scope| {
            let fit = || {
                let mut held = None;
                let model = self.with_instance(&mut held, task, |instance| instance.fit(task));
                self.idle().extend(held);
                model
            };
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            let thread = thread.spawn_scoped(scope, fit).map_err(PoolError::Worker)?;
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Calls the worker's instance, or an idle one, or a new one. One that was
    /// stopped midway is thrown away.
    fn with_instance<T>(
        &self,
        held: &mut Option<Instance>,
        task: &Task,
        body: impl FnOnce(&mut Instance) -> Result<T, TaskFault>,
    ) -> Result<Result<T, TaskFault>, PoolError> {
        let mut instance = match held.take().or_else(|| self.idle().pop()) {
            Some(instance) => instance,
            None => match self.open(&task.trainer)? {
                Ok(instance) => instance,
                Err(fault) => return Ok(Err(fault)),
            },
        };
        let result = body(&mut instance);
        if !instance.is_spent() {
            *held = Some(instance);
        }
        Ok(result)
    }

    /// A new instance with the dataset open for tasks of a trainer; all tasks
    /// of a run have the same.
    fn open(&self, trainer: &str) -> Result<Result<Instance, TaskFault>, PoolError> {
        let mut opening = self.opening();
        let (set, get) = (Ordering::Relaxed, Ordering::Relaxed);
        let before = self
            .closed
            .fetch_update(set, get, |left| left.checked_sub(1));
        let others_will = before.is_ok_and(|before| before > 1);
        let how = match &*opening {
            // Nobody comes any more: what was shared is let go of.
            Opening::Adopt(_) if !others_will => std::mem::replace(&mut *opening, Opening::Each),
            Opening::Adopt(shared) => Opening::Adopt(Arc::clone(shared)),
            Opening::First if others_will && self.is_worth_sharing()? => Opening::First,
            Opening::First | Opening::Each => Opening::Each,
        };
        let opened = match how {
            Opening::First => match self.decode_once(trainer)? {
                Decoded::Shared(shared) => {
                    *opening = Opening::Adopt(Arc::clone(&shared));
                    drop(opening);
                    self.adopt(&shared)?
                }
                Decoded::Own(opened) => {
                    *opening = Opening::Each;
                    opened
                }
            },
            Opening::Adopt(shared) => {
                drop(opening);
                self.adopt(&shared)?
            }
            Opening::Each => {
                drop(opening);
                self.decode()?
            }
        };
        // Every worker has in its guest's memory what it needs of the files.
        // One that loses it reads them again, which is dear only where they
        // come from afar.
        if !others_will && !self.far {
            self.files.release();
        }
        Ok(opened)
    }

    fn is_worth_sharing(&self) -> Result<bool, PoolError> {
        let (table, _) = self.files.get(&self.work)?;
        Ok(table.len() >= self.shared_from)
    }

    fn decode_once(&self, trainer: &str) -> Result<Decoded, PoolError> {
        let mut instance = match self.decode()? {
            Ok(instance) => instance,
            Err(fault) => return Ok(Decoded::Own(Err(fault))),
        };
        if !self.far {
            self.files.release();
        }
        Ok(match instance.share(trainer) {
            Ok(shared) => Decoded::Shared(Arc::new(shared)),
            Err(_) if instance.is_spent() => Decoded::Own(self.decode()?),
            Err(_) => Decoded::Own(Ok(instance)),
        })
    }

    /// A new instance with the dataset that another one shared, or decoded by
    /// itself where it takes none.
    fn adopt(&self, shared: &[u8]) -> Result<Result<Instance, TaskFault>, PoolError> {
        let adopted = self.fresh().and_then(|mut fresh| {
            fresh.adopt(shared)?;
            Ok(fresh)
        });
        match adopted {
            Err(fault) if fault != TaskFault::Cancelled => self.decode(),
            adopted => Ok(adopted),
        }
    }

    /// A new instance that has decoded the dataset.
    fn decode(&self) -> Result<Result<Instance, TaskFault>, PoolError> {
        let (table, splits) = self.files.get(&self.work)?;
        Ok(self.fresh().and_then(|mut fresh| {
            fresh.open(&table, &splits)?;
            Ok(fresh)
        }))
    }

    fn fresh(&self) -> Result<Instance, TaskFault> {
        Instance::new(&self.guest, self.limits, self.work.cancel.clone())
    }

    fn opening(&self) -> MutexGuard<'_, Opening> {
        self.opening.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes tasks until there are none, and hands in what became of them.
    fn work(&self, tasks: &dyn Tasks, desk: &Desk<'_>) {
        let mut held = None;
        while let Some(job) = desk.next() {
            let outcome = match self.outcome(tasks, &job, &mut held) {
                Ok(outcome) => outcome,
                Err(error) => {
                    desk.fail(error);
                    break;
                }
            };
            if outcome.result == Err(TaskFault::Cancelled) {
                break;
            }
            let positions = job.found.missing.clone();
            if !desk.hand_in(job, Ended { positions, outcome }) {
                break;
            }
        }
        self.idle().extend(held);
    }

    /// Fits what is missing of a task.
    fn outcome(
        &self,
        tasks: &dyn Tasks,
        job: &Job,
        held: &mut Option<Instance>,
    ) -> Result<Outcome, PoolError> {
        let started = Instant::now();
        let task = job.document(tasks);
        let result = self.with_instance(held, &task, |instance| instance.evaluate(&task))?;
        Ok(Outcome {
            result,
            wall: started.elapsed(),
            reused: false,
        })
    }
}

impl Pool for LocalPool {
    fn workers(&self) -> usize {
        self.workers
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        noticed: &mut dyn FnMut(Notice) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let workers = self.workers.min(tasks.len()).max(1);
        self.closed.store(workers, Ordering::Relaxed);
        let crew = Crew {
            workers: self.workers,
            stack: THREAD_STACK,
            far: self.far,
        };
        crew.run(&self.work, tasks, noticed, &|desk| self.work(tasks, desk))
    }
}
