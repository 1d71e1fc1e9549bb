//! Pipelines, several trainers, numbers and weights over the real binary.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::program::{Fanout, example, scores, text};

/// A table of `rows` rows: numbers `x0` to `x9` without relation to the target, a
/// category, and a target `y` of two classes.
fn noise(rows: u64) -> String {
    let mut state = 7_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state >> 33
    };
    let names: Vec<String> = (0..200).map(|column| format!("x{column}")).collect();
    let mut text = format!("{},level,y\n", names.join(","));
    for _ in 0..rows {
        for _ in &names {
            write!(text, "{},", next() % 1000).unwrap();
        }
        writeln!(text, "l{},{}", next() % (rows / 2), next() % 2).unwrap();
    }
    text
}

fn mean(report: &Value, metric: &str, candidate: usize) -> f64 {
    report["cv_results"][format!("mean_test_{metric}")][candidate]
        .as_f64()
        .unwrap()
}

#[test]
fn several_trainers_are_one_search_whose_scores_do_not_depend_on_families() {
    let fanout = Fanout::new();
    let plan = example("compare.yaml");
    let report = fanout.json(&[&plan, "--workers", "2"]);
    let trainers = report["cv_results"]["param_trainer"].as_array().unwrap();
    let of = |name: &str| trainers.iter().filter(|trainer| *trainer == name).count();
    assert_eq!(of("logistic_regression"), 6);
    assert_eq!(of("gaussian_nb"), 1);
    assert_eq!(report["trainers"].as_array().unwrap().len(), 5);
    assert_eq!(report["digests"]["guests"].as_array().unwrap().len(), 2);
    let best = &report["best"];
    assert_eq!(
        best["trainer"],
        trainers[best["index"].as_u64().unwrap() as usize]
    );
    assert!(
        mean(
            &report,
            "accuracy",
            best["index"].as_u64().unwrap() as usize
        ) > 0.96
    );
    // A family of one fit each, and other workers: the same scores.
    let alone = fanout.json(&[&plan, "--set", "families=off", "--workers", "1", "--fresh"]);
    assert!(alone["fits"]["made"].as_u64() > report["fits"]["made"].as_u64());
    assert_eq!(scores(&alone), scores(&report));
    // A trainer alone finds its fits.
    let forest = "
name: forest
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
trainer: {name: random_forest, params: {random_state: 10}}
search: {params: {n_estimators: [50, 100], max_depth: [4, null]}}
cv: {method: stratified_k_fold, n_splits: 5, shuffle: true, random_state: 7}
scoring: [f1, accuracy]
";
    let source = example("data/breast_cancer.csv");
    fanout.write("forest.yaml", &forest.replace("SOURCE", &source));
    let forest = fanout.json(&["forest.yaml"]);
    assert_eq!(forest["fits"]["reused"], forest["fits"]["served"]);
}

#[test]
fn values_that_are_fitted_separately_score_the_same_however_they_are_divided() {
    let fanout = Fanout::new();
    let plan = "
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
steps: [{name: scale, step: [standard_scaler, robust_scaler]}]
trainer: {name: logistic_regression}
search: {params: {C: [0.01, 0.1, 1.0, 10.0, 100.0]}}
cv: {method: stratified_k_fold, n_splits: 3, shuffle: true, random_state: 3}
scoring: [roc_auc, neg_log_loss]
";
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &plan.replace("SOURCE", &source));
    let whole = fanout.json(&["plan.yaml", "--workers", "1"]);
    assert_eq!(whole["fits"]["served"], 30);
    for workers in ["4", "5", "13", "40"] {
        let divided = fanout.json(&["plan.yaml", "--workers", workers, "--fresh"]);
        assert_eq!(scores(&divided), scores(&whole), "{workers} workers");
    }
    // What was kept in other parts is found, and what is missing is made alone.
    let again = fanout.json(&["plan.yaml", "--workers", "7"]);
    assert_eq!(again["fits"]["reused"], 30);
    let more = "search.params.C=[0.01, 0.1, 0.5, 1.0, 10.0, 100.0]";
    let more = fanout.json(&["plan.yaml", "--workers", "4", "--set", more]);
    assert_eq!(more["fits"]["reused"], 30);
    assert_eq!(more["fits"]["served"], 36);
}

