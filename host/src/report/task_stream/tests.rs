use super::*;

const BEGIN: u64 = 1_700_000_000_000_000;

fn span(worker: &str, task: usize, start_us: u64, fit_us: u64) -> TaskSpan<'_> {
    TaskSpan {
        worker,
        label: TaskLabel {
            task,
            split: 0,
            target: 0,
            trainer: "random_forest",
        },
        started_us: Some(BEGIN + start_us),
        ended_us: BEGIN + start_us + fit_us,
        load_us: 0,
        fit_us,
        fits: 2,
        failed: false,
        memory: 1 << 20,
        cpu_us: fit_us,
    }
}

fn stream() -> TaskStream {
    let mut stream = TaskStream::new();
    stream.begin(BEGIN);
    stream
}

/// A column of all segments.
fn column(stream: &TaskStream, column: usize) -> Vec<u64> {
    let rows = stream.snapshot();
    let rows = rows["segments"].as_array().unwrap().iter();
    rows.map(|row| row[column].as_u64().unwrap()).collect()
}

#[test]
fn tasks_of_a_worker_stand_one_after_the_other_in_its_lane() {
    let mut stream = stream();
    stream.finished(1, &span("a", 0, 0, 50_000));
    stream.finished(2, &span("b", 1, 0, 60_000));
    let mut failed = span("a", 2, 55_000, 10_000);
    (failed.failed, failed.load_us) = (true, 3_000);
    stream.finished(3, &failed);
    let told = stream.snapshot();
    assert_eq!(told["lanes"], json!(["a", "b"]));
    assert_eq!(told["end_us"], 65_000);
    let rows = json!([
        [
            0,
            0,
            0,
            50_000,
            0,
            50_000,
            0,
            1,
            0,
            2,
            1 << 20,
            50_000,
            0,
            0,
            0,
            0
        ],
        [
            1,
            1,
            0,
            60_000,
            0,
            60_000,
            0,
            1,
            0,
            2,
            1 << 20,
            60_000,
            1,
            0,
            0,
            0
        ],
        [
            2,
            0,
            55_000,
            10_000,
            3_000,
            0,
            10_000,
            1,
            1,
            2,
            1 << 20,
            10_000,
            2,
            0,
            0,
            0
        ],
    ]);
    assert_eq!(told["segments"], rows);
}

#[test]
fn tasks_at_the_same_time_on_one_worker_have_lanes_of_their_own() {
    let mut stream = stream();
    let label = span("a", 0, 0, 0).label;
    stream.started(1, "a", BEGIN, label);
    stream.started(2, "a", BEGIN + 5, TaskLabel { task: 1, ..label });
    let told = stream.snapshot();
    assert_eq!(told["lanes"], json!(["a", "a #2"]));
    assert_eq!(
        told["running"],
        json!([[0, 0, 0, 0, 0, 0], [1, 5, 1, 0, 0, 0]])
    );
    stream.finished(3, &span("a", 0, 0, 50_000));
    stream.finished(4, &span("a", 1, 5, 60_000));
    stream.finished(5, &span("a", 2, 61_000, 10_000));
    assert_eq!(column(&stream, 1), [0, 1, 0]);
    assert_eq!(stream.snapshot()["running"], json!([]));
}

#[test]
fn a_task_whose_end_is_told_late_takes_no_lane_from_the_next() {
    let mut stream = stream();
    let mut late = span("a", 0, 0, 50_000);
    late.ended_us += 30_000;
    stream.finished(1, &late);
    stream.finished(2, &span("a", 1, 51_000, 10_000));
    assert_eq!(column(&stream, 1), [0, 0]);
    assert_eq!(column(&stream, 3), [50_000, 10_000]);
}

#[test]
fn a_reader_that_has_a_version_gets_what_changed_since() {
    let mut stream = stream();
    stream.finished(1, &span("a", 0, 0, 10));
    stream.finished(2, &span("a", 1, 10, 10));
    let told = stream.changes(1);
    assert_eq!(told["reset"], false);
    assert_eq!(told["segments"].as_array().unwrap().len(), 1);
    assert_eq!(told["segments"][0][0], 1);
    assert_eq!(stream.changes(2)["segments"], json!([]));
}

/// What a reader holds after it was told of changes.
fn tell(held: &mut BTreeMap<u64, Value>, changes: &Value) {
    if changes["reset"] == true {
        held.clear();
    }
    for row in changes["segments"].as_array().unwrap() {
        held.insert(row[0].as_u64().unwrap(), row.clone());
    }
}

#[test]
fn a_hundred_thousand_tasks_stay_within_the_bound_and_no_time_is_lost() {
    let mut stream = stream();
    let (mut fit, mut held, mut had) = (0, BTreeMap::new(), 0);
    for task in 0..100_000_u64 {
        let worker = format!("worker-{}", task % 4);
        let took = 500 + task * 7 % 3_000;
        let mut span = span(&worker, task as usize, task / 4 * 4_000, took);
        span.failed = task % 1_000 == 0;
        fit += took;
        stream.finished(task + 1, &span);
        assert!(stream.segments.len() <= SEGMENTS);
        // A reader that comes now and then.
        if task % 1_017 == 0 {
            tell(&mut held, &stream.changes(had));
            had = task + 1;
        }
    }
    tell(&mut held, &stream.changes(had));
    let sum = |index| column(&stream, index).iter().sum::<u64>();
    assert_eq!(sum(7), 100_000);
    assert_eq!(sum(8), 100);
    assert_eq!(sum(9), 200_000);
    assert_eq!(sum(5) + sum(6), fit);
    // What the reader put together is what there is.
    let all = stream.snapshot();
    let held: Vec<Value> = held.into_values().collect();
    assert_eq!(Value::from(held), all["segments"]);
    // docs/dashboard.md says so.
    let bytes = all.to_string().len();
    assert!(bytes < 400_000, "{bytes}");
    assert!(size_of::<Segment>() <= 136, "{}", size_of::<Segment>());
}

#[test]
fn workers_without_end_share_the_last_lane() {
    let mut stream = stream();
    for task in 0..5_000 {
        let worker = format!("worker-{task}");
        stream.finished(task as u64 + 1, &span(&worker, task, task as u64 * 100, 90));
    }
    let told = stream.snapshot();
    let lanes = told["lanes"].as_array().unwrap();
    assert_eq!(lanes.len(), LANES);
    assert_eq!(lanes[LANES - 1], "other workers");
    assert!(stream.by_worker.len() <= LANES);
    assert_eq!(column(&stream, 7).iter().sum::<u64>(), 5_000);
}

#[test]
fn what_comes_after_the_search_does_not_lengthen_it() {
    let mut stream = stream();
    let mut tell = |version: u64, after_us: u64, event: Event| {
        let time_us = BEGIN + after_us;
        let (sequence, worker) = (version, None);
        stream.on_event(
            version,
            &StampedEvent {
                sequence,
                time_us,
                worker,
                event,
            },
        );
        stream.snapshot()["end_us"].as_u64().unwrap()
    };
    let wall = std::time::Duration::from_micros(70_000);
    assert_eq!(tell(1, 70_000, Event::RunFinished { wall }), 70_000);
    // Behind a refit.
    assert_eq!(tell(2, 900_000, Event::RunClosed { failure: None }), 70_000);
}
