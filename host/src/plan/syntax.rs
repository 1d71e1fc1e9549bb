//! Parsing YAML into [`Node`]s. A text that is not YAML gives one mistake; each
//! repeated key gives one.
//!
//! It refuses what a plan has no use for: tags, merge keys, keys that are not
//! text, a second document; and what only an attack needs: deep nesting, and
//! aliases that multiply.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::mistake::{Found, Mistake, Place, Span};
use super::node::{Content, Entry, Node};
use super::syntax_error::explain;

/// Threat: a recursion over the tree that overflows the stack.
const MAX_DEPTH: usize = 64;

/// Threat: aliases of aliases that fill the memory. The rest is bounded by the
/// size of the file.
const MAX_REPEATED: usize = 1_000_000;

/// Threat: the search for repeated keys, which takes the square of a map's
/// size.
const MAX_FIELDS: usize = 10_000;

/// Parses one document; `None` where it is empty or not YAML. `place` gives the
/// place of a span of `text`.
pub(super) fn parse(text: &str, place: impl Fn(Span) -> Place, found: &mut Found) -> Option<Node> {
    let mut builder = Builder {
        place,
        found,
        open: Vec::new(),
        root: None,
        anchors: Vec::new(),
        repeated: 0,
    };
    match builder.run(text) {
        Ok(()) => builder.root,
        Err(mistake) => {
            // Mistakes found before are of a text that is not understood.
            builder.found.0 = vec![mistake];
            None
        }
    }
}

struct Builder<'m, P> {
    place: P,
    found: &'m mut Found,
    open: Vec<Open>,
    root: Option<Node>,
    /// By the parser's number, which counts from 1.
    anchors: Vec<Option<Node>>,
    /// The number of values that aliases have repeated.
    repeated: usize,
}

/// A list or a map whose end was not reached yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The key whose value comes next.
    key: Option<(String, Place)>,
}

impl<P: Fn(Span) -> Place> Builder<'_, P> {
    fn run(&mut self, text: &str) -> Result<(), Mistake> {
        let mut parser = Parser::new_from_str(text);
        let mut documents = 0;
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let (span, message, hint) = explain(text, &error);
                let mistake = Mistake::new((self.place)(span), format!("not YAML: {message}"));
                mistake.with_hint(hint)
            })?;
            let place = (self.place)(Span {
                line: span.start.line(),
                column: span.start.col() + 1,
                end_line: span.end.line(),
                end_column: span.end.col() + 1,
            });
            match event {
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        let hint = "a plan is one document: remove the `---` and what follows";
                        let mistake = Mistake::new(place, "a second document begins here");
                        return Err(mistake.with_hint(hint));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    let plain = style == ScalarStyle::Plain;
                    self.add(Node::scalar(place, &text, plain), anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    self.begin(Node::list(place, Vec::new()), anchor)?;
                }
                Event::MappingStart(anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    self.begin(Node::map(place, Vec::new()), anchor)?;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Open {
                        mut node, anchor, ..
                    } = self.open.pop().expect("an end has a beginning");
                    node.place = extended(node.place, place);
                    self.add(node, anchor)?;
                }
                Event::Alias(anchor) => {
                    let node = self.anchors.get(anchor).cloned().flatten().ok_or_else(|| {
                        Mistake::new(place, "an alias is inside the value that it repeats")
                            .with_hint("write out the value here")
                    })?;
                    self.repeated += 1 + count(&node);
                    if self.repeated > MAX_REPEATED {
                        let message = format!("aliases repeat more than {MAX_REPEATED} values");
                        let hint = "write the values out where they are needed";
                        return Err(Mistake::new(place, message).with_hint(hint));
                    }
                    self.add(node, 0)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        if let Some(open) = self.open.last()
            && matches!(open.node.content, Content::Map(_))
            && open.key.is_none()
        {
            key(&node)?;
        }
        if self.open.len() >= MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            let hint = "a plan needs no more than a few levels";
            return Err(Mistake::new(node.place, message).with_hint(hint));
        }
        self.open.push(Open {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        if anchor > 0 {
            self.anchors
                .resize(self.anchors.len().max(anchor + 1), None);
            self.anchors[anchor] = Some(node.clone());
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut open.node.content {
            Content::List(items) => items.push(node),
            Content::Map(entries) => match open.key.take() {
                None => open.key = Some(key(&node)?),
                Some((key, place)) => match entries.iter().find(|entry| entry.key == key) {
                    Some(first) => {
                        let mistake = self.found.note(place, format!("`{key}` is given twice"));
                        if let Place::File(span) = first.place {
                            mistake.hint(format!("the first is on line {}", span.line));
                        }
                    }
                    None if entries.len() == MAX_FIELDS => {
                        let message = format!("a map of more than {MAX_FIELDS} fields");
                        return Err(Mistake::new(place, message));
                    }
                    None => {
                        let value = node;
                        entries.push(Entry { key, place, value });
                    }
                },
            },
            Content::Scalar(_) => unreachable!("a scalar is never open"),
        }
        Ok(())
    }
}

fn refuse_tag(tagged: bool, place: Place) -> Result<(), Mistake> {
    if !tagged {
        return Ok(());
    }
    let hint = "remove the tag; put the value in quotes if it begins with `!` or is meant as text";
    Err(Mistake::new(place, "a plan has no tags (`!...`)").with_hint(hint))
}

/// A field's name and its place.
fn key(node: &Node) -> Result<(String, Place), Mistake> {
    match node.label() {
        Some("<<") => Err(Mistake::new(node.place, "a plan has no merge keys (`<<`)")
            .with_hint("write the fields out; an alias (`*name`) repeats a whole value")),
        Some(label) => Ok((label.to_owned(), node.place)),
        None => {
            let message = format!("a field's name is a text, not {}", node.describe());
            Err(Mistake::new(node.place, message).with_hint("write `field: value`"))
        }
    }
}

fn count(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 0,
        Content::List(items) => items.iter().map(|item| 1 + count(item)).sum(),
        Content::Map(entries) => entries.iter().map(|entry| 1 + count(&entry.value)).sum(),
    }
}

/// The place of a list or a map, from its first event to its last.
fn extended(start: Place, end: Place) -> Place {
    let join = |start: Span, end: Span| Span {
        end_line: end.end_line,
        end_column: end.end_column,
        ..start
    };
    match (start, end) {
        (Place::File(start), Place::File(end)) => Place::File(join(start, end)),
        (Place::Option(index, start), Place::Option(_, end)) => {
            Place::Option(index, join(start, end))
        }
        (start, _) => start,
    }
}
