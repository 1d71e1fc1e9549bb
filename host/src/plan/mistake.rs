//! [`Mistakes`]: everything that is wrong with one plan, each with its place.
//!
//! It shows; it never decides what is a mistake, nor changes a plan.

use std::fmt;

use serde::Serialize;
use serde::ser::SerializeStruct as _;
use unicode_width::UnicodeWidthChar;

use super::PlanSource;
use crate::store::redacted;

/// How many mistakes are shown; the rest is counted. A list of a hundred
/// thousand candidates can hold as many mistakes.
const SHOWN: usize = 50;

/// The widest part of a source line that is shown, in characters: with what
/// stands around it, it fits a terminal of 80 columns.
const WIDTH: usize = 68;

/// A stretch of text, in characters; lines and columns count from 1, and the
/// end is the first position after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) end_line: usize,
    pub(super) end_column: usize,
}

/// Where something stands. The order is that in which mistakes are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Nowhere in particular: something is missing at the top.
    Plan,
    /// In the plan's file.
    File(Span),
    /// In an option of the command line, by its index.
    Option(usize, Span),
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Mistake {
    /// A mistake with nothing to advise.
    pub(super) fn new(place: Place, message: impl Into<String>) -> Self {
        Self {
            place,
            message: message.into(),
            hint: None,
        }
    }

    /// The same with advice.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with advice, where there is any.
    pub(super) fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

/// Every mistake of one plan, in the order of its lines.
///
/// Shown, each is a line `file:line:column: what is wrong`, the line of the
/// plan with the place underlined, and what to do. Serialized, it is a list
/// of objects with `file`, `line`, `column`, `option`, `message` and `hint`,
/// null where there is none.
#[derive(Clone, Debug)]
pub struct Mistakes {
    source: PlanSource,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// Sorts the mistakes by place; two with the same words at the same place
    /// are one.
    pub(super) fn new(source: PlanSource, mut list: Vec<Mistake>) -> Self {
        list.sort_by(|a, b| (a.place, &a.message).cmp(&(b.place, &b.message)));
        list.dedup();
        Self { source, list }
    }

    /// How many there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.list.len()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.list.len() {
            1 => write!(f, "the plan `{}` has a mistake", self.source.name())?,
            n => write!(f, "the plan `{}` has {n} mistakes", self.source.name())?,
        }
        for mistake in self.list.iter().take(SHOWN) {
            f.write_str("\n\n")?;
            show(mistake, &self.source, f)?;
        }
        match self.list.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\n\n... and {more} more"),
        }
    }
}

impl Serialize for Mistakes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.list.iter().map(|mistake| Located {
            mistake,
            source: &self.source,
        }))
    }
}

struct Located<'a> {
    mistake: &'a Mistake,
    source: &'a PlanSource,
}

impl Serialize for Located<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (span, option) = match self.mistake.place {
            Place::Plan => (None, None),
            Place::File(span) => (Some(span), None),
            Place::Option(index, _) => (None, Some(redacted(self.source.option(index)))),
        };
        let mut out = serializer.serialize_struct("Mistake", 6)?;
        out.serialize_field("file", self.source.name())?;
        out.serialize_field("line", &span.map(|span| span.line))?;
        out.serialize_field("column", &span.map(|span| span.column))?;
        out.serialize_field("option", &option)?;
        out.serialize_field("message", &self.mistake.message)?;
        out.serialize_field("hint", &self.mistake.hint)?;
        out.end()
    }
}

fn show(mistake: &Mistake, source: &PlanSource, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = source.name();
    let (number, snippet) = match mistake.place {
        Place::Plan => {
            write!(f, "{name}: {}", mistake.message)?;
            (String::new(), None)
        }
        Place::File(span) => {
            write!(
                f,
                "{name}:{}:{}: {}",
                span.line, span.column, mistake.message
            )?;
            let line = source.line(span.line).map(|line| Snippet::new(line, span));
            (span.line.to_string(), line)
        }
        Place::Option(index, span) => {
            let option = source.option(index);
            write!(f, "{}: {}", redacted(option), mistake.message)?;
            (String::new(), Some(Snippet::new(option, span)))
        }
    };
    let margin = " ".repeat(number.len());
    if let Some(Snippet {
        text,
        before,
        marked,
    }) = snippet
    {
        let (gap, carets) = (" ".repeat(before), "^".repeat(marked));
        write!(
            f,
            "\n{margin} |\n{number} | {text}\n{margin} | {gap}{carets}"
        )?;
    }
    match &mistake.hint {
        Some(hint) => write!(f, "\n{margin} = {hint}"),
        None => Ok(()),
    }
}

/// What is shown of a line, and which part of it is underlined.
struct Snippet {
    text: String,
    before: usize,
    marked: usize,
}

impl Snippet {
    fn new(line: &str, span: Span) -> Self {
        // One column a character: a tab or a control character would shift
        // the carets, or drive the terminal.
        let chars: Vec<char> = line
            .trim_end()
            .chars()
            .map(|c| {
                if c == '\t' {
                    ' '
                } else if c.is_control() {
                    '\u{fffd}'
                } else {
                    c
                }
            })
            .collect();
        let start = (span.column - 1).min(chars.len());
        let end = if span.end_line == span.line {
            span.end_column - 1
        } else {
            chars.len()
        };
        let end = end.min(chars.len());
        // The spaces behind a plain text and a comment are no part of it.
        let end = (start..end)
            .rev()
            .find(|&i| chars[i] != ' ')
            .map_or(start + 1, |i| i + 1)
            .min(chars.len());
        // A secret must not be shown where it is refused.
        let part = |chars: &[char]| -> Vec<char> {
            redacted(&chars.iter().collect::<String>())
                .chars()
                .collect()
        };
        let parts = [&chars[..start], &chars[start..end], &chars[end..]].map(part);
        let (start, end) = (parts[0].len(), parts[0].len() + parts[1].len().max(1));
        let chars = parts.concat();

        // The line from its beginning or to its end, if that shows the place.
        let from = if end <= WIDTH {
            0
        } else {
            (start.saturating_sub(WIDTH / 2)).min(chars.len().saturating_sub(WIDTH))
        };
        let to = chars.len().min(from + WIDTH);
        let lead = if from > 0 { "..." } else { "" };
        let tail = if to < chars.len() { "..." } else { "" };
        let width = |chars: &[char]| -> usize {
            chars
                .iter()
                .map(|&c| UnicodeWidthChar::width(c).unwrap_or(1))
                .sum()
        };
        let text: String = chars[from..to].iter().collect();
        Self {
            text: format!("{lead}{text}{tail}"),
            before: lead.len() + width(&chars[from..start]),
            marked: width(&chars[start..end.clamp(start, to)]).max(1),
        }
    }
}
