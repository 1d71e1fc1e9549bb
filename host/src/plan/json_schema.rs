//! [`json_schema`]: the JSON Schema of a plan, for editors, from the table of
//! fields.

use fanout_contract::metric::MetricInfo;
use fanout_contract::{Metric, Param, ParamKind, TrainerDescription, bagging};
use serde_json::{Map, Value as Json, json};

use super::form::{Form, Presence, Section};
use super::kind::KIND;
use super::metric::SCORE;
use super::root::PLAN;
use super::values::{DISTRIBUTIONS, RANGES};

/// The JSON Schema (draft 2020-12) of a plan. Editors propose the names and
/// hyper-parameters of `trainers`; others are valid too, since a plan may
/// bring its own guest.
pub fn json_schema(trainers: &[TrainerDescription]) -> Json {
    let mut schema = plan();
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
    let mut values = vec![
        json!({"type": ["string", "number", "boolean", "null"]}),
        json!({"type": "array", "minItems": 1}),
    ];
    values.extend(RANGES.iter().map(Section::schema));
    let mut drawn = values.clone();
    drawn.extend(DISTRIBUTIONS.iter().map(Section::schema));
    let of_trainers = || trainers.iter().flat_map(|trainer| trainer.params.clone());
    let searched = || of_trainers().chain(bagging::params());
    schema["$defs"] = json!({
        "score": score(),
        "params": params(of_trainers(), json!({})),
        "bagging": bagging(),
        "grid": params(searched(), json!({"$ref": "#/$defs/values"})),
        "distributions": params(searched(), json!({"$ref": "#/$defs/values_or_distribution"})),
        "values": {"anyOf": values},
        "values_or_distribution": {"anyOf": drawn},
    });
    schema
}

/// The fields of every kind of plan side by side, as editors show them; which of them
/// go with which kind is said apart.
fn plan() -> Json {
    let mut schema = PLAN.object(None);
    let default = KIND.tag.map(|(_, default)| default);
    let names = KIND.variants.iter().map(|variant| {
        let about = variant.about.trim_start();
        json!({"const": variant.name, "description": about})
    });
    schema["properties"]["kind"] = json!({
        "oneOf": names.collect::<Vec<_>>(), "description": KIND.about.trim_start(),
        "default": default,
    });
    let all = KIND.variants.iter().flat_map(|variant| variant.fields);
    for field in all.clone() {
        let property = &mut schema["properties"][field.name];
        *property = match property.take() {
            Json::Null => field.schema(),
            // Several kinds have a field of this name.
            other => json!({
                "description": "By the kind of the plan.",
                "anyOf": [other, field.schema()],
            }),
        };
    }
    let rules = KIND.variants.iter().map(|variant| {
        let own = |name: &str| variant.fields.iter().any(|field| field.name == name);
        let others = all.clone().filter(|field| !own(field.name));
        let others = others.map(|field| json!({"required": [field.name]}));
        let mut required: Vec<&str> = Vec::new();
        required.extend((Some(variant.name) != default).then_some("kind"));
        let needed = variant.fields.iter();
        let needed = needed.filter(|field| field.presence == Presence::Required);
        required.extend(needed.map(|field| field.name));
        json!({
            "properties": {
                "kind": {"const": variant.name, "description": variant.about.trim_start()},
            },
            "required": required,
            "not": {"anyOf": others.collect::<Vec<_>>()},
        })
    });
    schema["oneOf"] = rules.collect();
    schema
}

fn metrics(kept: impl Fn(&MetricInfo) -> bool) -> Vec<&'static str> {
    let kept = Metric::all().filter(|info| kept(info));
    kept.map(|info| info.name).collect()
}

