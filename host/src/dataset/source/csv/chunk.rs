//! [`Chunker`]: divides a CSV file into chunks of whole records, so that
//! several threads can parse one file.
//!
//! The boundaries depend on the file's bytes and on the size of a chunk alone.
//! A line break within quotes is no boundary: every quote from the start of the
//! file on is counted.

use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use crate::dataset::source::SourceError;

/// The default size of a chunk in bytes.
pub(in crate::dataset) const CHUNK_BYTES: usize = 1 << 20;

/// The most bytes of a record. Threat: an unclosed quote makes one record of
/// the rest of a file.
const MAX_RECORD: usize = 64 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// One or more whole records.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    /// The line of the first byte, from 1.
    pub(super) line: u64,
}

impl Chunk {
    /// The line of the byte at this offset.
    pub(super) fn line_of(&self, at: usize) -> u64 {
        self.line + line_breaks(&self.bytes[..at])
    }

    /// Removes bytes from the start.
    pub(super) fn remove_start(&mut self, bytes: usize) {
        self.line += line_breaks(&self.bytes[..bytes]);
        self.bytes.drain(..bytes);
    }
}

/// Divides a file into chunks.
pub(super) struct Chunker {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    delimiter: u8,
    chunk_bytes: usize,
    /// What was read past the end of the last chunk.
    pending: Vec<u8>,
    line: u64,
    started: bool,
    ended: bool,
}

impl Chunker {
    /// Divides what `input` reads into chunks of about `chunk_bytes` bytes.
    pub(super) fn new(
        path: &Path,
        input: Box<dyn Read + Send>,
        delimiter: u8,
        chunk_bytes: usize,
    ) -> Self {
        Self {
            path: path.to_owned(),
            input,
            delimiter,
            chunk_bytes: chunk_bytes.max(1),
            pending: Vec::new(),
            line: 1,
            started: false,
            ended: false,
        }
    }

    /// Whether the file was read to its end.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.pending.is_empty()
    }

    /// The next chunk; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        if self.is_done() {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.pending);
        bytes.reserve(self.chunk_bytes);
        let mut scan = RecordEnds::default();
        let end = loop {
            let wanted = (bytes.len() / self.chunk_bytes + 1) * self.chunk_bytes - bytes.len();
            let read = (&mut self.input)
                .take(wanted as u64)
                .read_to_end(&mut bytes)
                .map_err(|source| SourceError::text(&self.path, source))?;
            self.ended = read < wanted;
            if !self.started {
                if bytes.len() < BOM.len() && !self.ended {
                    continue;
                }
                self.remove_mark(&mut bytes)?;
            }
            if self.ended {
                break bytes.len();
            }
            scan.advance(&bytes, self.delimiter);
            match scan.end {
                Some(end) => break end,
                None if bytes.len() >= MAX_RECORD.max(self.chunk_bytes) => {
                    return Err(SourceError::LongRecord {
                        path: self.path.clone(),
                        line: self.line,
                        most: MAX_RECORD >> 20,
                    });
                }
                None => {}
            }
        };
        self.pending = bytes.split_off(end);
        if bytes.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        self.line += line_breaks(&bytes);
        Ok(Some(Chunk { bytes, line }))
    }

    /// Removes a byte order mark from the start of the file.
    fn remove_mark(&mut self, bytes: &mut Vec<u8>) -> Result<(), SourceError> {
        self.started = true;
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(SourceError::Utf16 {
                path: self.path.clone(),
            });
        }
        if bytes.starts_with(BOM) {
            bytes.drain(..BOM.len());
        }
        Ok(())
    }
}

