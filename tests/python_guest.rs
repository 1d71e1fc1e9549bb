//! The guest of Python. These tests need a wheel of 98 MB from PyPI and compile components
//! of 200 MB, so that they are no part of `make test`: `make test-python-guest` runs them, and
//! `make test-python-guest-short`, which is part of `.ci/run`, those that need one component
//! alone.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::functions::results::results;
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, scores, text};

const WHY: &str = "make test-python-guest";

/// The folder of the modules and of scikit-learn's own scores.
fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/python")
        .join(name)
}

/// The hostile module.
fn source() -> &'static str {
    static SOURCE: LazyLock<String> =
        LazyLock::new(|| here("hostile.py").to_str().unwrap().to_owned());
    &SOURCE
}

/// The component with the hostile module, made once.
fn component() -> &'static str {
    static MADE: LazyLock<String> = LazyLock::new(|| {
        let made = Fanout::new().text(&["guest", "python", "--source", source()]);
        made.trim_end().to_owned()
    });
    &MADE
}

/// 120 rows of four numbers and a category, and targets of each kind.
fn rows() -> String {
    let mut rows = String::from("a,b,c,d,kind,two,three,number\n");
    let mut state = 12345u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    for _ in 0..120 {
        let [a, b, c, d] = [next(), next(), next(), next()].map(|x| (x * 1e4).round() / 1e4);
        let number = ((2.0 * a - b + 0.3 * c + 0.2 * next()) * 1e4).round() / 1e4;
        let kind = ["red", "green", "blue"][(3.0 * d) as usize];
        let two = if number > 0.6 { "yes" } else { "no" };
        let three = if number > 1.0 {
            3
        } else if number > 0.4 {
            2
        } else {
            1
        };
        rows.push_str(&format!("{a},{b},{c},{d},{kind},{two},{three},{number}\n"));
    }
    rows
}

/// A plan of some trainers of the component, with features of numbers alone.
fn plan(trainers: &[Value], target: &str, rest: &Value) -> String {
    let mut plan = json!({
        "dataset": {"source": "rows.csv", "features": ["a", "b", "c", "d"], "target": target},
        "trainers": trainers,
        "cv": {"method": "k_fold", "n_splits": 3},
        "pool": {"kind": "local", "workers": 2},
    });
    for (key, value) in rest.as_object().unwrap() {
        plan[key] = value.clone();
    }
    plan.to_string()
}

/// A trainer of the component.
fn trainer(name: &str) -> Value {
    json!({"python": source(), "name": name})
}

/// A trainer of the hostile module.
fn hostile(name: &str) -> Value {
    json!({"trainer": trainer(&format!("hostile.{name}"))})
}

/// The report of a run that may fail.
fn report(fanout: &Fanout, plan: &str) -> (Value, String) {
    fanout.write("rows.csv", &rows());
    let plan = fanout.write("plan.yaml", plan);
    let output = fanout.run(&["run", "--json", "--quiet", &plan]);
    let said = text(&output.stderr);
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|_| panic!("{said}")), said)
}

#[test]
#[ignore = "make test-python-guest-short"]
fn what_no_guest_may_is_a_typed_fault() {
    component();
    let fanout = Fanout::new();
    let limits = json!({"limits": {"memory": "512MiB", "timeout": "5s"}});
    // A run whose fits all fail has no report.
    let beside = |name: &str| {
        let harmless = json!({"trainer": {"name": "gaussian_nb"}});
        plan(&[hostile(name), harmless], "two", &limits)
    };
    for (name, kind, part) in [
        ("ReadsFiles", "fit_failed", "no file opens"),
        ("WritesFiles", "fit_failed", "Error"),
        ("Connects", "fit_failed", "Error"),
        ("StartsThreads", "fit_failed", "can't start new thread"),
        ("StartsProcesses", "fit_failed", "Error"),
        ("NeverEnds", "timed_out", ""),
        ("NeverEndsCatching", "timed_out", ""),
        ("Allocates", "out_of_memory", ""),
        ("Recurses", "fit_failed", "RecursionError"),
        ("Exits", "trapped", ""),
        ("Raises", "fit_failed", "of its own will"),
        ("PredictsNonsense", "fit_failed", "no class"),
        ("PredictsTooFew", "fit_failed", "1 predictions for 40 rows"),
    ] {
        let (report, said) = report(&fanout, &beside(name));
        let failure = &report["failures"][0];
        assert_eq!(failure["kind"], kind, "{name}: {report} {said}");
        let message = failure["example"]["message"].as_str().unwrap();
        assert!(message.contains(part), "{name}: {message}");
        assert_eq!(failure["fits"], 3, "{name}");
    }
    // However it ends: the process goes on.
    let (report, said) = report(&fanout, &beside("RecursesInC"));
    assert_eq!(
        report["fits"]["failed"].as_u64().unwrap() % 3,
        0,
        "{report} {said}"
    );
}

