//! Workers on a queue: the real binary as run and as worker, the real
//! nats-server between them, on good days and on bad ones.

mod forger;
mod keys;
pub(crate) mod server;
pub(crate) mod wire;
pub(crate) mod worker;

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::functions::results::results;
use crate::guests::built::components;
use crate::guests::expected::LOCAL;
use crate::program::{Fanout, example, fitted, made, scores, text};
use async_nats::jetstream::AckKind;
use async_nats::jetstream::consumer::pull;
use fanout::digest::Digest;
use fanout::queue::message::{self, Document, TaskMessage};
use fanout_contract::CONTRACT;
use futures::StreamExt as _;
use serde_json::{Value, json};
use server::{Nats, wait_for};
use wire::Wire;
use worker::Worker;

/// Every fit by itself: a hundred tasks.
const MANY: [&str; 2] = ["--set", "families=off"];

fn quickstart() -> String {
    example("quickstart.yaml")
}

/// Many small tasks: 240 fits.
const PLAN: &str = "
name: nats
dataset: {source: SOURCE, target: digit}
trainer: {name: random_forest, params: {max_features: 0.3}}
search: {params: {n_estimators: [4, 8], random_state: {range: [0, 59]}}}
cv: {method: stratified_k_fold, n_splits: 2}
";

fn plan(fanout: &Fanout) -> String {
    let source = example("data/digits.parquet");
    fanout.write("plan.yaml", &PLAN.replace("SOURCE", &source))
}

fn start(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What a run that must succeed comes to, and what it says beside.
fn finish(child: Child) -> (Value, String) {
    /// More than any run here takes, and less than a queue may be patient.
    const PATIENCE: Duration = Duration::from_secs(300);
    let (id, (send, ended)) = (child.id(), std::sync::mpsc::channel());
    std::thread::spawn(move || send.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        drop(Command::new("kill").arg(id.to_string()).status());
        panic!("the run does not end");
    };
    let output = output.unwrap();
    let said = text(&output.stderr);
    assert!(output.status.success(), "{said}");
    (serde_json::from_slice(&output.stdout).unwrap(), said)
}

fn over(fanout: &Fanout, nats: &str, plan: &str, arguments: &[&str]) -> Child {
    let mut command = fanout.command();
    command.args(["run", "--json", plan, "--pool", nats]);
    start(command.args(arguments))
}

#[test]
fn a_run_over_workers_writes_the_files_of_a_local_run() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let here = results(&fanout, &quickstart(), "local", &[]);
    let store = ["--store", "there.store"];
    let workers = ["one", "two"].map(|name| {
        let arguments = ["--workers", "1", "--name", name];
        let worker = Worker::start(&fanout, &nats.url(), &[&arguments[..], &store].concat());
        worker.says("connected");
        worker
    });
    let url = nats.url();
    let arguments = [&["--pool", &url][..], &store].concat();
    let there = results(&fanout, &quickstart(), "there", &arguments);
    assert_eq!(here.differing(&there), [""; 0]);
    assert!(here.report["baseline"].is_object());
    assert_eq!(here.report["baseline"], there.report["baseline"]);
    // Every fit by itself, and what is there is taken from there.
    let arguments = [&arguments[..], &MANY, &["--fresh"]].concat();
    let many = results(&fanout, &quickstart(), "many", &arguments);
    assert_eq!(many.report["fits"]["made"], 100);
    let models = [&here, &many].map(|run| fitted(&run.files["model.fanout"]));
    assert!(models[0] == models[1]);
    for name in ["cv_results.csv", "cv_results.json"] {
        assert_eq!(here.files[name], many.files[name], "{name}");
    }
    for worker in &workers {
        worker.says("made in");
    }
    let again = results(&fanout, &quickstart(), "again", &store);
    assert_eq!(
        again.report["fits"]["reused"],
        again.report["fits"]["served"]
    );
}

#[test]
fn a_run_tells_of_workers_that_come_and_go() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let run = over(&fanout, &nats.url(), &plan, &[]);
    let mut lines = Lines::of(run);
    lines.until("no worker takes tasks");
    let mut first = Worker::start(&fanout, &nats.url(), &["--workers", "1", "--name", "first"]);
    lines.until("worker first joined, for 1 task at a time");
    first.says("made in");
    first.signal("TERM");
    lines.until("worker first left");
    assert!(first.wait().success());
    let second = Worker::start(&fanout, &nats.url(), &["--name", "second"]);
    lines.until("worker second joined");
    let report = lines.finish();
    assert_eq!(report["fits"]["served"], 240);
    drop(second);
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
}

