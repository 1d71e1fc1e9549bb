//! [`Assessor`]: reads the predictions of the chosen candidate back, and says what they
//! are worth.

use super::SessionError;
use super::pools::Pools;
use crate::dataset::{Prepared, Truth};
use crate::expand::Expansion;
use crate::plan::CheckedPlan;
use crate::report::{Report, worth};
use crate::run::event::Listeners;
use crate::run::predictions;
use crate::worth::{PredictedRows, Scoring, Worth, threshold};

/// What it takes to assess the candidate `chosen`.
pub(super) struct Assessor<'a> {
    plan: &'a CheckedPlan,
    expansion: &'a Expansion,
    pools: &'a Pools,
    prepared: &'a Prepared,
    chosen: usize,
    truth: Truth,
    /// The predictions of all test rows, where they are wanted.
    out_of_fold: Option<PredictedRows>,
}

/// Whether a plan wants anything assessed.
pub(super) fn is_wanted(plan: &CheckedPlan, prepared: &Prepared) -> bool {
    let refits = plan.refit.is_some();
    plan.predictions || (refits && (plan.threshold.is_some() || prepared.holdout.is_some()))
}

impl<'a> Assessor<'a> {
    /// Reads the target of the rows, and what `chosen` predicts of the test rows; makes
    /// the predictions that a threshold needs and the store lacks.
    pub(super) fn new(
        plan: &'a CheckedPlan,
        expansion: &'a Expansion,
        pools: &'a Pools,
        prepared: &'a Prepared,
        chosen: usize,
        listeners: &mut Listeners<'_>,
    ) -> Result<Self, SessionError> {
        let content = prepared.dataset_content.clone();
        let dataset = match content {
            Some(content) => content,
            None => predictions::dataset(pools.record.store(), prepared.dataset)?,
        };
        let weight = plan.dataset.weight.as_deref();
        let truth = Truth::read(&dataset, &plan.dataset.target, weight);
        let truth = truth.map_err(predictions::PredictionsError::from)?;
        let mut assessor = Self {
            plan,
            expansion,
            pools,
            prepared,
            chosen,
            truth,
            out_of_fold: None,
        };
        if plan.predictions || plan.threshold.is_some() {
            let splits = &expansion.splits;
            assessor.out_of_fold = assessor.read(splits)?;
            if assessor.out_of_fold.is_none() && plan.threshold.is_some() {
                let made = predictions::make(expansion, chosen, splits, &pools.local, listeners)?;
                made.map_err(SessionError::Refit)?;
                assessor.out_of_fold = assessor.read(splits)?;
            }
        }
        Ok(assessor)
    }

    fn read(
        &self,
        splits: &[fanout_contract::Split],
    ) -> Result<Option<PredictedRows>, SessionError> {
        let record = &self.pools.record;
        let rows = predictions::read(record, self.expansion, self.chosen, splits, &self.truth);
        Ok(rows?)
    }

    /// Tunes the threshold that the plan wants. That none is found is a warning.
    pub(super) fn tune_threshold(&self, report: &mut Report) {
        let (Some(score), Some(rows)) = (&self.plan.threshold, &self.out_of_fold) else {
            return;
        };
        match threshold::tune(rows, score, self.plan.dataset.positive.as_deref()) {
            Ok(tuned) => report.threshold = Some(tuned),
            Err(why) => report
                .warnings
                .push(format!("no threshold was tuned: {why}")),
        }
    }

    /// Says what the predictions are worth, and writes the files of it where there is a
    /// folder.
    pub(super) fn assess(self, report: &mut Report) -> Result<(), SessionError> {
        let holdout = match &self.prepared.holdout {
            Some(split) => self.read(std::slice::from_ref(split))?,
            None => None,
        };
        let out_of_fold = self.out_of_fold.map(PredictedRows::first_of_each_row);
        let (out_of_fold, holdout) = (out_of_fold.as_ref(), holdout.as_ref());
        if out_of_fold.is_none() && holdout.is_none() {
            return Ok(());
        }
        let scoring = Scoring {
            scores: &self.plan.scoring,
            positive: self.plan.dataset.positive.as_deref(),
        };
        let assessed = Worth::new(out_of_fold, holdout, scoring);
        report.worth = Some(assessed.map_err(SessionError::Assessment)?);
        if let Some(folder) = &self.plan.output {
            worth::write(folder, report, out_of_fold, holdout)?;
        }
        Ok(())
    }
}
