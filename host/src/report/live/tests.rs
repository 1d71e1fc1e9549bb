use std::time::Duration;

use serde_json::json;

use super::*;
use crate::run::event::example::{run_started, task_failed, task_finished};

/// Events at their seconds, by their workers.
fn stamped(events: Vec<(u64, Option<&str>, Event)>) -> Vec<StampedEvent> {
    let events = events.into_iter().enumerate();
    let stamp =
        |(sequence, (second, worker, event)): (usize, (u64, Option<&str>, Event))| StampedEvent {
            sequence: sequence as u64,
            time_us: second * 1_000_000,
            worker: worker.map(Into::into),
            event,
        };
    events.map(stamp).collect()
}

fn started(task: usize, fits: usize) -> Event {
    Event::TaskStarted {
        task,
        split: 1,
        target: 0,
        trainer: "random_forest".into(),
        fits,
        cost: fits as f64,
    }
}

fn scored(candidate: usize, mean: Option<f64>) -> Event {
    Event::CandidateScored {
        target: 0,
        candidate,
        mean,
        std: Some(0.01),
        fit_time: Some(0.5),
        params: Arc::new([("max_depth".to_owned(), candidate.into())].into()),
    }
}

#[test]
fn fits_are_counted_by_how_they_ended() {
    let state = RunState::after(&stamped(vec![
        (0, None, run_started(75)),
        (1, Some("worker-0"), task_finished(25, Some(0.5), false)),
        (1, None, task_finished(10, Some(0.5), true)),
        (
            2,
            Some("worker-1"),
            task_failed(5, TaskFault::StackOverflowed),
        ),
    ]));
    assert_eq!((state.done, state.reused, state.failed), (40, 10, 5));
    assert_eq!((state.models, state.shared), (1, 24));
    assert_eq!(state.failures["stack_overflowed"].fits, 5);
    assert_eq!(state.splits, [40, 0, 0]);
    assert_eq!(state.workers["worker-0"].fits, 25);
    assert!(!state.workers.contains_key("local"));
    assert_eq!(state.phase, Phase::Searching);
    assert_eq!(
        serde_json::to_value(&state.phase).unwrap(),
        json!({"phase": "searching"})
    );
}

#[test]
fn the_best_candidates_are_kept_in_order() {
    let means = [0.5, 0.7, 0.6, f64::NAN, 0.7, 0.1, 0.65, 0.8];
    let mean = |mean: f64| Some(mean).filter(|mean| mean.is_finite());
    let events = means.into_iter().enumerate();
    let events = events.map(|(index, score)| (index as u64, None, scored(index, mean(score))));
    let started = (0, None, run_started(75));
    let state = RunState::after(&stamped(std::iter::once(started).chain(events).collect()));
    let best = state.targets[0].best.iter();
    let best: Vec<usize> = best.map(|ranked| ranked.candidate).collect();
    // Of equals the first in the plan's order.
    assert_eq!(best, [7, 1, 4, 6, 2]);
    assert_eq!(state.targets[0].scored, 8);
    assert_eq!(state.targets[0].best[0].since_us, 7_000_000);
}

#[test]
fn a_worker_runs_what_it_began_and_did_not_end() {
    let worker = Some("worker-0");
    let mut events = vec![
        (0, None, run_started(75)),
        (1, worker, started(0, 25)),
        // That task 0 ended was lost.
        (3, worker, started(1, 25)),
    ];
    let state = RunState::after(&stamped(events.clone()));
    let running = &state.workers["worker-0"].running;
    assert_eq!(running.len(), 1);
    assert_eq!(running[0].since_us, 3_000_000);
    assert!(matches!(running[0].work, Work::Task { task: 1, .. }));
    events.push((4, worker, Event::WorkerJoined { slots: 2 }));
    events.push((5, worker, started(2, 25)));
    assert_eq!(
        RunState::after(&stamped(events.clone())).workers["worker-0"]
            .running
            .len(),
        2
    );
    events.push((6, worker, Event::WorkerLeft { silent: true }));
    assert!(RunState::after(&stamped(events)).workers.is_empty());
}

#[test]
fn the_time_left_follows_what_tasks_of_such_cost_took() {
    let at = |events: &[(u64, Option<&str>, Event)], second: u64| {
        let state = RunState::after(&stamped(events.to_vec()));
        state.time_left(second * 1_000_000)
    };
    // 75 fits of cost 1 each, two workers.
    let mut events = vec![
        (0, None, run_started(75)),
        (0, Some("worker-0"), started(0, 25)),
    ];
    assert_eq!(at(&events, 1), None);
    // What the store had says nothing of the pace.
    events.push((1, None, task_finished(25, None, true)));
    assert_eq!(at(&events, 1), None);
    // 25 took a second, 25 are left, of two workers' time.
    events.push((1, Some("worker-0"), task_finished(25, None, false)));
    assert_eq!(at(&events, 1), Some(Duration::from_millis(500)));
    // As one task they take as long as it.
    events.push((1, Some("worker-1"), started(2, 25)));
    assert_eq!(at(&events, 1), Some(Duration::from_secs(1)));
    let late = at(&events, 2);
    assert_eq!(late, Some(Duration::ZERO));
    events.push((9, Some("worker-1"), task_finished(25, None, false)));
    assert_eq!(at(&events, 9), Some(Duration::ZERO));
}

#[test]
fn a_second_attempt_begins_anew_and_a_second_stage_counts_its_own() {
    let first = stamped(vec![
        (0, None, run_started(75)),
        (1, Some("worker-0"), task_finished(25, None, false)),
    ]);
    let second = stamped(vec![(9, None, run_started(30))]);
    let state = RunState::after(first.iter().chain(&second));
    assert_eq!((state.done, state.fits, state.workers.len()), (0, 30, 0));
    let mut stage = second.clone();
    stage[0].sequence = 2;
    let state = RunState::after(first.iter().chain(&stage));
    assert_eq!((state.done, state.fits, state.workers.len()), (0, 30, 1));
}

#[test]
fn the_end_is_told() {
    let ended = |failure: Option<&str>| {
        let failure = failure.map(str::to_owned);
        RunState::after(&stamped(vec![
            (0, None, run_started(75)),
            (1, Some("worker-0"), started(0, 25)),
            (2, None, Event::RunClosed { failure }),
        ]))
    };
    let state = ended(Some("the disk is full"));
    assert!(state.is_closed() && state.workers["worker-0"].running.is_empty());
    let phase = serde_json::to_value(&state.phase).unwrap();
    assert_eq!(
        phase,
        json!({"phase": "closed", "failure": "the disk is full"})
    );
    assert!(ended(None).is_closed());
}
