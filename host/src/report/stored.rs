//! [`StoredRun`]: a run of a store, with the report of it that the store's objects give. It
//! runs nothing and writes nothing; what was explained is told by the session, which has a
//! sandbox.

use super::Report;
use crate::expand::Expansion;
use crate::run::history::Replay;
use crate::run::manifest::Manifest;
use crate::run::predictions::{self, PredictionsError};
use crate::run::record::Record;
use crate::run::summary::{Explained, Summary};
use crate::store::{Store, StoreError};
use crate::worth::PredictedRows;

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
            (summary.warnings, worth, more)
        });
        let (mut warnings, (lead, threshold, worth), (ensemble, explained, oob_score)) =
            told.unwrap_or_default();
        warnings.extend(missing(&replay));
        let mut plan = replay.plan;
        plan.store = store.url().into();
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
            explanations: None,
            holdout: replay.holdout,
            oob_score,
            model: None,
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
