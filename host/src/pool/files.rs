//! [`Files`]: the dataset and the splits as bytes, read once for all workers
//! and only when one needs them.

use std::sync::OnceLock;

use bytes::Bytes;

use super::{PoolError, Work};
use crate::digest::Digest;
use crate::store::Key;

/// The dataset's file, and that of the splits.
#[derive(Debug, Default)]
pub(super) struct Files(OnceLock<(Bytes, Bytes)>);

impl Files {
    /// Files that are at hand.
    pub(super) fn of(table: Bytes, splits: Bytes) -> Self {
        Self(OnceLock::from((table, splits)))
    }

    /// The files, from the store if they were not read yet.
    pub(super) fn get(&self, work: &Work) -> Result<&(Bytes, Bytes), PoolError> {
        if self.0.get().is_none() {
            let read = |key: Key, digest: Digest| -> Result<Bytes, PoolError> {
                let store = work.record.store();
                let bytes = store.get(&key)?;
                let bytes = bytes.ok_or_else(|| PoolError::Missing {
                    key: key.to_string(),
                })?;
                store.verify(&key, &bytes, digest)?;
                Ok(bytes)
            };
            let table = read(Key::dataset(&work.dataset), work.dataset)?;
            let splits = read(Key::splits(&work.splits), work.splits)?;
            // Another thread may have been first: its bytes are the same.
            drop(self.0.set((table, splits)));
        }
        Ok(self.0.get().expect("it was set"))
    }

    /// The files, where they were read.
    pub(super) fn at_hand(&self) -> Option<&(Bytes, Bytes)> {
        self.0.get()
    }

    /// The bytes of both, where they were read.
    pub(super) fn len(&self) -> u64 {
        let files = self.0.get();
        files.map_or(0, |(table, splits)| (table.len() + splits.len()) as u64)
    }
}
