//! [`Desk`]: where workers get the tasks that are left to run, and hand in
//! what they made. For a store nearby that is a look and a write between two
//! fits; for one behind a network, tasks are looked up many at a time ahead
//! of the workers, and results written behind them, so that no worker waits
//! for a round trip.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use fanout_contract::Task;

use super::{Notice, PoolError, Tasks};
use crate::run::record::{Ended, Found, Record, Wanted};
use crate::sandbox::Cancel;

/// Tasks that are looked up at a time.
pub(super) const LOOKED_UP: usize = 64;

/// Writes that are under way at a time.
const WRITERS: usize = 16;

/// A look-up older than this is made again before the fit: a run beside this
/// one may have made it since.
const STALE: Duration = Duration::from_secs(1);

/// Where notices go. It answers whether more are wanted.
pub(super) type Notices = Arc<dyn Fn(Result<Notice, PoolError>) -> bool + Send + Sync>;

/// A task with fits to make.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) task: usize,
    pub(super) wanted: Wanted,
    pub(super) found: Found,
    looked: Instant,
}

impl Job {
    /// The task, with the candidates alone whose fits are missing.
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

    /// What is still missing of it.
    pub(super) fn still_wanted(&self) -> Wanted {
        let fits = self.found.missing.iter();
        Wanted {
            task: self.wanted.task,
            fits: fits
                .map(|&at| self.wanted.fits[at as usize].clone())
                .collect(),
        }
    }

    /// Takes in what was found of [`Job::still_wanted`].
    pub(super) fn looked_again(&mut self, mut found: Found) {
        let still = std::mem::take(&mut self.found.missing);
        let place = |positions: &mut Vec<u32>| {
            for position in positions {
                *position = still[*position as usize];
            }
        };
        found
            .ended
            .iter_mut()
            .for_each(|ended| place(&mut ended.positions));
        place(&mut found.missing);
        // Those were told of the first time.
        found.damaged.clear();
        self.looked = Instant::now();
        self.found = found;
    }
}

/// One worker's place at the desk.
#[derive(Clone)]
pub(super) struct Desk<'a> {
    tasks: &'a dyn Tasks,
    record: &'a Record,
    cancel: &'a Cancel,
    notices: Notices,
    way: Way<'a>,
}

#[derive(Clone)]
enum Way<'a> {
    Near {
        next: &'a AtomicUsize,
    },
    Far {
        jobs: Arc<Mutex<Receiver<Job>>>,
        made: SyncSender<(Job, Ended)>,
    },
}

impl<'a> Desk<'a> {
    /// A desk for a store that answers at once. `next` is where the workers
    /// are.
    pub(super) fn near(
        tasks: &'a dyn Tasks,
        record: &'a Record,
        cancel: &'a Cancel,
        notices: Notices,
        next: &'a AtomicUsize,
    ) -> Self {
        Self {
            tasks,
            record,
            cancel,
            notices,
            way: Way::Near { next },
        }
    }

