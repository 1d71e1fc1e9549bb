//! [`Files`]: the dataset and the splits as bytes, read once for all workers
//! and only when one needs them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{PoolContext, PoolError};
use crate::digest::Digest;
use crate::store::Key;

/// The bytes of the dataset's file and of the splits' file; clones share them.
type Both = (Bytes, Bytes);

/// The two files, where they are in memory.
#[derive(Debug, Default)]
pub(super) struct Files(Mutex<Held>);

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// The run holds them anyway.
    Given(Both),
    Read(Both),
}

impl Files {
    /// Files that the run holds.
    pub(super) fn of(table: Bytes, splits: Bytes) -> Self {
        Self(Mutex::new(Held::Given((table, splits))))
    }

    /// The files, from the store if they are not in memory.
    pub(super) fn get(&self, context: &PoolContext) -> Result<Both, PoolError> {
        // Others wait: what two read would be in memory twice.
        let mut held = self.held();
        if let Held::Given(files) | Held::Read(files) = &*held {
            return Ok(files.clone());
        }
        let read = |key: Key, digest: Digest| -> Result<Bytes, PoolError> {
            let bytes = context.record.store().get_verified(&key, digest)?;
            bytes.ok_or_else(|| PoolError::Missing {
                key: key.to_string(),
            })
        };
        let table = read(Key::dataset(&context.dataset), context.dataset)?;
        let splits = read(Key::splits(&context.splits), context.splits)?;
        let files = (table, splits);
        *held = Held::Read(files.clone());
        Ok(files)
    }

    /// Drops files that were read; the next [`Files::get`] reads them again.
    pub(super) fn release(&self) {
        let mut held = self.held();
        if matches!(*held, Held::Read(_)) {
            *held = Held::Nothing;
        }
    }

    /// How many bytes both have, where they are in memory.
    pub(super) fn len(&self) -> u64 {
        match &*self.held() {
            Held::Nothing => 0,
            Held::Given((table, splits)) | Held::Read((table, splits)) => {
                (table.len() + splits.len()) as u64
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::record::Record;
    use crate::store::Store;
    use crate::task::{Cancel, TaskLimits};

    #[test]
    fn released_files_are_read_again() {
        let store = Store::open("memory://").unwrap();
        let [table, splits] = [b"table" as &[u8], b"splits"].map(Bytes::from_static);
        let context = PoolContext {
            record: Record::new(store.clone(), TaskLimits::default(), true),
            dataset: Digest::of(&table),
            splits: Digest::of(&splits),
            cancel: Cancel::default(),
        };
        let both = (table.clone(), splits.clone());

        let files = Files::default();
        let missing = files.get(&context);
        assert!(matches!(missing, Err(PoolError::Missing { .. })));
        store
            .create(&Key::dataset(&context.dataset), table.clone())
            .unwrap();
        store
            .create(&Key::splits(&context.splits), splits.clone())
            .unwrap();
        for _ in 0..2 {
            assert_eq!(files.get(&context).unwrap(), both);
            assert_eq!(files.len(), 11);
            files.release();
            assert_eq!(files.len(), 0);
        }

        // Files that the run holds are not dropped.
        let given = Files::of(table, splits);
        given.release();
        assert_eq!(given.len(), 11);
        assert_eq!(given.get(&context).unwrap(), both);
    }
}
