//! Ensembles of the candidates of a search, against scikit-learn's: greedy selection, votes,
//! and a second stage; over the real binary. `ensembles/vectors.py` writes the expected
//! values.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::functions::results;
use crate::functions::server::{Kind, Server};
use crate::nats::server::Nats;
use crate::nats::worker::Worker;
use crate::program::{Fanout, example, made, text};

/// The members of `vectors.py`, and splits that scikit-learn makes of the same rows.
const MEMBERS: &str = "
name: ensembles
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
trainers:
  - trainer: {name: gaussian_nb}
  - trainer: {name: k_neighbors}
  - trainer: {name: logistic_regression, params: {C: 0.1, tol: 1.0e-10, max_iter: 10000}}
    steps: [{step: standard_scaler}]
cv: {method: stratified_k_fold, n_splits: 5}
";

/// Several candidates of each, and rows that no model has seen.
const GREEDY: &str = "
name: greedy
dataset: {source: SOURCE, target: diagnosis, positive: malignant}
holdout: {fraction: 0.25, stratify: true, random_state: 1}
trainers:
  - trainer: {name: gaussian_nb}
  - trainer: {name: random_forest, params: {random_state: 1, n_estimators: 10}}
    search: {params: {max_depth: [1, 3, 6]}}
  - trainer: {name: logistic_regression}
    steps: [{step: standard_scaler}]
    search: {params: {C: [0.001, 0.1, 10.0]}}
cv: {method: stratified_k_fold, n_splits: 4}
scoring: [neg_log_loss, accuracy]
ensemble: {method: greedy, size: 15}
output: out
";

fn plan(fanout: &Fanout, plan: &str, more: &str) -> String {
    let source = example("data/breast_cancer.csv");
    fanout.write(
        "plan.yaml",
        &format!("{}{more}", plan.replace("SOURCE", &source)),
    )
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("ensembles/vectors.json")).unwrap()
}

fn numbers(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap_or_else(|| panic!("{values}"));
    values.iter().map(|value| value.as_f64().unwrap()).collect()
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (row, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(close, "row {row}: {found}, not {expected}");
    }
}

/// The columns of a CSV file by name.
fn table(path: &Path) -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut columns = vec![Vec::new(); names.len()];
    for line in lines {
        for (column, cell) in columns.iter_mut().zip(line.split(',')) {
            column.push(cell.to_owned());
        }
    }
    names.into_iter().map(str::to_owned).zip(columns).collect()
}

/// What a model predicts of a file.
fn predicted(
    fanout: &Fanout,
    model: &str,
    data: &str,
    probabilities: bool,
) -> BTreeMap<String, Vec<String>> {
    let mut arguments = vec!["predict", model, data, "--output", "predicted.csv"];
    arguments.extend(probabilities.then_some("--probabilities"));
    fanout.text(&arguments);
    table(&fanout.path("predicted.csv"))
}

fn parsed(column: &[String]) -> Vec<f64> {
    column.iter().map(|cell| cell.parse().unwrap()).collect()
}

