//! Chains of targets, against scikit-learn's: see `chain.py`.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use super::{REST, cells, table};
use crate::functions::results::exported;
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, head, made, text};

const VECTORS: &str = include_str!("chain.json");

fn column<'a>(cells: &'a [(String, Vec<String>)], name: &str) -> &'a [String] {
    let mut columns = cells.iter();
    let found = columns.find(|(column, _)| column == name);
    &found.unwrap_or_else(|| panic!("no column `{name}`")).1
}

fn numbers(cells: &[String]) -> Vec<f64> {
    cells.iter().map(|cell| cell.parse().unwrap()).collect()
}

#[test]
fn chains_predict_what_those_of_scikit_learn_predict() {
    let cases: Vec<Value> = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(cases.len(), 5);
    for case in &cases {
        let fanout = Fanout::new();
        fanout.write("train.csv", case["train"].as_str().unwrap());
        fanout.write("new.csv", case["new"].as_str().unwrap());
        let is_number = case["targets"][0]["learn"] == "regression";
        let plan = json!({
            "dataset": {
                "source": "train.csv",
                "targets": case["targets"],
                "chain": case["chain"],
            },
            "trainer": case["trainer"],
            "cv": {"method": "k_fold", "n_splits": 3},
            "scoring": if is_number { "r2" } else { "accuracy" },
        });
        let plan = fanout.write("plan.yaml", &plan.to_string());
        fanout.json(&[&plan, "--output", "out"]);
        let predicted = cells(&fanout.text(&["predict", "out/model.fanout", "new.csv"]));
        for (target, expected) in case["predicted"].as_object().unwrap() {
            let found = numbers(column(&predicted, &format!("prediction_{target}")));
            let expected = expected.as_array().unwrap();
            assert_eq!(found.len(), expected.len());
            for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
                let expected = expected.as_f64().unwrap();
                let near = match is_number {
                    true => (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                    false => *found == expected,
                };
                let trainer = &case["trainer"];
                assert!(near, "{trainer} {target} {row}: {found}, not {expected}");
            }
        }
    }
}

/// A plan of a class of three, a number and a class of two, with hold-out rows.
fn plan(fanout: &Fanout) -> String {
    let mut rows = String::from("x,z,kind,size,late\n");
    for row in 0..150_u32 {
        let (x, z) = (row % 10, row * 7 % 13);
        let noise = (row.wrapping_mul(2_654_435_761) >> 24) % 4;
        let kind = ["low", "middle", "top"][((x + noise) / 5).min(2) as usize];
        let size = x * 3 + z + 4 * noise;
        let late = ["no", "yes"][usize::from(size + noise > 24)];
        rows += &format!("{x},{z},{kind},{size}.5,{late}\n");
    }
    fanout.write("all.csv", &rows);
    let plan = "
dataset:
  source: all.csv
  targets: [late, kind, size]
  chain: [kind, size, late]
trainer: {name: random_forest, params: {random_state: 1, n_estimators: 5}}
search: {params: {max_depth: [2, 4]}}
cv: {method: k_fold, n_splits: 3, shuffle: true, random_state: 5}
holdout: {fraction: 0.2, random_state: 3}
scoring: [accuracy, r2]
";
    fanout.write("plan.yaml", plan)
}

/// What is scored of the rows held out is what the model file predicts of them.
#[test]
fn rows_held_out_are_predicted_as_the_model_of_the_chain_predicts_them() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    let report = fanout.json(&[&plan, "--output", "out", "--set", "predictions=true"]);
    let targets = report["targets"].as_array().unwrap();
    let names: Vec<&str> = targets
        .iter()
        .map(|it| it["target"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["late", "kind", "size"]);
    let model = ["predict", "out/model.fanout", "all.csv", "--workers", "2"];
    let predicted = cells(&fanout.text(&model));
    let header: Vec<&str> = predicted.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        header,
        ["prediction_late", "prediction_kind", "prediction_size"]
    );
    for (name, report) in names.iter().zip(targets) {
        let run = report["digests"]["run"].as_str().unwrap();
        fanout.text(&["show", run, "--predictions", "held.csv"]);
        let held = cells(&std::fs::read_to_string(fanout.path("held.csv")).unwrap());
        let all = column(&predicted, &format!("prediction_{name}"));
        let mut rows = 0;
        let (splits, predictions) = (column(&held, "split"), column(&held, "prediction"));
        for (place, row) in column(&held, "row").iter().enumerate() {
            if splits[place] == "holdout" {
                let row: usize = row.parse().unwrap();
                assert_eq!(predictions[place], all[row], "{name}, row {row}");
                rows += 1;
            }
        }
        assert_eq!(rows, 30, "{name}");
    }

    // A target reads what is predicted of those before it, and nothing of those behind.
    let heads = fanout.text(&["model", "show", "out/model.fanout", "--json"]);
    let heads: Value = serde_json::from_str(&heads).unwrap();
    assert_eq!(heads["rule"], json!({"kind": "chain", "order": [1, 2, 0]}));
    let features = |member: usize| -> Vec<&str> {
        let features = heads["members"][member]["recipe"]["features"].as_array();
        let features = features.unwrap().iter();
        features.map(|it| it["name"].as_str().unwrap()).collect()
    };
    assert_eq!(features(1), ["x", "z"]);
    assert_eq!(features(2), ["x", "z", "prediction_kind"]);
    assert_eq!(
        features(0),
        ["x", "z", "prediction_kind", "prediction_size"]
    );
    let shown = fanout.text(&["model", "show", "out/model.fanout"]);
    assert!(
        shown.contains("chain: kind, size, late; each reads"),
        "{shown}"
    );

    // Alone, the model of a later target wants the predictions as columns.
    let output = fanout.run(&["predict", "out/late/model.fanout", "all.csv"]);
    let told = text(&output.stderr);
    assert!(
        told.contains("`prediction_kind` and `prediction_size`")
            || told.contains("`prediction_kind`, `prediction_size`"),
        "{told}"
    );
    let output = fanout.run(&["retrain", "out/late/model.fanout"]);
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(
        told.contains("other models of a chain predict, of `kind`, `size`"),
        "{told}"
    );
}

