//! `kind: fit`, over the real binary: the model that a search refits, and no splits.

use serde_json::{Value, json};

use crate::functions::results::{ended, run};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, fitted, text};

const PLAN: &str = "
name: fit
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
trainer: {name: random_forest, params: {n_estimators: 12, oob_score: true, random_state: 3}}
";

/// Writes a plan on the table of tumours; returns its name.
fn plan(fanout: &Fanout, name: &str, more: &str) -> String {
    let source = example("data/breast_cancer.csv");
    let text = PLAN.replace("SOURCE", &source) + more;
    fanout.write(name, &text)
}

fn model(fanout: &Fanout, folder: &str) -> Vec<u8> {
    std::fs::read(fanout.path(folder).join("model.fanout")).unwrap()
}

fn predicted(fanout: &Fanout, folder: &str) -> String {
    let model = format!("{folder}/model.fanout");
    let rows = example("data/breast_cancer.csv");
    fanout.text(&["predict", &model, &rows, "--outputs", "--quiet"])
}

#[test]
fn the_model_is_that_of_a_search_of_one_candidate() {
    let fanout = Fanout::new();
    let holdout = "holdout: {fraction: 0.25, stratify: true}\nscoring: [roc_auc, accuracy]\n";
    for (name, more) in [("all", ""), ("held_out", holdout)] {
        let searched = plan(&fanout, "search.yaml", more);
        let search = fanout.json(&[&searched, "--output", "searched"]);
        let fit = plan(&fanout, "fit.yaml", &format!("kind: fit\n{more}"));
        let (found, said) = fanout.json_and_errors(&[&fit, "--output", name]);
        assert!(said.ends_with("fitting to all rows\n"), "{said}");
        assert!(!said.contains("0 fits"), "{said}");
        let own = model(&fanout, name);
        assert_eq!(fitted(&own), fitted(&model(&fanout, "searched")), "{name}");
        let (best, other) = (&found["best"], &search["best"]);
        assert_eq!(best["params"], other["params"]);
        assert_eq!(best["holdout"], other["holdout"]);
        assert_eq!(best["oob_score"], other["oob_score"]);
        assert_eq!(best["holdout"].is_null(), name == "all");
        assert!(best["oob_score"].as_f64().unwrap() > 0.9);
        assert_eq!(
            (&best["mean"], &best["scores"], &found["cv_results"]),
            (&Value::Null, &json!({}), &Value::Null)
        );
        assert_eq!(
            (&found["splits"], &found["kind"]),
            (&json!(0), &json!("fit"))
        );
        let folder = fanout.path(name);
        let files = ["best.json", "plan.json", "model.fanout"];
        assert!(files.iter().all(|file| folder.join(file).exists()));
        assert!(!folder.join("cv_results.csv").exists());
        assert_eq!(folder.join("worth.json").exists(), name == "held_out");

        // Shown again from the store, and listed.
        let run = found["digests"]["run"].as_str().unwrap();
        let shown: Value = serde_json::from_str(&fanout.text(&["show", run, "--json"])).unwrap();
        assert_eq!(shown["best"]["holdout"], best["holdout"]);
        assert_eq!(shown["best"]["params"], best["params"]);
        assert!(fanout.text(&["runs"]).contains("fit"));

        // Nothing is fitted twice.
        let parts = fanout.objects("tasks").len();
        let again = fanout.json(&[&fit, "--output", "again"]);
        assert_eq!(again["best"], *best);
        assert_eq!(fanout.objects("tasks").len(), parts);
        assert_eq!(fitted(&model(&fanout, "again")), fitted(&own));
    }
    let told = fanout.text(&["run", "fit.yaml", "--quiet"]);
    assert!(told.starts_with("fit: random_forest, 1 fit\n"), "{told}");
    assert!(told.contains("Fitted with\n"), "{told}");
    assert!(told.contains("On the hold-out rows: "), "{told}");
    let told = fanout.text(&["check", "fit.yaml"]);
    assert!(told.contains("\nkind        fit\n"), "{told}");
    assert!(told.contains("\ntasks       1, 1 at a time\n"), "{told}");
    assert!(!told.contains("splits"), "{told}");
}

#[test]
fn workers_fit_the_same_model() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let fit = plan(&fanout, "fit.yaml", "kind: fit\n");
    let here = ended(
        &run(&fanout, &fit, "here", &[]).output().unwrap(),
        &fanout.path("here"),
    );
    let store = ["--store", "there.store"];
    let url = nats.url();
    let _worker = Worker::start(&fanout, &url, &[&["--workers", "1"][..], &store].concat());
    let there = run(
        &fanout,
        &fit,
        "there",
        &[&["--pool", &url][..], &store].concat(),
    );
    let there = ended(&{ there }.output().unwrap(), &fanout.path("there"));
    assert_eq!(
        fitted(&here.files["model.fanout"]),
        fitted(&there.files["model.fanout"])
    );
}

