//! Writes `NaN` for a score, which is no JSON.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task).replace("0.5", "NaN"))
}
