#![expect(
    clippy::print_stdout,
    reason = "a test in a process of its own tells what it measured"
)]

use std::process::Command;

use fanout_contract::Params;

use super::*;
use crate::run::event::example::{run_started, task_finished, task_started};
use crate::task::TaskFault;

/// Tasks of the run that is too large for any browser.
const MANY: usize = 100_000;

/// The most bytes by which a board makes the process larger: what `docs/dashboard.md` says.
const BOARD: u64 = 8 << 20;

/// The same where every text is as long as may be, and all that is kept is there.
const WORST: u64 = 32 << 20;

fn stamped(sequence: u64, worker: Option<usize>, event: Event) -> StampedEvent {
    StampedEvent {
        sequence,
        time_us: 1_700_000_000_000_000 + sequence * 1_000,
        worker: worker.map(|worker| format!("worker-{worker}").into()),
        event,
    }
}

fn scored(target: usize, candidate: usize, params: Params) -> Event {
    Event::CandidateScored {
        target,
        candidate,
        mean: Some((candidate % 1_009) as f64 / 1_009.0),
        std: Some(0.01),
        fit_time: Some(0.1),
        params: Arc::new(params),
    }
}

/// The events of a run of so many tasks on 8 workers, five of each candidate.
fn run_of(tasks: usize) -> impl Iterator<Item = StampedEvent> {
    let begun = std::iter::once(run_started(tasks));
    let each = (0..tasks).flat_map(move |task| {
        let mut told = vec![task_started(task), task_finished(1, None, false)];
        if let Event::TaskFinished { task: number, .. } = &mut told[1] {
            *number = task;
        }
        if task % 5 == 4 {
            let depth = (task / 5 % 30).into();
            let rate = (task as f64 / tasks as f64).into();
            let params = [("max_depth", depth), ("learning_rate", rate)];
            let params = params.map(|(name, value)| (name.to_owned(), value));
            told.push(scored(0, task / 5, params.into()));
        }
        told
    });
    let events = begun.chain(each).enumerate();
    events.map(|(at, event)| stamped(at as u64, Some(at % 8), event))
}

/// A run of which everything is as long as may be.
fn worst() -> impl Iterator<Item = StampedEvent> {
    let long = |at: usize| format!("{at:08}").repeat(2 * super::super::TEXT / 8);
    let mut begun = run_started(MANY);
    if let Event::RunStarted {
        target_names,
        target_metrics,
        ..
    } = &mut begun
    {
        *target_names = (0..200).map(|at| format!("target {at}")).collect();
        *target_metrics = vec!["roc_auc".to_owned(); 200];
    }
    let candidates = (0..200 * 200).map(|at| {
        let params = (0..32).map(|name| (format!("parameter_{name}"), (at + name).into()));
        scored(at % 200, at / 200, params.collect())
    });
    let notes = (0..1_000).map(move |at| Event::PlanWarned { message: long(at) });
    let failed = (0..1_000).map(move |at| {
        let mut failed = task_finished(1, None, false);
        if let Event::TaskFinished { fault, .. } = &mut failed {
            *fault = Some(match at % 2 {
                0 => TaskFault::Trapped { message: long(at) },
                _ => TaskFault::MalformedAnswer { message: long(at) },
            });
        }
        failed
    });
    let events = std::iter::once(begun).chain(candidates).chain(notes);
    let events = events.chain(failed).enumerate();
    events.map(|(at, event)| stamped(at as u64, Some(at % 500), event))
}

/// The bytes of memory that the process has.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.unwrap().trim().trim_end_matches(" kB");
    kilobytes.parse::<u64>().unwrap() << 10
}

/// In a process of its own: the other tests take memory, too.
#[test]
#[ignore = "run by `a_board_takes_no_more_than_is_said`"]
fn the_memory_of_boards() {
    // What is allocated once, whatever the run.
    let mut first = Board::new();
    run_of(100).for_each(|event| first.on_event(&event));
    let grown = |events: &mut dyn Iterator<Item = StampedEvent>| {
        let before = resident();
        let mut board = Board::new();
        events.for_each(|event| board.on_event(&event));
        let grown = resident().saturating_sub(before);
        let (told, scored) = (board.changes(0, 0), board.scored());
        println!(
            "measured {grown} {} {}",
            told.to_string().len(),
            scored.to_string().len()
        );
    };
    grown(&mut run_of(MANY));
    grown(&mut worst());
}

