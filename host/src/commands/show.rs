//! `fanout show`: the report of a run, from the store alone.

use std::path::PathBuf;

use clap::Args;
use fanout::report::{Report, files};
use fanout::run::history::{History, Replay};
use fanout::run::summary::Summary;

use super::store::StoreArgument;
use super::{CommandError, show};

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
    /// Print one machine-readable object instead of the table.
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let store = self.store.open()?;
        let history = History::open(&store)?;
        let entry = history.find(&self.run)?;
        let manifest = history.manifest(&entry.run)?;
        let mut replay = Replay::new(&store, &manifest)?;
        replay.plan.output = self.output;
        replay.plan.store = store.url().into();

        let mut warnings = match Summary::read(&store, &entry.run)? {
            Some(summary) => summary.warnings,
            None => Vec::new(),
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
        let report = Report {
            plan: replay.plan,
            digests: manifest.digests(),
            candidates: replay.expansion.candidates,
            results: replay.results,
            findings: replay.findings,
            baseline: replay.baseline,
            holdout: replay.holdout,
            model: None,
            warnings,
            failure: None,
            usage: None,
        };
        if let Some(folder) = &report.plan.output {
            files::write(folder, &report)?;
        }
        show(&report, self.json)
    }
}
