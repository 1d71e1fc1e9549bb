//! [`plan_text`]: a resolved plan as YAML that is a plan again. Fields that have nothing are
//! left out, and so are the folders of results and of the store, which are of one machine.

use std::fmt::Write as _;

use fanout_contract::bagging::PREFIX;
use serde_json::{Map, Value, json};

use crate::plan::{Kind, Plan};

/// Sections whose nulls are values: hyper-parameters.
const VALUES: [&str; 3] = ["params", "candidates", "param_range"];

/// The fields that come first, for people.
const ORDER: [&str; 12] = [
    "name", "kind", "dataset", "holdout", "steps", "trainer", "trainers", "search", "ensemble",
    "cv", "scoring", "refit",
];

/// A plan as YAML, with all defaults filled in.
pub fn plan_text(plan: &Plan) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(plan) else {
        return String::new();
    };
    let has_search = matches!(
        plan.kind,
        Kind::Search {} | Kind::NestedCrossValidation { .. }
    );
    let mut written = Map::new();
    for (name, value) in fields {
        match (name.as_str(), value) {
            // Its fields stand beside those of the plan.
            ("kind", Value::Object(kind)) => {
                let kind = kind.into_iter();
                written.extend(kind.map(|(name, value)| {
                    let value = plain(value, VALUES.contains(&name.as_str()));
                    (name, value)
                }));
            }
            ("output" | "store", _) => {}
            // Kinds without a search have none in a plan, nor have several trainers.
            ("search", value) if !has_search || is_no_search(&value) => {}
            // Left out, it would choose a candidate.
            ("refit", Value::Null) if plan.kind.refits() => {
                written.insert(name, Value::Bool(false));
            }
            (_, value) if is_nothing(&value) => {}
            (_, value) => {
                let value = plain(value, VALUES.contains(&name.as_str()));
                written.insert(name, value);
            }
        }
    }
    if let Some(dataset) = written.get_mut("dataset").and_then(Value::as_object_mut) {
        dataset.retain(|_, value| !is_nothing(value));
        // A store holds no path.
        if dataset.get("source").and_then(Value::as_str) == Some("") {
            dataset.insert("source".to_owned(), "PATH/OF/THE/DATA".into());
        }
        // Several targets are named one by one, and have a rule of their own for rows that
        // lack one.
        let idle: &[&str] = match dataset.contains_key("targets") {
            true => &["target", "missing_target"],
            false => &["stratify"],
        };
        dataset.retain(|name, _| !idle.contains(&name.as_str()));
    }
    if let Some(Value::Array(arms)) = written.get_mut("trainers") {
        for arm in arms.iter_mut().filter_map(Value::as_object_mut) {
            if !has_search || arm.get("search").is_some_and(is_no_search) {
                arm.remove("search");
            }
        }
    }
    without_idle_seed(&mut written);
    let mut text = String::new();
    for name in ORDER {
        if let Some(value) = written.remove(name) {
            map(
                [(name.to_owned(), value)].into_iter().collect(),
                0,
                &mut text,
            );
        }
    }
    map(written, 0, &mut text);
    text
}

/// Whether a search is the one of a plan that has none: one candidate, the trainer's defaults.
fn is_no_search(search: &Value) -> bool {
    *search == json!({"method": "list", "candidates": [{}]})
}

/// Removes the seed of a shuffle that is none.
fn without_idle_seed(section: &mut Map<String, Value>) {
    if section.get("shuffle") == Some(&Value::Bool(false)) {
        section.remove("random_state");
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A value as plans write it. In `values`, null is a value.
fn plain(value: Value, values: bool) -> Value {
    match value {
        Value::Object(fields) => object(fields, values),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| plain(item, values));
            Value::Array(items.collect())
        }
        other => other,
    }
}

