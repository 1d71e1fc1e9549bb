//! Ctrl-C: the first one stops the run, the second one ends the program.

use std::sync::atomic::{AtomicBool, Ordering};

use fanout::task::Cancel;

use super::CommandError;
use fanout::error::ErrorKind;

/// Cancels `cancel` at the first interrupt. Whatever is not a guest's call
/// (reading the source, writing the results) ends at the second.
pub(super) fn on_interrupt(cancel: Cancel) -> Result<(), CommandError> {
    let told = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        cancel.cancel();
        if told.swap(true, Ordering::Relaxed) {
            std::process::exit(ErrorKind::Interrupted.exit_code().into());
        }
    })
    .map_err(|error| CommandError::new(ErrorKind::Internal, error))
}
