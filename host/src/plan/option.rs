//! [`Override`]: an option of the command line that stands for a field of the
//! plan. It is put into the tree before the plan is decoded, so that it is
//! checked like the plan, by the same words.

use super::mistake::{Mistake, Place, Span};
use super::node::{Content, Entry, Node, Scalar};
use super::reader::Noted;
use super::syntax::parse;

/// A field's value from the command line.
#[derive(Clone, Debug)]
pub struct Override {
    /// The option as it was written: `--set cv.n_splits=3`.
    shown: String,
    path: String,
    /// Where in `shown` the path begins, where the value does, in characters.
    path_at: usize,
    value_at: usize,
    value: String,
    /// Whether the value is YAML, or a text as it stands.
    yaml: bool,
}

/// An option that is no override.
#[derive(Debug, thiserror::Error)]
#[error("expected `--set path.to.field=VALUE`, found `--set {0}`")]
pub struct ParseOverrideError(String);

impl Override {
    /// `--set path.to.field=VALUE`. The value is YAML; items of a list are
    /// named by their index from 0; `null` takes a field away, but is a value
    /// to a hyper-parameter.
    pub fn set(argument: &str) -> Result<Self, ParseOverrideError> {
        let (path, value) = argument
            .split_once('=')
            .ok_or_else(|| ParseOverrideError(argument.to_owned()))?;
        if path.split('.').any(|key| key.trim().is_empty()) {
            return Err(ParseOverrideError(argument.to_owned()));
        }
        let path_at = "--set ".len();
        Ok(Self {
            shown: format!("--set {argument}"),
            path: path.to_owned(),
            path_at,
            value_at: path_at + path.chars().count() + 1,
            value: value.to_owned(),
            yaml: true,
        })
    }

    /// `--output DIR`.
    pub fn output(folder: &str) -> Self {
        Self::option("--output", "output", folder, false)
    }

    /// `--store URL`.
    pub fn store(url: &str) -> Self {
        Self::option("--store", "store", url, false)
    }

    /// `--pool URL`, one or several, or `local`: what runs the tasks. The
    /// settings of a plan's pool of the same kind stay.
    pub fn pool(names: &[String]) -> Self {
        Self::option("--pool", "pool", &names.join(","), false)
    }

    /// `--workers N`.
    pub fn workers(count: &str) -> Self {
        Self::option("--workers", "pool.workers", count, true)
    }

