//! [`StoredRun`]: a run of a store, with the report of it that the store's objects give. It
//! runs nothing and writes nothing; what was explained is told by the session, which has a
//! sandbox.

use super::Report;
use crate::dataset;
use crate::expand::Expansion;
use crate::run::data_summary::DataSummary;
use crate::run::history::Replay;
use crate::run::manifest::Manifest;
use crate::run::predictions::{self, PredictionsError};
use crate::run::record::Record;
use crate::run::summary::{Explained, Summary};
use crate::store::{Key, Store, StoreError};
use crate::worth::{DrawnWorth, PredictedRows, Scoring};

/// A run of a search, as far as the store has it.
#[derive(Clone, Debug)]
pub struct StoredRun {
    store: Store,
    /// What the run consists of.
    pub manifest: Manifest,
    /// Its tasks, whole families.
    pub expansion: Expansion,
    /// Its report. What the store lacks or can't vouch for is among the warnings.
    pub report: Report,
    /// What was explained of the chosen candidate; the report has no explanations yet.
    pub explained: Option<Explained>,
    /// How many fits are done.
    pub done: usize,
}

impl StoredRun {
    /// Reads a run. `summary` is the one that the store has of it ([`Summary::read`]); it is
    /// not one of a single fit ([`Summary::is_of_fit`]).
    ///
    /// # Errors
    /// If the store fails.
    pub fn read(
        store: &Store,
        manifest: &Manifest,
        summary: Option<Summary>,
    ) -> Result<Self, StoreError> {
        let replay = Replay::new(store, manifest)?;
        let told = summary.map(|summary| {
            let worth = (summary.lead, summary.threshold, summary.worth);
            let more = (summary.ensemble, summary.explained, summary.oob_score);
            let about = (summary.data, summary.task_memory);
            (summary.warnings, worth, more, about)
        });
        let (
            mut warnings,
            (lead, threshold, worth),
            (ensemble, explained, oob_score),
            (data, task_memory),
        ) = told.unwrap_or_default();
        warnings.extend(missing(&replay));
        let mut plan = replay.plan;
        plan.store = store.url().into();
        plan.limits.memory = task_memory.unwrap_or(plan.limits.memory);
        let report = Report {
            plan,
            digests: manifest.digests(),
            candidates: replay.expansion.candidates.clone(),
            results: replay.results,
            findings: replay.findings,
            baseline: replay.baseline,
            lead,
            threshold,
            ensemble,
            worth,
            drawn: None,
            explanations: None,
            holdout: replay.holdout,
            oob_score,
            model: None,
            data: data.unwrap_or_else(|| DataSummary::of_manifest(manifest)),
            warnings,
            failure: None,
            usage: None,
        };
        Ok(Self {
            store: store.clone(),
            manifest: manifest.clone(),
            expansion: replay.expansion,
            report,
            explained,
            done: replay.done,
        })
    }

    /// Reads the predictions of the chosen candidate back, and draws them into the report,
    /// where the run assessed them. What the store has no more is not drawn.
    ///
    /// # Errors
    /// If the store fails, or holds what can't be read.
    pub fn draw(&mut self) -> Result<(), PredictionsError> {
        let chosen = self.report.chosen().filter(|_| self.report.worth.is_some());
        let Some(chosen) = chosen else { return Ok(()) };
        let (out_of_fold, holdout) = match self.predictions(chosen.index) {
            Err(PredictionsError::NoDataset { .. }) => return Ok(()),
            found => found?,
        };
        let out_of_fold = out_of_fold.map(PredictedRows::first_of_each_row);
        let plan = &self.report.plan;
        let scoring = Scoring {
            scores: &plan.scoring,
            positive: plan.dataset.positive.as_deref(),
        };
        let drawn = DrawnWorth::new(out_of_fold.as_ref(), holdout.as_ref(), scoring);
        self.report.drawn = Some(drawn);
        Ok(())
    }

    /// The numbers of training and of test rows of each split; `None` where the store has
    /// the splits no more.
    ///
    /// # Errors
    /// If the store fails, or holds what can't be read.
    pub fn split_sizes(&self) -> Result<Option<Vec<[u64; 2]>>, PredictionsError> {
        let key = Key::splits(&self.report.digests.splits);
        let file = self.store.get(&key)?;
        let sizes = file.map(|file| dataset::split_sizes(&file, &self.expansion.splits));
        Ok(sizes.transpose()?)
    }

    /// What a candidate predicts of all test rows, and of the hold-out rows, as far as
    /// the store has it.
    ///
    /// # Errors
    /// If the store fails, or holds what can't be read.
    pub fn predictions(
        &self,
        candidate: usize,
    ) -> Result<(Option<PredictedRows>, Option<PredictedRows>), PredictionsError> {
        let record = Record::to_read(self.store.clone());
        let truth = predictions::truth(&self.store, &self.manifest)?;
        let read = |splits| predictions::read(&record, &self.expansion, candidate, splits, &truth);
        let holdout = self.manifest.holdout.as_ref().map(std::slice::from_ref);
        let holdout = holdout.map_or(Ok(None), read)?;
        Ok((read(&self.expansion.splits)?, holdout))
    }
}

/// Warnings about what the store lacks or can't vouch for.
fn missing(replay: &Replay) -> Vec<String> {
    let damaged = replay.damaged.iter();
    let damaged = damaged
        .map(|key| format!("`{key}` is damaged; running the plan again makes its fits again"));
    let mut warnings: Vec<String> = damaged.collect();
    if let Some(first) = replay.unproven.first() {
        let count = replay.unproven.len();
        warnings.push(format!(
            "{count} parts, `{first}` among them, carry no valid HMAC and are not shown; \
             running the plan again makes their fits again"
        ));
    }
    let fits = replay.expansion.fits();
    if replay.done < fits {
        warnings.push(format!(
            "only {} of {fits} fits are done; running the plan again goes on",
            replay.done
        ));
    }
    warnings
}
