//! [`Cache`]: compiled guests on disk, so that a component is compiled once a
//! machine.
//!
//! An entry is native code, which this process runs with all of its rights. So
//! it is read from a folder and a file that no other user can write, and only
//! run if its content has the digest that is recorded in it. An entry that was
//! changed is compiled again. A large file that had its digest when it was hashed, and
//! was not written to since, is not hashed again.

use std::fs::{File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher as _};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use memmap2::Mmap;
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use super::GuestError;
use crate::digest::{Digest, Hasher};

/// Bytes of an entry's digest.
const DIGEST: usize = 64;

/// Bytes of an entry that are read at a time: they stay in a cache of the processor.
const BUFFER: usize = 1 << 17;

/// Files of so many bytes are hashed once, and known by their file's stamp then.
const LARGE: u64 = 16 << 20;

/// Why a folder of compiled guests is not used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It belongs to somebody else.
    #[error(
        "`{}` holds native code but belongs to another user, with the id {owner}; name a folder \
         of your own with `FANOUT_CACHE`",
        path.display()
    )]
    Foreign {
        /// The folder, or a file in it.
        path: PathBuf,
        /// The id of the user.
        owner: u32,
    },
    /// Others can change it.
    #[error(
        "`{path}` holds native code but can be written by other users (mode {mode:o}); run \
         `chmod go-w {path}`, or name another folder with `FANOUT_CACHE`",
        path = path.display()
    )]
    Writable {
        /// The folder, or a file in it.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It can't be made or written. Guests can be compiled without it.
    #[error("can't write to the folder `{}`", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl CacheError {
    /// What to do about it; `None` where the message says it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Foreign { .. } | Self::Writable { .. } => None,
            Self::Unusable { .. } => Some(
                "make room there or the folder writable, or name another one with `FANOUT_CACHE`",
            ),
        }
    }
}

