//! [`tokens`]: Rust source text as words and signs, without comments, literals
//! and what is compiled for tests only.

/// A word or sign of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    /// Its line, from 1.
    pub(super) line: usize,
}

impl Token<'_> {
    /// Whether it is a name or a keyword.
    pub(super) fn is_word(&self) -> bool {
        self.text.starts_with(is_word_start)
    }
}

fn is_word_start(first: char) -> bool {
    first == '_' || first.is_alphabetic()
}

fn is_word_part(part: char) -> bool {
    part == '_' || part.is_alphanumeric()
}

/// The tokens of `text`: words, `::`, and all other signs one by one.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    let mut line = 1;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = if first.is_whitespace() {
            first.len_utf8()
        } else if let Some(length) = comment(rest).or_else(|| literal(rest)) {
            length
        } else {
            // A raw name is the name.
            let from = if raw_name(rest) { 2 } else { 0 };
            let length = match first {
                _ if is_word_start(first) => from + while_part(&rest[from..]),
                ':' if rest.starts_with("::") => 2,
                _ => first.len_utf8(),
            };
            let text = &rest[from..length];
            tokens.push(Token { text, line });
            length
        };
        line += text[at..at + length].matches('\n').count();
        at += length;
    }
    tokens
}

fn while_part(text: &str) -> usize {
    text.find(|part| !is_word_part(part)).unwrap_or(text.len())
}

fn raw_name(text: &str) -> bool {
    text.strip_prefix("r#")
        .is_some_and(|name| name.starts_with(is_word_start))
}

/// The length of the comment that `text` begins with.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = text.get(at..)?;
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return Some(at);
            }
        } else {
            at += rest.chars().next()?.len_utf8();
        }
    }
}

/// The length of the string, character, number or lifetime that `text` begins
/// with.
fn literal(text: &str) -> Option<usize> {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        let whole = while_part(text);
        let fraction = text[whole..]
            .strip_prefix('.')
            .filter(|rest| rest.starts_with(|digit: char| digit.is_ascii_digit()));
        return Some(whole + fraction.map_or(0, |rest| 1 + while_part(rest)));
    }
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with(['"', '\'', '#']))
    })?;
    let rest = &text[prefix.len()..];
    if prefix.ends_with('r') {
        let signs = rest.find(|sign| sign != '#')?;
        let content = rest[signs..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(signs));
        let length = content
            .find(&end)
            .map_or(content.len(), |at| at + end.len());
        return Some(prefix.len() + signs + 1 + length);
    }
    let quote = rest.chars().next().filter(|quote| *quote != '#')?;
    let content = &rest[1..];
    if quote == '\'' && prefix.is_empty() {
        let mut characters = content.chars();
        let first = characters.next()?;
        if first != '\\' && characters.next() != Some('\'') {
            // A lifetime.
            return Some(1 + while_part(content));
        }
    }
    let mut escaped = false;
    let end = content.find(|part| {
        let ends = !escaped && part == quote;
        escaped = !escaped && part == '\\';
        ends
    });
    Some(prefix.len() + 1 + end.map_or(content.len(), |end| end + 1))
}

/// Takes out the items under `#[cfg(test)]`; the names of the modules among
/// them that have files of their own are put into `modules`.
pub(super) fn without_tests<'a>(
    tokens: &[Token<'a>],
    modules: &mut Vec<&'a str>,
) -> Vec<Token<'a>> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let Some(end) = attribute(&tokens[at..]) else {
            kept.push(tokens[at]);
            at += 1;
            continue;
        };
        let words = |word: &str| tokens[at..at + end].iter().any(|token| token.text == word);
        if !(words("cfg") && words("test") && !words("not")) {
            kept.extend_from_slice(&tokens[at..at + end]);
            at += end;
            continue;
        }
        at += end;
        while let Some(end) = attribute(&tokens[at..]) {
            at += end;
        }
        let end = at + item(&tokens[at..]);
        let module = tokens[at..end]
            .windows(3)
            .find(|three| three[0].text == "mod" && three[2].text == ";");
        modules.extend(module.map(|three| three[1].text));
        at = end;
    }
    kept
}

/// The number of tokens of the attribute that `tokens` begin with.
fn attribute(tokens: &[Token<'_>]) -> Option<usize> {
    let opens = tokens.first()?.text == "#" && tokens.get(1)?.text == "[";
    opens.then(|| 1 + bracketed(&tokens[1..]))
}

/// The number of tokens of the item that `tokens` begin with: up to its block
/// or its semicolon.
fn item(tokens: &[Token<'_>]) -> usize {
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text {
            ";" => return at + 1,
            "{" => {
                let end = at + bracketed(&tokens[at..]);
                // The names of a `use` are in braces, too.
                let more = tokens.get(end).is_some_and(|token| token.text == ";");
                return end + usize::from(more);
            }
            "(" | "[" => at += bracketed(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// The number of tokens from an opening bracket to its closing one.
fn bracketed(tokens: &[Token<'_>]) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[test]
fn comments_and_literals_are_no_tokens() {
    let text = r##"/* a /* b */ c */ x // y
        "s\"::t" b"u" r#"v"w"# 'a' '\'' b'\\' 1.5e3 0..2 r#type 'life: x::y"##;
    let words: Vec<&str> = tokens(text).iter().map(|token| token.text).collect();
    assert_eq!(words, ["x", ".", ".", "type", ":", "x", "::", "y"]);
    assert_eq!(tokens("a\n\"\n\"b")[1].line, 3);
}

#[test]
fn what_is_compiled_for_tests_is_left_out() {
    let text = "
        mod a;
        #[cfg(test)] mod tests;
        #[cfg(test)] #[path = \"x.rs\"] pub(super) use b::{C, D};
        #[cfg(not(test))] use e::F;
        #[cfg(test)] fn g<A, B>(a: [u8; 2]) -> (A, B) { h::i(); }
        #[cfg(test)] mod j { mod k; }
        l!";
    let mut modules = Vec::new();
    let tokens = tokens(text);
    let kept = without_tests(&tokens, &mut modules);
    let words: Vec<&str> = kept.iter().map(|token| token.text).collect();
    assert_eq!(
        words.join(" "),
        "mod a ; # [ cfg ( not ( test ) ) ] use e :: F ; l !"
    );
    assert_eq!(modules, ["tests", "k"]);
}
