//! Large forests, which all workers grow in ranges of trees: the same bytes on any pool,
//! and a run that is killed goes on with the ranges that are there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use fanout::digest::Digest;
use serde_json::Value;

use crate::functions::results::{self, Results, ended, exported, results};
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, fitted, head, text};

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
    let makers: BTreeSet<&str> = made
        .iter()
        .filter_map(|part| part["worker"].as_str())
        .collect();
    assert!(makers.len() > 1, "{makers:?}");
    drop(workers);

    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let served = logged(&fanout, "served", &["--pool", &server.url]);
    assert_eq!(one.differing(&served), [""; 0]);
}

/// The names of the events of a log that tell of stages, each run of equal ones as one.
fn stages(fanout: &Fanout, log: &str) -> Vec<String> {
    let log = std::fs::read_to_string(fanout.path(log)).unwrap();
    let events = log.lines().map(|line| serde_json::from_str(line).unwrap());
    let mut names: Vec<String> = events
        .filter_map(|event: Value| match event["event"].as_str().unwrap() {
            "parts_started" if event["ahead"] == true => Some("parts_started ahead".to_owned()),
            name @ ("parts_started" | "part_finished" | "task_finished" | "run_finished"
            | "refit_started") => Some(name.to_owned()),
            _ => None,
        })
        .collect();
    names.dedup();
    names
}

/// The names of the results and of the artifacts that a store has of tasks: the name of an
/// artifact has its digest.
fn kept(fanout: &Fanout, store: &str) -> BTreeSet<OsString> {
    let mut names = BTreeSet::new();
    for folder in ["tasks", "artifacts"] {
        for shard in std::fs::read_dir(fanout.path(store).join(folder)).unwrap() {
            let objects = std::fs::read_dir(shard.unwrap().path()).unwrap();
            names.extend(objects.map(|object| object.unwrap().file_name()));
        }
    }
    assert!(!names.is_empty());
    names
}

/// With one candidate the parts of the refit are fitted beside the scores of the search, and
/// what is told, written and kept is that of a search and a refit which follow each other.
#[test]
fn the_refit_of_an_only_candidate_begins_beside_its_scores() {
    let fanout = Fanout::new();
    plan(&fanout);
    let ahead = logged(&fanout, "ahead", &["--workers", "2"]);
    let told = stages(&fanout, "ahead.jsonl");
    // The model is put together as the parts of the refit are fitted, or before, or behind.
    let others = told.iter().filter(|name| *name != "part_finished");
    let expected = [
        "parts_started",
        "parts_started ahead",
        "task_finished",
        "run_finished",
        "refit_started",
    ];
    assert_eq!(others.collect::<Vec<_>>(), expected);
    assert_eq!(told[1], "part_finished");
    assert_eq!(told[told.len() - 2..], expected[3..]);

    // Each is fitted once, and once more where all is to be made again.
    let (all, reused) = parts(&fanout, "ahead.jsonl");
    assert_eq!(reused, 0);
    let arguments = ["--workers", "2", "--fresh", "--store", "ahead.store"];
    let fresh = logged(&fanout, "fresh", &arguments);
    assert_eq!(parts(&fanout, "fresh.jsonl"), (all, 0));
    assert_eq!(ahead.differing(&fresh), [""; 0]);

    // The search alone, and then its refit.
    let store = ["--workers", "2", "--store", "apart.store"];
    let alone = ["--set", "refit=false", "--events", "alone.jsonl"];
    let alone = [&alone[..], &store].concat();
    let output = results::run(&fanout, "plan.yaml", "alone", &alone)
        .output()
        .unwrap();
    ended(&output, &fanout.path("alone"));
    assert_eq!(stages(&fanout, "alone.jsonl").len(), 4);
    let apart = logged(&fanout, "apart", &store);
    assert_eq!(ahead.differing(&apart), [""; 0]);
    assert_eq!(kept(&fanout, "ahead.store"), kept(&fanout, "apart.store"));
}

/// A search of which no part can be fitted has no refit, and none is begun.
#[test]
fn a_search_that_fails_is_not_refitted_ahead() {
    let fanout = Fanout::new();
    plan(&fanout);
    let arguments = ["--workers", "2", "--events", "failed.jsonl"];
    let arguments = [&arguments[..], &["--set", "limits.timeout=20ms"]].concat();
    let output = results::run(&fanout, "plan.yaml", "failed", &arguments)
        .output()
        .unwrap();
    assert!(!output.status.success());
    let said = text(&output.stderr);
    assert!(said.contains("all 1 fits failed"), "{said}");
    let told = stages(&fanout, "failed.jsonl");
    let expected = [
        "parts_started",
        "part_finished",
        "task_finished",
        "run_finished",
    ];
    assert_eq!(told, expected);
}

#[test]
fn a_killed_run_goes_on_with_the_parts_that_are_there() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let whole = logged(&fanout, "whole", &["--workers", "2"]);
    let (all, _) = parts(&fanout, "whole.jsonl");

    // In the parts of the search, and in those of the refit.
    for (place, stage) in ["parts_started", "parts_started ahead"].iter().enumerate() {
        let (folder, store) = (format!("killed{place}"), format!("store{place}"));
        let mut command = fanout.command();
        command.args(["run", &plan, "--output", &folder, "--events", "-"]);
        command.args(["--workers", "2", "--store", &store]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (mut done, mut is_there) = (0, false);
        for line in lines {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            let is_ahead = event["ahead"] == true;
            is_there |= event["event"] == "parts_started" && is_ahead == stage.ends_with("ahead");
            done += usize::from(is_there && event["event"] == "part_finished");
            if done == 2 {
                break;
            }
        }
        assert_eq!(done, 2, "the run ended before two parts");
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!fanout.path(&folder).join("model.fanout").exists());

        let arguments = ["--workers", "2", "--store", &store];
        let folder = format!("again{place}");
        let again = logged(&fanout, &folder, &arguments);
        let (made, reused) = parts(&fanout, &format!("{folder}.jsonl"));
        assert!(reused >= 2 && made < all, "{made} {reused}");
        assert_eq!(whole.differing(&again), [""; 0]);
        let models = [&whole, &again].map(|run| Digest::of(fitted(&run.files["model.fanout"])));
        assert_eq!(models[0], models[1]);
        // Of a run that ended, no part is asked for.
        let folder = format!("ended{place}");
        let ended = logged(&fanout, &folder, &arguments);
        assert_eq!(parts(&fanout, &format!("{folder}.jsonl")), (0, 0));
        assert_eq!(whole.differing(&ended), [""; 0]);
    }
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
