//! Plans that are wrong, and exactly what is said of each:
//! `plans/invalid/NAME.yaml` beside `NAME.err`. With `FANOUT_BLESS=1` the
//! `.err` files are written anew, to be read before they are committed.
//!
//! Plans that are right, in `plans/valid` and `../plans`: both the program and
//! its JSON Schema take them.

#[path = "plans/schema.rs"]
mod schema;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::datatypes::{DataType, Field, Schema};
use fanout::plan::{self, CheckedPlan, PlanError};
use fanout_contract::TrainerDescription;
use serde_json::Value;

/// Where the corpus lies; mistakes name files from here.
fn corpus() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans");
    // Every test goes to the same folder.
    std::env::set_current_dir(&folder).unwrap();
    folder
}

fn trainers() -> Vec<TrainerDescription> {
    serde_json::from_str(include_str!("plans/trainers.json")).unwrap()
}

/// The files of a folder with this ending, sorted.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension() == Some(OsStr::new(ending)))
        .collect();
    paths.sort();
    paths
}

/// What `fanout check` does before it looks at any row.
fn check(file: &Path) -> Result<CheckedPlan, PlanError> {
    let mut draft = plan::read(file, &[])?;
    draft.check_trainer(&trainers());
    if let Some(dataset) = draft.dataset()
        && let Some(schema) = header(&dataset.source)
    {
        draft.check_columns(&schema);
    }
    draft.finish()
}

/// The columns of a CSV file, all of them text: only names matter here.
fn header(source: &str) -> Option<Schema> {
    let text = fs::read_to_string(source).ok()?;
    let names = text.lines().next()?.split(',');
    Some(Schema::new(
        names
            .map(|name| Field::new(name, DataType::Utf8, true))
            .collect::<Vec<_>>(),
    ))
}

/// What a person is told.
fn told(file: &Path) -> Option<String> {
    check(file).err().map(|error| format!("error: {error}\n"))
}

#[test]
fn every_invalid_plan_gets_exactly_its_message() {
    corpus();
    let plans = files("invalid", "yaml");
    assert!(plans.len() >= 30, "{} plans", plans.len());
    let bless = std::env::var_os("FANOUT_BLESS").is_some();
    let mut differ = Vec::new();
    for plan in &plans {
        let expected = plan.with_extension("err");
        let Some(told) = told(plan) else {
            differ.push(format!("{}: no mistake was found", plan.display()));
            continue;
        };
        if bless {
            fs::write(&expected, told).unwrap();
        } else if fs::read_to_string(&expected).ok().as_ref() != Some(&told) {
            differ.push(format!(
                "{}: expected what {} says, found\n{told}",
                plan.display(),
                expected.display()
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{}\n(FANOUT_BLESS=1 writes the messages anew)",
        differ.join("\n\n")
    );

    let named = |paths: Vec<PathBuf>| {
        paths
            .iter()
            .map(|path| path.with_extension(""))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        named(files("invalid", "err")),
        named(plans),
        "every message has its plan"
    );
}

#[test]
fn every_valid_plan_is_taken() {
    corpus();
    for plan in files("valid", "yaml") {
        if let Err(error) = check(&plan) {
            panic!("{error}");
        }
    }
}

#[test]
fn every_example_is_taken() {
    corpus();
    for plan in files("../../plans", "yaml") {
        let mut draft = plan::read(&plan, &[]).unwrap();
        draft.check_trainer(&trainers());
        if let Some(error) = draft.error() {
            panic!("{error}");
        }
    }
}

/// A plan as JSON, for the schema.
fn json(file: &Path) -> Value {
    plan::to_json(&fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    corpus();
    for schema in [plan::json_schema(&[]), plan::json_schema(&trainers())] {
        for plan in files("valid", "yaml")
            .into_iter()
            .chain(files("../../plans", "yaml"))
        {
            assert_eq!(
                schema::violations(&schema, &json(&plan)),
                [""; 0],
                "{}",
                plan.display()
            );
        }
    }
}

/// Every map of `plan` in turn with one field more.
fn with_one_more(plan: &Value) -> Vec<(String, Value)> {
    fn visit(node: &Value, path: &str, root: &Value, found: &mut Vec<(String, Value)>) {
        match node {
            Value::Object(map) => {
                let mut more = root.clone();
                more.pointer_mut(path).unwrap()["no_such_field"] = 1.into();
                found.push((path.to_owned(), more));
                for (key, value) in map {
                    visit(value, &format!("{path}/{key}"), root, found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(item, &format!("{path}/{index}"), root, found);
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    visit(plan, "", plan, &mut found);
    found
}

#[test]
fn an_unknown_field_is_refused_by_both() {
    corpus();
    let schema = plan::json_schema(&[]);
    let mut tried = 0;
    for file in files("valid", "yaml") {
        for (path, plan) in with_one_more(&json(&file)) {
            // What is a hyper-parameter or a class is for the trainer to say.
            let open = ["/trainer/params", "/search/params", "/search/candidates"];
            let is_open = open.iter().any(|open| path.starts_with(open));
            let is_values = path.starts_with("/search/params/")
                && plan
                    .pointer(&path)
                    .unwrap()
                    .as_object()
                    .unwrap()
                    .keys()
                    .any(|key| key.contains("range") || key.contains("uniform"));
            if is_open && !is_values {
                continue;
            }
            tried += 1;
            // JSON is YAML.
            let draft = plan::Draft::parse(&file, &plan.to_string(), &[], Path::new("/here"));
            let error = draft
                .error()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(
                error.contains("unknown field `no_such_field`"),
                "{} {path}: {error}",
                file.display()
            );
            assert_ne!(
                schema::violations(&schema, &plan),
                [""; 0],
                "{} {path}",
                file.display()
            );
        }
    }
    assert!(tried >= 30, "{tried} maps");
}

#[test]
fn the_schema_describes_every_field() {
    let schema = plan::json_schema(&trainers());
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    assert_eq!(
        schema["properties"]["cv"]["oneOf"][1]["properties"]["n_splits"]["default"],
        5
    );
    assert_eq!(
        schema["$defs"]["params"]["properties"]["n_estimators"]["default"],
        100
    );
    fn described(schema: &Value, path: &str) {
        match schema {
            Value::Object(map) => {
                if let Some(Value::Object(properties)) = map.get("properties") {
                    for (name, property) in properties {
                        let range = [
                            "range",
                            "step",
                            "log_range",
                            "num",
                            "uniform",
                            "log_uniform",
                            "int_uniform",
                        ];
                        let known =
                            property.get("description").is_some() || range.contains(&name.as_str());
                        assert!(known, "{path}/{name} has no description");
                    }
                }
                map.iter()
                    .for_each(|(key, value)| described(value, &format!("{path}/{key}")));
            }
            Value::Array(items) => items.iter().for_each(|item| described(item, path)),
            _ => {}
        }
    }
    described(&schema, "");
}
