//! [`TaskFeed`]: where workers get the tasks that are left to run, and hand in
//! their results. With a local store that is a look-up and a write between two
//! fits. With a remote one, tasks are looked up many at a time before the
//! workers want them, and results are written after they were handed in, so
//! that no worker waits for a round trip.

use std::cell::Cell;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fanout_contract::Task;

use super::PoolError;
use super::grouped::GroupedTasks;
use crate::run::pool::PoolEvent;
use crate::run::record::{Found, Record};
use crate::run::tasks::Tasks;
use crate::store::StoreError;
use crate::task::{Artifact, Cancel, FinishedFits, Outcome, TaskUsage, WantedFits};

/// Tasks that are looked up at a time.
pub(super) const LOOKED_UP: usize = 64;

/// Writes that are under way at a time.
const WRITERS: usize = 16;

/// An older look-up is made again before the fit: another run may have made it
/// since.
const STALE: Duration = Duration::from_secs(1);

/// Receives what a pool reports. Returns whether more is wanted.
pub(super) type Reports = Arc<dyn Fn(Result<PoolEvent, PoolError>) -> bool + Send + Sync>;

/// A task with fits to make.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) task: usize,
    pub(super) wanted: WantedFits,
    pub(super) found: Found,
    looked_up: Instant,
}

impl Job {
    /// The task with only those candidates whose fits are missing.
    pub(super) fn document(&self, tasks: &dyn Tasks) -> Task {
        let mut task = tasks.task(self.task);
        let missing = &self.found.missing;
        if missing.len() < task.candidates.len() {
            task.candidates = missing
                .iter()
                .map(|&position| std::mem::take(&mut task.candidates[position as usize]))
                .collect();
        }
        task
    }

    /// The missing fits as fits that finished in this way.
    pub(super) fn finished(
        &self,
        outcome: Outcome,
        usage: TaskUsage,
        worker: &Arc<str>,
    ) -> FinishedFits {
        FinishedFits {
            positions: self.found.missing.clone(),
            outcome,
            worker: Some(Arc::clone(worker)),
            usage,
        }
    }

    /// The fits that are still missing.
    pub(super) fn missing_fits(&self) -> WantedFits {
        let fits = self.found.missing.iter();
        WantedFits {
            task: self.wanted.task,
            fits: fits
                .map(|&at| self.wanted.fits[at as usize].clone())
                .collect(),
            outputs: self.wanted.outputs.clone(),
        }
    }

    /// The job as two, each with a half of the missing fits; `None` where there is
    /// one fit.
    pub(super) fn halves(&self) -> Option<[Self; 2]> {
        let (first, second) = self.found.missing.split_at(self.found.missing.len() / 2);
        let half = |missing: &[u32]| {
            let mut found = self.found.clone();
            found.missing = missing.to_vec();
            Self {
                task: self.task,
                wanted: self.wanted.clone(),
                found,
                looked_up: self.looked_up,
            }
        };
        (!first.is_empty()).then(|| [half(first), half(second)])
    }

    /// Replaces the look-up by a newer one, that of [`Job::missing_fits`].
    pub(super) fn looked_up_again(&mut self, mut found: Found) {
        let missing = std::mem::take(&mut self.found.missing);
        let renumber = |positions: &mut Vec<u32>| {
            for position in positions {
                *position = missing[*position as usize];
            }
        };
        for finished in &mut found.finished {
            renumber(&mut finished.positions);
        }
        for (position, ..) in &mut found.artifacts {
            *position = missing[*position as usize];
        }
        renumber(&mut found.missing);
        // The first look-up reported them.
        found.damaged.clear();
        found.unproven.clear();
        self.looked_up = Instant::now();
        self.found = found;
    }
}

/// One worker's access to the tasks.
#[derive(Clone)]
pub(super) struct TaskFeed<'a> {
    tasks: &'a dyn Tasks,
    record: &'a Record,
    cancel: &'a Cancel,
    reports: Reports,
    worker: Arc<str>,
    access: Access<'a>,
}

