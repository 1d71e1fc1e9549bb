//! Runs as other makers' tools read them: Optuna and its dashboard, MLflow's server, and a
//! viewer of traces.

mod trace_format;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::{Value, json};

use crate::functions::server::free_port;
use crate::nats::server::Nats;
use crate::program::{Fanout, text};
use crate::servers::{self, browser, drive, installed, repository};

/// What `tests/trackers/setup.sh` installed.
fn tool(name: &str) -> PathBuf {
    installed("tools/trackers/bin").join(name)
}

const PLAN: &str = "
name: tracked
dataset: {source: train.csv, target: class}
trainers:
  - trainer: {name: random_forest, params: {random_state: 3}}
    search: {params: {n_estimators: [2, 4, 8], max_depth: [2, null]}}
  - trainer: {name: logistic_regression}
    search: {params: {C: {log_range: [0.01, 1], num: 3}}}
cv: {method: stratified_k_fold, n_splits: 2}
scoring: [roc_auc, accuracy]
refit: roc_auc
";

/// The table and the plan of a run of nine candidates of two trainers, and the plan's path.
fn written() -> (Fanout, String) {
    let fanout = Fanout::new();
    let rows = (0..120).map(|row| {
        let (x, noise) = (f64::from(row % 10), f64::from(row * 7 % 11));
        format!("{x},{noise},{}\n", u8::from(x + noise / 4.0 > 5.5))
    });
    let table = "x,noise,class\n".to_owned() + &rows.collect::<String>();
    fanout.write("train.csv", &table);
    let plan = fanout.write("plan.yaml", PLAN);
    (fanout, plan)
}

/// A run of that plan, and its id.
fn run() -> (Fanout, Value, String) {
    let (fanout, plan) = written();
    let report = fanout.json(&[&plan, "--output", "out"]);
    let runs: Value = serde_json::from_str(&fanout.text(&["runs", "--json"])).unwrap();
    let id = runs[0]["run"].as_str().unwrap().to_owned();
    (fanout, report, id)
}

/// A server of another maker that runs until it is dropped.
struct Served {
    child: Child,
    url: String,
}

impl Served {
    /// Starts a server, which says a line with `ready` once it serves.
    fn start(command: Command, port: u16, ready: &str) -> Self {
        Self {
            child: servers::start(command, ready),
            url: format!("http://127.0.0.1:{port}"),
        }
    }

    /// The JSON at a path.
    fn get(&self, path: &str) -> Value {
        self.curl(path, &[])
    }

    fn curl(&self, path: &str, more: &[&str]) -> Value {
        let output = Command::new("curl")
            .args(["--silent", "--show-error", "--fail"])
            .args(more)
            .arg(format!("{}{path}", self.url))
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Its workers end with it.
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        assert!(killed.is_ok());
        self.child.wait().unwrap();
    }
}

/// The candidates with their mean scores by `roc_auc`, from the files of results.
fn candidates(fanout: &Fanout) -> Vec<Value> {
    let results = std::fs::read_to_string(fanout.here.path().join("out/cv_results.json")).unwrap();
    let results: Value = serde_json::from_str(&results).unwrap();
    let params = results["params"].as_array().unwrap();
    let means = results["mean_test_roc_auc"].as_array().unwrap();
    assert_eq!(params.len(), 9);
    let pair = params.iter().zip(means);
    pair.map(|(params, mean)| json!({"params": params, "mean": mean}))
        .collect()
}

