//! The command line: parse, dispatch, print what went wrong, exit.

mod commands;

use std::process::ExitCode;

use clap::Parser;

use commands::Command;

/// Serverless fan-out for model selection: every fit of a search in a
/// sandboxed WebAssembly trainer.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    match command.run() {
        Ok(code) => code,
        Err(error) => {
            commands::print_error(&error);
            ExitCode::from(error.kind.exit_code())
        }
    }
}
