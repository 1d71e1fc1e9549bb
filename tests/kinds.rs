//! Kinds of plan over the real binary, against scikit-learn.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::functions::results::{Results, ended, exported, run as command};
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, made, text};

/// Made by `kinds/vectors.py` with scikit-learn.
const VECTORS: &str = include_str!("kinds/vectors.json");

/// Scores by number of point and split, or by split.
type Scores<T> = BTreeMap<String, Vec<T>>;

#[derive(Deserialize)]
struct Vectors {
    cross_validate: Vec<Case<f64>>,
    learning_curve: Vec<Case<Vec<f64>>>,
    validation_curve: Vec<Case<Vec<f64>>>,
    nested_cross_validation: Vec<Case<f64>>,
    permutation_test: Vec<Permuted>,
}

#[derive(Deserialize)]
struct Permuted {
    plan: Value,
    /// By metric: `score`, `permutation_scores` and `pvalue`.
    tests: BTreeMap<String, (f64, Vec<f64>, f64)>,
}

#[derive(Deserialize)]
struct Case<T> {
    plan: Value,
    /// `train_<metric>` and `test_<metric>`.
    scores: Scores<T>,
    #[serde(default)]
    train_sizes: Vec<u64>,
    #[serde(default)]
    best_index: Vec<u64>,
    #[serde(default)]
    best_score: Vec<f64>,
    /// Of a nested search: by outer split and metric, the mean of each candidate.
    #[serde(default)]
    inner: Vec<Vec<f64>>,
}

fn vectors() -> Vectors {
    serde_json::from_str(VECTORS).unwrap()
}

/// Writes the plan of a case, beside the table that it names.
fn write(fanout: &Fanout, plan: &Value) -> String {
    let mut plan = plan.clone();
    let source = plan["dataset"]["source"].as_str().unwrap();
    plan["dataset"]["source"] = example(&format!("data/{source}")).into();
    // JSON is YAML.
    fanout.write("plan.yaml", &plan.to_string())
}

fn run(fanout: &Fanout, plan: &Value) -> Value {
    let file = write(fanout, plan);
    let report = fanout.json(&[&file, "--workers", "2", "--output", "results"]);
    assert_eq!(report["kind"], plan["kind"]);
    report
}

/// Both compute in 64 bits, and add numbers up in different orders.
fn assert_close(found: &Value, expected: f64, about: &str) {
    let found = found.as_f64().unwrap_or(f64::NAN);
    let close = (found - expected).abs() <= 1e-10 * expected.abs().max(1.0);
    assert!(close, "{about}: {found}, and {expected} by scikit-learn");
}

#[test]
fn cross_validate_gives_the_scores_of_scikit_learn() {
    for case in vectors().cross_validate {
        let report = run(&Fanout::new(), &case.plan);
        assert_eq!(report["candidates"], 1);
        assert_eq!(report["findings"], Value::Null);
        assert_eq!(report["best"]["model"], Value::Null);
        for (name, splits) in &case.scores {
            for (split, score) in splits.iter().enumerate() {
                let name = format!("split{split}_{name}");
                let about = format!("{} {name}", case.plan);
                assert_close(&report["cv_results"][&name][0], *score, &about);
            }
        }
    }
}

/// Compares the columns of a table with scores by point and split.
fn assert_points(table: &Value, case: &Case<Vec<f64>>) {
    for (name, points) in &case.scores {
        for (point, splits) in points.iter().enumerate() {
            for (split, score) in splits.iter().enumerate() {
                let name = format!("split{split}_{name}");
                let about = format!("{} {name} of point {point}", case.plan);
                assert_close(&table[&name][point], *score, &about);
            }
            let mean = splits.iter().sum::<f64>() / splits.len() as f64;
            assert_close(&table[format!("mean_{name}")][point], mean, name);
        }
    }
}

