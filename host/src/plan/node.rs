//! [`Node`]: the tree of a YAML text, each part with its place.
//!
//! It knows YAML's types, and nothing of plans.

use serde_json::Value as Json;

use super::mistake::{Found, Place};

/// A part of a plan.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

#[derive(Clone, Debug)]
pub(super) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) value: Node,
}

/// A scalar as it is written. Only one without quotes can be anything but
/// text.
#[derive(Clone, Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    pub(super) plain: bool,
}

/// A scalar by YAML 1.2's core schema.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Atom<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number above [`i64::MAX`].
    Large(u64),
    Float(f64),
    Text(&'a str),
}

impl Entry {
    pub(super) fn new(key: &str, place: Place, value: Node) -> Self {
        let key = key.to_owned();
        Self { key, place, value }
    }
}

impl Scalar {
    pub(super) fn atom(&self) -> Atom<'_> {
        let text = self.text.as_str();
        if !self.plain {
            return Atom::Text(text);
        }
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Atom::Null,
            "true" | "True" | "TRUE" => return Atom::Bool(true),
            "false" | "False" | "FALSE" => return Atom::Bool(false),
            ".nan" | ".NaN" | ".NAN" => return Atom::Float(f64::NAN),
            _ => {}
        }
        let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
        if matches!(unsigned, ".inf" | ".Inf" | ".INF") {
            let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
            return Atom::Float(f64::INFINITY * sign);
        }
        let based = |prefix, base| {
            let digits = text.strip_prefix(prefix)?;
            let int = i64::from_str_radix(digits, base).ok();
            int.filter(|_| !digits.starts_with(['+', '-']))
        };
        if let Some(int) = based("0x", 16).or_else(|| based("0o", 8)) {
            return Atom::Int(int);
        }
        // Rust reads more than YAML does: `inf`, `nan`, `infinity`.
        let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
            && unsigned.contains(|c: char| c.is_ascii_digit());
        if !numeric {
            return Atom::Text(text);
        }
        if let Ok(int) = text.parse() {
            return Atom::Int(int);
        }
        if let Ok(large) = text.parse() {
            return Atom::Large(large);
        }
        text.parse().map_or(Atom::Text(text), Atom::Float)
    }
}

impl Node {
    pub(super) fn map(place: Place, entries: Vec<Entry>) -> Self {
        let content = Content::Map(entries);
        Self { place, content }
    }

    pub(super) fn list(place: Place, items: Vec<Self>) -> Self {
        let content = Content::List(items);
        Self { place, content }
    }

    pub(super) fn scalar(place: Place, text: &str, plain: bool) -> Self {
        let text = text.to_owned();
        let content = Content::Scalar(Scalar { text, plain });
        Self { place, content }
    }

    pub(super) fn atom(&self) -> Option<Atom<'_>> {
        match &self.content {
            Content::Scalar(scalar) => Some(scalar.atom()),
            _ => None,
        }
    }

    pub(super) fn is_null(&self) -> bool {
        self.atom() == Some(Atom::Null)
    }

    /// A finite number.
    pub(super) fn number(&self) -> Option<f64> {
        match self.atom()? {
            Atom::Int(value) => Some(value as f64),
            Atom::Large(value) => Some(value as f64),
            Atom::Float(value) => Some(value).filter(|value| value.is_finite()),
            _ => None,
        }
    }

    /// The text of a scalar as it is written, of whatever type; `None` for
    /// null.
    pub(super) fn label(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(scalar) if scalar.atom() != Atom::Null => Some(&scalar.text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Map(entries) => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The part at a path of keys and of indices into lists.
    pub(super) fn get(&self, path: &[&str]) -> Option<&Node> {
        let Some((first, rest)) = path.split_first() else {
            return Some(self);
        };
        match &self.content {
            Content::Map(_) => self.entry(first)?.value.get(rest),
            Content::List(items) => items.get(first.parse::<usize>().ok()?)?.get(rest),
            Content::Scalar(_) => None,
        }
    }

    /// The node in a message: "the text `x`".
    pub(super) fn describe(&self) -> String {
        match &self.content {
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a map".to_owned(),
            Content::Scalar(scalar) => match scalar.atom() {
                Atom::Null => "nothing".to_owned(),
                Atom::Bool(_) => format!("`{}`", scalar.text),
                Atom::Int(_) | Atom::Large(_) | Atom::Float(_) => {
                    format!("the number `{}`", scalar.text)
                }
                Atom::Text(text) => format!("the text `{text}`"),
            },
        }
    }

    /// The same as JSON; numbers that JSON lacks are mistakes.
    pub(super) fn json(&self, found: &mut Found) -> Option<Json> {
        match &self.content {
            Content::Scalar(scalar) => Some(match scalar.atom() {
                Atom::Null => Json::Null,
                Atom::Bool(value) => value.into(),
                Atom::Int(value) => value.into(),
                Atom::Large(value) => value.into(),
                Atom::Text(value) => value.into(),
                Atom::Float(value) if value.is_finite() => value.into(),
                Atom::Float(_) => {
                    let message = format!("`{}` is not a finite number", scalar.text);
                    let hint = "write a finite one, or leave it out";
                    found.note(self.place, message).hint(hint);
                    return None;
                }
            }),
            // All parts are read before one that fails ends it.
            Content::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.json(found)).collect();
                items
                    .into_iter()
                    .collect::<Option<Vec<Json>>>()
                    .map(Json::Array)
            }
            Content::Map(entries) => {
                let json = |entry: &Entry| (entry.key.clone(), entry.value.json(found));
                let entries: Vec<_> = entries.iter().map(json).collect();
                let entries = entries.into_iter().map(|(key, value)| Some((key, value?)));
                entries.collect::<Option<_>>().map(Json::Object)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Scalar {
        Scalar {
            text: text.to_owned(),
            plain: true,
        }
    }

    #[test]
    fn scalars_have_the_types_of_the_core_schema() {
        for (text, atom) in [
            ("", Atom::Null),
            ("~", Atom::Null),
            ("True", Atom::Bool(true)),
            ("yes", Atom::Text("yes")),
            ("on", Atom::Text("on")),
            ("12", Atom::Int(12)),
            ("+12", Atom::Int(12)),
            ("-3", Atom::Int(-3)),
            ("0x1F", Atom::Int(31)),
            ("0o17", Atom::Int(15)),
            ("0x-1", Atom::Text("0x-1")),
            ("18446744073709551615", Atom::Large(u64::MAX)),
            ("1e3", Atom::Float(1000.0)),
            (".5", Atom::Float(0.5)),
            ("5.", Atom::Float(5.0)),
            ("-.inf", Atom::Float(f64::NEG_INFINITY)),
            ("1_000", Atom::Text("1_000")),
            ("nan", Atom::Text("nan")),
            ("infinity", Atom::Text("infinity")),
            (".", Atom::Text(".")),
            ("2013-01-01", Atom::Text("2013-01-01")),
            ("1GiB", Atom::Text("1GiB")),
        ] {
            assert_eq!(plain(text).atom(), atom, "{text}");
        }
        assert!(matches!(plain(".NaN").atom(), Atom::Float(value) if value.is_nan()));
        let quoted = Scalar {
            text: "1".to_owned(),
            plain: false,
        };
        assert_eq!(quoted.atom(), Atom::Text("1"));
    }
}