#[test]
fn steps_see_no_test_row() {
    let fanout = Fanout::new();
    fanout.write("noise.csv", &noise(200));
    let plan = "
dataset: {source: noise.csv, target: y}
steps:
- {name: encode, step: target_encoder, columns: level}
- {name: scale, step: standard_scaler}
- {name: best, step: select_k_best}
trainer: {name: logistic_regression}
search: {params: {best__k: [1, 5, 20]}}
cv: {method: stratified_k_fold, n_splits: 5, shuffle: true, random_state: 3}
";
    fanout.write("plan.yaml", plan);
    let report = fanout.json(&["plan.yaml"]);
    for candidate in 0..3 {
        // Selected on all rows, the best of 200 columns of noise tell 0.65 and more.
        let accuracy = mean(&report, "accuracy", candidate);
        assert!((0.38..0.6).contains(&accuracy), "{accuracy}");
    }
    let alone = fanout.json(&["plan.yaml", "--set", "families=off", "--fresh"]);
    assert_eq!(scores(&alone), scores(&report));
}

#[test]
fn a_choice_of_steps_is_searched_by_its_name() {
    let fanout = Fanout::new();
    let plan = "
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
steps:
- {name: scale, step: [standard_scaler, min_max_scaler, none], params: {with_mean: true}}
trainer: {name: k_neighbors}
search: {params: {n_neighbors: [3, 5], scale__with_std: [true, false]}}
cv: {method: stratified_k_fold, n_splits: 3}
output: results
";
    let source = example("data/breast_cancer.csv");
    fanout.write("plan.yaml", &plan.replace("SOURCE", &source));
    let report = fanout.json(&["plan.yaml"]);
    let scale = report["cv_results"]["param_scale"].as_array().unwrap();
    assert_eq!(scale.len(), 12);
    assert_eq!(scale[0], "standard_scaler");
    assert_eq!(scale[11], "none");
    let of = |name: &str, with_std: bool| {
        let params = report["cv_results"]["params"].as_array().unwrap();
        let found = params.iter().position(|params| {
            let wanted = json!({"n_neighbors": 3, "scale": name, "scale__with_std": with_std});
            *params == wanted
        });
        mean(&report, "accuracy", found.unwrap())
    };
    // Without a scaler, or one that does not divide, the distances are the same.
    assert_eq!(of("none", true), of("none", false));
    assert_eq!(of("standard_scaler", false), of("none", true));
    assert!(of("standard_scaler", true) > of("none", true));
    // The model holds the steps.
    assert!(fanout.path("results/model.fanout").exists());
}

#[test]
fn numbers_are_learnt_where_the_plan_or_the_trainers_say_so() {
    let fanout = Fanout::new();
    let mut table = "x,w,y\n".to_owned();
    for row in 0..90 {
        writeln!(table, "{},{},{}", row, 1 + row % 3, 3 * row + row % 7).unwrap();
    }
    fanout.write("table.csv", &table);
    let run = |trainer: &str, dataset: &str| {
        let plan = format!(
            "dataset: {{source: table.csv, features: [x], target: y{dataset}}}\n\
             trainer: {{name: {trainer}}}\n"
        );
        fanout.write("plan.yaml", &plan);
        fanout.json(&["plan.yaml"])
    };
    // Whole numbers are a number to a trainer of numbers alone.
    let linear = run("linear_regression", "");
    assert_eq!(linear["metrics"], json!(["r2"]));
    assert!(mean(&linear, "r2", 0) > 0.9);
    let forest = run("random_forest", ", learn: regression");
    assert_eq!(forest["metrics"], json!(["r2"]));
    // Weights count.
    let weighted = run("linear_regression", ", weight: w");
    assert_ne!(scores(&weighted), scores(&linear));
    let ones = table.replace(",1,", ",2,").replace(",3,", ",2,");
    fanout.write("table.csv", &ones);
    let even = run("linear_regression", ", weight: w");
    assert!((mean(&even, "r2", 0) - mean(&linear, "r2", 0)).abs() < 1e-9);
}

