//! Models as components that answer rows, in servers of other makers.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{PLAN, fit, table};
use crate::functions::curl::{Reply, curl};
use crate::functions::results::exported;
use crate::functions::server::{Kind, Server};
use crate::program::{Fanout, text};

const SERVERS: [Kind; 3] = [Kind::Jco, Kind::Wasmtime, Kind::WasmtimeKeeping];

fn component(fanout: &Fanout) -> PathBuf {
    fanout.text(&[
        "model",
        "export",
        "out/model.fanout",
        "--component",
        "served.wasm",
    ]);
    fanout.path("served.wasm")
}

/// Posts a file of the folder, with further arguments of curl.
fn post(fanout: &Fanout, server: &Server, content_type: &str, file: &str, more: &[&str]) -> Reply {
    let (kind, data) = (format!("content-type: {content_type}"), format!("@{file}"));
    let arguments = [&["-H", kind.as_str(), "--data-binary", &data][..], more].concat();
    curl(fanout.here.path(), &server.url, &arguments)
}

/// Asks for CSV.
const CSV: [&str; 2] = ["-H", "accept: text/csv"];

impl Reply {
    /// The body of an answer that must be one.
    fn answer(&self) -> &str {
        assert_eq!(self.status, "200", "{}", self.body);
        &self.body
    }
}

/// The cells of CSV without quotes: numbers as their bits.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let cell = |text: &str| match text.parse::<f64>() {
        Ok(number) => format!("{:x}", number.to_bits()),
        Err(_) => text.to_owned(),
    };
    csv.lines()
        .map(|line| line.split(',').map(cell).collect())
        .collect()
}

/// The cells of a list of objects, in the order of `names`.
fn cells_of_json(json: &str, names: &[&str]) -> Vec<Vec<String>> {
    let rows: Vec<Value> = serde_json::from_str(json).unwrap();
    let cell = |value: &Value| format!("{:x}", value.as_f64().unwrap().to_bits());
    let header = names.iter().map(ToString::to_string).collect();
    let rows = rows
        .iter()
        .map(|row| names.iter().map(|name| cell(&row[name])).collect());
    std::iter::once(header).chain(rows).collect()
}

/// The rows of CSV as JSON: `numbers` and `truths` are no texts.
fn as_json(csv: &str, numbers: &[&str], truths: &[&str]) -> String {
    let mut lines = csv.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let row = |line: &str| {
        let cells = names.iter().zip(line.split(','));
        let cells = cells.map(|(name, cell)| {
            let value = match cell {
                "" => Value::Null,
                cell if numbers.contains(name) => json!(cell.parse::<f64>().unwrap()),
                cell if truths.contains(name) => json!(cell == "true"),
                cell => json!(cell),
            };
            ((*name).to_owned(), value)
        });
        Value::Object(cells.collect())
    };
    Value::Array(lines.map(row).collect()).to_string()
}

/// Dates, an order, categories of one column and of two, truth values, missing values
/// and a category that is new: every server predicts of every format what `fanout
/// predict` does, bit for bit.
#[test]
fn every_server_and_format_has_the_predictions_of_predict() {
    let fitted = fit();
    let rows = table(300).replace("r2,2024-01-03,2.5,,", "r2,2024-01-03,2.5,mauve,");
    fitted.fanout.write("rows.csv", &rows);
    let expected = cells(&fitted.predict(&["rows.csv", "--probabilities"]));
    let names = ["prediction", "probability_0", "probability_1"];
    let columns = "id,day,weight,colour,size,sold,place,shop";
    for name in ["rows.parquet", "rows.arrow"] {
        fitted.predict(&["rows.csv", "-o", name, "--keep", columns]);
    }
    fitted
        .fanout
        .write("rows.json", &as_json(&rows, &["weight"], &["sold"]));
    let component = component(&fitted.fanout);
    let checked = fitted
        .fanout
        .text(&["guest", "check", component.to_str().unwrap()]);
    assert!(checked.contains("random_forest"), "{checked}");
    for kind in SERVERS {
        let server = Server::start(kind, &component);
        for (content_type, file) in [
            ("application/json", "rows.json"),
            ("text/csv", "rows.csv"),
            ("application/vnd.apache.parquet", "rows.parquet"),
            ("application/vnd.apache.arrow.stream", "rows.arrow"),
        ] {
            let reply = |more: &[&str]| post(&fitted.fanout, &server, content_type, file, more);
            let json = reply(&[]);
            let found = cells_of_json(json.answer(), &names);
            assert!(found == expected, "{kind:?} {content_type}");
            let unknown = json
                .headers
                .iter()
                .find(|(name, _)| name == "fanout-unknown");
            assert_eq!(unknown.unwrap().1, "{\"colour\":1}");
            let csv = reply(&CSV);
            assert!(cells(csv.answer()) == expected, "{kind:?} {content_type}");
        }
        let described = curl(fitted.fanout.here.path(), &server.url, &[]);
        let described: Value = serde_json::from_str(described.answer()).unwrap();
        assert_eq!(described["trainer"], "random_forest");
        assert_eq!(described["classes"], json!(["0", "1"]));
        let day = json!({"name": "day", "holds": "date", "features": ["day"]});
        assert_eq!(described["columns"][0], day);
    }
}

