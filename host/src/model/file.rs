//! [`ModelFile`]: the form of `model.fanout`.
//!
//! ```text
//! 8 bytes   "fanoutM" and the version of the form, 1
//! 8 bytes   the size of the head, little-endian
//! 32 bytes  the SHA-256 digest of the head
//! the head  JSON: a ModelHead, and the parts with their sizes and digests
//! the parts one after the other
//! ```

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ModelHead, Training};
use crate::digest::Digest;

const MAGIC: &[u8; 7] = b"fanoutM";
const VERSION: u8 = 1;
/// Bytes before the head.
const PREFIX: usize = 8 + 8 + 32;

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
        "the model `{}` is of version {version}; this program reads version {VERSION}",
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

/// A fitted model with all that it takes to use it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// What it is.
    pub head: ModelHead,
    /// The model, in the form of its guest.
    pub fitted: Bytes,
    /// The guest's component, unless it was left out.
    pub guest: Option<Bytes>,
    /// Of what it was made; `None` in files of versions that kept nothing of it.
    pub training: Option<Training>,
}

/// The head as it is written.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    /// The version of the program that wrote it.
    fanout: String,
    model: ModelHead,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PartName {
    Fitted,
    Guest,
    Training,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    name: PartName,
    size: u64,
    digest: Digest,
}

impl ModelFile {
    /// A model of these parts.
    pub fn new(
        head: ModelHead,
        fitted: Bytes,
        guest: Option<Bytes>,
        training: Option<Training>,
    ) -> Self {
        Self {
            head,
            fitted,
            guest,
            training,
        }
    }

    /// Writes the file.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let guest = self.guest.iter().map(|guest| (PartName::Guest, guest));
        let training = self.training.as_ref().map(serde_json::to_vec);
        let training: Option<Bytes> = training.transpose()?.map(Bytes::from);
        let parts: Vec<(PartName, &Bytes)> = [(PartName::Fitted, &self.fitted)]
            .into_iter()
            .chain(guest)
            .chain(training.iter().map(|bytes| (PartName::Training, bytes)))
            .collect();
        let listed = parts.iter().map(|(name, bytes)| Part {
            name: *name,
            size: bytes.len() as u64,
            digest: Digest::of(bytes),
        });
        let head = Head {
            fanout: env!("CARGO_PKG_VERSION").to_owned(),
            model: self.head.clone(),
            parts: listed.collect(),
        };
        let head = serde_json::to_vec(&head)?;
        output.write_all(MAGIC)?;
        output.write_all(&[VERSION])?;
        output.write_all(&(head.len() as u64).to_le_bytes())?;
        output.write_all(Digest::of(&head).as_bytes())?;
        output.write_all(&head)?;
        for (_, bytes) in parts {
            output.write_all(bytes)?;
        }
        Ok(())
    }

    /// Reads a file, and checks all its digests.
    ///
    /// # Errors
    /// If it is no model, of another version, or was changed.
    pub fn read(path: &Path) -> Result<Self, ModelFileError> {
        let bytes = std::fs::read(path).map_err(|source| ModelFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::of_bytes(&bytes.into(), path)
    }

    /// Reads the bytes of a file; `path` is its name in messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn of_bytes(bytes: &Bytes, path: &Path) -> Result<Self, ModelFileError> {
        let path = || path.to_owned();
        let damaged = |what: &str| ModelFileError::Damaged {
            path: path(),
            what: what.to_owned(),
        };
        match bytes.get(..8).and_then(|start| start.split_last()) {
            Some((&version, magic)) if magic == MAGIC => match version {
                VERSION => {}
                version => {
                    let path = path();
                    return Err(ModelFileError::Version { path, version });
                }
            },
            _ => return Err(ModelFileError::Other { path: path() }),
        }
        let cut = || damaged("it ends too early");
        let size = bytes.get(8..16).ok_or_else(cut)?;
        let size = u64::from_le_bytes(size.try_into().expect("it has 8 bytes"));
        let end = usize::try_from(size)
            .ok()
            .and_then(|size| size.checked_add(PREFIX));
        let end = end.filter(|end| *end <= bytes.len()).ok_or_else(cut)?;
        let head = &bytes[PREFIX..end];
        if Digest::of(head).as_bytes() != &bytes[16..PREFIX] {
            return Err(damaged("its head was changed"));
        }
        let head: Head = serde_json::from_slice(head).map_err(|source| ModelFileError::Form {
            path: path(),
            source,
        })?;
        let (mut at, mut fitted, mut guest, mut training) = (end, None, None, None);
        for part in &head.parts {
            let end = usize::try_from(part.size).ok();
            let end = end.and_then(|size| at.checked_add(size));
            let end = end.filter(|end| *end <= bytes.len()).ok_or_else(cut)?;
            let content = bytes.slice(at..end);
            let (name, slot) = match part.name {
                PartName::Fitted => ("model", &mut fitted),
                PartName::Guest => ("guest", &mut guest),
                PartName::Training => ("record of the training data", &mut training),
            };
            if Digest::of(&content) != part.digest {
                return Err(damaged(&format!("its {name} was changed")));
            }
            *slot = Some(content);
            at = end;
        }
        if at != bytes.len() {
            return Err(damaged("it goes on behind its end"));
        }
        let fitted = fitted.ok_or_else(|| damaged("it has no model"))?;
        if guest
            .as_ref()
            .is_some_and(|guest| Digest::of(guest) != head.model.guest)
        {
            return Err(damaged("its guest is another"));
        }
        let form = |source| ModelFileError::Form {
            path: path(),
            source,
        };
        let training = training.map(|bytes: Bytes| serde_json::from_slice(&bytes));
        Ok(Self {
            head: head.model,
            fitted,
            guest,
            training: training.transpose().map_err(form)?,
        })
    }
}
