//! The dashboard, and its pages in a real browser. `dashboard/setup.sh` installs what drives
//! it; the scripts beside it are what a person does. Pictures of the pages are left in
//! `target/dashboard`.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fanout::digest::Digest;
use fanout::run::event::{Event, StampedEvent};
use fanout::store::{Attempt, Key, Store};
use fanout::task::TaskFault;
use fanout_contract::Params;
use serde_json::Value;

use crate::program::{Fanout, example, text};
use crate::servers::{browser, drive};

/// Where it listens unless a test says otherwise: any port that is free.
const HERE: &str = "127.0.0.1:0";

const TOKEN: &str = "a-token-of-the-tests-0123456789";

/// Tasks of the run that is too large for any browser.
const MANY: usize = 100_000;

/// A process that serves pages; ended with this.
struct Served {
    child: Child,
    url: String,
    /// What it says on standard error from then on.
    errors: BufReader<std::process::ChildStderr>,
}

impl Served {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        // Ended with this, whatever follows.
        let mut served = Self {
            child,
            url: String::new(),
            errors,
        };
        let mut said = String::new();
        while served.url.is_empty() {
            let mut line = String::new();
            assert_ne!(served.errors.read_line(&mut line).unwrap(), 0, "{said}");
            if let Some(url) = line.strip_prefix("dashboard: ") {
                url.trim().clone_into(&mut served.url);
            }
            said += &line;
        }
        served
    }

    /// `fanout dashboard` of the store `.fanout`.
    fn of_store(fanout: &Fanout, arguments: &[&str], token: Option<&str>) -> Self {
        let mut command = fanout.command();
        command.args(["dashboard", "--addr", HERE]).args(arguments);
        command.envs(token.map(|token| ("FANOUT_DASHBOARD_TOKEN", token)));
        Self::start(command)
    }

    fn address(&self) -> String {
        let rest = self.url.strip_prefix("http://").unwrap();
        rest.split('/').next().unwrap().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A script of the dashboard that drives a browser.
fn script(name: &str, arguments: &[&str]) -> Command {
    let mut command = browser(&format!("dashboard/{name}"), "dashboard");
    command.args(arguments);
    command
}

/// The one run of the store `.fanout`.
fn only_run(fanout: &Fanout) -> Digest {
    let runs = std::fs::read_dir(fanout.path(".fanout/runs")).unwrap();
    let names: Vec<String> = runs
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let [name] = names.as_slice() else {
        panic!("{names:?}");
    };
    name.parse().unwrap()
}

/// An answer to a request, as text.
fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    text(&answer)
}

/// What `address` answers to whoever asks for `path`.
fn get(address: &str, path: &str) -> String {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"),
    )
}

#[test]
fn a_run_that_goes_on_is_shown_as_it_goes_on_and_to_its_end() {
    let fanout = Fanout::new();
    let mut browser = script("live.mjs", &[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut ready = String::new();
    let mut said = BufReader::new(browser.stdout.take().unwrap());
    said.read_line(&mut ready).unwrap();
    assert_eq!(ready, "ready\n");
    // Enough for some seconds, whatever the machine.
    let mut command = fanout.command();
    command.args(["run", &example("digits.yaml"), "--workers", "1"]);
    command.args([
        "--set",
        "families=off",
        "--set",
        "search.params.n_estimators={range: [1, 8], step: 1}",
        "--set",
        "explain={importances: true}",
    ]);
    command.arg(format!("--dashboard={HERE}"));
    let mut served = Served::start(command);
    writeln!(browser.stdin.take().unwrap(), "{}", served.url).unwrap();
    let output = browser.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(served.child.wait().unwrap().success());
    let mut rest = String::new();
    served.errors.read_to_string(&mut rest).unwrap();
    assert!(!rest.contains("panicked"), "{rest}");
}

#[test]
fn a_browser_that_never_reads_harms_no_run() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let mut command = fanout.command();
    command.args(["run", &plan, &format!("--dashboard={HERE}")]);
    let mut served = Served::start(command);
    let address = served.address();
    let mut readers = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(&address).unwrap();
        let request = format!("GET /api/runs/live/events HTTP/1.1\r\nHost: {address}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        readers.push(stream);
    }
    let out = BufReader::new(served.child.stdout.take().unwrap());
    let mut lines = out.lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("Best by ")));
    // The process waits for pages that are open, if not for long.
    drop(readers);
    assert!(served.child.wait().unwrap().success());
}

