//! `fanout export`: a run as other tools read it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use clap::{ArgGroup, Args};
use fanout::error::ErrorKind;
use fanout::report::Report;
use fanout::report::files;
use fanout::report::human::counted;
use fanout::report::stored::StoredRun;
use fanout::report::trackers::{mlflow, optuna, trace};
use fanout::run::history::{History, RunEntry};
use fanout::run::journal;
use fanout::run::summary::Summary;
use fanout::session::SessionError;
use fanout::store::Store;

use super::store::StoreArgument;
use super::{CommandError, print};

/// Write runs of a store as other tools read them: for Optuna's dashboard, to a tracking
/// server of MLflow, or as a trace.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("to").required(true).multiple(true))]
pub(crate) struct Export {
    /// The runs: of each, as many of its id's first digits as tell it from the others.
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<String>,
    #[command(flatten)]
    store: StoreArgument,
    /// Write a journal of Optuna, with a study a run: `optuna-dashboard FILE` opens it.
    #[arg(long, value_name = "FILE", group = "to")]
    optuna: Option<PathBuf>,
    /// Send the runs to the MLflow server at this URL, into experiments of their plans' names.
    #[arg(long, value_name = "URL", group = "to")]
    mlflow: Option<String>,
    /// Write what every worker did when as a trace, which `ui.perfetto.dev` and
    /// `chrome://tracing` open. Takes one run.
    #[arg(long, value_name = "FILE", group = "to")]
    trace: Option<PathBuf>,
}

/// A run that is exported.
struct Exported {
    entry: RunEntry,
    /// Its plan's name and the first digits of its id.
    study: String,
    report: Report,
}

impl Exported {
    fn ended(&self) -> DateTime<Utc> {
        DateTime::from(self.entry.ended.unwrap_or_else(SystemTime::now))
    }
}

impl Export {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        if self.trace.is_some() && self.runs.len() > 1 {
            let message = "`--trace` takes one run";
            return Err(CommandError::new(ErrorKind::Usage, message)
                .hint("write the trace of each into a file of its own"));
        }
        let files = self.optuna.iter().chain(&self.trace);
        for file in files.filter(|file| !is_standard_output(file)) {
            files::prove_writable(file)?;
        }
        let store = self.store.open()?;
        let history = History::open(&store)?;
        let entries = self.runs.iter().map(|prefix| history.find(prefix));
        let entries: Vec<RunEntry> = entries.collect::<Result<_, _>>()?;
        if self.optuna.is_some() || self.mlflow.is_some() {
            let runs = entries.iter().map(|entry| read(&store, &history, *entry));
            let runs: Vec<Exported> = runs.collect::<Result<_, _>>()?;
            if let Some(file) = &self.optuna {
                let last = runs.iter().map(Exported::ended).max().unwrap_or_default();
                let studies = runs.iter().map(|run| (run.study.clone(), &run.report));
                let studies: Vec<(String, &Report)> = studies.collect();
                write(file, |out| optuna::write(&studies, last, out))?;
            }
            if let Some(url) = &self.mlflow {
                for run in &runs {
                    self.send(url, run)?;
                }
            }
        }
        if let (Some(file), Some(entry)) = (&self.trace, entries.first()) {
            let events = journal::read(&store, &entry.run)?;
            if events.is_empty() {
                let message = format!("the store has no events of the run `{}`", entry.run);
                return Err(CommandError::new(ErrorKind::Store, message)
                    .hint("an earlier version of fanout kept none; run the plan again"));
            }
            write(file, |out| trace::write(&events, out))?;
        }
        Ok(())
    }

    fn send(&self, url: &str, run: &Exported) -> Result<(), CommandError> {
        let name = &run.report.plan.name;
        let sent = mlflow::send(url, name, &run.report, run.ended())?;
        let known = match sent.known {
            0 => String::new(),
            known => format!("; {} were there", counted(known, "candidate")),
        };
        print(&format!(
            "{}: {} sent as run {} of experiment {}{known}\n",
            run.study,
            counted(sent.candidates, "candidate"),
            sent.run,
            sent.experiment,
        ));
        Ok(())
    }
}

fn read(store: &Store, history: &History, entry: RunEntry) -> Result<Exported, CommandError> {
    let manifest = history.manifest(&entry.run)?;
    let summary = Summary::read(store, &entry.run)?;
    if summary.as_ref().is_some_and(Summary::is_of_fit) {
        let message = format!(
            "the run `{}` is a single fit, and has no candidates",
            entry.run
        );
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("`fanout show` tells its scores, and `--trace` writes its tasks"));
    }
    let report = StoredRun::read(store, &manifest, summary)?.report;
    if report.findings.is_some() {
        let message = format!(
            "the run `{}` is of a kind that has no candidates to export",
            entry.run
        );
        return Err(CommandError::new(ErrorKind::Usage, message)
            .hint("`fanout report` writes its results, and `--trace` its tasks"));
    }
    Ok(Exported {
        entry,
        study: format!("{} {}", report.plan.name, entry.run.short()),
        report,
    })
}

fn is_standard_output(file: &Path) -> bool {
    file == Path::new("-")
}

/// Writes a file whole under another name first; `-` is standard output.
fn write(
    file: &Path,
    content: impl FnOnce(&mut dyn Write) -> std::io::Result<()>,
) -> Result<(), CommandError> {
    if is_standard_output(file) {
        return content(&mut std::io::stdout().lock())
            .map_err(|error| CommandError::new(ErrorKind::Internal, error));
    }
    Ok(files::replace(file, |output| content(output)).map_err(SessionError::from)?)
}

impl From<mlflow::MlflowError> for CommandError {
    fn from(error: mlflow::MlflowError) -> Self {
        use mlflow::MlflowError as E;
        let kind = match &error {
            E::Address { .. } => ErrorKind::Usage,
            _ => ErrorKind::Internal,
        };
        let hint = match &error {
            E::Refused {
                status: 401 | 403, ..
            } => Some(
                "`MLFLOW_TRACKING_TOKEN`, or `MLFLOW_TRACKING_USERNAME` and \
                 `MLFLOW_TRACKING_PASSWORD`, hold credentials",
            ),
            E::Unreachable { .. } | E::Refused { .. } => {
                Some("the same command goes on where it was")
            }
            _ => None,
        };
        let failed = Self::new(kind, error);
        match hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }
}
