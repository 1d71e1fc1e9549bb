//! Answers 256 MiB of blanks.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Ok(" ".repeat(256 << 20))
}