#[test]
fn optuna_and_its_dashboard_open_the_journal() {
    let (fanout, report, id) = run();
    fanout.text(&["export", &id[..8], "--optuna", "journal.log"]);
    let output = Command::new(tool("python"))
        .arg(repository().join("tests/trackers/optuna_check.py"))
        .arg(fanout.here.path().join("journal.log"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let studies: Value = serde_json::from_slice(&output.stdout).unwrap();
    let study = &studies[format!("tracked {}", &id[..12])];
    assert_eq!(study["direction"], "MAXIMIZE");
    assert_eq!(study["metric"], json!(["roc_auc"]));
    assert_eq!(study["run"], id);
    assert_eq!(study["best"], report["best"]["index"]);
    let trials = study["trials"].as_array().unwrap();
    let candidates = candidates(&fanout);
    assert_eq!(trials.len(), candidates.len());
    for (trial, candidate) in trials.iter().zip(&candidates) {
        assert_eq!(trial["state"], "COMPLETE");
        assert_eq!(trial["value"], candidate["mean"]);
        assert_eq!(trial["attrs"]["roc_auc"], candidate["mean"]);
        let splits = trial["splits"].as_array().unwrap();
        let mean = splits.iter().map(|it| it.as_f64().unwrap()).sum::<f64>() / 2.0;
        assert!((mean - trial["value"].as_f64().unwrap()).abs() < 1e-12);
        for (name, value) in trial["params"].as_object().unwrap() {
            assert_eq!(value.as_f64(), candidate["params"][name].as_f64(), "{name}");
        }
    }
    // A null among numbers.
    assert_eq!(trials[0]["params"]["max_depth"], 2);
    let has_null = |trial: &Value| trial["params"].get("max_depth") == Some(&Value::Null);
    assert!(trials.iter().any(has_null));

    let port = free_port();
    let mut command = Command::new(tool("optuna-dashboard"));
    command.arg(fanout.here.path().join("journal.log")).args([
        "--host",
        "127.0.0.1",
        "--port",
        &port.to_string(),
    ]);
    let dashboard = Served::start(command, port, "Listening on");
    let listed = dashboard.get("/api/studies");
    let listed = &listed["study_summaries"][0];
    assert_eq!(listed["study_name"], format!("tracked {}", &id[..12]));
    let detail = dashboard.get(&format!("/api/studies/{}?after=0", listed["study_id"]));
    assert_eq!(detail["trials"].as_array().unwrap().len(), 9);
}

#[test]
fn mlflow_has_the_run_with_its_candidates_once() {
    let (fanout, report, id) = run();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut command = Command::new(tool("mlflow"));
    command
        .arg("server")
        .arg("--backend-store-uri")
        .arg(format!("sqlite:///{}/mlflow.db", folder.path().display()))
        .arg("--artifacts-destination")
        .arg(folder.path())
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .args(["--workers", "1"])
        .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false");
    let server = Served::start(command, port, "Uvicorn running on");
    let sent = fanout.text(&["export", &id, "--mlflow", &server.url]);
    assert!(sent.contains("9 candidates sent"), "{sent}");
    // What is there is not sent again.
    let again = fanout.text(&["export", &id, "--mlflow", &server.url]);
    assert!(again.contains("0 candidates sent"), "{again}");
    assert!(again.contains("9 candidates were there"), "{again}");

    let found = server.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=tracked");
    let experiment = &found["experiment"]["experiment_id"];
    let body = json!({"experiment_ids": [experiment], "max_results": 100}).to_string();
    let header = "content-type: application/json";
    let runs = server.curl("/api/2.0/mlflow/runs/search", &["-H", header, "-d", &body]);
    let runs = runs["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 10);
    let tag = |run: &Value, name: &str| {
        let tags = run["data"]["tags"].as_array().unwrap();
        let tag = tags.iter().find(|tag| tag["key"] == name);
        tag.map(|tag| tag["value"].as_str().unwrap().to_owned())
    };
    let metric = |run: &Value, name: &str| {
        let metrics = run["data"]["metrics"].as_array().unwrap();
        let metric = metrics.iter().find(|metric| metric["key"] == name).unwrap();
        metric["value"].as_f64().unwrap()
    };
    let parent = runs.iter().find(|run| tag(run, "fanout.run").is_some());
    let parent = parent.unwrap();
    assert_eq!(tag(parent, "fanout.run").unwrap(), id);
    assert_eq!(
        Some(metric(parent, "roc_auc")),
        report["best"]["mean"].as_f64()
    );
    for (index, candidate) in candidates(&fanout).iter().enumerate() {
        let of = |run: &&Value| tag(run, "fanout.candidate") == Some(index.to_string());
        let run = runs.iter().find(of).unwrap();
        assert_eq!(run["info"]["status"], "FINISHED");
        assert_eq!(
            tag(run, "mlflow.parentRunId").as_deref(),
            parent["info"]["run_id"].as_str()
        );
        assert_eq!(Some(metric(run, "roc_auc")), candidate["mean"].as_f64());
        let params = run["data"]["params"].as_array().unwrap();
        let name = |name: &str| params.iter().any(|param| param["key"] == name);
        assert!(name("trainer") && (name("C") || name("n_estimators")));
    }

    // A server that is not there.
    drop(server);
    let output = fanout.run(&[
        "export",
        &id,
        "--mlflow",
        &format!("http://127.0.0.1:{port}"),
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("can't reach the MLflow server"));
    let output = fanout.run(&["export", &id, "--mlflow", "127.0.0.1"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_trace_has_every_task_on_a_track_of_its_worker() {
    let (fanout, plan) = written();
    let report = fanout.json(&[&plan, "--events", "events.jsonl"]);
    let id = report["digests"]["run"].as_str().unwrap();
    fanout.text(&["export", id, "--trace", "trace.json"]);
    let trace = std::fs::read(fanout.here.path().join("trace.json")).unwrap();
    let trace: Value = serde_json::from_slice(&trace).unwrap();
    trace_format::check(&trace);
    let mut viewer = browser("trackers/viewer.mjs", "trackers");
    viewer.arg(fanout.path("trace.json"));
    drive(viewer);
    let entries = trace["traceEvents"].as_array().unwrap();
    let fits = entries
        .iter()
        .filter(|entry| entry["ph"] == "X" && entry["cat"] == "fit");
    let served: u64 = fits
        .clone()
        .filter_map(|entry| entry["args"]["fits"].as_u64())
        .sum();
    assert_eq!(served, 18);
    // No two of a track at a time.
    let mut last: BTreeMap<u64, u64> = BTreeMap::new();
    for fit in fits {
        let (track, start) = (fit["tid"].as_u64().unwrap(), fit["ts"].as_u64().unwrap());
        assert!(track > 1);
        let end = start + fit["dur"].as_u64().unwrap();
        assert!(last.insert(track, end).is_none_or(|end| end <= start));
    }
    // Its times are those of the events, in microseconds.
    let lasting = entries
        .iter()
        .filter(|entry| entry["ph"] == "X" && entry["cat"] == "fit");
    let mut ends: Vec<u64> = lasting
        .filter(|entry| entry["args"]["event"] == "task_finished")
        .map(|entry| entry["ts"].as_u64().unwrap() + entry["dur"].as_u64().unwrap())
        .collect();
    ends.sort_unstable();
    let events = std::fs::read_to_string(fanout.here.path().join("events.jsonl")).unwrap();
    let events = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let mut told: Vec<u64> = events
        .filter(|event: &Value| event["event"] == "task_finished")
        .map(|event| {
            let wall = event["wall"].as_f64().unwrap() * 1e6;
            event["started_us"].as_u64().unwrap() + wall.round() as u64
        })
        .collect();
    told.sort_unstable();
    assert_eq!(ends.len(), told.len());
    assert!(
        ends.iter()
            .zip(&told)
            .all(|(end, told)| end.abs_diff(*told) <= 1),
        "{ends:?} {told:?}"
    );
    let output = fanout.run(&["export", id]);
    assert_eq!(output.status.code(), Some(2));
}

/// A collector that keeps the bodies of the requests that it gets, by path, and answers as
/// it is told.
fn collector(answer: &'static str) -> (String, std::sync::mpsc::Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let (socket, sender) = (socket.unwrap(), sender.clone());
            std::thread::spawn(move || while take(&socket, answer, &sender).is_some() {});
        }
    });
    (url, receiver)
}

/// Takes one request; `None` where there is no more.
fn take(
    socket: &TcpStream,
    answer: &str,
    sender: &std::sync::mpsc::Sender<(String, Vec<u8>)>,
) -> Option<()> {
    let mut reader = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let path = head.split(' ').nth(1)?.to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    sender.send((path, body)).ok()?;
    let mut socket = socket;
    write!(socket, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").ok()
}

#[test]
fn a_collector_of_opentelemetry_gets_the_spans_and_the_counters() {
    let (fanout, plan) = written();
    let (url, received) = collector("200 OK");
    let output = fanout
        .command()
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
        .args(["run", &plan, "--json", "--output", "out", "--workers", "2"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let mut spans: Vec<Span> = Vec::new();
    let mut fits = 0;
    for (path, body) in received.try_iter() {
        match path.as_str() {
            "/v1/traces" => {
                let request = ExportTraceServiceRequest::decode(&*body).unwrap();
                let scopes = request.resource_spans.into_iter();
                let scopes = scopes.flat_map(|resource| resource.scope_spans);
                spans.extend(scopes.flat_map(|scope| scope.spans));
            }
            "/v1/metrics" => {
                let request = ExportMetricsServiceRequest::decode(&*body).unwrap();
                let scopes = request.resource_metrics.into_iter();
                let scopes = scopes.flat_map(|resource| resource.scope_metrics);
                let metrics = scopes.flat_map(|scope| scope.metrics);
                // The last sums are those of the end.
                for metric in metrics.filter(|metric| metric.name == "fanout.fits") {
                    let Some(metric::Data::Sum(sum)) = metric.data else {
                        panic!("`fanout.fits` is a sum");
                    };
                    let points = sum.data_points.into_iter().filter_map(|point| point.value);
                    let points = points.map(|value| match value {
                        number_data_point::Value::AsInt(fits) => fits,
                        number_data_point::Value::AsDouble(_) => panic!("fits are whole"),
                    });
                    fits = points.sum();
                }
            }
            other => panic!("a request to `{other}`"),
        }
    }
    assert_eq!(fits, 18);
    let roots: Vec<&Span> = spans
        .iter()
        .filter(|span| span.name == "fanout run")
        .collect();
    let [root] = roots.as_slice() else {
        panic!("one span is the run's: {spans:#?}");
    };
    let names: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["dataset", "fanout run", "refit", "search", "task"])
    );
    for span in spans.iter().filter(|span| span.name != "fanout run") {
        assert_eq!(span.trace_id, root.trace_id);
        assert_eq!(span.parent_span_id, root.span_id);
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano);
        assert!(span.start_time_unix_nano <= span.end_time_unix_nano);
    }
}

/// A collector that refuses everything, or is not there, harms no run.
#[test]
fn a_run_goes_on_without_its_collector() {
    let (fanout, plan) = written();
    let (refusing, _received) = collector("503 Service Unavailable");
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let mut best = BTreeSet::new();
    for endpoint in [&refusing, &nobody] {
        let output = fanout
            .command()
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
            .args(["run", &plan, "--json", "--fresh"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        best.insert(report["best"]["mean"].to_string());
    }
    assert_eq!(best.len(), 1);
}

#[test]
fn a_worker_serves_its_counts() {
    let (fanout, plan) = written();
    let nats = Nats::start();
    let address = format!("127.0.0.1:{}", free_port());
    let mut worker = fanout
        .command()
        .args([
            "worker",
            "--nats",
            &nats.url(),
            "--store",
            "shared",
            "--name",
            "one",
        ])
        .args(["--metrics", &address])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(worker.stderr.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("at a time")));
    std::thread::spawn(move || lines.for_each(drop));
    fanout.json(&[&plan, "--pool", &nats.url(), "--store", "shared"]);
    let output = Command::new("curl")
        .args(["--silent", "--fail", &format!("http://{address}/metrics")])
        .output()
        .unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    let page = text(&output.stdout);
    let number = |name: &str| -> f64 {
        let start = format!("{name}{{worker=\"one\"}} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {name}: {page}"))
            .parse()
            .unwrap()
    };
    assert_eq!(number("fanout_worker_connected"), 1.0);
    // Those of the search, of the refit and of the baseline.
    assert!(number("fanout_worker_fits_total") >= 18.0);
    assert!(number("fanout_worker_task_seconds_total") > 0.0);
}
