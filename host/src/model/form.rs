//! The form that all model files have: a head in JSON and the parts behind it, each with
//! a digest.
//!
//! ```text
//! 8 bytes   "fanoutM" and the version of the form: 1, a model; 2, a composite model
//! 8 bytes   the size of the head, little-endian
//! 32 bytes  the SHA-256 digest of the head
//! the head  JSON
//! the parts one after the other
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;

const MAGIC: &[u8; 7] = b"fanoutM";
/// Bytes before the head.
const PREFIX: usize = 8 + 8 + 32;

/// The version of the form of one model.
pub(super) const ONE: u8 = 1;
/// The version of the form of a composite model.
pub(super) const COMPOSITE: u8 = 2;

/// Why a model file can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ModelFileError {
    /// There is no such file, or it can't be read.
    #[error("can't read the model `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is another kind of file.
    #[error("`{}` is no model of fanout", path.display())]
    Other {
        /// The file.
        path: PathBuf,
    },
    /// It is of a version that this program does not read.
    #[error(
        "the model `{}` is of version {version}; this program reads versions {ONE} and {COMPOSITE}",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: u8,
    },
    /// Its bytes are not those that were written.
    #[error("the model `{}` is damaged: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is whole, and its head is not of a form that this program knows.
    #[error("the model `{}` is not of a form that this version of fanout reads", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl ModelFileError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Read { .. } => "name a model that is there, such as `results/model.fanout`",
            Self::Other { .. } => {
                "name the file `model.fanout` of a run's results, or one of `fanout retrain`"
            }
            Self::Version { .. } | Self::Form { .. } => "use the version of fanout that wrote it",
            Self::Damaged { .. } => "copy it again from where it was made",
        }
    }
}

impl ModelFileError {
    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            what: what.into(),
        }
    }

    pub(super) fn form(path: &Path, source: serde_json::Error) -> Self {
        Self::Form {
            path: path.to_owned(),
            source,
        }
    }
}

/// A file whose head is whole. Its parts are not checked yet.
pub(super) struct Opened<'a> {
    /// The version of the form.
    pub(super) version: u8,
    bytes: &'a Bytes,
    /// Where the head ends.
    end: usize,
    path: &'a Path,
}

/// The size and the digest of a part.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartStamp {
    pub(super) size: u64,
    pub(super) digest: Digest,
}

impl PartStamp {
    pub(super) fn of(content: &[u8]) -> Self {
        Self {
            size: content.len() as u64,
            digest: Digest::of(content),
        }
    }
}

impl<'a> Opened<'a> {
    /// Opens the bytes of a file; `path` is its name in messages.
    pub(super) fn new(bytes: &'a Bytes, path: &'a Path) -> Result<Self, ModelFileError> {
        let version = match bytes.get(..8).and_then(|start| start.split_last()) {
            Some((&version, magic)) if magic == MAGIC => version,
            _ => {
                return Err(ModelFileError::Other {
                    path: path.to_owned(),
                });
            }
        };
        if ![ONE, COMPOSITE].contains(&version) {
            return Err(ModelFileError::Version {
                path: path.to_owned(),
                version,
            });
        }
        let cut = || ModelFileError::damaged(path, "it ends too early");
        let size = bytes.get(8..16).ok_or_else(cut)?;
        let size = u64::from_le_bytes(size.try_into().expect("it has 8 bytes"));
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_add(PREFIX));
        let end = end.filter(|end| *end <= bytes.len()).ok_or_else(cut)?;
        if Digest::of(&bytes[PREFIX..end]).as_bytes() != &bytes[16..PREFIX] {
            return Err(ModelFileError::damaged(path, "its head was changed"));
        }
        Ok(Self {
            version,
            bytes,
            end,
            path,
        })
    }

    /// The head.
    pub(super) fn head<T: DeserializeOwned>(&self) -> Result<T, ModelFileError> {
        let head = &self.bytes[PREFIX..self.end];
        serde_json::from_slice(head).map_err(|source| ModelFileError::form(self.path, source))
    }

    /// The contents of all parts, in order; `names` are theirs in messages.
    pub(super) fn parts(
        &self,
        parts: impl IntoIterator<Item = (PartStamp, String)>,
    ) -> Result<Vec<Bytes>, ModelFileError> {
        let mut at = self.end;
        let mut contents = Vec::new();
        for (part, name) in parts {
            let end = usize::try_from(part.size).ok();
            let end = end.and_then(|size| at.checked_add(size));
            let end = end.filter(|end| *end <= self.bytes.len());
            let cut = || ModelFileError::damaged(self.path, "it ends too early");
            let content = self.bytes.slice(at..end.ok_or_else(cut)?);
            if Digest::of(&content) != part.digest {
                let what = format!("its {name} was changed");
                return Err(ModelFileError::damaged(self.path, what));
            }
            at += content.len();
            contents.push(content);
        }
        if at != self.bytes.len() {
            let what = "it goes on behind its end";
            return Err(ModelFileError::damaged(self.path, what));
        }
        Ok(contents)
    }
}

/// Writes a file.
pub(super) fn write<'a>(
    version: u8,
    head: &impl Serialize,
    parts: impl IntoIterator<Item = &'a Bytes>,
    output: &mut impl Write,
) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    output.write_all(MAGIC)?;
    output.write_all(&[version])?;
    output.write_all(&(head.len() as u64).to_le_bytes())?;
    output.write_all(Digest::of(&head).as_bytes())?;
    output.write_all(&head)?;
    parts
        .into_iter()
        .try_for_each(|bytes| output.write_all(bytes))
}
