//! [`Assessor`]: reads the predictions of the chosen candidate back, and says what they
//! are worth.

use fanout_contract::Split;

use super::SessionError;
use super::training::dataset;
use crate::dataset::{ColumnValues, Prepared, Truth};
use crate::expand::Expansion;
use crate::plan::Plan;
use crate::pool::PoolError;
use crate::report::{Report, worth as worth_files};
use crate::run::event::Listeners;
use crate::run::pool::Pool;
use crate::run::predictions;
use crate::run::record::Record;
use crate::worth::{self, DrawnWorth, OverTargets, PredictedRows, Scoring, Worth, threshold};

/// What it takes to assess the chosen candidate.
pub(super) struct Assessor<'a> {
    expansion: &'a Expansion,
    prepared: &'a Prepared,
    record: &'a Record,
    chosen: usize,
    truth: Truth,
    /// The predictions of all test rows, where they are wanted.
    out_of_fold: Option<PredictedRows>,
}

/// Whether a plan wants anything assessed.
pub(super) fn is_wanted(plan: &Plan, prepared: &Prepared) -> bool {
    let refits = plan.refit.is_some();
    plan.predictions || (refits && (plan.threshold.is_some() || prepared.holdout.is_some()))
}

impl<'a> Assessor<'a> {
    /// Reads the target of the rows, and what the candidate `chosen` predicts of the
    /// test rows. Tunes the threshold that the plan wants, and makes the predictions
    /// that this needs and the store lacks; that none is found is a warning.
    pub(super) fn new(
        expansion: &'a Expansion,
        prepared: &'a Prepared,
        record: &'a Record,
        pool: &dyn Pool<Error = PoolError>,
        chosen: usize,
        report: &mut Report,
        listeners: &mut Listeners<'_>,
    ) -> Result<Self, SessionError> {
        let plan = &report.plan;
        let dataset = dataset(record.store(), prepared)?;
        let weight = plan.dataset.weight.as_deref();
        let truth = Truth::read(&dataset, &plan.dataset.target, weight);
        let truth = truth.map_err(predictions::PredictionsError::from)?;
        let mut assessor = Self {
            expansion,
            prepared,
            record,
            chosen,
            truth,
            out_of_fold: None,
        };
        let splits = &expansion.splits;
        if plan.predictions || plan.threshold.is_some() {
            assessor.out_of_fold = assessor.read(splits)?;
        }
        let Some(score) = plan.threshold.clone() else {
            return Ok(assessor);
        };
        if assessor.out_of_fold.is_none() {
            let made = predictions::make(expansion, chosen, splits, pool, listeners)?;
            made.map_err(SessionError::Refit)?;
            assessor.out_of_fold = assessor.read(splits)?;
        }
        if let Some(rows) = &assessor.out_of_fold {
            match threshold::tune(rows, &score, plan.dataset.positive.as_deref()) {
                Ok(tuned) => report.threshold = Some(tuned),
                Err(why) => {
                    let warning = format!("no threshold was tuned: {why}");
                    report.warnings.push(warning);
                }
            }
        }
        Ok(assessor)
    }

    fn read(&self, splits: &[Split]) -> Result<Option<PredictedRows>, SessionError> {
        let Self {
            expansion, record, ..
        } = self;
        let rows = predictions::read(record, expansion, self.chosen, splits, &self.truth);
        Ok(rows?)
    }

    /// What is predicted of rows that the fit was not of: of the hold-out rows by the
    /// refitted model, or else out of fold; as the values of a column with its name.
    /// `None`: there are none.
    pub(super) fn predicted(
        &self,
        plan: &Plan,
    ) -> Result<Option<(String, ColumnValues)>, SessionError> {
        let rows = match (&self.prepared.holdout, &self.out_of_fold) {
            (Some(split), _) => self.read(std::slice::from_ref(split))?,
            (None, Some(rows)) => Some(rows.clone().first_of_each_row()),
            (None, None) => None,
        };
        let scoring = Scoring {
            scores: &plan.scoring,
            positive: plan.dataset.positive.as_deref(),
        };
        Ok(rows.map(|rows| worth::predicted(&rows, scoring)))
    }

    /// Says what the predictions are worth, and writes the files of it where there is a
    /// folder. Those of rows that no model has seen, of the hold-out or else out of fold,
    /// count for the metrics over several targets.
    pub(super) fn assess(
        self,
        report: &mut Report,
        over: &mut OverTargets,
    ) -> Result<(), SessionError> {
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
            scores: &report.plan.scoring,
            positive: report.plan.dataset.positive.as_deref(),
        };
        let assessed = Worth::new(out_of_fold, holdout, scoring);
        report.worth = Some(assessed.map_err(SessionError::Assessment)?);
        report.drawn = Some(DrawnWorth::new(out_of_fold, holdout, scoring));
        if !self.prepared.is_alone
            && let Some(rows) = holdout.or(out_of_fold)
        {
            let threshold = report.threshold.as_ref().map(|tuned| tuned.threshold);
            over.add(rows, report.plan.dataset.positive.as_deref(), threshold);
        }
        if let Some(folder) = &report.plan.output {
            worth_files::write(folder, report, out_of_fold, holdout)?;
        }
        Ok(())
    }
}