impl std::fmt::Debug for Chunker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunker")
            .field("path", &self.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

fn line_breaks(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// The search for the last end of a record in bytes that begin with a record.
#[derive(Debug, Default)]
struct RecordEnds {
    /// The offset up to which the bytes have been searched.
    at: usize,
    /// Whether that is within quotes.
    quoted: bool,
    /// The offset at which the last whole record ends.
    end: Option<usize>,
}

impl RecordEnds {
    fn advance(&mut self, bytes: &[u8], delimiter: u8) {
        loop {
            let quote = memchr(b'"', &bytes[self.at..]).map(|quote| self.at + quote);
            match (self.quoted, quote) {
                (false, None) => {
                    self.find_end(bytes, bytes.len());
                    return;
                }
                (false, Some(quote)) => {
                    self.find_end(bytes, quote);
                    // Only at the start of a field does a quote open one.
                    self.quoted = match quote.checked_sub(1).map(|before| bytes[before]) {
                        None | Some(b'\n' | b'\r') => true,
                        Some(before) => before == delimiter,
                    };
                    self.at = quote + 1;
                }
                (true, None) => {
                    self.at = bytes.len();
                    return;
                }
                (true, Some(quote)) => match bytes.get(quote + 1) {
                    // The next byte decides whether it closes the field.
                    None => {
                        self.at = quote;
                        return;
                    }
                    Some(b'"') => self.at = quote + 2,
                    Some(_) => {
                        self.at = quote + 1;
                        self.quoted = false;
                    }
                },
            }
        }
    }

    /// Finds the last line break up to `to`, which is outside of quotes.
    fn find_end(&mut self, bytes: &[u8], to: usize) {
        let from = std::mem::replace(&mut self.at, to);
        let slice = &bytes[from..to];
        if let Some(end) = memrchr(b'\n', slice) {
            self.end = Some(from + end + 1);
        } else if self.end.is_none()
            // Lines that end in `\r` alone. A last `\r` may be followed by `\n`.
            && let Some(end) = memrchr(b'\r', &slice[..slice.len().saturating_sub(1)])
        {
            self.end = Some(from + end + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::source::csv::records::Records;
    use proptest::prelude::*;

    fn chunks(text: &[u8], chunk: usize) -> Vec<Chunk> {
        let input = std::io::Cursor::new(text.to_vec());
        let mut chunker = Chunker::new(Path::new("a.csv"), Box::new(input), b',', chunk);
        let mut chunks = Vec::new();
        while let Some(chunk) = chunker.next().unwrap() {
            chunks.push(chunk);
        }
        assert!(chunker.is_done());
        chunks
    }

    /// The fields of every record, one by one.
    fn records(bytes: &[u8]) -> Vec<Vec<Vec<u8>>> {
        let (mut records, mut at) = (Vec::new(), 0);
        loop {
            let rest = &bytes[at..];
            let (one, read) = Records::read(rest, b',', None, 1).unwrap();
            if one.len() == 0 {
                return records;
            }
            let fields = (0..one.width()).map(|column| one.field(rest, 0, column).to_vec());
            records.push(fields.collect());
            at += read;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_record_is_divided(
            text in prop::string::string_regex("[ab,\"\n\r]{0,60}").unwrap(),
            chunk in 1_usize..20,
        ) {
            let whole = text.as_bytes();
            let chunks = chunks(whole, chunk);
            let mut joined = Vec::new();
            let mut of_chunks = Vec::new();
            for chunk in &chunks {
                prop_assert_eq!(chunk.line, 1 + line_breaks(&joined));
                joined.extend_from_slice(&chunk.bytes);
                of_chunks.extend(records(&chunk.bytes));
            }
            prop_assert_eq!(joined, whole);
            prop_assert_eq!(of_chunks, records(whole));
        }
    }

    #[test]
    fn a_mark_at_the_start_is_no_text() {
        for chunk in 1..6 {
            let chunks = chunks(b"\xef\xbb\xbfa,b\n1,2\n", chunk);
            let bytes: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
            assert_eq!(bytes, b"a,b\n1,2\n");
        }
    }

    #[test]
    fn pieces_are_small() {
        let text = "1,2,3\r\n".repeat(1000);
        assert!(
            chunks(text.as_bytes(), 100)
                .iter()
                .all(|chunk| chunk.bytes.len() <= 100)
        );
        let text = "1,2,3\r".repeat(1000);
        assert!(
            chunks(text.as_bytes(), 100)
                .iter()
                .all(|chunk| chunk.bytes.len() <= 100)
        );
    }
}
