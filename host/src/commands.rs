//! [`Command`]: one file per verb, and [`CommandError`], what is printed when
//! one fails. Only this module prints.
#![expect(clippy::print_stderr, reason = "this is the command line")]

mod check;
mod compare;
mod completions;
mod dashboard;
mod doctor;
mod export;
mod gc;
mod guest;
mod interrupt;
mod logging;
mod man;
mod metrics;
mod model;
mod nats;
mod plan;
mod predict;
mod report;
mod retrain;
mod run;
mod runs;
mod schema;
mod show;
mod status;
mod store;
mod watch;
mod worker;

use std::error::Error;
use std::io::{IsTerminal as _, StdoutLock, Write};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand};
use console::Term;

use fanout::dataset::DatasetError;
use fanout::error::{ErrorKind, THREADS, chained};
use fanout::plan::PlanError;
use fanout::pool::PoolError;
use fanout::python::PythonError;
use fanout::queue::QueueError;
use fanout::report::files::FilesError;
use fanout::report::progress::{Appearance, Progress};
use fanout::report::terminal::{Style, render, render_all};
use fanout::report::{Failure, Report, Reports, json};
use fanout::sandbox::GuestError;
use fanout::session::SessionError;
use fanout::store::StoreError;
use fanout::worker::WorkerError;

/// Serverless fan-out for model selection: every fit of a search in a
/// sandboxed WebAssembly trainer.
#[derive(Debug, Parser)]
#[command(name = "fanout", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    /// Tell on standard error what the program does; twice for more, three times for all.
    /// The variable FANOUT_LOG says it by part, such as `fanout::store=trace,info`.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Command,
}

impl Arguments {
    pub(crate) fn run(self) -> Result<ExitCode, CommandError> {
        logging::start(self.verbose)?;
        self.command.run(self.verbose > 0)
    }
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a plan.
    Run(run::Run),
    /// Find every mistake in a plan, or show what it would run.
    Check(check::Check),
    /// Predict rows with a model of a run.
    Predict(predict::Predict),
    /// Fit a model's candidate on later data, and keep the better model.
    Retrain(retrain::Retrain),
    /// Show, export or explain a model of a run.
    #[command(subcommand)]
    Model(model::Model),
    /// Take tasks of runs from a queue until stopped.
    Worker(worker::Worker),
    /// Show a queue's tasks, workers and runs.
    Status(status::Status),
    /// Follow a run of another process or host until it ends.
    Watch(watch::Watch),
    /// Check the store, the sandbox, the cache, the memory and the cores.
    Doctor(doctor::Doctor),
    /// List the runs of a store.
    Runs(runs::Runs),
    /// Serve pages that show the runs of a store in a browser, live or past.
    Dashboard(dashboard::Serve),
    /// Print the results of any run in a store, a finished one or not.
    Show(show::Show),
    /// Write runs of a store as Optuna, MLflow and viewers of traces read them.
    Export(export::Export),
    /// Write the results of any run in a store as one page of HTML.
    Report(report::ReportPage),
    /// Set runs of a store side by side.
    Compare(compare::Compare),
    /// Remove objects that no kept run names; without --yes, only list them.
    Gc(gc::Gc),
    /// Print the JSON Schema of a plan, for editors, or of the events of a run.
    Schema(schema::Schema),
    /// List the metrics that a plan may name, and what they need.
    Metrics(metrics::Metrics),
    /// Show what guests offer and whether they keep the contract.
    #[command(subcommand)]
    Guest(guest::Guest),
    /// Print a script by which a shell completes commands and options.
    Completions(completions::Completions),
    /// Write the manual pages into a folder.
    Man(man::Man),
}

