//! Numbers and truth values that are written as text, as host and guest read them:
//! [`NumberFormat`], the parsers of numbers, and [`Loss`], what a number would not keep
//! of its text.

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NumberFormat {
    /// The character before the fraction.
    pub decimal: u8,
    /// The character between thousands.
    pub thousands: Option<char>,
}

/// `1299.99`.
const PLAIN: NumberFormat = NumberFormat {
    decimal: b'.',
    thousands: None,
};

/// The most bytes of a number that is not in [`PLAIN`] format.
const MOST: usize = 128;

impl NumberFormat {
    /// The format with these characters; a full stop and none by default.
    pub fn new(decimal: Option<char>, thousands: Option<char>) -> Self {
        let decimal = decimal.and_then(|decimal| u8::try_from(decimal).ok());
        Self {
            decimal: decimal.unwrap_or(b'.'),
            thousands,
        }
    }

    /// Whether it is `1299.99`.
    #[inline]
    pub fn is_plain(&self) -> bool {
        *self == PLAIN
    }

    /// A 64-bit whole number.
    pub fn int(&self, text: &[u8]) -> Option<i64> {
        if self.is_plain() {
            return parse_int(text);
        }
        let mut buffer = [0; MOST];
        parse_int(self.rewritten(text, &mut buffer)?)
    }

    /// A number.
    pub fn float(&self, text: &[u8]) -> Option<f64> {
        if self.is_plain() {
            return parse_float(text);
        }
        let mut buffer = [0; MOST];
        parse_float(self.rewritten(text, &mut buffer)?)
    }

    /// What is lost of a text that is a number.
    pub fn loss(&self, text: &[u8]) -> Option<Loss> {
        if self.is_plain() {
            return loss(text);
        }
        let mut buffer = [0; MOST];
        loss(self.rewritten(text, &mut buffer)?)
    }

    /// The same number in [`PLAIN`] format. Groups after the first have three
    /// digits; those before the last may have two, as in India.
    fn rewritten<'b>(&self, text: &[u8], buffer: &'b mut [u8; MOST]) -> Option<&'b [u8]> {
        let mut text = text.trim_ascii();
        let (mut length, mut group, mut groups) = (0, 0, 0);
        let mut push = |byte| {
            *buffer.get_mut(length)? = byte;
            length += 1;
            Some(())
        };
        if let [sign @ (b'+' | b'-'), rest @ ..] = text {
            push(*sign)?;
            text = rest;
        }
        let mut whole = true;
        while let [first, rest @ ..] = text {
            if let Some(rest) = self.after_thousands(text).filter(|_| whole) {
                let fits = if groups == 0 { 1..=3 } else { 2..=3 };
                if !fits.contains(&group) {
                    return None;
                }
                (groups, group) = (groups + 1, 0);
                text = rest;
                continue;
            }
            match first {
                b'0'..=b'9' => group += usize::from(whole),
                _ if !whole => {}
                // The end of the whole part.
                _ if groups > 0 && group != 3 => return None,
                _ => whole = false,
            }
            match *first {
                decimal if decimal == self.decimal => push(b'.')?,
                b'.' => return None,
                other => push(other)?,
            }
            text = rest;
        }
        if whole && groups > 0 && group != 3 {
            return None;
        }
        Some(&buffer[..length])
    }

    /// What follows the separator of thousands. A blank stands for those that
    /// do not break a line, too.
    fn after_thousands<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let thousands = self.thousands?;
        let strip = |char: char| text.strip_prefix(char.encode_utf8(&mut [0; 4]).as_bytes());
        match thousands {
            ' ' => [' ', '\u{a0}', '\u{202f}'].into_iter().find_map(strip),
            other => strip(other),
        }
    }
}

/// What a number would not keep of its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Zeros at the start: `007`.
    Zeros,
    /// Digits: a whole number of more than 15.
    Digits,
    /// All: a finite text that is beyond all numbers, `888E010010`.
    Finite,
}

/// Whether something may be lost of the text of a number: false for most.
#[inline]
pub fn may_lose(text: &[u8]) -> bool {
    match text {
        [b'0', digit, ..] if digit.is_ascii_digit() => true,
        [b'+' | b'-' | b' ', ..] => true,
        _ => text.len() > 15,
    }
}

