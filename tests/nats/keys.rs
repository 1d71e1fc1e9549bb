//! A key that the runs and workers of a store share.

use super::server::Nats;
use super::worker::Worker;
use super::{Lines, over, plan, start};
use crate::program::{Fanout, scores, text};

const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const VARIABLE: &str = "FANOUT_STORE_KEY";

fn worker(fanout: &Fanout, nats: &Nats, name: &str, key: Option<&str>) -> Worker {
    let mut command = fanout.command();
    command.args([
        "worker",
        "--nats",
        &nats.url(),
        "--store",
        ".fanout",
        "--verbose",
    ]);
    command
        .args(["--workers", "1", "--name", name])
        .envs(key.map(|key| (VARIABLE, key)));
    let worker = Worker::spawn(command);
    worker.says("connected");
    worker
}

fn run(fanout: &Fanout, nats: &Nats, plan: &str, key: Option<&str>) -> Lines {
    let mut command = fanout.command();
    command.args(["run", "--json", plan, "--pool", &nats.url()]);
    Lines::of(start(command.envs(key.map(|key| (VARIABLE, key)))))
}

/// Who has no key, or another one, does nothing for the run, and both sides say
/// why; the run waits for one that has it. The key is nowhere.
#[test]
fn a_worker_without_the_runs_key_returns_its_tasks() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let keyless = worker(&fanout, &nats, "keyless", None);
    let other = worker(&fanout, &nats, "other", Some(&KEY.replace("00", "ff")));
    let mut lines = run(&fanout, &nats, &plan, Some(KEY));
    let reasons = [
        "worker keyless returned a task: its run has a `FANOUT_STORE_KEY`",
        "worker other returned a task: the task carries no valid HMAC",
    ];
    lines.until_all(&reasons);
    keyless.says("and this worker has none");
    other.says("carries no valid HMAC");
    assert_eq!(fanout.objects("tasks").len(), 0);
    for mut worker in [keyless, other] {
        worker.signal("TERM");
        worker.wait();
    }
    let right = worker(&fanout, &nats, "right", Some(KEY));
    let report = lines.finish();
    assert_eq!(report["fits"]["served"], 240);
    right.says("made in");
    let alone = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(scores(&alone), scores(&report));
    for folder in ["tasks", "runs"] {
        for object in fanout.objects(folder) {
            let content = std::fs::read_to_string(&object).unwrap();
            assert!(!content.contains(KEY));
            // Events decide nothing.
            let is_event = object.extension().is_some_and(|it| it == "jsonl");
            let result = !object.ends_with("plan.json") && !is_event;
            assert_eq!(
                content.contains("\"hmac\":\""),
                result,
                "{}",
                object.display()
            );
        }
    }
}

/// A task that somebody without the key publishes is not run.
#[test]
fn a_worker_with_a_key_runs_nothing_for_a_run_without_one() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = plan(&fanout);
    let keyed = worker(&fanout, &nats, "keyed", Some(KEY));
    let more = ["--set", "pool.retry=2s"];
    let output = over(&fanout, &nats.url(), &plan, &more).wait_with_output();
    let output = output.unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(
        said.contains("has another `FANOUT_STORE_KEY` than this worker"),
        "{said}"
    );
    keyed.says("carries no valid HMAC");
    assert_eq!(fanout.objects("tasks").len(), 0);
}