/// What workers tell of their tasks reaches the events of the run, and who watches it.
#[test]
#[cfg(unix)]
fn events_say_what_workers_run_and_what_it_took() {
    use fanout::run::event::{Event, StampedEvent};

    use crate::terminal::pty::Pty;

    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    // Longer than it takes to tell what it holds.
    let arguments = ["--workers", "1", "--name", "alone", "--delay", "3s"];
    let worker = Worker::start(&fanout, &nats.url(), &arguments);
    worker.says("connected");
    let two = ["--set", "search.params={}", "--events", "events.jsonl"];
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &two));
    lines.until("2 fits: ");
    let pty = Pty::open(80, 24);
    let mut watch = fanout
        .command()
        .args(["watch", "--nats", &nats.url()])
        .env("TERM", "xterm")
        .stderr(pty.stdio())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    pty.wait_until("the queue", |screen| {
        screen.contains("queue fanout: ") && screen.contains("1 worker there")
    });
    assert_eq!(lines.finish()["fits"]["served"], 2);
    assert!(watch.wait().unwrap().success());
    drop(worker);
    let events = std::fs::read_to_string(fanout.path("events.jsonl")).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let events: Vec<StampedEvent> = events.collect();
    let (mut started, mut finished) = (Vec::new(), Vec::new());
    for StampedEvent {
        time_us,
        worker,
        event,
        ..
    } in events
    {
        match event {
            Event::TaskStarted { task, fits, .. } => {
                assert_eq!((worker.as_deref(), fits), (Some("alone"), 1));
                started.push(task);
            }
            Event::TaskFinished {
                task,
                started_us,
                load,
                memory,
                ..
            } => {
                assert_eq!(worker.as_deref(), Some("alone"));
                assert!(started_us.unwrap() <= time_us);
                assert!(load.is_some() && memory.unwrap() > 0);
                finished.push(task);
            }
            _ => {}
        }
    }
    started.sort_unstable();
    finished.sort_unstable();
    assert_eq!((&started, &finished), (&vec![0, 1], &vec![0, 1]));
}

/// What a run says, a line at a time.
struct Lines {
    child: Child,
    lines: std::io::Lines<std::io::BufReader<std::process::ChildStderr>>,
}

impl Lines {
    fn of(mut child: Child) -> Self {
        use std::io::BufRead as _;
        let reader = std::io::BufReader::new(child.stderr.take().unwrap());
        let lines = reader.lines();
        Self { child, lines }
    }

    fn until(&mut self, what: &str) {
        let mut said = Vec::new();
        for line in self.lines.by_ref().map(Result::unwrap) {
            if line.contains(what) {
                return;
            }
            said.push(line);
        }
        panic!("no `{what}` in {said:#?}");
    }

    /// Reads on until every one of these was said.
    fn until_all(&mut self, what: &[&str]) {
        let (mut wanted, mut said) = (what.to_vec(), Vec::new());
        while !wanted.is_empty() {
            let Some(line) = self.lines.next().map(Result::unwrap) else {
                panic!("no {wanted:?} in {said:#?}");
            };
            wanted.retain(|what| !line.contains(what));
            said.push(line);
        }
    }

    /// What the run comes to, which must succeed.
    fn finish(self) -> Value {
        let rest = std::thread::spawn(|| self.lines.map(Result::unwrap).collect::<Vec<_>>());
        let output = self.child.wait_with_output().unwrap();
        let said = rest.join().unwrap();
        assert!(output.status.success(), "{said:#?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

#[test]
fn what_a_killed_worker_held_comes_to_another() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    nats.be_patient_for(Duration::from_secs(1), "fanout");
    let plan = plan(&fanout);
    let mut first = Worker::start(&fanout, &nats.url(), &["--workers", "2"]);
    let run = over(&fanout, &nats.url(), &plan, &[]);
    first.says("made in");
    first.kill();
    let second = Worker::start(&fanout, &nats.url(), &[]);
    let (report, _) = finish(run);
    drop(second);
    assert_eq!(report["fits"]["served"], 240);
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
}

#[test]
fn a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    // What it kept would come to nobody else.
    nats.be_patient_for(Duration::from_secs(3600), "fanout");
    let mut first = Worker::start(&fanout, &nats.url(), &["--workers", "1"]);
    let run = over(
        &fanout,
        &nats.url(),
        &plan,
        &["--set", "search.params.n_estimators=[200]"],
    );
    first.says("made in");
    first.signal("TERM");
    first.says("stopping");
    first.says("ended");
    assert!(first.wait().success());
    let second = Worker::start(&fanout, &nats.url(), &[]);
    let (report, said) = finish(run);
    drop(second);
    assert_eq!(report["fits"]["served"], 120);
    assert!(!said.contains("returned a task"), "{said}");
}

#[test]
fn a_task_on_its_way_to_a_worker_that_stops_is_given_back() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    nats.be_patient_for(Duration::from_secs(3600), "fanout");
    let wire = Wire::to(nats.address());
    let url = format!("nats://{}", wire.address());
    let mut first = Worker::start(&fanout, &url, &["--workers", "1"]);
    nats.comes_to("fanout", 0, 1);
    wire.stall();
    let run = over(&fanout, &nats.url(), &plan, &[]);
    nats.comes_to("fanout", 1, 0);
    first.signal("TERM");
    first.says("stopping");
    wire.mend();
    assert!(first.wait().success());
    // What was given back comes before what nobody had yet.
    let client = nats.url();
    let delivered = wait_for(async move {
        let context = async_nats::jetstream::new(async_nats::connect(client).await.unwrap());
        let stream = context.get_stream("fanout").await.unwrap();
        let workers = stream
            .get_consumer::<pull::Config>("workers")
            .await
            .unwrap();
        let mut tasks = workers.batch().max_messages(1).messages().await.unwrap();
        let task = tasks.next().await.expect("a task is there").unwrap();
        let delivered = task.info().unwrap().delivered;
        task.double_ack_with(AckKind::Nak(None)).await.unwrap();
        delivered
    });
    assert_eq!(delivered, 2);
    let second = Worker::start(&fanout, &nats.url(), &[]);
    let (report, _) = finish(run);
    drop(second);
    assert_eq!(report["fits"]["served"], 240);
}

