//! [`Pool`]: the interface of what runs tasks, and [`PoolEvent`], what it
//! reports. The search is written against it; the pools themselves stand on a
//! floor above.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::event::Event;
use super::record::{Found, Kept};
use super::tasks::Tasks;
use crate::store::Key;
use crate::task::FinishedFits;

/// What a pool reports of the tasks that it runs.
#[derive(Clone, Debug, PartialEq)]
pub enum PoolEvent {
    /// A worker began with a task. Of a task that ends within milliseconds this may not be
    /// reported.
    Started {
        /// The task's index.
        task: usize,
        /// The worker.
        worker: Arc<str>,
        /// How many fits it makes.
        fits: usize,
    },
    /// Fits of a task ended, and the record has them. The fits of one task may
    /// be reported in parts: those that were found, and those that were made.
    Finished {
        /// The task's index.
        task: usize,
        /// Which fits, and how they ended.
        finished: FinishedFits,
    },
    /// Anything else, as listeners are told it.
    Other {
        /// The worker that it is about.
        worker: Option<Arc<str>>,
        /// What happened.
        event: Event,
    },
}

impl From<Event> for PoolEvent {
    fn from(event: Event) -> Self {
        Self::Other {
            worker: None,
            event,
        }
    }
}

impl PoolEvent {
    /// An event about a worker.
    pub fn of_worker(worker: &str, event: Event) -> Self {
        Self::Other {
            worker: Some(worker.into()),
            event,
        }
    }

    /// The events of a look-up. Takes the finished fits and the refused parts
    /// out of `found`.
    pub fn of_found(task: usize, found: &mut Found) -> impl Iterator<Item = Self> {
        let damaged = std::mem::take(&mut found.damaged);
        let unproven = std::mem::take(&mut found.unproven);
        let finished = std::mem::take(&mut found.finished);
        let finished = finished
            .into_iter()
            .map(move |finished| Self::Finished { task, finished });
        refused(damaged, unproven).map(Self::from).chain(finished)
    }

    /// The events of fits that were made and kept.
    pub fn of_kept(task: usize, finished: FinishedFits, kept: Kept) -> impl Iterator<Item = Self> {
        let refused = refused(kept.damaged, kept.unproven);
        let differing = kept.differing.into_iter();
        let differing = differing.map(|key| Event::ResultDiffered { key });
        let finished = std::iter::once(Self::Finished { task, finished });
        refused.chain(differing).map(Self::from).chain(finished)
    }
}

/// The events of parts that were not taken.
fn refused(damaged: Vec<Key>, unproven: Vec<Key>) -> impl Iterator<Item = Event> {
    let damaged = damaged.into_iter().map(|key| Event::ResultDamaged { key });
    let unproven = unproven.into_iter();
    damaged.chain(unproven.map(|key| Event::ResultUnproven { key }))
}

/// Runs tasks. A pool decides where and when; it never decides what a result
/// is, and it keeps no record: the store does.
pub trait Pool {
    /// Why the pool gave up. A task's fault is a result and none of these.
    type Error;

    /// How many tasks run at a time.
    fn workers(&self) -> usize;

    /// Runs all tasks, in any order, and reports on the calling thread; fits
    /// that finished, after the record has them. Ends early when `report`
    /// breaks or the run is cancelled; tasks under way are then dropped.
    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), Self::Error>;
}
