//! `fanout completions`.

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Arguments, CommandError, print};

/// Print a script by which a shell completes commands and options.
///
/// For bash: `fanout completions bash > ~/.local/share/bash-completion/completions/fanout`;
/// for zsh: `fanout completions zsh > DIR/_fanout` with a folder of `$fpath`; for fish:
/// `fanout completions fish > ~/.config/fish/completions/fanout.fish`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let mut script = Vec::new();
        generate(self.shell, &mut Arguments::command(), "fanout", &mut script);
        print(&String::from_utf8_lossy(&script));
        Ok(())
    }
}
