//! Forms of scalars: texts, booleans, numbers, choices, sizes and durations.

use std::fmt;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::form::{Context, Form, Given};
use super::node::{Atom, Node};
use super::quantity::{self, show_duration, show_size};
use super::suggest::{did_you_mean, one_of};

/// A form that reads a value from its node alone.
pub(super) trait Scalar: fmt::Debug + Sync {
    /// The value as JSON, or what is taken instead.
    fn value(&self, node: &Node) -> Result<Json, Takes>;

    /// What is taken, as JSON Schema.
    fn schema(&self) -> Json;
}

/// What a form takes, in a message, with a hint for the value that it refused.
pub(super) struct Takes(pub(super) String, pub(super) Option<String>);

impl Takes {
    /// Without a hint.
    pub(super) fn only(takes: &str) -> Self {
        Self(takes.to_owned(), None)
    }
}

impl<S: Scalar> Form for S {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let refuse = |Takes(takes, hint)| given.wrong(&takes, cx).hint = hint;
        self.value(given.node).map_err(refuse).ok()
    }

    fn schema(&self) -> Json {
        Scalar::schema(self)
    }
}

/// A text; a number or a boolean must be in quotes.
#[derive(Debug)]
pub(super) struct Text;

/// A text, or a number or a boolean as it is written; what is taken instead,
/// in a message.
#[derive(Debug)]
pub(super) struct Label(pub(super) &'static str);

pub(super) const LABEL: Label = Label("a text");

/// A text that is checked, and may be changed.
#[derive(Debug)]
pub(super) struct Parsed {
    /// What is taken, in a message.
    pub(super) takes: &'static str,
    /// `None` where a mistake was noted.
    pub(super) parse: fn(&str, Given<'_>, &mut Context<'_>) -> Option<String>,
    pub(super) schema: fn() -> Json,
}

/// The path of a file, relative to the plan's folder.
pub(super) static FILE: Parsed = Parsed {
    takes: LABEL.0,
    parse: |path, given, cx| Some(cx.resolve(path, given.node.place)),
    schema: || Form::schema(&Text),
};

#[derive(Debug)]
pub(super) struct Bool;

/// A whole number, bounds included.
#[derive(Debug)]
pub(super) struct Int(pub(super) u64, pub(super) u64);

/// A seed: a whole number that JSON carries exactly everywhere.
pub(super) const SEED: Int = Int(0, (1 << 53) - 1);

/// A finite number, bounds excluded.
#[derive(Debug)]
pub(super) struct Number(pub(super) f64, pub(super) f64);

/// One of these names, each with its meaning.
#[derive(Debug)]
pub(super) struct Choice(pub(super) &'static [(&'static str, &'static str)]);

/// Bytes, bounds included: a text with a unit, or a whole number; why less,
/// and why more, is refused.
#[derive(Debug)]
pub(super) struct Size(pub(super) u64, pub(super) u64, pub(super) [&'static str; 2]);

/// A duration with its units, bounds included; in milliseconds.
#[derive(Debug)]
pub(super) struct Period(pub(super) u64, pub(super) u64);

impl Form for Text {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        text(given, LABEL.0, cx).map(Json::from)
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "minLength": 1})
    }
}

impl Form for Label {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let label = given.node.label().or_else(|| text(given, self.0, cx));
        label.map(Json::from)
    }

    fn schema(&self) -> Json {
        json!({"type": ["string", "number", "boolean"]})
    }
}

impl Form for Parsed {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let text = text(given, self.takes, cx)?;
        (self.parse)(text, given, cx).map(Json::from)
    }

    fn schema(&self) -> Json {
        (self.schema)()
    }
}

impl Scalar for Bool {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        if let Some(Atom::Bool(value)) = node.atom() {
            return Ok(value.into());
        }
        let meant = match node.label().map(str::to_lowercase).as_deref() {
            Some("yes" | "on" | "y" | "1" | "true") => Some("write `true`"),
            Some("no" | "off" | "n" | "0" | "false") => Some("write `false`"),
            _ => None,
        };
        Err(Takes(
            "`true` or `false`".to_owned(),
            meant.map(str::to_owned),
        ))
    }

    fn schema(&self) -> Json {
        json!({"type": "boolean"})
    }
}

impl Scalar for Int {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let Self(min, max) = *self;
        let value = match node.atom() {
            Some(Atom::Int(value)) => u64::try_from(value).ok(),
            Some(Atom::Large(value)) => Some(value),
            _ => None,
        };
        let takes = match max > 1 << 32 {
            true => format!("a whole number of at least {min}"),
            false => format!("a whole number from {min} to {max}"),
        };
        let value = value.filter(|value| (min..=max).contains(value));
        value
            .map(Json::from)
            .ok_or_else(|| Takes(takes, meant_int(node)))
    }

    fn schema(&self) -> Json {
        json!({"type": "integer", "minimum": self.0, "maximum": self.1})
    }
}

/// How a whole number that was written otherwise is written.
fn meant_int(node: &Node) -> Option<String> {
    let int = match node.atom()? {
        Atom::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
        Atom::Text(text) => {
            let digits = text.replace(['_', ',', ' '], "");
            digits.parse::<u64>().ok()?.to_string()
        }
        _ => return None,
    };
    Some(format!("write `{int}`"))
}

