//! `fanout show`: the report of a run, from the store alone.

use std::path::{Path, PathBuf};

use clap::Args;
use fanout::error::ErrorKind;
use fanout::expand::Expansion;
use fanout::plan::SourceFormat;
use fanout::report::human::score;
use fanout::report::predictions as table;
use fanout::report::{Report, ensemble, files, worth};
use fanout::run::history::{History, Replay};
use fanout::run::manifest::Manifest;
use fanout::run::predictions::{self, PredictionsError};
use fanout::run::record::Record;
use fanout::run::summary::Summary;
use fanout::session::explain_again;
use fanout::store::Store;
use fanout::worth::PredictedRows;
use serde_json::json;

use super::predict::of_ending;
use super::store::StoreArgument;
use super::{CommandError, print, show};

/// Print the results of any run in a store, a finished one or not.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The run: as many of its id's first digits as tell it from the others.
    run: String,
    #[command(flatten)]
    store: StoreArgument,
    /// Write the result files into this folder too.
    #[arg(long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write what the best candidate predicts of the test rows of every split, and of
    /// the hold-out rows, into this file: Parquet, CSV or Arrow by its ending. The run's
    /// plan has `predictions: true`.
    #[arg(long, value_name = "FILE")]
    predictions: Option<PathBuf>,
    /// The candidate whose predictions are written, by its row in `cv_results`, from 0.
    /// Default: the best.
    #[arg(long, value_name = "N", requires = "predictions")]
    candidate: Option<usize>,
    /// Print one machine-readable object instead of the table.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let format = self.predictions.as_deref().map(of_ending).transpose()?;
        let store = self.store.open()?;
        let history = History::open(&store)?;
        let entry = history.find(&self.run)?;
        let manifest = history.manifest(&entry.run)?;
        let summary = Summary::read(&store, &entry.run)?;
        if let Some(summary) = summary
            .as_ref()
            .filter(|summary| summary.is_of_fit() && manifest.plan().kind.has_splits())
        {
            return self.show_fit(&manifest.plan().name, summary);
        }
        let mut replay = Replay::new(&store, &manifest)?;
        replay.plan.output = self.output;
        replay.plan.store = store.url().into();

        let (mut warnings, lead, threshold, worth, combined, explained, oob_score) = match summary {
            Some(summary) => (
                summary.warnings,
                summary.lead,
                summary.threshold,
                summary.worth,
                summary.ensemble,
                summary.explained,
                summary.oob_score,
            ),
            None => Default::default(),
        };
        warnings.extend(
            replay.damaged.iter().map(|key| {
                format!("`{key}` is damaged; running the plan again makes its fits again")
            }),
        );
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
        let mut report = Report {
            plan: replay.plan,
            digests: manifest.digests(),
            candidates: replay.expansion.candidates.clone(),
            results: replay.results,
            findings: replay.findings,
            baseline: replay.baseline,
            lead,
            threshold,
            ensemble: combined,
            worth,
            explanations: None,
            holdout: replay.holdout,
            oob_score,
            model: None,
            warnings,
            failure: None,
            usage: None,
        };
        if let Some(explained) = explained {
            explain_again(
                &store,
                &manifest,
                &replay.expansion,
                &explained,
                &mut report,
            )?;
        }
        if let Some(folder) = &report.plan.output {
            files::write(folder, &report)?;
            ensemble::write(folder, &report)?;
            if let Some(found) = &report.explanations {
                found.write(folder)?;
            }
        }
        let best = report.chosen().map(|chosen| chosen.index);
        let held = Held {
            store: &store,
            manifest: &manifest,
            expansion: &replay.expansion,
        };
        if let (Some(folder), Some(_), Some(best)) = (&report.plan.output, &report.worth, best) {
            let (out_of_fold, holdout) = held.predictions(best)?;
            let out_of_fold = out_of_fold.map(PredictedRows::first_of_each_row);
            worth::write(folder, &report, out_of_fold.as_ref(), holdout.as_ref())?;
        }
        if let (Some(path), Some(format)) = (&self.predictions, format) {
            let candidate = match self.candidate {
                Some(wanted) if wanted >= report.candidates.len() => {
                    let last = report.candidates.len() - 1;
                    let message = format!("the candidates of this run are 0 to {last}");
                    return Err(CommandError::new(ErrorKind::Usage, message));
                }
                wanted => wanted.or(best),
            };
            held.write(path, format, candidate)?;
        }
        show(&report, self.json)
    }

    /// Shows a run of one fit, which `fanout retrain` made.
    fn show_fit(&self, name: &str, summary: &Summary) -> Result<(), CommandError> {
        if self.output.is_some() || self.predictions.is_some() {
            let message = "this run is one of `fanout retrain`, which has no files of results";
            return Err(CommandError::new(ErrorKind::Usage, message));
        }
        let (run, scores) = (summary.run, summary.holdout.clone().unwrap_or_default());
        let mut text = if self.json {
            let warnings = &summary.warnings;
            let document =
                json!({"name": name, "run": run, "newest": scores, "warnings": warnings});
            document.to_string()
        } else {
            let scored = scores.iter().map(|(metric, of)| {
                let of = of.map_or_else(|| "not defined".to_owned(), score);
                format!("\n{metric} {of} on the newest rows")
            });
            format!("{name}: run {}{}", run.short(), scored.collect::<String>())
        };
        text.push('\n');
        print(&text);
        Ok(())
    }
}

/// What a store holds of a run.
struct Held<'a> {
    store: &'a Store,
    manifest: &'a Manifest,
    expansion: &'a Expansion,
}

impl Held<'_> {
    /// What a candidate predicts of all test rows, and of the hold-out rows, as far as
    /// the store has it.
    fn predictions(
        &self,
        candidate: usize,
    ) -> Result<(Option<PredictedRows>, Option<PredictedRows>), PredictionsError> {
        let record = Record::to_read(self.store.clone());
        let truth = predictions::truth(self.store, self.manifest)?;
        let read = |splits| predictions::read(&record, self.expansion, candidate, splits, &truth);
        let holdout = self.manifest.holdout.as_ref().map(std::slice::from_ref);
        let holdout = holdout.map_or(Ok(None), read)?;
        Ok((read(&self.expansion.splits)?, holdout))
    }

    /// Writes what a candidate predicts.
    fn write(
        &self,
        path: &Path,
        format: SourceFormat,
        candidate: Option<usize>,
    ) -> Result<(), CommandError> {
        let Some(candidate) = candidate else {
            let message = "no candidate of this run has a score on every split";
            return Err(CommandError::new(ErrorKind::Unscored, message)
                .hint("`fanout run` with its plan goes on"));
        };
        match self.predictions(candidate)? {
            (Some(rows), holdout) => Ok(table::write(path, format, &rows, holdout.as_ref())?),
            (None, _) => Err(PredictionsError::Missing { candidate }.into()),
        }
    }
}

impl From<PredictionsError> for CommandError {
    fn from(error: PredictionsError) -> Self {
        match error {
            PredictionsError::Store(error) => error.into(),
            PredictionsError::Missing { .. } => Self::new(ErrorKind::Store, error)
                .hint("run its plan with `predictions: true`, which makes its fits again"),
            _ => Self::new(ErrorKind::Store, error)
                .hint("running its plan again writes what is damaged anew"),
        }
    }
}