#[test]
fn greedy_selection_costs_no_fit_and_its_model_scores_as_it_says() {
    let fanout = Fanout::new();
    let plan = plan(&fanout, GREEDY, "");
    let report = fanout.json(&[&plan]);
    let ensemble = &report["ensemble"];
    assert_eq!(ensemble["method"], "greedy");
    assert_eq!(ensemble["metric"], "neg_log_loss");
    assert_eq!(ensemble["selected_from"], 7);
    assert_eq!(made(&report), 7 * 4);
    let best = &report["best"];
    assert_eq!(ensemble["best_candidate"], best["index"]);
    let mean = ensemble["scores"]["neg_log_loss"]["mean"].as_f64().unwrap();
    let gain = ensemble["gain"]["score"].as_f64().unwrap();
    assert!(gain > 0.0, "{ensemble}");
    assert!((mean - best["mean"].as_f64().unwrap() - gain).abs() < 1e-12);
    // The best candidate alone, selected on all other splits and scored on the one left out.
    let left_out = &ensemble["left_out"];
    assert_eq!(left_out["parts"], 4);
    let index = best["index"].as_u64().unwrap() as usize;
    let alone = numbers(&left_out["best_candidate"]["neg_log_loss"]["splits"]);
    for (split, score) in alone.iter().enumerate() {
        let means = |candidate: usize| -> f64 {
            let other = (0..4).filter(|other| *other != split);
            let column =
                |other: usize| &report["cv_results"][format!("split{other}_test_neg_log_loss")];
            other
                .map(|other| column(other)[candidate].as_f64().unwrap())
                .sum()
        };
        let best = (0..7).fold(
            0,
            |best, one| if means(one) > means(best) { one } else { best },
        );
        let column = &report["cv_results"][format!("split{split}_test_neg_log_loss")];
        assert_eq!(column[best].as_f64(), Some(*score), "split {split}");
    }
    let sentences = ensemble["sentences"].as_array().unwrap();
    assert_eq!(sentences.len(), 2);
    assert!(
        sentences[0]
            .as_str()
            .unwrap()
            .contains(&format!("candidate {index}, the best one"))
    );

    // The model predicts the hold-out rows as the run scored them.
    let run = report["digests"]["run"].as_str().unwrap();
    fanout.text(&["show", run, "--predictions", "best.csv"]);
    let known = table(&fanout.path("best.csv"));
    let model = predicted(
        &fanout,
        "out/model.fanout",
        &example("data/breast_cancer.csv"),
        true,
    );
    let ones = parsed(&model["probability_malignant"]);
    let held = known["split"]
        .iter()
        .enumerate()
        .filter(|(_, split)| *split == "holdout");
    let held: Vec<usize> = held.map(|(line, _)| line).collect();
    assert!(held.len() > 100);
    let mut loss = 0.0;
    let mut right = 0;
    for line in &held {
        let row: usize = known["row"][*line].parse().unwrap();
        let is_malignant = known["target"][*line] == "malignant";
        let one = ones[row];
        loss -= if is_malignant {
            one.ln()
        } else {
            (1.0 - one).ln()
        };
        right += usize::from(model["prediction"][row] == known["target"][*line]);
    }
    let scored = |metric: &str| ensemble["holdout"][metric].as_f64().unwrap();
    let count = held.len() as f64;
    assert!((scored("neg_log_loss") + loss / count).abs() < 1e-9);
    assert_eq!(scored("accuracy"), right as f64 / count);

    // It is shown as it ended, and written the same again.
    let shown: Value = serde_json::from_str(&fanout.text(&["show", run, "--json"])).unwrap();
    assert_eq!(shown["ensemble"], *ensemble);
    let written = std::fs::read(fanout.path("out/ensemble.json")).unwrap();
    let table = std::fs::read(fanout.path("out/ensemble.parquet")).unwrap();
    let model = std::fs::read(fanout.path("out/model.fanout")).unwrap();
    let again = fanout.json(&[&plan]);
    assert_eq!(made(&again), 0);
    assert_eq!(again["ensemble"], *ensemble);
    assert!(written == std::fs::read(fanout.path("out/ensemble.json")).unwrap());
    assert!(table == std::fs::read(fanout.path("out/ensemble.parquet")).unwrap());
    assert!(model == std::fs::read(fanout.path("out/model.fanout")).unwrap());
    fanout.text(&["show", run, "--output", "shown"]);
    assert!(written == std::fs::read(fanout.path("shown/ensemble.json")).unwrap());
    let told = fanout.text(&["model", "show", "out/model.fanout"]);
    assert!(
        told.contains("rule        voting: the weighted mean"),
        "{told}"
    );
}

#[test]
fn soft_votes_are_those_of_scikit_learn() {
    let fanout = Fanout::new();
    let ensemble = "ensemble: {method: voting, voting: soft, weights: [1, 2, 3]}\noutput: out\n";
    let report = fanout.json(&[&plan(&fanout, MEMBERS, ensemble)]);
    let vectors = vectors();
    let scores = numbers(&report["ensemble"]["scores"]["accuracy"]["splits"]);
    assert_close(&scores, &numbers(&vectors["soft_accuracy"]), 1e-12);
    let model = predicted(
        &fanout,
        "out/model.fanout",
        &example("data/breast_cancer.csv"),
        true,
    );
    let ones = parsed(&model["probability_malignant"]);
    assert_close(&ones, &numbers(&vectors["soft"]), 1e-6);
}

