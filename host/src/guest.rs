//! [`GuestFile`]: a component file, embedded in this program or from a path;
//! [`component_of`] makes one of a compiler's module. Nothing is compiled to
//! machine code or run.

use std::error::Error;
use std::path::Path;

use bytes::Bytes;

use crate::digest::Digest;

/// The first bytes of a core WebAssembly module; those of a component differ in
/// the last four.
const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";

/// Whether a file is a core module, as a compiler writes it, and no component.
pub(crate) fn is_module(wasm: &[u8]) -> bool {
    wasm.starts_with(&MODULE)
}

/// The component of a core module that `wit-bindgen` was linked into, as
/// `fanout_sdk::export!` does: its imports and exports by their WIT types. The same
/// as `wasm-tools component new`.
///
/// # Errors
/// If the file is no core module, or has no description of its interfaces.
pub fn component_of(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
    if !is_module(module) {
        return Err("it is no core module".into());
    }
    let encoder = wit_component::ComponentEncoder::default();
    Ok(encoder.validate(true).module(module)?.encode()?)
}

/// A component file.
#[derive(Clone)]
pub struct GuestFile {
    /// Its name, for people.
    pub name: String,
    /// Its bytes.
    pub wasm: Bytes,
    /// The digest of its bytes.
    pub digest: Digest,
    /// Its bytes as a store keeps them, where that was made before.
    pub packed: Option<Bytes>,
    /// Whether this program carries it.
    pub is_embedded: bool,
}

impl GuestFile {
    /// The guests that this program carries.
    pub fn embedded() -> impl Iterator<Item = Self> {
        fanout_guests::GUESTS.iter().map(|(name, wasm)| Self {
            name: (*name).to_owned(),
            wasm: Bytes::from_static(wasm),
            digest: Digest::of(wasm),
            packed: None,
            is_embedded: true,
        })
    }

    /// Reads a component file.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self::of(
            path.display().to_string(),
            std::fs::read(path)?.into(),
        ))
    }

    /// The component of these bytes.
    pub fn of(name: String, wasm: Bytes) -> Self {
        Self {
            name,
            digest: Digest::of(&wasm),
            wasm,
            packed: None,
            is_embedded: false,
        }
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
