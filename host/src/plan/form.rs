//! The table's vocabulary: a [`Section`] has [`Field`]s, a field has a
//! [`Form`], and a form both reads a value and describes it as JSON Schema.
//!
//! A form turns a part of the tree into the JSON from which serde builds the
//! field's type: defaults filled in, units resolved, paths made relative to
//! the working directory. What it refuses it notes with its place.

use std::fmt;
use std::path::Path;

use serde_json::Value as Json;

use super::mistake::{Found, Mistake, Place};
use super::node::{Entry, Node};
use super::syntax::parse;

/// A text of the table.
type Str = &'static str;

/// What a field takes.
pub(super) trait Form: fmt::Debug + Sync {
    /// The value as JSON for serde; `None` where a mistake was noted.
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json>;

    /// What is taken, as JSON Schema (draft 2020-12).
    fn schema(&self) -> Json;

    /// The fields of sections within, each with its section's path; the outer
    /// ones first.
    fn fields(&self) -> Vec<(Str, &'static Field)> {
        Vec::new()
    }
}

/// A map of known fields; some may depend on one of them, the tag.
#[derive(Debug)]
pub(super) struct Section {
    /// Its path from the top: `dataset.csv`; empty for the plan itself.
    pub(super) path: Str,
    pub(super) about: Str,
    /// The fields of every variant.
    pub(super) fields: &'static [Field],
    /// The field that says which variant it is, and its default.
    pub(super) tag: Option<(Str, Str)>,
    pub(super) variants: &'static [Variant],
    /// The field that a scalar in the section's place is the value of.
    pub(super) short: Option<Str>,
    /// Whether it is the item of a list.
    pub(super) listed: bool,
    /// Notes fields that contradict each other.
    pub(super) check: Option<fn(&Node, &mut Found)>,
}

/// The fields of a [`Section`] under one value of its tag.
#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: Str,
    pub(super) about: Str,
    pub(super) fields: &'static [Field],
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Str,
    pub(super) about: Str,
    pub(super) form: &'static dyn Form,
    pub(super) presence: Presence,
    /// Names that the field has elsewhere, for hints.
    pub(super) aka: &'static [Str],
    /// A boolean field beside it, without which it has no effect.
    pub(super) needs: Option<Str>,
    /// A field beside it, with which a required one may be left out.
    pub(super) unless: Option<Str>,
}

/// What an absent field means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Presence {
    /// A mistake.
    Required,
    /// Null; the description says what that means.
    Optional,
    /// The same as this YAML.
    Default(Str),
}

/// A field that must be given.
pub(super) const fn required(name: Str, about: Str, form: &'static dyn Form) -> Field {
    Field::new(name, about, form, Presence::Required)
}

/// A field that may be left out.
pub(super) const fn optional(name: Str, about: Str, form: &'static dyn Form) -> Field {
    Field::new(name, about, form, Presence::Optional)
}

/// A field with a default, as YAML.
pub(super) const fn default(n: Str, about: Str, form: &'static dyn Form, yaml: Str) -> Field {
    Field::new(n, about, form, Presence::Default(yaml))
}

impl Field {
    const fn new(name: Str, about: Str, form: &'static dyn Form, presence: Presence) -> Self {
        let (aka, needs, unless) = (&[], None, None);
        Self {
            name,
            about,
            form,
            presence,
            aka,
            needs,
            unless,
        }
    }

    pub(super) const fn aka(self, aka: &'static [Str]) -> Self {
        Self { aka, ..self }
    }

    pub(super) const fn needs(mut self, field: Str) -> Self {
        self.needs = Some(field);
        self
    }

    pub(super) const fn unless(mut self, field: Str) -> Self {
        self.unless = Some(field);
        self
    }

    /// The default as a tree.
    pub(super) fn default(&self) -> Option<Node> {
        match self.presence {
            Presence::Default(yaml) => parse(yaml, |_| Place::Plan, &mut Found::default()),
            _ => None,
        }
    }
}

