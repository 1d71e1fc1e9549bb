//! [`WorkerThreads`]: the threads of a pool, from the first task to the last
//! report.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::feed::{Reports, TaskFeed};
use super::grouped::GroupedTasks;
use super::reports::{self, Report};
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
            'run: while let Some(mut reports) = receiver.receive() {
                leave_out_begun(&mut reports);
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

/// Leaves out that tasks began which ended as well: where there are many short tasks, that
/// halves what listeners are told.
fn leave_out_begun(reports: &mut Vec<Report>) {
    let ended = reports.iter().filter_map(|report| match report {
        Ok(PoolEvent::Finished { task, finished }) if finished.worker.is_some() => Some(*task),
        _ => None,
    });
    let ended: HashSet<usize> = ended.collect();
    if !ended.is_empty() {
        reports.retain(|report| match report {
            Ok(PoolEvent::Started { task, .. }) => !ended.contains(task),
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{FinishedFits, Outcome, TaskFault, TaskUsage};
    use std::time::Duration;

    fn started(task: usize) -> Report {
        Ok(PoolEvent::Started {
            task,
            worker: "worker-0".into(),
            fits: 1,
        })
    }

    /// `None` where the store had them.
    fn finished(task: usize, worker: Option<&str>) -> Report {
        let outcome = Outcome {
            result: Err(TaskFault::StackOverflowed),
            wall: Duration::ZERO,
            reused: false,
        };
        let finished = FinishedFits {
            positions: vec![0],
            outcome,
            worker: worker.map(Into::into),
            usage: TaskUsage::default(),
        };
        Ok(PoolEvent::Finished { task, finished })
    }

    #[test]
    fn that_a_task_began_is_left_out_once_it_ended() {
        let here = Some("worker-0");
        let mut reports = vec![
            started(0),
            finished(0, here),
            finished(1, None),
            started(1),
            finished(2, here),
        ];
        leave_out_begun(&mut reports);
        let left = reports.iter().map(|report| match report {
            Ok(PoolEvent::Started { task, .. }) => (*task, "started"),
            Ok(PoolEvent::Finished { task, .. }) => (*task, "finished"),
            other => panic!("{other:?}"),
        });
        let left: Vec<_> = left.collect();
        // Of task 1 a part was found, and the rest is being made.
        let expected = [
            (0, "finished"),
            (1, "finished"),
            (1, "started"),
            (2, "finished"),
        ];
        assert_eq!(left, expected);
    }
}
