//! The command line: parse, dispatch, print what went wrong, exit.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::Arguments;

fn main() -> ExitCode {
    match Arguments::parse().run() {
        Ok(code) => code,
        Err(error) => {
            commands::print_error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}