#[test]
fn what_a_trainer_can_not_take_is_told_with_what_to_add() {
    let fanout = Fanout::new();
    fanout.write("gaps.csv", "x,c,w,y\n1,a,1,0\n,b,1,1\n3,a,-1,0\n4,b,1,1\n");
    let said = |plan: &str| {
        let plan = format!("dataset: {{source: gaps.csv, target: y, DATA}}\n{plan}\n")
            .replace(", DATA", "");
        fanout.write("plan.yaml", &plan);
        let output = fanout.run(&["check", "plan.yaml"]);
        assert!(!output.status.success());
        text(&output.stderr)
    };
    let logistic = "trainer: {name: logistic_regression}\ncv: {n_splits: 2}";
    let missing = said(logistic);
    assert!(
        missing.contains("takes no missing values, and `x` has 1"),
        "{missing}"
    );
    assert!(
        missing.contains("add the step `simple_imputer`"),
        "{missing}"
    );
    let category = said(&format!(
        "steps: [{{step: simple_imputer, columns: numeric}}]\n{logistic}"
    ));
    assert!(
        category.contains("takes numbers, and `c` is a category"),
        "{category}"
    );
    let classes = said(
        "trainer: {name: linfa_decision_tree}\nscoring: roc_auc\ncv: {n_splits: 2}\nsteps: [{step: simple_imputer}]",
    );
    assert!(
        classes.contains(
            "`linfa_decision_tree` predicts neither decisions nor probabilities, which `roc_auc` \
             compares"
        ),
        "{classes}"
    );
    fanout.write(
        "plan.yaml",
        "dataset: {source: gaps.csv, target: y, weight: w}\ntrainer: {name: random_forest}\ncv: {n_splits: 2}\n",
    );
    let weight = text(&fanout.run(&["check", "plan.yaml"]).stderr);
    assert!(
        weight.contains("the column `w` of the weights holds `-1` in row 3"),
        "{weight}"
    );
}

/// The estimators that have decisions, with the parameters of `decisions/figures.py`.
const DECIDING: [(&str, &str); 4] = [
    ("ridge_classifier", "{name: ridge_classifier}"),
    (
        "linear_svc",
        "{name: linear_svc, params: {tol: 1.0e-10, max_iter: 100000}}",
    ),
    ("svc", "{name: svc, params: {tol: 1.0e-8}}"),
    (
        "svc with probability",
        "{name: svc, params: {tol: 1.0e-8, probability: true}}",
    ),
];

/// The scores of one estimator, by metric and fold.
#[derive(Deserialize)]
struct Figures {
    target: String,
    weighted: bool,
    estimator: String,
    scores: BTreeMap<String, Vec<f64>>,
}

