//! [`Mistakes`]: all mistakes of one plan, shown for people (`Display`) and as
//! data (`Serialize`).

use std::fmt;

use serde::Serialize;
use unicode_width::UnicodeWidthChar;

use super::mistake::{Found, Mistake, Place, Span};
use super::source::PlanSource;
use crate::store::redacted;

/// The greatest number of mistakes that are shown; the rest is counted. A list
/// of 100,000 candidates can hold as many mistakes.
const SHOWN: usize = 50;

/// The greatest width of a source line that is shown, in characters: with its
/// margin it fits a terminal of 80 columns.
const WIDTH: usize = 68;

/// Every mistake of one plan, in the order of its lines.
///
/// Displayed, each is a line `file:line:column: message`, the line of the plan
/// with the place underlined, and a hint. Serialized, it is a list of objects
/// with `file`, `line`, `column`, `option`, `message` and `hint`, each null
/// where it does not apply.
#[derive(Clone, Debug)]
pub struct Mistakes {
    source: PlanSource,
    list: Vec<Mistake>,
}

impl Mistakes {
    /// Sorts the mistakes by place, and removes duplicates.
    pub(super) fn new(source: PlanSource, found: Found) -> Self {
        let mut list = found.0;
        list.sort_by(|a, b| (a.place, &a.message).cmp(&(b.place, &b.message)));
        list.dedup();
        Self { source, list }
    }

    /// The number of mistakes; at least one.
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
        #[derive(Serialize)]
        struct Located<'a> {
            file: &'a str,
            line: Option<usize>,
            column: Option<usize>,
            option: Option<String>,
            message: String,
            hint: Option<&'a str>,
        }
        serializer.collect_seq(self.list.iter().map(|mistake| {
            let (span, option) = match mistake.place {
                Place::Plan => (None, None),
                Place::File(span) => (Some(span), None),
                Place::Option(index, _) => (None, Some(redacted(self.source.option(index)))),
            };
            Located {
                file: self.source.name(),
                line: span.map(|span| span.line),
                column: span.map(|span| span.column),
                option,
                message: redacted(&mistake.message),
                hint: mistake.hint.as_deref(),
            }
        }))
    }
}

fn show(mistake: &Mistake, source: &PlanSource, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name = source.name();
    let (at, number, snippet) = match mistake.place {
        Place::Plan => (name.to_owned(), String::new(), None),
        Place::File(span) => (
            format!("{name}:{}:{}", span.line, span.column),
            span.line.to_string(),
            source.line(span.line).map(|line| Snippet::new(line, span)),
        ),
        Place::Option(index, span) => {
            let option = source.option(index);
            let snippet = Snippet::new(option, span);
            (redacted(option), String::new(), Some(snippet))
        }
    };
    write!(f, "\n\n{at}: {}", redacted(&mistake.message))?;
    let margin = " ".repeat(number.len());
    if let Some(snippet) = snippet {
        let (gap, carets) = (" ".repeat(snippet.before), "^".repeat(snippet.marked));
        let text = snippet.text;
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

/// The part of a source line that is shown; what is underlined, in columns.
struct Snippet {
    text: String,
    before: usize,
    marked: usize,
}

impl Snippet {
    fn new(line: &str, span: Span) -> Self {
        // One column a character: a tab or a control character would shift
        // the carets, or drive the terminal.
        let printable = |c: char| match c {
            '\t' => ' ',
            c if c.is_control() => '\u{fffd}',
            c => c,
        };
        let chars: Vec<char> = line.trim_end().chars().map(printable).collect();
        let start = (span.column - 1).min(chars.len());
        let end = match span.end_line == span.line {
            true => (span.end_column - 1).min(chars.len()),
            false => chars.len(),
        };
        // The span of a plain scalar includes the spaces after it.
        let last = (start..end).rev().find(|&i| chars[i] != ' ');
        let end = last.map_or(start + 1, |i| i + 1).min(chars.len());
        // A secret must not be shown where it is refused.
        let part = |chars: &[char]| -> Vec<char> {
            let text: String = chars.iter().collect();
            redacted(&text).chars().collect()
        };
        let parts = [&chars[..start], &chars[start..end], &chars[end..]].map(part);
        let (start, end) = (parts[0].len(), parts[0].len() + parts[1].len().max(1));
        let chars = parts.concat();

        // The line from its beginning or to its end, if that shows the place.
        let from = match end <= WIDTH {
            true => 0,
            false => (start.saturating_sub(WIDTH / 2)).min(chars.len().saturating_sub(WIDTH)),
        };
        let to = chars.len().min(from + WIDTH);
        let lead = if from > 0 { "..." } else { "" };
        let tail = if to < chars.len() { "..." } else { "" };
        let width = |chars: &[char]| -> usize {
            let widths = chars.iter().map(|&c| UnicodeWidthChar::width(c));
            widths.map(|width| width.unwrap_or(1)).sum()
        };
        let text: String = chars[from..to].iter().collect();
        Self {
            text: format!("{lead}{text}{tail}"),
            before: lead.len() + width(&chars[from..start]),
            marked: width(&chars[start..end.clamp(start, to)]).max(1),
        }
    }
}