    /// A desk for a store that takes its time, with threads of its own.
    pub(super) fn far<'s>(
        scope: &'s Scope<'s, 'a>,
        tasks: &'a dyn Tasks,
        record: &'a Record,
        cancel: &'a Cancel,
        notices: Notices,
    ) -> Result<Self, PoolError> {
        let (found, jobs) = sync_channel(LOOKED_UP);
        let (made, results) = sync_channel(WRITERS);
        let results = Arc::new(Mutex::new(results));
        let looking = notices.clone();
        let pass = move |job| found.send(job).is_ok();
        let look = move || look_ahead(tasks, record, cancel, &looking, &pass);
        let thread = std::thread::Builder::new().name("look-up".to_owned());
        thread
            .spawn_scoped(scope, look)
            .map_err(PoolError::Worker)?;
        for _ in 0..WRITERS.min(tasks.len()) {
            let (results, notices) = (Arc::clone(&results), notices.clone());
            let write = move || {
                while let Some((job, ended)) = receive(&results) {
                    if !keep(record, job, ended, &notices) {
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
            notices,
            way: Way::Far { jobs, made },
        })
    }

    /// The next task that has fits to make. What is found of it, and of those
    /// before it that have none, is told. `None`: there is no more to do.
    pub(super) fn next(&self) -> Option<Job> {
        while !self.cancel.is_cancelled() {
            let job = match &self.way {
                Way::Near { next } => {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= self.tasks.len() {
                        return None;
                    }
                    self.look(task, self.tasks.wanted(task))?
                }
                Way::Far { jobs, .. } => {
                    let job = receive(jobs)?;
                    if job.looked.elapsed() < STALE {
                        job
                    } else {
                        self.look_again(job)?
                    }
                }
            };
            if !job.found.missing.is_empty() {
                return Some(job);
            }
        }
        None
    }

    /// Hands in what became of the fits that a job lacked. `false`: nobody
    /// wants more.
    pub(super) fn hand_in(&self, job: Job, ended: Ended) -> bool {
        match &self.way {
            Way::Near { .. } => keep(self.record, job, ended, &self.notices),
            Way::Far { made, .. } => made.send((job, ended)).is_ok(),
        }
    }

    /// Tells what became of fits without keeping it: another try need not
    /// end so. `false`: nobody wants more.
    pub(super) fn tell(&self, task: usize, ended: Ended) -> bool {
        let told = std::iter::once(Notice::Ended { task, ended });
        tell(&self.notices, told).is_some()
    }

    /// Ends the run.
    pub(super) fn fail(&self, error: PoolError) {
        // A listener that wants no more has heard of another error.
        (self.notices)(Err(error));
    }

    fn look(&self, task: usize, wanted: Wanted) -> Option<Job> {
        let looked = Instant::now();
        let found = self.record.look(std::slice::from_ref(&wanted));
        let mut found = match found {
            Ok(mut found) => found.pop()?,
            Err(error) => {
                self.fail(error.into());
                return None;
            }
        };
        tell(&self.notices, Notice::of_found(task, &mut found))?;
        Some(Job {
            task,
            wanted,
            found,
            looked,
        })
    }

    /// Only what was missing, so that nothing is told twice.
    fn look_again(&self, mut job: Job) -> Option<Job> {
        match self.record.look(&[job.still_wanted()]) {
            Ok(mut found) => job.looked_again(found.pop()?),
            Err(error) => {
                self.fail(error.into());
                return None;
            }
        }
        tell(&self.notices, Notice::of_found(job.task, &mut job.found))?;
        Some(job)
    }
}

/// Looks all tasks up, many at a time, and passes those on that have fits to
/// make, for as long as `pass` wants more.
pub(super) fn look_ahead(
    tasks: &dyn Tasks,
    record: &Record,
    cancel: &Cancel,
    notices: &Notices,
    pass: &dyn Fn(Job) -> bool,
) {
    for start in (0..tasks.len()).step_by(LOOKED_UP) {
        if cancel.is_cancelled() {
            return;
        }
        let indices = start..tasks.len().min(start + LOOKED_UP);
        let wanted: Vec<Wanted> = indices.clone().map(|index| tasks.wanted(index)).collect();
        let looked = Instant::now();
        let found = match record.look(&wanted) {
            Ok(found) => found,
            Err(error) => {
                notices(Err(error.into()));
                return;
            }
        };
        for ((task, wanted), mut found) in indices.zip(wanted).zip(found) {
            if tell(notices, Notice::of_found(task, &mut found)).is_none() {
                return;
            }
            if found.missing.is_empty() {
                continue;
            }
            let job = Job {
                task,
                wanted,
                found,
                looked,
            };
            if !pass(job) {
                return;
            }
        }
    }
}

/// Keeps a result and tells of it. `false`: nobody wants more.
fn keep(record: &Record, job: Job, ended: Ended, notices: &Notices) -> bool {
    match record.keep(&job.wanted, &job.found, &ended.outcome) {
        Ok(kept) => tell(notices, Notice::of_kept(job.task, ended, kept)).is_some(),
        Err(error) => {
            notices(Err(error.into()));
            false
        }
    }
}

/// `None`: nobody listens any more.
fn tell(notices: &Notices, told: impl Iterator<Item = Notice>) -> Option<()> {
    for notice in told {
        if !notices(Ok(notice)) {
            return None;
        }
    }
    Some(())
}

fn receive<T>(receiver: &Mutex<Receiver<T>>) -> Option<T> {
    let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
    receiver.recv().ok()
}
