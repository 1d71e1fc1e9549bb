//! [`SourceFile`]: one file of a source, local or remote, as bytes; [`FileStamp`], by
//! which it is known again.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::compression::Compression;
use super::error::SourceError;
use crate::store::Remote;

/// A remote file that is read by byte ranges.
pub(in crate::dataset) trait RangeRead: std::fmt::Debug + Send + Sync {
    /// Its size in bytes.
    fn size(&self) -> u64;
    /// All bytes of `range`, which lies within the file.
    fn read(&self, range: Range<u64>) -> io::Result<Bytes>;
    /// A reader from the first byte on, which fetches one part at a time.
    fn stream(&self) -> Box<dyn ReadSeek>;
    /// What names its content, where the server says that (an ETag).
    fn tag(&self) -> Option<&str> {
        None
    }
    /// When it was last changed, in microseconds since 1970-01-01 UTC.
    fn modified(&self) -> Option<i64> {
        None
    }
}

impl RangeRead for Remote {
    fn size(&self) -> u64 {
        self.size()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        self.read(range).map_err(io::Error::other)
    }

    fn stream(&self) -> Box<dyn ReadSeek> {
        Box::new(self.reader(0))
    }

    fn tag(&self) -> Option<&str> {
        self.tag()
    }

    fn modified(&self) -> Option<i64> {
        Some(self.modified())
    }
}

/// A file of a source as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileStamp {
    /// Its whole path, or its URL without credentials.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last changed, in microseconds since 1970-01-01 UTC.
    pub modified: Option<i64>,
    /// Its ETag, where a server gives one.
    pub tag: Option<String>,
}

impl FileStamp {
    /// Whether the file is still as it was: of the same size and ETag, or where one of
    /// them has no ETag, last changed at the same time.
    pub fn is_same(&self, other: &Self) -> bool {
        let same = match (&self.tag, &other.tag) {
            (Some(tag), Some(other)) => tag == other,
            _ => self.modified == other.modified,
        };
        same && self.name == other.name && self.size == other.size
    }
}

/// A file of a source.
#[derive(Clone, Debug)]
pub(in crate::dataset) struct SourceFile {
    /// Its path, or its URL without credentials.
    path: PathBuf,
    remote: Option<Arc<dyn RangeRead>>,
}

impl SourceFile {
    /// A file of this machine.
    pub(in crate::dataset) fn local(path: PathBuf) -> Self {
        Self { path, remote: None }
    }

    /// A file of another machine; `path` is its URL without credentials.
    pub(in crate::dataset) fn remote(path: PathBuf, file: Arc<dyn RangeRead>) -> Self {
        Self {
            path,
            remote: Some(file),
        }
    }

    /// Its path or URL, for messages.
    pub(in crate::dataset) fn path(&self) -> &Path {
        &self.path
    }

    /// The remote file; `None` for a file of this machine.
    pub(super) fn as_remote(&self) -> Option<&Arc<dyn RangeRead>> {
        self.remote.as_ref()
    }

    /// Opens a file of this machine.
    pub(super) fn open(&self) -> Result<File, SourceError> {
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

    /// What it is now.
    pub(in crate::dataset) fn stamp(&self) -> Result<FileStamp, SourceError> {
        if let Some(remote) = &self.remote {
            return Ok(FileStamp {
                name: self.path.display().to_string(),
                size: remote.size(),
                modified: remote.modified(),
                tag: remote.tag().map(str::to_owned),
            });
        }
        let open = |source| SourceError::open(&self.path, source);
        let about = std::fs::metadata(&self.path).map_err(open)?;
        let name = std::path::absolute(&self.path).map_err(open)?;
        let modified = about.modified().ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        Ok(FileStamp {
            name: name.display().to_string(),
            size: about.len(),
            modified: since.and_then(|since| i64::try_from(since.as_micros()).ok()),
            tag: None,
        })
    }

    /// A reader of its bytes as they are stored.
    pub(super) fn stream(&self) -> Result<Box<dyn ReadSeek>, SourceError> {
        Ok(match &self.remote {
            Some(remote) => remote.stream(),
            None => Box::new(BufReader::new(self.open()?)),
        })
    }

    /// A reader of its text, decompressed if its extension names a
    /// compression.
    pub(super) fn text(&self) -> Result<Box<dyn Read + Send>, SourceError> {
        Ok(match Compression::of(&self.path) {
            // Chunks are read whole; a buffer would only copy them.
            None if self.remote.is_none() => Box::new(self.open()?),
            None => Box::new(self.stream()?),
            Some(Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(
                BufReader::new(self.stream()?),
            )),
            Some(Compression::Zstandard) => {
                let decoder = zstd::Decoder::new(self.stream()?);
                Box::new(decoder.map_err(|source| SourceError::text(&self.path, source))?)
            }
        })
    }
}

/// A seekable reader.
pub(in crate::dataset) trait ReadSeek: Read + Seek + Send {}

impl<T: Read + Seek + Send> ReadSeek for T {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_tag_or_else_its_time() {
        let stamp = |size, modified, tag: Option<&str>| FileStamp {
            name: "s3://bucket/a.csv".to_owned(),
            size,
            modified,
            tag: tag.map(str::to_owned),
        };
        let known = stamp(5, Some(7), Some("x"));
        // A copy has the content and another time.
        assert!(known.is_same(&stamp(5, Some(8), Some("x"))));
        assert!(!known.is_same(&stamp(5, Some(7), Some("y"))));
        assert!(!known.is_same(&stamp(6, Some(7), Some("x"))));
        assert!(known.is_same(&stamp(5, Some(7), None)));
        assert!(!known.is_same(&stamp(5, Some(8), None)));
        let other = FileStamp {
            name: "s3://bucket/b.csv".to_owned(),
            ..known.clone()
        };
        assert!(!known.is_same(&other));
    }
}
