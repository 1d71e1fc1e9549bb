//! Excuses itself with 256 MiB of blanks.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::Failed(" ".repeat(256 << 20)))
}
