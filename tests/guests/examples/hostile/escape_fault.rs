//! Fails with a message that takes over a terminal.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_task: &Task) -> Result<String, Fault> {
    Err(Fault::Failed("\u{1b}[2J\u{1b}]0;done\u{7}\r".to_owned()))
}
