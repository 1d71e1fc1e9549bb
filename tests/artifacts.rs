//! Runs that keep predictions: artifacts of the store, over the real binary.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::Value;

use crate::functions::results::exported;
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, made, scores};

/// Families of two fits, eight in all, on two splits.
const PLAN: &str = "
name: artifacts
dataset: {source: SOURCE, target: diagnosis}
trainer: {name: random_forest}
search: {params: {n_estimators: [2, 4], random_state: [1, 2]}}
cv: {method: stratified_k_fold, n_splits: 2}
predictions: true
";

fn plan(fanout: &Fanout) -> String {
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &PLAN.replace("SOURCE", &source))
}

const NONE: [&str; 2] = ["--set", "predictions=false"];

/// The artifacts of the store by their names without the digest, and their contents.
fn artifacts(fanout: &Fanout) -> Vec<(PathBuf, Vec<u8>)> {
    let read = |path: PathBuf| {
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    };
    fanout.objects("artifacts").into_iter().map(read).collect()
}

/// The rows and the predicted labels of a file of predictions.
fn rows(bytes: &[u8]) -> BTreeMap<i64, String> {
    let reader = SerializedFileReader::new(bytes::Bytes::copy_from_slice(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap().map(|row| {
        let row = row.unwrap();
        let place = |name: &str| row.get_column_iter().position(|(column, _)| column == name);
        let at = place("row").unwrap();
        let index = row.get_int(at).map(i64::from).or_else(|_| row.get_long(at));
        let label = row.get_string(place("prediction").unwrap()).unwrap();
        (index.unwrap(), label.clone())
    });
    rows.collect()
}

/// Every fit has a file with the predictions of its test rows, which have the score
/// that the run tells.
#[test]
fn predictions_of_every_fit_are_kept() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let report = fanout.json(&[&plan]);
    assert_eq!(made(&report), 8);
    let kept = artifacts(&fanout);
    assert_eq!(kept.len(), 8);
    let labels: Vec<String> = std::fs::read_to_string(example("data/breast_cancer.csv"))
        .unwrap()
        .lines()
        .skip(1)
        .map(|line| line.rsplit_once(',').unwrap().1.to_owned())
        .collect();
    let mut accuracies = BTreeSet::new();
    let mut covered = BTreeMap::new();
    for (_, bytes) in &kept {
        let rows = rows(bytes);
        let right = rows
            .iter()
            .filter(|(row, label)| labels[**row as usize] == **label);
        accuracies.insert((right.count() as f64 / rows.len() as f64).to_bits());
        for row in rows.into_keys() {
            *covered.entry(row).or_insert(0) += 1;
        }
    }
    assert_eq!(covered.len(), labels.len());
    assert!(covered.values().all(|&count| count == 4));
    let told = (0..2).flat_map(|split| {
        let column = &report["cv_results"][format!("split{split}_test_accuracy")];
        column
            .as_array()
            .unwrap()
            .iter()
            .map(|score| score.as_f64().unwrap().to_bits())
    });
    assert_eq!(told.collect::<BTreeSet<u64>>(), accuracies);
    // Those of any candidate can be written to one file.
    let run = report["digests"]["run"].as_str().unwrap();
    for (candidate, name) in [(0, "0.csv"), (3, "3.csv")] {
        let candidate_text = candidate.to_string();
        fanout.text(&[
            "show",
            run,
            "--predictions",
            name,
            "--candidate",
            &candidate_text,
        ]);
        let table = std::fs::read_to_string(fanout.path(name)).unwrap();
        let rows = table.lines().skip(1);
        let right = rows.filter(|row| {
            let cells: Vec<&str> = row.split(',').collect();
            cells[1] == "0" && cells[2] == cells[3]
        });
        let share = right.count() as f64 / (labels.len() as f64 / 2.0).ceil();
        let told = &report["cv_results"]["split0_test_accuracy"][candidate];
        assert_eq!(share, told.as_f64().unwrap());
    }
    let beyond = fanout.run(&["show", run, "--predictions", "4.csv", "--candidate", "4"]);
    assert_eq!(beyond.status.code(), Some(2));
    // The scores are those of a run that keeps none.
    let alone = fanout.json(&[&[&*plan, "--store", "memory://"][..], &NONE].concat());
    assert_eq!(scores(&alone), scores(&report));
}

/// A fit whose artifact is wanted and not there is made again; one whose artifact is
/// there is not.
#[test]
fn what_lacks_its_artifact_is_made_again() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let run = |more: &[&str]| made(&fanout.json(&[&[&*plan][..], more].concat()));
    assert_eq!(run(&NONE), 8);
    assert_eq!(artifacts(&fanout).len(), 0);
    assert_eq!(run(&[]), 8);
    let kept = artifacts(&fanout);
    assert_eq!(kept.len(), 8);
    assert_eq!((run(&[]), run(&NONE)), (0, 0));
    for (path, _) in &kept[..3] {
        std::fs::remove_file(path).unwrap();
    }
    assert_eq!(run(&NONE), 0);
    assert_eq!(run(&[]), 3);
    assert_eq!(artifacts(&fanout), kept);
    assert_eq!(run(&[]), 0);
}

