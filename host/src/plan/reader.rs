//! [`Reader`]: one section's fields, taken out by name and type.
//!
//! It reads what the table of fields says and nothing else: unknown fields,
//! wrong types, values out of bounds and missing fields become mistakes here.
//! A getter gives `None` where it has noted a mistake.

use super::fields::PLAN;
use super::form::{Fallback, Field, Form, Section, Union, Variant, titled};
use super::mistake::{Mistake, Place};
use super::node::{Atom, Content, Entry, Node};
use super::suggest::{all_of, did_you_mean, nearest, one_of};

pub(super) type Noted<'m> = &'m mut Vec<Mistake>;

/// The fields of one section.
pub(super) struct Reader<'n> {
    path: &'static str,
    place: Place,
    fields: &'static [Field],
    entries: &'n [Entry],
    /// Fields that are given by another name: they are not missing too.
    meant: Vec<&'static str>,
}

impl<'n> Reader<'n> {
    /// Opens a section and notes its unknown fields. `place` is where it is
    /// named, for what is missing in it.
    pub(super) fn section(
        section: &'static Section,
        place: Place,
        node: &'n Node,
        noted: Noted<'_>,
    ) -> Option<Self> {
        let required = section
            .fields
            .iter()
            .find(|field| matches!(field.default, Fallback::Required));
        let names = || section.fields.iter().map(|field| field.name);
        map(
            section.path,
            node,
            required.map(|field| field.name),
            names(),
            noted,
        )?;
        let mut reader = Self {
            path: section.path,
            place,
            fields: section.fields,
            entries: node.entries(),
            meant: Vec::new(),
        };
        for entry in node.entries() {
            if !names().any(|name| name == entry.key) {
                reader.unknown(None, entry, noted);
            }
        }
        Some(reader)
    }

    /// Opens a section whose fields depend on its tag.
    pub(super) fn union(
        union: &'static Union,
        place: Place,
        node: &'n Node,
        noted: Noted<'_>,
    ) -> Option<(&'static Variant, Self)> {
        let brief = match node.atom() {
            Some(Atom::Text(_)) => Some(union.tag),
            Some(Atom::Int(_)) => union.variants[0].fields.first().map(|field| field.name),
            _ => None,
        };
        let fields = union
            .variants
            .iter()
            .flat_map(|variant| variant.fields)
            .map(|field| field.name);
        map(
            union.path,
            node,
            brief,
            std::iter::once(union.tag).chain(fields),
            noted,
        )?;
        let variant = match node.entry(union.tag) {
            None => union.variant(union.default),
            Some(entry) => {
                let variant = entry.value.label().and_then(|name| union.variant(name));
                if variant.is_none() {
                    noted.push(not_one_of(union.tag, union.names(), &entry.value));
                }
                variant
            }
        };
        let Some(variant) = variant else {
            // Whatever the tag was meant to be, these fit none.
            for entry in node.entries().iter().filter(|entry| entry.key != union.tag) {
                let mut all = union.variants.iter().flat_map(|variant| variant.fields);
                if !all.any(|field| field.name == entry.key) {
                    let message = format!("unknown field `{}` in `{}`", entry.key, union.path);
                    let fields = union.variants.iter().flat_map(|variant| variant.fields);
                    let fields = fields.map(|field| field.name);
                    let hint = did_you_mean(&entry.key, fields.clone()).unwrap_or_else(|| {
                        fields_of(union.path, std::iter::once(union.tag).chain(fields))
                    });
                    noted.push(Mistake::new(entry.place, message).hint(hint));
                }
            }
            return None;
        };
        let mut reader = Self {
            path: union.path,
            place,
            fields: variant.fields,
            entries: node.entries(),
            meant: Vec::new(),
        };
        for entry in node.entries().iter().filter(|entry| entry.key != union.tag) {
            let has =
                |variant: &&Variant| variant.fields.iter().any(|field| field.name == entry.key);
            if has(&variant) {
                continue;
            }
            match union.variants.iter().find(has) {
                Some(other) => {
                    let message = format!(
                        "`{}` is no field of `{}: {}`",
                        entry.key, union.tag, variant.name
                    );
                    let hint = format!("it belongs to `{}: {}`", union.tag, other.name);
                    noted.push(Mistake::new(entry.place, message).hint(hint));
                }
                None => reader.unknown(Some(union.tag), entry, noted),
            }
        }
        Some((variant, reader))
    }

