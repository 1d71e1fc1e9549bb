//! Whole runs over the real binary.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The binary, standing in an empty folder of its own.
struct Fanout {
    here: TempDir,
}

impl Fanout {
    fn new() -> Self {
        Self {
            here: tempfile::tempdir().unwrap(),
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fanout"));
        command
            .current_dir(self.here.path())
            // Shared by all tests, so that each guest is compiled once.
            .env(
                "FANOUT_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// What a run that must succeed prints with `--json`.
    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["run", "--json", "--quiet"];
        all.extend(arguments);
        let output = self.run(&all);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn write(&self, name: &str, content: &str) -> String {
        std::fs::write(self.here.path().join(name), content).unwrap();
        name.to_owned()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn example(name: &str) -> String {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plans");
    plans.join(name).to_str().unwrap().to_owned()
}

/// The columns of `cv_results` that are not times.
fn scores(report: &Value) -> BTreeMap<String, Value> {
    let columns = report["cv_results"].as_object().unwrap();
    assert!(columns.keys().any(|name| name.starts_with("mean_test_")));
    let scores = columns.iter().filter(|(name, _)| !name.ends_with("_time"));
    scores
        .map(|(name, values)| (name.clone(), values.clone()))
        .collect()
}

#[test]
fn the_examples_run() {
    let fanout = Fanout::new();
    for plan in ["quickstart.yaml", "digits.yaml"] {
        let output = fanout.run(&["run", &example(plan)]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let table = text(&output.stdout);
        assert!(
            table.contains("rank") && table.contains("fits served by"),
            "{table}"
        );
    }
}

#[test]
fn families_and_workers_change_no_score() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let run = |options: &[&str]| {
        let mut arguments = vec![plan.as_str(), "--store", "memory://"];
        arguments.extend(options);
        fanout.json(&arguments)
    };
    let together = run(&["--workers", "1"]);
    let apart = run(&["--set", "families=off", "--workers", "2"]);
    let split = run(&["--workers", "7"]);
    assert_eq!(scores(&together), scores(&apart));
    assert_eq!(scores(&together), scores(&split));
    assert_eq!(together["fits"]["served"], apart["fits"]["served"]);
    assert_eq!(apart["fits"]["made"], apart["fits"]["served"]);
    assert!(together["fits"]["made"].as_u64() < apart["fits"]["made"].as_u64());
}

#[test]
fn a_second_run_repeats_no_fit_and_writes_the_same_bytes() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let first = fanout.json(&[&plan, "--output", "first"]);
    let second = fanout.json(&[&plan, "--output", "second"]);
    assert_eq!(first["fits"]["reused"], 0);
    assert_eq!(second["fits"]["reused"], second["fits"]["served"]);
    for name in [
        "cv_results.csv",
        "cv_results.json",
        "cv_results.parquet",
        "best.json",
        "model.bin",
    ] {
        let read =
            |folder: &str| std::fs::read(fanout.here.path().join(folder).join(name)).unwrap();
        assert_eq!(read("first"), read("second"), "{name}");
    }
    let fresh = fanout.json(&[&plan, "--fresh"]);
    assert_eq!(fresh["fits"]["reused"], 0);
    assert_eq!(scores(&first), scores(&fresh));
}

#[test]
fn a_damaged_result_is_computed_again() {
    let fanout = Fanout::new();
    let plan = example("quickstart.yaml");
    let first = fanout.json(&[&plan]);
    let tasks = fanout.here.path().join(".fanout/tasks");
    let results: Vec<PathBuf> = std::fs::read_dir(tasks)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    let whole = std::fs::read(&results[0]).unwrap();
    std::fs::write(&results[0], &whole[..whole.len() / 2]).unwrap();
    let second = fanout.json(&[&plan]);
    assert!(second["fits"]["reused"].as_u64() < second["fits"]["served"].as_u64());
    assert_eq!(scores(&first), scores(&second));
}

/// A search that takes much longer than the test waits.
const LONG: &str = "
name: long
dataset: {source: SOURCE, target: digit}
trainer: {name: random_forest, params: {n_estimators: 60, max_depth: 12}}
search: {method: grid, params: {random_state: {range: [0, 4999]}}}
cv: {method: k_fold, n_splits: 2}
scoring: accuracy
refit: false
";

#[test]
#[cfg(unix)]
fn an_interrupt_ends_a_run_and_the_next_goes_on() {
    let fanout = Fanout::new();
    let plan = fanout.write(
        "long.yaml",
        &LONG.replace("SOURCE", &example("data/digits.parquet")),
    );
    let mut child = fanout
        .command()
        .args(["run", &plan])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let started = lines
        .by_ref()
        .map(Result::unwrap)
        .find(|line| line.contains("10,000 fits:"));
    assert!(started.is_some());
    // Only once a fit is in the store is there something to go on from.
    let tasks = fanout.here.path().join(".fanout/tasks");
    while std::fs::read_dir(&tasks).map_or(0, Iterator::count) == 0 {
        std::thread::yield_now();
    }
    let kill = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:?}");
    let last = rest.join("\n");
    assert!(
        last.contains("of 10000 fits are done") || last.contains("of 10,000 fits are done"),
        "{last}"
    );

    let done = std::fs::read_dir(&tasks).unwrap().count();
    let report = fanout.json(&[&plan, "--set", "search.params.random_state=[0, 1]"]);
    assert_eq!(report["fits"]["served"], 4);
    assert!(done >= 1 && report["fits"]["reused"].as_u64().unwrap() >= 1);
}

#[test]
fn a_guest_is_listed_described_exported_and_checked() {
    let fanout = Fanout::new();
    let list = text(&fanout.run(&["guest", "list"]).stdout);
    for name in [
        "random_forest",
        "extra_trees",
        "decision_tree",
        "linfa_decision_tree",
        "dummy",
    ] {
        assert!(list.contains(name), "{list}");
        let output = fanout.run(&["guest", "describe", name]);
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    let describe = text(&fanout.run(&["guest", "describe", "random_forest"]).stdout);
    assert!(
        describe.contains("n_estimators = 100  (nested)"),
        "{describe}"
    );
    assert!(fanout.run(&["guest", "export", "guests"]).status.success());
    for name in ["forest", "linfa"] {
        let output = fanout.run(&["guest", "check", &format!("guests/{name}.wasm")]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("keeps the contract"));
    }
    fanout.write("text.wasm", "not WebAssembly");
    let output = fanout.run(&["guest", "check", "text.wasm"]);
    assert_eq!(output.status.code(), Some(6), "{}", text(&output.stderr));
}

#[test]
fn error_score_decides_what_a_failed_fit_means() {
    let fanout = Fanout::new();
    let table = format!("a,y\n{}", "1,x\n2,z\n".repeat(20));
    fanout.write("table.csv", &table);
    let plan = "
name: faults
dataset: {source: table.csv, target: y}
trainer: {name: dummy}
search: {method: list, candidates: [{strategy: prior}, {strategy: constant, constant: nowhere}]}
cv: {method: k_fold, n_splits: 2}
scoring: accuracy
refit: false
error_score: ERROR_SCORE
";
    let with = |score: &str| {
        let name = fanout.write(
            &format!("plan{score}.yaml"),
            &plan.replace("ERROR_SCORE", score),
        );
        fanout.run(&["run", "--json", "--quiet", &name])
    };
    let raised = with("raise");
    assert_eq!(raised.status.code(), Some(6));
    assert!(
        text(&raised.stderr).contains("nowhere"),
        "{}",
        text(&raised.stderr)
    );
    for (score, expected) in [("nan", Value::Null), ("-1.5", Value::from(-1.5))] {
        let output = with(score);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["fits"]["failed"], 2);
        assert_eq!(report["cv_results"]["mean_test_accuracy"][1], expected);
    }
}

#[test]
fn a_store_that_is_no_folder_is_refused() {
    let fanout = Fanout::new();
    fanout.write("file", "");
    let output = fanout.run(&[
        "run",
        "--quiet",
        &example("quickstart.yaml"),
        "--store",
        "file",
    ]);
    assert_eq!(output.status.code(), Some(5));
    assert!(text(&output.stderr).starts_with("error: can't open the store folder"));
}