/// Two fits of ten seconds amid hundreds of tiny ones: what was delivered ahead to
/// the workers that have them comes to the third, and is no sign of a death.
#[test]
fn what_was_delivered_ahead_is_given_back_behind_a_long_task() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    // What is not given back comes to nobody else.
    nats.be_patient_for(Duration::from_secs(3600), "fanout");
    std::fs::write(fanout.path("hostile.wasm"), &components()["hostile"]).unwrap();
    let table: String = (0..20).map(|row| format!("{row},{}\n", row % 2)).collect();
    fanout.write("table.csv", &format!("x,y\n{table}"));
    let tiny = |numbers: std::ops::Range<u32>| -> String {
        numbers.map(|at| format!("{{number: {at}}}, ")).collect()
    };
    let plan = fanout.write(
        "long.yaml",
        &format!(
            "
name: long
dataset: {{source: table.csv, target: y, positive: 1}}
trainer: {{name: loop_some, guest: hostile.wasm}}
search: {{method: list, candidates: [{}{{fail: true}}, {}]}}
cv: {{method: k_fold, n_splits: 2}}
scoring: [accuracy, roc_auc]
families: off
limits: {{memory: 64MiB, timeout: 10s}}
",
            tiny(1..201),
            tiny(201..401),
        ),
    );
    let workers = ["one", "two", "three"].map(|name| {
        let worker = Worker::start(&fanout, &nats.url(), &["--workers", "1", "--name", name]);
        worker.says("connected");
        worker
    });
    let (report, said) = finish(over(&fanout, &nats.url(), &plan, &[]));
    assert_eq!(report["fits"]["served"], 800, "{said}");
    assert_eq!(report["fits"]["failed"], 2, "{said}");
    assert!(!said.contains("returned a task"), "{said}");
    let mut long = 0;
    for mut worker in workers {
        worker.signal("TERM");
        let told = worker.rest();
        let made: Vec<bool> = told
            .iter()
            .filter_map(|line| line.split_once(" made in "))
            .map(|(_, time)| time.starts_with("10."))
            .collect();
        let longs = made.iter().filter(|&&long| long).count();
        assert!(longs == 0 || made.last() == Some(&true), "{told:#?}");
        long += longs;
    }
    // A worker that has no task left may have begun a copy of one.
    assert!((2..=4).contains(&long), "{long}");
}