#[test]
fn members_are_candidates_that_the_plan_names() {
    let fanout = Fanout::new();
    let searched = MEMBERS
        .replace(
            "{name: k_neighbors}",
            "{name: k_neighbors}\n    search: {params: {n_neighbors: [1, 5, 9]}}",
        )
        .replace("params: {C: 0.1, ", "params: {")
        .replace(
            "steps: [{step: standard_scaler}]",
            "steps: [{step: standard_scaler}]\n    search: {params: {C: [0.01, 0.1]}}",
        );
    let ensemble = "ensemble:\n  method: voting\n  voting: soft\n  weights: [1, 2, 3]\n  members: \
                    [0, {trainer: k_neighbors, params: {n_neighbors: 5}}, {params: {C: 0.1}}]\n\
                    output: out\n";
    let report = fanout.json(&[&plan(&fanout, &searched, ensemble)]);
    let found = &report["ensemble"];
    let members = found["members"].as_array().unwrap();
    let members: Vec<u64> = members
        .iter()
        .map(|member| member["candidate"].as_u64().unwrap())
        .collect();
    assert_eq!(members, [0, 2, 5]);
    assert_eq!(found["named"], true);
    assert_eq!(found["selected_from"], 6);
    let vectors = vectors();
    let scores = numbers(&found["scores"]["accuracy"]["splits"]);
    assert_close(&scores, &numbers(&vectors["soft_accuracy"]), 1e-12);
    let data = example("data/breast_cancer.csv");
    let model = predicted(&fanout, "out/model.fanout", &data, true);
    let ones = parsed(&model["probability_malignant"]);
    assert_close(&ones, &numbers(&vectors["soft"]), 1e-6);
    // None is selected: on every split they are the same.
    assert_eq!(found["left_out"]["scores"], found["scores"]);
    let sentences = found["sentences"].to_string();
    assert!(
        sentences.contains("as the plan names the members"),
        "{sentences}"
    );

    // A named candidate without a score is told of, when all others are there.
    let failing = "trainers:\n- trainer: {name: k_neighbors}\n  search: {params: {n_neighbors: \
                   [5, 9, 500]}}\nerror_score: nan\nfamilies: off\n";
    let plan = fanout.write(
        "plan.yaml",
        &format!(
            "dataset: {{source: {data}, target: diagnosis}}\n{failing}cv: {{n_splits: 3}}\n\
             ensemble: {{method: voting, members: [0, 2]}}\noutput: failed\n"
        ),
    );
    let output = fanout.run(&["run", &plan]);
    let told = text(&output.stderr);
    assert!(!output.status.success());
    let why = "a candidate that `members` names has no score on every split";
    assert!(told.contains(why), "{told}");
    assert!(fanout.path("failed/cv_results.csv").exists());
}

#[test]
fn hard_votes_are_those_of_scikit_learn() {
    let fanout = Fanout::new();
    let ensemble = "ensemble: {method: voting}\noutput: out\n";
    let report = fanout.json(&[&plan(&fanout, MEMBERS, ensemble)]);
    let members = report["ensemble"]["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    let model = predicted(
        &fanout,
        "out/model.fanout",
        &example("data/breast_cancer.csv"),
        false,
    );
    let expected = vectors()["hard"].as_array().unwrap().clone();
    let found = model["prediction"].iter();
    assert!(found.eq(expected.iter().map(|label| label.as_str().unwrap())));
    let data = example("data/breast_cancer.csv");
    let refused = fanout.run(&["predict", "out/model.fanout", &data, "--probabilities"]);
    let said = text(&refused.stderr);
    assert!(said.contains("but classes alone"), "{said}");
    let refused = fanout.run(&["model", "importance", "out/model.fanout"]);
    let said = text(&refused.stderr);
    assert!(said.contains("composed of 3 models (`voting`)"), "{said}");
    assert!(
        said.contains("a plan without `ensemble` makes it"),
        "{said}"
    );
}

const STACKING: &str = "
ensemble:
  method: stacking
  final_estimator: {name: logistic_regression, params: {tol: 1.0e-10, max_iter: 10000}}
output: out
";

