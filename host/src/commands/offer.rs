//! [`Offer`]: a guest with what it says that it offers.

use std::iter;
use std::path::Path;

use fanout::guest::GuestFile;
use fanout::sandbox::{Guest, GuestError, Sandbox};
use fanout_contract::{Description, TrainerDescription};

use super::{CommandError, Kind};

/// A guest, loaded and asked.
pub(super) struct Offer {
    pub(super) file: GuestFile,
    pub(super) guest: Guest,
    pub(super) description: Description,
}

impl Offer {
    /// What the embedded guests offer, one after the other: a guest that is
    /// not asked for is not loaded.
    pub(super) fn embedded(sandbox: &Sandbox) -> impl Iterator<Item = Result<Self, CommandError>> {
        GuestFile::embedded().map(|file| Self::load(sandbox, file))
    }

    /// What the guest at `path` offers, or what the embedded ones do.
    pub(super) fn of_plan<'s>(
        sandbox: &'s Sandbox,
        path: Option<&Path>,
    ) -> Box<dyn Iterator<Item = Result<Self, CommandError>> + 's> {
        match path {
            Some(path) => Box::new(iter::once(
                read(path).and_then(|file| Self::load(sandbox, file)),
            )),
            None => Box::new(Self::embedded(sandbox)),
        }
    }

    /// Every trainer of the embedded guests.
    pub(super) fn embedded_trainers(
        sandbox: &Sandbox,
    ) -> Result<Vec<TrainerDescription>, CommandError> {
        let mut trainers = Vec::new();
        for offer in Self::embedded(sandbox) {
            trainers.extend(offer?.description.trainers);
        }
        Ok(trainers)
    }

    fn load(sandbox: &Sandbox, file: GuestFile) -> Result<Self, CommandError> {
        let load = || {
            let guest = sandbox.load(&file.wasm, file.digest)?;
            let description = guest.describe()?;
            Ok((guest, description))
        };
        let (guest, description) = load().map_err(|error: GuestError| {
            CommandError::from(error).hint(format!("the guest is `{}`", file.name))
        })?;
        Ok(Self {
            file,
            guest,
            description,
        })
    }

    pub(super) fn offers(&self, trainer: &str) -> bool {
        let mut trainers = self.description.trainers.iter();
        trainers.any(|known| known.name == trainer)
    }
}

/// Reads a guest's file.
pub(super) fn read(path: &Path) -> Result<GuestFile, CommandError> {
    GuestFile::read(path).map_err(|error| {
        let message = format!("can't read the guest `{}`: {error}", path.display());
        CommandError::new(Kind::Guest, message)
    })
}