#[cfg(target_os = "linux")]
#[test]
fn a_board_takes_no_more_than_is_said() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let name = "dashboard::board::tests::the_memory_of_boards";
    command.args([name, "--exact", "--ignored", "--nocapture"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let measured = said
        .lines()
        .filter_map(|line| line.split_once("measured "))
        .map(|(_, numbers)| {
            let numbers = numbers.split(' ').map(|number| number.parse().unwrap());
            numbers.collect::<Vec<u64>>()
        });
    let measured: Vec<Vec<u64>> = measured.collect();
    let [many, worst] = measured.as_slice() else {
        panic!("{said}");
    };
    println!("a run of {MANY} tasks: {many:?}; the worst: {worst:?}");
    assert!(many[0] <= BOARD && many[1] <= 1 << 20, "{many:?}");
    assert!(worst[0] <= WORST && worst[1] <= 2 << 20, "{worst:?}");
}

#[test]
fn each_target_has_the_run_that_has_its_results() {
    let mut board = Board::new();
    let digest = |name: &str| Digest::of(name.as_bytes());
    let begin = |names: &[&str]| {
        let mut begun = run_started(75);
        if let Event::RunStarted {
            run,
            target_names,
            target_runs,
            ..
        } = &mut begun
        {
            *run = digest(names[0]);
            *target_names = names.iter().map(|name| (*name).to_owned()).collect();
            *target_runs = names.iter().map(|name| digest(name)).collect();
        }
        begun
    };
    board.on_event(&stamped(0, None, begin(&["late", "minutes"])));
    let had = board.version();
    // A target of a chain follows, and then a second stage of the first, whose run is another.
    board.on_event(&stamped(1, None, begin(&["diverted"])));
    let mut second = begin(&["late"]);
    if let Event::RunStarted { target_runs, .. } = &mut second {
        *target_runs = vec![digest("second stage")];
    }
    board.on_event(&stamped(2, None, second));
    let told = board.changes(had, 0);
    let runs = ["late", "minutes", "diverted"];
    let runs: Vec<_> = runs
        .iter()
        .map(|name| json!([name, digest(name)]))
        .collect();
    assert_eq!(told["outline"]["target_runs"], json!(runs));
    assert_eq!(told["outline"]["run"], json!(digest("late")));
}

#[test]
fn the_columns_of_the_table_are_told_before_the_run_begins() {
    let mut board = Board::new();
    let column = DataColumn {
        name: "x".repeat(10_000),
        role: fanout_contract::Role::Feature,
        reads: "number".to_owned(),
        missing: 2,
        distinct: 9,
        exact: true,
        range: Some(["0".to_owned(), "8".to_owned()]),
    };
    let prepared = Event::DatasetPrepared {
        rows: 10,
        features: 1,
        reused: false,
        wall: Duration::from_secs(1),
        columns: vec![column],
    };
    board.on_event(&stamped(0, None, prepared));
    let data = &board.changes(0, 0)["data"];
    assert_eq!((&data["rows"], &data["features"]), (&json!(10), &json!(1)));
    let told = &data["columns"][0];
    assert_eq!(told["range"], json!(["0", "8"]));
    let name = told["name"].as_str().unwrap();
    assert_eq!(name.chars().count(), super::super::TEXT + 1);
    // Who has it is not told again.
    let had = board.version();
    board.on_event(&stamped(1, None, run_started(75)));
    assert!(board.changes(had, 0).get("data").is_none());
}

#[test]
fn an_endpoint_that_is_waited_for_is_a_note_of_the_run() {
    let mut board = Board::new();
    let endpoint = "http://10.0.0.7:8000";
    let lost = Event::EndpointLost {
        endpoint: endpoint.to_owned(),
        reason: "connection refused".to_owned(),
        retry: Duration::from_secs(120),
    };
    let answered = Event::EndpointAnswered {
        endpoint: endpoint.to_owned(),
    };
    board.on_event(&stamped(0, None, lost));
    board.on_event(&stamped(1, None, answered));
    let notes = &board.changes(0, 0)["notes"];
    let text = |notes: &Value| notes[0]["text"].as_str().unwrap().to_owned();
    let lost = format!("the endpoint `{endpoint}` does not answer: connection refused");
    assert!(text(&notes["warnings"]).starts_with(&lost), "{notes}");
    let answers = format!("the endpoint `{endpoint}` answers again");
    assert_eq!(text(&notes["latest"]), answers);
}
