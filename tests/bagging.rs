//! Bagged trainers: the same bytes on any pool, in families and in parts; models that are
//! shown, used, explained and fitted again as those of any trainer.

use serde_json::{Value, json};

use crate::functions::results::{exported, results};
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, head, made, scores, text};

const PLAN: &str = "
name: bag
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.2, stratify: true}
trainer: {name: decision_tree, bagging: {max_features: 0.5, random_state: 3}}
search:
  params:
    bagging__n_estimators: [2, 5, 12]
    bagging__max_samples: [0.5, 1.0]
    max_depth: [2, 4]
cv: {method: stratified_k_fold, n_splits: 3}
scoring: [roc_auc, accuracy]
";

fn plan(fanout: &Fanout, text: &str) -> String {
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &text.replace("SOURCE", &source))
}

#[test]
fn a_bag_has_the_same_bytes_on_any_pool_and_in_families() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    plan(&fanout, PLAN);
    let one = results(&fanout, "plan.yaml", "one", &["--workers", "1"]);
    // Numbers of members and depths share fits: two families on three splits.
    let shared = results(&fanout, "plan.yaml", "many", &["--workers", "3"]);
    assert_eq!(one.differing(&shared), [""; 0]);
    assert!(one.report["best"]["holdout"]["roc_auc"].as_f64().unwrap() > 0.95);

    let alone = results(&fanout, "plan.yaml", "alone", &["--set", "families=off"]);
    assert_eq!(scores(&one.report), scores(&alone.report));

    let store = ["--store", "there.store"];
    let arguments = [&["--workers", "2"][..], &store].concat();
    let worker = Worker::start(&fanout, &nats.url(), &arguments);
    worker.says("connected");
    let url = nats.url();
    let arguments = [&["--pool", &url][..], &store].concat();
    let there = results(&fanout, "plan.yaml", "there", &arguments);
    assert_eq!(one.differing(&there), [""; 0]);
    drop(worker);

    let server = Server::start(Kind::WasmtimeKeeping, &exported("trees"));
    let served = results(&fanout, "plan.yaml", "served", &["--pool", &server.url]);
    assert_eq!(one.differing(&served), [""; 0]);
}

/// A bag that takes some seconds: fitted in parts.
#[test]
fn a_large_bag_is_fitted_in_parts() {
    let fanout = Fanout::new();
    plan(
        &fanout,
        "
name: large
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.2, stratify: true}
steps: [{step: standard_scaler}]
trainer: {name: logistic_regression, bagging: {n_estimators: 3000, oob_score: true}}
cv: {method: stratified_shuffle_split, n_splits: 1, test_size: 0.2}
",
    );
    let run = |folder: &str, arguments: &[&str]| {
        let log = format!("{folder}.jsonl");
        let arguments = [arguments, &["--events", &log]].concat();
        let results = results(&fanout, "plan.yaml", folder, &arguments);
        let log = std::fs::read_to_string(fanout.path(&log)).unwrap();
        let events = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let parts = events.filter(|event: &Value| event["event"] == "part_finished");
        (results, parts.count())
    };
    let (one, parts) = run("one", &["--workers", "1"]);
    assert!(parts >= 2, "{parts}");
    let (many, _) = run("many", &["--workers", "3"]);
    assert_eq!(one.differing(&many), [""; 0]);
    let oob_score = one.report["best"]["oob_score"].as_f64().unwrap();
    assert!((0.85..0.99).contains(&oob_score), "{oob_score}");
    let in_file = &head(&one.files["model.fanout"])["model"];
    assert_eq!(in_file["oob_score"], oob_score);
    assert_eq!(in_file["bagging"], true);
}

/// Trainers of several guests, as they are and bagged, with steps, weights, predictions
/// and explanations.
#[test]
fn bags_stand_beside_other_trainers() {
    let fanout = Fanout::new();
    let file = plan(
        &fanout,
        "
name: several
dataset: {source: SOURCE, target: diagnosis, positive: malignant, features: [mean_radius, mean_texture, mean_smoothness], weight: mean_area}
steps: [{step: standard_scaler}]
trainers:
  - trainer: {name: logistic_regression}
  - trainer: {name: logistic_regression, bagging: true}
  - trainer: {name: k_neighbors, bagging: {n_estimators: 5}}
  - trainer: {name: svc, bagging: {n_estimators: 3, max_samples: 200, bootstrap: false}}
  - trainer: {name: decision_tree, bagging: {n_estimators: 20, random_state: 1}}
    steps: []
cv: {method: stratified_k_fold, n_splits: 3}
scoring: [roc_auc, neg_log_loss]
refit: roc_auc
explain: {permutation_importance: {n_repeats: 2}, partial_dependence: {features: [mean_radius], grid_resolution: 5}}
",
    );
    let report = fanout.json(&[&file, "--output", "out"]);
    let table = scores(&report);
    let trainers = json!([
        "logistic_regression",
        "bagging(logistic_regression)",
        "bagging(k_neighbors)",
        "bagging(svc)",
        "bagging(decision_tree)",
    ]);
    assert_eq!(table["param_trainer"], trainers);
    for score in table["mean_test_roc_auc"].as_array().unwrap() {
        assert!(score.as_f64().unwrap() > 0.9, "{score}");
    }
    let explained = &report["explanations"];
    assert!(
        explained["permutation_importance"].is_object(),
        "{explained}"
    );
    assert!(explained["partial_dependence"].is_object(), "{explained}");
    // All of it is in the store.
    let again = fanout.json(&[&file]);
    assert_eq!(made(&again), 0);
    assert_eq!(scores(&again), table);
}