#[derive(Clone)]
enum Access<'a> {
    /// To a store that answers at once.
    Local {
        grouped: &'a GroupedTasks,
        /// The group that the worker takes its tasks from.
        group: Cell<Option<usize>>,
    },
    /// To a store behind a network.
    Remote {
        jobs: Arc<Mutex<Receiver<Job>>>,
        made: SyncSender<(Job, FinishedFits, Vec<Artifact>)>,
    },
}

impl<'a> TaskFeed<'a> {
    /// A feed over a local store. All workers share `grouped`, the tasks that none has taken.
    pub(super) fn local(
        tasks: &'a dyn Tasks,
        record: &'a Record,
        cancel: &'a Cancel,
        reports: Reports,
        grouped: &'a GroupedTasks,
    ) -> Self {
        Self {
            tasks,
            record,
            cancel,
            reports,
            worker: "local".into(),
            access: Access::Local {
                grouped,
                group: Cell::new(None),
            },
        }
    }

    /// A feed over a remote store, with threads of its own for look-ups and
    /// writes.
    pub(super) fn remote<'s>(
        scope: &'s Scope<'s, 'a>,
        tasks: &'a dyn Tasks,
        record: &'a Record,
        cancel: &'a Cancel,
        reports: Reports,
    ) -> Result<Self, PoolError> {
        let (found, jobs) = sync_channel(LOOKED_UP);
        let (made, results) = sync_channel::<(Job, FinishedFits, Vec<Artifact>)>(WRITERS);
        let results = Arc::new(Mutex::new(results));
        let of_look_ups = reports.clone();
        let pass = move |job| found.send(job).is_ok();
        let look_up = move || look_up_all(tasks, record, cancel, &of_look_ups, &pass);
        let thread = std::thread::Builder::new().name("look-up".to_owned());
        thread
            .spawn_scoped(scope, look_up)
            .map_err(PoolError::Worker)?;
        for _ in 0..WRITERS.min(tasks.len()) {
            let (results, reports) = (Arc::clone(&results), reports.clone());
            let write = move || {
                while let Some((job, finished, artifacts)) = receive(&results) {
                    if !keep(record, job, finished, &artifacts, &reports) {
                        break;
                    }
                }
            };
            let thread = std::thread::Builder::new().name("writer".to_owned());
            thread
                .spawn_scoped(scope, write)
                .map_err(PoolError::Worker)?;
        }
        let jobs = Arc::new(Mutex::new(jobs));
        Ok(Self {
            tasks,
            record,
            cancel,
            reports,
            worker: "local".into(),
            access: Access::Remote { jobs, made },
        })
    }

    /// The same feed for the worker of this name.
    pub(super) fn of_worker(&self, worker: &str) -> Self {
        Self {
            worker: worker.into(),
            ..self.clone()
        }
    }

    /// The worker's name.
    pub(super) fn worker(&self) -> &Arc<str> {
        &self.worker
    }

    /// The next task that has fits to make; `None` where there is no more to
    /// do. Finished fits that the look-up finds are reported.
    pub(super) fn next(&self) -> Option<Job> {
        while !self.cancel.is_cancelled() {
            let job = match &self.access {
                Access::Local { grouped, group } => {
                    let task = grouped.next(group)?;
                    self.look_up(task, self.tasks.wanted(task))?
                }
                Access::Remote { jobs, .. } => {
                    let job = receive(jobs)?;
                    if job.looked_up.elapsed() < STALE {
                        job
                    } else {
                        self.look_up_again(job)?
                    }
                }
            };
            if !job.found.missing.is_empty() {
                return Some(job);
            }
        }
        None
    }

    /// Hands in the fits that a job lacked, with their artifacts: they are kept, then
    /// reported. Returns whether more is wanted.
    pub(super) fn hand_in(
        &self,
        job: Job,
        finished: FinishedFits,
        artifacts: Vec<Artifact>,
    ) -> bool {
        match &self.access {
            Access::Local { .. } => keep(self.record, job, finished, &artifacts, &self.reports),
            Access::Remote { made, .. } => made.send((job, finished, artifacts)).is_ok(),
        }
    }

    /// Reports that the worker begins with a job. Returns whether more is wanted.
    pub(super) fn begin(&self, job: &Job) -> bool {
        self.report(PoolEvent::Started {
            task: job.task,
            worker: Arc::clone(&self.worker),
            fits: job.found.missing.len(),
        })
    }

    /// Reports an event. Returns whether more is wanted.
    pub(super) fn report(&self, event: PoolEvent) -> bool {
        (self.reports)(Ok(event))
    }

    /// Ends the run with an error.
    pub(super) fn fail(&self, error: PoolError) {
        // Nobody listens any more where another error ended the run first.
        (self.reports)(Err(error));
    }

    fn look_up(&self, task: usize, wanted: WantedFits) -> Option<Job> {
        let looked_up = Instant::now();
        let found = self.record.look(std::slice::from_ref(&wanted));
        let mut found = match found {
            Ok(mut found) => found.pop()?,
            Err(error) => {
                self.fail(error.into());
                return None;
            }
        };
        report_all(&self.reports, PoolEvent::of_found(task, &mut found))?;
        Some(Job {
            task,
            wanted,
            found,
            looked_up,
        })
    }

    /// Looks up only the missing fits, so that nothing is reported twice.
    fn look_up_again(&self, mut job: Job) -> Option<Job> {
        match self.record.look(&[job.missing_fits()]) {
            Ok(mut found) => job.looked_up_again(found.pop()?),
            Err(error) => {
                self.fail(error.into());
                return None;
            }
        }
        report_all(&self.reports, PoolEvent::of_found(job.task, &mut job.found))?;
        Some(job)
    }
}

