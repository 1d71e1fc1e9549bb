//! [`List`]: a form of lists of one form of items.

use serde_json::{Value as Json, json};

use super::form::{Context, Field, Form, Given};
use super::mistake::Place;
use super::node::{Content, Node};
use super::scalar::Label;

/// Threat: a list that fills the memory.
const MAX_ITEMS: usize = 1_000_000;

/// A list.
#[derive(Debug)]
pub(super) struct List {
    pub(super) item: &'static dyn Form,
    /// The items in a message: "`drop` takes a list of texts".
    pub(super) of: &'static str,
    /// One item in a message: "`scoring` holds no metric".
    pub(super) one: &'static str,
    /// Whether an item stands for a list of itself alone.
    pub(super) single: bool,
    /// The hint where the list is empty; empty: it may be.
    pub(super) none: &'static str,
    /// The hint where an item is repeated; empty: it may be.
    pub(super) twice: &'static str,
}

/// A list of texts, which may be empty.
pub(super) static LABELS: List = List::new(&Label("a list of texts"), "texts", "text");

impl List {
    pub(super) const fn new(item: &'static dyn Form, of: &'static str, one: &'static str) -> Self {
        let (single, none, twice) = (false, "", "");
        Self {
            item,
            of,
            one,
            single,
            none,
            twice,
        }
    }

    /// The same, for which an item alone stands too.
    pub(super) const fn single(mut self) -> Self {
        self.single = true;
        self
    }

    /// The same with at least one item; what to do where there is none.
    pub(super) const fn filled(mut self, hint: &'static str) -> Self {
        self.none = hint;
        self
    }

    /// The same with each item once; what to do where one is repeated.
    pub(super) const fn unique(mut self, hint: &'static str) -> Self {
        self.twice = hint;
        self
    }
}

impl Form for List {
    fn read(&self, given: Given<'_>, cx: &mut Context<'_>) -> Option<Json> {
        let (name, node) = (given.name, given.node);
        let items = match &node.content {
            Content::List(items) => items.as_slice(),
            _ if self.single => std::slice::from_ref(node),
            _ => {
                let label = node.label();
                let of_maps = !self.item.fields().is_empty();
                let hint = label.and_then(|label| match label {
                    "none" | "None" => Some(format!("write `{name}: []` for none")),
                    _ if of_maps => None,
                    _ => Some(format!("write `{name}: [{label}]`")),
                });
                let none = (!self.none.is_empty()).then(|| self.none.to_owned());
                given.wrong(&format!("a list of {}", self.of), cx).hint = hint.or(none);
                return None;
            }
        };
        if items.is_empty() && !self.none.is_empty() {
            let message = format!("`{name}` holds no {}", self.one);
            cx.note(node.place, message).hint(self.none);
            return None;
        }
        if items.len() > MAX_ITEMS {
            let message = format!("`{name}` holds more than {MAX_ITEMS} {}", self.of);
            cx.note(node.place, message);
            return None;
        }
        let mut read = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        for item in items {
            read.extend(self.item.read(Given::item(name, item), cx));
            let Some((item_name, place)) = item_name(item).filter(|_| !self.twice.is_empty())
            else {
                continue;
            };
            if names.contains(&item_name) {
                let message = format!("the {} `{item_name}` is named twice", self.one);
                cx.note(place, message).hint(self.twice);
            }
            names.push(item_name);
        }
        (read.len() == items.len()).then(|| read.into())
    }

    fn schema(&self) -> Json {
        let item = self.item.schema();
        let mut list = json!({"type": "array", "items": item});
        if !self.none.is_empty() {
            list["minItems"] = 1.into();
        }
        if !self.twice.is_empty() {
            list["uniqueItems"] = true.into();
        }
        match self.single {
            true => json!({"anyOf": [item, list]}),
            false => list,
        }
    }

    fn fields(&self) -> Vec<(&'static str, &'static Field)> {
        self.item.fields()
    }
}

/// The name of an item, and its place: the item's own, or its `name`'s.
fn item_name(item: &Node) -> Option<(&str, Place)> {
    let named = item.entry("name").map_or(item, |entry| &entry.value);
    Some((named.label()?, named.place))
}
