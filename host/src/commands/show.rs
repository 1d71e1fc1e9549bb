//! `fanout show`: the report of a run, from the store alone.

use std::path::{Path, PathBuf};

use clap::Args;
use fanout::error::ErrorKind;
use fanout::plan::SourceFormat;
use fanout::report::human::score;
use fanout::report::predictions as table;
use fanout::report::stored::StoredRun;
use fanout::report::{ensemble, files, html, worth};
use fanout::run::history::History;
use fanout::run::predictions::PredictionsError;
use fanout::run::summary::Summary;
use fanout::session::explain_again;
use fanout::worth::PredictedRows;
use serde_json::json;

use super::predict::of_ending;
use super::report::page;
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
        if let Some(path) = &self.predictions {
            files::prove_writable(path)?;
        }
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
        if let Some(folder) = &self.output {
            files::make_folder(folder)?;
        }
        let mut run = StoredRun::read(&store, &manifest, summary)?;
        run.report.plan.output.clone_from(&self.output);
        explain_again(&store, &mut run)?;
        if run.report.plan.output.is_some() {
            run.draw()?;
        }
        let report = &run.report;
        if let Some(folder) = &report.plan.output {
            files::write(folder, report)?;
            ensemble::write(folder, report)?;
            if let Some(found) = &report.explanations {
                found.write(folder)?;
            }
        }
        let best = report.chosen().map(|chosen| chosen.index);
        if let (Some(folder), Some(_), Some(best)) = (&report.plan.output, &report.worth, best) {
            let (out_of_fold, holdout) = run.predictions(best)?;
            let out_of_fold = out_of_fold.map(PredictedRows::first_of_each_row);
            worth::write(folder, report, out_of_fold.as_ref(), holdout.as_ref())?;
        }
        if let Some(folder) = &report.plan.output {
            let page = page(&store, std::slice::from_ref(report))?;
            html::write_into(folder, &page)?;
        }
        if let (Some(path), Some(format)) = (&self.predictions, format) {
            let candidate = match self.candidate {
                Some(wanted) if wanted >= report.candidates.len() => {
                    let last = report.candidates.len() - 1;
                    let message = format!("there is no candidate {wanted}: the last one is {last}");
                    return Err(CommandError::new(ErrorKind::Usage, message)
                        .hint("`cv_results.csv` of `--output` numbers them, from 0"));
                }
                wanted => wanted.or(best),
            };
            write_predictions(&run, path, format, candidate)?;
        }
        show(report, self.json)
    }

    /// Shows a run of one fit, which `fanout retrain` made.
    fn show_fit(&self, name: &str, summary: &Summary) -> Result<(), CommandError> {
        if self.output.is_some() || self.predictions.is_some() {
            let message = "this run is one of `fanout retrain`, which has no files of results";
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint("leave `--output` and `--predictions` out, which shows its scores"));
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

/// Writes what a candidate of a run predicts.
fn write_predictions(
    run: &StoredRun,
    path: &Path,
    format: SourceFormat,
    candidate: Option<usize>,
) -> Result<(), CommandError> {
    let Some(candidate) = candidate else {
        let message = "no candidate of this run has a score on every split";
        return Err(CommandError::new(ErrorKind::Unscored, message)
            .hint("`fanout run` with its plan goes on"));
    };
    match run.predictions(candidate)? {
        (Some(rows), holdout) => Ok(table::write(path, format, &rows, holdout.as_ref())?),
        (None, _) => Err(PredictionsError::Missing { candidate }.into()),
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
