//! Reading [`Section`]s: unknown, missing and misplaced fields, and defaults.

use serde_json::{Map, Value as Json, json};

use super::form::{Context, Field, Form, Given, Presence, Section, Variant, title};
use super::node::{Atom, Content, Entry, Node};
use super::scalar::{Choice, Takes};
use super::suggest::{all_of, nearest};

/// The fields of a section in which there is no mistake, and whether these are
/// all.
pub(super) type Read = (Map<String, Json>, bool);

impl Form for Section {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let (read, whole) = self.read_fields(given, cx)?;
        whole.then(|| read.into())
    }

    fn schema(&self) -> Json {
        let object = |variant| self.object(Some(variant));
        let variants: Vec<Json> = self.variants.iter().map(object).collect();
        let mut fields = self.fields.iter();
        match fields.find(|field| Some(field.name) == self.short) {
            Some(short) => json!({"anyOf": [short.form.schema(), self.object(None)]}),
            None if variants.is_empty() => self.object(None),
            None => {
                json!({"type": "object", "description": self.about.trim_start(), "oneOf": variants})
            }
        }
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        self.with_inner(&self.every())
    }
}

impl Section {
    /// Fields of its own, and those of the sections within.
    fn with_inner(&self, own: &[&'static Field]) -> Vec<(&'static str, &'static Field)> {
        let inner: Vec<_> = own.iter().flat_map(|field| field.form.fields()).collect();
        let own = own.iter().map(|field| (self.path, *field));
        own.chain(inner).collect()
    }

    /// Reads the fields of a map; `None` where it is none, or has no variant.
    pub(super) fn read_fields(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Read> {
        let short = self.short.filter(|_| given.node.label().is_some());
        let field = |key| Entry::new(key, given.place, given.node.clone());
        let long = short.map(|key| Node::map(given.node.place, vec![field(key)]));
        let node = long.as_ref().unwrap_or(given.node);
        if !matches!(node.content, Content::Map(_)) {
            self.refuse(node, cx);
            return None;
        }
        let variant = match self.tag {
            Some((tag, default)) => Some(self.chosen(tag, default, node, cx)?),
            None => None,
        };
        let fields = self.of_variant(variant);
        let names = self.names(&fields);
        // Fields that are given by another name are not missing too.
        let mut meant = Vec::new();
        for entry in node.entries() {
            if !names.contains(&entry.key.as_str()) {
                meant.extend(self.unknown(entry, variant, &fields, cx));
            }
        }
        let mut read = Map::new();
        for field in &fields {
            let value = match node.entry(field.name) {
                Some(entry) => {
                    let name = short.map_or(field.name, |_| given.name);
                    field.read(name, entry, cx)
                }
                None if field.is_required_in(node) => {
                    if !meant.contains(&field.name) {
                        let message = format!("{} lacks the {}", self.title(), field.title());
                        cx.note(given.place, message).hint(field.meaning());
                    }
                    None
                }
                None => field.absent(cx),
            };
            read.extend(value.map(|value| (field.name.to_owned(), value)));
        }
        for field in &fields {
            let Some((needs, entry)) = field.needs.zip(node.entry(field.name)) else {
                continue;
            };
            if read.get(needs) == Some(&Json::Bool(false)) {
                let name = field.name;
                let message = format!("`{name}` has no effect without `{needs}: true`");
                let hint = format!("add `{needs}: true`, or remove `{name}`");
                cx.note(entry.place, message).hint(hint);
            }
        }
        if let Some(check) = self.check {
            check(node, &mut cx.found);
        }
        let whole = read.len() == fields.len();
        let tag = self.tag.zip(variant);
        read.extend(tag.map(|((tag, _), variant)| (tag.to_owned(), variant.name.into())));
        Some((read, whole))
    }

    /// The variant of a map with a tag. Where there is none, the other fields
    /// are each read by the variant that finds the least wrong with it.
    fn chosen(
        &self,
        tag: &str,
        default: &str,
        node: &Node,
        cx: &mut Context<'_>,
    ) -> Option<&'static Variant> {
        let entry = node.entry(tag);
        let name = entry.map_or(Some(default), |entry| entry.value.label());
        let mut variants = self.variants.iter();
        let variant = variants.find(|variant| Some(variant.name) == name);
        let Some(entry) = entry.filter(|_| variant.is_none()) else {
            return variant;
        };
        let names = self.variants.iter().map(|variant| variant.name).collect();
        let Takes(takes, hint) = Choice::takes(names, &entry.value);
        Given::entry(entry).wrong(&takes, cx).hint = hint;
        for entry in node.entries().iter().filter(|entry| entry.key != tag) {
            let every = self.every();
            let fields = every.iter().filter(|field| field.name == entry.key);
            let found = fields.map(|field| cx.trial(field.form, Given::entry(entry)));
            match found.min_by_key(|found| found.0.len()) {
                Some(found) => cx.found.0.extend(found.0),
                None => drop(self.unknown(entry, None, &every, cx)),
            }
        }
        None
    }

    fn of_variant(&self, variant: Option<&'static Variant>) -> Vec<&'static Field> {
        let own = variant.map_or(&[][..], |variant| variant.fields);
        self.fields.iter().chain(own).collect()
    }

    /// The fields of all variants.
    fn every(&self) -> Vec<&'static Field> {
        let variants = self.variants.iter().flat_map(|variant| variant.fields);
        self.fields.iter().chain(variants).collect()
    }

    fn names(&self, fields: &[&'static Field]) -> Vec<&'static str> {
        let mut names: Vec<&str> = self.tag.into_iter().map(|(tag, _)| tag).collect();
        for field in fields {
            if !names.contains(&field.name) {
                names.push(field.name);
            }
        }
        names
    }

    /// Notes a value that is not a map.
    fn refuse(&self, node: &Node, cx: &mut Context<'_>) {
        let required = |field: &&&Field| field.presence == Presence::Required;
        let every = self.every();
        let first = match (self.tag, node.atom()) {
            (None, _) => every.iter().find(required).map(|field| field.name),
            (Some((tag, _)), Some(Atom::Text(_))) => Some(tag),
            (Some(_), Some(Atom::Int(_))) => every.first().map(|field| field.name),
            _ => None,
        };
        let path = self.path;
        let hint = match node.label().zip(first).filter(|_| !path.is_empty()) {
            Some((label, _)) if self.listed => format!("write `{}`", self.item(label)),
            Some((label, first)) => format!("write `{path}: {{{first}: {label}}}`"),
            None => self.list(&every),
        };
        let (title, found) = (self.title(), node.describe());
        let message = format!("{title} takes a map of fields, not {found}");
        cx.note(node.place, message).hint(hint);
    }

    /// An item of a list with a scalar as the value of its first required field, in
    /// sections within, too: `{trainer: {name: ridge}}`.
    fn item(&self, label: &str) -> String {
        let fields = self.fields();
        let mut required = fields
            .iter()
            .filter(|(_, field)| field.presence == Presence::Required);
        let Some((path, field)) = required.next() else {
            return label.to_owned();
        };
        match required.find(|(inner, _)| inner != path && *inner == field.name) {
            Some((_, inner)) => format!("{{{}: {{{}: {label}}}}}", field.name, inner.name),
            None => format!("{{{}: {label}}}", field.name),
        }
    }

    fn list(&self, fields: &[&'static Field]) -> String {
        let (title, names) = (self.title(), all_of(self.names(fields)));
        format!("the fields of {title} are {names}")
    }

    /// Notes an unknown field, and returns the field that was probably meant.
    fn unknown(
        &self,
        entry: &Entry,
        variant: Option<&Variant>,
        fields: &[&'static Field],
        cx: &mut Context<'_>,
    ) -> Option<&'static str> {
        let key = entry.key.as_str();
        let has = |other: &&Variant| other.fields.iter().any(|field| field.name == key);
        let other = self.variants.iter().find(has);
        // A name of many sections was not meant for one kind of plan.
        let common: Vec<&Field> = self.fields.iter().collect();
        let common = self.with_inner(&common);
        let other = other.filter(|_| !common.iter().any(|(_, field)| field.name == key));
        if let (Some((tag, _)), Some(variant), Some(other)) = (self.tag, variant, other) {
            let message = format!("`{key}` is not a field of `{tag}: {}`", variant.name);
            let hint = format!("it belongs to `{tag}: {}`", other.name);
            cx.note(entry.place, message).hint(hint);
            return None;
        }
        // Where the variant is not known, neither is what was meant.
        let known = self.tag.is_none() || variant.is_some();
        let mut renamed = fields.iter().filter(|field| field.is_known_as(key));
        let renamed = renamed.next().map(|field| field.name);
        let near = renamed.or_else(|| nearest(key, self.names(fields)));
        let hint = match near {
            Some(name) if renamed.is_some() => format!("it is called `{name}` here"),
            Some(name) => format!("did you mean `{name}`?"),
            None => {
                let table = cx.table;
                let elsewhere = known.then(|| elsewhere(key, table)).flatten();
                elsewhere.unwrap_or_else(|| self.list(fields))
            }
        };
        let within = match self.path {
            "" => "in the plan".to_owned(),
            // A section that is known by a field of its name.
            path if self.names(fields).contains(&path) => format!("beside `{path}`"),
            path => format!("in `{path}`"),
        };
        let message = format!("unknown field `{key}` {within}");
        cx.note(entry.place, message).hint(hint);
        near
    }

    /// The schema of the map, under one variant.
    pub(super) fn object(&self, variant: Option<&'static Variant>) -> Json {
        let about = variant.map_or(self.about, |variant| variant.about);
        let about = about.trim_start();
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let (Some((tag, default)), Some(Variant { name, .. })) = (self.tag, variant) {
            let schema = json!({"const": name, "description": about, "default": default});
            properties.insert(tag.to_owned(), schema);
            required.extend((*name != default).then_some(tag));
        }
        for field in self.of_variant(variant) {
            properties.insert(field.name.to_owned(), field.schema());
            let needed = field.presence == Presence::Required && field.unless.is_none();
            required.extend(needed.then_some(field.name));
        }
        json!({
            "type": "object", "description": about, "properties": properties,
            "required": required, "additionalProperties": false,
        })
    }
}

impl Field {
    /// What it takes, what it means and its default, as JSON Schema.
    pub(super) fn schema(&self) -> Json {
        let mut schema = self.form.schema();
        schema["description"] = self.about.trim_start().into();
        if let Some(default) = self.default() {
            schema["default"] = default.json(&mut Default::default()).into();
        }
        schema
    }

    fn read(&self, name: &str, entry: &Entry, cx: &mut Context<'_>) -> Option<Json> {
        if !entry.value.is_null() {
            let mut given = Given::entry(entry);
            given.name = name;
            return self.form.read(given, cx);
        }
        let hint = match self.presence {
            Presence::Required => self.meaning(),
            _ => "write one, or remove the line to have the default".to_owned(),
        };
        let message = format!("`{name}` has no value");
        cx.note(entry.place, message).hint(hint);
        None
    }

    /// The value of a field that is left out.
    fn absent(&self, cx: &mut Context<'_>) -> Option<Json> {
        match self.default() {
            Some(default) => self.form.read(Given::item(self.name, &default), cx),
            None => Some(Json::Null),
        }
    }

    /// Whether a map must have it, by its other fields.
    fn is_required_in(&self, map: &Node) -> bool {
        let instead = self.unless.is_some_and(|other| map.entry(other).is_some());
        self.presence == Presence::Required && !instead
    }

    fn title(&self) -> String {
        match self.form.fields().is_empty() {
            true => format!("field `{}`", self.name),
            false => format!("section `{}`", self.name),
        }
    }

    fn is_known_as(&self, key: &str) -> bool {
        self.aka.contains(&key.to_lowercase().as_str())
    }

    /// "`target` is the column to predict".
    fn meaning(&self) -> String {
        let mut chars = self.about.trim_start().trim_end_matches('.').chars();
        let first = chars.next().map(|first| first.to_lowercase().to_string());
        let (first, rest) = (first.unwrap_or_default(), chars.as_str());
        format!("`{}` is {first}{rest}", self.name)
    }
}

/// The sections that have a field of this name, or else the first in which it
/// has another name. Those of a kind of plan alone come last.
fn elsewhere(key: &str, table: &Section) -> Option<String> {
    let common: Vec<&Field> = table.fields.iter().collect();
    home(key, &table.with_inner(&common)).or_else(|| home(key, &table.fields()))
}

fn home(key: &str, fields: &[(&str, &Field)]) -> Option<String> {
    let named = fields.iter().filter(|(_, field)| field.name == key);
    let mut homes: Vec<String> = Vec::new();
    for home in named.map(|(path, _)| title(path)) {
        if !homes.contains(&home) {
            homes.push(home);
        }
    }
    if !homes.is_empty() {
        return Some(format!("`{key}` is a field of {}", homes.join(" and of ")));
    }
    let (path, field) = fields.iter().find(|(_, field)| field.is_known_as(key))?;
    let (name, home) = (field.name, title(path));
    let hint = format!("it is called `{name}` here, and is a field of {home}");
    Some(hint)
}
