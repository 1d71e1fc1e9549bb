//! [`json_schema`]: the form of a plan for editors, made of the same table of
//! fields that the decoder reads.

use fanout_contract::{Metric, TrainerDescription};
use serde_json::{Map, Value as Json, json};

use super::fields::{CONCAT, PLAN, STORE};
use super::form::{Fallback, Field, Form, Section, Union};

/// The JSON Schema (draft 2020-12) of a plan. The trainers that are given are
/// what an editor proposes; others stay possible, since a plan may bring its
/// own guest.
pub fn json_schema(trainers: &[TrainerDescription]) -> Json {
    let mut schema = section(&PLAN);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "fanout plan".into();

    let names: Vec<&str> = trainers
        .iter()
        .map(|trainer| trainer.name.as_str())
        .collect();
    if !names.is_empty() {
        let name = &mut schema["properties"]["trainer"]["properties"]["name"];
        let description = name["description"].take();
        *name = json!({"description": description, "anyOf": [{"enum": names}, {"type": "string"}]});
    }
    let scalar = json!({"type": ["string", "number", "boolean", "null"]});
    let two = json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2});
    let made = |about: &str, of: Json, required: &[&str]| {
        json!({
            "type": "object", "description": about, "properties": of, "required": required,
            "additionalProperties": false,
        })
    };
    let listed = [
        scalar,
        json!({"type": "array", "minItems": 1}),
        made(
            "`low`, `low + step`, and so on; both ends included. Whole numbers if all are written whole.",
            json!({"range": two, "step": {"type": "number", "exclusiveMinimum": 0, "default": 1}}),
            &["range"],
        ),
        made(
            "`num` numbers, each the same multiple of the one before; both ends included. Whole numbers if both ends are written whole.",
            json!({"log_range": two, "num": {"type": "integer", "minimum": 2}}),
            &["log_range", "num"],
        ),
    ];
    let drawn = [
        made(
            "A number, uniform from low to high.",
            json!({"uniform": two}),
            &["uniform"],
        ),
        made(
            "A number whose logarithm is uniform from low to high.",
            json!({"log_uniform": two}),
            &["log_uniform"],
        ),
        made(
            "A whole number, uniform from low to high, both included.",
            json!({"int_uniform": two}),
            &["int_uniform"],
        ),
    ];
    let metrics: Vec<&str> = Metric::all().map(|(name, _)| name).collect();
    let every: Vec<&Json> = listed.iter().chain(&drawn).collect();
    schema["$defs"] = json!({
        "metric": {"enum": metrics},
        "concat": section(&CONCAT),
        "store": section(&STORE),
        "params": params(trainers, json!({})),
        "grid": params(trainers, json!({"$ref": "#/$defs/values"})),
        "distributions": params(trainers, json!({"$ref": "#/$defs/values_or_distribution"})),
        "values": {"anyOf": listed},
        "values_or_distribution": {"anyOf": every},
    });
    schema
}

/// A map from hyper-parameter to what `value` says.
fn params(trainers: &[TrainerDescription], value: Json) -> Json {
    let mut properties = Map::new();
    for param in trainers.iter().flat_map(|trainer| &trainer.params) {
        properties.entry(param.name.as_str()).or_insert_with(|| {
            let mut property = value.clone();
            property["description"] = param.meaning.as_str().into();
            property["default"] = param.default.clone();
            property
        });
    }
    json!({"type": "object", "properties": properties, "additionalProperties": value})
}

fn section(section: &Section) -> Json {
    object(section.about, section.fields, None)
}

fn union(union: &Union) -> Json {
    let variants: Vec<Json> = union
        .variants
        .iter()
        .map(|variant| {
            object(
                variant.about,
                variant.fields,
                Some((union.tag, variant.name, union.default)),
            )
        })
        .collect();
    json!({"type": "object", "description": union.about, "oneOf": variants})
}

fn object(about: &str, fields: &[Field], tag: Option<(&str, &str, &str)>) -> Json {
    let mut properties = Map::new();
    let mut required = Vec::new();
    if let Some((tag, name, default)) = tag {
        properties.insert(
            tag.to_owned(),
            json!({"const": name, "description": about, "default": default}),
        );
        if name != default {
            required.push(tag);
        }
    }
    for field in fields {
        properties.insert(field.name.to_owned(), property(field));
        if matches!(field.default, Fallback::Required) {
            required.push(field.name);
        }
    }
    json!({
        "type": "object", "description": about, "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

fn property(field: &Field) -> Json {
    let mut schema = match field.form {
        Form::Text => json!({"type": "string", "minLength": 1}),
        Form::Label => label(),
        Form::Labels => json!({"type": "array", "items": label()}),
        Form::Bool => json!({"type": "boolean"}),
        Form::Int { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Form::Between { above, below } => {
            json!({"type": "number", "exclusiveMinimum": above, "exclusiveMaximum": below})
        }
        Form::Choice(choices) => {
            let choices: Vec<Json> = choices
                .iter()
                .map(|(name, about)| json!({"const": name, "description": about}))
                .collect();
            json!({"oneOf": choices})
        }
        Form::Section(inner) => section(inner),
        Form::Union(inner) => union(inner),
        Form::Params => json!({"$ref": "#/$defs/params"}),
        Form::Own(schema) => schema(),
    };
    schema["description"] = field.about.into();
    if let Some(default) = field.default.json() {
        schema["default"] = default;
    }
    schema
}

/// A text, for which a number or a boolean stands too.
pub(super) fn label() -> Json {
    json!({"type": ["string", "number", "boolean"]})
}