#[test]
fn explanations_that_the_store_lacks_are_said_to_be_in_the_report() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    fanout.text(&["run", &plan, "--set", "explain={importances: true}"]);
    let run = only_run(&fanout);
    // As an earlier version wrote it.
    let path = fanout.path(&format!(".fanout/runs/{run}/result.json"));
    let mut summary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let explained = summary["explained"].as_object_mut().unwrap();
    assert!(explained.remove("found").is_some());
    std::fs::write(&path, summary.to_string()).unwrap();
    let served = Served::of_store(&fanout, &[], None);
    let address = served.address();
    let answer = get(&address, &format!("/api/runs/{run}/results"));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        answer.contains("\"is_explained_in_report\":true"),
        "{answer}"
    );
}

/// A stream of a run's events, open, with its answer so far.
struct Told {
    stream: TcpStream,
    said: String,
}

impl Told {
    /// Asks for the changes since `last`, and reads until the answer has `text` in it.
    fn until(address: &str, run: &Digest, last: Option<&str>, text: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        // Fails rather than waits without end.
        let patience = Duration::from_secs(120);
        stream.set_read_timeout(Some(patience)).unwrap();
        let mut told = Self {
            stream,
            said: String::new(),
        };
        let last = last.map_or_else(String::new, |id| format!("Last-Event-ID: {id}\r\n"));
        let request = format!(
            "GET /api/runs/{run}/events HTTP/1.1\r\nHost: {address}\r\n{last}Connection: close\r\n\r\n"
        );
        told.stream.write_all(request.as_bytes()).unwrap();
        while !told.said.contains(text) {
            assert!(told.read() > 0, "{}", told.said);
        }
        told
    }

    fn read(&mut self) -> usize {
        let mut bytes = [0; 1 << 16];
        let length = self.stream.read(&mut bytes).unwrap();
        self.said += &String::from_utf8_lossy(&bytes[..length]);
        length
    }
}

#[test]
fn the_stream_of_a_run_that_ended_ends_and_holds_no_place() {
    let fanout = Fanout::new();
    fanout.text(&["run", &example("quickstart.yaml")]);
    let served = Served::of_store(&fanout, &[], None);
    let (address, run) = (served.address(), only_run(&fanout));
    // As many as there are places for, all silent from then on.
    let open = || Told::until(&address, &run, None, "\"ended\":true");
    let mut silent: Vec<Told> = std::iter::repeat_with(open).take(64).collect();
    Told::until(&address, &run, None, "HTTP/1.1 503 ");
    for told in &mut silent {
        while told.read() > 0 {}
    }
    // The last message, whose end closed the answer, says that nothing more comes.
    let said = &silent[0].said;
    let (_, last) = said.rsplit_once("data: ").unwrap();
    assert!(last.contains("\"ended\":true"), "{last}");
    assert!(said.ends_with("0\r\n\r\n"), "{last}");
    open();
    // One that has it all is told not to come again.
    let (_, id) = said.rsplit_once("id: ").unwrap();
    let id = id.lines().next();
    Told::until(&address, &run, id, "HTTP/1.1 204 ");
}

#[test]
fn a_run_of_a_store_is_used_with_mouse_and_keys() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    fanout.text(&[
        "run",
        &plan,
        "--set",
        "families=off",
        "--set",
        "explain=true",
    ]);
    let served = Served::of_store(&fanout, &[], None);
    let run = only_run(&fanout);
    drive(script("past.mjs", &[&format!("{}runs/{run}", served.url)]));
}

