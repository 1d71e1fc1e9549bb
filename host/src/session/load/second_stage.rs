//! The second stage of an ensemble: its estimator, and what of a loaded plan it needs.

use super::{LoadedPlan, combinable};
use crate::dataset::Prepared;
use crate::expand::Estimator;
use crate::plan::{CheckedPlan, EnsemblePlan, PlanError};

impl LoadedPlan {
    /// The estimator of the second stage, where the plan has one.
    pub(super) fn second_stage(&self, prepared: &Prepared) -> Result<Option<Estimator>, PlanError> {
        let offer = self.offers.get(self.plan.arms().len());
        let asked = self.plan.ensemble.as_ref();
        let asked = asked.and_then(EnsemblePlan::final_estimator);
        let Some((offer, asked)) = offer.zip(asked) else {
            return Ok(None);
        };
        let mut suited = offer.trainers.iter();
        let learning = prepared.learning;
        let trainer = suited.find(|trainer| trainer.tasks.contains(&learning));
        let Some(trainer) = trainer.or(offer.trainers.first()) else {
            return Ok(None);
        };
        let trainer = trainer.chosen(asked.bagging);
        combinable::check_second_stage(&self.plan, &trainer, prepared)?;
        Ok(Some(Estimator {
            trainer,
            steps: Vec::new(),
            guest: offer.guest,
        }))
    }

    /// The same for the second stage of an ensemble alone, whose plan is `plan`.
    pub(in crate::session) fn of_second_stage(
        &self,
        plan: CheckedPlan,
        estimator: &Estimator,
    ) -> Self {
        let guests = self.guests.iter();
        let guests = guests.filter(|loaded| loaded.guest.digest() == estimator.guest);
        Self {
            plan,
            offers: self
                .offers
                .get(self.plan.arms().len())
                .cloned()
                .into_iter()
                .collect(),
            guests: guests.cloned().collect(),
            workers: self.workers,
        }
    }
}
