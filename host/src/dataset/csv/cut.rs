//! [`Cutter`]: a CSV file in pieces of whole records, so that several threads
//! can read one file.
//!
//! Where it cuts depends on the bytes and on the size of a piece alone. A line
//! break within quotes is never cut at: it keeps track of every quote from the
//! start of the file on.

use std::io::Read;
use std::path::{Path, PathBuf};

use memchr::{memchr, memchr_iter, memrchr};

use crate::dataset::source::SourceError;

/// The bytes of a piece.
pub(in crate::dataset) const PIECE: usize = 1 << 20;

/// The bytes of the longest record. Threat: a quote that is left open makes
/// one record of the rest of a file.
const LONGEST: usize = 64 << 20;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Some whole records.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) bytes: Vec<u8>,
    /// The line of the first byte, from 1.
    pub(super) line: u64,
}

impl Piece {
    /// The line of a byte.
    pub(super) fn line_of(&self, at: usize) -> u64 {
        self.line + breaks(&self.bytes[..at])
    }

    /// Takes bytes off the start.
    pub(super) fn skip(&mut self, bytes: usize) {
        self.line += breaks(&self.bytes[..bytes]);
        self.bytes.drain(..bytes);
    }
}

/// Cuts a file.
pub(super) struct Cutter {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    delimiter: u8,
    piece: usize,
    /// The start of the record that the last piece ended before.
    held: Vec<u8>,
    line: u64,
    started: bool,
    ended: bool,
}

impl Cutter {
    /// Cuts what `input` gives into pieces of about `piece` bytes.
    pub(super) fn new(
        path: &Path,
        input: Box<dyn Read + Send>,
        delimiter: u8,
        piece: usize,
    ) -> Self {
        Self {
            path: path.to_owned(),
            input,
            delimiter,
            piece: piece.max(1),
            held: Vec::new(),
            line: 1,
            started: false,
            ended: false,
        }
    }

    /// Whether the file was read to its end.
    pub(super) fn is_done(&self) -> bool {
        self.ended && self.held.is_empty()
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, SourceError> {
        if self.is_done() {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.held);
        bytes.reserve(self.piece);
        let mut scan = Scan::default();
        let end = loop {
            let wanted = (bytes.len() / self.piece + 1) * self.piece - bytes.len();
            let read = (&mut self.input)
                .take(wanted as u64)
                .read_to_end(&mut bytes)
                .map_err(|source| SourceError::text(&self.path, source))?;
            self.ended = read < wanted;
            if !self.started {
                if bytes.len() < BOM.len() && !self.ended {
                    continue;
                }
                self.start(&mut bytes)?;
            }
            if self.ended {
                break bytes.len();
            }
            scan.go_on(&bytes, self.delimiter);
            match scan.end {
                Some(end) => break end,
                None if bytes.len() >= LONGEST.max(self.piece) => {
                    return Err(SourceError::LongRecord {
                        path: self.path.clone(),
                        line: self.line,
                        most: LONGEST >> 20,
                    });
                }
                None => {}
            }
        };
        self.held = bytes.split_off(end);
        if bytes.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        self.line += breaks(&bytes);
        Ok(Some(Piece { bytes, line }))
    }

    /// Takes the mark off the start of the file that some programs write.
    fn start(&mut self, bytes: &mut Vec<u8>) -> Result<(), SourceError> {
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

impl std::fmt::Debug for Cutter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cutter")
            .field("path", &self.path)
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}

fn breaks(bytes: &[u8]) -> u64 {
    memchr_iter(b'\n', bytes).count() as u64
}

/// How far some bytes have been looked at, from the start of a record on.
#[derive(Debug, Default)]
struct Scan {
    at: usize,
    /// Whether that is within quotes.
    quoted: bool,
    /// Where the last whole record ends.
    end: Option<usize>,
}

impl Scan {
    fn go_on(&mut self, bytes: &[u8], delimiter: u8) {
        loop {
            let quote = memchr(b'"', &bytes[self.at..]).map(|quote| self.at + quote);
            match (self.quoted, quote) {
                (false, None) => {
                    self.look_for_end(bytes, bytes.len());
                    return;
                }
                (false, Some(quote)) => {
                    self.look_for_end(bytes, quote);
                    // Elsewhere in a field a quote is a character.
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
                    // What it is, the next byte says.
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

    /// Looks for a line break outside of quotes, up to `to`.
    fn look_for_end(&mut self, bytes: &[u8], to: usize) {
        let from = std::mem::replace(&mut self.at, to);
        let slice = &bytes[from..to];
        if let Some(end) = memrchr(b'\n', slice) {
            self.end = Some(from + end + 1);
        } else if self.end.is_none()
            // A file of an old Macintosh. What follows may be a `\n`.
            && let Some(end) = memrchr(b'\r', &slice[..slice.len().saturating_sub(1)])
        {
            self.end = Some(from + end + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::csv::records::Records;
    use proptest::prelude::*;

    fn pieces(text: &[u8], piece: usize) -> Vec<Piece> {
        let input = std::io::Cursor::new(text.to_vec());
        let mut cutter = Cutter::new(Path::new("a.csv"), Box::new(input), b',', piece);
        let mut pieces = Vec::new();
        while let Some(piece) = cutter.next().unwrap() {
            pieces.push(piece);
        }
        assert!(cutter.is_done());
        pieces
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
        fn records_are_never_cut(
            text in prop::string::string_regex("[ab,\"\n\r]{0,60}").unwrap(),
            piece in 1_usize..20,
        ) {
            let whole = text.as_bytes();
            let pieces = pieces(whole, piece);
            let mut joined = Vec::new();
            let mut of_pieces = Vec::new();
            for piece in &pieces {
                prop_assert_eq!(piece.line, 1 + breaks(&joined));
                joined.extend_from_slice(&piece.bytes);
                of_pieces.extend(records(&piece.bytes));
            }
            prop_assert_eq!(joined, whole);
            prop_assert_eq!(of_pieces, records(whole));
        }
    }

    #[test]
    fn a_mark_at_the_start_is_no_text() {
        for piece in 1..6 {
            let pieces = pieces(b"\xef\xbb\xbfa,b\n1,2\n", piece);
            let bytes: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.bytes).collect();
            assert_eq!(bytes, b"a,b\n1,2\n");
        }
    }

    #[test]
    fn pieces_are_small() {
        let text = "1,2,3\r\n".repeat(1000);
        assert!(
            pieces(text.as_bytes(), 100)
                .iter()
                .all(|piece| piece.bytes.len() <= 100)
        );
        let text = "1,2,3\r".repeat(1000);
        assert!(
            pieces(text.as_bytes(), 100)
                .iter()
                .all(|piece| piece.bytes.len() <= 100)
        );
    }
}
