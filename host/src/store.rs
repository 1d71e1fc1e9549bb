//! [`Store`]: the object store, which holds the record of every run. The only
//! module that builds stores; [`Key`] names their objects.
//!
//! Objects are created and not overwritten, except by the bytes whose digest is
//! their name. A run lists nothing: [`Store::list`] is for the commands that show
//! or clean a whole store.

mod backend;
mod failure;
mod folder;
mod guest;
mod key;
mod location;
mod mac;
mod probe;
mod profile;
mod remote;
mod retry;
mod settle;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::signer::Method;
use object_store::{Error, GetOptions, GetRange, ObjectStoreExt, PutMode, PutPayload};
use rayon::prelude::*;

use crate::digest::Digest;
use backend::Backend;
pub(crate) use backend::install_tls;
use retry::Retry;

pub use failure::Failure;
pub(crate) use guest::is_component;
pub use guest::packed;
pub use key::{Attempt, Key, Kind, LAYOUT};
pub use location::{AddressError, Location, RETRY, TIMEOUT, check_source_url, check_url, redacted};
pub use mac::{Mac, MacKey, MacKeyError};
pub use remote::{Remote, RemoteReader};
pub use settle::Settled;

/// The size in bytes of the parts in which large objects are read and written,
/// so that little is repeated when one fails.
const PART: u64 = 8 << 20;

/// Concurrent requests for parts of one object.
const PARTS_AT_ONCE: usize = 4;

/// An object store. Its calls block, and may be made from any thread that is
/// not itself driving futures.
///
/// Where there is a network between, an operation that fails in passing is
/// tried again within [`Location::retry`].
#[derive(Clone, Debug)]
pub struct Store {
    backend: Arc<Backend>,
    retry: Retry,
    url: String,
    /// With which results carry an HMAC.
    mac_key: Option<MacKey>,
}

/// What went wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no store that this program knows.
    #[error("the store's URL {0}")]
    Address(#[from] AddressError),
    /// The folder can't be made or opened.
    #[error("can't open the store folder `{path}`")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        #[source]
        failure: Failure,
    },
    /// A setting of the store, of the environment or of a profile is wrong.
    #[error("can't open the store `{url}`")]
    Setting {
        /// The store.
        url: String,
        /// Why.
        #[source]
        failure: Failure,
    },
    /// The key of HMACs is not one.
    #[error(transparent)]
    MacKey(#[from] MacKeyError),
    /// The threads that wait for the network can't be started.
    #[error("can't start the threads that wait for the store")]
    Threads(#[source] std::io::Error),
    /// An object can't be read, written, listed or removed.
    #[error("can't {verb} `{key}` in the store `{url}`")]
    Object {
        /// `read`, `write`, `list`, `remove` or `keep`.
        verb: &'static str,
        /// The object's key.
        key: String,
        /// The store.
        url: String,
        /// Why.
        #[source]
        failure: Failure,
    },
    /// The file whose content was to be written can't be read.
    #[error("can't read what is to be written as `{key}`")]
    Content {
        /// The object's key.
        key: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store is of another version of fanout.
    #[error("the store `{url}` has layout {found}; this version of fanout knows layout {LAYOUT}")]
    Layout {
        /// The store.
        url: String,
        /// The layout that it says it has.
        found: String,
    },
    /// The bytes of an object are not those that its name says.
    #[error("`{key}` in the store `{url}` is damaged: its digest is `{found}`")]
    Damaged {
        /// The object's key.
        key: String,
        /// The store.
        url: String,
        /// The digest of the bytes that are there.
        found: Digest,
    },
}

impl StoreError {
    /// What to do about it, where something is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Folder { failure, .. }
            | Self::Setting { failure, .. }
            | Self::Object { failure, .. } => failure.remedy(),
            Self::Damaged { .. } => {
                Some("remove it (`fanout gc --damaged --yes`) and run again: it is made anew")
            }
            Self::Layout { .. } => Some(
                "name another store; `fanout gc --yes` removes what an earlier version left in this one",
            ),
            Self::MacKey(error) => Some(error.remedy()),
            Self::Threads(_) => Some(crate::error::THREADS),
            Self::Content { .. } => Some("run again when the file is there and can be read"),
            // The message says it.
            Self::Address(_) => None,
        }
    }
}