#[test]
fn a_second_stage_is_that_of_scikit_learn() {
    let fanout = Fanout::new();
    let report = fanout.json(&[&plan(&fanout, MEMBERS, STACKING)]);
    let vectors = vectors();
    let ensemble = &report["ensemble"];
    assert_eq!(ensemble["method"], "stacking");
    assert_eq!(ensemble["left_out"], Value::Null);
    let scores = numbers(&ensemble["scores"]["accuracy"]["splits"]);
    assert_close(&scores, &numbers(&vectors["stacking_accuracy"]), 1e-12);
    let model = predicted(
        &fanout,
        "out/model.fanout",
        &example("data/breast_cancer.csv"),
        true,
    );
    let ones = parsed(&model["probability_malignant"]);
    assert_close(&ones, &numbers(&vectors["stacking"]), 1e-5);
    // The second stage is a run of its own.
    let run = ensemble["second_stage"].as_str().unwrap();
    let shown: Value = serde_json::from_str(&fanout.text(&["show", run, "--json"])).unwrap();
    assert_eq!(shown["name"], "ensembles: second stage");
    assert_eq!(
        shown["best"]["scores"]["accuracy"]["splits"],
        ensemble["scores"]["accuracy"]["splits"]
    );
}

#[test]
fn numbers_are_averaged_and_stacked_as_by_scikit_learn() {
    let fanout = Fanout::new();
    let vectors = vectors();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ensembles/diabetes.csv");
    let source = source.to_str().unwrap();
    for (expected, ensemble) in [
        ("mean", "{method: voting}"),
        (
            "stacking_of_numbers",
            "{method: stacking, final_estimator: {name: ridge}}",
        ),
        (
            "passthrough",
            "{method: stacking, final_estimator: {name: ridge}, passthrough: true}",
        ),
    ] {
        let plan = format!(
            "dataset: {{source: {source}, target: progression}}\n\
             trainers:\n\
             - trainer: {{name: ridge}}\n\
             - trainer: {{name: k_neighbors, params: {{n_neighbors: 7}}}}\n\
             steps: [{{step: standard_scaler}}]\n\
             cv: {{method: k_fold, n_splits: 5}}\n\
             ensemble: {ensemble}\noutput: {expected}\n"
        );
        let plan = fanout.write("plan.yaml", &plan);
        fanout.json(&[&plan]);
        let model = format!("{expected}/model.fanout");
        let found = predicted(&fanout, &model, source, false);
        assert_close(
            &parsed(&found["prediction"]),
            &numbers(&vectors[expected]),
            1e-6,
        );
    }
}

/// The stacking of [`GREEDY`]'s candidates, with a hold-out.
const STACKED: &str = "{method: stacking, final_estimator: {name: random_forest, params: \
                       {n_estimators: 5}}, passthrough: true, members: 3}";

fn stacked(fanout: &Fanout) -> String {
    let stacked = GREEDY.replace("{method: greedy, size: 15}", STACKED);
    plan(fanout, &stacked.replace("output: out\n", ""), "")
}

