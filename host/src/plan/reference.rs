//! [`reference()`]: the fields of a plan as a page of Markdown, from its JSON Schema, so
//! that the page can't say anything else than what a plan is checked by.

use std::fmt::Write as _;

use serde_json::Value as Json;

/// What opens the page.
const HEAD: &str = "\
# Reference of the plan

This page is made from the JSON Schema of a plan by `fanout schema reference`; `fanout
schema` prints the schema itself, which editors take. A plan is a file of YAML with these
fields. A field without a default, or with the default null, may be left out unless it is
required. What `trainer.params` may hold depends on the trainer: [estimators](estimators.md),
or `fanout guest describe NAME`.
";

/// The fields of a plan, by their schema, as Markdown.
pub fn reference(schema: &Json) -> String {
    let mut page = HEAD.to_owned();
    let mut kinds = Table::default();
    for kind in alternatives(schema) {
        let kind = &kind["properties"]["kind"];
        kinds.row(&[type_of(kind), about(kind)]);
    }
    page += "\n## `kind`\n\n";
    page += &about(&schema["properties"]["kind"]);
    page += "\n";
    page += &kinds.text(&["`kind`", "what"]);
    let required = required(schema);
    for (name, field) in fields(schema).filter(|(name, _)| *name != "kind") {
        let required = if required.contains(&name) {
            " Required."
        } else {
            ""
        };
        let _ = write!(page, "\n## `{name}`\n\n{}{required}\n", about(field));
        section(&mut page, name, field);
    }
    page
}

/// The type of a field, and the fields that it has itself.
fn section(page: &mut String, name: &str, field: &Json) {
    let default = default_of(field);
    let default = match default.as_str() {
        "" => String::new(),
        default => format!(", by default {default}"),
    };
    let _ = writeln!(page, "\nType: {}{default}.", type_of(field));
    let (tagged, plain): (Vec<&Json>, Vec<&Json>) =
        alternatives(field).partition(|it| tag(it).is_some());
    let mut table = Table::default();
    rows(&mut table, name, field);
    for alternative in plain {
        if is_constant(alternative) {
            table.row(&[
                type_of(alternative),
                String::new(),
                String::new(),
                about(alternative),
            ]);
        } else {
            rows(&mut table, name, alternative);
        }
    }
    *page += &table.text(&["field", "type", "default", "what"]);
    for alternative in tagged {
        let Some((tag, value)) = tag(alternative) else {
            continue;
        };
        let _ = write!(
            page,
            "\n### `{name}`, `{tag}: {value}`\n\n{}\n",
            about(alternative)
        );
        let mut table = Table::default();
        rows(&mut table, name, alternative);
        *page += &table.text(&["field", "type", "default", "what"]);
    }
}

/// A row for each field of an object or of the items of a list, and for theirs.
fn rows(table: &mut Table, path: &str, node: &Json) {
    let of = tag(node).map(|(tag, _)| tag);
    let required = required(node);
    for (name, field) in fields(node).filter(|(name, _)| Some(*name) != of) {
        let path = format!("{path}.{name}");
        let default = match default_of(field) {
            default if default.is_empty() && required.contains(&name) => "required".to_owned(),
            default => default,
        };
        let constants = alternatives(field).filter(|it| is_constant(it));
        let constants = constants.map(|it| format!(" {}: {}", type_of(it), about(it)));
        let what = about(field) + &constants.collect::<String>();
        table.row(&[format!("`{path}`"), type_of(field), default, what]);
        rows(table, &path, field);
        for alternative in alternatives(field).filter(|it| !is_constant(it)) {
            rows(table, &path, alternative);
        }
    }
    if node["items"].is_object() {
        let path = format!("{path}[]");
        rows(table, &path, &node["items"]);
        for alternative in alternatives(&node["items"]) {
            rows(table, &path, alternative);
        }
    }
    if node["additionalProperties"].is_object() {
        let path = format!("{path}.NAME");
        rows(table, &path, &node["additionalProperties"]);
        for alternative in alternatives(&node["additionalProperties"]) {
            rows(table, &path, alternative);
        }
    }
}

fn fields(node: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let fields = node["properties"].as_object().into_iter().flatten();
    fields.map(|(name, field)| (name.as_str(), field))
}

fn alternatives(node: &Json) -> impl Iterator<Item = &Json> {
    let lists = ["oneOf", "anyOf"].map(|key| node[key].as_array());
    lists.into_iter().flatten().flatten()
}

