//! [`explain`]: the YAML parser's errors as messages that say what to do, at
//! the place of the slip rather than where the parser noticed it.

use saphyr_parser::ScanError;

use super::mistake::Span;

/// Where a slip is, what it is, and what to do.
type Explained = (Span, String, String);

/// Words of the parser's error, one of which must be in it; what they mean and
/// what to do.
type Rule = (&'static [&'static str], &'static str, &'static str);

/// Rules that hold wherever the error is.
#[rustfmt::skip] // a row a rule
const RULES: &[Rule] = &[
    (&["tab"], "a tab where YAML needs spaces", "write spaces instead of the tab"),
    (&["quoted scalar|end of stream", "quoted scalar|document indicator", "quoted scalar|indentation"],
        "a quoted text never ends", "close it with the quote that it begins with"),
    (&["quoted scalar|trailing content"], "unexpected text after a quoted text",
        "a quote inside of quotes is written twice ('it''s'), or the other quotes are used (\"it's\")"),
    (&["unknown escape", "hexadecimal number", "Unicode character escape"],
        "an unknown escape in a text in double quotes",
        "a backslash is `\\\\` there; or use single quotes, where it means itself"),
    (&["unknown anchor"], "an alias of nothing", "name the value first: `&name value`, and then `*name`"),
];

/// Rules for errors inside of brackets.
#[rustfmt::skip] // a row a rule
const FLOW_RULES: &[Rule] = &[
    (&["flow mapping"], "expected `,` or `}`", "a `{` is closed by `}`, and its fields are separated by `,`"),
    (&["flow sequence"], "expected `,` or `]`", "a `[` is closed by `]`, and its items are separated by `,`"),
];

/// Rules for errors of the lines' structure.
#[rustfmt::skip] // a row a rule
const BLOCK_RULES: &[Rule] = &[
    (&["mapping values are not allowed", "illegal placement of ':'"], "a `:` where no field can begin",
        "a text that holds `: ` needs quotes; else check the indentation of this line"),
    (&["simple key", "expected key"], "expected `field: value`", SAME_COLUMN),
    (&["block collection", "block sequence entries", "indentation", "wrongly indented"],
        "this line's indentation fits none above it",
        "the fields of one section, and the items of one list, begin in the same column"),
    (&["unexpected character", "expected node content", "cannot start with"],
        "this character can't begin a value", "put the value in quotes"),
    (&["recursion limit"], "nested too deep", "a plan needs no more than a few levels"),
];

const SAME_COLUMN: &str = "the fields of one section begin in the same column";

/// What an error of the parser in `text` means.
pub(super) fn explain(text: &str, error: &ScanError) -> Explained {
    let lines: Vec<&str> = text.lines().collect();
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    // Lines count from 1; the end of the text may be behind the last.
    let at = (line - 1).min(lines.len().saturating_sub(1));
    let source = lines.get(at).copied().unwrap_or_default();
    let says = |words: &str| words.split('|').all(|word| error.info().contains(word));
    let by_rule = |rules: &[Rule]| {
        let rule = rules
            .iter()
            .find(|(words, ..)| words.iter().any(|&words| says(words)));
        rule.map(|(_, message, hint)| mark(line, column, 1, message, hint))
    };

    let mut indentation = source.chars().take_while(|c| c.is_whitespace());
    if let Some(tab) = indentation.position(|c| c == '\t') {
        return mark(
            at + 1,
            tab + 1,
            1,
            "a tab can't indent a line",
            "indent with spaces",
        );
    }
    if let Some(explained) = by_rule(RULES) {
        return explained;
    }
    if let Some((opened, column, bracket)) = unclosed(&lines, at, error.marker().col())
        && opened < at
    {
        let close = if bracket == '[' { ']' } else { '}' };
        let message = format!("this `{bracket}` is never closed");
        return mark(
            opened + 1,
            column + 1,
            1,
            &message,
            &format!("close it with `{close}`"),
        );
    }
    if let Some(explained) = by_rule(FLOW_RULES) {
        return explained;
    }
    if let Some((number, column)) = missing_space(&lines, at) {
        let message = "no space follows this `:`";
        return mark(number + 1, column + 1, 1, message, "write `field: value`");
    }
    let deeper =
        above(&lines, at).is_some_and(|above| indent(source) > indent(above) && has_value(above));
    let structure = [
        "mapping values are not allowed",
        "block collection",
        "indentation",
    ];
    if deeper && structure.iter().any(|words| says(words)) {
        let message =
            "this line is indented deeper than the one above, which has its value already";
        return mark(at + 1, 1, indent(source), message, SAME_COLUMN);
    }
    by_rule(BLOCK_RULES).unwrap_or_else(|| {
        mark(
            line,
            column,
            1,
            error.info(),
            "put texts with special characters in quotes, and check the indentation",
        )
    })
}

fn mark(line: usize, column: usize, length: usize, message: &str, hint: &str) -> Explained {
    let span = Span::within(line, column, column + length);
    (span, message.to_owned(), hint.to_owned())
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ').count()
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

/// The line above, blank lines and comments apart.
fn above<'t>(lines: &[&'t str], at: usize) -> Option<&'t str> {
    lines[..at]
        .iter()
        .rev()
        .find(|line| !is_blank(line))
        .copied()
}

/// Whether a line is `field: value`, with a value.
fn has_value(line: &str) -> bool {
    line.split_once(": ")
        .is_some_and(|(_, value)| !is_blank(value))
}

/// The position of a `:` with no space after it, on this line or on the one
/// above it that is not empty.
fn missing_space(lines: &[&str], at: usize) -> Option<(usize, usize)> {
    let numbers = (0..=at).rev();
    let mut written = numbers
        .filter(|&number| {
            lines
                .get(number)
                .is_some_and(|line| !line.trim().is_empty())
        })
        .take(2);
    written.find_map(|number| {
        let line = lines[number];
        let field = line.trim_start().trim_start_matches("- ");
        let name = field.find(|c: char| !c.is_alphanumeric() && c != '_')?;
        let rest = &field[name..];
        let glued = name > 0 && rest.starts_with(':') && !rest.starts_with(": ") && rest.len() > 1;
        let before = &line[..line.len() - rest.len()];
        (glued && !rest.starts_with("://")).then(|| (number, before.chars().count()))
    })
}

/// The innermost bracket that is open at a place: its line and column, from 0.
fn unclosed(lines: &[&str], at: usize, column: usize) -> Option<(usize, usize, char)> {
    let mut open: Vec<(usize, usize, char)> = Vec::new();
    let mut quote = None;
    for (number, line) in lines.iter().enumerate().take(at + 1) {
        // Where a value can begin, it is a bracket; within one it is text.
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
