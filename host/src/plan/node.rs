//! [`Node`]: what a YAML text says, each part with its place.
//!
//! It knows YAML's types and no plan.

use serde_json::Value as Json;

use super::mistake::{Mistake, Place};

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

/// A text, and whether it stands without quotes: only then may it be
/// anything but text.
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
            return Atom::Float(if text.starts_with('-') {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            });
        }
        let based = |prefix, base| {
            let digits = text.strip_prefix(prefix)?;
            i64::from_str_radix(digits, base)
                .ok()
                .filter(|_| !digits.starts_with(['+', '-']))
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
    pub(super) fn map(place: Place) -> Self {
        Self {
            place,
            content: Content::Map(Vec::new()),
        }
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

    /// The text of a scalar, as it was written, whatever its type; none for
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

    /// What it is, for people: "the text `x`".
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

    /// The same as JSON. Numbers that JSON lacks are mistakes.
    pub(super) fn json(&self, mistakes: &mut Vec<Mistake>) -> Option<Json> {
        Some(match &self.content {
            Content::Scalar(scalar) => match scalar.atom() {
                Atom::Null => Json::Null,
                Atom::Bool(value) => value.into(),
                Atom::Int(value) => value.into(),
                Atom::Large(value) => value.into(),
                Atom::Text(value) => value.into(),
                Atom::Float(value) if value.is_finite() => value.into(),
                Atom::Float(_) => {
                    let message = format!("`{}` is no finite number", scalar.text);
                    let mistake = Mistake::new(self.place, message);
                    mistakes.push(mistake.hint("write a finite one, or leave it out"));
                    return None;
                }
            },
            Content::List(items) => {
                let items: Vec<_> = items.iter().map(|item| item.json(mistakes)).collect();
                items.into_iter().collect::<Option<Vec<Json>>>()?.into()
            }
            Content::Map(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|entry| Some((entry.key.clone(), entry.value.json(mistakes)?)))
                    .collect();
                Json::Object(entries.into_iter().collect::<Option<_>>()?)
            }
        })
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
