//! [`Key`]: the names of objects, and the layout of a store with them.

use object_store::path::Path;

use crate::digest::Digest;

/// The name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

    /// An object that a listing named.
    pub(super) fn listed(path: Path) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.0.as_ref()
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