/// An object that a listing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub key: Key,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
}

impl Store {
    /// Opens the store at a location, which may be a URL alone. A folder is
    /// made if it is not there. No request is made: whether the store is there
    /// and does what it must, [`Store::probe`] finds out.
    ///
    /// The key of HMACs is the one that the environment holds
    /// ([`MacKey::from_env`]), if any.
    pub fn open(at: impl Into<Location>) -> Result<Self, StoreError> {
        let at = at.into();
        Ok(Self {
            mac_key: MacKey::from_env(from_environment)?,
            backend: Arc::new(Backend::open(&at)?),
            retry: Retry { budget: at.retry },
            url: redacted(&at.url),
        })
    }

    /// The same store with another key of HMACs, or none.
    pub fn with_mac_key(self, mac_key: Option<MacKey>) -> Self {
        Self { mac_key, ..self }
    }

    /// The key with which results carry an HMAC. Where there is one, results
    /// without a valid HMAC are not taken.
    pub fn mac_key(&self) -> Option<&MacKey> {
        self.mac_key.as_ref()
    }

    /// The URL that it was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests are worth making at once: 1 where a call is no
    /// round trip.
    pub fn at_once(&self) -> usize {
        self.backend.at_once
    }

    /// The bytes of an object; `None` where there is none.
    pub fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        self.backend.wait(self.fetch(key))
    }

    /// The same of an object whose bytes have this digest.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if they have another one.
    pub fn get_verified(&self, key: &Key, digest: Digest) -> Result<Option<Bytes>, StoreError> {
        let found = self.get(key)?;
        if let Some(bytes) = &found {
            self.verify(key, bytes, digest)?;
        }
        Ok(found)
    }

    /// The bytes of many objects, in the order of their keys, with some
    /// requests under way at once. All of them are in memory together.
    pub fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.many(keys, |key| self.fetch(key))
    }

    /// The same of objects whose bytes have these digests.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if one has another.
    pub fn get_many_verified(
        &self,
        wanted: &[(Key, Digest)],
    ) -> Result<Vec<Option<Bytes>>, StoreError> {
        let found = self.many(wanted, |(key, _)| self.fetch(key))?;
        let each = wanted.par_iter().zip(&found);
        each.try_for_each(|((key, digest), bytes)| match bytes {
            Some(bytes) => self.verify(key, bytes, *digest),
            None => Ok(()),
        })?;
        Ok(found)
    }

    /// Whether an object is there.
    pub fn contains(&self, key: &Key) -> Result<bool, StoreError> {
        Ok(self.size(key)?.is_some())
    }

    /// Whether each of many objects is there, with some requests under way at
    /// once.
    pub fn contains_many(&self, keys: &[Key]) -> Result<Vec<bool>, StoreError> {
        self.many(keys, async |key| Ok(self.head(key).await?.is_some()))
    }

    /// The bytes of an object's content; `None` where there is no object.
    pub fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.backend.wait(self.head(key))
    }

    /// A part of an object that is there.
    pub fn get_range(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        let path = self.backend.locate(key.path());
        let read = self.range(&path, range, None);
        let read = self.backend.wait(read);
        read.map_err(|error| self.error("read", key, &error))
    }

    /// Creates an object unless it exists. Returns whether it did. An attempt
    /// whose answer was lost counts as another writer's: `false` means that the
    /// object exists.
    pub fn create(&self, key: &Key, bytes: Bytes) -> Result<bool, StoreError> {
        self.backend.wait(self.put_new(key, bytes))
    }

    /// Writes each of many objects unless it is there, with some requests
    /// under way at once. Returns of each whether it was written.
    pub fn create_many(&self, objects: &[(Key, Bytes)]) -> Result<Vec<bool>, StoreError> {
        self.many(objects, async |(key, bytes)| {
            self.put_new(key, bytes.clone()).await
        })
    }

    /// Writes an object, whether it is there or not: whole, or not at all. For
    /// what is the same whoever writes it.
    pub fn replace(&self, key: &Key, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.backend.locate(key.path());
        let put = self.attempt(async || {
            let payload = PutPayload::from_bytes(bytes.clone());
            self.backend.objects.put(&path, payload).await
        });
        let put = self.backend.wait(put);
        put.map(drop)
            .map_err(|error| self.error("write", key, &error))
    }

    /// A URL that anybody may GET an object from for so long; `None` where the
    /// store signs none. It is a credential: it belongs into no message.
    pub fn signed_url(&self, key: &Key, valid: Duration) -> Result<Option<String>, StoreError> {
        let Some(signer) = &self.backend.signer else {
            return Ok(None);
        };
        let path = self.backend.locate(key.path());
        let sign = self.attempt(async || signer.signed_url(Method::GET, &path, valid).await);
        match self.backend.wait(sign) {
            Ok(url) => Ok(Some(url.into())),
            Err(error) => Err(self.error("sign a URL for", key, &error)),
        }
    }

    /// Whether `bytes`, read from `key`, are those that `digest` names.
    pub fn verify(&self, key: &Key, bytes: &[u8], digest: Digest) -> Result<(), StoreError> {
        let found = Digest::of(bytes);
        if found == digest {
            return Ok(());
        }
        Err(StoreError::Damaged {
            key: key.to_string(),
            url: self.url.clone(),
            found,
        })
    }

    /// Writes an object from the rest of a file, a part at a time, unless it
    /// is there. Returns whether it wrote.
    ///
    /// For objects whose name is their digest: of two that write at once,
    /// both may, and write the same.
    pub fn create_from(&self, key: &Key, mut file: File) -> Result<bool, StoreError> {
        if self.contains(key)? {
            return Ok(false);
        }
        let unreadable = |source| StoreError::Content {
            key: key.to_string(),
            source,
        };
        let mut parts = std::iter::from_fn(|| {
            let mut part = Vec::new();
            match (&mut file).take(PART).read_to_end(&mut part) {
                Ok(0) => None,
                Ok(_) => Some(Ok(Bytes::from(part))),
                Err(error) => Some(Err(error)),
            }
        });
        let first = parts.next().transpose().map_err(unreadable)?;
        let first = first.unwrap_or_default();
        if (first.len() as u64) < PART {
            return self.create(key, first);
        }
        let mut failed = None;
        let parts = parts.map(|part| {
            part.map_err(|error| {
                failed = Some(error);
                // The upload ends with an error, so that no object is made.
                Error::Generic {
                    store: "content",
                    source: "it can't be read".into(),
                }
            })
        });
        let parts = std::iter::once(Ok(first)).chain(parts);
        let written = self.backend.wait(self.upload(key, parts));
        match failed {
            Some(error) => Err(unreadable(error)),
            None => written.map(|()| true),
        }
    }

    /// The objects whose names begin with the folders of `prefix` (`runs`, or
    /// `runs/1f3a`), in no order. Slow where there are many; never on the way
    /// of a run.
    pub fn list(&self, prefix: &str) -> Result<Vec<Listed>, StoreError> {
        let prefix = Path::from(prefix);
        let whole = self.backend.locate(&prefix);
        let skipped = self.backend.prefix.parts().count();
        let list = self.attempt(async || {
            let found: Vec<_> = self
                .backend
                .objects
                .list(Some(&whole))
                .try_collect()
                .await?;
            Ok(found)
        });
        let found = self.backend.wait(list);
        let found = found.map_err(|error| self.error("list", &prefix, &error))?;
        let listed = found.into_iter().map(|object| Listed {
            key: Key::listed(object.location.parts().skip(skipped).collect()),
            bytes: object.size,
            modified: object.last_modified.into(),
        });
        Ok(listed.collect())
    }

    /// Removes an object; one that is not there is no error.
    pub fn delete(&self, key: &Key) -> Result<(), StoreError> {
        self.backend.wait(self.remove(key))
    }

    /// Removes many objects, with some requests under way at once.
    pub fn delete_many(&self, keys: &[Key]) -> Result<(), StoreError> {
        self.many(keys, |key| self.remove(key)).map(drop)
    }

    /// One request an item, some under way at once; the results in order.
    fn many<'i, I, T, F>(
        &self,
        items: &'i [I],
        call: impl FnMut(&'i I) -> F,
    ) -> Result<Vec<T>, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        if self.backend.at_once == 1 {
            let wait = |call| self.backend.wait(call);
            return items.iter().map(call).map(wait).collect();
        }
        let calls = stream::iter(items.iter().map(call)).buffered(self.backend.at_once);
        self.backend.wait(calls.try_collect())
    }

    /// An operation, tried again where there is a network between.
    async fn attempt<T>(
        &self,
        mut operation: impl AsyncFnMut() -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.backend.is_network() {
            self.retry.run(operation).await
        } else {
            operation().await
        }
    }

    async fn head(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        let path = self.backend.locate(key.path());
        let head = self.attempt(async || self.backend.objects.head(&path).await);
        match head.await {
            Ok(object) => Ok(Some(object.size)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.error("read", key, &error)),
        }
    }

    async fn fetch(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        tracing::trace!(%key, "reads an object");
        if let Some(folder) = &self.backend.folder {
            let read = folder.read(key.path());
            return read.map_err(|error| self.folder_error("read", key, &error));
        }
        let path = self.backend.locate(key.path());
        match self.whole(&path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(self.error("read", key, &error)),
        }
    }

    /// All bytes of an object: at once if it is small, else in parts.
    async fn whole(&self, path: &Path) -> Result<Bytes, Error> {
        let first = self.attempt(async || {
            let found = self.backend.objects.get(path).await?;
            let size = found.meta.size;
            if self.backend.is_network() && size > PART {
                return Ok(Err((size, found.meta.e_tag)));
            }
            let bytes = found.bytes().await?;
            entire(bytes, size).map(Ok)
        });
        let (size, tag) = match first.await? {
            Ok(bytes) => return Ok(bytes),
            Err(large) => large,
        };
        let ranges =
            (0..size.div_ceil(PART)).map(|part| part * PART..((part + 1) * PART).min(size));
        let parts = ranges.map(|range| self.range(path, range, tag.clone()));
        let mut parts = stream::iter(parts).buffered(PARTS_AT_ONCE);
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).unwrap_or_default());
        while let Some(part) = parts.try_next().await? {
            bytes.extend_from_slice(&part);
        }
        Ok(bytes.freeze())
    }

    /// A part of an object, which must have the tag `tag` where one is given.
    async fn range(
        &self,
        path: &Path,
        range: Range<u64>,
        tag: Option<String>,
    ) -> Result<Bytes, Error> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let size = range.end - range.start;
        let options = GetOptions {
            range: Some(GetRange::Bounded(range)),
            // A weak tag says nothing of bytes.
            if_match: tag.filter(|tag| !tag.starts_with("W/")),
            ..GetOptions::default()
        };
        let get = self.attempt(async || {
            let found = self.backend.objects.get_opts(path, options.clone()).await?;
            entire(found.bytes().await?, size)
        });
        get.await
    }

    async fn put_new(&self, key: &Key, bytes: Bytes) -> Result<bool, StoreError> {
        tracing::trace!(%key, bytes = bytes.len(), "creates an object");
        if let Some(folder) = &self.backend.folder {
            let created = folder.create(key.path(), &bytes);
            return created.map_err(|error| self.folder_error("write", key, &error));
        }
        let path = self.backend.locate(key.path());
        let put = self.attempt(async || {
            let payload = PutPayload::from_bytes(bytes.clone());
            let mode = PutMode::Create.into();
            self.backend.objects.put_opts(&path, payload, mode).await
        });
        match put.await {
            Ok(_) => Ok(true),
            // Not while another writer is only about to create it.
            Err(error @ Error::AlreadyExists { .. }) if !Failure::of(&error).is_passing() => {
                Ok(false)
            }
            Err(error) => Err(self.error("write", key, &error)),
        }
    }

    /// Writes a large object, given in parts that are all but the last of one
    /// size; none where one of them is an error.
    async fn upload(
        &self,
        key: &Key,
        parts: impl Iterator<Item = Result<Bytes, Error>>,
    ) -> Result<(), StoreError> {
        let path = self.backend.locate(key.path());
        let written = match &self.backend.parts {
            Some(store) => self.upload_parts(store.as_ref(), &path, parts).await,
            None => self.upload_local(&path, parts).await,
        };
        written.map_err(|error| self.error("write", key, &error))
    }

    async fn upload_local(
        &self,
        path: &Path,
        parts: impl Iterator<Item = Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        let mut upload = self.backend.objects.put_multipart(path).await?;
        for part in parts {
            let put = match part {
                Ok(part) => upload.put_part(part.into()).await,
                Err(error) => Err(error),
            };
            if let Err(error) = put {
                // What was written so far is no object; the first error is
                // the one to tell.
                let _ = upload.abort().await;
                return Err(error);
            }
        }
        upload.complete().await.map(drop)
    }

    async fn upload_parts(
        &self,
        store: &dyn object_store::multipart::MultipartStore,
        path: &Path,
        parts: impl Iterator<Item = Result<Bytes, Error>>,
    ) -> Result<(), Error> {
        let start = self.attempt(async || store.create_multipart(path).await);
        let id = start.await?;
        let id = &id;
        let mut size = 0;
        let puts = parts.enumerate().map(|(index, bytes)| {
            size += bytes.as_ref().map_or(0, Bytes::len) as u64;
            async move {
                let bytes = bytes?;
                let put = self
                    .attempt(async || store.put_part(path, id, index, bytes.clone().into()).await);
                put.await
            }
        });
        let sent: Result<Vec<_>, Error> = stream::iter(puts)
            .buffered(PARTS_AT_ONCE)
            .try_collect()
            .await;
        let sent = match sent {
            Ok(sent) => sent,
            Err(error) => {
                // Parts without an object cost money; the first error is the
                // one to tell.
                let _ = store.abort_multipart(path, id).await;
                return Err(error);
            }
        };
        let complete = self.attempt(async || {
            let done = store.complete_multipart(path, id, sent.clone()).await;
            match done {
                Ok(_) => Ok(()),
                // An attempt before this one may have done it unheard.
                Err(error) => match self.backend.objects.head(path).await {
                    Ok(object) if object.size == size => Ok(()),
                    _ => Err(error),
                },
            }
        });
        complete.await
    }

    async fn remove(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.backend.locate(key.path());
        let remove = self.attempt(async || self.backend.objects.delete(&path).await);
        match remove.await {
            Ok(()) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(self.error("remove", key, &error)),
        }
    }

    fn folder_error(&self, verb: &'static str, key: &Key, error: &std::io::Error) -> StoreError {
        StoreError::Object {
            verb,
            key: key.to_string(),
            url: self.url.clone(),
            failure: Failure::from(error),
        }
    }

    fn error(&self, verb: &'static str, key: &dyn AsRef<str>, error: &Error) -> StoreError {
        StoreError::Object {
            verb,
            key: key.as_ref().to_owned(),
            url: self.url.clone(),
            failure: Failure::of(error),
        }
    }
}

