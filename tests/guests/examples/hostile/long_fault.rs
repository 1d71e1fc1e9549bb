//! Fails with a message of 10,000 characters.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::Failed("x".repeat(10_000)))
}