fn object(fields: Map<String, Value>, values: bool) -> Value {
    let only = |name: &str| fields.get(name).filter(|_| fields.len() == 1).cloned();
    if let Some(list @ Value::Array(_)) = only("list") {
        return list;
    }
    // A share of rows, or a count of them.
    if !values && let Some(size @ Value::Number(_)) = only("fraction").or_else(|| only("count")) {
        return size;
    }
    for name in ["uniform", "log_uniform", "int_uniform"] {
        if let Some(Value::Object(ends)) = only(name)
            && let (Some(low), Some(high)) = (ends.get("low"), ends.get("high"))
        {
            let ends = Value::Array(vec![low.clone(), high.clone()]);
            return Value::Object([(name.to_owned(), ends)].into_iter().collect());
        }
    }
    if let (2, Some(seconds), Some(nanos)) = (
        fields.len(),
        fields.get("secs").and_then(Value::as_u64),
        fields.get("nanos").and_then(Value::as_u64),
    ) {
        let text = match nanos / 1_000_000 {
            0 => format!("{seconds}s"),
            millis => format!("{}ms", seconds * 1000 + millis),
        };
        return Value::String(text);
    }
    let kept = bagging_apart(fields).into_iter();
    let kept = kept.filter(|(_, value)| values || !value.is_null());
    let kept = kept.map(|(name, value)| {
        let value = plain(value, values || VALUES.contains(&name.as_str()));
        (name, value)
    });
    let mut kept: Map<String, Value> = kept.collect();
    if !values {
        without_idle_seed(&mut kept);
    }
    Value::Object(kept)
}

/// A trainer that is bagged, with the parameters of the bagging in a map of their own.
fn bagging_apart(mut trainer: Map<String, Value>) -> Map<String, Value> {
    if trainer.get("bagging") != Some(&Value::Bool(true)) {
        return trainer;
    }
    let Some(Value::Object(params)) = trainer.remove("params") else {
        return trainer;
    };
    let (mut own, mut bagging) = (Map::new(), Map::new());
    for (name, value) in params {
        match name.strip_prefix(PREFIX) {
            Some(name) => bagging.insert(name.to_owned(), value),
            None => own.insert(name, value),
        };
    }
    trainer.insert("params".to_owned(), Value::Object(own));
    trainer.insert("bagging".to_owned(), Value::Object(bagging));
    trainer
}

/// Writes the fields of a map as lines.
fn map(fields: Map<String, Value>, indent: usize, text: &mut String) {
    for (name, value) in fields {
        text.extend(std::iter::repeat_n(' ', indent));
        text.push_str(&scalar(&Value::String(name)));
        text.push(':');
        value_of(value, indent, text);
    }
}

/// Writes a value behind its name, or behind the dash of its list.
fn value_of(value: Value, indent: usize, text: &mut String) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            map(fields, indent + 2, text);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push('\n');
            for item in items {
                text.extend(std::iter::repeat_n(' ', indent + 2));
                text.push('-');
                value_of(item, indent + 2, text);
            }
        }
        flat => {
            text.push(' ');
            text.push_str(&scalar(&flat));
            text.push('\n');
        }
    }
}

/// A value on one line: a word as it is, all else as JSON, which is YAML.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(word) if is_word(word) => word.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(scalar).collect();
            format!("[{}]", items.join(", "))
        }
        other => {
            let mut json = String::new();
            // Writing to a string does not fail.
            let _ = write!(json, "{other}");
            json
        }
    }
}

/// Whether a text is the same text in YAML without quotes.
fn is_word(text: &str) -> bool {
    let mut letters = text.chars();
    let first = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    let rest = letters.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    // What YAML 1.1 or 1.2 reads as something else.
    let other = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    first && rest && !other.contains(&text.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::super::super::example;
    use super::*;

    #[test]
    fn texts_that_look_like_something_else_are_quoted() {
        let of = |text: &str| scalar(&Value::from(text));
        assert_eq!(of("random_forest"), "random_forest");
        for text in ["no", "1", "a: b", "</script>", "", "- a", "Null", "#"] {
            assert_eq!(of(text), format!("\"{text}\""));
        }
        assert_eq!(
            scalar(&serde_json::json!([null, 2, "no"])),
            "[null, 2, \"no\"]"
        );
    }

    #[test]
    fn a_resolved_plan_is_written_as_one() {
        let text = plan_text(&example::report().plan);
        assert!(text.starts_with("name: flights\n"), "{text}");
        for line in [
            "kind: search",
            "  target: cancelled",
            "  positive: \"1\"",
            "    random_state: 10",
            "scoring: [roc_auc, accuracy]",
            "  timeout: \"300s\"",
        ] {
            assert!(text.lines().any(|of| of == line), "{line}: {text}");
        }
        assert!(
            !text.contains("output") && !text.contains("targets"),
            "{text}"
        );
    }
}
