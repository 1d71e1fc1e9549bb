//! Plans that are wrong, and exactly what the program says of each:
//! `plans/invalid/NAME.yaml` beside `NAME.err`. With `FANOUT_BLESS=1` the
//! `.err` files are written anew, to be read before they are committed.
//!
//! Plans that are right, in `plans/valid` and `../plans`: both the program and
//! its JSON Schema take them.

pub(crate) mod schema;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use fanout::plan;
use fanout_contract::TrainerDescription;
use serde_json::{Value, json};

/// Where the corpus lies; mistakes name files from here.
fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/plans")
}

fn trainers() -> Vec<TrainerDescription> {
    serde_json::from_str(include_str!("plans/trainers.json")).unwrap()
}

/// The files of a folder of the corpus with this ending, sorted, from there.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(corpus().join(folder)).unwrap();
    let names = entries.map(|entry| Path::new(folder).join(entry.unwrap().file_name()));
    let mut paths: Vec<_> = names
        .filter(|path| path.extension() == Some(OsStr::new(ending)))
        .collect();
    paths.sort();
    paths
}

/// What `fanout check FILE` prints, and how it ends.
fn check(file: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_fanout"))
        .current_dir(corpus())
        // Shared by all tests, so that each guest is compiled once.
        .env(
            "FANOUT_CACHE",
            Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
        )
        .stdin(Stdio::null())
        .arg("check")
        .arg(file)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let code = output.status.code().expect("it exits by itself");
    format!(
        "{}{}[exit code {code}]\n",
        text(output.stdout),
        text(output.stderr)
    )
}

#[test]
fn every_invalid_plan_gets_exactly_its_message() {
    let plans = files("invalid", "yaml");
    assert!(plans.len() >= 30, "{} plans", plans.len());
    let bless = std::env::var_os("FANOUT_BLESS").is_some();
    let mut differ = Vec::new();
    for plan in &plans {
        let beside = corpus().join(plan.with_extension("err"));
        let told = check(plan);
        if !told.starts_with("error: ") || told.ends_with("[exit code 1]\n") {
            differ.push(format!(
                "{}: expected an error of its kind, found\n{told}",
                plan.display()
            ));
        } else if bless {
            fs::write(&beside, told).unwrap();
        } else if fs::read_to_string(&beside).ok().as_ref() != Some(&told) {
            differ.push(format!(
                "{}: expected the message beside it, found\n{told}",
                plan.display()
            ));
        }
    }
    assert!(
        differ.is_empty(),
        "{}\n(FANOUT_BLESS=1 writes the messages anew)",
        differ.join("\n\n")
    );

    let silent = files("invalid", "err").into_iter().flat_map(|file| {
        let told = fs::read_to_string(corpus().join(&file)).unwrap();
        let mistakes = mistakes(&told).into_iter();
        mistakes
            .filter(|mistake| !says_what_to_do(mistake))
            .collect::<Vec<_>>()
    });
    let silent: Vec<String> = silent.collect();
    assert!(
        silent.is_empty(),
        "without what to do: {}",
        silent.join("\n\n")
    );

    let named = |paths: Vec<PathBuf>| -> BTreeSet<PathBuf> {
        paths.iter().map(|path| path.with_extension("")).collect()
    };
    assert_eq!(
        named(files("invalid", "err")),
        named(plans),
        "every message has its plan"
    );
}

/// The mistakes of a message, each with its lines; what is not about a place is one.
fn mistakes(told: &str) -> Vec<String> {
    let parts: Vec<&str> = told.split("\n\n").collect();
    let mistakes = match parts.as_slice() {
        [_, mistakes @ ..] if !mistakes.is_empty() => mistakes,
        whole => whole,
    };
    mistakes
        .iter()
        .map(|mistake| (*mistake).to_owned())
        .collect()
}

/// Whether a mistake says what is taken there, or has a line of what to do.
fn says_what_to_do(mistake: &str) -> bool {
    let says = |line: &str| {
        let line = line.trim_start();
        line.starts_with("= ")
            || line.starts_with("hint: ")
            || [" takes ", "; "].iter().any(|sign| line.contains(sign))
    };
    mistake.lines().any(says)
}