    /// Notes a field that the section does not have.
    fn unknown(&mut self, tag: Option<&'static str>, entry: &Entry, noted: Noted<'_>) {
        let key = entry.key.as_str();
        let here = || {
            tag.into_iter()
                .chain(self.fields.iter().map(|field| field.name))
        };
        let known_as = |field: &&Field| field.aka.contains(&key.to_lowercase().as_str());
        let hint = if let Some(field) = self.fields.iter().find(known_as) {
            self.meant.push(field.name);
            format!("it is called `{}` here", field.name)
        } else if let Some(name) = nearest(key, here()) {
            self.meant.push(name);
            format!("did you mean `{name}`?")
        } else if let Some((path, name)) = home(key, &PLAN) {
            if name == key {
                format!("`{key}` is a field of {}", titled(path))
            } else {
                format!(
                    "it is called `{name}` here, and is a field of {}",
                    titled(path)
                )
            }
        } else {
            fields_of(self.path, here())
        };
        let place = match self.path {
            "" => "in the plan".to_owned(),
            path => format!("in `{path}`"),
        };
        noted.push(Mistake::new(entry.place, format!("unknown field `{key}` {place}")).hint(hint));
    }

    fn field(&self, name: &str) -> &'static Field {
        let field = self.fields.iter().find(|field| field.name == name);
        field.unwrap_or_else(|| panic!("`{name}` is in the table of `{}`", self.path))
    }

    fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Where a field is named, or its section where it is left out.
    pub(super) fn place(&self, name: &str) -> Place {
        self.entry(name).map_or(self.place, |entry| entry.place)
    }

    /// Where a field's value stands.
    pub(super) fn value_place(&self, name: &str) -> Place {
        self.entry(name)
            .map_or(self.place, |entry| entry.value.place)
    }

    /// The field's place and value; `Some(None)` where it is left out and may
    /// be.
    pub(super) fn get(&self, name: &str, noted: Noted<'_>) -> Option<Option<(Place, &'n Node)>> {
        let field = self.field(name);
        let Some(entry) = self.entry(name) else {
            if matches!(field.default, Fallback::Required) {
                if !self.meant.contains(&name) {
                    let kind = match field.form {
                        Form::Section(_) | Form::Union(_) => "section",
                        _ => "field",
                    };
                    let message = format!("{} lacks the {kind} `{name}`", titled(self.path));
                    noted.push(Mistake::new(self.place, message).hint(meaning(field)));
                }
                return None;
            }
            return Some(None);
        };
        if entry.value.is_null() {
            let advice = match field.default {
                Fallback::Required => meaning(field),
                _ => "write one, or remove the line to have the default".to_owned(),
            };
            noted.push(Mistake::new(entry.place, format!("`{name}` has no value")).hint(advice));
            return None;
        }
        Some(Some((entry.place, &entry.value)))
    }

    /// A field of a form of its own.
    pub(super) fn own<T>(
        &self,
        name: &str,
        noted: Noted<'_>,
        read: impl FnOnce(&'n Node, Noted<'_>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.get(name, noted)? {
            Some((_, node)) => read(node, noted).map(Some),
            None => Some(None),
        }
    }

    /// A [`Form::Text`] or [`Form::Label`].
    pub(super) fn text(&self, name: &str, noted: Noted<'_>) -> Option<Option<String>> {
        let field = self.field(name);
        let strict = matches!(field.form, Form::Text);
        let given = self.own(name, noted, |node, noted| text(name, node, strict, noted))?;
        Some(given.or(match field.default {
            Fallback::Text(text) => Some(text.to_owned()),
            _ => None,
        }))
    }

    /// A [`Form::Text`] or [`Form::Label`] that must be given.
    pub(super) fn required_text(&self, name: &str, noted: Noted<'_>) -> Option<String> {
        self.text(name, noted)?
    }

    /// A [`Form::Labels`].
    pub(super) fn labels(&self, name: &str, noted: Noted<'_>) -> Option<Option<Vec<String>>> {
        let given = self.own(name, noted, |node, noted| labels(name, node, noted))?;
        Some(given.or(match self.field(name).default {
            Fallback::Texts(texts) => Some(texts.iter().map(|&text| text.to_owned()).collect()),
            _ => None,
        }))
    }

    /// A [`Form::Bool`].
    pub(super) fn bool(&self, name: &str, noted: Noted<'_>) -> Option<bool> {
        let given = self.own(name, noted, |node, noted| {
            if let Some(Atom::Bool(value)) = node.atom() {
                return Some(value);
            }
            let mistake = wrong(name, "`true` or `false`", node);
            noted.push(match node.label().map(str::to_lowercase).as_deref() {
                Some("yes" | "on" | "y" | "1" | "true") => mistake.hint("write `true`"),
                Some("no" | "off" | "n" | "0" | "false") => mistake.hint("write `false`"),
                _ => mistake,
            });
            None
        })?;
        match self.field(name).default {
            Fallback::Bool(value) => Some(given.unwrap_or(value)),
            _ => given,
        }
    }

    /// A [`Form::Int`]; `Some(None)` where it is left out and has no default.
    pub(super) fn int(&self, name: &str, noted: Noted<'_>) -> Option<Option<u64>> {
        let field = self.field(name);
        let Form::Int { min, max } = field.form else {
            panic!("`{name}` is a whole number")
        };
        let given = self.own(name, noted, |node, noted| {
            let value = match node.atom() {
                Some(Atom::Int(value)) => u64::try_from(value).ok(),
                Some(Atom::Large(value)) => Some(value),
                _ => None,
            };
            if let Some(value) = value.filter(|value| (min..=max).contains(value)) {
                return Some(value);
            }
            let takes = if max > 1 << 32 {
                format!("a whole number of at least {min}")
            } else {
                format!("a whole number from {min} to {max}")
            };
            noted.push(wrong(name, &takes, node).maybe_hint(as_int(node)));
            None
        })?;
        Some(given.or(match field.default {
            Fallback::Int(value) => Some(value),
            _ => None,
        }))
    }

    /// A [`Form::Between`] that must be given.
    pub(super) fn between(&self, name: &str, noted: Noted<'_>) -> Option<f64> {
        let Form::Between { above, below } = self.field(name).form else {
            panic!("`{name}` is a number")
        };
        self.own(name, noted, |node, noted| {
            let given = number(node);
            let value = given.filter(|&value| value > above && value < below);
            if value.is_none() {
                let percent = given.filter(|&given| below == 1.0 && given > 1.0 && given < 100.0);
                let hint = percent
                    .map(|percent| format!("write `{}` for {percent} percent", percent / 100.0));
                let takes = format!("a number above {above} and below {below}");
                noted.push(wrong(name, &takes, node).maybe_hint(hint));
            }
            value
        })?
    }

    /// A [`Form::Choice`].
    pub(super) fn choice(&self, name: &str, noted: Noted<'_>) -> Option<Option<&'static str>> {
        let Form::Choice(choices) = self.field(name).form else {
            panic!("`{name}` is a choice")
        };
        self.own(name, noted, |node, noted| {
            let given = node.label();
            let choice = choices
                .iter()
                .map(|choice| choice.0)
                .find(|&choice| Some(choice) == given);
            if choice.is_none() {
                noted.push(not_one_of(
                    name,
                    choices.iter().map(|choice| choice.0),
                    node,
                ));
            }
            choice
        })
    }
}

/// "`n_splits` takes a whole number, not the text `x`".
pub(super) fn wrong(name: &str, takes: &str, node: &Node) -> Mistake {
    Mistake::new(
        node.place,
        format!("`{name}` takes {takes}, not {}", node.describe()),
    )
}

/// A number, written as an int or a float; finite.
pub(super) fn number(node: &Node) -> Option<f64> {
    match node.atom()? {
        Atom::Int(value) => Some(value as f64),
        Atom::Large(value) => Some(value as f64),
        Atom::Float(value) => Some(value).filter(|value| value.is_finite()),
        _ => None,
    }
}

/// A text. `strict` refuses what is text only because it stands where text is
/// wanted.
pub(super) fn text(name: &str, node: &Node, strict: bool, noted: Noted<'_>) -> Option<String> {
    let given = node
        .label()
        .filter(|label| !strict || matches!(node.atom(), Some(Atom::Text(_))) && !label.is_empty());
    if given.is_none() {
        let mistake = wrong(name, "a text", node);
        // A list of one is a slip of the pen.
        let label = match &node.content {
            Content::List(items) if items.len() == 1 => items[0].label(),
            _ => None,
        };
        noted.push(match node.label() {
            None => mistake.maybe_hint(label.map(|label| format!("write `{name}: {label}`"))),
            Some(label) if !label.is_empty() => {
                mistake.hint(format!("put it in quotes if it is meant: \"{label}\""))
            }
            _ => mistake,
        });
    }
    given.map(str::to_owned)
}

/// A list of texts.
pub(super) fn labels(name: &str, node: &Node, noted: Noted<'_>) -> Option<Vec<String>> {
    let Content::List(items) = &node.content else {
        let mistake = wrong(name, "a list of texts", node);
        noted.push(
            mistake.maybe_hint(
                node.label()
                    .map(|label| format!("write `{name}: [{label}]`")),
            ),
        );
        return None;
    };
    let items: Vec<_> = items
        .iter()
        .map(|item| {
            if item.label().is_none() {
                let mistake = wrong(name, "a list of texts", item);
                noted.push(if item.is_null() {
                    mistake.hint("put `null` in quotes if it is a name")
                } else {
                    mistake
                });
            }
            item.label().map(str::to_owned)
        })
        .collect();
    items.into_iter().collect()
}

/// "`method` is one of `a`, `b`, not the text `x`".
pub(super) fn not_one_of<'a>(
    name: &str,
    choices: impl Iterator<Item = &'a str> + Clone,
    node: &Node,
) -> Mistake {
    let hint = node.label().and_then(|label| {
        let feather =
            label.eq_ignore_ascii_case("feather") && choices.clone().any(|c| c == "arrow");
        match feather {
            true => Some("a Feather file is `arrow`".to_owned()),
            false => did_you_mean(label, choices.clone()),
        }
    });
    wrong(name, &one_of(choices), node).maybe_hint(hint)
}