impl Section {
    pub(super) const fn new(path: Str, about: Str, fields: &'static [Field]) -> Self {
        let (variants, tag, short, check) = (&[], None, None, None);
        Self {
            path,
            about,
            fields,
            tag,
            variants,
            short,
            listed: false,
            check,
        }
    }

    /// The same with a tag.
    pub(super) const fn tagged(mut self, tag: Str, default: Str, of: &'static [Variant]) -> Self {
        self.tag = Some((tag, default));
        self.variants = of;
        self
    }

    /// The same with the tag and the variants of another section.
    pub(super) const fn variants_of(mut self, other: &Self) -> Self {
        self.tag = other.tag;
        self.variants = other.variants;
        self
    }

    /// The same, for which the value of `field` alone may be written.
    pub(super) const fn short(mut self, field: Str) -> Self {
        self.short = Some(field);
        self
    }

    /// The same as the item of a list.
    pub(super) const fn listed(mut self, listed: bool) -> Self {
        self.listed = listed;
        self
    }

    pub(super) const fn check(mut self, check: fn(&Node, &mut Found)) -> Self {
        self.check = Some(check);
        self
    }

    /// Its name in a message: "`dataset.csv`", "the plan".
    pub(super) fn title(&self) -> String {
        title(self.path)
    }
}

/// The name of the section at a path.
pub(super) fn title(path: &str) -> String {
    match path {
        "" => "the plan".to_owned(),
        path => format!("`{path}`"),
    }
}

/// A value to read.
#[derive(Clone, Copy)]
pub(super) struct Given<'n> {
    /// The field's name.
    pub(super) name: &'n str,
    /// The place of the name, at which what a section lacks is shown.
    pub(super) place: Place,
    pub(super) node: &'n Node,
}

impl<'n> Given<'n> {
    /// An item of a list, or a value whose name has no place.
    pub(super) fn item(name: &'n str, node: &'n Node) -> Self {
        let place = node.place;
        Self { name, place, node }
    }

    pub(super) fn entry(entry: &'n Entry) -> Self {
        let (name, place, node) = (entry.key.as_str(), entry.place, &entry.value);
        Self { name, place, node }
    }

    /// Notes "`n_splits` takes a whole number, not the text `x`".
    pub(super) fn wrong<'c>(self, takes: &str, cx: &'c mut Context<'_>) -> &'c mut Mistake {
        let (name, found) = (self.name, self.node.describe());
        let message = format!("`{name}` takes {takes}, not {found}");
        cx.note(self.node.place, message)
    }
}

/// What a form reads with.
pub(super) struct Context<'a> {
    /// The plan's file.
    pub(super) file: &'a Path,
    /// The working directory.
    pub(super) here: &'a Path,
    /// The whole table, for hints about fields of other sections.
    pub(super) table: &'static Section,
    pub(super) found: Found,
}

impl<'a> Context<'a> {
    pub(super) fn new(file: &'a Path, here: &'a Path, table: &'static Section) -> Self {
        let found = Found::default();
        Self {
            file,
            here,
            table,
            found,
        }
    }

    pub(super) fn note(&mut self, place: Place, message: impl Into<String>) -> &mut Mistake {
        self.found.note(place, message)
    }

    /// The mistakes that a form finds in a value, without keeping them.
    pub(super) fn trial(&mut self, form: &dyn Form, given: Given<'_>) -> Found {
        let kept = std::mem::take(&mut self.found);
        form.read(given, self);
        std::mem::replace(&mut self.found, kept)
    }

    /// A path: relative to the plan's folder where the plan's text has it, to
    /// the working directory where the command line does. URLs and absolute
    /// paths stay.
    pub(super) fn resolve(&self, path: &str, place: Place) -> String {
        let folder = match place {
            Place::Option(..) => None,
            _ => self.file.parent().filter(|_| !path.contains("://")),
        };
        folder.map_or_else(
            || path.to_owned(),
            |folder| folder.join(path).display().to_string(),
        )
    }
}