/// A metric's name, or a map of it with its parameters.
fn score() -> Json {
    let needs_none = |info: &MetricInfo| !info.params().iter().any(Param::is_required);
    let has_none = metrics(|info| info.params().is_empty());
    let map = |metric: Json, params: Json| {
        let needed = params.get("required").is_some();
        let mut schema = SCORE.schema();
        for (name, narrow) in [("metric", metric), ("params", params)] {
            let field = &mut schema["properties"][name];
            let description = field["description"].take();
            *field = narrow;
            field["description"] = description;
        }
        if needed {
            schema["required"] = json!(["metric", "params"]);
        }
        schema
    };
    let mut forms = vec![
        json!({"enum": metrics(needs_none)}),
        map(
            json!({"enum": has_none}),
            json!({"type": "object", "additionalProperties": false}),
        ),
    ];
    for info in Metric::all().filter(|info| !info.params().is_empty()) {
        let mut properties = Map::new();
        for param in info.params() {
            let mut property = json!({"anyOf": param.kinds.iter().map(kind).collect::<Vec<_>>()});
            property["description"] = param.meaning.as_str().into();
            if !param.is_required() {
                property["default"] = param.default.clone();
            }
            properties.insert(param.name, property);
        }
        let mut params = json!({
            "type": "object", "properties": properties, "additionalProperties": false,
        });
        let required = info.params().into_iter().filter(Param::is_required);
        let required: Vec<String> = required.map(|param| param.name).collect();
        if !required.is_empty() {
            params["required"] = required.into();
        }
        forms.push(map(json!({"const": info.name}), params));
    }
    json!({"anyOf": forms})
}

/// The values of a kind.
fn kind(kind: &ParamKind) -> Json {
    let bounds = |of: &str, least: Json, most: Json, above: bool| {
        let mut schema = json!({"type": of});
        let minimum = if above { "exclusiveMinimum" } else { "minimum" };
        for (keyword, bound) in [(minimum, least), ("maximum", most)] {
            if !bound.is_null() {
                schema[keyword] = bound;
            }
        }
        schema
    };
    match kind {
        ParamKind::Null => json!({"type": "null"}),
        ParamKind::Bool => json!({"type": "boolean"}),
        ParamKind::Int { min, max } => bounds("integer", json!(min), json!(max), false),
        ParamKind::Float {
            min,
            max,
            above_min,
        } => bounds("number", json!(min), json!(max), *above_min),
        ParamKind::Choice { of } => json!({"enum": of}),
        ParamKind::Text => json!({"type": "string"}),
        ParamKind::Pair { min, max } => json!({
            "type": "array", "minItems": 2, "maxItems": 2,
            "items": bounds("number", json!(min), json!(max), false),
        }),
        ParamKind::Categories => json!({
            "type": "array",
            "items": {
                "type": "array", "items": {"type": ["string", "number"]},
                "minItems": 1, "uniqueItems": true,
            },
        }),
        ParamKind::Label => json!({"type": ["string", "number", "boolean"]}),
        ParamKind::Weights => {
            json!({"type": "object", "additionalProperties": {"type": "number", "minimum": 0}})
        }
        ParamKind::Signs => json!({
            "type": "object", "additionalProperties": {"enum": [-1, 0, 1]},
        }),
        ParamKind::Sets => json!({
            "type": "array", "items": {"type": "array", "items": {"type": "string"}},
        }),
        ParamKind::Any => json!({}),
        ParamKind::Costs => json!({
            "type": "object",
            "additionalProperties": {
                "type": "object", "additionalProperties": {"type": "number"},
            },
        }),
    }
}

/// A map of the parameters of bagging.
fn bagging() -> Json {
    let mut properties = Map::new();
    for param in bagging::params() {
        let name = param.name.trim_start_matches(bagging::PREFIX);
        let kinds: Vec<Json> = param.kinds.iter().map(kind).collect();
        let property = json!({
            "anyOf": kinds, "description": param.meaning, "default": param.default,
        });
        properties.insert(name.to_owned(), property);
    }
    json!({"type": "object", "properties": properties, "additionalProperties": false})
}

/// A map from hyper-parameter to `value`.
fn params(of: impl Iterator<Item = Param>, value: Json) -> Json {
    let mut properties = Map::new();
    for param in of {
        properties.entry(param.name).or_insert_with(|| {
            let mut property = value.clone();
            property["description"] = param.meaning.into();
            property["default"] = param.default;
            property
        });
    }
    json!({"type": "object", "properties": properties, "additionalProperties": value})
}
