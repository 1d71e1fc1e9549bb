//! Objects that every writer writes alike: those whose name is the digest of
//! their content, and the one that holds the store's layout version.

use bytes::Bytes;

use super::{Key, LAYOUT, Store, StoreError};
use crate::digest::Digest;

/// How an object came to be in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It was written.
    Written,
    /// It was there, and whole.
    Found,
    /// It was there with other bytes than its name says, and was written
    /// again.
    Repaired,
}

impl Store {
    /// Makes sure that the object named by `digest`, that of `bytes`, is in the
    /// store and whole. A concurrent reader finds the right bytes, or others whose
    /// digest shows it.
    pub fn settle(&self, key: &Key, digest: Digest, bytes: Bytes) -> Result<Settled, StoreError> {
        if self.create(key, bytes.clone())? {
            return Ok(Settled::Written);
        }
        match self.get(key)? {
            Some(found) if Digest::of(&found) == digest => Ok(Settled::Found),
            _ => self.replace(key, bytes).map(|()| Settled::Repaired),
        }
    }

    /// Marks the store as one of this layout.
    ///
    /// # Errors
    ///
    /// [`StoreError::Layout`] if it is one of another.
    pub fn mark_layout(&self) -> Result<(), StoreError> {
        let mark = format!("{{\"layout\":{LAYOUT}}}\n");
        if self.create(&Key::layout(), mark.into())? {
            return Ok(());
        }
        self.check_layout()
    }

    /// Whether the store is of this layout; one without a mark is empty.
    ///
    /// # Errors
    ///
    /// [`StoreError::Layout`] if it is one of another.
    pub fn check_layout(&self) -> Result<(), StoreError> {
        let Some(bytes) = self.get(&Key::layout())? else {
            return Ok(());
        };
        let layout = layout_of(&bytes);
        if layout == Some(LAYOUT.into()) {
            return Ok(());
        }
        Err(StoreError::Layout {
            url: self.url().to_owned(),
            found: layout.map_or_else(
                || String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned(),
                |layout| layout.to_string(),
            ),
        })
    }

    /// The version of the store's layout, if it is one before ours.
    pub fn older_layout(&self) -> Result<Option<u64>, StoreError> {
        let bytes = self.get(&Key::layout())?;
        let layout = bytes.and_then(|bytes| layout_of(&bytes)?.as_u64());
        Ok(layout.filter(|layout| *layout < LAYOUT.into()))
    }
}

fn layout_of(mark: &[u8]) -> Option<serde_json::Value> {
    let mark: serde_json::Value = serde_json::from_slice(mark).ok()?;
    mark.get("layout").cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_written_found_and_mended() {
        let store = Store::open("memory://").unwrap();
        let bytes = Bytes::from_static(b"splits");
        let digest = Digest::of(&bytes);
        let key = Key::splits(&digest);
        let settle = || store.settle(&key, digest, bytes.clone()).unwrap();
        assert_eq!(settle(), Settled::Written);
        assert_eq!(settle(), Settled::Found);
        store.replace(&key, Bytes::from_static(b"split")).unwrap();
        assert_eq!(settle(), Settled::Repaired);
        assert_eq!(store.get(&key).unwrap(), Some(bytes.clone()));
    }

    #[test]
    fn a_store_of_another_layout_is_refused() {
        let store = Store::open("memory://").unwrap();
        store.check_layout().unwrap();
        store.mark_layout().unwrap();
        store.mark_layout().unwrap();
        for other in ["{\"layout\":1}", "{\"layout\":3}", "{\"layout\":", "text"] {
            store
                .replace(&Key::layout(), Bytes::from_static(other.as_bytes()))
                .unwrap();
            let error = store.mark_layout().unwrap_err();
            assert!(matches!(error, StoreError::Layout { .. }), "{error}");
            let older = store.older_layout().unwrap();
            assert_eq!(older, other.contains('1').then_some(1));
        }
    }
}