/// A folder of compiled guests, which its user alone can write.
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

    /// Makes the folder where there is none, and checks that it can be used.
    pub fn probe(&self) -> Result<(), CacheError> {
        self.open()?;
        let written = tempfile::NamedTempFile::new_in(&self.folder);
        written.map(drop).map_err(|error| self.unusable(error))
    }

    /// Makes the folder where there is none. One that can't be made costs time,
    /// not the run; one that others can change is an error.
    pub(super) fn make(&self) -> Result<(), CacheError> {
        match self.open() {
            Err(CacheError::Unusable { .. }) => Ok(()),
            opened => opened,
        }
    }

    /// The compiled form of the component `wasm`, whose digest is `digest`.
    pub(super) fn load(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &Digest,
    ) -> Result<Component, GuestError> {
        self.compiled(
            engine,
            digest,
            "mapped",
            |path| mapped(engine, path),
            || {
                let code = compile(engine, wasm)?;
                Ok((code.component(engine)?, code))
            },
        )
    }

    /// The compiled form of the core module `wasm`, whose digest is `digest`. It is the
    /// host's own, no guest.
    pub(crate) fn module(
        &self,
        engine: &Engine,
        wasm: &[u8],
        digest: &Digest,
    ) -> Result<Module, GuestError> {
        self.compiled(
            engine,
            digest,
            "module",
            |path| mapped_module(engine, path),
            || {
                let code = engine.precompile_module(wasm).map(Code);
                let code = code.map_err(GuestError::Compile)?;
                Ok((code.module(engine)?, code))
            },
        )
    }

    /// What `open` makes of a good entry, else what `compile` makes, which becomes one.
    fn compiled<T>(
        &self,
        engine: &Engine,
        digest: &Digest,
        kind: &str,
        open: impl Fn(&Path) -> Result<T, GuestError>,
        compile: impl FnOnce() -> Result<(T, Code), GuestError>,
    ) -> Result<T, GuestError> {
        self.make()?;
        // The engine's version and settings decide the machine code.
        let mut settings = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut settings);
        // Other names than those of versions that recorded the digest elsewhere, or none:
        // each would take the other's entries for damaged.
        let name = format!("{digest}-{:016x}.{kind}.cwasm", settings.finish());
        let entry = || match self.is_unchanged(&name)? {
            true => Ok::<_, CacheError>(open(&self.folder.join(&name)).ok()),
            false => Ok(None),
        };
        if let Some(opened) = entry()? {
            return Ok(opened);
        }
        let _turn = self.turn(&name);
        if let Some(opened) = entry()? {
            return Ok(opened);
        }
        let (made, code) = compile()?;
        // An entry that can't be written costs time, not the run.
        drop(self.write(&name, &code));
        Ok(made)
    }

    /// Waits until no other process makes the entry `name`: of those that begin together,
    /// one compiles, and the others find what it wrote. Without a turn, where files can't be
    /// locked, each compiles.
    fn turn(&self, name: &str) -> Option<Turn> {
        let path = self.folder.join(format!("{name}.lock"));
        let file = File::create(&path).ok()?;
        file.lock().ok()?;
        Some(Turn { path, _file: file })
    }

    /// Makes the folder where there is none; one that is there must be safe.
    fn open(&self) -> Result<(), CacheError> {
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let made = builder.create(&self.folder);
        let opened = made.and_then(|()| std::fs::metadata(&self.folder));
        let folder = opened.map_err(|error| self.unusable(error))?;
        check(&self.folder, &folder)
    }

    /// Whether there is an entry, and its code has the recorded digest.
    fn is_unchanged(&self, name: &str) -> Result<bool, CacheError> {
        let path = self.folder.join(name);
        let Ok(mut file) = File::open(&path) else {
            return Ok(false);
        };
        // Of the file that is open, whatever has its name by now.
        let Ok(metadata) = file.metadata() else {
            return Ok(false);
        };
        check(&path, &metadata)?;
        let Some(length) = metadata.len().checked_sub(DIGEST as u64) else {
            return Ok(false);
        };
        if self.was_seen(name, &metadata) {
            return Ok(true);
        }
        let mut hasher = hasher(name);
        let mut code = (&mut file).take(length);
        let mut buffer = vec![0; BUFFER];
        loop {
            match code.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => hasher.update(&buffer[..read]),
                Err(_) => return Ok(false),
            }
        }
        let mut digest = [0; DIGEST];
        let whole = file.read_exact(&mut digest);
        let unchanged = whole.is_ok() && hasher.finish().to_string().as_bytes() == digest;
        if unchanged {
            self.see(name, &metadata);
        }
        Ok(unchanged)
    }

    /// The content of the file `name` of the folder, if it has this digest. The file is
    /// mapped: what is not used is not read.
    pub(crate) fn content(&self, name: &str, digest: &Digest) -> Option<Bytes> {
        self.open().ok()?;
        let path = self.folder.join(name);
        let file = File::open(&path).ok()?;
        let metadata = file.metadata().ok()?;
        check(&path, &metadata).ok()?;
        let content = Bytes::from_owner(map(&file).ok()?);
        if !self.was_seen(name, &metadata) {
            if Digest::of(&content) != *digest {
                return None;
            }
            self.see(name, &metadata);
        }
        Some(content)
    }

    /// Where it is kept which content of a file was hashed.
    fn seen(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.seen"))
    }

    /// Whether the file of `metadata` is large, had its digest when it was hashed, and was
    /// not written to since.
    fn was_seen(&self, name: &str, metadata: &Metadata) -> bool {
        // Of a small file, hashing is as quick.
        metadata.len() >= LARGE
            && stamp(metadata).is_some_and(|stamp| {
                std::fs::read_to_string(self.seen(name)).is_ok_and(|seen| seen == stamp)
            })
    }

    /// Keeps that the file of `metadata` has its digest.
    fn see(&self, name: &str, metadata: &Metadata) {
        if let Some(stamp) = stamp(metadata).filter(|_| metadata.len() >= LARGE) {
            // Without it, the next process hashes the file again.
            drop(self.replace(&self.seen(name), |file| file.write_all(stamp.as_bytes())));
        }
    }

    fn write(&self, name: &str, code: &Code) -> std::io::Result<()> {
        self.replace(&self.folder.join(name), |file| {
            file.write_all(&code.0)?;
            let mut hasher = hasher(name);
            hasher.update(&code.0);
            file.write_all(hasher.finish().to_string().as_bytes())
        })
    }

    /// Writes a file of the folder, which appears whole.
    pub(crate) fn replace(
        &self,
        path: &Path,
        write: impl FnOnce(&mut File) -> std::io::Result<()>,
    ) -> std::io::Result<()> {
        // A temporary file can be read and written by its owner alone.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        write(file.as_file_mut())?;
        file.as_file().sync_data()?;
        file.persist(path)?;
        Ok(())
    }

    fn unusable(&self, source: std::io::Error) -> CacheError {
        CacheError::Unusable {
            path: self.folder.clone(),
            source,
        }
    }
}

