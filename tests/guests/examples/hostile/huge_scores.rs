//! Writes a number that no float holds for a score.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task).replace("0.5", "1e999"))
}