/// Damaged artifacts are found and removed, and those of dropped runs go with them.
#[test]
fn artifacts_are_swept() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let report = fanout.json(&[&plan]);
    let kept = artifacts(&fanout);
    std::fs::write(&kept[0].0, "other").unwrap();
    fanout.text(&["gc", "--damaged", "--younger", "0s", "--yes"]);
    assert_eq!(artifacts(&fanout), kept[1..]);
    assert_eq!(made(&fanout.json(&[&plan])), 1);
    assert_eq!(artifacts(&fanout), kept);
    let run = report["digests"]["run"].as_str().unwrap();
    fanout.text(&["gc", "--drop", run, "--younger", "0s", "--yes"]);
    assert_eq!(artifacts(&fanout).len(), 0);
}

/// Workers keep the very files that a local run keeps.
#[test]
fn workers_keep_artifacts() {
    let (here, there, nats) = (Fanout::new(), Fanout::new(), Nats::start());
    let expected = here.json(&[&plan(&here)]);
    let worker = Worker::start(&there, &nats.url(), &["--workers", "2"]);
    worker.says("connected");
    let report = there.json(&[&plan(&there), "--pool", &nats.url()]);
    assert_eq!((made(&report), scores(&report)), (8, scores(&expected)));
    let names = |fanout: &Fanout| -> Vec<(PathBuf, Vec<u8>)> {
        let root = fanout.path(".fanout");
        let name = |(path, bytes): (PathBuf, Vec<u8>)| {
            (path.strip_prefix(&root).unwrap().to_owned(), bytes)
        };
        artifacts(fanout).into_iter().map(name).collect()
    };
    assert_eq!(names(&there), names(&here));
    let again: Value = there.json(&[&plan(&there), "--pool", &nats.url()]);
    assert_eq!(made(&again), 0);
    // An artifact that is lost is made again there, too.
    std::fs::remove_file(&there.objects("artifacts")[0]).unwrap();
    let again = there.json(&[&plan(&there), "--pool", &nats.url()]);
    assert_eq!(made(&again), 1);
    assert_eq!(names(&there), names(&here));
}

/// Endpoints give the very files that a local run keeps.
#[test]
fn endpoints_give_predictions() {
    let (here, there) = (Fanout::new(), Fanout::new());
    here.json(&[&plan(&here)]);
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    there.json(&[&plan(&there), "--pool", &server.url]);
    let contents = |fanout: &Fanout| {
        let files = artifacts(fanout).into_iter();
        files.map(|(_, bytes)| bytes).collect::<Vec<_>>()
    };
    assert_eq!(contents(&here).len(), 8);
    assert_eq!(contents(&here), contents(&there));
}