#[test]
fn a_run_that_was_killed_between_stages_goes_on() {
    let fanout = Fanout::new();
    let plan = stacked(&fanout);
    let whole = results::results(&fanout, &plan, "whole", &[]);
    assert!(
        whole.report["ensemble"]["holdout"]["accuracy"]
            .as_f64()
            .unwrap()
            > 0.8
    );
    // Killed when the first stage is done, and the members are refitted.
    let mut child = results::run(&fanout, &plan, "killed", &["--events", "events.jsonl"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut lines = lines.map(Result::unwrap);
    assert!(
        lines.any(|line| line.contains("of the ensemble on all rows")),
        "it tells of refits"
    );
    child.kill().unwrap();
    child.wait().unwrap();
    let after = results::results(&fanout, &plan, "killed", &[]);
    assert_eq!(made(&after.report), 0);
    assert_eq!(after.report["ensemble"], whole.report["ensemble"]);
    assert_eq!(whole.differing(&after), [""; 0]);
    let source = example("data/breast_cancer.csv");
    let of = |folder: &str| predicted(&fanout, &format!("{folder}/model.fanout"), &source, true);
    assert_eq!(of("whole"), of("killed"));
}

/// A second stage whose fits take a while each, and are made in parts.
const SLOW: &str = "{method: stacking, members: 3, final_estimator: {name: random_forest, params: \
                    {n_estimators: 60000, min_samples_leaf: 20, random_state: 3}}}";

/// What was made behind the start of the second stage, by a log of events: of its splits and
/// of its refit, the fits or parts that were made and those that the store had.
#[derive(Debug, Default, PartialEq)]
struct SecondStage {
    parts_of_splits: [usize; 2],
    splits: [usize; 2],
    parts_of_refit: [usize; 2],
}

impl SecondStage {
    fn of(fanout: &Fanout, log: &str) -> Self {
        let log = std::fs::read_to_string(fanout.path(log)).unwrap();
        let events = log.lines().map(|line| serde_json::from_str(line).unwrap());
        let mut events =
            events.skip_while(|event: &Value| event["event"] != "second_stage_started");
        let mut found = Self::default();
        let mut is_refit = false;
        assert!(events.next().is_some(), "{log}");
        for event in events {
            let count = match event["event"].as_str().unwrap() {
                "parts_started" => {
                    // Those of the refit are fitted ahead.
                    is_refit = event["ahead"] == true;
                    continue;
                }
                "part_finished" if is_refit => &mut found.parts_of_refit,
                "part_finished" => &mut found.parts_of_splits,
                "task_finished" => &mut found.splits,
                _ => continue,
            };
            assert_eq!(event["fault"], Value::Null, "{event}");
            count[usize::from(event["reused"] == true)] += 1;
        }
        found
    }
}

#[test]
fn a_run_that_is_killed_inside_the_second_stage_goes_on_there() {
    let fanout = Fanout::new();
    let slow = GREEDY.replace("{method: greedy, size: 15}", SLOW);
    let plan = plan(&fanout, &slow.replace("output: out\n", ""), "");
    let logged = ["--workers", "2", "--events"];
    let whole = results::results(
        &fanout,
        &plan,
        "whole",
        &[&logged[..], &["whole.jsonl"]].concat(),
    );
    let all = SecondStage::of(&fanout, "whole.jsonl");
    let made = |counts: [usize; 2]| {
        assert_eq!(counts[1], 0, "{all:?}");
        counts[0]
    };
    let (parts, splits) = (made(all.parts_of_splits), made(all.splits));
    let of_refit = made(all.parts_of_refit);
    assert!(splits == 4 && parts >= 8 && of_refit >= 4, "{all:?}");

    // Where it is killed: behind the last of these events.
    let (start, last) = ("second_stage_started", "task_finished");
    for (folder, way) in [
        ("in_parts", &[start, "part_finished", "part_finished"][..]),
        ("in_splits", &[start, "task_finished"]),
        (
            "in_refit",
            &[start, last, last, last, last, "part_finished"],
        ),
    ] {
        let store = format!("{folder}.store");
        let mut child = fanout
            .command()
            .args(["run", &plan, "--output", folder, "--store", &store])
            .args([&logged[..], &["-"]].concat())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for name in way {
            let line = lines.find(|line| {
                let event: Value = serde_json::from_str(line.as_ref().unwrap()).unwrap();
                event["event"] == *name
            });
            assert!(line.is_some(), "{folder}: {name}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!fanout.path(folder).join("model.fanout").exists());

        let log = format!("{folder}.jsonl");
        let after = results::results(&fanout, &plan, folder, &[&logged[..], &[&log]].concat());
        assert_eq!(crate::program::made(&after.report), 0, "{folder}");
        let found = SecondStage::of(&fanout, &log);
        let context = format!("{folder}: {found:?} of {all:?}");
        let [parts_made, parts_kept] = found.parts_of_splits;
        let [splits_made, splits_kept] = found.splits;
        let [refit_made, refit_kept] = found.parts_of_refit;
        assert_eq!(splits_made + splits_kept, splits, "{context}");
        match folder {
            "in_parts" => {
                assert!(parts_kept >= 2 && splits_made > 0, "{context}");
                assert_eq!(refit_kept, 0, "{context}");
                assert_eq!(refit_made, of_refit, "{context}");
            }
            "in_splits" => {
                // No part is made again, and none is asked for of what is done.
                assert!(splits_kept >= 1 && parts_made == 0, "{context}");
                assert!(parts_kept < parts, "{context}");
            }
            _ => {
                assert_eq!((splits_made, parts_made + parts_kept), (0, 0), "{context}");
                assert!(refit_kept >= 1, "{context}");
                assert_eq!(refit_made + refit_kept, of_refit, "{context}");
            }
        }
        assert_eq!(
            after.report["ensemble"], whole.report["ensemble"],
            "{folder}"
        );
        assert_eq!(whole.differing(&after), [""; 0], "{folder}");
    }
}

#[test]
fn stages_run_on_workers() {
    let (fanout, nats) = (Fanout::new(), Nats::start());
    let plan = stacked(&fanout);
    let here = results::results(&fanout, &plan, "here", &[]);
    let store = ["--store", "there.store"];
    let arguments = [&["--workers", "1"][..], &store].concat();
    let worker = Worker::start(&fanout, &nats.url(), &arguments);
    worker.says("connected");
    let url = nats.url();
    let there = [&["--pool", &url][..], &store].concat();
    let there = results::results(&fanout, &plan, "there", &there);
    assert_eq!(here.report["ensemble"], there.report["ensemble"]);
    let source = example("data/breast_cancer.csv");
    let of = |folder: &str| predicted(&fanout, &format!("{folder}/model.fanout"), &source, true);
    assert_eq!(of("here"), of("there"));
}

#[test]
fn a_failed_candidate_is_no_member_and_one_member_is_a_model_as_it_is() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    let plan = fanout.write(
        "plan.yaml",
        &format!(
            "dataset: {{source: {source}, target: diagnosis}}\n\
             trainers:\n\
             - trainer: {{name: k_neighbors}}\n  \
               search: {{params: {{n_neighbors: [5, 9]}}}}\n\
             - trainer: {{name: k_neighbors, params: {{n_neighbors: 500}}}}\n\
             cv: {{method: stratified_k_fold, n_splits: 3}}\n\
             error_score: 0\n\
             ensemble: {{size: 1}}\noutput: out\n"
        ),
    );
    let report = fanout.json(&[&plan]);
    assert_eq!(report["fits"]["failed"], 3, "{report}");
    let ensemble = &report["ensemble"];
    assert_eq!(ensemble["selected_from"], 2);
    assert_eq!(ensemble["members"].as_array().unwrap().len(), 1);
    assert_eq!(ensemble["members"][0]["candidate"], report["best"]["index"]);
    let warnings = report["warnings"].to_string();
    let told = "candidate 2, without predictions, is no member of the ensemble";
    assert!(warnings.contains(told), "{warnings}");
    let shown = fanout.text(&["model", "show", "out/model.fanout"]);
    assert!(shown.contains(": a model of run "), "{shown}");
}

#[test]
fn stages_run_at_endpoints() {
    let fanout = Fanout::new();
    let source = example("data/breast_cancer.csv");
    // Of one guest, as endpoints serve one.
    let plan = fanout.write(
        "plan.yaml",
        &format!(
            "dataset: {{source: {source}, target: diagnosis}}\n\
             holdout: {{fraction: 0.25, stratify: true}}\n\
             trainers:\n\
             - trainer: {{name: random_forest, params: {{n_estimators: 5}}}}\n\
             - trainer: {{name: decision_tree, params: {{max_depth: 3}}}}\n\
             cv: {{method: stratified_k_fold, n_splits: 3}}\n\
             ensemble: {{method: stacking, final_estimator: {{name: decision_tree, params: \
             {{max_depth: 2}}}}}}\n"
        ),
    );
    let here = results::results(&fanout, &plan, "here", &[]);
    let server = Server::start(Kind::WasmtimeKeeping, &results::exported("trees"));
    let there = results::results(&fanout, &plan, "there", &["--pool", &server.url]);
    assert_eq!(here.report["ensemble"], there.report["ensemble"]);
    assert!(
        here.report["ensemble"]["holdout"]["accuracy"]
            .as_f64()
            .unwrap()
            > 0.8
    );
    let of = |folder: &str| predicted(&fanout, &format!("{folder}/model.fanout"), &source, true);
    assert_eq!(of("here"), of("there"));
}