#[test]
fn several_targets_are_fitted_to_one_model() {
    let fanout = Fanout::new();
    let mut csv = "a,b,x,y\n".to_owned();
    for row in 0..120 {
        let (a, b) = (row * 7 % 31, row * 11 % 17);
        csv += &format!("{a},{b},{},{}.5\n", u8::from(a > b), 3 * a - b);
    }
    fanout.write("table.csv", &csv);
    let plan = "
dataset: {source: table.csv, targets: [x, {column: y, learn: regression}]}
trainer: {name: random_forest, params: {n_estimators: 5}}
";
    let searched = fanout.write("search.yaml", plan);
    fanout.json(&[&searched, "--output", "searched"]);
    let fit = fanout.write("fit.yaml", &format!("kind: fit{plan}"));
    let told = fanout.text(&["run", &fit, "--output", "fitted", "--quiet"]);
    assert!(told.contains("2 targets, 2 fits"), "{told}");
    assert!(!fanout.path("fitted/cv_results.csv").exists());
    for target in ["x", "y"] {
        let of = |folder: &str| model(&fanout, &format!("{folder}/{target}"));
        assert_eq!(fitted(&of("fitted")), fitted(&of("searched")), "{target}");
    }
    let predict = |folder: &str| {
        let model = format!("{folder}/model.fanout");
        fanout.text(&["predict", &model, "table.csv", "--outputs", "--quiet"])
    };
    assert_eq!(predict("fitted"), predict("searched"));
}

#[test]
fn all_trainers_vote_without_being_scored() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = format!(
        "
dataset: {{source: {source:?}, target: diagnosis, positive: malignant}}
trainers:
  - trainer: {{name: logistic_regression}}
    steps: [{{step: standard_scaler}}]
  - trainer: {{name: decision_tree, params: {{max_depth: 3}}}}
ensemble: {{method: voting, voting: soft, weights: [2, 1]}}
"
    );
    let searched = fanout.write("search.yaml", &plan);
    fanout.json(&[&searched, "--output", "searched"]);
    let fit = fanout.write("fit.yaml", &format!("kind: fit{plan}"));
    let found = fanout.json(&[&fit, "--output", "fitted"]);
    assert_eq!(predicted(&fanout, "fitted"), predicted(&fanout, "searched"));
    assert_eq!(
        (&found["best"], &found["ensemble"]),
        (&Value::Null, &Value::Null)
    );
    let told = fanout.text(&["run", &fit, "--output", "fitted", "--quiet"]);
    assert!(
        told.contains("Fitted 2 members of the ensemble\n"),
        "{told}"
    );
}

#[test]
fn a_fit_that_fails_is_told() {
    let fanout = Fanout::new();
    // Classes by chance: a great tree takes most of the rows apart.
    let rows: String = (0..2000_u64)
        .map(|row| {
            let chance = (row * 2_654_435_761) >> 9;
            format!("{},{},k{}\n", row % 401, row * 31 % 97, chance % 2)
        })
        .collect();
    fanout.write("a.csv", &format!("x,z,y\n{rows}"));
    let fit = fanout.write(
        "fit.yaml",
        "kind: fit\ndataset: {source: a.csv, target: y}\n\
         trainer: {name: random_forest, params: {n_estimators: 1500, random_state: 0}}\n\
         limits: {memory: 32MiB}\n",
    );
    let output = fanout.run(&["run", &fit, "--output", "fitted", "--quiet"]);
    assert!(!output.status.success());
    let told = text(&output.stderr);
    assert!(told.contains("more than its 32 MiB of memory"), "{told}");
    assert!(!fanout.path("fitted/model.fanout").exists());
}

#[test]
fn a_fitted_model_is_retrained_as_any_other() {
    let fanout = Fanout::new();
    let row = |row: usize| {
        format!(
            "{},{},{}\n",
            row * 7 % 31,
            row * 11 % 17,
            u8::from(row.is_multiple_of(3))
        )
    };
    let table = |rows: usize| "a,b,y\n".to_owned() + &(0..rows).map(row).collect::<String>();
    std::fs::create_dir(fanout.path("days")).unwrap();
    fanout.write("days/1.csv", &table(200));
    let fit = fanout.write(
        "fit.yaml",
        "kind: fit\ndataset: {source: days, target: y}\ntrainer: {name: decision_tree}\noutput: fitted\n",
    );
    fanout.json(&[&fit]);
    fanout.write("days/2.csv", &table(100));
    // It has an exit code of its own where the old model is kept.
    let output = fanout.run(&["retrain", "fitted/model.fanout", "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["rows"]["read"], 300);
}
