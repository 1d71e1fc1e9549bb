//! The `dataset` section.

use super::super::fields::CONCAT;
use super::super::form::Form;
use super::super::mistake::{Mistake, Place};
use super::super::node::{Atom, Content, Node};
use super::super::reader::{Noted, Reader, wrong};
use super::super::{CsvOptions, DatasetPlan, FeaturePlan, SourceFormat};
use super::store::source_url;
use super::{Base, beside, section};

pub(super) fn dataset(
    place: Place,
    node: &Node,
    base: &Base<'_>,
    noted: Noted<'_>,
) -> Option<DatasetPlan> {
    let table = section("dataset");
    let reader = Reader::section(table, place, node, noted)?;
    let source = reader.required_text("source", noted).map(|source| {
        let place = reader.value_place("source");
        source_url(&source, place, noted);
        beside(&source, place, base)
    });
    let format = reader.choice("format", noted).map(|format| {
        format.map(|format| match format {
            "csv" => SourceFormat::Csv,
            "parquet" => SourceFormat::Parquet,
            _ => SourceFormat::Arrow,
        })
    });
    let csv = csv(&reader, noted);
    let features = reader.own("features", noted, features);
    let drop = reader.labels("drop", noted);
    let categorical = reader.labels("categorical", noted);
    let target = reader.required_text("target", noted);
    let positive = reader.text("positive", noted);

    if let (Some(Some(format)), Some((place, _))) =
        (format, reader.get("csv", &mut Vec::new()).flatten())
        && format != SourceFormat::Csv
    {
        let mistake = Mistake::new(
            place,
            "`csv` says how CSV is read, but `format` is not `csv`",
        );
        noted.push(mistake.hint("remove one of them"));
    }
    if let (Some(Some(_)), Some(Some(drop))) = (&features, &drop)
        && !drop.is_empty()
    {
        noted.push(
            Mistake::new(
                reader.place("drop"),
                "`drop` has no effect beside `features`",
            )
            .hint("remove `drop`, and leave the columns out of `features`"),
        );
    }
    if let Some(target) = &target {
        target_apart(target, node, noted);
    }
    Some(DatasetPlan {
        source: source?,
        format: format?,
        csv: csv?,
        features: features?,
        drop: drop??,
        categorical: categorical??,
        target: target?,
        positive: positive?,
    })
}

fn csv(dataset: &Reader<'_>, noted: Noted<'_>) -> Option<CsvOptions> {
    let table = section("dataset")
        .fields
        .iter()
        .find_map(|field| match field.form {
            Form::Section(section) if field.name == "csv" => Some(section),
            _ => None,
        });
    let table = table.expect("`csv` is a section of `dataset`");
    // Left out, it is a section without fields.
    let empty = Node::map(Place::Plan);
    let (place, node) = dataset.get("csv", noted)?.unwrap_or((Place::Plan, &empty));
    let reader = Reader::section(table, place, node, noted)?;
    let delimiter = reader.own("delimiter", noted, |node, noted| {
        let mut chars = node.label().unwrap_or_default().chars();
        let delimiter = match node.label() {
            Some("tab" | "\\t") => Some('\t'),
            Some(_) => chars.next().filter(|c| {
                c.is_ascii() && !matches!(c, '\n' | '\r' | '"') && chars.next().is_none()
            }),
            None => None,
        };
        if delimiter.is_none() {
            noted.push(wrong("delimiter", "one ASCII character, or `tab`", node));
        }
        delimiter
    });
    let header = reader.bool("header", noted);
    let names = reader.labels("names", noted);
    let null_values = reader.labels("null_values", noted);
    Some(CsvOptions {
        delimiter: delimiter?.unwrap_or(','),
        header: header?,
        names: names?,
        null_values: null_values??,
    })
}

fn features(node: &Node, noted: Noted<'_>) -> Option<Vec<FeaturePlan>> {
    let Content::List(items) = &node.content else {
        let mistake = wrong("features", "a list of columns", node);
        noted.push(
            mistake.maybe_hint(
                node.label()
                    .map(|label| format!("write `features: [{label}]`")),
            ),
        );
        return None;
    };
    if items.is_empty() {
        noted.push(
            Mistake::new(node.place, "`features` names no column").hint(
                "name at least one, or remove the line to take every column with no other role",
            ),
        );
        return None;
    }
    let mut names: Vec<&str> = Vec::new();
    let mut features = Vec::new();
    for item in items {
        let feature = feature(item, noted);
        if let Some((name, place)) = feature_name(item) {
            if names.contains(&name) {
                noted.push(
                    Mistake::new(place, format!("the feature `{name}` is named twice"))
                        .hint("remove one"),
                );
            }
            names.push(name);
        }
        features.push(feature);
    }
    features.into_iter().collect()
}

