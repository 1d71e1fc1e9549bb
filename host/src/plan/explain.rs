//! [`explain`]: what the YAML parser says, in words that say what to do, at
//! the place where the slip was made rather than where it was noticed.

use saphyr_parser::ScanError;

use super::mistake::Span;

/// Why a text is not YAML.
pub(super) struct Explained {
    pub(super) span: Span,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// What an error of the parser about `text` means.
pub(super) fn explain(text: &str, error: &ScanError) -> Explained {
    let lines: Vec<&str> = text.lines().collect();
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    // Lines count from 1; the end of the text may be behind the last.
    let at = (line - 1).min(lines.len().saturating_sub(1));
    let source = lines.get(at).copied().unwrap_or_default();
    let info = error.info();
    let says = |word: &str| info.contains(word);
    let at_mark = |message: &str, hint: &str| mark(line, column, 1, message, hint);

    if let Some(tab) = source
        .chars()
        .take_while(|c| c.is_whitespace())
        .position(|c| c == '\t')
    {
        return mark(
            at + 1,
            tab + 1,
            1,
            "a tab can't indent a line",
            "indent with spaces",
        );
    }
    if says("tab") {
        return at_mark(
            "a tab stands where YAML wants spaces",
            "write spaces instead of the tab",
        );
    }
    if says("quoted scalar")
        && (says("end of stream") || says("document indicator") || says("indentation"))
    {
        return at_mark(
            "a quoted text never ends",
            "close it with the quote that it begins with",
        );
    }
    if says("quoted scalar") && says("trailing content") {
        return at_mark(
            "something stands behind a quoted text",
            "a quote inside of quotes is written twice ('it''s'), or the other quotes are used (\"it's\")",
        );
    }
    if says("unknown escape") || says("hexadecimal number") || says("Unicode character escape") {
        return at_mark(
            "an unknown escape in a text in double quotes",
            "a backslash is `\\\\` there; or use single quotes, where it means itself",
        );
    }
    if says("unknown anchor") {
        return at_mark(
            "an alias of nothing",
            "name the value first: `&name value`, and then `*name`",
        );
    }
    if let Some((opened, column, bracket)) = unclosed(&lines, at, error.marker().col())
        && opened < at
    {
        let close = if bracket == '[' { ']' } else { '}' };
        return mark(
            opened + 1,
            column + 1,
            1,
            &format!("this `{bracket}` is never closed"),
            &format!("close it with `{close}`"),
        );
    }
    if says("flow mapping") || says("flow sequence") {
        let (open, close) = if says("flow mapping") {
            ('{', '}')
        } else {
            ('[', ']')
        };
        return at_mark(
            &format!("expected `,` or `{close}`"),
            &format!("a `{open}` is closed by `{close}`, and what stands between is parted by `,`"),
        );
    }
    if let Some((number, column)) = glued(&lines, at) {
        return mark(
            number + 1,
            column + 1,
            1,
            "no space follows this `:`",
            "write `field: value`",
        );
    }
    let deeper =
        above(&lines, at).is_some_and(|above| indent(source) > indent(above) && has_value(above));
    if deeper
        && (says("mapping values are not allowed")
            || says("block collection")
            || says("indentation"))
    {
        let indent = indent(source);
        return mark(
            at + 1,
            1,
            indent,
            "this line is indented deeper than the one above, which has its value already",
            "the fields of one section begin in the same column",
        );
    }
    if says("mapping values are not allowed") || says("illegal placement of ':'") {
        return at_mark(
            "a `:` where no field can begin",
            "a text that holds `: ` needs quotes; else check the indentation of this line",
        );
    }
    if says("simple key") || says("expected key") {
        return at_mark(
            "expected `field: value`",
            "the fields of one section begin in the same column",
        );
    }
    if says("block collection")
        || says("block sequence entries")
        || says("indentation")
        || says("wrongly indented")
    {
        return at_mark(
            "this line's indentation fits none above it",
            "the fields of one section, and the items of one list, begin in the same column",
        );
    }
    if says("unexpected character") || says("expected node content") || says("cannot start with") {
        return at_mark(
            "this character can't begin a value",
            "put the value in quotes",
        );
    }
    if says("recursion limit") {
        return at_mark("nested too deep", "a plan needs no more than a few levels");
    }
    Explained {
        span: span(line, column, 1),
        message: info.to_owned(),
        hint: None,
    }
}

fn span(line: usize, column: usize, length: usize) -> Span {
    Span {
        line,
        column,
        end_line: line,
        end_column: column + length,
    }
}

fn mark(line: usize, column: usize, length: usize, message: &str, hint: &str) -> Explained {
    Explained {
        span: span(line, column, length),
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

/// The line above that says something.
fn above<'t>(lines: &[&'t str], at: usize) -> Option<&'t str> {
    let says = |line: &&&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    lines[..at].iter().rev().find(says).copied()
}

/// Whether a line is `field: value`, with a value.
fn has_value(line: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(_, value)| !value.trim().is_empty() && !value.trim().starts_with('#'))
}

/// A field and its value with no space between, on this line or the one that
/// says something above it; the position of the `:`.
fn glued(lines: &[&str], at: usize) -> Option<(usize, usize)> {
    (0..=at)
        .rev()
        .filter(|&number| !lines.get(number).is_none_or(|line| line.trim().is_empty()))
        .take(2)
        .find_map(|number| {
            let line = lines[number];
            let field = line.trim_start().trim_start_matches("- ");
            let name = field.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            let rest = &field[name..];
            let glued =
                name > 0 && rest.starts_with(':') && !rest.starts_with(": ") && rest.len() > 1;
            let before = &line[..line.len() - rest.len()];
            (glued && !rest.starts_with("://")).then(|| (number, before.chars().count()))
        })
}

/// The innermost bracket that is open at a place: its line and column, from 0.
fn unclosed(lines: &[&str], at: usize, column: usize) -> Option<(usize, usize, char)> {
    let mut open: Vec<(usize, usize, char)> = Vec::new();
    let mut quote = None;
    for (number, line) in lines.iter().enumerate().take(at + 1) {
        // What can begin a value is a bracket; in the midst of one it is text.
        let mut before = ' ';
        let mut begins = true;
        for (index, c) in line.chars().enumerate() {
            if number == at && index >= column {
                break;
            }
            match quote {
                Some(end) if c == end && before != '\\' => quote = None,
                Some(_) => {}
                None if c == '#' && before.is_whitespace() => break,
                None if begins && matches!(c, '"' | '\'') => quote = Some(c),
                None if matches!(c, '[' | '{') && (begins || !open.is_empty()) => {
                    open.push((number, index, c))
                }
                None if matches!(c, ']' | '}') => drop(open.pop()),
                None => {}
            }
            if !c.is_whitespace() {
                begins = matches!(c, ':' | ',' | '[' | '{' | '-' | '?');
            }
            before = c;
        }
    }
    open.pop()
}
