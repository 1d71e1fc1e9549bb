//! [`WorkerThreads`]: the threads of a pool, from the first task to the last
//! report.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::feed::{Reports, TaskFeed};
use super::grouped::GroupedTasks;
use super::reports;
use super::{PoolContext, PoolError};
use crate::run::pool::PoolEvent;
use crate::run::tasks::Tasks;

/// How many threads, and of which kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct WorkerThreads {
    pub(super) workers: usize,
    /// Bytes of a worker's stack.
    pub(super) stack: usize,
    /// Whether the store is behind a network.
    pub(super) remote_store: bool,
}

impl WorkerThreads {
    /// Runs `body` in every worker, each with a feed of its own, and calls
    /// `report` on the calling thread.
    pub(super) fn run(
        &self,
        context: &PoolContext,
        tasks: &dyn Tasks,
        report: &mut dyn FnMut(PoolEvent) -> ControlFlow<()>,
        body: &(dyn Fn(&TaskFeed<'_>) + Sync),
    ) -> Result<(), PoolError> {
        let grouped = GroupedTasks::new(tasks.groups());
        let (sender, receiver) = reports::channel();
        let reports: Reports = Arc::new(move |event| sender.send(event));
        std::thread::scope(|scope| {
            let (record, cancel) = (&context.record, &context.cancel);
            let feed = if self.remote_store {
                TaskFeed::remote(scope, tasks, record, cancel, reports)?
            } else {
                TaskFeed::local(tasks, record, cancel, reports, &grouped)
            };
            for number in 0..self.workers.min(tasks.busy_workers()) {
                let name = format!("worker-{number}");
                let feed = feed.of_worker(&name);
                std::thread::Builder::new()
                    .name(name)
                    .stack_size(self.stack)
                    .spawn_scoped(scope, move || body(&feed))
                    .map_err(PoolError::Worker)?;
            }
            // The channel ends when the last worker drops its feed.
            drop(feed);
            let mut ended = Ok(());
            'run: while let Some(reports) = receiver.receive() {
                for event in reports {
                    let flow = match event {
                        Ok(event) => report(event),
                        Err(error) => {
                            ended = Err(error);
                            ControlFlow::Break(())
                        }
                    };
                    if flow.is_break() {
                        context.cancel.cancel();
                        break 'run;
                    }
                }
            }
            // Workers that send after this find no receiver, and end.
            drop(receiver);
            ended
        })
    }
}