fn map<'a>(
    path: &'static str,
    node: &Node,
    brief: Option<&str>,
    fields: impl Iterator<Item = &'a str>,
    noted: Noted<'_>,
) -> Option<()> {
    if matches!(node.content, Content::Map(_)) {
        return Some(());
    }
    let message = format!(
        "{} takes a map of fields, not {}",
        titled(path),
        node.describe()
    );
    let brief = node.label().zip(brief).filter(|_| !path.is_empty());
    let hint = brief.map_or_else(
        || fields_of(path, fields),
        |(label, brief)| format!("write `{path}: {{{brief}: {label}}}`"),
    );
    noted.push(Mistake::new(node.place, message).hint(hint));
    None
}

fn fields_of<'a>(path: &str, fields: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in fields {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    format!("the fields of {} are {}", titled(path), all_of(names))
}

/// "`target` is the column to predict".
fn meaning(field: &Field) -> String {
    let about = field.about.trim_end_matches('.');
    let first = about
        .chars()
        .next()
        .map(|first| first.to_lowercase().to_string());
    let rest = about.chars().skip(1).collect::<String>();
    format!("`{}` is {}{rest}", field.name, first.unwrap_or_default())
}

/// The section that has a field of this name, or by which people know it, and
/// what it is called there.
fn home(key: &str, section: &'static Section) -> Option<(&'static str, &'static str)> {
    let find = |path: &'static str, fields: &'static [Field]| {
        let named = fields.iter().find(|field| field.name == key);
        let field = named.or_else(|| fields.iter().find(|field| field.aka.contains(&key)))?;
        Some((path, field.name))
    };
    find(section.path, section.fields).or_else(|| {
        section.fields.iter().find_map(|field| match field.form {
            Form::Section(section) => home(key, section),
            Form::Union(union) => union
                .variants
                .iter()
                .find_map(|variant| find(union.path, variant.fields)),
            _ => None,
        })
    })
}

/// How a whole number that was written otherwise is written.
fn as_int(node: &Node) -> Option<String> {
    let label = node.label()?;
    let int = match node.atom()? {
        Atom::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{value}"),
        Atom::Text(_) => {
            let digits = label.replace(['_', ',', ' '], "");
            digits.parse::<u64>().ok()?.to_string()
        }
        _ => return None,
    };
    Some(format!("write `{int}`"))
}