/// The parts of the model of task `index`, in order, and the wall time of their fits;
/// `None` if it is made whole. A part that is gone since its stage ended is made with
/// the whole.
pub(super) fn parts_of(
    tasks: &dyn Tasks,
    index: usize,
    record: &Record,
) -> Result<Option<(Vec<Bytes>, Duration)>, StoreError> {
    let inputs = tasks.inputs(index);
    if inputs.is_empty() {
        return Ok(None);
    }
    let wanted: Vec<WantedFits> = inputs
        .iter()
        .map(|input| input.wanted_fits().clone())
        .collect();
    record.models(&wanted)
}

/// Looks all tasks up, [`LOOKED_UP`] at a time, and passes those on that have
/// fits to make, for as long as `pass` wants more.
pub(super) fn look_up_all(
    tasks: &dyn Tasks,
    record: &Record,
    cancel: &Cancel,
    reports: &Reports,
    pass: &dyn Fn(Job) -> bool,
) {
    for start in (0..tasks.len()).step_by(LOOKED_UP) {
        if cancel.is_cancelled() {
            return;
        }
        let indices = start..tasks.len().min(start + LOOKED_UP);
        let wanted: Vec<WantedFits> = indices.clone().map(|index| tasks.wanted(index)).collect();
        let looked_up = Instant::now();
        let found = match record.look(&wanted) {
            Ok(found) => found,
            Err(error) => {
                reports(Err(error.into()));
                return;
            }
        };
        for ((task, wanted), mut found) in indices.zip(wanted).zip(found) {
            if report_all(reports, PoolEvent::of_found(task, &mut found)).is_none() {
                return;
            }
            if found.missing.is_empty() {
                continue;
            }
            let job = Job {
                task,
                wanted,
                found,
                looked_up,
            };
            if !pass(job) {
                return;
            }
        }
    }
}

/// Keeps finished fits and reports them. Returns whether more is wanted.
fn keep(
    record: &Record,
    job: Job,
    finished: FinishedFits,
    artifacts: &[Artifact],
    reports: &Reports,
) -> bool {
    match record.keep(&job.wanted, &job.found, &finished.outcome, artifacts) {
        Ok(kept) => report_all(reports, PoolEvent::of_kept(job.task, finished, kept)).is_some(),
        Err(error) => {
            reports(Err(error.into()));
            false
        }
    }
}

/// `None` where no more is wanted.
fn report_all(reports: &Reports, events: impl Iterator<Item = PoolEvent>) -> Option<()> {
    for event in events {
        if !reports(Ok(event)) {
            return None;
        }
    }
    Some(())
}

fn receive<T>(receiver: &Mutex<Receiver<T>>) -> Option<T> {
    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    receiver.recv().ok()
}