fn feature(item: &Node, noted: Noted<'_>) -> Option<FeaturePlan> {
    if let Content::Map(_) = item.content {
        let reader = Reader::section(&CONCAT, item.place, item, noted)?;
        let name = reader.required_text("name", noted);
        let concat = reader.labels("concat", noted).flatten();
        let separator = reader.text("separator", noted);
        if let Some([_] | []) = concat.as_deref() {
            noted.push(
                Mistake::new(
                    reader.place("concat"),
                    "`concat` takes at least two columns",
                )
                .hint("a single column is a feature by its name alone"),
            );
            return None;
        }
        return Some(FeaturePlan::Concat {
            name: name?,
            concat: concat?,
            separator: separator??,
        });
    }
    if item.atom() == Some(Atom::Null) || item.label().is_none() {
        noted.push(wrong(
            "features",
            "columns' names, and maps such as `{name: route, concat: [origin, dest]}`",
            item,
        ));
        return None;
    }
    item.label()
        .map(|label| FeaturePlan::Column(label.to_owned()))
}

/// What an item of `features` is called, and where.
fn feature_name(item: &Node) -> Option<(&str, Place)> {
    match item.content {
        Content::Map(_) => item
            .entry("name")
            .and_then(|entry| Some((entry.value.label()?, entry.value.place))),
        _ => Some((item.label()?, item.place)),
    }
}

/// The places at which a column is used as a feature or for one.
fn uses<'n>(column: &'n str, dataset: &'n Node) -> impl Iterator<Item = (&'n Node, &'static str)> {
    let features = dataset
        .get(&["features"])
        .map(Node::items)
        .unwrap_or_default();
    features.iter().flat_map(move |item| {
        let plain = item.label() == Some(column);
        let parts = item.get(&["concat"]).map(Node::items).unwrap_or_default();
        let part = parts.iter().find(|part| part.label() == Some(column));
        let named = item
            .get(&["name"])
            .filter(|name| name.label() == Some(column));
        [
            plain.then_some((item, "is")),
            part.map(|part| (part, "makes")),
            named.map(|name| (name, "names")),
        ]
        .into_iter()
        .flatten()
    })
}

/// The target is no feature: a model that reads the answer scores 1.
fn target_apart(target: &str, node: &Node, noted: Noted<'_>) {
    for (used, how) in uses(target, node) {
        let mistake = match how {
            "is" => Mistake::new(
                used.place,
                format!("the target `{target}` is among the features"),
            ),
            "makes" => Mistake::new(
                used.place,
                format!("a feature is made of the target `{target}`"),
            ),
            _ => Mistake::new(
                used.place,
                format!("a feature is called `{target}`, like the target"),
            ),
        };
        let hint = if how == "names" {
            "give it another name"
        } else {
            "remove it: a model that reads the answer learns nothing else"
        };
        noted.push(mistake.hint(hint));
    }
    for field in ["drop", "categorical"] {
        let items = node.get(&[field]).map(Node::items).unwrap_or_default();
        for item in items.iter().filter(|item| item.label() == Some(target)) {
            let mistake =
                Mistake::new(item.place, format!("`{field}` names the target `{target}`"));
            noted.push(
                mistake.hint("remove it: the target is no feature, and its labels are classes"),
            );
        }
    }
}

/// The column of the folds is neither a feature nor the target.
pub(super) fn fold_column(column: &str, dataset: &DatasetPlan, root: &Node, noted: Noted<'_>) {
    let Some(at) = root.get(&["cv", "column"]) else {
        return;
    };
    if *column == dataset.target {
        noted.push(
            Mistake::new(at.place, format!("`cv.column` names the target `{column}`"))
                .hint("name the column that holds the fold of each row"),
        );
    }
    let Some(node) = root.get(&["dataset"]) else {
        return;
    };
    for (used, _) in uses(column, node) {
        noted.push(
            Mistake::new(
                used.place,
                format!("`{column}` names the folds (`cv.column`), and is a feature too"),
            )
            .hint("remove it from the features"),
        );
    }
}
