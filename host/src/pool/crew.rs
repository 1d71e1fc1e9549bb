//! [`Crew`]: the threads of a pool, from the first task to the last notice.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;

use super::ahead::{Desk, Notices};
use super::{Notice, PoolError, Tasks, Work};

/// Notices that wait for the run to take note of them. The run is faster
/// than any worker; the bound keeps a slow listener from filling memory.
const WAITING: usize = 1024;

/// How many threads, and of which kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crew {
    pub(super) workers: usize,
    /// Bytes of a worker's stack.
    pub(super) stack: usize,
    /// Whether the store takes its time.
    pub(super) far: bool,
}

impl Crew {
    /// Runs `body` in every worker, each at its own place at the desk, and
    /// tells `noticed` on the calling thread what comes of it.
    pub(super) fn run(
        &self,
        work: &Work,
        tasks: &dyn Tasks,
        noticed: &mut dyn FnMut(Notice) -> ControlFlow<()>,
        body: &(dyn Fn(&Desk<'_>) + Sync),
    ) -> Result<(), PoolError> {
        let next = AtomicUsize::new(0);
        let (send, receive) = sync_channel(WAITING);
        let send: Notices = Arc::new(move |notice| send.send(notice).is_ok());
        std::thread::scope(|scope| {
            let (record, cancel) = (&work.record, &work.cancel);
            let desk = if self.far {
                Desk::far(scope, tasks, record, cancel, send)?
            } else {
                Desk::near(tasks, record, cancel, send, &next)
            };
            for number in 0..self.workers.min(tasks.len()) {
                let desk = desk.clone();
                std::thread::Builder::new()
                    .name(format!("worker-{number}"))
                    .stack_size(self.stack)
                    .spawn_scoped(scope, move || body(&desk))
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
                    work.cancel.cancel();
                    break;
                }
            }
            // Whoever waits to send finds no receiver and ends.
            drop(receive);
            ended
        })
    }
}
