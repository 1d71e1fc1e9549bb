//! [`Choice`]: the guests of a plan's trainers, loaded, and what they offer.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fanout_contract::{StepDescription, TrainerDescription};

use crate::digest::Digest;
use crate::guest::GuestFile;
use crate::plan::{PythonPlan, TrainerPlan};
use crate::python::{self, PythonError};
use crate::sandbox::{Guest, Sandbox};
use crate::session::SessionError;
use crate::session::catalogue::{OfferedGuest, extend_distinct};

/// The trainer that serves as a baseline with its defaults, where a guest offers it.
pub(super) const BASELINE: &str = "dummy";

/// What a guest offers to an arm.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) guest: Digest,
    /// The trainers of the chosen name: two where one learns classes and the other
    /// numbers.
    pub(super) trainers: Vec<TrainerDescription>,
    /// Its trainers of the name [`BASELINE`].
    pub(super) baseline: Vec<TrainerDescription>,
    /// All its steps.
    pub(super) steps: Vec<StepDescription>,
}

/// A guest of a plan.
#[derive(Clone, Debug)]
pub struct LoadedGuest {
    /// The compiled guest.
    pub guest: Arc<Guest>,
    /// Its component file.
    pub file: GuestFile,
}

/// The trainers that a plan may choose from, and those that it chose.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) trainers: Vec<TrainerDescription>,
    pub(super) steps: Vec<StepDescription>,
    /// By arm, and at the end that of a second stage, without those whose trainer no guest
    /// offers.
    pub(super) arms: Vec<Offer>,
    pub(super) guests: Vec<LoadedGuest>,
}

impl Choice {
    /// Loads the guests up to those that offer `chosen`.
    pub(super) fn find<'p>(
        sandbox: &Sandbox,
        chosen: impl Iterator<Item = &'p TrainerPlan>,
    ) -> Result<Self, SessionError> {
        let mut choice = Self::default();
        let mut embedded = OfferedGuest::embedded(sandbox);
        let mut offers: Vec<OfferedGuest> = Vec::new();
        for trainer in chosen {
            let path = path_of(trainer)?;
            let path = path.as_deref();
            let offers_it =
                |offered: &OfferedGuest| offered.is_at(path) && offered.offers(&trainer.name);
            let mut found = offers.iter().position(offers_it);
            match path {
                Some(path) if !offers.iter().any(|known| known.is_at(Some(path))) => {
                    offers.push(OfferedGuest::at(sandbox, path)?);
                    found = offers.iter().position(offers_it);
                }
                Some(_) => {}
                None => {
                    while found.is_none()
                        && let Some(next) = embedded.next()
                    {
                        offers.push(next?);
                        found = offers.iter().position(offers_it);
                    }
                }
            }
            let Some(found) = found else { continue };
            let offered = &offers[found];
            let of_name = |name: &str| {
                let trainers = offered.description.trainers.iter();
                trainers
                    .filter(|known| known.name == name)
                    .cloned()
                    .collect()
            };
            choice.arms.push(Offer {
                guest: offered.guest.digest(),
                trainers: of_name(&trainer.name),
                baseline: of_name(BASELINE),
                steps: offered.description.steps.clone(),
            });
        }
        let is_chosen = |offered: &OfferedGuest| {
            let digest = offered.guest.digest();
            choice.arms.iter().any(|offer| offer.guest == digest)
        };
        for offered in offers {
            extend_distinct(&mut choice.trainers, &offered.description.trainers);
            for step in &offered.description.steps {
                if !choice.steps.iter().any(|known| known.name == step.name) {
                    choice.steps.push(step.clone());
                }
            }
            if is_chosen(&offered) {
                choice.guests.push(LoadedGuest {
                    guest: Arc::new(offered.guest),
                    file: offered.file,
                });
            }
        }
        Ok(choice)
    }
}

/// Where the component of a trainer is; `None` of a built-in one.
fn path_of(trainer: &TrainerPlan) -> Result<Option<Cow<'_, Path>>, SessionError> {
    match (&trainer.guest, &trainer.python) {
        (Some(path), _) => Ok(Some(Cow::Borrowed(path))),
        (None, Some(python)) => Ok(Some(Cow::Owned(python_guest(python)?))),
        (None, None) => Ok(None),
    }
}

/// The guest of Python of a plan. One with files is made from the one without, which takes
/// seconds; that one takes a download, and is left to the user.
fn python_guest(plan: &PythonPlan) -> Result<PathBuf, PythonError> {
    match python::component(&plan.sources) {
        Err(PythonError::NotMade { .. })
            if !plan.sources.is_empty() && python::component(&[])?.is_file() =>
        {
            python::build(None, &plan.sources, &mut |_| {})
        }
        found => found,
    }
}