/// `decisions/figures.py` asks scikit-learn.
#[test]
fn estimators_are_ranked_by_their_decisions_as_by_scikit_learn() {
    let fanout = Fanout::new();
    fanout.write("table.csv", include_str!("decisions/table.csv"));
    let figures: Vec<Figures> =
        serde_json::from_str(include_str!("decisions/figures.json")).unwrap();
    // One search of all for what ranks, and one of those with probabilities.
    let mut compared = 0;
    for (target, ranking) in [
        ("two", "roc_auc, average_precision, accuracy"),
        ("three", "average_precision, top_k_accuracy, accuracy"),
    ] {
        for (weighted, weight) in [(false, ""), (true, ", weight: w")] {
            for (metrics, deciding) in [
                (ranking, &DECIDING[..]),
                ("neg_log_loss, roc_auc_ovr", &DECIDING[3..]),
            ] {
                let first = metrics.split(',').next().unwrap();
                let arms = deciding
                    .iter()
                    .map(|(_, arm)| format!("- trainer: {arm}\n"));
                let arms: String = arms.collect();
                let plan = format!(
                    "dataset: {{source: table.csv, features: [x0, x1, x2, x3], target: {target}, \
                     learn: classification{weight}}}\nsteps: [{{step: standard_scaler}}]\n\
                     trainers:\n{arms}cv: {{method: stratified_k_fold, n_splits: 3, shuffle: \
                     false}}\nscoring: [{metrics}]\nrefit: {first}\n"
                );
                fanout.write("plan.yaml", &plan);
                let report = fanout.json(&["plan.yaml"]);
                for (candidate, (name, _)) in deciding.iter().enumerate() {
                    let of = |figures: &&Figures| {
                        (
                            figures.target.as_str(),
                            figures.weighted,
                            &*figures.estimator,
                        ) == (target, weighted, *name)
                    };
                    let expected = &figures.iter().find(of).unwrap().scores;
                    for metric in metrics.split(", ") {
                        // Nothing but the order of rows decides what ranks.
                        let tolerance = if metric == "neg_log_loss" { 1e-6 } else { 1e-9 };
                        for (fold, expected) in expected[metric].iter().enumerate() {
                            let column = format!("split{fold}_test_{metric}");
                            let found = report["cv_results"][column][candidate].as_f64();
                            let found = found.unwrap();
                            assert!(
                                (found - expected).abs() < tolerance,
                                "{name}, {target}, weighted: {weighted}, {metric} of fold \
                                 {fold}: {found}, not {expected}"
                            );
                            compared += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(compared, 2 * 3 * (4 * (3 + 3) + 2 * 2));
}

#[test]
fn what_a_trainer_does_not_predict_is_told_with_what_to_set() {
    let fanout = Fanout::new();
    fanout.write("table.csv", include_str!("decisions/table.csv"));
    let said = |trainer: &str, search: &str, metric: &str| {
        let plan = format!(
            "dataset: {{source: table.csv, features: [x0, x1], target: two, learn: \
             classification}}\ntrainer: {trainer}\n{search}scoring: {metric}\ncv: {{n_splits: \
             2}}\n"
        );
        fanout.write("plan.yaml", &plan);
        text(&fanout.run(&["check", "plan.yaml"]).stderr)
    };
    let linear = said("{name: linear_svc}", "", "neg_log_loss");
    assert!(
        linear.contains("`linear_svc` predicts no probabilities, which `neg_log_loss` compares\n"),
        "{linear}"
    );
    assert!(
        linear.contains("use metrics of decisions or classes, such as `average_precision`"),
        "{linear}"
    );
    let svc = said("{name: svc}", "", "roc_auc_ovr");
    assert!(
        svc.contains(
            "`svc` predicts no probabilities, which `roc_auc_ovr` compares, unless `probability` \
             is true"
        ),
        "{svc}"
    );
    assert!(
        svc.contains("set `probability: true`, or use metrics of decisions or classes"),
        "{svc}"
    );
    // Every candidate has to have them.
    let both = "search: {params: {probability: [true, false]}}\n";
    let some = said("{name: svc}", both, "roc_auc_ovr");
    assert!(some.contains("unless `probability` is true"), "{some}");
    let all = said(
        "{name: svc, params: {probability: true}}",
        "",
        "roc_auc_ovr",
    );
    assert!(!all.contains("predicts no probabilities"), "{all}");
}

/// Linear support vectors would do; the kernel's take time by the square of the rows.
const SLOW: &str = "
name: slow
dataset:
  source: SOURCE
  features: [month, day, day_of_week, sched_dep_time, sched_arr_time, distance]
  target: cancelled
steps: [{step: simple_imputer}, {step: standard_scaler}]
trainer: {name: TRAINER}
cv: {method: k_fold, n_splits: 3}
";

#[test]
fn a_search_that_takes_long_is_told_of_before_it_is_run() {
    let fanout = Fanout::new();
    let check = |trainer: &str| {
        let text = SLOW.replace("SOURCE", &example("data/flights.parquet"));
        let plan = fanout.write("slow.yaml", &text.replace("TRAINER", trainer));
        fanout.text(&["check", &plan])
    };
    let slow = check("svc");
    assert!(slow.contains("\ntime        about "), "{slow}");
    let warning = "warning: a task of `svc` on 336,776 rows may take ";
    assert!(slow.contains(warning), "{slow}");
    assert!(
        slow.contains(", more than `limits.timeout` (5 min 00 s): raise it, or use fewer rows"),
        "{slow}"
    );
    for quick in ["gaussian_nb", "logistic_regression", "decision_tree"] {
        let told = check(quick);
        assert!(!told.contains("\ntime "), "{told}");
        assert!(!told.contains("may take"), "{told}");
    }
}