fn required(node: &Json) -> Vec<&str> {
    let names = node["required"].as_array().into_iter().flatten();
    names.filter_map(Json::as_str).collect()
}

/// The field that tells an alternative from the others, and its value.
fn tag(node: &Json) -> Option<(&str, &str)> {
    fields(node).find_map(|(name, field)| Some((name, field["const"].as_str()?)))
}

fn is_constant(node: &Json) -> bool {
    node.get("const").is_some()
}

fn about(node: &Json) -> String {
    node["description"].as_str().unwrap_or_default().to_owned()
}

fn default_of(node: &Json) -> String {
    match node.get("default") {
        None => String::new(),
        // Its fields have the defaults.
        Some(Json::Object(fields)) if fields.is_empty() => String::new(),
        Some(default) => code(default),
    }
}

fn code(value: &Json) -> String {
    match value {
        Json::String(text) => format!("`{}`", text.escape_debug()),
        other => format!("`{other}`"),
    }
}

/// The type of a field in words.
fn type_of(node: &Json) -> String {
    if let Some(value) = node.get("const") {
        return code(value);
    }
    if let Some(values) = node["enum"].as_array() {
        return either(values.iter().map(code));
    }
    if let Some(name) = node["$ref"].as_str() {
        return name
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .replace('_', " ");
    }
    let of = |name: &str| match name {
        "array" if node["items"].is_object() => format!("list of {}", type_of(&node["items"])),
        "array" => "list".to_owned(),
        "object" => "fields".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        name => name.to_owned() + &bounds(node),
    };
    match &node["type"] {
        Json::String(name) if name != "object" || alternatives(node).next().is_none() => of(name),
        Json::Array(names) => either(names.iter().filter_map(Json::as_str).map(of)),
        _ => either(alternatives(node).map(|it| match tag(it) {
            Some(_) => "fields".to_owned(),
            None => type_of(it),
        })),
    }
}

fn bounds(node: &Json) -> String {
    let bound = |key: &str, word: &str| {
        let bound = node[key].as_f64().filter(|bound| bound.abs() < 1e15);
        bound.map_or_else(String::new, |bound| format!(" {word} {bound}"))
    };
    let from = bound("minimum", "from") + &bound("exclusiveMinimum", "above");
    from + &bound("maximum", "to") + &bound("exclusiveMaximum", "below")
}

/// Different texts, in the order of their first places.
fn either(texts: impl Iterator<Item = String>) -> String {
    let mut distinct: Vec<String> = Vec::new();
    for text in texts {
        if !distinct.contains(&text) {
            distinct.push(text);
        }
    }
    distinct.join(" or ")
}

/// The rows of a table.
#[derive(Default)]
struct Table(Vec<String>);

impl Table {
    fn row(&mut self, cells: &[String]) {
        let cells = cells.iter().map(|cell| cell.replace('|', "\\|"));
        let row = format!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        // Alternatives may share fields.
        if !self.0.contains(&row) {
            self.0.push(row);
        }
    }

    /// The table; nothing without rows.
    fn text(&self, head: &[&str]) -> String {
        if self.0.is_empty() {
            return String::new();
        }
        let rule = vec!["---"; head.len()].join(" | ");
        let rows = self.0.join("\n");
        format!("\n| {} |\n| {rule} |\n{rows}\n", head.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_have_their_type_default_and_meaning() {
        let schema = json!({
            "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 2, "default": 5, "description": "How many."},
                "b": {"type": "object", "description": "Of b.", "oneOf": [
                    {"description": "One way.", "properties": {
                        "method": {"const": "one"},
                        "x": {"type": ["number", "null"], "default": null, "description": "X | Y."},
                    }, "required": ["method"]},
                ]},
                "c": {"type": "array", "description": "C.", "items": {
                    "type": "object",
                    "properties": {"d": {"enum": ["e", 1], "description": "D."}},
                    "required": ["d"],
                }},
            },
        });
        let page = reference(&schema);
        let expected = "
## `a`

How many. Required.

Type: integer from 2, by default `5`.

## `b`

Of b.

Type: fields.

### `b`, `method: one`

One way.

| field | type | default | what |
| --- | --- | --- | --- |
| `b.x` | number or null | `null` | X \\| Y. |

## `c`

C.

Type: list of fields.

| field | type | default | what |
| --- | --- | --- | --- |
| `c[].d` | `e` or `1` | required | D. |
";
        assert!(page.ends_with(expected), "{page}");
    }
}