    fn option(option: &str, path: &str, value: &str, yaml: bool) -> Self {
        Self {
            shown: format!("{option} {value}"),
            path: path.to_owned(),
            path_at: 0,
            value_at: option.len() + 1,
            value: value.to_owned(),
            yaml,
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// A stretch of the shown option.
    fn span(from: usize, to: usize) -> Span {
        Span {
            line: 1,
            column: from + 1,
            end_line: 1,
            end_column: to + 1,
        }
    }

    fn value(&self, index: usize, noted: Noted<'_>) -> Option<Node> {
        let whole = Place::Option(index, Self::span(self.value_at, self.shown.chars().count()));
        if !self.yaml {
            let scalar = Scalar {
                text: self.value.clone(),
                plain: false,
            };
            return Some(Node {
                place: whole,
                content: Content::Scalar(scalar),
            });
        }
        let shift = |line: usize, column: usize| {
            if line == 1 {
                column + self.value_at
            } else {
                column
            }
        };
        let place = |span: Span| {
            Place::Option(
                index,
                Span {
                    column: shift(span.line, span.column),
                    end_column: shift(span.end_line, span.end_column),
                    ..span
                },
            )
        };
        let before = noted.len();
        let mut own = Vec::new();
        let node = parse(&self.value, place, &mut own);
        noted.append(&mut own);
        match node {
            // Nothing at all is null, as it is behind a field of the plan.
            None if noted.len() == before => {
                let scalar = Scalar {
                    text: String::new(),
                    plain: true,
                };
                Some(Node {
                    place: whole,
                    content: Content::Scalar(scalar),
                })
            }
            node => node,
        }
    }

    /// The pool of the kind that the value means, with the fields that the
    /// plan's pool has where it is of that kind.
    fn apply_pool(&self, index: usize, root: &mut Node) {
        let Content::Map(fields) = &mut root.content else {
            return;
        };
        let place = |from: usize, text: &str| {
            let from = self.value_at + self.value[..from].chars().count();
            Place::Option(index, Self::span(from, from + text.chars().count()))
        };
        let whole = place(0, &self.value);
        let text = |place, text: &str| Node {
            place,
            content: Content::Scalar(Scalar {
                text: text.to_owned(),
                plain: false,
            }),
        };
        let entry = |key: &str, value| Entry {
            key: key.to_owned(),
            place: whole,
            value,
        };
        // The kind, and the field that the URLs belong to.
        let (kind, field) = if self.value == "local" {
            ("local", "")
        } else if self.value.starts_with("nats://") || self.value.starts_with("tls://") {
            ("nats", "servers")
        } else {
            ("http", "endpoints")
        };
        let mut pool = vec![entry("kind", text(whole, kind))];
        if kind != "local" {
            let mut at = 0;
            let urls = self.value.split(',').map(|url| {
                let node = text(place(at, url), url);
                at += url.len() + 1;
                node
            });
            let urls = Node {
                content: Content::List(urls.collect()),
                place: whole,
            };
            pool.push(entry(field, urls));
        }
        let old = fields.iter().position(|entry| entry.key == "pool");
        if let Some(old) = old.map(|old| fields.remove(old).value) {
            let same = old
                .entry("kind")
                .and_then(|entry| entry.value.label())
                .unwrap_or("local")
                == kind;
            let kept = old
                .entries()
                .iter()
                .filter(|entry| same && entry.key != "kind" && entry.key != field);
            pool.extend(kept.cloned());
        }
        fields.push(entry(
            "pool",
            Node {
                place: whole,
                content: Content::Map(pool),
            },
        ));
    }

    /// Puts the value into the tree.
    pub(super) fn apply(&self, index: usize, root: &mut Node, noted: Noted<'_>) {
        if self.path_at == 0 && self.path == "pool" {
            return self.apply_pool(index, root);
        }
        let Some(value) = self.value(index, noted) else {
            return;
        };
        let mut at = self.path_at;
        let mut keys = Vec::new();
        for key in self.path.split('.') {
            let end = if self.path_at == 0 {
                self.value_at - 1
            } else {
                at + key.chars().count()
            };
            keys.push((key, Place::Option(index, Self::span(at, end))));
            at += key.chars().count() + 1;
        }
        // `null` is a value to a hyper-parameter, and to nothing else.
        let takes_null = matches!(
            keys[..],
            [("trainer", _), ("params", _), _, ..] | [("search", _), _, _, ..]
        );
        let remove = value.is_null() && !takes_null;
        put(root, &keys, value, remove, noted);
    }
}

fn put(node: &mut Node, keys: &[(&str, Place)], value: Node, remove: bool, noted: Noted<'_>) {
    let Some(((key, place), rest)) = keys.split_first() else {
        *node = value;
        return;
    };
    if node.is_null() {
        *node = Node::map(*place);
    }
    match &mut node.content {
        Content::Map(entries) => {
            let found = entries.iter().position(|entry| entry.key == *key);
            if remove && rest.is_empty() {
                if let Some(found) = found {
                    entries.remove(found);
                }
                return;
            }
            let found = found.unwrap_or_else(|| {
                let entry = Entry {
                    key: (*key).to_owned(),
                    place: *place,
                    value: Node::map(*place),
                };
                entries.push(entry);
                entries.len() - 1
            });
            if rest.is_empty() {
                entries[found].place = *place;
            }
            put(&mut entries[found].value, rest, value, remove, noted);
        }
        Content::List(items) => {
            let len = items.len();
            match key
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index))
            {
                Some(item) => put(item, rest, value, remove, noted),
                None => noted.push(
                    Mistake::new(
                        *place,
                        format!("expected an index into a list of {len}, found `{key}`"),
                    )
                    .hint("indices count from 0"),
                ),
            }
        }
        Content::Scalar(_) => {
            let message = format!("`{key}` can't be set in {}", node.describe());
            noted.push(Mistake::new(*place, message));
        }
    }
}
