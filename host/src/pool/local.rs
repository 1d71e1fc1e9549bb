//! [`LocalPool`]: workers of this process, one thread each, every one with an
//! instance that keeps the dataset open from task to task.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use fanout_contract::{Answer, Task};

use super::{Pool, PoolError, Tasks, Work};
use crate::digest::Digest;
use crate::run::event::{Outcome, TaskFault};
use crate::run::record::Record;
use crate::sandbox::{Guest, Instance, THREAD_STACK, TaskLimits};
use crate::store::Key;

/// Outcomes that wait for the run to take note of them. The run is faster
/// than any worker; the bound keeps a slow listener from filling memory.
const WAITING: usize = 1024;

/// Runs tasks in this process.
#[derive(Debug)]
pub struct LocalPool {
    guest: Arc<Guest>,
    work: Work,
    limits: TaskLimits,
    workers: usize,
    /// The dataset and the splits, read once for all workers.
    files: OnceLock<(Bytes, Bytes)>,
    /// Instances with the dataset open that no worker holds.
    idle: Mutex<Vec<Instance>>,
}

impl LocalPool {
    /// A pool of `workers` threads. Nothing is started yet.
    pub fn new(guest: Arc<Guest>, work: Work, limits: TaskLimits, workers: usize) -> Self {
        Self {
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
                let bytes = self.work.store.get(&key)?;
                let bytes = bytes.ok_or_else(|| PoolError::Missing {
                    key: key.to_string(),
                })?;
                self.work.store.verify(&key, &bytes, digest)?;
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

    /// Takes tasks until there are none, and sends what became of them.
    fn work(
        &self,
        tasks: &dyn Tasks,
        next: &AtomicUsize,
        send: &SyncSender<Result<(usize, Outcome), PoolError>>,
    ) {
        let mut held = None;
        while !self.work.cancel.is_cancelled() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= tasks.len() {
                break;
            }
            let outcome = self.outcome(tasks, index, &mut held);
            if let Ok(Outcome {
                result: Err(TaskFault::Cancelled),
                ..
            }) = outcome
            {
                break;
            }
            let failed = outcome.is_err();
            // A receiver that is gone wants no more outcomes.
            if send.send(outcome.map(|outcome| (index, outcome))).is_err() || failed {
                break;
            }
        }
        self.idle().extend(held);
    }

    fn outcome(
        &self,
        tasks: &dyn Tasks,
        index: usize,
        held: &mut Option<Instance>,
    ) -> Result<Outcome, PoolError> {
        let id = tasks.id(index);
        let key = Key::result(&id);
        if self.work.reuse
            && let Some(bytes) = self.work.store.get(&key)?
            && let Some(record) = Record::read(&bytes, &id)
        {
            return Ok(record.outcome());
        }
        self.open_files()?;
        let started = Instant::now();
        let task = tasks.task(index);
        let result: Result<Answer, _> =
            self.with_instance(held, |instance| instance.evaluate(&task));
        let outcome = Outcome {
            result,
            wall: started.elapsed(),
            reused: false,
        };
        if let Some(record) = Record::of(&id, &outcome) {
            self.work.store.create(&key, record.bytes())?;
        }
        Ok(outcome)
    }
}

impl Pool for LocalPool {
    fn workers(&self) -> usize {
        self.workers
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        finished: &mut dyn FnMut(usize, Outcome) -> ControlFlow<()>,
    ) -> Result<(), PoolError> {
        let next = AtomicUsize::new(0);
        let (send, receive) = sync_channel(WAITING);
        std::thread::scope(|scope| {
            for number in 0..self.workers.min(tasks.len()) {
                let (send, next) = (send.clone(), &next);
                std::thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .stack_size(THREAD_STACK)
                    .spawn_scoped(scope, move || self.work(tasks, next, &send))
                    .map_err(PoolError::Worker)?;
            }
            drop(send);
            let mut ended = Ok(());
            for outcome in &receive {
                let flow = match outcome {
                    Ok((index, outcome)) => finished(index, outcome),
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
            // Workers that wait to send find no receiver and end.
            drop(receive);
            ended
        })
    }
}
