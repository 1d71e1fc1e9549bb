//! [`GuestFile`]: a component file, embedded in this program or from a path.
//! It compiles and runs nothing.

use std::borrow::Cow;
use std::path::Path;

use crate::digest::Digest;

/// A component file.
#[derive(Clone)]
pub struct GuestFile {
    /// Its name, for people.
    pub name: String,
    /// Its bytes.
    pub wasm: Cow<'static, [u8]>,
    /// The digest of its bytes.
    pub digest: Digest,
}

impl GuestFile {
    /// The guests that this program carries.
    pub fn embedded() -> impl Iterator<Item = Self> {
        fanout_guests::GUESTS.iter().map(|(name, wasm)| Self {
            name: (*name).to_owned(),
            wasm: Cow::Borrowed(*wasm),
            digest: Digest::of(wasm),
        })
    }

    /// Reads a component file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        let wasm = std::fs::read(path)?;
        Ok(Self {
            name: path.display().to_string(),
            digest: Digest::of(&wasm),
            wasm: Cow::Owned(wasm),
        })
    }
}

impl std::fmt::Debug for GuestFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestFile")
            .field("name", &self.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}
