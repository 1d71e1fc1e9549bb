//! What a terminal shows of a run, through a pseudo-terminal: made-up events at three
//! widths, held against files beside this one (`FANOUT_BLESS=1` writes them anew), and real
//! runs.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use fanout::digest::Digest;
use fanout::report::progress::{Appearance, Progress};
use fanout::run::event::{Event, Listener as _, StampedEvent};
use fanout::task::TaskFault;
use serde_json::json;

use crate::program::{Fanout, example, text};
use pty::Pty;

pub(crate) mod pty;

/// The second of the events at which the views are drawn.
const NOW: u64 = 1000;

fn appearance(color: bool, unicode: bool) -> Appearance {
    Appearance {
        color,
        unicode,
        clock: || NOW * 1_000_000,
    }
}

/// Events at their seconds, by their workers.
type Told = Vec<(f64, Option<&'static str>, Event)>;

fn fold(progress: &mut Progress, told: Told) {
    for (sequence, (second, worker, event)) in told.into_iter().enumerate() {
        progress.on_event(&StampedEvent {
            sequence: sequence as u64,
            time_us: (second * 1e6) as u64,
            worker: worker.map(Into::into),
            event,
        });
    }
}

fn started(fits: usize, targets: &[&str], trainers: &[&str]) -> Event {
    let each = fits / trainers.len();
    Event::RunStarted {
        run: Digest::of(b"run"),
        targets: targets.len(),
        candidates: fits / 3,
        splits: 3,
        fits,
        tasks: fits / 25,
        workers: 4,
        name: "flights".to_owned(),
        metric: "roc_auc".to_owned(),
        target_metrics: targets.iter().map(|_| "roc_auc".to_owned()).collect(),
        target_names: targets.iter().map(|name| (*name).to_owned()).collect(),
        target_runs: Vec::new(),
        trainers: trainers.iter().map(|name| Arc::from(*name)).collect(),
        trainer_fits: vec![each; trainers.len()],
        trainer_costs: vec![each as f64; trainers.len()],
    }
}

fn begun(task: usize, target: usize, trainer: &str, fits: usize) -> Event {
    Event::TaskStarted {
        task,
        split: task as u32 % 3,
        target,
        trainer: trainer.into(),
        fits,
        cost: fits as f64,
    }
}

fn finished(task: usize, fits: usize, fault: Option<TaskFault>, reused: bool) -> Event {
    Event::TaskFinished {
        task,
        split: 0,
        fits,
        models: u32::from(fault.is_none()),
        fault,
        wall: Duration::from_secs(fits as u64),
        reused,
        best: None,
        target: 0,
        trainer: "random_forest".into(),
        cost: fits as f64,
        started_us: None,
        load: None,
        cpu: None,
        memory: Some(118_000_000),
    }
}

fn scored(target: usize, candidate: usize, mean: f64, depth: u32) -> Event {
    let params = [
        ("criterion", json!("log_loss")),
        ("max_depth", json!(depth)),
        ("max_features", json!("sqrt")),
        ("n_estimators", json!(100)),
        ("trainer", json!("random_forest")),
    ];
    let params = params.map(|(name, value)| (name.to_owned(), value));
    Event::CandidateScored {
        target,
        candidate,
        mean: Some(mean),
        std: Some(0.0123),
        fit_time: Some(0.5),
        params: Arc::new(params.into()),
    }
}

/// A search of two trainers by four workers, half done.
fn search() -> Told {
    let workers = ["worker-0", "worker-1", "worker-2", "worker-10"];
    let mut told: Told = vec![
        (
            990.0,
            None,
            Event::DatasetPrepared {
                rows: 336_776,
                features: 11,
                reused: false,
                wall: Duration::from_millis(420),
                columns: Vec::new(),
            },
        ),
        (
            990.0,
            None,
            started(
                2250,
                &["cancelled"],
                &["random_forest", "logistic_regression"],
            ),
        ),
    ];
    let out_of_memory = TaskFault::OutOfMemory { limit: 1 << 30 };
    let trapped = TaskFault::Trapped {
        message: "unreachable".to_owned(),
    };
    told.extend([
        (991.0, None, finished(0, 250, None, true)),
        (994.0, Some(workers[0]), finished(1, 600, None, false)),
        (
            995.0,
            Some(workers[1]),
            finished(2, 25, Some(out_of_memory), false),
        ),
        (
            995.0,
            Some(workers[3]),
            finished(3, 3, Some(trapped), false),
        ),
        (995.0, Some(workers[2]), finished(4, 25, None, false)),
        (996.8, Some(workers[0]), begun(5, 0, "random_forest", 25)),
        (
            999.5,
            Some(workers[1]),
            begun(6, 0, "logistic_regression", 1),
        ),
        (920.0, Some(workers[3]), begun(7, 0, "random_forest", 25)),
    ]);
    let means = [0.71, 0.7563, 0.7561, 0.74, 0.7562, 0.73];
    for (candidate, mean) in means.into_iter().enumerate() {
        let second = if candidate == 4 { 998.0 } else { 994.0 };
        told.push((
            second,
            None,
            scored(0, candidate, mean, candidate as u32 + 2),
        ));
    }
    told
}

/// Three targets, on more workers than there are rows for.
fn many() -> Told {
    let targets = ["cancelled", "diverted", "arr_delay"];
    let mut told: Told = vec![(990.0, None, started(300, &targets, &["random_forest"]))];
    let names = [
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta",
    ];
    for name in names {
        told.push((990.0, Some(name), Event::WorkerJoined { slots: 2 }));
    }
    for (task, name) in names.iter().enumerate().skip(1) {
        told.push((
            990.0 + task as f64,
            Some(name),
            begun(task, task % 3, "random_forest", 10),
        ));
    }
    told.push((998.0, Some("gamma"), begun(9, 1, "random_forest", 10)));
    for target in 0..3 {
        told.push((
            994.0,
            None,
            scored(target, target, 0.75 + target as f64 / 100.0, 4),
        ));
    }
    told
}

/// The screen of events on a terminal of this size, once it shows `marker`.
fn screen(told: Told, size: (u16, u16), look: Appearance, marker: &str) -> String {
    let pty = Pty::open(size.0, size.1);
    let mut progress = Progress::live(pty.term(), look);
    fold(&mut progress, told);
    let screen = pty.wait_for(marker);
    drop(progress);
    // What changes is gone then, and what was said stays.
    let left = pty.wait_until("the end", |screen| !screen.contains(marker));
    assert!(!left.contains("worker-0 "), "{left}");
    screen
}

/// Holds text against the file of this name.
fn check(name: &str, found: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/terminal");
    let file = file.join(format!("{name}.txt"));
    let found = format!("{}\n", found.trim_end());
    if std::env::var_os("FANOUT_BLESS").is_some() {
        std::fs::write(&file, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(found, expected, "{}", file.display());
}

#[test]
fn a_search_looks_like_this_on_narrow_and_wide_terminals() {
    for columns in [60, 80, 200] {
        let shown = screen(search(), (columns, 24), appearance(false, true), "0.7400");
        // What was said may wrap.
        let drawn = shown.lines().filter(|line| !line.contains(" fits: "));
        let widest = drawn.map(|line| line.chars().count()).max().unwrap();
        assert!(widest < columns.into(), "{shown}");
        check(&format!("search-{columns}"), &shown);
    }
}

#[test]
fn many_workers_and_targets_look_like_this() {
    for columns in [60, 80, 200] {
        let shown = screen(
            many(),
            (columns, 12),
            appearance(false, true),
            "arr_delay, ",
        );
        assert!(shown.lines().count() <= 12, "{shown}");
        check(&format!("many-{columns}"), &shown);
    }
}

#[test]
fn what_goes_on_after_the_search_is_said() {
    let mut told = search();
    let wall = Duration::from_secs(20);
    told.push((999.0, None, Event::RunFinished { wall }));
    told.push((999.0, None, Event::RefitStarted));
    let shown = screen(told, (80, 24), appearance(false, true), "fitting the best");
    check("refit-80", &shown);
}

#[test]
fn a_terminal_of_ascii_gets_ascii_and_one_of_colours_colours() {
    let pty = Pty::open(80, 24);
    let mut progress = Progress::live(pty.term(), appearance(true, false));
    fold(&mut progress, search());
    let shown = pty.wait_for("0.7400");
    assert!(shown.is_ascii(), "{shown}");
    let raw = pty.raw();
    assert!(raw.contains("\x1b[1mflights "), "{raw:?}");
    drop(progress);
    // Colours change nothing else.
    check("ascii-80", &shown);
    let pty = Pty::open(80, 24);
    let mut progress = Progress::live(pty.term(), appearance(false, false));
    fold(&mut progress, search());
    assert_eq!(pty.wait_for("0.7400"), shown);
    assert!(!pty.raw().contains("\x1b[0m"));
}

/// Names of workers and values of hyper-parameters may be another host's.
#[test]
fn what_a_stranger_wrote_controls_no_terminal() {
    let mut told = search();
    let params = [(
        "max_depth".to_owned(),
        json!("\x1b]0;title\x07\x1b[2J\u{202e}"),
    )];
    told.push((
        999.0,
        None,
        Event::CandidateScored {
            target: 0,
            candidate: 9,
            mean: Some(0.9876),
            std: None,
            fit_time: None,
            params: Arc::new(params.into()),
        },
    ));
    told.push((
        999.0,
        Some("\x1b[5;5Hforged"),
        begun(8, 0, "\x1b[2Jtrainer", 1),
    ));
    let pty = Pty::open(80, 24);
    let mut progress = Progress::live(pty.term(), appearance(false, true));
    fold(&mut progress, told);
    let shown = pty.wait_for("0.9876");
    assert!(shown.contains("forged"), "{shown}");
    for control in ["\x1b]0;", "\x1b[2J", "\x1b[5;5H", "\u{202e}"] {
        assert!(!pty.raw().contains(control), "{control:?}");
    }
}

/// A plan that takes minutes, unless it is stopped.
const LONG: &[&str] = &[
    "--set",
    "trainer={name: random_forest, params: {n_estimators: 200}}",
    "--set",
    "search={params: {max_depth: [4, 8], random_state: {range: [1, 100]}}}",
    "--workers",
    "2",
];

fn long_run(fanout: &Fanout, more: &[&str]) -> Command {
    let plan = example("digits.yaml");
    let mut command = fanout.command();
    command.args(["run", &plan]).args(LONG).args(more);
    command
}

/// A run that ends with its test, however that ends.
struct Run(Child);

impl Drop for Run {
    fn drop(&mut self) {
        // One that ended is no more there to be killed.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

fn interrupt(child: &Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
}

#[test]
fn a_real_run_draws_itself_and_leaves_what_was_said() {
    let fanout = Fanout::new();
    let pty = Pty::open(80, 24);
    let child = long_run(&fanout, &[])
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8")
        .env_remove("NO_COLOR")
        .stderr(pty.stdio())
        .stdout(Stdio::null())
        .spawn();
    let mut child = Run(child.unwrap());
    // A worker at a task, some candidates, and the time that is left.
    let shown = pty.wait_until("a whole view", |screen| {
        let parts = [
            "worker-1",
            "split ",
            " left",
            "best accuracy of ",
            "max_depth=8",
            "━",
        ];
        parts.iter().all(|part| screen.contains(part))
    });
    assert!(
        shown.contains("dataset: 1,797 rows x 64 features"),
        "{shown}"
    );
    assert!(pty.raw().contains("\x1b[36m━"));
    interrupt(&child.0);
    child.0.wait().unwrap();
    let left = pty.wait_until("the end", |screen| screen.contains("stopped: "));
    assert!(!left.contains("worker-1") && !left.contains("━"), "{left}");
    assert!(left.contains("dataset: 1,797 rows"), "{left}");
}

#[test]
fn a_run_without_colours_or_on_a_dumb_terminal() {
    let fanout = Fanout::new();
    let shown = |variable: (&str, &str)| {
        let pty = Pty::open(80, 24);
        let child = long_run(&fanout, &["--fresh"])
            .env("TERM", "xterm")
            .env("LC_ALL", "C")
            .env(variable.0, variable.1)
            .stderr(pty.stdio())
            .stdout(Stdio::null())
            .spawn();
        let mut child = Run(child.unwrap());
        pty.wait_until("a start", |screen| screen.contains("fits: "));
        if variable.0 == "NO_COLOR" {
            pty.wait_until("a worker", |screen| screen.contains("worker-1"));
        }
        interrupt(&child.0);
        child.0.wait().unwrap();
        pty.wait_until("the end", |screen| screen.contains("stopped: "));
        pty.raw()
    };
    let plain = shown(("NO_COLOR", "1"));
    assert!(plain.contains("\x1b[J") && plain.is_ascii());
    assert!(!plain.contains("\x1b[0m"), "{plain:?}");
    let dumb = shown(("TERM", "dumb"));
    assert!(!dumb.contains('\x1b'), "{dumb:?}");
}

#[test]
fn another_process_is_watched_until_it_ends() {
    let fanout = Fanout::new();
    let run = long_run(&fanout, &["--quiet", "--events", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let mut run = Run(run.unwrap());
    let mut events = BufReader::new(run.0.stdout.take().unwrap()).lines();
    let event = |name: &str, line: &str| line.contains(&format!("\"event\":\"{name}\""));
    let mut next = |name: &str| events.find(|line| event(name, line.as_ref().unwrap()));
    let started = next("run_started").unwrap().unwrap();
    let started: StampedEvent = serde_json::from_str(&started).unwrap();
    let Event::RunStarted { run: id, .. } = started.event else {
        panic!("{started:?}")
    };
    let pty = Pty::open(80, 24);
    let watch = fanout
        .command()
        .args(["watch", &id.to_string()[..12]])
        .env("TERM", "xterm-256color")
        .env("LC_ALL", "C.UTF-8")
        .stderr(pty.stdio())
        .stdout(Stdio::null())
        .spawn();
    let mut watch = Run(watch.unwrap());
    // Somebody has to read them.
    let rest = std::thread::spawn(move || events.count());
    let shown = pty.wait_until("a whole view", |screen| {
        let parts = [
            "worker-1",
            "split ",
            " left",
            "best accuracy of ",
            "max_depth=8",
        ];
        parts.iter().all(|part| screen.contains(part))
    });
    assert!(
        shown.contains("dataset: 1,797 rows x 64 features"),
        "{shown}"
    );
    // The other end in a log, and as an object.
    let state = fanout.run(&["watch", "--json"]);
    let state: serde_json::Value = serde_json::from_slice(&state.stdout).unwrap();
    assert_eq!(state["run"], id.to_string());
    assert_eq!(state["phase"]["phase"], "searching");
    assert!(state["done"].as_u64().unwrap() > 0);
    assert_eq!(state["workers"].as_object().unwrap().len(), 2);
    interrupt(&run.0);
    run.0.wait().unwrap();
    assert!(rest.join().unwrap() > 0);
    let ended = watch.0.wait().unwrap();
    assert_eq!(ended.code(), Some(1));
    let left = pty.wait_until("the end", |screen| screen.contains("failed: "));
    assert!(
        left.contains("failed: stopped: ") && !left.contains("worker-1"),
        "{left}"
    );
    // Afterwards it is told at once, here without a terminal.
    let again = fanout.run(&["watch"]);
    assert_eq!(again.status.code(), Some(1));
    let told = text(&again.stderr);
    assert!(
        told.contains("fits: ") && told.contains("failed: stopped: "),
        "{told}"
    );
    let unknown = fanout.run(&["watch", "beef"]);
    assert_eq!(unknown.status.code(), Some(2));
}

/// A run of before this version, or one whose store took no events.
#[test]
fn a_run_without_events_is_not_waited_for() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    assert!(fanout.run(&["run", &plan]).status.success());
    let done = fanout.run(&["watch"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let said = text(&done.stdout);
    assert!(said.contains(" is done; `fanout show "), "{said}");
    let runs = fanout.here.path().join(".fanout/runs");
    let run = std::fs::read_dir(runs).unwrap().next().unwrap().unwrap();
    std::fs::remove_dir_all(run.path().join("events")).unwrap();
    let without = fanout.run(&["watch"]);
    assert_eq!(without.status.code(), Some(2));
    let said = text(&without.stderr);
    assert!(
        said.contains("no events") && said.contains("fanout show"),
        "{said}"
    );
}