impl Scalar for Number {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let Self(above, below) = *self;
        let number = node.number();
        if number.is_some_and(|number| number > above && number < below) {
            return Ok(node.json(&mut Default::default()).into());
        }
        let takes = match below.is_finite() {
            true => format!("a number above {above} and below {below}"),
            false => format!("a number above {above}"),
        };
        let percent = number.filter(|&number| below == 1.0 && number > 1.0 && number < 100.0);
        let hint = percent.map(|given| format!("write `{}` for {given} percent", given / 100.0));
        Err(Takes(takes, hint))
    }

    fn schema(&self) -> Json {
        let mut schema = json!({"type": "number", "exclusiveMinimum": self.0});
        if self.1.is_finite() {
            schema["exclusiveMaximum"] = self.1.into();
        }
        schema
    }
}

impl Choice {
    /// What one of `choices` is expected instead of a node.
    pub(super) fn takes(choices: Vec<&str>, node: &Node) -> Takes {
        let near = match node.label() {
            Some("feather" | "Feather") if choices.contains(&"arrow") => {
                Some("a Feather file is `arrow`".to_owned())
            }
            label => label.and_then(|label| did_you_mean(label, choices.iter().copied())),
        };
        Takes(one_of(choices), near)
    }
}

impl Scalar for Choice {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let names: Vec<&str> = self.0.iter().map(|choice| choice.0).collect();
        let chosen = node.label().filter(|label| names.contains(label));
        chosen
            .map(Json::from)
            .ok_or_else(|| Self::takes(names, node))
    }

    fn schema(&self) -> Json {
        let choice = |(name, about): &_| json!({"const": name, "description": about});
        json!({"oneOf": self.0.iter().map(choice).collect::<Vec<Json>>()})
    }
}

impl Scalar for Size {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let Self(min, max, [few, many]) = *self;
        let bytes = match node.atom() {
            Some(Atom::Int(bytes)) => u64::try_from(bytes).ok(),
            Some(Atom::Text(text)) => quantity::size(text),
            _ => None,
        };
        let range = format!("a size from {} to {}", show_size(min), show_size(max));
        Err(match bytes {
            Some(bytes) if (min..=max).contains(&bytes) => return Ok(bytes.into()),
            Some(bytes) if bytes > max => Takes(range, Some(many.to_owned())),
            Some(count) if matches!(node.atom(), Some(Atom::Int(_))) => {
                let hint = format!("a number counts bytes; write `{count}MiB` for mebibytes");
                Takes(range, Some(hint))
            }
            Some(_) => Takes(range, Some(few.to_owned())),
            None => {
                let hint = node.label().and_then(quantity::meant_size);
                Takes("a size, such as `512MiB` or `1GiB`".to_owned(), hint)
            }
        })
    }

    fn schema(&self) -> Json {
        let text = r"^\s*[0-9]+(\.[0-9]*)?\s*(B|kB|KB|MB|GB|KiB|MiB|GiB)\s*$";
        json!({"anyOf": [
            {"type": "string", "pattern": text},
            {"type": "integer", "minimum": self.0, "maximum": self.1},
        ]})
    }
}

impl Scalar for Period {
    fn value(&self, node: &Node) -> Result<Json, Takes> {
        let [min, max] = [self.0, self.1].map(Duration::from_millis);
        let period = match node.atom() {
            Some(Atom::Text(text)) => quantity::duration(text),
            _ => None,
        };
        let number = node.label().filter(|_| node.number().is_some());
        Err(match period {
            Some(period) if (min..=max).contains(&period) => return Ok(json!(period)),
            Some(_) => {
                let (min, max) = (show_duration(min), show_duration(max));
                Takes(format!("a duration from {min} to {max}"), None)
            }
            None => {
                let seconds = number.map(|number| format!("write `{number}s` for seconds"));
                let meant = || node.label().and_then(quantity::meant_duration);
                let takes = "a duration, such as `90s`, `5m` or `1h30m`".to_owned();
                Takes(takes, seconds.or_else(meant))
            }
        })
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]*)?(h|m|s|ms))+\s*$"})
    }
}

/// A text that is neither empty nor, without quotes, of another type.
fn text<'n>(given: Given<'n>, takes: &str, cx: &mut Context<'_>) -> Option<&'n str> {
    let (name, node) = (given.name, given.node);
    let hint = match (node.atom(), node.items()) {
        (Some(Atom::Text(text)), _) if !text.is_empty() => return node.label(),
        (Some(Atom::Text(_)), _) => None,
        (Some(Atom::Null), _) => Some("put `null` in quotes if it is a name".to_owned()),
        (Some(_), _) => {
            let label = node.label();
            label.map(|label| format!("put it in quotes if it is meant: \"{label}\""))
        }
        (None, [one]) => one.label().map(|label| format!("write `{name}: {label}`")),
        (None, _) => None,
    };
    given.wrong(takes, cx).hint = hint;
    None
}