#[test]
fn a_task_that_kills_every_worker_fails_and_the_run_goes_on() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    nats.be_patient_for(Duration::from_millis(500), "fanout");
    let plan = plan(&fanout);
    let run = over(&fanout, &nats.url(), &plan, &[]);
    // Takes one task again and again without a word, as workers do that it
    // kills; the others stay in the queue meanwhile.
    let url = nats.url();
    wait_for(async move {
        let client = async_nats::connect(url).await.unwrap();
        let context = async_nats::jetstream::new(client);
        let consumer: async_nats::jetstream::consumer::PullConsumer = loop {
            let found = context.get_consumer_from_stream("workers", "fanout").await;
            if let Ok(consumer) = found {
                break consumer;
            }
        };
        let (mut taken, mut times) = (None, 0);
        while times < 6 {
            let request = consumer.batch().max_messages(1);
            let request = request.expires(Duration::from_secs(20));
            let mut messages = request.messages().await.unwrap();
            let message = messages.next().await.unwrap().unwrap();
            let info = message.info().unwrap();
            if *taken.get_or_insert(info.stream_sequence) == info.stream_sequence {
                times += 1;
                assert_eq!(info.delivered, times);
            } else {
                let later = AckKind::Nak(Some(Duration::from_secs(5)));
                message.ack_with(later).await.unwrap();
            }
        }
    });
    let worker = Worker::start(&fanout, &nats.url(), &[]);
    worker.says("killed 6 workers");
    // The queue does not have it any more, and so the run believes it.
    let (report, said) = finish(run);
    assert_eq!(report["fits"]["served"], 238);
    assert_eq!(report["fits"]["failed"], 2);
    assert!(said.contains("6 workers that ran the task died"), "{said}");
    // It is not kept: the next run makes it.
    let again = fanout.json(&[&plan]);
    assert_eq!((made(&again), &again["fits"]["failed"]), (2, &0.into()));
}

#[test]
fn a_worker_of_another_store_gives_tasks_back() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let stranger = Worker::start(
        &fanout,
        &nats.url(),
        &["--store", "elsewhere", "--name", "stranger"],
    );
    stranger.says("connected");
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    lines.until("worker stranger returned a task: the store");
    stranger.says("has no run");
    drop(stranger);
    let worker = Worker::start(&fanout, &nats.url(), &[]);
    assert_eq!(lines.finish()["fits"]["served"], 240);
    drop(worker);
}

/// A run does not end because tasks are returned while a worker computes longer
/// than the run would wait.
#[test]
fn a_long_fit_is_progress_though_others_return_tasks() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let arguments = ["--store", "elsewhere", "--name", "stranger"];
    let mut stranger = Worker::start(&fanout, &nats.url(), &arguments);
    let two = ["--set", "search.params={}", "--set", "pool.retry=8s"];
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &two));
    lines.until("worker stranger returned a task");
    stranger.signal("TERM");
    stranger.wait();
    let slow = Worker::start(&fanout, &nats.url(), &["--workers", "2", "--delay", "10s"]);
    assert_eq!(lines.finish()["fits"]["served"], 2);
    drop(slow);
}

/// The last task is with a worker that does not get on with it, and another one is idle.
#[test]
fn a_task_of_a_worker_that_stalls_is_given_to_another_one() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let arguments = ["--workers", "1", "--name", "stalled", "--delay", "1h"];
    let stalled = Worker::start(&fanout, &nats.url(), &arguments);
    stalled.says("connected");
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    lines.until("worker stalled joined");
    let quick = Worker::start(&fanout, &nats.url(), &["--workers", "1", "--name", "quick"]);
    lines.until("worker quick joined");
    lines.until("worker stalled takes far longer for a task than others");
    let report = lines.finish();
    assert_eq!(report["fits"]["served"], 240);
    assert_eq!(report["fits"]["failed"], 0);
    drop((quick, stalled));
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
}

#[test]
fn messages_that_are_no_tasks_are_dropped() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let worker = Worker::start(&fanout, &nats.url(), &[]);
    worker.says("connected");
    let run = Digest::of(b"no run");
    let url = nats.url();
    wait_for(async move {
        let client = async_nats::connect(url).await.unwrap();
        let context = async_nats::jetstream::new(client);
        loop {
            let subject = format!("fanout.v5.tasks.{run}");
            let sent = context.publish(subject, "no task".into()).await.unwrap();
            // The worker makes the stream.
            if sent.await.is_ok() {
                break;
            }
        }
    });
    worker.says("dropped: a message is no task");
    let plan = plan(&fanout);
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &[]));
    assert_eq!(report["fits"]["served"], 240);
}

