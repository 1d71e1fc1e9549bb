//! Events of made-up runs, for tests.

use std::time::Duration;

use super::Event;
use crate::digest::Digest;
use crate::task::TaskFault;

/// A run of so many fits, on three splits, in tasks of 25.
pub(crate) fn run_started(fits: usize) -> Event {
    Event::RunStarted {
        run: Digest::of(b"run"),
        targets: 1,
        candidates: fits / 3,
        splits: 3,
        fits,
        tasks: fits / 25,
        workers: 2,
        name: "flights".to_owned(),
        metric: "roc_auc".to_owned(),
        target_metrics: vec!["roc_auc".to_owned()],
        target_names: vec!["cancelled".to_owned()],
        target_runs: vec![Digest::of(b"run")],
        trainers: vec!["random_forest".into()],
        trainer_fits: vec![fits],
        trainer_costs: vec![fits as f64],
    }
}

/// The begin of a task of one fit.
pub(crate) fn task_started(task: usize) -> Event {
    Event::TaskStarted {
        task,
        split: 0,
        target: 0,
        trainer: "random_forest".into(),
        fits: 1,
        cost: 1.0,
    }
}

/// The end of so many fits of one model, after a second.
pub(crate) fn task_finished(fits: usize, best: Option<f64>, reused: bool) -> Event {
    Event::TaskFinished {
        task: 0,
        split: 0,
        fits,
        models: 1,
        fault: None,
        wall: Duration::from_secs(1),
        reused,
        best,
        target: 0,
        trainer: "random_forest".into(),
        cost: fits as f64,
        started_us: None,
        load: None,
        cpu: None,
        memory: None,
    }
}

/// The same of fits that failed.
pub(crate) fn task_failed(fits: usize, with: TaskFault) -> Event {
    let mut event = task_finished(fits, None, false);
    if let Event::TaskFinished { models, fault, .. } = &mut event {
        (*models, *fault) = (0, Some(with));
    }
    event
}
