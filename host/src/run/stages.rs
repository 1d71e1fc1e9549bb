//! [`Stages`]: a pool that runs what its tasks wait for first.
//!
//! A stage is the tasks whose inputs are artifacts of other tasks, and these are a stage
//! before it. A stage begins when its inputs are in the store, and takes them from there,
//! on whatever worker: nothing is handed on in memory, and a run that was killed between
//! two stages, or in one, goes on with what the store has. What has to be made is asked
//! of the store alone, so that nothing waits for inputs whose result is there already.
//!
//! Tasks that are known to come next ([`Tasks::ahead`]) have their inputs made beside the
//! last stage: the worker that puts a model together is not waited for by all others.

use std::cell::RefCell;
use std::collections::HashSet;
use std::ops::ControlFlow;

use super::event::Event;
use super::pool::{Pool, PoolEvent};
use super::record::Record;
use super::tasks::{JointTasks, SingleTask, Tasks};
use crate::digest::Digest;
use crate::store::StoreError;
use crate::task::{FinishedFits, WantedFits};

/// Tasks that are looked up at a time.
const LOOKED_UP: usize = 256;

/// A pool that runs the inputs of tasks ([`Tasks::inputs`]) before them.
#[derive(Debug)]
pub struct Stages<P: ?Sized> {
    record: Record,
    /// The ids of the parts that were made ahead, which are not made again, however fresh
    /// everything is to be.
    made_ahead: RefCell<HashSet<Digest>>,
    pool: Box<P>,
}

impl<P: Pool + ?Sized> Stages<P> {
    /// The stages of tasks on a pool, whose results `record` keeps.
    pub fn new(pool: Box<P>, record: Record) -> Self {
        Self {
            record,
            made_ahead: RefCell::default(),
            pool,
        }
    }

    /// The inputs of those tasks whose results the record lacks.
    fn inputs(&self, tasks: &dyn Tasks) -> Result<Vec<SingleTask>, StoreError> {
        let waiting = (0..tasks.len()).filter(|&index| !tasks.cuts(index).is_empty());
        let waiting: Vec<usize> = waiting.collect();
        let mut inputs = Vec::new();
        for some in waiting.chunks(LOOKED_UP) {
            let wanted: Vec<WantedFits> = some.iter().map(|&index| tasks.wanted(index)).collect();
            for (&index, found) in some.iter().zip(self.record.look(&wanted)?) {
                if !found.missing.is_empty() {
                    inputs.append(&mut tasks.inputs(index));
                }
            }
        }
        let made = self.made_ahead.borrow();
        inputs.retain(|input| !made.contains(&input.wanted_fits().task));
        Ok(inputs)
    }
}

impl<P: Pool + ?Sized> Pool for Stages<P>
where
    P::Error: From<StoreError>,
{
    type Error = P::Error;

    fn workers(&self) -> usize {
        self.pool.workers()
    }

    fn run(
        &self,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
    ) -> Result<(), P::Error> {
        let inputs = self.inputs(tasks)?;
        // A part that failed is no more than one that is not there: the task that waits for
        // it meets the same fault. Then nothing is made ahead.
        let mut failed = false;
        if !inputs.is_empty() {
            if report(parts_started(&inputs, false)).is_break() {
                return Ok(());
            }
            let mut stopped = false;
            self.pool.run(&inputs, &mut |event| {
                failed |= is_fault(&event);
                let flow = report(of_part(event, 0));
                stopped |= flow.is_break();
                flow
            })?;
            if stopped {
                return Ok(());
            }
        }
        let ahead = match failed {
            true => Vec::new(),
            false => self.inputs(&tasks.ahead())?,
        };
        if ahead.is_empty() {
            return self.pool.run(tasks, report);
        }
        if report(parts_started(&ahead, true)).is_break() {
            return Ok(());
        }
        let both = JointTasks::new(vec![tasks, &ahead]);
        self.pool.run(&both, &mut |event| {
            if let PoolEvent::Finished { task, .. } = &event
                && let Some(part) = task.checked_sub(tasks.len())
                && !is_fault(&event)
            {
                let id = ahead[part].wanted_fits().task;
                self.made_ahead.borrow_mut().insert(id);
            }
            report(of_part(event, tasks.len()))
        })
    }
}

fn parts_started(parts: &[SingleTask], ahead: bool) -> PoolEvent {
    let parts = parts.len();
    Event::PartsStarted { parts, ahead }.into()
}

fn is_fault(event: &PoolEvent) -> bool {
    matches!(event, PoolEvent::Finished { finished, .. } if finished.outcome.result.is_err())
}

/// What a pool reports of tasks behind which parts stand, from index `first`: of these,
/// what listeners are told of a part.
fn of_part(event: PoolEvent, first: usize) -> PoolEvent {
    match event {
        PoolEvent::Started { task, worker, .. } if task >= first => PoolEvent::Other {
            worker: Some(worker),
            event: Event::PartStarted { part: task - first },
        },
        PoolEvent::Finished { task, finished } if task >= first => {
            let FinishedFits {
                outcome, worker, ..
            } = finished;
            PoolEvent::Other {
                worker,
                event: Event::PartFinished {
                    part: task - first,
                    fault: outcome.result.err(),
                    wall: outcome.wall,
                    reused: outcome.reused,
                },
            }
        }
        other => other,
    }
}
