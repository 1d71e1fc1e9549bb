use std::io;
use std::sync::{Arc, Mutex};

use super::*;
use crate::digest::Digest;
use crate::run::event::example::{
    run_started as started, task_failed as failed, task_finished as finished,
};
use crate::store::Key;
use crate::task::TaskFault;

/// Keeps what is written to it.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<String>>);

impl Paper {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap()
            .push_str(std::str::from_utf8(bytes).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines of a run with these events, each at its second, without a terminal.
fn plain_lines(events: &[(u64, Event)]) -> String {
    let paper = Paper::default();
    let mut progress = Progress::plain(paper.clone());
    for (second, event) in events {
        progress.on_event_at(event, None, second * 1_000_000);
    }
    paper.text()
}

#[test]
fn a_run_without_a_terminal_reads_like_this() {
    let wall = Duration::from_millis(420);
    let trap = || TaskFault::Trapped {
        message: "unreachable\n  0: grow\n  1: fit".to_owned(),
    };
    let text = plain_lines(&[
        (
            0,
            Event::DatasetPrepared {
                rows: 336_776,
                features: 11,
                reused: false,
                wall,
                columns: Vec::new(),
            },
        ),
        (
            0,
            Event::DatasetWarned {
                message: "`year` has one value".to_owned(),
            },
        ),
        (0, started(750)),
        (1, finished(250, None, false)),
        (5, failed(25, trap())),
        (5, failed(25, trap())),
        (6, finished(100, Some(0.7), false)),
        (40, finished(10, Some(0.75634), false)),
        (41, finished(340, Some(0.75634), false)),
        (
            41,
            Event::RunFinished {
                wall: Duration::from_secs(41),
            },
        ),
        (41, Event::RefitStarted),
    ]);
    assert_eq!(
        text,
        "\
dataset: 336,776 rows x 11 features, prepared in 0.420 s
warning: `year` has one value
750 fits: 250 candidates x 3 splits, in 30 tasks on 2 workers
failed: the guest trapped: unreachable
275 of 750 fits, 55/s, 9 s left, 25 failed
410 of 750 fits, 10/s, 34 s left, best roc_auc 0.7563, 50 failed
750 of 750 fits in 41.0 s, best roc_auc 0.7563, 50 failed
fitting the best candidate on all rows
"
    );
}

#[test]
fn parts_of_a_refit_that_are_fitted_ahead_are_told_apart() {
    let parts = |ahead| Event::PartsStarted { parts: 18, ahead };
    let wall = Duration::from_secs(19);
    let text = plain_lines(&[
        (0, started(1)),
        (0, parts(false)),
        (9, parts(true)),
        (10, finished(1, Some(0.75), false)),
        (19, Event::RunFinished { wall }),
        (19, Event::RefitStarted),
    ]);
    let lines: Vec<&str> = text.lines().skip(1).collect();
    let expected = [
        "fitting 18 parts of models",
        "fitting 18 parts of the refit, ahead",
        "1 of 1 fit in 19.0 s, best roc_auc 0.7500",
        "fitting the best candidate on all rows",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn many_fits_make_few_lines() {
    let events: Vec<_> = (0..100_000)
        .map(|i| (i / 1000, finished(1, Some(0.5), false)))
        .collect();
    let text = plain_lines(&[vec![(0, started(100_000))], events].concat());
    assert_eq!(text.lines().count(), 10, "{text}");
    assert!(
        text.contains("\n50,000 of 100,000 fits, 1,020/s, 49 s left, best"),
        "{text}"
    );
}

#[test]
fn fits_of_an_earlier_run_say_nothing_of_the_pace() {
    let wall = Duration::from_millis(30);
    let text = plain_lines(&[
        (
            0,
            Event::DatasetPrepared {
                rows: 1,
                features: 1,
                reused: true,
                wall,
                columns: Vec::new(),
            },
        ),
        (0, started(75)),
        (0, finished(25, Some(0.5), true)),
        (5, finished(5, Some(0.5), false)),
        (6, Event::RunInterrupted { done: 30, fits: 75 }),
    ]);
    assert_eq!(
        text,
        "\
dataset: 1 row x 1 feature, found in the store in 0.030 s
75 fits: 25 candidates x 3 splits, in 3 tasks on 2 workers
30 of 75 fits, 1.0/s, 45 s left, best roc_auc 0.5000, 25 reused
"
    );
}

#[test]
fn a_slow_pace_is_told_by_the_minute() {
    assert_eq!(pace(0.05, 9), ", 3.0/min, 3 min 00 s left");
    assert_eq!(pace(f64::INFINITY, 9), "");
}

#[test]
fn quiet_is_quiet() {
    let mut progress = Progress::quiet();
    progress.on_event_at(&started(75), None, 0);
    progress.on_event_at(&failed(25, TaskFault::StackOverflowed), None, 0);
    progress.on_event_at(&Event::RunInterrupted { done: 1, fits: 75 }, None, 0);
    assert_eq!(progress.done, 25);
}

#[test]
fn nothing_is_told_after_an_interruption() {
    let text = plain_lines(&[
        (0, started(75)),
        (1, Event::RunInterrupted { done: 0, fits: 75 }),
        (9, finished(25, Some(0.5), false)),
        (9, failed(25, TaskFault::StackOverflowed)),
    ]);
    assert_eq!(text.lines().count(), 1, "{text}");
}

/// With another key every part of a store is one.
#[test]
fn parts_without_an_hmac_are_named_a_few_times() {
    let unproven = |number| {
        let key = Key::part(&Digest::of(b"task"), number);
        (0, Event::ResultUnproven { key })
    };
    let events: Vec<_> = (0..100).map(unproven).collect();
    let text = plain_lines(&events);
    assert_eq!(text.matches("carries no valid HMAC").count(), UNPROVEN);
    assert_eq!(text.lines().count(), UNPROVEN + 1, "{text}");
    assert!(text.contains("FANOUT_STORE_KEY"), "{text}");
}

#[test]
fn an_endpoint_that_is_waited_for_is_named() {
    let endpoint = || "http://10.0.0.7:8000".to_owned();
    let text = plain_lines(&[
        (
            1,
            Event::EndpointLost {
                endpoint: endpoint(),
                reason: "connection refused".to_owned(),
                retry: Duration::from_secs(90),
            },
        ),
        (
            4,
            Event::EndpointAnswered {
                endpoint: endpoint(),
            },
        ),
    ]);
    assert_eq!(
        text,
        "\
the endpoint `http://10.0.0.7:8000` does not answer: connection refused; trying again until none \
         has answered for 1 min 30 s (`pool.retry`)
the endpoint `http://10.0.0.7:8000` answers again
"
    );
}
