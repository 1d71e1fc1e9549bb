//! [`Command`]: one file a verb, and [`CommandError`], what the user is told
//! when one fails. Only here does the program print.
#![expect(clippy::print_stderr, reason = "this is the command line")]

mod check;
mod doctor;
mod gc;
mod guest;
mod interrupt;
mod nats;
mod offer;
mod plan;
mod pool;
mod run;
mod runs;
mod schema;
mod show;
mod status;
mod store;
mod worker;

use std::error::Error;
use std::io::{IsTerminal as _, Write};

use clap::Subcommand;

use fanout::dataset::{DatasetError, SourceError, WriteError};
use fanout::plan::PlanError;
use fanout::pool::PoolError;
use fanout::queue::QueueError;
use fanout::report::files::FilesError;
use fanout::report::human::chained;
use fanout::report::terminal::{Style, render};
use fanout::report::{Report, json};
use fanout::run::RunError;
use fanout::sandbox::GuestError;
use fanout::store::StoreError;
use fanout::worker::WorkerError;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a plan.
    Run(run::Run),
    /// Find every mistake in a plan, or say what it would run.
    Check(check::Check),
    /// Take tasks of runs from a queue, till told to stop.
    Worker(worker::Worker),
    /// Tell of a queue: its tasks, its workers, and the runs they are for.
    Status(status::Status),
    /// Check the store, the sandbox, the cache, the memory and the cores.
    Doctor(doctor::Doctor),
    /// List the runs of a store.
    Runs(runs::Runs),
    /// Print the results of any run in a store, a finished one or not.
    Show(show::Show),
    /// Remove what no kept run names; without --yes, only say what.
    Gc(gc::Gc),
    /// Print the JSON Schema of a plan, for editors.
    Schema(schema::Schema),
    /// Look at guests: what they offer, and whether they keep the contract.
    #[command(subcommand)]
    Guest(guest::Guest),
}

impl Command {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        match self {
            Self::Run(run) => run.run(),
            Self::Check(check) => check.run(),
            Self::Worker(worker) => worker.run(),
            Self::Status(status) => status.run(),
            Self::Doctor(doctor) => doctor.run(),
            Self::Runs(runs) => runs.run(),
            Self::Show(show) => show.run(),
            Self::Gc(gc) => gc.run(),
            Self::Schema(schema) => schema.run(),
            Self::Guest(guest) => guest.run(),
        }
    }
}

/// The kinds of failure, each with its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The command line has mistakes.
    Usage,
    /// The plan has mistakes.
    Plan,
    /// The data can't be read or does not fit the plan.
    Data,
    /// The store failed.
    Store,
    /// The guest does not keep the contract, or its fits failed.
    Guest,
    /// An endpoint can't be reached or does not serve.
    Pool,
    /// Anything else.
    Internal,
    /// Ctrl-C.
    Interrupted,
}

impl Kind {
    /// The exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Plan => 3,
            Self::Data => 4,
            Self::Store => 5,
            Self::Guest => 6,
            Self::Pool => 7,
            Self::Interrupted => 130,
        }
    }
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct CommandError {
    pub(crate) kind: Kind,
    source: Box<dyn Error>,
    hint: Option<String>,
}

impl CommandError {
    pub(crate) fn new(kind: Kind, source: impl Into<Box<dyn Error>>) -> Self {
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

impl From<PlanError> for CommandError {
    fn from(error: PlanError) -> Self {
        Self::new(Kind::Plan, error)
    }
}

impl From<DatasetError> for CommandError {
    fn from(error: DatasetError) -> Self {
        match error {
            DatasetError::Store(error) | DatasetError::Source(SourceError::Store(error)) => {
                error.into()
            }
            // The machine's fault, not the data's.
            DatasetError::Write(error @ WriteError::Temporary(_)) => {
                Self::new(Kind::Internal, error)
                    .hint("make room there, or name another folder with `TMPDIR`, and run again")
            }
            error => Self::new(Kind::Data, error),
        }
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        let remedy = error.remedy();
        let error = Self::new(Kind::Store, error);
        match remedy {
            Some(remedy) => error.hint(remedy),
            None => error,
        }
    }
}

impl From<GuestError> for CommandError {
    fn from(error: GuestError) -> Self {
        Self::new(Kind::Guest, error)
    }
}

impl From<PoolError> for CommandError {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Store(error) => error.into(),
            PoolError::Missing { .. } => {
                Self::new(Kind::Store, error).hint("run again: what is missing is made anew")
            }
            PoolError::Worker(_) | PoolError::Client(_) => Self::new(Kind::Internal, error),
            PoolError::Endpoint(error) => {
                let remedy = error.remedy();
                Self::new(Kind::Pool, error).hint(remedy)
            }
            PoolError::Queue(error) => error.into(),
            PoolError::GivenBack { .. } => Self::new(Kind::Pool, error)
                .hint("mend what the workers say; the same command goes on where it stopped"),
            PoolError::Unnamed => Self::new(Kind::Internal, error),
            PoolError::Authority { .. } => Self::new(Kind::Pool, error),
            PoolError::Unsigned { .. } => Self::new(Kind::Pool, error)
                .hint("set `pool.data: body`, or use a store of a cloud"),
        }
    }
}

impl From<QueueError> for CommandError {
    fn from(error: QueueError) -> Self {
        let remedy = error.remedy();
        Self::new(Kind::Pool, error).hint(remedy)
    }
}

impl From<WorkerError> for CommandError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Queue(error) => error.into(),
            WorkerError::Guest(error) => error.into(),
            WorkerError::Thread(_) => Self::new(Kind::Internal, error),
        }
    }
}

impl From<RunError> for CommandError {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Pool(error) => error.into(),
            RunError::Raised { ref fault, .. }
            | RunError::AllFailed { ref fault, .. }
            | RunError::Refit(ref fault) => {
                let remedy = fault.remedy();
                let error = Self::new(Kind::Guest, error);
                match remedy {
                    Some(remedy) => error.hint(remedy),
                    None => error,
                }
            }
            RunError::Interrupted { .. } => Self::new(Kind::Interrupted, error)
                .hint("the same command goes on where this one stopped"),
        }
    }
}

impl From<FilesError> for CommandError {
    fn from(error: FilesError) -> Self {
        Self::new(Kind::Internal, error).hint(
            "make room there or the folder writable, or name another with `--output`, and run \
             again: every fit is kept in the store",
        )
    }
}

impl From<std::fmt::Error> for CommandError {
    fn from(error: std::fmt::Error) -> Self {
        Self::new(Kind::Internal, error)
    }
}

/// Prints an error with its causes and what to do.
pub(crate) fn print_error(error: &CommandError) {
    let text = chained(error.source.as_ref());
    match error.kind {
        Kind::Interrupted => eprintln!("{text}"),
        _ => eprintln!("error: {text}"),
    }
    if let Some(hint) = &error.hint {
        eprintln!("hint: {hint}");
    }
}

/// Shows a report on standard output, as a table or as one JSON object.
fn show(report: &Report<'_>, as_json: bool) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let written = json::write(report, &mut out).and_then(|()| out.flush());
        return match written {
            // A reader that went away has what it wanted.
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                Err(CommandError::new(Kind::Internal, error))
            }
            _ => Ok(()),
        };
    }
    let width = console::Term::stdout()
        .size_checked()
        .map(|(_, columns)| columns.into());
    let text = render(report, Style::new(out.is_terminal(), width));
    drop(out);
    print(&text);
    Ok(())
}

/// Writes to standard output; a reader that went away is no error.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}