#[test]
fn a_forged_task_is_not_run() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let report = fanout.json(&[&quickstart()]);
    let run: Digest = report["digests"]["run"].as_str().unwrap().parse().unwrap();
    let forged = Digest::of(b"a manifest that names another guest");
    let manifest = |run| fanout.path(".fanout/runs").join(run).join("plan.json");
    std::fs::create_dir(manifest(forged.to_string()).parent().unwrap()).unwrap();
    std::fs::copy(manifest(run.to_string()), manifest(forged.to_string())).unwrap();
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "1"]);
    nats.be_patient_for(Duration::from_secs(30), "fanout");
    let before = fanout.objects("tasks").len();
    let digests = &report["digests"];
    let identity = |guest: &Value| {
        let identity = json!({
            "data": {"dataset": digests["dataset"], "splits": digests["splits"]},
            "guest": guest,
            "task": {
                "contract": CONTRACT, "learning": "binary", "params": {}, "positive": null,
                "scoring": ["accuracy"], "split": {"column": "fold", "test": 0}, "steps": [],
                "target": "diagnosis", "train_score": false, "trainer": "random_forest",
                "weight": null,
            },
        });
        identity.to_string()
    };
    let honest = identity(&digests["guests"][0]);
    // It is in the store, and no run names it.
    let wasm = &components()["hostile"];
    let other = Digest::of(wasm);
    std::fs::write(fanout.path(&format!(".fanout/guests/{other}.wasm")), wasm).unwrap();
    let other = identity(&json!(other));
    let id = |text: &str| Digest::of(text.as_bytes());
    for (run, task, identity, refusal) in [
        (forged, id(&honest), &honest, "plan.json` is damaged"),
        (
            run,
            Digest::of(b"no task"),
            &honest,
            "is not that of the task",
        ),
        (run, id(&other), &other, "names no such guest"),
    ] {
        let order = TaskMessage {
            run,
            task,
            identity: Document::new(identity.clone()).unwrap(),
            fits: vec![Document::new("{}".to_owned()).unwrap()],
            outputs: Default::default(),
            cuts: vec![],
            memory: 1 << 30,
            timeout_ms: 60_000,
            fresh: true,
            session: "nobody".to_owned(),
            tag: 0,
        };
        let url = nats.url();
        wait_for(async move {
            let context = async_nats::jetstream::new(async_nats::connect(url).await.unwrap());
            let subject = format!("fanout.v5.tasks.{run}");
            let sent = context
                .publish(subject, message::write(&order))
                .await
                .unwrap();
            sent.await.unwrap();
        });
        // It goes back to the queue, for a worker that knows more.
        worker.says(refusal);
    }
    assert_eq!(fanout.objects("tasks").len(), before);
}

#[test]
fn a_task_that_demands_more_than_a_worker_allows_is_returned() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    for (bounds, reason) in [
        (
            ["--max-memory", "512MiB"],
            "this worker allows 512 MiB (`--max-memory`)",
        ),
        (
            ["--max-timeout", "1m"],
            "this worker allows 60 s (`--max-timeout`)",
        ),
    ] {
        let worker = Worker::start(&fanout, &nats.url(), &bounds);
        let few = [
            "--set",
            "search.params.random_state=[1]",
            "--set",
            "pool.retry=2s",
        ];
        let output = over(&fanout, &nats.url(), &plan, &few).wait_with_output();
        let output = output.unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains("workers have only returned tasks"), "{said}");
        assert!(said.contains(reason), "{said}");
        worker.says(reason);
    }
    assert_eq!(fanout.objects("tasks").len(), 0);
    let limits = ["--set", "limits={memory: 512MiB, timeout: 1m}"];
    let bounds = ["--max-memory", "512MiB", "--max-timeout", "1m"];
    let worker = Worker::start(&fanout, &nats.url(), &bounds);
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &limits));
    assert_eq!(report["fits"]["served"], 240);
    drop(worker);
}

/// A family that one message can't hold goes in several, to the same scores.
#[test]
fn a_family_that_no_message_holds_is_split() {
    let fanout = Fanout::new();
    let nats = Nats::with("max_payload: 4096");
    let plan = plan(&fanout);
    let family = [
        "--set",
        "search.params={n_estimators: {range: [1, 4]}, max_depth: {range: [1, 40]}}",
    ];
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "2"]);
    worker.says("connected");
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &family));
    // Two families, one a split, and a fit a message.
    let count = |name: &str| report["fits"][name].as_u64().unwrap();
    assert_eq!(count("served"), 320);
    assert!(count("made") > 4, "{}", count("made"));
    let local = [&[&*plan, "--store", "memory://"][..], &family].concat();
    let alone = fanout.json(&local);
    assert_eq!(scores(&alone), scores(&report));

    // One fit can't be split.
    let text = PLAN.replace("SOURCE", &example("data/digits.parquet"));
    let score = |number| format!("{{metric: accuracy, name: {}{number:02}}}", "x".repeat(90));
    let scores: Vec<String> = (0..40).map(score).collect();
    let scoring = format!("scoring: [{}]\n", scores.join(", "));
    let plan = fanout.write("large.yaml", &(text + &scoring));
    let output = over(&fanout, &nats.url(), &plan, &[]).wait_with_output();
    let output = output.unwrap();
    let said = crate::program::text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("more than the 3072 that NATS takes"),
        "{said}"
    );
}

#[test]
fn a_queue_that_is_lost_is_filled_again() {
    let (fanout, mut nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "1"]);
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    worker.says("made in");
    nats.lose();
    lines.until("NATS is not connected");
    lines.until("NATS is connected again");
    let report = lines.finish();
    assert_eq!(report["fits"]["served"], 240);
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
}