#[test]
fn a_chain_that_goes_on_repeats_no_fit() {
    let fanout = Fanout::new();
    let plan = plan(&fanout);
    // Killed when the search of the second target begins.
    let mut command = fanout.command();
    command.args(["run", &plan, "-q", "--events", "-"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_start = |line: &String| line.contains("\"run_started\"");
    let started = lines.map(Result::unwrap).filter(is_start).take(2).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(started, 2);
    let whole = fanout.json(&[&plan, "--output", "one"]);
    let made_of = |report: &Value, name: &str| {
        let mut targets = report["targets"].as_array().unwrap().iter();
        made(targets.find(|it| it["target"] == name).unwrap())
    };
    assert_eq!(made_of(&whole, "kind"), 0);
    assert!(made_of(&whole, "late") > 0);
    let again = fanout.json(&[&plan, "--output", "two"]);
    for name in ["kind", "size", "late"] {
        assert_eq!(made_of(&again, name), 0, "{name}");
    }
    let runs = |report: &Value| -> Vec<Value> {
        let targets = report["targets"].as_array().unwrap().iter();
        targets.map(|it| it["digests"]["run"].clone()).collect()
    };
    assert_eq!(runs(&whole), runs(&again));
    let predict =
        |folder: &str| fanout.text(&["predict", &format!("{folder}/model.fanout"), "all.csv"]);
    assert_eq!(predict("one"), predict("two"));
}

/// Workers and endpoints take the searches of a chain one after the other.
#[test]
fn any_pool_makes_the_same_chain() {
    let model = |pool: &str, options: &[&str]| {
        let fanout = Fanout::new();
        let plan = plan(&fanout);
        let run = ["--output", "out", "--pool", pool];
        fanout.json(&[&[plan.as_str()][..], &run, options].concat());
        let file = std::fs::read(fanout.path("out/model.fanout")).unwrap();
        let fits: Vec<Value> = head(&file)["members"].as_array().unwrap().clone();
        let fits: Vec<Value> = fits.iter().map(|it| it["fitted"].clone()).collect();
        (
            fits,
            fanout.text(&["predict", "out/model.fanout", "all.csv"]),
        )
    };
    let local = model("local", &[]);
    assert_eq!(local.0.len(), 3);
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    assert_eq!(model(&server.url, &[]), local);
    let nats = Nats::start();
    let shared = tempfile::tempdir().unwrap();
    let store = ["--store", shared.path().to_str().unwrap()];
    let fanout = Fanout::new();
    let worker = Worker::start(&fanout, &nats.url(), &store);
    worker.says("connected");
    assert_eq!(model(&nats.url(), &store), local);
}

#[test]
fn data_that_make_no_chain_are_refused_before_a_fit() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let refused = |chain: &str, told: &str| {
        let plan = format!(
            "dataset: {{source: all.csv, targets: [a, b], drop: [t], chain: {chain}}}{REST}"
        );
        let plan = plan.replace("[roc_auc, r2]", "[roc_auc]");
        let plan = fanout.write("plan.yaml", &plan);
        for command in ["check", "run"] {
            let output = fanout.run(&[command, &plan]);
            let errors = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{command}: {errors}");
            assert!(errors.contains(told), "{errors}");
        }
    };
    refused("[b, a]", "11 rows lack the target `b`");
    let named = table("").replacen("x,z", "prediction_a,z", 1);
    fanout.write("all.csv", &named);
    refused("[a, b]", "the dataset has a column `prediction_a`");
    assert!(fanout.objects("results").is_empty());
    // At the end of the chain, rows may lack the target.
    fanout.write("all.csv", &table(""));
    let plan =
        format!("dataset: {{source: all.csv, targets: [a, b], drop: [t], chain: [a, b]}}{REST}");
    let plan = fanout.write("plan.yaml", &plan.replace("[roc_auc, r2]", "[roc_auc]"));
    fanout.json(&[&plan]);
}