/// The right to make an entry, which ends with the process at the latest.
struct Turn {
    path: PathBuf,
    _file: File,
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Who waits for this file has its turn now, and finds the entry; who comes later
        // finds it without.
        drop(std::fs::remove_file(&self.path));
    }
}

/// The content of a file of the folder.
#[expect(unsafe_code, reason = "a file that is mapped must not change")]
fn map(file: &File) -> std::io::Result<Mmap> {
    // SAFETY: files of the folder are never written in place, but replaced by others, and
    // only this user can write there.
    unsafe { Mmap::map(file) }
}

/// What changes with any write to a file, or if another one has its place: a file that has
/// the stamp that it had when it was hashed needs no hashing. The time of the last change
/// is the system's, which nobody but root can set.
#[cfg(unix)]
fn stamp(metadata: &Metadata) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    Some(format!(
        "{} {} {} {}.{:09} {}.{:09}",
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ))
}

#[cfg(not(unix))]
fn stamp(_metadata: &Metadata) -> Option<String> {
    None
}

/// The folder for compiled guests of this user, where there is one:
/// `FANOUT_CACHE`, else the platform's folder for caches.
pub fn default_cache() -> Option<Cache> {
    let folder = match std::env::var_os("FANOUT_CACHE") {
        Some(folder) => PathBuf::from(folder),
        None => directories::ProjectDirs::from("", "", "fanout")?
            .cache_dir()
            .to_owned(),
    };
    Some(Cache::new(folder))
}

/// Native code from [`compile`], of this process or of an earlier one.
pub(super) struct Code(Vec<u8>);

/// Compiles a component.
pub(super) fn compile(engine: &Engine, wasm: &[u8]) -> Result<Code, GuestError> {
    let code = engine.precompile_component(wasm);
    code.map(Code).map_err(GuestError::Compile)
}

impl Code {
    /// The component, if it fits into the engine's pool.
    #[expect(unsafe_code, reason = "the only way to load compiled code")]
    pub(super) fn component(&self, engine: &Engine) -> Result<Component, GuestError> {
        // SAFETY: the bytes are from `compile`.
        let component = unsafe { Component::deserialize(engine, &self.0) };
        component.map_err(GuestError::TooLarge)
    }

    /// The module.
    #[expect(unsafe_code, reason = "the only way to load compiled code")]
    fn module(&self, engine: &Engine) -> Result<Module, GuestError> {
        // SAFETY: the bytes are from `Engine::precompile_module`.
        let module = unsafe { Module::deserialize(engine, &self.0) };
        module.map_err(GuestError::TooLarge)
    }
}

/// The same as [`mapped`] of a core module.
#[expect(unsafe_code, reason = "the only way to load compiled code")]
fn mapped_module(engine: &Engine, entry: &Path) -> Result<Module, GuestError> {
    // SAFETY: as for `mapped`.
    let module = unsafe { Module::deserialize_file(engine, entry) };
    module.map_err(GuestError::TooLarge)
}

/// The component of an entry that is unchanged. Its file is mapped: what is not run is
/// not read, and processes share the memory.
#[expect(unsafe_code, reason = "the only way to load compiled code")]
fn mapped(engine: &Engine, entry: &Path) -> Result<Component, GuestError> {
    // SAFETY: the content is from `compile`, by a file that only this user can write
    // and whose digest is right. Entries are never written in place, but replaced by
    // another file. The engine checks version and settings.
    let component = unsafe { Component::deserialize_file(engine, entry) };
    component.map_err(GuestError::TooLarge)
}

