//! [`Parts`]: a `multipart/form-data` body (RFC 7578): of a request with its dataset,
//! or of an answer with its artifacts. A part is a slice of the body; nothing is
//! copied.

use std::collections::BTreeSet;

use bytes::Bytes;

/// The maximum size of the headers of a part. Threat: a name goes into error
/// messages.
const MAX_HEADER_BYTES: usize = 16 * 1024;

/// The parts of a body, with their names, in order.
#[derive(Debug)]
pub struct Parts(Vec<(String, Bytes)>);

impl Parts {
    /// Splits a body whose `content-type` header is `content_type`, into at most `most`
    /// parts.
    ///
    /// # Errors
    /// A message that says what is wrong with it.
    pub fn read(content_type: &str, body: &Bytes, most: usize) -> Result<Self, String> {
        let boundary = boundary(content_type)
            .ok_or("the `content-type` is not `multipart/form-data` with a boundary")?;
        let delimiter = [b"--", boundary.as_bytes()].concat();
        let mut at = find(body, &delimiter, 0).ok_or("the body does not hold its boundary")?;
        let mut parts: Vec<(String, Bytes)> = Vec::new();
        let mut names = BTreeSet::new();
        loop {
            at += delimiter.len();
            if body[at..].starts_with(b"--") {
                return Ok(Self(parts));
            }
            let head = line_end(body, at).ok_or("a boundary does not end its line")?;
            // The search starts at the line break of the boundary, so that a
            // part without headers is found as well.
            let head_end = find(body, b"\r\n\r\n", head - 2)
                .ok_or("a part has no blank line after its headers")?;
            if head_end.saturating_sub(head) > MAX_HEADER_BYTES {
                return Err(format!(
                    "the headers of a part are larger than the limit of {MAX_HEADER_BYTES} bytes"
                ));
            }
            if parts.len() == most {
                return Err(format!("the body has more than {most} parts"));
            }
            // A delimiter includes the line break before it.
            let content = head_end + 4;
            let next = find(body, &[b"\r\n", delimiter.as_slice()].concat(), content - 2)
                .ok_or("the last part is cut off: no boundary follows it")?;
            let name = name(&body[head.min(head_end)..head_end])
                .ok_or("a part has no `content-disposition` with a name")?;
            if !names.insert(name.clone()) {
                return Err(format!("two parts are named `{name}`"));
            }
            parts.push((name, body.slice(content.min(next)..next)));
            at = next + 2;
        }
    }

    /// The content of the part called `name`.
    pub fn get(&self, name: &str) -> Option<&Bytes> {
        let part = self.0.iter().find(|(known, _)| known == name);
        part.map(|(_, content)| content)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// The names and contents, in order.
    pub fn into_inner(self) -> Vec<(String, Bytes)> {
        self.0
    }
}

/// A body of parts with names and contents, and its content type. The boundary
/// must not occur in a content.
pub fn write(boundary: &str, parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, content) in parts {
        let head =
            format!("--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// The boundary of a `multipart/form-data` content type.
fn boundary(content_type: &str) -> Option<String> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())
}

/// The name that a part's `content-disposition` gives.
fn name(headers: &[u8]) -> Option<String> {
    let headers = std::str::from_utf8(headers).ok()?;
    headers.split("\r\n").find_map(|header| {
        let (field, value) = header.split_once(':')?;
        if !field.trim().eq_ignore_ascii_case("content-disposition") {
            return None;
        }
        let (kind, parameters) = value.split_once(';')?;
        if !kind.trim().eq_ignore_ascii_case("form-data") {
            return None;
        }
        parameter(parameters, "name")
    })
}

/// The value of one `;`-separated parameter, quoted or not.
fn parameter(mut parameters: &str, wanted: &str) -> Option<String> {
    loop {
        let (key, rest) = parameters.split_once('=')?;
        let (value, rest) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => match rest.find(';') {
                Some(end) => rest.split_at(end),
                None => (rest, ""),
            },
        };
        if key
            .trim_matches([' ', ';', '\t'])
            .eq_ignore_ascii_case(wanted)
        {
            return Some(value.trim_end().to_owned());
        }
        parameters = rest;
    }
}