#[test]
fn each_of_several_targets_is_shown_with_its_results() {
    let fanout = Fanout::new();
    let mut table = "a,b,c,late,minutes\n".to_owned();
    for row in 0..150 {
        let (a, b) = (row * 7 % 31, row * 5 % 13);
        let (late, minutes) = ((a + row % 4) / 17, f64::from(a * b) / 4.0);
        table += &format!(
            "{a},{b},{},{late},{minutes}\n",
            ["x", "y", "z"][row as usize % 3]
        );
    }
    fanout.write("table.csv", &table);
    let plan = fanout.write(
        "plan.yaml",
        "name: two targets\n\
         dataset: {source: table.csv, targets: [late, {column: minutes, learn: regression}]}\n\
         trainer: {name: random_forest, params: {random_state: 0}}\n\
         search: {params: {max_depth: [1, 3, 5], n_estimators: [2, 4, 8]}}\n\
         cv: {method: k_fold, n_splits: 3}\n",
    );
    fanout.text(&["run", &plan]);
    let runs: Value = serde_json::from_str(&fanout.text(&["runs", "--json"])).unwrap();
    let mut runs = runs.as_array().unwrap().iter();
    let first = runs.find(|run| run["target"] == "late").unwrap();
    let served = Served::of_store(&fanout, &[], None);
    let url = format!("{}runs/{}", served.url, first["run"].as_str().unwrap());
    drive(script("targets.mjs", &[&url, "late", "minutes"]));
}

#[test]
fn what_plans_of_other_kinds_find_is_shown() {
    let fanout = Fanout::new();
    let mut arguments = Vec::new();
    let plans = [
        (
            "learning_curve",
            "train_sizes=[0.1, 0.5, 1.0]",
            "Learning curve",
        ),
        ("nested", "families=on", "Outer splits"),
        ("permutation_test", "n_permutations=20", "Permutation test"),
    ];
    for (name, set, title) in plans {
        let plan = example(&format!("{name}.yaml"));
        let report = fanout.json(&[&plan, "--set", set]);
        let run = report["digests"]["run"].as_str().unwrap().to_owned();
        arguments.extend([run, name.to_owned(), title.to_owned()]);
    }
    let served = Served::of_store(&fanout, &[], None);
    let mut command = script("kinds.mjs", &[&served.url]);
    command.args(arguments);
    drive(command);
}

#[test]
fn runs_are_listed_and_compared() {
    let fanout = Fanout::new();
    for plan in ["quickstart.yaml", "digits.yaml"] {
        fanout.text(&["run", &example(plan)]);
    }
    fanout.text(&["run", &example("quickstart.yaml"), "--set", "cv.n_splits=4"]);
    let served = Served::of_store(&fanout, &[], None);
    drive(script("runs.mjs", &[&served.url, "3"]));
}

#[test]
fn a_dashboard_with_a_token_answers_whoever_has_it_and_never_tells_it() {
    let fanout = Fanout::new();
    fanout.text(&["run", &example("quickstart.yaml")]);
    let mut served = Served::of_store(&fanout, &[], Some(TOKEN));
    let mut command = script("token.mjs", &[&served.url]);
    command.env("FANOUT_DASHBOARD_TOKEN", TOKEN);
    drive(command);
    let address = served.address();
    let foreign = ask(
        &address,
        &format!(
            "GET / HTTP/1.1\r\nHost: evil.example\r\nAuthorization: Bearer {TOKEN}\r\nConnection: close\r\n\r\n"
        ),
    );
    assert!(foreign.starts_with("HTTP/1.1 403 "), "{foreign}");
    let whole = get(&address, "/login");
    assert!(whole.starts_with("HTTP/1.1 200 ") && !whole.contains(TOKEN));
    served.child.kill().unwrap();
    let mut said = String::new();
    served.errors.read_to_string(&mut said).unwrap();
    assert!(!said.contains(TOKEN), "{said}");
}

#[test]
fn an_address_that_others_reach_needs_a_token() {
    let fanout = Fanout::new();
    fanout.text(&["run", &example("quickstart.yaml")]);
    let run = |token: Option<&str>| {
        let mut command = fanout.command();
        command.args(["dashboard", "--addr", "0.0.0.0:0"]);
        command.envs(token.map(|token| ("FANOUT_DASHBOARD_TOKEN", token)));
        let output = command.output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    let (code, said) = run(None);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("can be reached from other machines, and there is no token"),
        "{said}"
    );
    assert!(
        said.contains("hint: set one (`export FANOUT_DASHBOARD_TOKEN="),
        "{said}"
    );
    let (code, said) = run(Some("short-secret"));
    assert_eq!(code, Some(2));
    assert!(
        said.contains("expected at least 16") && !said.contains("short-secret"),
        "{said}"
    );
}

