//! The baseline: the scores of `dummy` beneath the best candidate, of every run.

use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::program::{Fanout, made, scores};
use fanout::run::event::{Event, StampedEvent};
use serde_json::{Value, json};

/// scikit-learn's scores: `tests/baseline/vectors.py`.
fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/baseline/vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A plan for a case of the vectors, whose table is `table.csv`.
fn plan(fanout: &Fanout, case: &Value, trainer: &str) -> String {
    let vectors = vectors();
    fanout.write("table.csv", vectors["table"].as_str().unwrap());
    let target = case["target"].as_str().unwrap();
    let others = ["pair", "kind", "number"].map(|name| (name != target).then_some(name));
    let mut drop: Vec<&str> = others.into_iter().flatten().collect();
    let mut dataset = json!({"source": "table.csv", "target": target});
    match case["weighted"] == true {
        true => dataset["weight"] = "weight".into(),
        false => drop.push("weight"),
    }
    dataset["drop"] = json!(drop);
    let names: Vec<&String> = case["scores"].as_object().unwrap().keys().collect();
    let plan = json!({
        "name": "baseline",
        "dataset": dataset,
        "trainer": {"name": trainer},
        "cv": {"method": "k_fold", "n_splits": 3},
        "scoring": names,
    });
    fanout.write("plan.yaml", &plan.to_string())
}

/// The events of the baseline in a file: whether the store had them.
fn baseline_events(fanout: &Fanout) -> Vec<bool> {
    let file = std::fs::File::open(fanout.path("events.jsonl")).unwrap();
    let lines = BufReader::new(file).lines().map(Result::unwrap);
    let events = lines.map(|line| serde_json::from_str::<StampedEvent>(&line).unwrap().event);
    let reused = events.filter_map(|event| match event {
        Event::BaselineFinished { reused, fault, .. } => {
            assert_eq!(fault, None);
            Some(reused)
        }
        _ => None,
    });
    reused.collect()
}

#[test]
fn its_scores_are_those_of_scikit_learn() {
    let fanout = Fanout::new();
    for case in vectors()["cases"].as_array().unwrap() {
        let plan = plan(&fanout, case, "decision_tree");
        let report = fanout.json(&[&plan, "--store", "memory://"]);
        assert_eq!(report["baseline"]["trainer"], "dummy");
        for (name, expected) in case["scores"].as_object().unwrap() {
            let found = &report["baseline"]["scores"][name]["splits"];
            let pairs = found
                .as_array()
                .unwrap()
                .iter()
                .zip(expected.as_array().unwrap());
            for (found, expected) in pairs {
                let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
                assert!(
                    (found - expected).abs() < 1e-12,
                    "{name} of {case}: {found}"
                );
            }
        }
        // It is no candidate.
        assert_eq!(report["candidates"], 1);
        assert_eq!(report["fits"]["served"], 3);
        assert_eq!(report["best"]["trainer"], "decision_tree");
    }
}

#[test]
fn it_is_kept_and_shown_like_any_result() {
    let fanout = Fanout::new();
    let case = &vectors()["cases"][0];
    let plan = plan(&fanout, case, "decision_tree");
    let first = fanout.json(&[&plan, "--events", "events.jsonl"]);
    assert_eq!(baseline_events(&fanout), [false; 3]);
    let again = fanout.json(&[&plan, "--events", "events.jsonl"]);
    assert_eq!((baseline_events(&fanout), made(&again)), (vec![true; 3], 0));
    assert_eq!(again["baseline"], first["baseline"]);
    assert_eq!(scores(&again), scores(&first));
    // From the store alone, as text.
    let run = &first["digests"]["run"].as_str().unwrap()[..12];
    let shown = fanout.text(&["show", run]);
    // The line may be wrapped.
    let words = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        words.contains("Baseline (dummy): accuracy 0.7500, "),
        "{shown}"
    );
    assert!(words.contains("roc_auc 0.5000 3 fits served"), "{shown}");
    assert!(shown.find("Baseline") > shown.find("Best by"), "{shown}");
    let shown: Value = serde_json::from_str(&fanout.text(&["show", run, "--json"])).unwrap();
    assert_eq!(shown["baseline"], first["baseline"]);
    let summary = std::fs::read_dir(fanout.path(".fanout/runs")).unwrap();
    let summary = summary.map(|run| run.unwrap().path().join("result.json"));
    let summary = std::fs::read_to_string(summary.into_iter().next().unwrap()).unwrap();
    let summary: Value = serde_json::from_str(&summary).unwrap();
    assert_eq!(summary["baseline"]["roc_auc"], json!([0.5, 0.0]));
    // Another search has the same, a sweep keeps it.
    let other = fanout.json(&[
        &plan,
        "--set",
        "search.params={max_depth: [1, 2]}",
        "--events",
        "events.jsonl",
    ]);
    assert_eq!(baseline_events(&fanout), [true; 3]);
    assert_eq!(other["baseline"], first["baseline"]);
    fanout.text(&["gc", "--younger", "0s", "--yes"]);
    fanout.json(&[&plan, "--events", "events.jsonl"]);
    assert_eq!(baseline_events(&fanout), [true; 3]);
}

#[test]
fn a_plan_of_dummy_itself_has_no_second() {
    let fanout = Fanout::new();
    let case = &vectors()["cases"][1];
    let plan = plan(&fanout, case, "dummy");
    let report = fanout.json(&[&plan, "--store", "memory://"]);
    assert_eq!(report["baseline"], Value::Null);
}
