//! [`OpenModel`]: a model file with its guests, ready to predict.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::SessionError;
use super::catalogue::read_guest;
use crate::digest::Digest;
use crate::guest::GuestFile;
use crate::model::{Model, ModelFile, Predictor};
use crate::python;
use crate::sandbox::{Guest, Sandbox, default_cache};
use crate::task::{Cancel, TaskLimits};

/// The guest of a model: the one in its file, or at `guest`, or one of this program's, or a
/// guest of Python that was made on this machine.
///
/// # Errors
/// If it is nowhere.
pub fn component(file: &ModelFile, guest: Option<&Path>) -> Result<Bytes, SessionError> {
    let digest = file.head.guest;
    let component = match (&file.guest, guest) {
        (_, Some(path)) => Some(read_guest(path)?)
            .filter(|guest| guest.digest == digest)
            .map(|guest| guest.wasm),
        (Some(guest), None) => Some(guest.clone()),
        (None, None) => match GuestFile::embedded().find(|guest| guest.digest == digest) {
            Some(guest) => Some(guest.wasm),
            None => python::cached(digest).map(|guest| guest.wasm),
        },
    };
    component.ok_or(SessionError::ModelGuest { guest: digest })
}

/// The guests of a model's members by their digests, each once. The one at `guest` is that
/// of one of them at least; others have theirs as they are.
fn components(
    model: &Model,
    guest: Option<&Path>,
) -> Result<BTreeMap<Digest, Bytes>, SessionError> {
    let mut components = BTreeMap::new();
    if let Some(path) = guest {
        let given = read_guest(path)?;
        let first = model.members()[0].head.guest;
        let mut members = model.members().iter();
        if !members.any(|file| file.head.guest == given.digest) {
            return Err(SessionError::ModelGuest { guest: first });
        }
        components.insert(given.digest, given.wasm);
    }
    for file in model.members() {
        if let Entry::Vacant(place) = components.entry(file.head.guest) {
            place.insert(component(file, None)?);
        }
    }
    Ok(components)
}

/// A model file, and the guests of its members in the sandbox.
#[derive(Debug)]
pub struct OpenModel {
    /// What the file holds.
    pub model: Model,
    path: PathBuf,
    guests: BTreeMap<Digest, Guest>,
}

impl OpenModel {
    /// Reads a model file for so many `workers` at a time. The guest of a member is the one
    /// in the file, or at `guest`, or one of this program's, or made on this machine.
    ///
    /// # Errors
    /// If the file is no whole model, or a guest is nowhere.
    pub fn read(path: &Path, guest: Option<&Path>, workers: usize) -> Result<Self, SessionError> {
        let model = Model::read(path)?;
        let components = components(&model, guest)?;
        let instances = workers.saturating_mul(components.len());
        let sandbox = Sandbox::new(instances + 1, default_cache())?;
        let guests = components.into_iter().map(|(digest, component)| {
            let guest = sandbox.load(&component, digest);
            let guest = guest.map_err(|source| SessionError::Guest {
                name: path.display().to_string(),
                source,
            })?;
            Ok((digest, guest))
        });
        Ok(Self {
            guests: guests.collect::<Result<_, SessionError>>()?,
            path: path.to_owned(),
            model,
        })
    }

    /// What predicts with each member, on so many threads.
    pub fn predictors(
        &self,
        limits: TaskLimits,
        workers: usize,
        cancel: &Cancel,
    ) -> Vec<Predictor<'_>> {
        let members = self.model.members().iter();
        let predictor = |file| self.predictor_of(file, limits, workers, cancel.clone());
        members.map(predictor).collect()
    }

    /// The only model of the file, and what predicts with it, on so many threads; `what` is
    /// wanted of it, as `importances are`.
    ///
    /// # Errors
    /// If it is a composite model.
    pub fn only(
        &self,
        what: &'static str,
        limits: TaskLimits,
        workers: usize,
        cancel: Cancel,
    ) -> Result<(&ModelFile, Predictor<'_>), SessionError> {
        let file = self.model.only(&self.path, what)?;
        Ok((file, self.predictor_of(file, limits, workers, cancel)))
    }

    fn predictor_of<'a>(
        &'a self,
        file: &'a ModelFile,
        limits: TaskLimits,
        workers: usize,
        cancel: Cancel,
    ) -> Predictor<'a> {
        Predictor {
            guest: &self.guests[&file.head.guest],
            fitted: &file.fitted,
            limits,
            workers,
            cancel,
        }
    }
}