#[test]
fn every_valid_plan_is_taken() {
    for plan in files("valid", "yaml")
        .into_iter()
        .chain(files("../../plans", "yaml"))
    {
        let told = check(&plan);
        assert!(
            told.ends_with("[exit code 0]\n"),
            "{}: {told}",
            plan.display()
        );
    }
}

/// A plan as JSON, for the schema.
fn plan_as_json(file: &Path) -> Value {
    plan::to_json(&fs::read_to_string(corpus().join(file)).unwrap()).unwrap()
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    for schema in [plan::json_schema(&[]), plan::json_schema(&trainers())] {
        for plan in files("valid", "yaml")
            .into_iter()
            .chain(files("../../plans", "yaml"))
        {
            assert_eq!(
                schema::violations(&schema, &plan_as_json(&plan)),
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
fn the_schema_refuses_metrics_that_the_program_refuses() {
    let schema = plan::json_schema(&[]);
    for score in [
        json!("auc"),
        json!("fbeta"),
        json!({"metric": "fbeta"}),
        json!({"metric": "fbeta", "params": {}}),
        json!({"metric": "fbeta", "params": {"beta": -1}}),
        json!({"metric": "accuracy", "params": {"k": 1}}),
        json!({"metric": "top_k_accuracy", "params": {"k": 0}}),
        json!({"metric": "cohen_kappa", "params": {"weights": "cubic"}}),
        json!({"metric": "neg_mean_tweedie_deviance", "params": {"power": 0.5}}),
        json!({"metric": "neg_mean_cost", "params": {"costs": {"a": 1}}}),
        json!({"params": {"beta": 2}}),
    ] {
        let plan = json!({
            "dataset": {"source": "a.csv", "target": "y"},
            "trainer": {"name": "dummy"},
            "scoring": [score],
        });
        assert_ne!(schema::violations(&schema, &plan), [""; 0], "{score}");
        let file = Path::new("a.yaml");
        let draft = plan::Draft::parse(file, &plan.to_string(), &[], Path::new("/here"));
        assert!(draft.error().is_some(), "{score}");
    }
}

#[test]
fn an_unknown_field_is_refused_by_both() {
    let schema = plan::json_schema(&[]);
    let mut tried = 0;
    for file in files("valid", "yaml") {
        for (path, plan) in with_one_more(&plan_as_json(&file)) {
            // What is a hyper-parameter or a class is for the trainer to say.
            let open = ["/trainer/params", "/search/params", "/search/candidates"];
            let of_several = path.contains("/trainer/params") || path.contains("/search/params");
            let of_final = path == "/ensemble/final_estimator/params";
            let of_step = path.contains("steps/") && path.ends_with("/params");
            let is_open = open.iter().any(|open| path.starts_with(open)) || of_several || of_step;
            let is_open = is_open || of_final;
            let is_values = path.starts_with("/search/params/")
                && plan
                    .pointer(&path)
                    .unwrap()
                    .as_object()
                    .unwrap()
                    .keys()
                    .any(|key| key.contains("range") || key.contains("uniform"));
            // Columns have any names.
            // Labels have any names too.
            let is_costs = path.contains("/params/costs");
            if (is_open && !is_values) || path == "/dataset/columns" || is_costs {
                continue;
            }
            tried += 1;
            // JSON is YAML.
            let draft = plan::Draft::parse(&file, &plan.to_string(), &[], Path::new("/here"));
            let error = draft
                .error()
                .map(|error| error.to_string())
                .unwrap_or_default();
            let of_metric = path.starts_with("/scoring/") || path.starts_with("/threshold/");
            let parameters = of_metric && path.ends_with("/params");
            let message = match parameters {
                true => "has no parameter `no_such_field`",
                false => "unknown field `no_such_field`",
            };
            assert!(
                error.contains(message),
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