/// What is lost of the text of a number.
#[cold]
fn loss(text: &[u8]) -> Option<Loss> {
    let text = text.trim_ascii();
    let digits = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    if let [b'0', digit, ..] = digits
        && digit.is_ascii_digit()
    {
        return Some(Loss::Zeros);
    }
    if digits.len() > 15 && digits.iter().all(u8::is_ascii_digit) {
        return Some(Loss::Digits);
    }
    // Without an exponent, only hundreds of digits are beyond all numbers; most
    // texts that come here have a long fraction, and are not parsed again.
    let finite = digits.iter().any(u8::is_ascii_digit)
        && (digits.len() > 300 || digits.iter().any(|byte| matches!(byte, b'e' | b'E')));
    let infinite = finite && parse_float(text).is_some_and(f64::is_infinite);
    infinite.then_some(Loss::Finite)
}

/// A 64-bit whole number, with a sign or without; blanks around it are ignored,
/// as by pandas. From bytes, since `str::parse` takes half as long again.
#[inline]
pub fn parse_int(text: &[u8]) -> Option<i64> {
    let text = text.trim_ascii();
    let (negative, digits) = match text.first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards: the least number has no positive counterpart.
        value = value.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative {
        Some(value)
    } else {
        value.checked_neg()
    }
}

/// A number; blanks around it are ignored.
#[inline]
pub fn parse_float(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    // `infinity` and `nan` are numbers here. In a column of texts, the other
    // values rule numbers out.
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A truth value: `true`, `True`, `TRUE`, or the same of `false`.
#[inline]
pub fn parse_bool(text: &[u8]) -> Option<bool> {
    match text.trim_ascii() {
        b"true" | b"True" | b"TRUE" => Some(true),
        b"false" | b"False" | b"FALSE" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_fit_are_parsed() {
        assert_eq!(parse_int(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_int(b"9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_int(b"9223372036854775808"), None);
        assert_eq!(parse_int(b" +7 "), Some(7));
        for text in [&b""[..], b"-", b"1.0", b"1_000", b"x", b"1 2"] {
            assert_eq!(parse_int(text), None);
        }
        assert_eq!(
            parse_float(b"9223372036854775808"),
            Some(9_223_372_036_854_775_808.0)
        );
        assert_eq!(parse_float(b"1e-3"), Some(0.001));
        assert_eq!(parse_float(b"1,5"), None);
    }

    #[test]
    fn numbers_are_written_in_several_ways() {
        let german = NumberFormat::new(Some(','), Some('.'));
        for (text, number) in [
            ("1.299,99", Some(1299.99)),
            ("-12,5", Some(-12.5)),
            ("1.000.000", Some(1e6)),
            ("7", Some(7.0)),
            ("1,5e3", Some(1500.0)),
            ("12.34", None),
            ("1.2345", None),
            ("1234.567", None),
            (".123", None),
            ("1,299.99", None),
            ("1.", None),
            ("x", None),
        ] {
            assert_eq!(german.float(text.as_bytes()), number, "{text}");
        }
        assert_eq!(german.int(b"1.299"), Some(1299));
        assert_eq!(german.int(b"1.299,0"), None);
        let french = NumberFormat::new(Some(','), Some(' '));
        assert_eq!(french.float("1\u{202f}299,5".as_bytes()), Some(1299.5));
        assert_eq!(french.float(b"1 299,5"), Some(1299.5));
        let indian = NumberFormat::new(None, Some(','));
        assert_eq!(indian.int(b"12,34,567"), Some(1_234_567));
        assert_eq!(indian.float(b"1,000.5"), Some(1000.5));
        assert_eq!(indian.float(b"1.000,5"), None);
        let swiss = NumberFormat::new(None, Some('’'));
        assert_eq!(swiss.int("1’000".as_bytes()), Some(1000));
    }

    #[test]
    fn what_a_number_would_lose_is_found() {
        for (text, lost) in [
            ("0", None),
            ("0.5", None),
            ("-0.25", None),
            ("10", None),
            ("1e10", None),
            ("inf", None),
            ("123456789012345", None),
            ("0.12345678901234567", None),
            ("007", Some(Loss::Zeros)),
            ("-01", Some(Loss::Zeros)),
            ("00.5", Some(Loss::Zeros)),
            ("1234567890123456", Some(Loss::Digits)),
            ("18446744073709551614", Some(Loss::Digits)),
            ("888E010010", Some(Loss::Finite)),
            ("1e999", Some(Loss::Finite)),
        ] {
            assert_eq!(PLAIN.loss(text.as_bytes()), lost, "{text}");
            let found = may_lose(text.as_bytes())
                || parse_float(text.as_bytes()).is_some_and(f64::is_infinite);
            assert!(lost.is_none() || found, "{text}");
        }
    }
}