/// A variable of the environment. One that is no Unicode is one all the same,
/// with other content.
fn from_environment(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    Some(value.to_string_lossy().into_owned())
}

/// Whether there is no object; of a bucket that is not there, nothing is said.
fn is_missing(error: &Error) -> bool {
    matches!(error, Error::NotFound { .. }) && Failure::of(error) == Failure::Missing
}

/// The bytes, if they are as many as were announced.
fn entire(bytes: Bytes, size: u64) -> Result<Bytes, Error> {
    if bytes.len() as u64 == size {
        return Ok(bytes);
    }
    let why = format!("{} of {size} bytes arrived", bytes.len());
    let kind = object_store::client::HttpErrorKind::Interrupted;
    let error = std::io::Error::new(std::io::ErrorKind::UnexpectedEof, why);
    Err(Error::Generic {
        store: "object",
        source: object_store::client::HttpError::new(kind, error).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_whose_content_ends_early_makes_no_object() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for url in [
            format!("file://{}", folder.path().display()),
            "memory://".to_owned(),
        ] {
            let store = Store::open(url.as_str()).expect("a store");
            let key = Key::dataset(&Digest::of(b"rows"));
            let parts = [
                Ok(Bytes::from_static(b"first part")),
                Err(Error::Generic {
                    store: "content",
                    source: "it can't be read".into(),
                }),
            ];
            let written = store.backend.wait(store.upload(&key, parts.into_iter()));
            assert!(written.is_err());
            assert!(!store.contains(&key).expect("an answer"), "in {url}");
        }
    }
}
