//! `fanout compare`: runs of a store side by side.

use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::Args;
use fanout::error::ErrorKind;
use fanout::report::compare::{Compared, Comparison};
use fanout::report::files;
use fanout::report::html::write_comparison;
use fanout::report::terminal::{Style, render_comparison};

use super::report::read_runs;
use super::store::StoreArgument;
use super::{CommandError, print};

/// Set runs of a store side by side: scores, cost, and what their plans differ in.
#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// The runs: of each, as many of its id's first digits as tell it from the others. The
    /// others are compared with the first.
    #[arg(required = true, num_args = 2.., value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    store: StoreArgument,
    /// Print one machine-readable object instead of the table.
    #[arg(long)]
    json: bool,
    /// Write a page of HTML, too.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Compare {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        if let Some(path) = &self.html {
            files::prove_writable(path)?;
        }
        let store = self.store.open()?;
        let runs = read_runs(&store, &self.runs)?;
        let sizes = runs.iter().map(|run| match run.report.findings {
            None => run.split_sizes(),
            Some(_) => Ok(None),
        });
        let sizes: Vec<_> = sizes.collect::<Result<_, _>>()?;
        let compared = runs.iter().zip(&sizes).map(|(run, sizes)| Compared {
            report: &run.report,
            sizes: sizes.as_deref(),
        });
        let comparison = Comparison::new(&compared.collect::<Vec<_>>());
        if let Some(path) = &self.html {
            write_comparison(path, &comparison)?;
        }
        if self.json {
            let text = serde_json::to_string(&comparison)
                .map_err(|error| CommandError::new(ErrorKind::Internal, error))?;
            print(&(text + "\n"));
            return Ok(());
        }
        let width = console::Term::stdout()
            .size_checked()
            .map(|(_, columns)| columns.into());
        let style = Style::new(std::io::stdout().is_terminal(), width);
        print(&render_comparison(&comparison, style));
        Ok(())
    }
}