#[test]
#[ignore = "make test-python-guest-short"]
fn nothing_leaks_from_task_to_task() {
    component();
    let fanout = Fanout::new();
    for name in ["Patches", "Draws", "Answers"] {
        let plan = plan(&[hostile(name)], "two", &json!({"scoring": ["accuracy"]}));
        let (first, said) = report(&fanout, &plan);
        assert_eq!(first["failures"], json!([]), "{name}: {said}");
        // Another process, and nothing kept.
        std::fs::remove_dir_all(fanout.path(".fanout")).unwrap();
        let (again, _) = report(&fanout, &plan);
        assert_eq!(scores(&first), scores(&again), "{name}");
    }
    let patches = plan(
        &[hostile("Patches")],
        "two",
        &json!({"scoring": ["recall"]}),
    );
    let (report, _) = report(&fanout, &patches);
    // A task that finds what another left predicts the second class throughout.
    assert_eq!(
        scores(&report)["mean_test_recall"],
        json!([0.0]),
        "{report}"
    );
}

/// Every estimator of scikit-learn that fits with its defaults scores in the sandbox what it
/// scores natively (`tests/python/expected.py`).
#[test]
#[ignore = "make test-python-guest-short"]
fn every_estimator_scores_as_natively() {
    component();
    let expected = std::fs::read_to_string(here("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let fanout = Fanout::new();
    std::fs::copy(here("rows.csv"), fanout.path("rows.csv")).unwrap();
    for (target, estimators) in expected["scores"].as_object().unwrap() {
        let estimators = estimators.as_object().unwrap();
        assert!(estimators.len() > 30, "{target}");
        let trainers = estimators.iter().map(|(name, of)| {
            let mut trainer = trainer(name);
            trainer["params"] = of["params"].clone();
            json!({"trainer": trainer})
        });
        let metrics = estimators.values().next().unwrap()["means"]
            .as_object()
            .unwrap();
        let mut plan = json!({
            "dataset": {"source": "rows.csv", "features": ["a", "b", "c", "d"], "target": target},
            "trainers": trainers.collect::<Vec<_>>(),
            "cv": {"method": "k_fold", "n_splits": 3},
            "scoring": metrics.keys().collect::<Vec<_>>(),
        });
        if target == "two" {
            plan["dataset"]["positive"] = json!("yes");
        }
        let plan = fanout.write(&format!("{target}.yaml"), &plan.to_string());
        let report = fanout.json(&[&plan]);
        assert_eq!(report["failures"], json!([]), "{target}");
        let results = &report["cv_results"];
        let names = results["param_trainer"].as_array().unwrap();
        assert_eq!(names.len(), estimators.len());
        for (place, name) in names.iter().enumerate() {
            let means = &estimators[name.as_str().unwrap()]["means"];
            for metric in metrics.keys() {
                let found = results[format!("mean_test_{metric}")][place]
                    .as_f64()
                    .unwrap();
                let expected = means[metric].as_f64().unwrap();
                let apart = (found - expected).abs();
                assert!(
                    apart <= 1e-9,
                    "{name}: {metric} {found}, natively {expected}"
                );
            }
        }
    }
}

#[test]
#[ignore = "make test-python-guest"]
fn every_pool_gives_the_same_bytes() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    fanout.write("rows.csv", &rows());
    let svc = json!({
        "trainer": trainer("sklearn.svm.SVC"),
        "search": {"params": {"C": [0.1, 1.0, 10.0], "kernel": ["rbf", "poly"]}},
    });
    let forest = json!({
        "trainer": trainer("sklearn.ensemble.RandomForestClassifier"),
        "search": {"params": {"n_estimators": [3, 5], "max_depth": [2, null]}},
    });
    let plan = fanout.write("plan.yaml", &plan(&[svc, forest], "three", &json!({})));
    let here = results(&fanout, &plan, "local", &["--without-guest"]);
    assert_eq!(here.report["fits"]["failed"], 0);
    let store = ["--store", "there.store"];
    let worker = Worker::start(
        &fanout,
        &nats.url(),
        &[&["--workers", "1"], &store[..]].concat(),
    );
    let url = nats.url();
    let arguments = [&["--without-guest", "--pool", &url], &store[..]].concat();
    let there = results(&fanout, &plan, "nats", &arguments);
    assert_eq!(here.differing(&there), [""; 0]);
    drop(worker);
    let server = Server::start(Kind::WasmtimeExceptions, Path::new(component()));
    let arguments = ["--without-guest", "--pool", &server.url];
    let there = results(&fanout, &plan, "http", &arguments);
    assert_eq!(here.differing(&there), [""; 0]);
}

#[test]
#[ignore = "make test-python-guest"]
fn the_same_inputs_give_the_same_bytes() {
    let made = std::fs::read(component()).unwrap();
    let fanout = Fanout::new();
    let mut command = fanout.command();
    command.env("FANOUT_CACHE", fanout.path("empty"));
    command.args(["guest", "python", "--source", source(), "-o", "again.wasm"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let again = std::fs::read(fanout.path("again.wasm")).unwrap();
    assert!(made == again, "two components differ: {WHY}");
}
