//! [`Cache`]: compiled guests on disk, so that a component is compiled once a
//! machine. A damaged or foreign entry is compiled again, never trusted.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::digest::Digest;

/// A folder of compiled guests. It holds machine code that this process will
/// run, so it must be writable by its user alone.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// A cache in `folder`, which is made when it is first needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The compiled form of the component `wasm`, whose digest is `digest`.
    pub(super) fn load(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &Digest,
    ) -> wasmtime::Result<Component> {
        // The engine's version and settings decide the machine code.
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        let path = self
            .folder
            .join(format!("{digest}-{:016x}.cwasm", settings.finish()));
        if path.exists()
            && let Ok(component) = read(engine, &path)
        {
            return Ok(component);
        }
        let code = engine.precompile_component(wasm)?;
        match self.write(&path, &code) {
            Ok(()) => read(engine, &path),
            // A cache that can't be written costs time, not the run.
            Err(_) => Component::new(engine, wasm),
        }
    }

    fn write(&self, path: &Path, code: &[u8]) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(code)?;
        file.as_file().sync_data()?;
        file.persist(path)?;
        Ok(())
    }
}

#[expect(unsafe_code, reason = "the only way to load compiled code")]
fn read(engine: &Engine, path: &Path) -> wasmtime::Result<Component> {
    // SAFETY: only `Cache::write` puts files under this name, whole, in a
    // folder of the user's own; the engine checks version and settings.
    unsafe { Component::deserialize_file(engine, path) }
}
