//! [`Records`]: the positions of the fields in the bytes of a CSV chunk.
//!
//! RFC 4180 with any delimiter; beyond it, as spreadsheets and pandas read: a
//! quote within a field is a character, text after a closing quote belongs to
//! its field, `\n`, `\r` and `\r\n` all end a record, blank lines are skipped,
//! and an unclosed quote reaches to the end. Fields are not copied, which is
//! why this is no use of `csv-core`; a test holds both to the same fields.

use memchr::memchr;

/// The fields of records that all have the same number of fields.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// Start and end of each field: offsets in the bytes, or, past their end,
    /// in `unescaped`.
    spans: Vec<(u32, u32)>,
    /// The texts of fields with escaped quotes.
    unescaped: Vec<u8>,
    /// The offset of each record.
    starts: Vec<u32>,
    width: usize,
}

/// A record with another number of fields than expected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ragged {
    /// Its offset.
    pub(super) at: usize,
    pub(super) expected: usize,
    pub(super) found: usize,
}

impl Records {
    /// Finds the fields of at most `limit` records of `bytes`, which are at
    /// most 64 MiB. Every record has `width` fields, or as many as the first.
    /// Also returns the number of bytes read.
    pub(super) fn read(
        bytes: &[u8],
        delimiter: u8,
        width: Option<usize>,
        limit: usize,
    ) -> Result<(Self, usize), Ragged> {
        let mut ends = [false; 256];
        for end in [delimiter, b'\n', b'\r'] {
            ends[usize::from(end)] = true;
        }
        let field_end = |from: usize| {
            let end = bytes[from..].iter().position(|b| ends[usize::from(*b)]);
            end.map_or(bytes.len(), |end| from + end)
        };
        let mut records = Self {
            width: width.unwrap_or(0),
            ..Self::default()
        };
        let mut width = width;
        let mut at = 0;
        while at < bytes.len() && records.starts.len() < limit {
            if matches!(bytes[at], b'\n' | b'\r') {
                at += 1;
                continue;
            }
            let (start, first) = (at, records.spans.len());
            loop {
                let (from, to);
                if bytes.get(at) == Some(&b'"') {
                    (from, to, at) = records.quoted(bytes, at, field_end);
                } else {
                    (from, to) = (at, field_end(at));
                    at = to;
                }
                records.spans.push((from as u32, to as u32));
                match bytes.get(at) {
                    Some(byte) if *byte == delimiter => at += 1,
                    Some(_) => {
                        at += 1;
                        break;
                    }
                    None => break,
                }
            }
            records.starts.push(start as u32);
            let found = records.spans.len() - first;
            let expected = *width.get_or_insert(found);
            if found != expected {
                return Err(Ragged {
                    at: start,
                    expected,
                    found,
                });
            }
            records.width = expected;
        }
        Ok((records, at))
    }

    /// A field that opens with a quote: its span, and the offset of its end.
    fn quoted(
        &mut self,
        bytes: &[u8],
        at: usize,
        field_end: impl Fn(usize) -> usize,
    ) -> (usize, usize, usize) {
        let mut from = at + 1;
        let mut unescaped = None;
        loop {
            let Some(quote) = memchr(b'"', &bytes[from..]).map(|quote| from + quote) else {
                let (start, end) = self.text(bytes, unescaped, from, bytes.len());
                return (start, end, bytes.len());
            };
            if bytes.get(quote + 1) == Some(&b'"') {
                unescaped.get_or_insert(self.unescaped.len());
                self.unescaped.extend_from_slice(&bytes[from..=quote]);
                from = quote + 2;
                continue;
            }
            let end = field_end(quote + 1);
            if end == quote + 1 {
                let (start, to) = self.text(bytes, unescaped, from, quote);
                return (start, to, end);
            }
            let unescaped = *unescaped.get_or_insert(self.unescaped.len());
            self.unescaped.extend_from_slice(&bytes[from..quote]);
            self.unescaped.extend_from_slice(&bytes[quote + 1..end]);
            return (
                bytes.len() + unescaped,
                bytes.len() + self.unescaped.len(),
                end,
            );
        }
    }

    /// The span of a quoted text, of which a part may be in `unescaped`.
    fn text(
        &mut self,
        bytes: &[u8],
        unescaped: Option<usize>,
        from: usize,
        to: usize,
    ) -> (usize, usize) {
        let Some(unescaped) = unescaped else {
            return (from, to);
        };
        self.unescaped.extend_from_slice(&bytes[from..to]);
        (bytes.len() + unescaped, bytes.len() + self.unescaped.len())
    }

    /// The number of records.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// The number of fields of each.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The offset of a record.
    pub(super) fn start(&self, row: usize) -> usize {
        self.starts[row] as usize
    }

    /// The text of a field of `bytes`, the ones that were read.
    #[inline]
    pub(super) fn field<'a>(&'a self, bytes: &'a [u8], row: usize, column: usize) -> &'a [u8] {
        let (from, to) = self.spans[row * self.width + column];
        let (from, to) = (from as usize, to as usize);
        match from.checked_sub(bytes.len()) {
            Some(unescaped) if to > bytes.len() => &self.unescaped[unescaped..to - bytes.len()],
            _ => &bytes[from..to],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv_core::ReadRecordResult;
    use proptest::prelude::*;

    /// The records as another reader finds them.
    fn expected(bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut reader = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let (mut text, mut ends) = (vec![0; bytes.len() + 1], vec![0; bytes.len() + 2]);
        let (mut rest, mut records) = (bytes, Vec::new());
        let (mut written, mut fields) = (0, 0);
        loop {
            let (result, read, wrote, ended) =
                reader.read_record(rest, &mut text[written..], &mut ends[fields..]);
            rest = &rest[read..];
            written += wrote;
            fields += ended;
            match result {
                ReadRecordResult::InputEmpty => assert!(rest.is_empty()),
                ReadRecordResult::Record => {
                    let starts = std::iter::once(0).chain(ends.iter().copied());
                    let record = starts.zip(&ends[..fields]);
                    records.push(record.map(|(from, to)| text[from..*to].to_vec()).collect());
                    (written, fields) = (0, 0);
                }
                ReadRecordResult::End => return records,
                other => panic!("{other:?}"),
            }
        }
    }

    /// All records, read one by one, so that they may have any width.
    fn found(mut bytes: &[u8], delimiter: u8) -> Vec<Vec<Vec<u8>>> {
        let mut found = Vec::new();
        loop {
            let (records, read) = Records::read(bytes, delimiter, None, 1).unwrap();
            if records.len() == 0 {
                return found;
            }
            let fields = (0..records.width()).map(|at| records.field(bytes, 0, at).to_vec());
            found.push(fields.collect());
            bytes = &bytes[read..];
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn fields_are_those_that_another_reader_finds(
            text in prop::string::string_regex("[ab,;\"\n\r]{0,24}").unwrap(),
        ) {
            for delimiter in [b',', b';'] {
                prop_assert_eq!(found(text.as_bytes(), delimiter), expected(text.as_bytes(), delimiter));
            }
        }
    }

    #[test]
    fn a_record_of_another_width_is_found() {
        let read = |text: &str, width| Records::read(text.as_bytes(), b',', width, 10).err();
        let ragged = |at, expected, found| {
            Some(Ragged {
                at,
                expected,
                found,
            })
        };
        assert_eq!(read("a,b\n\n1\n", None), ragged(5, 2, 1));
        assert_eq!(read("1,2,3\n", Some(2)), ragged(0, 2, 3));
        assert_eq!(read("1,2\n3,\n", Some(2)), None);
    }
}
