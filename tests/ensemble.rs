//! Large forests, which all workers grow in ranges of trees: the same bytes on any pool,
//! and a run that is killed goes on with the ranges that are there.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use fanout::digest::Digest;
use serde_json::Value;

use crate::functions::results::{Results, exported, results};
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, fitted, head};

/// Two forests: one that test rows score, and the model, which hold-out rows score. A fit
/// takes a second or two, by the trainer's word and in fact.
const PLAN: &str = "
name: ensemble
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.2, stratify: true}
trainer: {name: random_forest, params: {n_estimators: 20000, oob_score: true, random_state: 3}}
cv: {method: stratified_shuffle_split, n_splits: 1, test_size: 0.2}
scoring: [roc_auc, accuracy]
refit: roc_auc
";

fn plan(fanout: &Fanout) -> String {
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &PLAN.replace("SOURCE", &source))
}

/// The events of this name in a log.
fn events(fanout: &Fanout, log: &str, name: &str) -> Vec<Value> {
    let log = std::fs::read_to_string(fanout.path(log)).unwrap();
    let events = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["event"] == name).collect()
}

/// How many parts were fitted, and how many the store had.
fn parts(fanout: &Fanout, log: &str) -> (usize, usize) {
    let parts = events(fanout, log, "part_finished");
    assert!(
        parts.iter().all(|part| part["fault"].is_null()),
        "{parts:?}"
    );
    let reused = parts.iter().filter(|part| part["reused"] == true).count();
    (parts.len() - reused, reused)
}

fn logged(fanout: &Fanout, folder: &str, arguments: &[&str]) -> Results {
    let log = format!("{folder}.jsonl");
    let arguments = [arguments, &["--events", &log]].concat();
    results(fanout, "plan.yaml", folder, &arguments)
}

#[test]
fn a_forest_that_many_workers_grow_has_the_bytes_of_one_that_one_grew() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    plan(&fanout);
    let one = logged(&fanout, "one", &["--workers", "1"]);
    let (fitted_parts, _) = parts(&fanout, "one.jsonl");
    assert!(fitted_parts >= 4, "{fitted_parts}");
    let oob_score = one.report["best"]["oob_score"].as_f64().unwrap();
    assert!((0.9..1.0).contains(&oob_score), "{oob_score}");
    let in_file = &head(&one.files["model.fanout"])["model"]["oob_score"];
    assert_eq!(*in_file, oob_score);
    assert!(one.report["best"]["holdout"]["roc_auc"].as_f64().unwrap() > 0.95);

    let many = logged(&fanout, "many", &["--workers", "3"]);
    assert_eq!(one.differing(&many), [""; 0]);

    let store = ["--store", "there.store"];
    let workers = ["a", "b", "c", "d"].map(|name| {
        let arguments = ["--workers", "1", "--name", name];
        let worker = Worker::start(&fanout, &nats.url(), &[&arguments[..], &store].concat());
        worker.says("connected");
        worker
    });
    let url = nats.url();
    let there = logged(&fanout, "there", &[&["--pool", &url][..], &store].concat());
    assert_eq!(one.differing(&there), [""; 0]);
    assert!(parts(&fanout, "there.jsonl").0 >= 4);
    let made = events(&fanout, "there.jsonl", "part_finished");
    let makers: std::collections::BTreeSet<&str> = made
        .iter()
        .filter_map(|part| part["worker"].as_str())
        .collect();
    assert!(makers.len() > 1, "{makers:?}");
    drop(workers);

    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let served = logged(&fanout, "served", &["--pool", &server.url]);
    assert_eq!(one.differing(&served), [""; 0]);
}

#[test]
fn a_killed_run_goes_on_with_the_parts_that_are_there() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let whole = logged(&fanout, "whole", &["--workers", "2"]);

    let mut command = fanout.command();
    command.args(["run", &plan, "--output", "killed", "--events", "-"]);
    command.args(["--workers", "2", "--store", "store"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut done = 0;
    while done < 2 {
        let line = lines
            .next()
            .expect("the run ends before two parts")
            .unwrap();
        let event: Value = serde_json::from_str(&line).unwrap();
        done += usize::from(event["event"] == "part_finished");
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let again = logged(&fanout, "again", &["--workers", "2", "--store", "store"]);
    let (_, reused) = parts(&fanout, "again.jsonl");
    assert!(reused >= 2, "{reused}");
    assert_eq!(whole.differing(&again), [""; 0]);
    let models = [&whole, &again].map(|run| Digest::of(fitted(&run.files["model.fanout"])));
    assert_eq!(models[0], models[1]);
    // Of a run that ended, no part is asked for.
    let ended = logged(&fanout, "ended", &["--workers", "2", "--store", "store"]);
    assert_eq!(parts(&fanout, "ended.jsonl"), (0, 0));
    assert_eq!(whole.differing(&ended), [""; 0]);
}

/// The plan of the examples, with a few rows and trees.
#[test]
fn the_example_is_scored_out_of_bag() {
    let fanout = Fanout::new();
    let plan = example("flights_ensemble.yaml");
    let few = [
        "--set",
        "trainer.params.n_estimators=20",
        "--set",
        "trainer.params.max_depth=4",
    ];
    let report = fanout.json(
        &[
            &[plan.as_str()],
            &few[..],
            &["--store", "memory://", "--output", "out"],
        ]
        .concat(),
    );
    let best = &report["best"];
    let oob_score = best["oob_score"].as_f64().unwrap();
    // As many flights are not cancelled.
    assert!((0.97..0.99).contains(&oob_score), "{oob_score}");
    assert!(best["scores"]["roc_auc"]["mean"].as_f64().unwrap() > 0.7);
    let shown = fanout.text(&["model", "show", "out/model.fanout"]);
    assert!(shown.contains("out of bag  accuracy 0.9"), "{shown}");
}
