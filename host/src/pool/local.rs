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
    /// Instances with the dataset open that no worker holds.
    idle: Mutex<Vec<Instance>>,
}

/// How a worker that comes now has its instance open the dataset. Decoding is
/// dear in time and, for as long as the instance lives, in memory.
#[derive(Debug, Default)]
enum Opening {
    /// It decodes the dataset, for itself and for others, who wait.
    #[default]
    First,
    /// It adopts what the first one shared.
    Adopt(Arc<[u8]>),
    /// It decodes the dataset for itself.
    Each,
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
            Opening::First if others_will => Opening::First,
            Opening::First | Opening::Each => Opening::Each,
        };
        let opened = match how {
            Opening::First => {
                let (opened, shared) = self.decode_and_share(trainer)?;
                *opening = shared.map_or(Opening::Each, Opening::Adopt);
                opened
            }
            Opening::Adopt(shared) => {
                drop(opening);
                match self.adopt(&shared) {
                    Err(fault) if fault != TaskFault::Cancelled => self.decode()?,
                    adopted => adopted,
                }
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

    /// A new instance that has decoded the dataset, and what it shares.
    #[expect(clippy::type_complexity, reason = "two results side by side")]
    fn decode_and_share(
        &self,
        trainer: &str,
    ) -> Result<(Result<Instance, TaskFault>, Option<Arc<[u8]>>), PoolError> {
        let mut instance = match self.decode()? {
            Ok(instance) => instance,
            Err(fault) => return Ok((Err(fault), None)),
        };
        if !self.far {
            self.files.release();
        }
        let shared = instance.share(trainer).ok();
        let opened = match &shared {
            None if instance.is_spent() => self.decode()?,
            _ => Ok(instance),
        };
        Ok((opened, shared.map(Arc::from)))
    }

    /// A new instance with the dataset that another one shared.
    fn adopt(&self, shared: &[u8]) -> Result<Instance, TaskFault> {
        let mut fresh = self.fresh()?;
        fresh.adopt(shared)?;
        Ok(fresh)
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
