//! YAML text to [`Node`]s. A text that is not YAML gives one mistake; keys
//! that are given twice give one each.
//!
//! It refuses what a plan has no use for: tags, merge keys, keys that are no
//! text, a second document; and what only an attack needs: deep nesting, and
//! aliases that multiply.

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::explain::{Explained, explain};
use super::mistake::{Mistake, Place, Span};
use super::node::{Content, Entry, Node, Scalar};

/// Threat: a recursion over the tree that overflows the stack.
const MAX_DEPTH: usize = 64;

/// Threat: aliases of aliases that fill the memory. What is written out is
/// bounded by the size of the file.
const MAX_REPEATED: usize = 1_000_000;

/// Threat: looking for keys given twice, which takes a map's size squared.
const MAX_FIELDS: usize = 10_000;

/// Reads one document; `None` where nothing stands in it, or where it is not
/// YAML. `place` says where a span of `text` is.
pub(super) fn parse(
    text: &str,
    place: impl Fn(Span) -> Place,
    mistakes: &mut Vec<Mistake>,
) -> Option<Node> {
    let mut builder = Builder {
        place,
        mistakes,
        open: Vec::new(),
        root: None,
        anchors: Vec::new(),
        repeated: 0,
    };
    match builder.run(text) {
        Ok(()) => builder.root,
        Err(mistake) => {
            // What was found before is of a text that is not understood.
            builder.mistakes.clear();
            builder.mistakes.push(mistake);
            None
        }
    }
}

struct Builder<'m, P> {
    place: P,
    mistakes: &'m mut Vec<Mistake>,
    open: Vec<Open>,
    root: Option<Node>,
    /// By the parser's number, which counts from 1.
    anchors: Vec<Option<Node>>,
    /// How many values aliases have stood for.
    repeated: usize,
}

/// A list or a map whose end has not come.
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
            let (event, span) = match event {
                Ok(event) => event,
                Err(error) => {
                    let Explained {
                        span,
                        message,
                        hint,
                    } = explain(text, &error);
                    let mistake = Mistake::new((self.place)(span), format!("not YAML: {message}"));
                    return Err(mistake.maybe_hint(hint));
                }
            };
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
                        return Err(Mistake::new(place, "a second document begins here")
                            .hint("a plan is one document: remove the `---` and what follows"));
                    }
                }
                Event::Scalar(text, style, anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    let plain = style == ScalarStyle::Plain;
                    let content = Content::Scalar(Scalar {
                        text: text.into_owned(),
                        plain,
                    });
                    self.add(Node { place, content }, anchor)?;
                }
                Event::SequenceStart(anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    self.begin(
                        Node {
                            place,
                            content: Content::List(Vec::new()),
                        },
                        anchor,
                    )?;
                }
                Event::MappingStart(anchor, tag) => {
                    refuse_tag(tag.is_some(), place)?;
                    self.begin(Node::map(place), anchor)?;
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
                        Mistake::new(place, "an alias stands inside of what it stands for")
                            .hint("write out the value that it is to stand for here")
                    })?;
                    self.repeated += 1 + count(&node);
                    if self.repeated > MAX_REPEATED {
                        let message = format!("aliases repeat more than {MAX_REPEATED} values");
                        return Err(Mistake::new(place, message)
                            .hint("write the values out where they are needed"));
                    }
                    self.add(node, 0)?;
                }
                Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            }
        }
        Ok(())
    }

    fn begin(&mut self, node: Node, anchor: usize) -> Result<(), Mistake> {
        if let Some(Open {
            node: Node {
                content: Content::Map(_),
                ..
            },
            key: None,
            ..
        }) = self.open.last()
        {
            return Err(
                Mistake::new(node.place, "a field's name is a text, not a list or a map")
                    .hint("write `field: value`"),
            );
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(
                Mistake::new(node.place, format!("nested deeper than {MAX_DEPTH} levels"))
                    .hint("a plan needs no more than a few levels"),
            );
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
                        let mistake = Mistake::new(place, format!("`{key}` is given twice"));
                        let hint = match first.place {
                            Place::File(span) => {
                                Some(format!("the first is on line {}", span.line))
                            }
                            _ => None,
                        };
                        self.mistakes.push(mistake.maybe_hint(hint));
                    }
                    None if entries.len() == MAX_FIELDS => {
                        return Err(Mistake::new(
                            place,
                            format!("a map of more than {MAX_FIELDS} fields"),
                        ));
                    }
                    None => entries.push(Entry {
                        key,
                        place,
                        value: node,
                    }),
                },
            },
            Content::Scalar(_) => unreachable!("a scalar is never open"),
        }
        Ok(())
    }
}

fn refuse_tag(tagged: bool, place: Place) -> Result<(), Mistake> {
    if tagged {
        return Err(Mistake::new(place, "a plan has no tags (`!...`)").hint(
            "remove the tag; put the value in quotes if it begins with `!` or is meant as text",
        ));
    }
    Ok(())
}

fn key(node: &Node) -> Result<(String, Place), Mistake> {
    match node.label() {
        Some("<<") => Err(Mistake::new(node.place, "a plan has no merge keys (`<<`)")
            .hint("write the fields out; an alias (`*name`) stands for a whole value")),
        Some(label) => Ok((label.to_owned(), node.place)),
        None => Err(Mistake::new(
            node.place,
            format!("a field's name is a text, not {}", node.describe()),
        )
        .hint("write `field: value`")),
    }
}

fn count(node: &Node) -> usize {
    match &node.content {
        Content::Scalar(_) => 0,
        Content::List(items) => items.iter().map(|item| 1 + count(item)).sum(),
        Content::Map(entries) => entries.iter().map(|entry| 1 + count(&entry.value)).sum(),
    }
}

/// From where a list or a map begins to where it ends.
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
