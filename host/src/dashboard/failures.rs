//! [`Failures`]: the failed tasks of a run by their kind, with the first messages of each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::clipped;
use crate::report::task_stream::TaskLabel;
use crate::task::TaskFault;

/// The most messages of a kind of failure that are kept: the first.
const MESSAGES: usize = 20;

/// The failures of one kind.
#[derive(Debug, Default, Serialize)]
struct Failure {
    fits: u64,
    tasks: u64,
    /// What to do about it.
    remedy: Option<&'static str>,
    messages: Vec<FailureMessage>,
    /// Messages that were not kept.
    more: u64,
}

#[derive(Debug, Serialize)]
struct FailureMessage {
    message: String,
    times: u64,
    /// The first task that failed so.
    task: usize,
    split: u32,
    target: usize,
    trainer: String,
    worker: Option<String>,
}

/// By kind; the kinds are few.
#[derive(Debug, Default, Serialize)]
pub(super) struct Failures(BTreeMap<&'static str, Failure>);

impl Failures {
    /// Counts the fits of a task that failed, on a worker.
    pub(super) fn add(
        &mut self,
        fault: &TaskFault,
        label: TaskLabel<'_>,
        fits: usize,
        worker: Option<&str>,
    ) {
        let failure = self.0.entry(fault.kind()).or_default();
        failure.fits += fits as u64;
        failure.tasks += 1;
        failure.remedy = fault.remedy();
        let message = clipped(fault.to_string());
        let mut messages = failure.messages.iter_mut();
        if let Some(known) = messages.find(|known| known.message == message) {
            known.times += 1;
        } else if failure.messages.len() < MESSAGES {
            failure.messages.push(FailureMessage {
                message,
                times: 1,
                task: label.task,
                split: label.split,
                target: label.target,
                trainer: label.trainer.to_owned(),
                worker: worker.map(ToOwned::to_owned),
            });
        } else {
            failure.more += 1;
        }
    }
}