impl Command {
    fn run(self, verbose: bool) -> Result<ExitCode, CommandError> {
        let done = match self {
            Self::Run(run) => run.run(),
            Self::Check(check) => check.run(),
            Self::Predict(predict) => predict.run(),
            // It says which model it kept.
            Self::Retrain(retrain) => return retrain.run(),
            Self::Model(model) => model.run(),
            Self::Worker(worker) => worker.run(verbose),
            Self::Status(status) => status.run(),
            Self::Watch(watch) => watch.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Runs(runs) => runs.run(),
            Self::Dashboard(serve) => serve.run(),
            Self::Show(show) => show.run(),
            Self::Export(export) => export.run(),
            Self::Report(report) => report.run(),
            Self::Compare(compare) => compare.run(),
            Self::Gc(gc) => gc.run(),
            Self::Schema(schema) => schema.run(),
            Self::Metrics(metrics) => metrics.run(),
            Self::Guest(guest) => guest.run(),
            Self::Completions(completions) => completions.run(),
            Self::Man(man) => man.run(),
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) kind: ErrorKind,
    source: Box<dyn Error>,
    hint: Option<String>,
}

impl CommandError {
    pub(crate) fn new(kind: ErrorKind, source: impl Into<Box<dyn Error>>) -> Self {
        Self {
            kind,
            source: source.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<SessionError> for CommandError {
    fn from(error: SessionError) -> Self {
        let (kind, hint) = (error.kind(), error.hint());
        Self {
            kind,
            source: Box::new(error),
            hint,
        }
    }
}

/// Errors of the library that have their kind and hint as a [`SessionError`].
macro_rules! from_session_error {
    ($($error:ty),+) => {
        $(impl From<$error> for CommandError {
            fn from(error: $error) -> Self {
                SessionError::from(error).into()
            }
        })+
    };
}

from_session_error!(
    PlanError,
    DatasetError,
    StoreError,
    GuestError,
    PoolError,
    QueueError,
    FilesError
);

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        let Failure {
            kind,
            message,
            hint,
        } = failure;
        Self {
            kind,
            source: message.into(),
            hint,
        }
    }
}

impl From<WorkerError> for CommandError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Queue(error) => error.into(),
            WorkerError::Guest(error) => error.into(),
            WorkerError::Thread(_) => Self::new(ErrorKind::Internal, error).hint(THREADS),
        }
    }
}

impl From<PythonError> for CommandError {
    fn from(error: PythonError) -> Self {
        Self {
            kind: error.kind(),
            hint: error.hint(),
            source: Box::new(error),
        }
    }
}

impl From<std::fmt::Error> for CommandError {
    fn from(error: std::fmt::Error) -> Self {
        Self::new(ErrorKind::Internal, error)
    }
}

/// Prints a warning.
pub(crate) fn print_warning(message: &str) {
    eprintln!("warning: {message}");
}

/// Prints a line about what the program does.
pub(crate) fn tell(message: &str) {
    eprintln!("{message}");
}

/// What to do about what should not happen.
const INTERNAL: &str = "run it again with `-vv`, which tells more, and report it with what it says";

/// Prints an error with its causes and what to do.
pub(crate) fn print_error(error: &CommandError) {
    let text = chained(error.source.as_ref());
    match error.kind {
        ErrorKind::Interrupted => eprintln!("{text}"),
        _ => eprintln!("error: {text}"),
    }
    match (&error.hint, error.kind) {
        (Some(hint), _) => eprintln!("hint: {hint}"),
        (None, ErrorKind::Internal) => eprintln!("hint: {INTERNAL}"),
        (None, _) => {}
    }
}

/// Shows progress on standard error: lines that change on a terminal, else lines now and
/// then, among which those of the log have their place.
fn progress(quiet: bool) -> Progress {
    if quiet {
        Progress::quiet()
    } else if std::io::stderr().is_terminal() && !console::is_dumb() && !logging::is_on() {
        Progress::live(Term::stderr(), Appearance::of_environment())
    } else {
        Progress::plain(std::io::stderr())
    }
}

/// Shows a report on standard output, as a table or as one JSON object.
fn show(report: &Report, as_json: bool) -> Result<(), CommandError> {
    shown(
        as_json,
        |out| json::write(report, out),
        |style| render(report, style),
    )
}

/// The same of the reports of all targets of a plan.
fn show_all(reports: &Reports, as_json: bool) -> Result<(), CommandError> {
    shown(
        as_json,
        |out| json::write_all(reports, out),
        |style| render_all(reports, style),
    )
}

/// The same on standard error, where standard output has something else.
fn tell_all(reports: &Reports) {
    let width = Term::stderr().size_checked();
    let width = width.map(|(_, columns)| columns.into());
    let style = Style::new(std::io::stderr().is_terminal(), width);
    tell(render_all(reports, style).trim_end());
}

fn shown(
    as_json: bool,
    write: impl FnOnce(&mut StdoutLock<'_>) -> std::io::Result<()>,
    render: impl FnOnce(Style) -> String,
) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let written = write(&mut out).and_then(|()| out.flush());
        return match written {
            // A reader that went away has what it wanted.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CommandError::new(ErrorKind::Internal, error))
            }
            _ => Ok(()),
        };
    }
    let width = console::Term::stdout()
        .size_checked()
        .map(|(_, columns)| columns.into());
    let text = render(Style::new(out.is_terminal(), width));
    drop(out);
    print(&text);
    Ok(())
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