#[test]
fn a_model_of_a_bag_is_shown_used_and_fitted_again() {
    let fanout = Fanout::new();
    let table = std::fs::read_to_string(example("data/breast_cancer.csv")).unwrap();
    let (header, rows) = table.split_once('\n').unwrap();
    let rows: Vec<&str> = rows.lines().collect();
    let partition = |name: &str, rows: &[&str]| {
        fanout.write(name, &format!("{header}\n{}\n", rows.join("\n")));
    };
    std::fs::create_dir(fanout.path("days")).unwrap();
    partition("days/a.csv", &rows[..400]);
    let file = fanout.write("plan.yaml", &PLAN.replace("SOURCE", "days"));
    let more = ["--set", "explain={importances: true}", "--output", "out"];
    let report = fanout.json(&[&[file.as_str()], &more[..]].concat());
    assert_eq!(report["best"]["trainer"], "bagging(decision_tree)");
    assert!(report["explanations"]["importances"].is_object());

    let shown = fanout.text(&["model", "show", "out/model.fanout"]);
    let trainer = "trainer     bagging(decision_tree)";
    assert!(shown.contains(trainer), "{shown}");
    assert!(shown.contains("bagging__n_estimators: "), "{shown}");

    fanout.text(&[
        "predict",
        "out/model.fanout",
        "days",
        "--output",
        "rows.csv",
    ]);
    let predicted = std::fs::read_to_string(fanout.path("rows.csv")).unwrap();
    assert_eq!(predicted.lines().count(), 401);

    let refused = fanout.run(&["model", "export", "out/model.fanout", "--onnx", "m.onnx"]);
    let told = text(&refused.stderr);
    let reason = "trainer `decision_tree`, bagged, has no form in ONNX";
    assert!(told.contains(reason), "{told}");

    partition("days/b.csv", &rows[400..]);
    // 9: a new model was fitted and scored, and the old one is better.
    let retrained = fanout.run(&["retrain", "out/model.fanout", "-o", "new.fanout"]);
    let told = text(&retrained.stdout);
    assert!(
        matches!(retrained.status.code(), Some(0 | 9)),
        "{told}{}",
        text(&retrained.stderr)
    );
    assert!(told.contains("fitted on 535"), "{told}");
    let [old, new] = ["out/model.fanout", "new.fanout"]
        .map(|name| head(&std::fs::read(fanout.path(name)).unwrap()));
    for field in ["trainer", "bagging", "params"] {
        assert_eq!(new["model"][field], old["model"][field], "{field}");
    }
}

/// Bagged members of an ensemble, and a bagged final estimator, are called so.
#[test]
fn members_and_the_final_estimator_of_an_ensemble_may_be_bagged() {
    let fanout = Fanout::new();
    let file = plan(
        &fanout,
        "
name: stack
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
trainers:
  - trainer: {name: gaussian_nb}
  - trainer: {name: decision_tree, bagging: true}
cv: {method: stratified_k_fold, n_splits: 3}
scoring: [roc_auc]
ensemble:
  method: stacking
  final_estimator: {name: decision_tree, params: {max_depth: 2}, bagging: {n_estimators: 7}}
",
    );
    let told = fanout.text(&["run", &file, "--output", "out"]);
    for line in [
        "final estimator bagging(decision_tree)",
        "candidate 1, bagging(decision_tree): roc_auc",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let shown = fanout.text(&["model", "show", "out/model.fanout", "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let members = shown["members"].as_array().unwrap();
    let bagged: Vec<bool> = members.iter().map(|it| it["bagging"] == true).collect();
    assert_eq!(bagged, [false, true, true]);
    assert_eq!(members[2]["params"]["bagging__n_estimators"], 7);
}

/// Members are opened one after the other, and the bin edges of a feature, 2 kB of these, are
/// in memory once: of 300 members with 30 features, each with its own, they are 18 MB.
#[test]
fn the_members_of_a_bag_share_what_is_equal_in_memory() {
    let fanout = Fanout::new();
    let names: Vec<String> = (0..30).map(|column| format!("x{column}")).collect();
    let mut rows = names.join(",") + ",y\n";
    for row in 0..2000_u64 {
        for column in 0..30 {
            let number = (row + 1).wrapping_mul(2 * column + 6_364_136_223_846_793_005);
            rows += &format!("0.{:06},", (number >> 33) % 1_000_000);
        }
        rows += if row % 3 == 0 { "a\n" } else { "b\n" };
    }
    fanout.write("rows.csv", &rows);
    let plan = "dataset: {source: rows.csv, target: y}\n\
                trainer: {name: decision_tree, params: {max_depth: 1}, \
                bagging: {n_estimators: 300}}\n\
                cv: {n_splits: 2}\noutput: out\n";
    fanout.json(&[&fanout.write("plan.yaml", plan)]);
    let few: Vec<&str> = rows.lines().take(20).collect();
    fanout.write("few.csv", &few.join("\n"));
    let memory = (16 << 20).to_string();
    let predict = [
        "predict",
        "out/model.fanout",
        "few.csv",
        "--memory",
        &memory,
    ];
    assert_eq!(fanout.text(&predict).lines().count(), 20);
}