#[test]
fn learning_curves_are_those_of_scikit_learn() {
    for case in vectors().learning_curve {
        let fanout = Fanout::new();
        let report = run(&fanout, &case.plan);
        let curve = &report["findings"]["learning_curve"];
        assert_eq!(curve["train_size"], json!(case.train_sizes));
        assert_points(curve, &case);
        assert_eq!(
            (&report["best"], &report["cv_results"]),
            (&Value::Null, &Value::Null)
        );
        let file = std::fs::read(fanout.path("results/learning_curve.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&file).unwrap(), *curve);
        let lines = std::fs::read_to_string(fanout.path("results/learning_curve.csv")).unwrap();
        assert_eq!(lines.lines().count(), 1 + case.train_sizes.len());
        for absent in ["cv_results.csv", "model.fanout"] {
            assert!(!fanout.path("results").join(absent).exists(), "{absent}");
        }
    }
}

#[test]
fn validation_curves_are_those_of_scikit_learn() {
    for case in vectors().validation_curve {
        let report = run(&Fanout::new(), &case.plan);
        let results = &report["cv_results"];
        let name = case.plan["param_name"].as_str().unwrap();
        assert_eq!(results[format!("param_{name}")], case.plan["param_range"]);
        assert_points(results, &case);
        if name == "n_neighbors" {
            // One fit a split serves every value.
            assert_eq!(report["fits"]["made"], report["splits"]);
        }
    }
}

#[test]
fn nested_searches_choose_and_score_as_those_of_scikit_learn() {
    for case in vectors().nested_cross_validation {
        let fanout = Fanout::new();
        let report = run(&fanout, &case.plan);
        let findings = &report["findings"];
        let table = &findings["nested_cross_validation"];
        assert_eq!(table["best_index"], json!(case.best_index), "{}", case.plan);
        let metrics = case.plan["scoring"].as_array().unwrap();
        let first = format!("inner_{}", metrics[0].as_str().unwrap());
        for (split, score) in case.best_score.iter().enumerate() {
            assert_close(&table[&first][split], *score, &first);
        }
        for (name, splits) in &case.scores {
            for (split, score) in splits.iter().enumerate() {
                assert_close(
                    &table[name][split],
                    *score,
                    &format!("{} {name}", case.plan),
                );
            }
            let mean = splits.iter().sum::<f64>() / splits.len() as f64;
            let metric = name.strip_prefix("test_").unwrap();
            assert_close(&findings["scores"][metric]["mean"], mean, metric);
        }
        let candidates = report["candidates"].as_u64().unwrap() as usize;
        for (row, means) in case.inner.iter().enumerate() {
            let metric = metrics[row % metrics.len()].as_str().unwrap();
            for (candidate, mean) in means.iter().enumerate() {
                let place = row / metrics.len() * candidates + candidate;
                let found = &findings["inner_results"][format!("mean_test_{metric}")][place];
                assert_close(found, *mean, &format!("inner {metric}"));
            }
        }
        // Every inner fit, and one fit on each outer split.
        let outer = case.best_index.len() as u64;
        let told = text(&fanout.run(&["run", "plan.yaml"]).stdout);
        let line = format!("on the test rows of {outer} splits");
        assert_eq!(told.matches(&line).count(), metrics.len(), "{told}");
        let inner = report["splits"].as_u64().unwrap() * candidates as u64;
        assert_eq!(made(&report), inner + outer);
        for name in ["nested_cross_validation", "inner_results"] {
            let file = fanout.path(&format!("results/{name}.json"));
            let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            assert_eq!(file, findings[name]);
        }
    }
}

/// A nested search of forests, whose fits take a while.
fn forests() -> Value {
    json!({
        "name": "forests", "kind": "nested_cross_validation",
        "dataset": {"source": "digits.parquet", "target": "digit"},
        "trainer": {"name": "random_forest", "params": {"n_estimators": 30}},
        "search": {"params": {"random_state": [0, 1, 2, 3], "max_features": [0.2, 0.4]}},
        "cv": {"method": "stratified_k_fold", "n_splits": 3},
        "inner_cv": {"n_splits": 2},
    })
}

/// The scores of a nested search, without times.
fn chosen(report: &Value) -> [&Value; 2] {
    let findings = &report["findings"];
    [&findings["nested_cross_validation"], &findings["scores"]]
}

/// Killed in the middle of the inner searches, and when the second stage began.
#[test]
#[cfg(unix)]
fn a_nested_search_that_is_killed_goes_on_in_either_stage() {
    use std::io::{BufRead, BufReader};

    let fanout = Fanout::new();
    let file = write(&fanout, &forests());
    let alone = fanout.json(&[&file, "--store", "memory://"]);
    let fits = 8 * 6 + 3;
    assert_eq!(made(&alone), fits);
    for (line, least) in [
        (None, 1),
        (Some("fits:"), 1),
        (Some("scoring the best"), 48),
    ] {
        let mut command = fanout.command();
        command.args(["run", &file, "--workers", "1"]);
        let mut child = (command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()).unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        match line {
            Some(line) => {
                let mut lines = stderr.lines().map(Result::unwrap);
                assert!(lines.any(|told| told.contains(line)), "{line}");
            }
            // Until there is a result in the store.
            None => {
                while fanout.objects("tasks").is_empty() && child.try_wait().unwrap().is_none() {
                    std::thread::yield_now();
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let kept = fanout.objects("tasks").len() as u64;
        assert!((least..=fits).contains(&kept), "{kept}");
    }
    let report = fanout.json(&[&file]);
    assert!(made(&report) <= 3, "{}", report["fits"]);
    assert_eq!(chosen(&report), chosen(&alone));
    let again = fanout.json(&[&file]);
    assert_eq!((made(&again), chosen(&again)), (0, chosen(&alone)));
    // The store alone tells the same.
    let run = report["digests"]["run"].as_str().unwrap();
    let shown = fanout.text(&["show", run, "--store", ".fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(chosen(&shown), chosen(&alone));
}

#[test]
fn a_candidate_that_fails_inside_is_not_chosen() {
    let fanout = Fanout::new();
    let mut plan = forests();
    plan["trainer"] = json!({"name": "k_neighbors"});
    // More neighbours than there are training rows inside.
    plan["search"] = json!({"params": {"n_neighbors": [700, 5]}});
    plan["families"] = json!("off");
    let file = write(&fanout, &plan);
    let report = fanout.json(&[&file]);
    let table = &report["findings"]["nested_cross_validation"];
    assert_eq!(table["best_index"], json!([1, 1, 1]));
    assert_eq!(report["fits"]["failed"], 6);
    assert_eq!(report["fits"]["served"], 6 + 3);
}

#[test]
fn learning_curves_of_several_trainers_stand_in_one_table() {
    let fanout = Fanout::new();
    let plan = json!({
        "name": "two", "kind": "learning_curve", "train_sizes": [100, 300], "shuffle": true,
        "dataset": {"source": "digits.parquet", "target": "digit"},
        "trainers": [{"trainer": {"name": "gaussian_nb"}}, {"trainer": {"name": "k_neighbors"}}],
        "cv": {"n_splits": 3},
    });
    let file = write(&fanout, &plan);
    let report = fanout.json(&[&file, "--workers", "2"]);
    let curve = &report["findings"]["learning_curve"];
    assert_eq!(curve["train_size"], json!([100, 100, 300, 300]));
    let trainers = ["gaussian_nb", "k_neighbors", "gaussian_nb", "k_neighbors"];
    assert_eq!(curve["trainer"], json!(trainers));
    let output = fanout.run(&["run", &file]);
    let told = text(&output.stdout);
    assert!(
        told.starts_with("two: gaussian_nb, k_neighbors, 2 trainers x 2 sizes x 3 splits"),
        "{told}"
    );
    assert!(told.contains("train_size  trainer "), "{told}");
}

#[test]
fn permutation_tests_are_those_of_scikit_learn() {
    for Permuted { plan, tests } in vectors().permutation_test {
        let fanout = Fanout::new();
        let report = run(&fanout, &plan);
        let findings = &report["findings"];
        for (metric, (score, scores, pvalue)) in &tests {
            let test = |what: &str| &findings["permutation_test"][format!("{what}_{metric}")][0];
            assert_close(test("score"), *score, &format!("{plan} {metric}"));
            assert_eq!(test("pvalue").as_f64(), Some(*pvalue), "{plan} {metric}");
            let mean = scores.iter().sum::<f64>() / scores.len() as f64;
            assert_close(test("mean_permutation"), mean, metric);
            let found = &findings["permutation_scores"][format!("score_{metric}")];
            assert_eq!(found.as_array().unwrap().len(), scores.len());
            for (permutation, score) in scores.iter().enumerate() {
                let about = format!("{plan} {metric} of permutation {permutation}");
                assert_close(&found[permutation], *score, &about);
            }
        }
        let permutations = plan["n_permutations"].as_u64().unwrap();
        assert_eq!(
            findings["permutation_scores"]["permutation"],
            json!((0..permutations).collect::<Vec<u64>>())
        );
        assert_eq!(
            made(&report),
            (permutations + 1) * plan["cv"]["n_splits"].as_u64().unwrap()
        );
        for name in ["permutation_test", "permutation_scores"] {
            let file = fanout.path(&format!("results/{name}.json"));
            let file: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
            assert_eq!(file, findings[name]);
        }
        assert_eq!(report["best"], Value::Null);
        assert_eq!(report["baseline"], Value::Null);
        // What is there is taken from there, and the store alone tells the same.
        let again = fanout.json(&["plan.yaml"]);
        assert_eq!((made(&again), &again["findings"]), (0, findings));
        let run = report["digests"]["run"].as_str().unwrap();
        let shown = fanout.text(&["show", run, "--store", ".fanout", "--json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(&shown["findings"], findings);
    }
}

#[test]
fn a_permutation_test_is_told_of_each_trainer() {
    let fanout = Fanout::new();
    let plan = json!({
        "name": "by chance", "kind": "permutation_test", "n_permutations": 9,
        "dataset": {"source": "digits.parquet", "target": "digit"},
        "trainers": [{"trainer": {"name": "gaussian_nb"}}, {"trainer": {"name": "dummy"}}],
        "cv": {"n_splits": 3}, "holdout": {"fraction": 0.5, "random_state": 1},
        "scoring": ["accuracy", "f1_macro"],
    });
    let file = write(&fanout, &plan);
    let output = fanout.run(&["run", &file]);
    let told = text(&output.stdout);
    let lines: Vec<&str> = told.lines().map(str::trim_end).collect();
    let first = "by chance: gaussian_nb, dummy, 2 trainers x 9 permutations x 3 splits";
    assert!(lines[0].starts_with(first), "{told}");
    let rows: Vec<Vec<&str>> = lines
        .iter()
        .map(|line| {
            line.split("  ")
                .filter(|cell| !cell.is_empty())
                .map(str::trim)
                .collect()
        })
        .collect();
    let header = ["trainer", "metric", "score", "targets shuffled", "p-value"];
    let header = rows.iter().position(|row| row == &header).unwrap();
    let named: Vec<[&str; 2]> = rows[header + 1..header + 5]
        .iter()
        .map(|row| [row[0], row[1]])
        .collect();
    let expected = [
        ["gaussian_nb", "accuracy"],
        ["gaussian_nb", "f1_macro"],
        ["dummy", "accuracy"],
        ["dummy", "f1_macro"],
    ];
    assert_eq!(named, expected, "{told}");
    assert_eq!(rows[header + 1][4], "0.1000", "{told}");
    let told: Vec<&str> = told.split_whitespace().collect();
    let told = told.join(" ");
    let sentence = "gaussian_nb: none of 9 permutations of the targets scores as well by accuracy";
    assert!(told.contains(sentence), "{told}");
    assert!(told.contains("dummy: "), "{told}");
}

/// A plan of each kind whose tasks a guest of its own may serve.
fn each_kind() -> Vec<Value> {
    let of = |kind: &str, more: Value| {
        let mut plan = json!({
            "name": kind, "kind": kind,
            "dataset": {"source": "digits.parquet", "target": "digit"},
            "trainer": {"name": "k_neighbors"},
            "cv": {"method": "stratified_k_fold", "n_splits": 2},
            "scoring": ["accuracy", "f1_macro"],
        });
        for (field, value) in more.as_object().unwrap() {
            plan[field] = value.clone();
        }
        plan
    };
    vec![
        of(
            "cross_validate",
            json!({"return_train_score": true, "cv": {"method": "k_fold", "n_splits": 3}}),
        ),
        of(
            "learning_curve",
            json!({"train_sizes": [0.2, 1.0], "shuffle": true}),
        ),
        of(
            "validation_curve",
            json!({"param_name": "n_neighbors", "param_range": [1, 5, 9]}),
        ),
        of(
            "nested_cross_validation",
            json!({
                "search": {"params": {"n_neighbors": [1, 3, 5], "weights": ["uniform", "distance"]}},
                "inner_cv": {"n_splits": 2}, "return_train_score": true,
            }),
        ),
        of(
            "permutation_test",
            json!({"n_permutations": 4, "random_state": 3}),
        ),
    ]
}

/// Runs a plan with a folder of results and a store of its own.
fn ran(fanout: &Fanout, plan: &str, folder: &str, arguments: &[&str]) -> Results {
    let output = command(fanout, plan, folder, arguments).output().unwrap();
    ended(&output, &fanout.path(folder))
}

/// The files of a run over a pool, and what it finds, are those of a local run.
fn is_that_of_a_local_run(fanout: &Fanout, arguments: &[&str]) {
    for plan in each_kind() {
        let kind = plan["kind"].as_str().unwrap();
        let file = write(fanout, &plan);
        let here = ran(fanout, &file, &format!("{kind}_here"), &[]);
        let there = ran(fanout, &file, &format!("{kind}_there"), arguments);
        assert_eq!(here.differing(&there), [""; 0], "{kind}");
        let files = here.files.len();
        assert!(files >= 2, "{kind}: {files}");
        assert_eq!(made(&there.report), made(&here.report), "{kind}");
        assert!(made(&there.report) > 0, "{kind}");
        assert_eq!(here.report["digests"], there.report["digests"], "{kind}");
    }
}

#[test]
fn every_kind_finds_the_same_over_endpoints() {
    let server = Server::start(Kind::WasmtimeKeeping, &exported("linfa"));
    is_that_of_a_local_run(&Fanout::new(), &["--pool", &server.url]);
}

#[test]
fn every_kind_finds_the_same_over_workers() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let url = nats.url();
    let store = ["--store", "there.store"];
    let workers = ["one", "two"].map(|name| {
        let arguments = ["--workers", "1", "--name", name];
        let worker = Worker::start(&fanout, &url, &[&arguments[..], &store].concat());
        worker.says("connected");
        worker
    });
    is_that_of_a_local_run(&fanout, &[&["--pool", &url][..], &store].concat());
    drop(workers);
}
