//! `fanout report`: the page of results of a run, from the store alone.

use std::path::PathBuf;

use clap::Args;
use fanout::error::ErrorKind;
use fanout::report::Report;
use fanout::report::activity::Activity;
use fanout::report::files;
use fanout::report::html;
use fanout::report::page::ResultsPage;
use fanout::report::stored::StoredRun;
use fanout::run::history::History;
use fanout::run::journal;
use fanout::run::summary::Summary;
use fanout::session::explain_again;
use fanout::store::Store;

use super::store::StoreArgument;
use super::{CommandError, print};

/// Write the results of any run in a store as one page of HTML.
///
/// The page needs no network: style, scripts and data are in it.
#[derive(Debug, Args)]
pub(crate) struct ReportPage {
    /// The run: as many of its id's first digits as tell it from the others. Several, for
    /// the targets of one plan, make one page.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    store: StoreArgument,
    /// The file.
    #[arg(long, short, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Print what the page shows as one JSON object, and write no file.
    #[arg(long)]
    json: bool,
}

impl ReportPage {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        if !self.json {
            files::prove_writable(&self.output)?;
        }
        let store = self.store.open()?;
        let mut reports: Vec<Report> = Vec::new();
        for run in read_runs(&store, &self.runs)? {
            let mut run = run;
            explain_again(&store, &mut run)?;
            run.draw()?;
            reports.push(run.report);
        }
        let name = |report: &Report| report.plan.name.clone();
        if let Some(other) = reports.iter().find(|of| name(of) != name(&reports[0])) {
            let message = format!(
                "`{}` and `{}` are runs of different plans",
                name(&reports[0]),
                name(other)
            );
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint("`fanout compare` sets runs side by side"));
        }
        let page = page(&store, &reports)?;
        if self.json {
            let text = serde_json::to_string(&page)
                .map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
            return Ok(());
        }
        html::write_file(&self.output, &page)?;
        print(&format!("Report: {}\n", self.output.display()));
        Ok(())
    }
}

/// The page of runs of the targets of one plan.
pub(super) fn page(store: &Store, reports: &[Report]) -> Result<ResultsPage, CommandError> {
    // The runs of several targets have one journal: that of the first.
    let mut activity = Activity::default();
    for report in reports {
        for event in journal::read(store, &report.digests.run)? {
            activity.take(&event);
        }
    }
    Ok(ResultsPage::of_targets(reports).with_activity(&activity))
}

/// The runs of searches whose ids begin so.
pub(super) fn read_runs(store: &Store, runs: &[String]) -> Result<Vec<StoredRun>, CommandError> {
    let history = History::open(store)?;
    let read = |run: &String| {
        let entry = history.find(run)?;
        let manifest = history.manifest(&entry.run)?;
        let summary = Summary::read(store, &entry.run)?;
        if summary.as_ref().is_some_and(Summary::is_of_fit) {
            let message = format!("the run `{}` is one of `fanout retrain`", entry.run.short());
            return Err(
                CommandError::new(ErrorKind::Usage, message).hint("`fanout show` tells its scores")
            );
        }
        Ok(StoredRun::read(store, &manifest, summary)?)
    };
    runs.iter().map(read).collect()
}
