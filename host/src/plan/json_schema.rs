//! [`json_schema`]: the JSON Schema of a plan, for editors, from the table of
//! fields.

use fanout_contract::{Metric, TrainerDescription};
use serde_json::{Map, Value as Json, json};

use super::form::{Form, Section};
use super::root::PLAN;
use super::values::{DISTRIBUTIONS, RANGES};

/// The JSON Schema (draft 2020-12) of a plan. Editors propose the names and
/// hyper-parameters of `trainers`; others are valid too, since a plan may
/// bring its own guest.
pub fn json_schema(trainers: &[TrainerDescription]) -> Json {
    let mut schema = PLAN.schema();
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
    let metrics: Vec<&str> = Metric::all().map(|(name, _)| name).collect();
    let mut values = vec![
        json!({"type": ["string", "number", "boolean", "null"]}),
        json!({"type": "array", "minItems": 1}),
    ];
    values.extend(RANGES.iter().map(Section::schema));
    let mut drawn = values.clone();
    drawn.extend(DISTRIBUTIONS.iter().map(Section::schema));
    schema["$defs"] = json!({
        "metric": {"enum": metrics},
        "params": params(trainers, json!({})),
        "grid": params(trainers, json!({"$ref": "#/$defs/values"})),
        "distributions": params(trainers, json!({"$ref": "#/$defs/values_or_distribution"})),
        "values": {"anyOf": values},
        "values_or_distribution": {"anyOf": drawn},
    });
    schema
}

/// A map from hyper-parameter to `value`.
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
