//! [`Input`]: one file of a source, wherever it lies, as bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Buf, Bytes};

use super::SourceError;

/// The bytes that are asked of another machine at a time.
const BLOCK: u64 = 8 << 20;

/// A file on another machine.
pub(in crate::dataset) trait Ranged: std::fmt::Debug + Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Some of its bytes; all of the range.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
}

/// A file of a source.
#[derive(Clone, Debug)]
pub(in crate::dataset) struct Input {
    /// Its path or URL, as it is shown.
    path: PathBuf,
    remote: Option<Arc<dyn Ranged>>,
}

impl Input {
    /// A file of this machine.
    pub(in crate::dataset) fn local(path: PathBuf) -> Self {
        Self { path, remote: None }
    }

    /// A file of another machine.
    pub(in crate::dataset) fn remote(url: &str, file: Arc<dyn Ranged>) -> Self {
        Self {
            path: PathBuf::from(url),
            remote: Some(file),
        }
    }

    /// Its path or URL, for messages.
    pub(in crate::dataset) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, where it is on another machine.
    pub(super) fn ranged(&self) -> Option<&Arc<dyn Ranged>> {
        self.remote.as_ref()
    }

    /// Opens a file of this machine.
    pub(super) fn file(&self) -> Result<File, SourceError> {
        File::open(&self.path).map_err(|source| SourceError::open(&self.path, source))
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> Result<u64, SourceError> {
        match &self.remote {
            Some(remote) => Ok(remote.size()),
            None => match std::fs::metadata(&self.path) {
                Ok(metadata) => Ok(metadata.len()),
                Err(source) => Err(SourceError::open(&self.path, source)),
            },
        }
    }

    /// Its bytes from the start on.
    pub(super) fn stream(&self) -> Result<Box<dyn ReadSeek>, SourceError> {
        Ok(match &self.remote {
            Some(remote) => Box::new(Blocks::new(remote.clone())),
            None => Box::new(BufReader::new(self.file()?)),
        })
    }

    /// Its text from the start on, unpacked where its name says that it is
    /// packed.
    pub(in crate::dataset) fn text(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(match Packing::of(&self.path) {
            // Pieces are read whole; a buffer would only copy them.
            None if self.remote.is_none() => Box::new(self.file()?),
            None => Box::new(self.stream()?),
            Some(Packing::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(
                self.stream()?,
            ))),
            Some(Packing::Zstandard) => {
                let unpacked = zstd::Decoder::new(self.stream()?);
                Box::new(unpacked.map_err(|source| SourceError::text(&self.path, source))?)
            }
        })
    }
}

/// How a text file is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Gzip,
    Zstandard,
}

impl Packing {
    /// As people say it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstandard => "Zstandard",
        }
    }

    /// By the ending of a file's name.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?;
        match ending.to_ascii_lowercase().as_str() {
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstandard),
            _ => None,
        }
    }
}

/// Bytes in any order.
pub(super) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

/// A file of another machine, a block at a time.
#[derive(Debug)]
pub(super) struct Blocks {
    file: Arc<dyn Ranged>,
    at: u64,
    /// What was read and is still to be given.
    block: Bytes,
}

impl Blocks {
    pub(super) fn new(file: Arc<dyn Ranged>) -> Self {
        Self {
            file,
            at: 0,
            block: Bytes::new(),
        }
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.file.size();
        if self.block.is_empty() && self.at < size && !buffer.is_empty() {
            self.block = self.file.read(self.at..size.min(self.at + BLOCK))?;
        }
        let read = buffer.len().min(self.block.len());
        self.block.copy_to_slice(&mut buffer[..read]);
        self.at += read as u64;
        Ok(read)
    }
}

impl Seek for Blocks {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let from = |place: u64, by: i64| {
            let outside = || io::Error::new(io::ErrorKind::InvalidInput, "before the file's start");
            place.checked_add_signed(by).ok_or_else(outside)
        };
        let at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => from(self.file.size(), by)?,
            SeekFrom::Current(by) => from(self.at, by)?,
        };
        match at.checked_sub(self.at) {
            Some(ahead) if ahead <= self.block.len() as u64 => self.block.advance(ahead as usize),
            _ => self.block = Bytes::new(),
        }
        self.at = at;
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Memory(Bytes);

    impl Ranged for Memory {
        fn size(&self) -> u64 {
            self.0.len() as u64
        }

        fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
            Ok(self.0.slice(range.start as usize..range.end as usize))
        }
    }

    #[test]
    fn blocks_are_the_file() {
        let bytes: Vec<u8> = (0..20_000_000_u32).map(|at| (at % 251) as u8).collect();
        let mut blocks = Blocks::new(Arc::new(Memory(bytes.clone().into())));
        let mut read = Vec::new();
        blocks.read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        for (to, at) in [
            (SeekFrom::Start(9_000_000), 9_000_000),
            (SeekFrom::Current(-1_000_000), 8_000_010),
            (SeekFrom::Current(5), 8_000_025),
            (SeekFrom::End(-10), 19_999_990),
        ] {
            assert_eq!(blocks.seek(to).unwrap(), at as u64);
            let mut some = [0; 10];
            blocks.read_exact(&mut some).unwrap();
            assert_eq!(some, bytes[at..at + 10]);
        }
        assert!(blocks.seek(SeekFrom::End(-20_000_001)).is_err());
    }
}