/// The position after the line break that follows `at`. RFC 2046 allows blanks
/// between a boundary and its line break.
fn line_end(body: &[u8], at: usize) -> Option<usize> {
    let blanks = body[at..]
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'))
        .count();
    body[at + blanks..]
        .starts_with(b"\r\n")
        .then_some(at + blanks + 2)
}

/// The first position of `needle` at or after `from`.
fn find(body: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let mut at = from;
    loop {
        at += body.get(at..)?.iter().position(|byte| byte == first)?;
        if body[at + 1..].starts_with(rest) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=xYz";

    fn read(body: &str) -> Result<Parts, String> {
        Parts::read(TYPE, &Bytes::copy_from_slice(body.as_bytes()), 16)
    }

    #[test]
    fn parts_are_exact_slices() {
        let parts = read(
            "preamble\r\n--xYz\r\nContent-Disposition: form-data; name=\"task\"\r\n\
             Content-Type: application/json\r\n\r\n{\"a\": 1}\r\n--xYz  \r\n\
             content-disposition: form-data; filename=\"x; name=y\"; name=dataset\r\n\r\n\
             \r\n--xY\r\n\r\n\r\n--xYz--\r\nepilogue",
        )
        .unwrap();
        assert_eq!(parts.get("task").unwrap(), "{\"a\": 1}");
        assert_eq!(parts.get("dataset").unwrap(), "\r\n--xY\r\n\r\n");
        assert_eq!(parts.get("splits"), None);
        assert_eq!(parts.names().collect::<Vec<_>>(), ["task", "dataset"]);
    }

    #[test]
    fn an_empty_part_is_empty() {
        let parts =
            read("--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\r\n--xYz--").unwrap();
        assert_eq!(parts.get("a").unwrap(), "");
    }

    #[test]
    fn a_truncated_body_is_an_error() {
        let whole = "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbody\r\n--xYz--";
        assert!(read(whole).is_ok());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_part_without_a_name_is_an_error() {
        let error = read("--xYz\r\n\r\nbody\r\n--xYz--").unwrap_err();
        assert_eq!(error, "a part has no `content-disposition` with a name");
    }

    #[test]
    fn a_repeated_name_is_an_error() {
        let part = "--xYz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nbody\r\n";
        let error = read(&format!("{part}{part}--xYz--")).unwrap_err();
        assert_eq!(error, "two parts are named `a`");
    }

    #[test]
    fn the_number_of_parts_is_limited() {
        let parts = |number: usize| -> String {
            let part = |index| {
                format!("--xYz\r\nContent-Disposition: form-data; name=p{index}\r\n\r\n\r\n")
            };
            (0..number).map(part).collect()
        };
        assert!(read(&format!("{}--xYz--", parts(16))).is_ok());
        let error = read(&format!("{}--xYz--", parts(17))).unwrap_err();
        assert_eq!(error, "the body has more than 16 parts");
    }

    #[test]
    fn the_size_of_headers_is_limited() {
        let part = |length| {
            let name = "n".repeat(length);
            format!("--xYz\r\nContent-Disposition: form-data; name={name}\r\n\r\n\r\n--xYz--")
        };
        assert!(read(&part(16_000)).is_ok());
        let error = read(&part(17_000)).unwrap_err();
        assert_eq!(
            error,
            "the headers of a part are larger than the limit of 16384 bytes"
        );
    }

    #[test]
    fn the_boundary_may_be_quoted() {
        let found = |content_type| boundary(content_type);
        assert_eq!(
            found("Multipart/Form-Data; charset=utf-8; Boundary=\"a b\"").as_deref(),
            Some("a b")
        );
        assert_eq!(
            found("multipart/form-data; boundary=a; x=y").as_deref(),
            Some("a")
        );
        assert_eq!(found("multipart/mixed; boundary=a"), None);
        assert_eq!(found("application/json"), None);
    }
}
