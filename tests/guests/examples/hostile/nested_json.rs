//! Answers arrays in arrays, a million deep.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Ok("[".repeat(1_000_000))
}
