//! A validator of JSON Schema (draft 2020-12) for the keywords that our own
//! schema uses. One that it does not know fails the test: nothing is passed
//! over.

use serde_json::Value;

/// Where `value` breaks `schema`, with the keyword that it breaks.
pub(crate) fn violations(schema: &Value, value: &Value) -> Vec<String> {
    violations_in(schema, schema, value)
}

/// The same for a schema that is a part of a larger document, `root`.
pub(crate) fn violations_in(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Validator { root }.check(schema, value, "", &mut found);
    found
}

struct Validator<'a> {
    root: &'a Value,
}

impl Validator<'_> {
    fn holds(&self, schema: &Value, value: &Value) -> bool {
        let mut found = Vec::new();
        self.check(schema, value, "", &mut found);
        found.is_empty()
    }

    fn check(&self, schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
        let rules = match schema {
            Value::Bool(true) => return,
            Value::Bool(false) => return found.push(format!("{path}: nothing may stand here")),
            schema => schema
                .as_object()
                .expect("a schema is an object or a boolean"),
        };
        for (keyword, rule) in rules {
            let all = || rule.as_array().expect("a list of schemas").iter();
            let number = |value: &Value| value.as_f64();
            let bound = number(rule).unwrap_or(f64::NAN);
            let length = value.as_str().map(|text| text.chars().count() as f64);
            let items = value.as_array();
            let fine = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" | "format"
                | "contentMediaType" => true,
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    self.check(self.root.pointer(pointer).unwrap(), value, path, found);
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|one| is(value, one.as_str().unwrap())),
                    one => is(value, one.as_str().unwrap()),
                },
                "const" => value == rule,
                "enum" => all().any(|one| one == value),
                "allOf" => {
                    for one in all() {
                        self.check(one, value, path, found);
                    }
                    true
                }
                "not" => !self.holds(rule, value),
                "anyOf" => all().any(|one| self.holds(one, value)),
                "oneOf" => all().filter(|one| self.holds(one, value)).count() == 1,
                "minimum" => number(value).is_none_or(|value| value >= bound),
                "maximum" => number(value).is_none_or(|value| value <= bound),
                "exclusiveMinimum" => number(value).is_none_or(|value| value > bound),
                "exclusiveMaximum" => number(value).is_none_or(|value| value < bound),
                "minLength" => length.is_none_or(|length| length >= bound),
                "maxLength" => length.is_none_or(|length| length <= bound),
                "pattern" => value.as_str().is_none_or(|text| {
                    regex::Regex::new(rule.as_str().unwrap())
                        .unwrap()
                        .is_match(text)
                }),
                "minItems" => items.is_none_or(|items| items.len() as f64 >= bound),
                "maxItems" => items.is_none_or(|items| items.len() as f64 <= bound),
                "uniqueItems" => items.is_none_or(|items| {
                    (0..items.len()).all(|index| !items[..index].contains(&items[index]))
                }),
                "items" => {
                    for (index, item) in items.into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{path}/{index}"), found);
                    }
                    true
                }
                "required" => value
                    .as_object()
                    .is_none_or(|map| all().all(|key| map.contains_key(key.as_str().unwrap()))),
                "properties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        if let Some(rule) = rule.get(key) {
                            self.check(rule, value, &format!("{path}/{key}"), found);
                        }
                    }
                    true
                }
                "patternProperties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        for (_, rule) in matching(rule, key) {
                            self.check(rule, value, &format!("{path}/{key}"), found);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    for (key, value) in value.as_object().into_iter().flatten() {
                        let named = rules.get("properties").and_then(|known| known.get(key));
                        let patterns = rules.get("patternProperties");
                        let is_known = named.is_some()
                            || patterns.is_some_and(|rules| matching(rules, key).next().is_some());
                        if !is_known {
                            self.check(rule, value, &format!("{path}/{key}"), found);
                        }
                    }
                    true
                }
                unknown => panic!("the validator does not know the keyword `{unknown}`"),
            };
            if !fine {
                found.push(format!("{path}: {keyword}"));
            }
        }
    }
}

/// The rules of the patterns that a key matches.
fn matching<'a>(rules: &'a Value, key: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let rules = rules.as_object().into_iter().flatten();
    rules.filter(move |(pattern, _)| regex::Regex::new(pattern).unwrap().is_match(key))
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        unknown => panic!("the validator does not know the type `{unknown}`"),
    }
}
