//! `docs/contract.md` and `docs/openapi.yaml` against the types.

use serde_json::Value;

use super::*;

const PAGE: &str = include_str!("../../../docs/contract.md");
const OPENAPI: &str = include_str!("../../../docs/openapi.yaml");

/// The JSON documents of the page, in order.
fn documents() -> Vec<&'static str> {
    let blocks = PAGE.split("```json\n").skip(1);
    let blocks = blocks.map(|rest| rest.split("```").next().unwrap());
    blocks.collect()
}

#[test]
fn its_documents_are_of_the_contract() {
    let documents = documents();
    let [description, task, answer, fault, layout, importances] = documents.as_slice() else {
        panic!("{} documents", documents.len());
    };
    let description: Description = serde_json::from_str(description).unwrap();
    assert_eq!(description.contract, CONTRACT);
    let task: Task = serde_json::from_str(task).unwrap();
    let answer: Answer = serde_json::from_str(answer).unwrap();
    assert_eq!(task.candidates.len(), answer.scores.len());
    for scores in &answer.scores {
        let names = task.scoring.iter().map(|score| &score.name);
        let mut names: Vec<&String> = names.collect();
        names.sort();
        assert!(scores.test.keys().eq(names));
    }
    let _: Fault = serde_json::from_str(fault).unwrap();
    let _: Layout = serde_json::from_str(layout).unwrap();
    let importances: Importances = serde_json::from_str(importances).unwrap();
    assert!(importances.contract == CONTRACT && importances.is_whole());
}

/// One of each kind. A new kind fails to compile here until it is listed.
fn kinds() -> Vec<ParamKind> {
    let of = |kind: &ParamKind| match kind {
        ParamKind::Null
        | ParamKind::Bool
        | ParamKind::Int { .. }
        | ParamKind::Float { .. }
        | ParamKind::Choice { .. }
        | ParamKind::Text
        | ParamKind::Pair { .. }
        | ParamKind::Categories
        | ParamKind::Weights
        | ParamKind::Label
        | ParamKind::Costs
        | ParamKind::Signs
        | ParamKind::Sets
        | ParamKind::Any => (),
    };
    let kinds = vec![
        ParamKind::Null,
        ParamKind::Bool,
        ParamKind::Int {
            min: None,
            max: None,
        },
        ParamKind::Float {
            min: None,
            max: None,
            above_min: false,
        },
        ParamKind::Choice { of: Vec::new() },
        ParamKind::Text,
        ParamKind::Pair {
            min: None,
            max: None,
        },
        ParamKind::Categories,
        ParamKind::Weights,
        ParamKind::Label,
        ParamKind::Costs,
        ParamKind::Signs,
        ParamKind::Sets,
        ParamKind::Any,
    ];
    kinds.iter().for_each(of);
    kinds
}

#[test]
fn every_kind_of_value_is_described() {
    let (_, listed) = OPENAPI.split_once("kind: {enum: [\"null\"").unwrap();
    let listed = listed.split(']').next().unwrap();
    for kind in kinds() {
        let json = serde_json::to_value(&kind).unwrap();
        let name = json["kind"].as_str().unwrap();
        assert!(PAGE.contains(&format!("| `{name}` | ")), "{name}");
        let is_listed = name == "null" || listed.split(", ").any(|known| known == name);
        assert!(is_listed, "{name} in openapi.yaml");
    }
}

/// The page names every field that a task with all of its fields has.
#[test]
fn every_field_of_a_task_is_described() {
    let task = Task {
        contract: CONTRACT,
        trainer: "t".to_owned(),
        bagging: false,
        steps: vec![TaskStep {
            name: "scale".to_owned(),
            step: "standard_scaler".to_owned(),
            columns: Columns::All,
            params: [("with_mean".to_owned(), Value::Bool(false))].into(),
        }],
        params: Params::new(),
        candidates: vec![Params::new()],
        split: Split {
            column: "cv".to_owned(),
            test: Some(0),
            train: Train::Before,
            shuffle: None,
        },
        target: "y".to_owned(),
        learning: Learning::Binary,
        positive: Some("1".to_owned()),
        weight: Some("w".to_owned()),
        scoring: vec!["accuracy".into()],
        train_score: true,
        outputs: vec![Output::Predictions],
        part: Some(Part { start: 0, end: 1 }),
        permute: None,
    };
    let json = serde_json::to_value(&task).unwrap();
    let fields = json.as_object().unwrap().keys();
    let known = ["contract", "trainer", "split"];
    for field in fields.filter(|field| !known.contains(&field.as_str())) {
        assert!(PAGE.contains(&format!("| `{field}` | ")), "{field}");
    }
    for field in json["split"].as_object().unwrap().keys() {
        assert!(PAGE.contains(&format!("| `split.{field}` | ")), "{field}");
    }
    for field in json["steps"][0].as_object().unwrap().keys() {
        assert!(PAGE.contains(&format!("\"{field}\": ")), "{field}");
    }
}
