//! [`Store`]: the object store that is the record of every run. The only
//! module that builds stores and names their objects; it never lists.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutPayload};

use crate::digest::Digest;

/// The bytes of a part of a large object.
const PART: u64 = 16 << 20;

/// An object store. Its calls block: a local folder needs nothing else, and a
/// worker has nothing else to do.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    url: String,
}

/// What went wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The URL names no store that this program knows.
    #[error("the store `{url}` is not one of `file://PATH`, `memory://`")]
    UnknownUrl {
        /// As it was given.
        url: String,
    },
    /// The folder can't be made or opened.
    #[error("can't open the store folder `{path}`")]
    Folder {
        /// The folder.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An object can't be read or written.
    #[error("can't {verb} `{key}` in the store `{url}`")]
    Object {
        /// `read` or `write`.
        verb: &'static str,
        /// The object's key.
        key: String,
        /// The store.
        url: String,
        /// Why.
        #[source]
        source: Box<object_store::Error>,
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

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Path);

impl Key {
    /// A dataset's Parquet file.
    pub fn dataset(digest: &Digest) -> Self {
        Self(Path::from(format!("datasets/{digest}/dataset.parquet")))
    }

    /// A splits file.
    pub fn splits(digest: &Digest) -> Self {
        Self(Path::from(format!("splits/{digest}.parquet")))
    }

    /// A guest component.
    pub fn guest(digest: &Digest) -> Self {
        Self(Path::from(format!("guests/{digest}.wasm")))
    }

    /// The result of a task.
    pub fn result(task: &Digest) -> Self {
        Self(Path::from(format!("tasks/{task}.json")))
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Store {
    /// Opens the store at `url`: `file://PATH` (made if it is not there) or
    /// `memory://`.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let inner: Arc<dyn ObjectStore> = if let Some(path) = url.strip_prefix("file://") {
            let folder = |source| StoreError::Folder {
                path: path.to_owned(),
                source,
            };
            std::fs::create_dir_all(path).map_err(folder)?;
            let local = object_store::local::LocalFileSystem::new_with_prefix(path)
                .map_err(|source| folder(std::io::Error::other(source)))?;
            Arc::new(local)
        } else if url == "memory://" {
            Arc::new(object_store::memory::InMemory::new())
        } else {
            return Err(StoreError::UnknownUrl {
                url: url.to_owned(),
            });
        };
        Ok(Self {
            inner,
            url: url.to_owned(),
        })
    }

    /// The URL that it was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bytes of an object; `None` where there is none.
    pub fn get(&self, key: &Key) -> Result<Option<Bytes>, StoreError> {
        let read = async { self.inner.get(&key.0).await?.bytes().await };
        match block_on(read) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(self.error("read", key, source)),
        }
    }

    /// Whether an object is there.
    pub fn contains(&self, key: &Key) -> Result<bool, StoreError> {
        match block_on(self.inner.head(&key.0)) {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(self.error("read", key, source)),
        }
    }

    /// Writes an object unless it is there. Returns whether it wrote.
    pub fn create(&self, key: &Key, bytes: Bytes) -> Result<bool, StoreError> {
        let payload = PutPayload::from_bytes(bytes);
        match block_on(self.inner.put_opts(&key.0, payload, PutMode::Create.into())) {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(self.error("write", key, source)),
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
        let write = async {
            let mut upload = self.inner.put_multipart(&key.0).await?;
            loop {
                let mut part = Vec::new();
                let read = (&mut file).take(PART).read_to_end(&mut part);
                read.map_err(|source| object_store::Error::Generic {
                    store: "temporary file",
                    source: source.into(),
                })?;
                if part.is_empty() {
                    return upload.complete().await;
                }
                if let Err(error) = upload.put_part(part.into()).await {
                    // What was written so far is no object; the first error
                    // is the one to tell.
                    let _ = upload.abort().await;
                    return Err(error);
                }
            }
        };
        match block_on(write) {
            Ok(_) => Ok(true),
            Err(source) => Err(self.error("write", key, source)),
        }
    }

    fn error(&self, verb: &'static str, key: &Key, source: object_store::Error) -> StoreError {
        StoreError::Object {
            verb,
            key: key.to_string(),
            url: self.url.clone(),
            source: Box::new(source),
        }
    }
}
