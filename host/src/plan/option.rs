//! [`Override`]: an option of the command line that sets a field of the plan.
//! It is put into the tree before the tree is read, so that it is checked like
//! the plan's text, with the same messages.

use super::mistake::{Found, Place, Span};
use super::node::{Content, Entry, Node};
use super::syntax::parse;

/// A field's value from the command line.
#[derive(Clone, Debug)]
pub struct Override {
    /// The option as it was written: `--set cv.n_splits=3`.
    shown: String,
    path: String,
    /// Where the path and the value begin in `shown`, in characters.
    path_at: usize,
    value_at: usize,
    value: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    /// The value is YAML.
    Yaml,
    /// The value is a text as it is.
    Text,
    /// The value names a pool: URLs, or `local`.
    Pool,
}

/// An option that is not an override.
#[derive(Debug, thiserror::Error)]
#[error("expected `--set path.to.field=VALUE`, found `--set {0}`")]
pub struct ParseOverrideError(String);

impl Override {
    /// `--set path.to.field=VALUE`. The value is YAML; items of a list are
    /// named by their index from 0; `null` removes a field, but is a value
    /// of a hyper-parameter.
    pub fn set(argument: &str) -> Result<Self, ParseOverrideError> {
        let invalid = || ParseOverrideError(argument.to_owned());
        let (path, value) = argument.split_once('=').ok_or_else(invalid)?;
        if path.split('.').any(|key| key.trim().is_empty()) {
            return Err(invalid());
        }
        let path_at = "--set ".len();
        Ok(Self {
            shown: format!("--set {argument}"),
            path: path.to_owned(),
            path_at,
            value_at: path_at + path.chars().count() + 1,
            value: value.to_owned(),
            kind: Kind::Yaml,
        })
    }

    /// `--output DIR`.
    pub fn output(folder: &str) -> Self {
        Self::option("--output", "output", folder, Kind::Text)
    }

    /// `--store URL`.
    pub fn store(url: &str) -> Self {
        Self::option("--store", "store", url, Kind::Text)
    }

    /// `--pool URL`, one or several, or `local`: what runs the tasks. Fields
    /// of a plan's pool of the same kind stay.
    pub fn pool(names: &[String]) -> Self {
        Self::option("--pool", "pool", &names.join(","), Kind::Pool)
    }

    /// `--workers N`.
    pub fn workers(count: &str) -> Self {
        Self::option("--workers", "pool.workers", count, Kind::Yaml)
    }

    fn option(option: &str, path: &str, value: &str, kind: Kind) -> Self {
        Self {
            shown: format!("{option} {value}"),
            path: path.to_owned(),
            path_at: 0,
            value_at: option.len() + 1,
            value: value.to_owned(),
            kind,
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// The place of a part of the value, from byte `from` on.
    fn part(&self, index: usize, from: usize, text: &str) -> Place {
        let from = self.value_at + self.value[..from].chars().count();
        let to = from + text.chars().count();
        Place::Option(index, Span::within(1, from + 1, to + 1))
    }

    fn value(&self, index: usize, root: &Node, found: &mut Found) -> Option<Node> {
        match self.kind {
            Kind::Yaml => self.yaml(index, found),
            Kind::Text => Some(Node::scalar(
                self.part(index, 0, &self.value),
                &self.value,
                false,
            )),
            Kind::Pool => Some(self.pool_node(index, root)),
        }
    }

    fn yaml(&self, index: usize, found: &mut Found) -> Option<Node> {
        let shift = |line: usize, column: usize| match line {
            1 => column + self.value_at,
            _ => column,
        };
        let place = |mut span: Span| {
            span.column = shift(span.line, span.column);
            span.end_column = shift(span.end_line, span.end_column);
            Place::Option(index, span)
        };
        let mut own = Found::default();
        let node = parse(&self.value, place, &mut own);
        // Nothing at all is null, as it is after a field of the plan.
        let whole = self.part(index, 0, &self.value);
        let null = own.0.is_empty().then(|| Node::scalar(whole, "", true));
        found.0.append(&mut own.0);
        node.or(null)
    }

    /// The pool that the value names, with the other fields of the plan's
    /// pool if it is of the same kind.
    fn pool_node(&self, index: usize, root: &Node) -> Node {
        let whole = self.part(index, 0, &self.value);
        // The kind, and the field that the URLs belong to.
        let (kind, field) = match self.value.as_str() {
            "local" => ("local", ""),
            url if url.starts_with("nats://") || url.starts_with("tls://") => ("nats", "servers"),
            _ => ("http", "endpoints"),
        };
        let mut pool = vec![Entry::new("kind", whole, Node::scalar(whole, kind, false))];
        if !field.is_empty() {
            let mut at = 0;
            let urls = self.value.split(',').map(|url| {
                let place = self.part(index, at, url);
                at += url.len() + 1;
                Node::scalar(place, url, false)
            });
            let urls = Node::list(whole, urls.collect());
            pool.push(Entry::new(field, whole, urls));
        }
        if let Some(old) = root.get(&["pool"]) {
            let old_kind = old.get(&["kind"]).and_then(Node::label);
            let same = old_kind.unwrap_or("local") == kind;
            let kept = |old: &&Entry| same && old.key != "kind" && old.key != field;
            pool.extend(old.entries().iter().filter(kept).cloned());
        }
        Node::map(whole, pool)
    }

    /// Puts the value into the tree.
    pub(super) fn apply(&self, index: usize, root: &mut Node, found: &mut Found) {
        let Some(value) = self.value(index, root, found) else {
            return;
        };
        let mut at = self.path_at;
        let mut keys = Vec::new();
        for key in self.path.split('.') {
            let end = match self.path_at {
                0 => self.value_at - 1,
                _ => at + key.chars().count(),
            };
            keys.push((key, Place::Option(index, Span::within(1, at + 1, end + 1))));
            at += key.chars().count() + 1;
        }
        // `null` is a value of a hyper-parameter, and of nothing else.
        let above = &keys[..keys.len() - 1];
        let of_params = |(key, _): &(&str, _)| matches!(*key, "params" | "candidates");
        let is_param = above.iter().any(of_params);
        let value = Some(value).filter(|value| is_param || !value.is_null());
        put(root, &keys, value, found);
    }
}

/// Sets the field at `keys` to a value, or removes it.
fn put(node: &mut Node, keys: &[(&str, Place)], value: Option<Node>, found: &mut Found) {
    let Some(((key, place), rest)) = keys.split_first() else {
        *node = value.unwrap_or_else(|| Node::scalar(node.place, "", true));
        return;
    };
    if node.is_null() {
        *node = Node::map(*place, Vec::new());
    }
    match &mut node.content {
        Content::Map(entries) => {
            if rest.is_empty() && value.is_none() {
                return entries.retain(|entry| entry.key != *key);
            }
            let position = entries.iter().position(|entry| entry.key == *key);
            let position = position.unwrap_or_else(|| {
                let empty = Node::map(*place, Vec::new());
                entries.push(Entry::new(key, *place, empty));
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[position].place = *place;
            }
            put(&mut entries[position].value, rest, value, found);
        }
        Content::List(items) => {
            let len = items.len();
            let index = key.parse::<usize>().ok();
            match index.and_then(|index| items.get_mut(index)) {
                Some(item) => put(item, rest, value, found),
                None => {
                    let message = format!("expected an index into a list of {len}, found `{key}`");
                    found.note(*place, message).hint("indices count from 0");
                }
            }
        }
        Content::Scalar(_) => {
            let message = format!("`{key}` can't be set in {}", node.describe());
            found.note(*place, message);
        }
    }
}
