//! [`Remote`]: a file that is read from a URL, a part at a time: what a source
//! in a bucket or on a web server consists of.
//!
//! It writes nothing. A file that changes while it is read is an error, where
//! the server says that it did.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::location::{Address, redacted};
use super::{Failure, Location, PART, Store, StoreError, is_missing};

/// A file behind a URL. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Remote {
    store: Store,
    path: Path,
    name: Arc<str>,
    size: u64,
    tag: Option<String>,
    /// Microseconds since 1970-01-01 UTC.
    modified: i64,
}

impl Remote {
    /// The files that a source's URL names, sorted by name: one object; every
    /// object of a folder, but not of the folders in it; or what a pattern
    /// (`*`, `?`, `[...]`) in the path matches. On a web server (`https://`)
    /// it is always one file. None where nothing has the name.
    ///
    /// `at` is the URL with how it is reached ([`Location::source`]).
    pub fn find(at: &Location) -> Result<Vec<Self>, StoreError> {
        let store = Store::open(at)?;
        match Address::parse(&at.url)? {
            Address::Bucket {
                bucket,
                path,
                cloud,
            } => store.matching(&format!("{}://{bucket}", cloud.scheme()), &path),
            Address::Web { server, path } => store.single(&server, &path),
            // A folder's files are read as files.
            Address::Folder(_) | Address::Memory => Ok(Vec::new()),
        }
    }

    /// Its URL, for people, without what may be secret.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its ETag, where the server gives one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// When it was last changed, in microseconds since 1970-01-01 UTC.
    pub fn modified(&self) -> i64 {
        self.modified
    }

    /// A part of it, which must lie within its size.
    pub fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let read = self.store.range(&self.path, range, self.tag.clone());
        let read = self.store.backend.wait(read);
        read.map_err(|error| self.store.error("read", &self.path, &error))
    }

    /// Its bytes from `start` on, a part of some MiB at a time.
    pub fn reader(&self, start: u64) -> RemoteReader {
        RemoteReader {
            remote: self.clone(),
            at: start,
            part: Bytes::new(),
        }
    }

    fn new(store: &Store, root: &str, object: ObjectMeta) -> Self {
        Self {
            store: store.clone(),
            name: redacted(&format!("{root}/{}", object.location)).into(),
            path: object.location,
            size: object.size,
            tag: object.e_tag,
            modified: object.last_modified.timestamp_micros(),
        }
    }
}

impl Store {
    fn single(&self, root: &str, path: &Path) -> Result<Vec<Remote>, StoreError> {
        let head = self.attempt(async || self.backend.objects.head(path).await);
        match self.backend.wait(head) {
            Ok(object) => Ok(vec![Remote::new(self, root, object)]),
            Err(error) if is_missing(&error) => Ok(Vec::new()),
            Err(error) => Err(self.error("read", path, &error)),
        }
    }

    fn matching(&self, root: &str, path: &Path) -> Result<Vec<Remote>, StoreError> {
        let wild = |part: &str| part.contains(['*', '?', '[']);
        let is_pattern = wild(path.as_ref());
        // A name with an ending is a file's; another a folder's, until nothing
        // is found in it. Some servers can't tell what a folder is.
        let file = path.filename().is_some_and(|name| name.contains('.'));
        if !is_pattern && file {
            let found = self.single(root, path)?;
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let folder: Path = path
            .parts()
            .take_while(|part| !wild(part.as_ref()))
            .collect();
        let pattern = match is_pattern {
            true => path.to_string(),
            false if *path == Path::ROOT => "*".to_owned(),
            false => format!("{}/*", glob::Pattern::escape(path.as_ref())),
        };
        let pattern = glob::Pattern::new(&pattern).map_err(|error| StoreError::Setting {
            url: self.url.clone(),
            failure: Failure::Setting {
                why: format!("it is no pattern of names: {error}"),
            },
        })?;
        let options = glob::MatchOptions {
            require_literal_separator: true,
            ..glob::MatchOptions::default()
        };
        let list = self.attempt(async || {
            let found = self.backend.objects.list(Some(&folder));
            found.try_collect::<Vec<_>>().await
        });
        let found = self.backend.wait(list);
        let mut found = found.map_err(|error| self.error("list", &folder, &error))?;
        found.retain(|object| pattern.matches_with(object.location.as_ref(), options));
        if found.is_empty() && !is_pattern && !file && *path != Path::ROOT {
            return self.single(root, path);
        }
        found.sort_by(|a, b| a.location.cmp(&b.location));
        let remotes = found
            .into_iter()
            .map(|object| Remote::new(self, root, object));
        Ok(remotes.collect())
    }
}

/// Reads a [`Remote`] from front to back.
#[derive(Debug)]
pub struct RemoteReader {
    remote: Remote,
    at: u64,
    /// What was read already, from `at` on.
    part: Bytes,
}

impl Read for RemoteReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.part.is_empty() {
            let end = self.remote.size.min(self.at.saturating_add(PART));
            if self.at >= end {
                return Ok(0);
            }
            let part = self.remote.read(self.at..end);
            self.part = part.map_err(io::Error::other)?;
        }
        let length = buffer.len().min(self.part.len());
        buffer[..length].copy_from_slice(&self.part.split_to(length));
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for RemoteReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.remote.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let before = || io::Error::new(io::ErrorKind::InvalidInput, "before the first byte");
        let at = at.ok_or_else(before)?;
        // A step within what was read already costs nothing.
        let step = at
            .checked_sub(self.at)
            .and_then(|step| usize::try_from(step).ok());
        match step.filter(|&step| step <= self.part.len()) {
            Some(step) => drop(self.part.split_to(step)),
            None => self.part = Bytes::new(),
        }
        self.at = at;
        Ok(at)
    }
}
