//! Retrainings that are killed, and those on other pools and of a bucket.

use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};

use serde_json::Value;

use super::{OLD, PLAN, flights, read, retrained, trained};
use crate::functions::results::exported;
use crate::functions::server::{Kind, Server as Endpoint};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, fitted, head, text};
use crate::s3::server::{BUCKET, KEY, SECRET, Server};

/// A retraining that was killed goes on, on workers elsewhere too, and gives the same.
#[test]
fn a_retraining_that_was_killed_goes_on() {
    let fanout = trained(PLAN, &flights(0, 1000, false));
    fanout.write("days/b.csv", &flights(1000, 1000, true));
    let whole = ["--store", "whole", "-o", "whole.fanout"];
    let (_, expected) = retrained(&fanout, &[&[OLD], &whole[..]].concat());
    // At once, and when the data are in the store and the fit is under way.
    for lines in [0, 1] {
        let mut command = fanout.command();
        command.args(["retrain", OLD, "-o", "killed.fanout"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let told = BufReader::new(child.stderr.take().unwrap());
        let told: Vec<String> = told.lines().take(lines).map(Result::unwrap).collect();
        assert!(
            told.iter().all(|line| line.starts_with("dataset: ")),
            "{told:?}"
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (code, told) = retrained(&fanout, &[OLD, "-o", "killed.fanout"]);
    assert_eq!(code, Some(0));
    for part in ["winner", "scores", "rows", "drift", "run"] {
        assert_eq!(told[part], expected[part], "{part}");
    }
    let model = |name: &str| head(&read(&fanout, name))["model"].clone();
    assert_eq!(model("killed.fanout"), model("whole.fanout"));
    let runs = fanout.text(&["runs"]);
    assert!(runs.contains("flights, retrained"), "{runs}");
    assert!(!runs.contains(" of 2 done"), "{runs}");
    let shown = fanout.text(&["show", told["run"].as_str().unwrap()]);
    let auc = told["scores"]["roc_auc"]["new"]["score"].as_f64().unwrap();
    let line = format!("roc_auc {auc:.4} on the newest rows");
    assert!(shown.contains(&line), "{shown}");

    let nats = Nats::start();
    let url = nats.url();
    let store = ["--store", "shared"];
    let worker = Worker::start(&fanout, &url, &store);
    worker.says("connected");
    let arguments = [&[OLD, "--pool", &url, "-o", "queued.fanout"], &store[..]].concat();
    let (code, told) = retrained(&fanout, &arguments);
    assert_eq!((code, &told["reused"]), (Some(0), &false.into()));
    assert_eq!(told["scores"], expected["scores"]);
    assert_eq!(model("queued.fanout"), model("whole.fanout"));
}

/// Of a bucket, a new object is what came since.
#[test]
fn a_partition_may_come_to_a_bucket() {
    let server = Server::start();
    let fanout = Fanout::new();
    let put = |name: &str, rows: &str| {
        let days = server.bucket().join("days");
        std::fs::create_dir_all(&days).unwrap();
        std::fs::write(days.join(name), rows).unwrap();
    };
    let run = |arguments: &[&str]| {
        let mut command = fanout.command();
        command
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_ENDPOINT_URL", server.endpoint());
        command.args(arguments).output().unwrap()
    };
    put("2024-01.csv", &flights(0, 1000, false));
    let source = format!("source: s3://{BUCKET}/days/2024-*.csv");
    let plan = fanout.write("plan.yaml", &PLAN.replace("source: days", &source));
    let output = run(&["run", &plan, "--output", "out", "-q"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let retrain = ["retrain", OLD, "--json", "-o", "new.fanout"];
    let told = |output: &Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let none = run(&retrain);
    assert_eq!(none.status.code(), Some(9), "{}", text(&none.stderr));
    assert_eq!(told(&none)["metric"], Value::Null);
    put("2024-02.csv", &flights(1000, 1000, true));
    let output = run(&retrain);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = told(&output);
    assert_eq!(told["rows"]["since"], 1000);
    let new = format!("s3://{BUCKET}/days/2024-02.csv");
    assert_eq!(told["files"]["new"], serde_json::json!([new]));
    // By its own glob, and of the new object alone: the model of that object.
    let source = format!("s3://{BUCKET}/days/*.csv");
    let alone = ["--source", &source, "--new-only", "-o", "alone.fanout"];
    let output = run(&[&["retrain", OLD, "--json"], &alone[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["rows"]["read"], &told["rows"]["fitted"]),
        (&1000.into(), &800.into())
    );
    let old = format!("s3://{BUCKET}/days/2024-01.csv");
    assert_eq!(told["files"]["left_out"], serde_json::json!([old]));
    fanout.write("new.csv", &flights(1000, 1000, true));
    let local = [
        "--source",
        "new.csv",
        "--store",
        "local",
        "-o",
        "local.fanout",
    ];
    let (code, _) = retrained(&fanout, &[&[OLD], &local[..]].concat());
    assert_eq!(code, Some(0));
    let [alone, local] = ["alone.fanout", "local.fanout"].map(|file| read(&fanout, file));
    assert!(fitted(&alone) == fitted(&local));
}

/// Endpoints fit what a local pool fits, and a model that was fitted on some is retrained
/// there.
#[test]
fn endpoints_retrain_as_a_local_pool_does() {
    let server = Endpoint::start(Kind::WasmtimeKeeping, &exported("trees"));
    let fanout = trained(PLAN, &flights(0, 1000, false));
    let mut there = vec!["--pool", &server.url, "--set", "pool.retry=1s"];
    there.extend(["--store", "there", "--output", "there_out"]);
    fanout.json(&[&["plan.yaml"][..], &there].concat());
    fanout.write("days/b.csv", &flights(1000, 1000, true));
    let (code, here) = retrained(&fanout, &[OLD, "-o", "here.fanout", "--all-rows"]);
    assert_eq!(
        (code, &here["winner"]),
        (Some(0), &Value::from("new")),
        "{here:#}"
    );
    let arguments = ["--pool", &server.url, "--store", "elsewhere", "--all-rows"];
    let arguments = [&[OLD, "-o", "over.fanout"][..], &arguments].concat();
    let (code, over) = retrained(&fanout, &arguments);
    assert_eq!((code, &over), (Some(0), &here));
    let model = "there_out/model.fanout";
    let (code, again) = retrained(&fanout, &[model, "-o", "again.fanout", "--all-rows"]);
    assert_eq!((code, &again), (Some(0), &here));
    let models = ["here.fanout", "over.fanout", "again.fanout"].map(|name| read(&fanout, name));
    for model in &models[1..] {
        assert!(fitted(model) == fitted(&models[0]));
    }
    // It was the endpoint that fitted.
    drop(server);
    let output = fanout.run(&["retrain", model, "--fresh"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.contains("http://127.0.0.1"), "{said}");
}
