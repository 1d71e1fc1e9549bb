//! Guests in a store: a component, or a large one packed.

use std::borrow::Cow;
use std::io::{self, ErrorKind, Read as _};

use bytes::Bytes;

use super::{Key, Settled, Store, StoreError};
use crate::digest::Digest;

/// Components of so many bytes are packed.
const LARGE: usize = 16 << 20;
/// How hard a component is packed: four times smaller, in a second for 200 MB.
const LEVEL: i32 = 3;
/// The most bytes of a component. Threat: a small object that takes all memory.
const MOST: u64 = 1 << 30;
/// The first bytes of a frame of zstd.
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A component as a store keeps it: a large one as a frame of zstd.
pub fn packed(component: &Bytes) -> Bytes {
    match component.len() >= LARGE {
        // What can't be packed is kept as it is.
        true => zstd::encode_all(&component[..], LEVEL).map_or(component.clone(), Bytes::from),
        false => component.clone(),
    }
}

/// Whether this is what a store keeps of the component of this digest.
pub(crate) fn is_component(kept: &[u8], digest: Digest) -> bool {
    unpacked(kept, MOST).is_ok_and(|component| Digest::of(&component) == digest)
}

/// The component that a store keeps so.
///
/// # Errors
/// If it is no whole frame, or has more than `most` bytes.
fn unpacked(kept: &[u8], most: u64) -> io::Result<Cow<'_, [u8]>> {
    if !kept.starts_with(&FRAME) {
        return Ok(Cow::Borrowed(kept));
    }
    let mut component = Vec::new();
    let mut decoder = zstd::Decoder::new(kept)?.take(most + 1);
    decoder.read_to_end(&mut component)?;
    match component.len() as u64 > most {
        true => Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "a guest that is too large",
        )),
        false => Ok(Cow::Owned(component)),
    }
}

impl Store {
    /// Makes sure that the component named by `digest` is in the store and whole; `packed`
    /// is what [`packed`] makes of it.
    pub fn settle_guest(&self, digest: Digest, packed: Bytes) -> Result<Settled, StoreError> {
        let key = Key::guest(&digest);
        // What is there is not sent again, to be refused.
        if !self.contains(&key)? && self.create(&key, packed.clone())? {
            return Ok(Settled::Written);
        }
        let is_whole = |found: Bytes| {
            // Of a large one, the digest takes longer.
            found == packed || is_component(&found, digest)
        };
        match self.get(&key)?.is_some_and(is_whole) {
            true => Ok(Settled::Found),
            false => self.replace(&key, packed).map(|()| Settled::Repaired),
        }
    }

    /// The component of this digest, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it is another one.
    pub fn guest(&self, digest: Digest) -> Result<Option<Bytes>, StoreError> {
        let key = Key::guest(&digest);
        let Some(kept) = self.get(&key)? else {
            return Ok(None);
        };
        let component = match unpacked(&kept, MOST) {
            Ok(Cow::Owned(component)) => component.into(),
            // What is no whole frame has another digest.
            Ok(Cow::Borrowed(_)) | Err(_) => kept,
        };
        self.verify(&key, &component, digest)?;
        Ok(Some(component))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> Store {
        Store::open("memory://").unwrap()
    }

    /// A component of this many bytes.
    fn component(size: usize) -> Bytes {
        let mut bytes = b"\0asm\r\0\x01\0".to_vec();
        bytes.resize(size, 7);
        bytes.into()
    }

    #[test]
    fn a_large_guest_is_packed_and_a_small_one_is_not() {
        for (size, is_packed) in [(LARGE - 1, false), (LARGE, true)] {
            let (store, component) = (store(), component(size));
            let digest = Digest::of(&component);
            assert_eq!(store.guest(digest).unwrap(), None);
            let settle = || store.settle_guest(digest, packed(&component)).unwrap();
            assert_eq!(settle(), Settled::Written);
            assert_eq!(settle(), Settled::Found);
            let kept = store.get(&Key::guest(&digest)).unwrap().unwrap();
            assert_eq!(kept.len() < size / 4, is_packed);
            assert_eq!(store.guest(digest).unwrap().unwrap(), component);
        }
    }

    #[test]
    fn a_damaged_guest_is_told_and_repaired() {
        let component = component(LARGE);
        let digest = Digest::of(&component);
        let whole = packed(&component);
        let mut changed = whole.to_vec();
        changed[whole.len() / 2] ^= 1;
        let other = packed(&Bytes::from(vec![1; LARGE]));
        for damaged in [
            whole.slice(..whole.len() - 1),
            changed.into(),
            other,
            Bytes::from_static(&FRAME),
            Bytes::new(),
        ] {
            let store = store();
            store.create(&Key::guest(&digest), damaged).unwrap();
            let told = store.guest(digest).unwrap_err();
            assert!(matches!(told, StoreError::Damaged { .. }), "{told}");
            let settled = store.settle_guest(digest, whole.clone()).unwrap();
            assert_eq!(settled, Settled::Repaired);
            assert_eq!(store.guest(digest).unwrap().unwrap(), component);
        }
    }

    #[test]
    fn what_was_kept_unpacked_is_read() {
        let (store, component) = (store(), component(LARGE));
        let digest = Digest::of(&component);
        store
            .create(&Key::guest(&digest), component.clone())
            .unwrap();
        assert_eq!(store.guest(digest).unwrap().unwrap(), component);
        let settled = store.settle_guest(digest, packed(&component)).unwrap();
        assert_eq!(settled, Settled::Found);
    }

    #[test]
    fn a_frame_that_takes_all_memory_is_refused() {
        let kept = packed(&component(LARGE));
        assert!(unpacked(&kept, LARGE as u64).is_ok());
        assert!(unpacked(&kept, LARGE as u64 - 1).is_err());
    }
}