/// The events of a run of [`MANY`] tasks on 8 workers, as a process would have told them.
fn many_events(run: Digest) -> Vec<StampedEvent> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let begun = now.as_micros() as u64 - 4_000_000_000;
    let trainers: Vec<Arc<str>> = vec!["random_forest".into(), "hist_gradient_boosting".into()];
    let (candidates, splits) = (MANY / 5, 5);
    let mut events = Vec::new();
    let mut tell = |time_us: u64, worker: Option<usize>, event: Event| {
        events.push(StampedEvent {
            sequence: events.len() as u64,
            time_us,
            worker: worker.map(|worker| format!("worker-{worker}").into()),
            event,
        });
    };
    tell(
        begun,
        None,
        Event::RunStarted {
            run,
            targets: 1,
            candidates,
            splits,
            fits: MANY,
            tasks: MANY,
            workers: 8,
            name: "many".to_owned(),
            metric: "roc_auc".to_owned(),
            target_metrics: vec!["roc_auc".to_owned()],
            target_names: vec!["class".to_owned()],
            target_runs: vec![run],
            trainers: trainers.clone(),
            trainer_fits: vec![MANY / 2, MANY / 2],
            trainer_costs: vec![1.0, 1.0],
        },
    );
    let mut free = [begun; 8];
    for task in 0..MANY {
        let worker = (task * 7919) % 8;
        let started = free[worker] + 2_000 + (task as u64 * 31) % 9_000;
        let load = if task < 8 { 400_000 } else { 0 };
        let wall = load + 100_000 + (task as u64 * 7_919) % 250_000;
        free[worker] = started + wall;
        let fault = (task % 997 == 5).then_some(TaskFault::TimedOut { limit_ms: 300 });
        tell(
            started + wall,
            Some(worker),
            Event::TaskFinished {
                task,
                split: (task % splits) as u32,
                fits: 1,
                models: 1,
                fault,
                wall: Duration::from_micros(wall),
                reused: false,
                best: None,
                target: 0,
                trainer: Arc::clone(&trainers[task / splits % 2]),
                cost: 1.0,
                started_us: Some(started),
                load: Some(Duration::from_micros(load)),
                cpu: Some(Duration::from_micros(wall * 9 / 10)),
                memory: Some((40 << 20) + ((task as u64 % 50) << 20)),
            },
        );
        if task % splits == splits - 1 {
            let candidate = task / splits;
            let depth = 1 + candidate % 20;
            let rate = 10_f64.powf(-3.0 + (candidate * 17 % 300) as f64 / 100.0);
            let params: Params = [
                ("max_depth".to_owned(), depth.into()),
                ("learning_rate".to_owned(), rate.into()),
            ]
            .into_iter()
            .collect();
            let mean =
                0.9 - (depth as f64 - 9.0).powi(2) / 2_000.0 - (rate.log10() + 1.2).powi(2) / 50.0;
            tell(
                started + wall,
                None,
                Event::CandidateScored {
                    target: 0,
                    candidate,
                    mean: Some(mean),
                    std: Some(0.01),
                    fit_time: Some(0.1 + depth as f64 / 100.0),
                    params: Arc::new(params),
                },
            );
        }
    }
    let end = *free.iter().max().unwrap();
    let wall = Duration::from_micros(end - begun);
    tell(end, None, Event::RunFinished { wall });
    tell(end, None, Event::RunClosed { failure: None });
    events
}

#[test]
fn a_run_of_a_hundred_thousand_tasks_is_shown_within_its_bounds() {
    let fanout = Fanout::new();
    fanout.text(&["run", &example("quickstart.yaml")]);
    let run = only_run(&fanout);
    // The plan of one, the events of another.
    let folder = fanout.path(".fanout");
    let events = folder.join(format!("runs/{run}/events"));
    std::fs::remove_dir_all(events).unwrap();
    let store = Store::open(format!("file://{}", folder.display()).as_str()).unwrap();
    let attempt = Attempt::new(1);
    for (number, some) in many_events(run).chunks(8_192).enumerate() {
        let mut lines = Vec::new();
        for event in some {
            serde_json::to_writer(&mut lines, event).unwrap();
            lines.push(b'\n');
        }
        let key = Key::events(&run, attempt, number as u32);
        assert!(store.create(&key, lines.into()).unwrap());
    }
    let served = Served::of_store(&fanout, &[], None);
    let url = format!("{}runs/{run}", served.url);
    drive(script("many.mjs", &[&url, &MANY.to_string()]));
}
