//! [`OfferedGuest`]: a guest, loaded, with its description; embedded in this
//! program or from a file.

use std::path::Path;

use bytes::Bytes;
use fanout_contract::{Description, TrainerDescription};

use super::SessionError;
use crate::guest::GuestFile;
use crate::python;
use crate::sandbox::{Guest, Sandbox};

/// A guest that was loaded and described itself.
#[derive(Debug)]
pub struct OfferedGuest {
    /// The component file.
    pub file: GuestFile,
    /// The compiled guest.
    pub guest: Guest,
    /// Its description.
    pub description: Description,
}

impl OfferedGuest {
    /// The embedded guests, loaded one after the other as they are taken.
    pub fn embedded(sandbox: &Sandbox) -> impl Iterator<Item = Result<Self, SessionError>> {
        GuestFile::embedded().map(|file| Self::load(sandbox, file))
    }

    /// The guest at `path`, loaded.
    pub fn at(sandbox: &Sandbox, path: &Path) -> Result<Self, SessionError> {
        Self::load(sandbox, read_guest(path)?)
    }

    /// The guest of a component, loaded; `name` is its name in messages.
    pub fn of(sandbox: &Sandbox, component: Bytes, name: &str) -> Result<Self, SessionError> {
        Self::load(sandbox, GuestFile::of(name.to_owned(), component))
    }

    /// Whether this is the guest at `path`, or without a path, an embedded one.
    pub fn is_at(&self, path: Option<&Path>) -> bool {
        match path {
            None => self.file.is_embedded,
            Some(path) => !self.file.is_embedded && self.file.name == path.display().to_string(),
        }
    }

    /// Every trainer of the embedded guests, each once.
    pub fn embedded_trainers(sandbox: &Sandbox) -> Result<Vec<TrainerDescription>, SessionError> {
        let mut trainers = Vec::new();
        for guest in Self::embedded(sandbox) {
            extend_distinct(&mut trainers, &guest?.description.trainers);
        }
        Ok(trainers)
    }

    fn load(sandbox: &Sandbox, file: GuestFile) -> Result<Self, SessionError> {
        let load = || {
            let guest = sandbox.load(&file.wasm, file.digest)?;
            let description = guest.describe()?;
            Ok((guest, description))
        };
        match load() {
            Ok((guest, description)) => Ok(Self {
                file,
                guest,
                description,
            }),
            Err(source) => Err(SessionError::Guest {
                name: file.name,
                source,
            }),
        }
    }

    /// Whether the guest offers a trainer of this name.
    pub fn offers(&self, trainer: &str) -> bool {
        let mut trainers = self.description.trainers.iter();
        trainers.any(|known| known.name == trainer)
    }
}

/// Adds descriptions that are not there yet: the same trainer may be of several guests.
pub fn extend_distinct(trainers: &mut Vec<TrainerDescription>, more: &[TrainerDescription]) {
    for trainer in more {
        if !trainers.contains(trainer) {
            trainers.push(trainer.clone());
        }
    }
}

/// Reads the component file of a guest. One of Python that this program made is mapped.
pub fn read_guest(path: &Path) -> Result<GuestFile, SessionError> {
    let read = python::made(path).map_or_else(|| GuestFile::read(path), Ok);
    read.map_err(|source| SessionError::GuestFile {
        path: path.to_owned(),
        source,
    })
}