/// A hasher for the digest of the code of the entry `name`, which stands behind it in
/// the entry: [`DIGEST`] hexadecimal digits.
fn hasher(name: &str) -> Hasher {
    let mut hasher = Hasher::new();
    hasher.update(name.as_bytes());
    hasher
}

/// Whether this user, and no other, can write the folder or the file.
#[cfg(unix)]
fn check(path: &Path, metadata: &Metadata) -> Result<(), CacheError> {
    use std::os::unix::fs::MetadataExt as _;
    #[expect(unsafe_code, reason = "the standard library does not name the user")]
    // SAFETY: it has no conditions and can't fail.
    let user = unsafe { libc::geteuid() };
    judge(path, metadata.uid(), metadata.mode() & 0o7777, user)
}

#[cfg(not(unix))]
fn check(_path: &Path, _metadata: &Metadata) -> Result<(), CacheError> {
    Ok(())
}

#[cfg(unix)]
fn judge(path: &Path, owner: u32, mode: u32, user: u32) -> Result<(), CacheError> {
    let path = path.to_owned();
    if owner != user {
        Err(CacheError::Foreign { path, owner })
    } else if mode & 0o022 != 0 {
        Err(CacheError::Writable { path, mode })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Components that differ by a custom section.
    fn component(name: &str) -> Vec<u8> {
        let mut component = wasm_encoder::Component::new();
        component.section(&wasm_encoder::CustomSection {
            name: name.into(),
            data: [].as_slice().into(),
        });
        component.finish()
    }

    struct Case {
        // Holds the folder.
        _home: tempfile::TempDir,
        cache: Cache,
        engine: Engine,
        wasm: Vec<u8>,
    }

    impl Case {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            Self {
                cache: Cache::new(home.path().join("a").join("cache")),
                _home: home,
                engine: Engine::default(),
                wasm: component("one"),
            }
        }

        fn load(&self) -> Result<(), GuestError> {
            self.load_as(&self.wasm)
        }

        /// Loads what is no component: only an entry makes that possible.
        fn load_cached(&self) -> Result<(), GuestError> {
            self.load_as(b"no component")
        }

        fn load_as(&self, wasm: &[u8]) -> Result<(), GuestError> {
            let digest = Digest::of(&self.wasm);
            self.cache.load(&self.engine, wasm, &digest).map(drop)
        }

        fn entry(&self) -> PathBuf {
            let mut entries = std::fs::read_dir(self.cache.folder()).unwrap();
            let entry = entries.next().unwrap().unwrap().path();
            assert!(entries.next().is_none());
            entry
        }
    }

    #[test]
    fn who_comes_while_another_compiles_waits_for_its_entry() {
        let (case, beside) = (Case::new(), Case::new());
        case.load().unwrap();
        let entry = case.entry();
        let name = entry.file_name().unwrap().to_str().unwrap();
        beside.cache.make().unwrap();
        let turn = beside.cache.turn(name).unwrap();
        std::thread::scope(|scope| {
            // Fails unless it finds the entry.
            let waits = scope.spawn(|| beside.load_cached());
            let written = beside.cache.folder().join(name);
            (beside.cache)
                .replace(&written, |file| file.write_all(&std::fs::read(&entry)?))
                .unwrap();
            drop(turn);
            waits.join().unwrap().unwrap();
        });
        assert_eq!(beside.entry().file_name(), entry.file_name());
    }

    #[test]
    fn a_good_entry_is_used() {
        let case = Case::new();
        assert!(matches!(case.load_cached(), Err(GuestError::Compile(_))));
        case.load().unwrap();
        case.load_cached().unwrap();
    }

    #[test]
    fn a_changed_entry_is_compiled_again() {
        let case = Case::new();
        case.load().unwrap();
        let entry = case.entry();
        let good = std::fs::read(&entry).unwrap();
        let changed = |index: usize| {
            let mut bytes = good.clone();
            bytes[index] ^= 1;
            bytes
        };
        let mut longer = good.clone();
        longer.push(0);
        for bad in [
            // Of the code, and of the digest.
            changed(0),
            changed(good.len() / 2),
            changed(good.len() - DIGEST - 1),
            changed(good.len() - DIGEST),
            changed(good.len() - 1),
            good[..good.len() - 1].to_vec(),
            good[..DIGEST - 1].to_vec(),
            longer,
            // Code without a digest.
            good[..good.len() - DIGEST].to_vec(),
            Vec::new(),
        ] {
            std::fs::write(&entry, &bad).unwrap();
            assert!(matches!(case.load_cached(), Err(GuestError::Compile(_))));
            case.load().unwrap();
            assert_eq!(std::fs::read(case.entry()).unwrap(), good);
            case.load_cached().unwrap();
        }
    }

    #[test]
    fn the_entry_of_another_component_is_not_used() {
        let case = Case::new();
        case.load().unwrap();
        let entry = case.entry();
        let other = component("another");
        let digest = Digest::of(&other);
        case.cache.load(&case.engine, &other, &digest).unwrap();
        let mut entries = std::fs::read_dir(case.cache.folder()).unwrap();
        let other = entries.find_map(|found| Some(found.unwrap().path()).filter(|p| *p != entry));
        std::fs::rename(other.unwrap(), &entry).unwrap();
        assert!(matches!(case.load_cached(), Err(GuestError::Compile(_))));
        case.load().unwrap();
        case.load_cached().unwrap();
    }

    #[test]
    fn a_folder_that_cant_be_made_costs_time_alone() {
        let home = tempfile::NamedTempFile::new().unwrap();
        let case = Case::new();
        let cache = Cache::new(home.path().join("cache"));
        let digest = Digest::of(&case.wasm);
        cache.load(&case.engine, &case.wasm, &digest).unwrap();
        assert!(matches!(cache.probe(), Err(CacheError::Unusable { .. })));
    }

    #[cfg(unix)]
    mod unix {
        use std::os::unix::fs::PermissionsExt as _;

        use super::*;

        fn mode(path: &Path) -> u32 {
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777
        }

        fn set_mode(path: &Path, mode: u32) {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }

        #[test]
        fn what_is_made_is_for_its_user_alone() {
            let case = Case::new();
            case.load().unwrap();
            assert_eq!(mode(case.cache.folder()), 0o700);
            assert_eq!(mode(&case.entry()), 0o600);
        }

        #[test]
        fn a_folder_that_others_can_write_is_refused() {
            let case = Case::new();
            case.load().unwrap();
            let folder = case.cache.folder();
            for bad in [0o777, 0o770, 0o702] {
                set_mode(folder, bad);
                let refused = |error: &CacheError| {
                    matches!(error, CacheError::Writable { path, mode }
                        if path == folder && *mode == bad)
                };
                let error = case.load().unwrap_err();
                assert!(matches!(&error, GuestError::Cache(error) if refused(error)));
                assert!(refused(&case.cache.probe().unwrap_err()));
                let remedy = format!("run `chmod go-w {}`", folder.display());
                assert!(error.to_string().contains(&remedy), "{error}");
            }
            for good in [0o700, 0o755] {
                set_mode(folder, good);
                case.load_cached().unwrap();
                case.cache.probe().unwrap();
            }
        }

        #[test]
        fn an_entry_that_others_can_write_is_refused() {
            let case = Case::new();
            case.load().unwrap();
            let entry = case.entry();
            set_mode(&entry, 0o666);
            let error = case.load().unwrap_err();
            assert!(
                matches!(&error, GuestError::Cache(CacheError::Writable { path, mode: 0o666 })
                    if *path == entry),
                "{error}"
            );
            set_mode(&entry, 0o644);
            case.load_cached().unwrap();
        }

        #[test]
        fn what_belongs_to_another_user_is_refused() {
            let path = Path::new("cache");
            let foreign = judge(path, 1000, 0o700, 1001).unwrap_err();
            assert!(matches!(foreign, CacheError::Foreign { owner: 1000, .. }));
            let text = foreign.to_string();
            assert!(text.contains("with the id 1000"), "{text}");
            assert!(text.contains("`FANOUT_CACHE`"), "{text}");
            // Root owns nothing of others either.
            assert!(judge(path, 1000, 0o700, 0).is_err());
            judge(path, 1000, 0o700, 1000).unwrap();
        }
    }
}