#[test]
fn without_nats_a_run_ends_with_one_message_and_goes_on_later() {
    let (fanout, mut nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "1"]);
    let run = over(&fanout, &nats.url(), &plan, &["--set", "pool.retry=1s"]);
    worker.says("made in");
    nats.kill();
    let output = run.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("has not answered for"), "{said}");
    assert!(said.contains("\nhint: "), "{said}");
    // Nobody there at all.
    let output = over(&fanout, &nats.url(), &plan, &[]).wait_with_output();
    let output = output.unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("can't be reached"), "{said}");
    let late = Worker::start(&fanout, &nats.url(), &["--workers", "1"]);
    late.says("can't be reached");
    nats.go_on();
    late.says("connected");
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &[]));
    assert_eq!(report["fits"]["served"], 240);
    assert!(made(&report) < 240);
}

#[test]
fn a_long_fit_is_not_given_to_another() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    nats.be_patient_for(Duration::from_secs(1), "fanout");
    let plan = plan(&fanout);
    let long = [
        "--set",
        "search.params={}",
        "--set",
        "trainer.params.n_estimators=3000",
    ];
    let workers = ["one", "two"].map(|name| {
        let worker = Worker::start(&fanout, &nats.url(), &["--workers", "1", "--name", name]);
        worker.says("connected");
        worker
    });
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &long));
    assert_eq!(made(&report), 2);
    let times = report["cv_results"]["mean_fit_time"][0].as_f64().unwrap();
    assert!(times > 1.5, "a fit of {times} s shows nothing");
    drop(workers);
}

#[test]
fn two_runs_share_the_workers() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "2"]);
    worker.says("connected");
    let long = [
        "--set",
        "search.params.n_estimators=[40, 80]",
        "--output",
        "first",
    ];
    let first = over(&fanout, &nats.url(), &plan, &long);
    worker.says("made in");
    // Of another seed, so that they have no fit in common; a tenth as long.
    let few = ["--set", "search.params.random_state={range: [100, 105]}"];
    let (report, _) = finish(over(&fanout, &nats.url(), &plan, &few));
    assert_eq!(made(&report), 24);
    // The short one ended before the long one that began first.
    let unfinished = !fanout.path("first/cv_results.csv").exists();
    let (report, _) = finish(first);
    assert_eq!(made(&report), 240);
    assert!(unfinished, "the first run kept the workers to itself");
}

