//! [`Input`]: one file of a source, wherever it lies, as bytes.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use super::SourceError;
use crate::store::Remote;

/// A file on another machine.
pub(in crate::dataset) trait Ranged: std::fmt::Debug + Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// Some of its bytes; all of the range.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
    /// Its bytes from the start on, a part at a time.
    fn stream(&self) -> Box<dyn ReadSeek>;
}

impl Ranged for Remote {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.read(range).map_err(io::Error::other)
    }

    fn stream(&self) -> Box<dyn ReadSeek> {
        Box::new(self.reader(0))
    }
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

    /// A file of another machine; `path` is its URL.
    pub(in crate::dataset) fn remote(path: PathBuf, file: Arc<dyn Ranged>) -> Self {
        Self {
            path,
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
            Some(remote) => remote.stream(),
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
pub(in crate::dataset) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}
