//! [`OpenModel`]: a model file with its guest, ready to predict.

use std::path::Path;

use bytes::Bytes;

use super::SessionError;
use super::catalogue::read_guest;
use crate::guest::GuestFile;
use crate::model::{ModelFile, Predictor};
use crate::sandbox::{Guest, Sandbox, default_cache};
use crate::task::{Cancel, TaskLimits};

/// The guest of a model: the one in its file, or at `guest`, or one of this program's.
///
/// # Errors
/// If it is nowhere.
pub fn component(file: &ModelFile, guest: Option<&Path>) -> Result<Bytes, SessionError> {
    let digest = file.head.guest;
    let component = match (&file.guest, guest) {
        (_, Some(path)) => Some(read_guest(path)?)
            .filter(|guest| guest.digest == digest)
            .map(|guest| guest.wasm.into_owned().into()),
        (Some(guest), None) => Some(guest.clone()),
        (None, None) => GuestFile::embedded()
            .find(|guest| guest.digest == digest)
            .map(|guest| guest.wasm.into_owned().into()),
    };
    component.ok_or(SessionError::ModelGuest { guest: digest })
}

/// A model file, and its guest in the sandbox.
#[derive(Debug)]
pub struct OpenModel {
    /// The file.
    pub file: ModelFile,
    guest: Guest,
}

impl OpenModel {
    /// Reads a model file for so many `workers` at a time. Its guest is the one in the
    /// file, or at `guest`, or one of this program's.
    ///
    /// # Errors
    /// If the file is no whole model, or its guest is nowhere.
    pub fn read(path: &Path, guest: Option<&Path>, workers: usize) -> Result<Self, SessionError> {
        let file = ModelFile::read(path)?;
        let component = component(&file, guest)?;
        let digest = file.head.guest;
        let sandbox = Sandbox::new(workers + 1, default_cache())?;
        let guest = sandbox.load(&component, digest);
        let guest = guest.map_err(|source| SessionError::Guest {
            name: path.display().to_string(),
            source,
        })?;
        Ok(Self { file, guest })
    }

    /// What predicts with it, on so many threads.
    pub fn predictor(&self, limits: TaskLimits, workers: usize, cancel: Cancel) -> Predictor<'_> {
        Predictor {
            guest: &self.guest,
            fitted: &self.file.fitted,
            limits,
            workers,
            cancel,
        }
    }
}
