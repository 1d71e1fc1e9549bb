//! [`Files`]: the dataset and the splits as bytes, read once for all workers
//! and only when one needs them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{PoolError, Work};
use crate::digest::Digest;
use crate::store::Key;

/// The dataset's file, and that of the splits. Clones of them share the bytes.
type Both = (Bytes, Bytes);

/// Where both are, if they are in memory.
#[derive(Debug, Default)]
pub(super) struct Files(Mutex<Held>);

#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    /// Somebody else has them too.
    Given(Both),
    Read(Both),
}

impl Files {
    /// Files that are at hand.
    pub(super) fn of(table: Bytes, splits: Bytes) -> Self {
        Self(Mutex::new(Held::Given((table, splits))))
    }

    /// The files, from the store if they are not in memory.
    pub(super) fn get(&self, work: &Work) -> Result<Both, PoolError> {
        // Others wait, since what two read is in memory twice.
        let mut held = self.held();
        if let Held::Given(files) | Held::Read(files) = &*held {
            return Ok(files.clone());
        }
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
        let files = (table, splits);
        *held = Held::Read(files.clone());
        Ok(files)
    }

    /// Lets go of files that were read. Whoever needs them again reads them
    /// again.
    pub(super) fn release(&self) {
        let mut held = self.held();
        if matches!(*held, Held::Read(_)) {
            *held = Held::Nothing;
        }
    }

    /// The bytes of both, where they are in memory.
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
    use crate::sandbox::{Cancel, TaskLimits};
    use crate::store::Store;

    #[test]
    fn what_was_read_is_let_go_and_read_again() {
        let store = Store::open("memory://").unwrap();
        let [table, splits] = [b"table" as &[u8], b"splits"].map(Bytes::from_static);
        let work = Work {
            record: Record::new(store.clone(), TaskLimits::default(), true),
            dataset: Digest::of(&table),
            splits: Digest::of(&splits),
            cancel: Cancel::default(),
        };
        let both = (table.clone(), splits.clone());

        let files = Files::default();
        let missing = files.get(&work);
        assert!(matches!(missing, Err(PoolError::Missing { .. })));
        store
            .create(&Key::dataset(&work.dataset), table.clone())
            .unwrap();
        store
            .create(&Key::splits(&work.splits), splits.clone())
            .unwrap();
        for _ in 0..2 {
            assert_eq!(files.get(&work).unwrap(), both);
            assert_eq!(files.len(), 11);
            files.release();
            assert_eq!(files.len(), 0);
        }

        // What the run holds anyway costs nothing.
        let given = Files::of(table, splits);
        given.release();
        assert_eq!(given.len(), 11);
        assert_eq!(given.get(&work).unwrap(), both);
    }
}
