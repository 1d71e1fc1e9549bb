//! Ensembles of several targets: each target's search has its own.

use std::fs;

use serde_json::Value;

use super::table;
use crate::program::{Fanout, made, text};

const REST: &str = "
trainers:
  - trainer: {name: random_forest, params: {random_state: 1, n_estimators: 4}}
    search: {params: {max_depth: [1, 3]}}
  - trainer: {name: k_neighbors, params: {n_neighbors: 3}}
cv: {method: k_fold, n_splits: 3, shuffle: true, random_state: 5}
scoring: [neg_log_loss, r2]
";

const TARGETS: &str = "[{column: a, positive: 1}, b, t]";

/// What an ensemble is, without the names of runs.
fn ensemble(report: &Value) -> Value {
    let mut ensemble = report["ensemble"].clone();
    assert!(ensemble.is_object(), "{report}");
    ensemble.as_object_mut().unwrap().remove("second_stage");
    ensemble
}

/// The columns of a CSV file of predictions.
fn columns(fanout: &Fanout, model: &str) -> Vec<Vec<String>> {
    fanout.text(&["predict", model, "all.csv", "--output", "predicted.csv"]);
    let csv = fs::read_to_string(fanout.path("predicted.csv")).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let column = |at: usize| lines.iter().map(|line| line[at].to_owned()).collect();
    (0..lines[0].len()).map(column).collect()
}

#[test]
fn each_target_has_the_ensemble_that_it_has_alone() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    for ensemble_of in [
        "{method: greedy, size: 6, metric: neg_log_loss}",
        "{method: voting, voting: soft, members: 2}",
        "{method: voting, members: [{params: {max_depth: 3}}, 2], weights: [2, 1], voting: soft}",
        "{method: stacking, final_estimator: {name: decision_tree, params: {max_depth: 2}}}",
    ] {
        let rest = format!("{REST}ensemble: {ensemble_of}\n");
        let plan = format!("dataset: {{source: all.csv, targets: {TARGETS}}}{rest}");
        let plan = fanout.write("plan.yaml", &plan);
        let all = fanout.json(&[&plan, "--output", "results"]);
        let targets = all["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 3);
        let mut of_all = columns(&fanout, "results/model.fanout").into_iter();
        for report in targets {
            let name = report["target"].as_str().unwrap();
            fanout.write("one.csv", &table(name));
            let (target, metric) = match name {
                "a" => ("target: a, positive: 1, drop: [b, t]", "neg_log_loss"),
                "b" => ("target: b, drop: [a, t]", "neg_log_loss"),
                _ => ("target: t, drop: [a, b]", "r2"),
            };
            let mut rest = rest.replace("[neg_log_loss, r2]", &format!("[{metric}]"));
            if name == "t" {
                rest = rest
                    .replace(", metric: neg_log_loss", "")
                    .replace("voting: soft, ", "");
                rest = rest.replace(", voting: soft", "");
            }
            let one = format!("dataset: {{source: one.csv, {target}}}{rest}");
            let one = fanout.write("one.yaml", &one);
            let store = ["--store", "memory://", "--output", "one"];
            let alone = fanout.json(&[&[one.as_str()][..], &store].concat());
            assert_eq!(ensemble(report), ensemble(&alone), "{name}: {ensemble_of}");
            // The model of all predicts as that of the target, which is that of it alone.
            let own = columns(&fanout, &format!("results/{name}/model.fanout"));
            assert_eq!(
                own,
                columns(&fanout, "one/model.fanout"),
                "{name}: {ensemble_of}"
            );
            let in_all = of_all.next().unwrap();
            assert_eq!(in_all[0], format!("prediction_{name}"));
            assert_eq!(in_all[1..], own[0][1..], "{name}: {ensemble_of}");
        }
        assert_eq!(of_all.next(), None);
        let again = fanout.json(&[&plan, "--output", "results"]);
        for (report, before) in again["targets"].as_array().unwrap().iter().zip(targets) {
            assert_eq!(made(report), 0);
            assert_eq!(report["ensemble"], before["ensemble"]);
        }
    }
    let shown = fanout.text(&["model", "show", "results/model.fanout"]);
    assert!(shown.contains("rule        ensembles: "), "{shown}");
    assert!(
        shown.contains("            b: 3 members; stacking: "),
        "{shown}"
    );
    let told = fanout.text(&["run", "plan.yaml", "--output", "results"]);
    assert_eq!(
        told.matches("Ensemble (stacking): 2 members of 3 candidates")
            .count(),
        3
    );
}

#[test]
fn votes_on_classes_of_some_targets_give_no_probabilities() {
    let fanout = Fanout::new();
    fanout.write("all.csv", &table(""));
    let rest = REST.replace("neg_log_loss", "accuracy");
    let plan = format!(
        "dataset: {{source: all.csv, targets: {TARGETS}}}{rest}holdout: {{fraction: 0.25}}\n\
         ensemble: {{method: voting, voting: hard}}\n"
    );
    let plan = fanout.write("plan.yaml", &plan);
    let report = fanout.json(&[&plan, "--output", "results"]);
    for report in report["targets"].as_array().unwrap() {
        let holdout = report["ensemble"]["holdout"].as_object().unwrap();
        assert_eq!(holdout.len(), 1);
    }
    let model = "results/model.fanout";
    assert_eq!(columns(&fanout, model).len(), 3);
    let refused = fanout.run(&[
        "predict",
        model,
        "all.csv",
        "--probabilities",
        "-o",
        "p.csv",
    ]);
    let said = text(&refused.stderr);
    assert!(said.contains("but classes alone"), "{said}");
}
