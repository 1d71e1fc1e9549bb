//! [`chained`], an error with its causes as one line, and [`ErrorKind`].

use std::error::Error;

/// What to do where no thread can be started.
pub const THREADS: &str =
    "end other programs, or allow more threads (`ulimit -u`), and run again: what is done is kept";

/// The error's message followed by those of its causes, separated by `: `. A
/// cause whose message is already part of the text is left out: some errors
/// print their cause themselves.
pub fn chained(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

/// The kinds of failure that a caller may tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command line or the call is wrong.
    Usage,
    /// The plan has mistakes.
    Plan,
    /// The data can't be read or does not fit the plan.
    Data,
    /// The store failed.
    Store,
    /// A guest does not keep the contract, or its fits failed.
    Guest,
    /// A pool does not serve: an endpoint, the queue, its workers.
    Pool,
    /// No candidate has a score on every split.
    Unscored,
    /// Anything else: the program or the machine.
    Internal,
    /// The run was stopped.
    Interrupted,
}

impl ErrorKind {
    /// The exit code of the command line.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Plan => 3,
            Self::Data => 4,
            Self::Store => 5,
            Self::Guest => 6,
            Self::Pool => 7,
            Self::Unscored => 8,
            Self::Interrupted => 130,
        }
    }
}
