//! Components that have the models of several targets inside, and answer for all of them.

use serde_json::Value;

use super::table;
use crate::functions::curl::curl;
use crate::functions::server::{Kind, Server};
use crate::program::{Fanout, text};

/// A plan of several targets, of which `dataset` says more.
fn plan(dataset: &str, more: &str) -> String {
    format!(
        "dataset: {{source: all.csv, {dataset}}}\n\
         trainers:\n\
         - trainer: {{name: random_forest, params: {{random_state: 1, n_estimators: 4}}}}\n\
         - trainer: {{name: decision_tree, params: {{max_depth: 2}}}}\n\
         cv: {{method: k_fold, n_splits: 3}}\n\
         {more}output: out\n"
    )
}

/// The cells of CSV without quotes: numbers as their bits.
fn cells(csv: &str) -> Vec<Vec<String>> {
    let cell = |text: &str| match text.parse::<f64>() {
        Ok(number) => format!("{:x}", number.to_bits()),
        Err(_) => text.to_owned(),
    };
    let lines = csv.lines().map(|line| line.split(',').map(cell).collect());
    lines.collect()
}

const ROWS: &str = "x,z\n0,1\n11,5\n7,\n8,0\n,3\n";

#[test]
fn a_component_of_several_models_answers_as_predict_does() {
    let targets = "targets: [{column: a, positive: 1}, b, t, {column: t, above: 50}]";
    let classes = "targets: [{column: a, positive: 1}, b], drop: [t]";
    for (dataset, more, kind, columns) in [
        (targets, "", Kind::Jco, 4 + 3 * 2),
        (
            classes,
            "threshold: f1\nscoring: [roc_auc]\n",
            Kind::WasmtimeKeeping,
            2 + 2 * 2,
        ),
        (
            "targets: [{column: a, positive: 1}, z, t], chain: [a, z, t], drop: [b]",
            "",
            Kind::WasmtimeKeeping,
            3 + 9 + 1,
        ),
        (
            targets,
            "ensemble: {method: stacking, final_estimator: {name: decision_tree, params: \
             {max_depth: 2}}, passthrough: true}\n",
            Kind::Jco,
            4 + 3 * 2,
        ),
        (
            targets,
            "ensemble: {method: voting, weights: [1, 2]}\n",
            Kind::WasmtimeKeeping,
            4,
        ),
        (
            "target: b, drop: [a, t], missing_target: drop",
            "scoring: [neg_log_loss]\nensemble: {method: voting, voting: soft}\n",
            Kind::Wasmtime,
            3,
        ),
    ] {
        let fanout = Fanout::new();
        fanout.write("all.csv", &table(""));
        fanout.write("rows.csv", ROWS);
        let file = fanout.write("plan.yaml", &plan(dataset, more));
        fanout.json(&[&file]);
        let model = "out/model.fanout";
        let mut predict = vec!["predict", model, "rows.csv"];
        if !more.contains("{method: voting, weights") {
            predict.push("--probabilities");
        }
        let expected = cells(&fanout.text(&predict));
        assert_eq!(expected[0].len(), columns, "{dataset} {more}");
        fanout.text(&["model", "export", model, "--component", "all.wasm"]);
        let server = Server::start(kind, &fanout.path("all.wasm"));
        let post = ["-H", "content-type: text/csv", "--data-binary", "@rows.csv"];
        let csv = [&post[..], &["-H", "accept: text/csv"]].concat();
        let found = curl(fanout.here.path(), &server.url, &csv);
        assert_eq!(found.status, "200", "{}", found.body);
        assert!(
            cells(&found.body) == expected,
            "{dataset} {more}: {}",
            found.body
        );
        // JSON has the same names.
        let json = curl(fanout.here.path(), &server.url, &post);
        let rows: Vec<Value> = serde_json::from_str(&json.body).unwrap();
        assert_eq!(rows.len(), 5);
        let mut names: Vec<&str> = expected[0].iter().map(String::as_str).collect();
        names.sort_unstable();
        let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, names);
        let described = curl(fanout.here.path(), &server.url, &[]);
        let described: Value = serde_json::from_str(&described.body).unwrap();
        assert!(
            described["members"].as_array().unwrap().len() >= 2,
            "{described}"
        );
    }
}

#[test]
fn members_of_several_guests_make_no_component() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let plan = plan("target: a, drop: [b, t]", "ensemble: {method: voting}\n");
    let plan = plan.replace(
        "{name: decision_tree, params: {max_depth: 2}}",
        "{name: gaussian_nb}",
    );
    let plan = plan.replace("cv:", "steps: [{step: simple_imputer}]\ncv:");
    let plan = fanout.write("plan.yaml", &plan);
    fanout.json(&[&plan]);
    let export = [
        "model",
        "export",
        "out/model.fanout",
        "--component",
        "all.wasm",
    ];
    let refused = fanout.run(&export);
    let said = text(&refused.stderr);
    assert!(!refused.status.success());
    assert!(
        said.contains("the members of the model are of 2 guests"),
        "{said}"
    );
    assert!(!fanout.path("all.wasm").exists());
}