#[test]
fn an_interrupted_run_takes_its_tasks_out_of_the_queue() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    lines.until("no worker takes tasks");
    let status = || {
        let text = fanout.text(&["status", "--nats", &nats.url(), "--json"]);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let waiting = status();
    assert_eq!(waiting["queue"]["tasks"], 64);
    assert_eq!(waiting["runs"][0]["state"], "unfinished");
    let kill = Command::new("kill")
        .args(["-INT", &lines.child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    lines.until("stopped: 0 of 240 fits are done");
    assert_eq!(lines.child.wait().unwrap().code(), Some(130));
    assert_eq!(status()["queue"]["tasks"], 0);
}

#[test]
fn status_tells_of_queue_workers_and_runs() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let worker = Worker::start(&fanout, &nats.url(), &["--workers", "3", "--name", "it"]);
    worker.says("connected");
    finish(over(&fanout, &nats.url(), &plan, &[]));
    let text = fanout.text(&["status", "--nats", &nats.url()]);
    assert!(
        text.starts_with("queue fanout: 0 tasks, 0 of them held by workers\n"),
        "{text}"
    );
    let line = text.lines().find(|line| line.starts_with("it ")).unwrap();
    let cells: Vec<&str> = line.split_whitespace().collect();
    // 60 families on two splits, and the baseline.
    assert_eq!(cells[..5], ["it", "up", "3", "0", "122"], "{text}");
    assert!(text.contains("no run goes on in"), "{text}");
    drop(worker);
}

/// Whoever does not say who they are gets one message; who does, is served.
/// No secret is shown.
#[test]
fn users_tokens_nkeys_and_credentials_are_asked_for() {
    let keys = nkeys::KeyPair::new_user();
    let (seed, public) = (keys.seed().unwrap(), keys.public_key());
    let cases = [
        (
            "authorization {user: fits, password: open-sesame}".to_owned(),
            vec![
                ("FANOUT_NATS_USER", "fits".to_owned()),
                ("FANOUT_NATS_PASSWORD", "open-sesame".to_owned()),
            ],
        ),
        (
            "authorization {token: open-sesame}".to_owned(),
            vec![("FANOUT_NATS_TOKEN", "open-sesame".to_owned())],
        ),
        (
            format!("authorization {{users: [{{nkey: {public}}}]}}"),
            vec![("FANOUT_NATS_NKEY", seed)],
        ),
    ];
    for (config, variables) in cases {
        let (fanout, nats) = (Fanout::new(), Nats::with(&config));
        let plan = plan(&fanout);
        let few = ["--set", "search.params.random_state=[1]"];
        let output = over(&fanout, &nats.url(), &plan, &few).wait_with_output();
        let output = output.unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains("refuses these credentials"), "{said}");
        let unknown = fanout.run(&["worker", "--nats", &nats.url(), "--store", ".fanout"]);
        let said = text(&unknown.stderr);
        assert_eq!(unknown.status.code(), Some(7), "{said}");
        assert!(said.contains("refuses these credentials"), "{said}");
        let mut command = fanout.command();
        command.args(["worker", "--nats", &nats.url(), "--store", ".fanout"]);
        command.envs(variables.clone());
        let worker = Worker::spawn(command);
        worker.says("connected");
        let mut command = fanout.command();
        command.args(["run", "--json", &plan, "--pool", &nats.url()]);
        command.args(few).envs(variables.clone());
        let output = command.output().unwrap();
        let said = text(&output.stderr) + &text(&output.stdout);
        assert!(output.status.success(), "{said}");
        for (_, secret) in &variables[variables.len() - 1..] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}

/// A JWT of NATS: `claims` for the key `of`, signed by `by`.
fn jwt(by: &nkeys::KeyPair, of: &nkeys::KeyPair, name: &str, claims: Value) -> String {
    let header = serde_json::json!({"typ": "JWT", "alg": "ed25519-nkey"});
    let body = serde_json::json!({
        "jti": name,
        "iat": 1_700_000_000,
        "iss": by.public_key(),
        "sub": of.public_key(),
        "name": name,
        "nats": claims,
    });
    let text = format!(
        "{}.{}",
        base64(header.to_string().as_bytes()),
        base64(body.to_string().as_bytes())
    );
    let signature = base64(&by.sign(text.as_bytes()).unwrap());
    format!("{text}.{signature}")
}

/// For URLs, without padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letter = |group: u32, at: u32| char::from(LETTERS[(group >> (18 - 6 * at)) as usize & 63]);
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0)) << (16 - 8 * at);
        let group = byte(0) | byte(1) | byte(2);
        text.extend((0..=chunk.len() as u32).map(|at| letter(group, at)));
    }
    text
}

/// As `nsc` makes them: an operator, an account with JetStream, a user.
#[test]
fn a_file_of_credentials_is_asked_for() {
    let operator = nkeys::KeyPair::new_operator();
    let account = nkeys::KeyPair::new_account();
    let user = nkeys::KeyPair::new_user();
    // JetStream wants one for itself.
    let system = nkeys::KeyPair::new_account();
    let mut limits = serde_json::json!({
        "subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1,
        "wildcards": true, "conn": -1, "leaf": -1,
    });
    let systems = serde_json::json!({"type": "account", "version": 2, "limits": limits});
    for kind in ["mem_storage", "disk_storage", "streams", "consumer"] {
        limits[kind] = (-1).into();
    }
    let operators = serde_json::json!({"type": "operator", "version": 2});
    let accounts = serde_json::json!({"type": "account", "version": 2, "limits": limits});
    let users = serde_json::json!({
        "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1,
    });
    let operators = jwt(&operator, &operator, "operator", operators);
    let systems = jwt(&operator, &system, "system", systems);
    let accounts = jwt(&operator, &account, "fits", accounts);
    let users = jwt(&account, &user, "worker", users);
    let (account, system) = (account.public_key(), system.public_key());
    let nats = Nats::with(&format!(
        "operator: \"{operators}\"\nsystem_account: {system}\nresolver: MEMORY\n\
         resolver_preload: {{ {account}: \"{accounts}\", {system}: \"{systems}\" }}\n"
    ));
    let fanout = Fanout::new();
    let (line, seed) = ("------", user.seed().unwrap());
    let file = fanout.write(
        "fits.creds",
        &format!(
            "-----BEGIN NATS USER JWT-----\n{users}\n{line}END NATS USER JWT{line}\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n{line}END USER NKEY SEED{line}\n"
        ),
    );
    let plan = plan(&fanout);
    let few = ["--set", "search.params.random_state=[1]"];
    let refused = over(&fanout, &nats.url(), &plan, &few).wait_with_output();
    assert_eq!(refused.unwrap().status.code(), Some(7));
    let worker = Worker::start(&fanout, &nats.url(), &["--nats-creds", &file]);
    worker.says("connected");
    let mut command = fanout.command();
    command.args(["run", "--json", &plan, "--pool", &nats.url()]);
    command.args(few).env("FANOUT_NATS_CREDS", &file);
    let (report, said) = finish(start(&mut command));
    assert_eq!(report["fits"]["served"], 4);
    assert!(!said.contains(&seed), "{said}");
}

