//! [`Stages`]: a pool that runs what its tasks wait for first.
//!
//! A stage is the tasks whose inputs are artifacts of other tasks, and these are a stage
//! before it. A stage begins when its inputs are in the store, and takes them from there,
//! on whatever worker: nothing is handed on in memory, and a run that was killed between
//! two stages, or in one, goes on with what the store has. What has to be made is asked
//! of the store alone, so that nothing waits for inputs whose result is there already.

use std::ops::ControlFlow;

use super::event::Event;
use super::pool::{Pool, PoolEvent};
use super::record::Record;
use super::tasks::{SingleTask, Tasks};
use crate::store::StoreError;
use crate::task::{FinishedFits, WantedFits};

/// Tasks that are looked up at a time.
const LOOKED_UP: usize = 256;

/// A pool that runs the inputs of tasks ([`Tasks::inputs`]) before them.
#[derive(Debug)]
pub struct Stages<P: ?Sized> {
    record: Record,
    pool: Box<P>,
}

impl<P: Pool + ?Sized> Stages<P> {
    /// The stages of tasks on a pool, whose results `record` keeps.
    pub fn new(pool: Box<P>, record: Record) -> Self {
        Self { record, pool }
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
        if !inputs.is_empty() {
            let parts = inputs.len();
            if report(Event::PartsStarted { parts }.into()).is_break() {
                return Ok(());
            }
            let mut stopped = false;
            self.pool.run(&inputs, &mut |event| {
                // A part that failed is no more than one that is not there: the task that
                // waits for it meets the same fault.
                let flow = report(match event {
                    PoolEvent::Started { task, worker, .. } => PoolEvent::Other {
                        worker: Some(worker),
                        event: Event::PartStarted { part: task },
                    },
                    PoolEvent::Finished { task, finished } => of_part(task, finished),
                    other => other,
                });
                stopped |= flow.is_break();
                flow
            })?;
            if stopped {
                return Ok(());
            }
        }
        self.pool.run(tasks, report)
    }
}

fn of_part(part: usize, finished: FinishedFits) -> PoolEvent {
    let FinishedFits {
        outcome, worker, ..
    } = finished;
    PoolEvent::Other {
        worker,
        event: Event::PartFinished {
            part,
            fault: outcome.result.err(),
            wall: outcome.wall,
            reused: outcome.reused,
        },
    }
}
