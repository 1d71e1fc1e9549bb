//! [`LocalPool`]: workers of this process, one thread each, every one with an
//! instance that keeps the dataset open from task to task.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use fanout_contract::Task;

use super::ahead::{Desk, Job};
use super::{Notice, Pool, PoolError, Tasks, Work};
use crate::digest::Digest;
use crate::run::event::{Outcome, TaskFault};
use crate::run::record::Ended;
use crate::sandbox::{Guest, Instance, THREAD_STACK, TaskLimits};
use crate::store::Key;

/// Notices that wait for the run to take note of them. The run is faster
/// than any worker; the bound keeps a slow listener from filling memory.
const WAITING: usize = 1024;

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
    files: OnceLock<(Bytes, Bytes)>,
    /// Instances with the dataset open that no worker holds.
    idle: Mutex<Vec<Instance>>,
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
            files: OnceLock::new(),
            idle: Mutex::default(),
        }
    }

    /// The same with the dataset and the splits at hand, so that they need
    /// not be read.
    pub fn with_files(self, table: Bytes, splits: Bytes) -> Self {
        // It can't be set yet: nothing was read.
        drop(self.files.set((table, splits)));
        self
    }

    /// The same, whatever the store is, as for one behind a network: tasks are
    /// looked up ahead of the workers, and results written behind them.
    pub fn as_if_far(mut self) -> Self {
        self.far = true;
        self
    }

    /// Fits one model.
    pub fn fit(&self, task: &Task) -> Result<Result<Vec<u8>, TaskFault>, PoolError> {
        self.open_files()?;
        std::thread::scope(|scope| {
            let fit = || {
                let mut held = None;
                let model = self.with_instance(&mut held, |instance| instance.fit(task));
                self.idle().extend(held);
                model
            };
            let thread = std::thread::Builder::new().stack_size(THREAD_STACK);
            let thread = thread.spawn_scoped(scope, fit).map_err(PoolError::Worker)?;
            Ok(thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    fn open_files(&self) -> Result<(), PoolError> {
        if self.files.get().is_none() {
            let read = |key: Key, digest: Digest| -> Result<Bytes, PoolError> {
                let store = self.work.record.store();
                let bytes = store.get(&key)?;
                let bytes = bytes.ok_or_else(|| PoolError::Missing {
                    key: key.to_string(),
                })?;
                store.verify(&key, &bytes, digest)?;
                Ok(bytes)
            };
            let table = read(Key::dataset(&self.work.dataset), self.work.dataset)?;
            let splits = read(Key::splits(&self.work.splits), self.work.splits)?;
            // Another thread may have been first: its bytes are the same.
            drop(self.files.set((table, splits)));
        }
        Ok(())
    }

    /// Calls the worker's instance, or an idle one, or a new one. One that was
    /// stopped midway is thrown away.
    fn with_instance<T>(
        &self,
        held: &mut Option<Instance>,
        body: impl FnOnce(&mut Instance) -> Result<T, TaskFault>,
    ) -> Result<T, TaskFault> {
        let mut instance = match held.take().or_else(|| self.idle().pop()) {
            Some(instance) => instance,
            None => {
                let cancel = self.work.cancel.clone();
                let mut fresh = Instance::new(&self.guest, self.limits, cancel)?;
                let (table, splits) = self.files.get().expect("read before any task");
                fresh.open(table, splits)?;
                fresh
            }
        };
        let result = body(&mut instance);
        if !instance.is_spent() {
            *held = Some(instance);
        }
        result
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Instance>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes tasks until there are none, and hands in what became of them.
    fn work(&self, tasks: &dyn Tasks, desk: &Desk<'_>) {
        let mut held = None;
        while let Some(job) = desk.next() {
            if let Err(error) = self.open_files() {
                desk.fail(error);
                break;
            }
            let outcome = self.outcome(tasks, &job, &mut held);
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
    fn outcome(&self, tasks: &dyn Tasks, job: &Job, held: &mut Option<Instance>) -> Outcome {
        let started = Instant::now();
        let mut task = tasks.task(job.task);
        if job.found.missing.len() < task.candidates.len() {
            let missing = job.found.missing.iter();
            task.candidates = missing
                .map(|&position| std::mem::take(&mut task.candidates[position as usize]))
                .collect();
        }
        let result = self.with_instance(held, |instance| instance.evaluate(&task));
        Outcome {
            result,
            wall: started.elapsed(),
            reused: false,
        }
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
        let next = AtomicUsize::new(0);
        let (send, receive) = sync_channel(WAITING);
        std::thread::scope(|scope| {
            let (record, cancel) = (&self.work.record, &self.work.cancel);
            let desk = if self.far {
                Desk::far(scope, tasks, record, cancel, send)?
            } else {
                Desk::near(tasks, record, cancel, send, &next)
            };
            for number in 0..self.workers.min(tasks.len()) {
                let desk = desk.clone();
                std::thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .stack_size(THREAD_STACK)
                    .spawn_scoped(scope, move || self.work(tasks, &desk))
                    .map_err(PoolError::Worker)?;
            }
            // What the last worker drops tells that there is no more to come.
            drop(desk);
            let mut ended = Ok(());
            for notice in &receive {
                let flow = match notice {
                    Ok(notice) => noticed(notice),
                    Err(error) => {
                        ended = Err(error);
                        ControlFlow::Break(())
                    }
                };
                if flow.is_break() {
                    self.work.cancel.cancel();
                    break;
                }
            }
            // Whoever waits to send finds no receiver and ends.
            drop(receive);
            ended
        })
    }
}
