//! `fanout man`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use fanout::error::ErrorKind;

use super::{Arguments, CommandError};

/// Write the manual pages into a folder.
///
/// One of the program, `fanout.1`, and one of each command, such as `fanout-run.1`: in
/// `~/.local/share/man/man1`, `man fanout-run` finds them.
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// The folder, which is made if it is not there.
    folder: PathBuf,
}

impl Man {
    pub(crate) fn run(self) -> Result<(), CommandError> {
        let folder = &self.folder;
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
        written.map_err(|error| {
            let message = format!(
                "can't write the manual pages to `{}`: {error}",
                folder.display()
            );
            CommandError::new(ErrorKind::Internal, message)
                .hint("name a folder that can be made and written")
        })
    }
}
