//! Pipelines, several trainers, numbers and weights over the real binary.

use std::fmt::Write;

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
fn steps_see_no_test_row() {
    let fanout = Fanout::new();
    fanout.write("noise.csv", &noise(200));
    let plan = "
dataset: {source: noise.csv, target: y}
steps:
- {name: encode, step: target_encoder, columns: level}
- {name: scale, step: standard_scaler}
- {name: best, step: select_k_best, params: {k: 5}}
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
    assert!(fanout.path("results/model.bin").exists());
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
        classes.contains("predicts no probabilities, which `roc_auc` compares"),
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
