//! Keeps the contract: every score is a half.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task))
}