/// The certificate of a server that no system trusts is trusted when it is
/// named.
#[test]
fn tls_with_a_certificate_of_ones_own() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let fanout = Fanout::new();
    let certificate = fanout.write("cert.pem", &made.cert.pem());
    let key = fanout.write("key.pem", &made.signing_key.serialize_pem());
    let path = |name: &str| fanout.path(name).to_str().unwrap().to_owned();
    let nats = Nats::with(&format!(
        "tls {{cert_file: \"{}\", key_file: \"{}\"}}",
        path(&certificate),
        path(&key)
    ));
    let url = format!("tls://localhost:{}", nats.address().port());
    let plan = plan(&fanout);
    let few = ["--set", "search.params.random_state=[1]"];
    let refused = over(&fanout, &url, &plan, &few).wait_with_output().unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(7), "{said}");
    let worker = Worker::start(&fanout, &url, &["--nats-ca", &certificate]);
    worker.says("connected");
    let arguments = [&few[..], &["--set", "pool.ca=cert.pem"]].concat();
    let (report, _) = finish(over(&fanout, &url, &plan, &arguments));
    assert_eq!(report["fits"]["served"], 4);
}

#[test]
fn a_secret_in_a_url_is_refused_and_not_repeated() {
    let fanout = Fanout::new();
    let output = fanout.run(&[
        "worker",
        "--nats",
        "nats://fits:open-sesame@localhost:4222",
        "--store",
        ".fanout",
    ]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("FANOUT_NATS_PASSWORD") && !said.contains("sesame"),
        "{said}"
    );
}

/// A partition is a worker that waits, and its tasks come to others.
#[test]
fn a_worker_behind_a_cut_wire_comes_back() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    nats.be_patient_for(Duration::from_secs(1), "fanout");
    let plan = plan(&fanout);
    let wire = Wire::to(nats.address());
    let url = format!("nats://{}", wire.address());
    let cut = Worker::start(&fanout, &url, &["--workers", "1", "--name", "cut"]);
    cut.says("connected");
    let mut lines = Lines::of(over(&fanout, &nats.url(), &plan, &[]));
    cut.says("made in");
    wire.cut();
    cut.says("NATS is not connected");
    lines.until("worker cut does not answer");
    wire.mend();
    cut.says("connected");
    lines.until("worker cut joined");
    assert_eq!(lines.finish()["fits"]["served"], 240);
}

/// Every hostile trainer ends at a worker as it does here.
#[test]
fn hostile_guests_end_as_the_same_typed_results() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    std::fs::write(fanout.path("hostile.wasm"), &components()["hostile"]).unwrap();
    let table: String = (0..20).map(|row| format!("{row},{}\n", row % 2)).collect();
    fanout.write("table.csv", &format!("x,y\n{table}"));
    let plan = fanout.write(
        "hostile.yaml",
        "
name: hostile
dataset: {source: table.csv, target: y, positive: 1}
trainer: {name: honest, guest: hostile.wasm}
search: {method: list, candidates: [{}, {fail: true}]}
cv: {method: k_fold, n_splits: 2}
scoring: [accuracy, roc_auc]
limits: {memory: 64MiB, timeout: 2s}
",
    );
    let worker = Worker::start(&fanout, &nats.url(), &["--store", "there"]);
    worker.says("connected");
    for (name, kind) in LOCAL {
        let trainer = format!("trainer.name={name}");
        let come = |arguments: &[&str]| {
            let mut all = vec!["run", "--json", "--quiet", &plan, "--set", &trainer];
            all.extend(arguments);
            let output = fanout.run(&all);
            let report = serde_json::from_slice::<Value>(&output.stdout).ok();
            let report = report.map(|report| (scores(&report), report["failures"].clone()));
            (output.status.code(), report, text(&output.stderr))
        };
        let mut here = come(&["--store", "here"]);
        let mut there = come(&["--store", "there", "--pool", &nats.url()]);
        if name == "keep_state" {
            // It says how many calls its instance had: no pure function.
            for (_, report, _) in [&mut here, &mut there] {
                report.as_mut().unwrap().0.clear();
            }
        }
        assert_eq!(here, there, "{name}");
        // No candidate has a score there, and that is how the run ends.
        let code = if name == "null_scores" { 8 } else { 0 };
        let fine = here.0 == Some(code)
            && here
                .1
                .as_ref()
                .is_some_and(|(_, failures)| failures.as_array().is_none_or(Vec::is_empty));
        assert_eq!(fine, kind.is_none(), "{name}: {here:?}");
    }
}
