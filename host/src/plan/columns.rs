//! What a plan asks of its source's columns: that they are there, and of
//! types that a model can read.

use arrow_schema::{DataType, Schema};

use super::mistake::{Mistake, Place};
use super::node::{Content, Node};
use super::reader::Noted;
use super::suggest::did_you_mean;
use super::{DatasetPlan, FeaturePlan};

/// How many columns are named where one is not found.
const NAMED: usize = 12;

pub(super) fn check(root: &Node, dataset: &DatasetPlan, schema: &Schema, noted: Noted<'_>) {
    let known = |name: &str| schema.fields().iter().any(|field| field.name() == name);
    for (field, node) in named(root) {
        let Some(name) = node.label() else { continue };
        if !known(name) {
            noted.push(
                Mistake::new(
                    node.place,
                    format!("`{field}` names the column `{name}`, which the source does not have"),
                )
                .hint(unparted(schema).unwrap_or_else(|| instead(name, schema))),
            );
        } else if matches!(field, "dataset.target" | "dataset.features") {
            readable(name, node.place, schema, noted);
        }
    }
    let fold = root.get(&["cv", "column"]).and_then(Node::label);
    let features = features(dataset, fold, schema);
    if features.is_empty() && known(&dataset.target) {
        let place = root
            .entry("dataset")
            .map_or(Place::Plan, |entry| entry.place);
        noted.push(
            Mistake::new(place, "no column is left to learn from").hint(format!(
                "the source has {}; name one or more in `features`, or drop fewer",
                listed(schema)
            )),
        );
    }
    for node in root
        .get(&["dataset", "categorical"])
        .map(Node::items)
        .unwrap_or_default()
    {
        let Some(name) = node
            .label()
            .filter(|name| known(name) && *name != dataset.target)
        else {
            continue;
        };
        if !features.contains(&name) {
            noted.push(
                Mistake::new(
                    node.place,
                    format!("`categorical` names `{name}`, which is no feature"),
                )
                .hint("add it to `features`, or remove it here"),
            );
        }
    }
}

/// Every place that names a column of the source, with its field.
fn named(root: &Node) -> Vec<(&'static str, &Node)> {
    let mut found = Vec::new();
    found.extend(
        root.get(&["dataset", "target"])
            .map(|node| ("dataset.target", node)),
    );
    found.extend(root.get(&["cv", "column"]).map(|node| ("cv.column", node)));
    for item in root
        .get(&["dataset", "features"])
        .map(Node::items)
        .unwrap_or_default()
    {
        match item.content {
            Content::Map(_) => {
                let parts = item.get(&["concat"]).map(Node::items).unwrap_or_default();
                found.extend(parts.iter().map(|part| ("concat", part)));
            }
            _ => found.push(("dataset.features", item)),
        }
    }
    for (path, field) in [
        ("drop", "dataset.drop"),
        ("categorical", "dataset.categorical"),
    ] {
        let items = root
            .get(&["dataset", path])
            .map(Node::items)
            .unwrap_or_default();
        found.extend(items.iter().map(|item| (field, item)));
    }
    found
}

/// The features' names.
fn features<'a>(dataset: &'a DatasetPlan, fold: Option<&str>, schema: &'a Schema) -> Vec<&'a str> {
    match &dataset.features {
        Some(features) => features
            .iter()
            .map(|feature| match feature {
                FeaturePlan::Column(name) | FeaturePlan::Concat { name, .. } => name.as_str(),
            })
            .collect(),
        None => schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .filter(|name| {
                *name != dataset.target
                    && Some(*name) != fold
                    && !dataset.drop.iter().any(|drop| drop == name)
            })
            .collect(),
    }
}

fn readable(name: &str, place: Place, schema: &Schema, noted: Noted<'_>) {
    let Ok(field) = schema.field_with_name(name) else {
        return;
    };
    let kind = match field.data_type() {
        kind if kind.is_nested() => "lists or records",
        DataType::Binary
        | DataType::LargeBinary
        | DataType::FixedSizeBinary(_)
        | DataType::BinaryView => "bytes",
        DataType::Null => "nothing but missing values",
        _ => return,
    };
    noted.push(
        Mistake::new(place, format!("the column `{name}` holds {kind}"))
            .hint("a model reads numbers, booleans, texts, dates and timestamps"),
    );
}

/// A source that was read with the wrong delimiter: all of it is one column,
/// whose name is a whole line.
fn unparted(schema: &Schema) -> Option<String> {
    let [only] = schema.fields().iter().as_slice() else {
        return None;
    };
    let name = only.name();
    let delimiter = [';', '\t', '|', ',']
        .into_iter()
        .find(|c| name.contains(*c))?;
    let written = match delimiter {
        '\t' => "tab".to_owned(),
        other => format!("\"{other}\""),
    };
    Some(format!(
        "its only column is `{}`; to part it, write `csv: {{delimiter: {written}}}`",
        name.replace('\t', " ")
    ))
}

fn instead(name: &str, schema: &Schema) -> String {
    let names = schema.fields().iter().map(|field| field.name().as_str());
    did_you_mean(name, names).unwrap_or_else(|| format!("it has {}", listed(schema)))
}

fn listed(schema: &Schema) -> String {
    let names: Vec<_> = schema
        .fields()
        .iter()
        .take(NAMED)
        .map(|field| format!("`{}`", field.name()))
        .collect();
    match schema.fields().len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}