#[test]
fn a_pipeline_is_served_with_its_steps() {
    let fanout = Fanout::new();
    fanout.write("train.csv", &table(200));
    let linear = PLAN
        .replace(
            "{name: random_forest, params: {random_state: 3}}",
            "{name: logistic_regression}",
        )
        .replace("{n_estimators: [3, 6], max_depth: [8]}", "{C: [0.5, 1]}");
    let steps = "steps:\n- {name: fill, step: simple_imputer}\n- {name: hot, step: one_hot_encoder, columns: categorical}\n- {name: scale, step: standard_scaler}\n";
    let plan = fanout.write("plan.yaml", &(linear + steps));
    fanout.json(&[&plan, "--output", "out"]);
    let rows = table(100);
    fanout.write("rows.csv", &rows);
    let predict = ["predict", "out/model.fanout", "rows.csv", "--probabilities"];
    let expected = cells(&fanout.text(&predict));
    let server = Server::start(Kind::WasmtimeKeeping, &component(&fanout));
    let csv = post(&fanout, &server, "text/csv", "rows.csv", &CSV);
    assert_eq!(cells(csv.answer()), expected);
    fanout.write("rows.json", &as_json(&rows, &["weight"], &["sold"]));
    let json = post(&fanout, &server, "application/json", "rows.json", &[]);
    let names = ["prediction", "probability_0", "probability_1"];
    assert_eq!(cells_of_json(json.answer(), &names), expected);
}

#[test]
fn many_rows_are_predicted_at_once() {
    let fitted = fit();
    let rows = table(100_000);
    fitted.fanout.write("rows.csv", &rows);
    let expected = cells(&fitted.predict(&["rows.csv", "--probabilities"]));
    for kind in SERVERS {
        let server = Server::start(kind, &component(&fitted.fanout));
        for _ in 0..2 {
            let csv = post(&fitted.fanout, &server, "text/csv", "rows.csv", &CSV);
            assert!(cells(csv.answer()) == expected, "{kind:?}");
        }
    }
}

/// The guest that fits models answers rows with the one that comes with them.
#[test]
fn a_guest_serves_the_model_that_a_request_brings() {
    let fitted = fit();
    let export = [
        "model",
        "export",
        "out/model.fanout",
        "--package",
        "model.package",
    ];
    fitted.fanout.text(&export);
    let rows = table(50);
    fitted.fanout.write("rows.csv", &rows);
    let expected = cells(&fitted.predict(&["rows.csv", "--probabilities"]));
    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    for _ in 0..2 {
        let url = format!("{}/predict", server.url);
        let form = ["-F", "model=@model.package", "-F", "rows=@rows.csv"];
        let csv = curl(fitted.fanout.here.path(), &url, &[&form[..], &CSV].concat());
        assert_eq!(cells(csv.answer()), expected);
    }
}

#[test]
fn rows_that_a_model_does_not_read_are_refused() {
    let fitted = fit();
    let server = Server::start(Kind::Jco, &component(&fitted.fanout));
    let rows = table(20);
    let refused = |content_type: &str, body: &str| {
        fitted.fanout.write("body", body);
        let reply = post(&fitted.fanout, &server, content_type, "body", &[]);
        let fault: Value = serde_json::from_str(&reply.body).unwrap();
        (reply.status, fault["message"].as_str().unwrap().to_owned())
    };
    for (content_type, body, status, told) in [
        (
            "text/csv",
            rows.replace("colour", "color"),
            422,
            "lack the columns `colour`",
        ),
        (
            "text/csv",
            rows.replace("2.5", "heavy"),
            422,
            "`weight` holds the text `heavy`, not a number, in row 3",
        ),
        (
            "text/csv",
            rows.replace(",M,", ",XL,"),
            422,
            "`size` holds `XL`",
        ),
        ("text/csv", String::new(), 400, "it is empty"),
        (
            "application/json",
            String::new(),
            400,
            "can't be read as JSON",
        ),
        (
            "application/json",
            "[{}]".to_owned(),
            422,
            "`day` is missing",
        ),
        (
            "application/vnd.apache.parquet",
            "PAR1".to_owned(),
            400,
            "can't be read as Parquet",
        ),
        (
            "application/vnd.apache.arrow.stream",
            "x".to_owned(),
            400,
            "can't be read as Arrow IPC",
        ),
        ("text/html", rows.clone(), 415, "not as `text/html`"),
    ] {
        let (found, message) = refused(content_type, &body);
        assert_eq!(found, status.to_string(), "{message}");
        assert!(message.contains(told), "{message}");
    }
}

#[test]
fn a_guest_without_a_place_takes_no_model() {
    let fitted = fit();
    let guest = fitted.fanout.path("other.wasm");
    std::fs::write(&guest, b"\0asm\x0d\0\x01\0").unwrap();
    let export = [
        "model",
        "export",
        "out/model.fanout",
        "--component",
        "served.wasm",
        "--guest",
    ];
    let output = fitted
        .fanout
        .run(&[&export[..], &[guest.to_str().unwrap()]].concat());
    assert!(!output.status.success());
    assert!(!Path::new(&fitted.fanout.path("served.wasm")).exists());
    assert!(
        text(&output.stderr).contains("no guest"),
        "{}",
        text(&output.stderr)
    );
    let neither = fitted.fanout.run(&["model", "export", "out/model.fanout"]);
    assert_eq!(neither.status.code(), Some(2), "{}", text(&neither.stderr));
}
