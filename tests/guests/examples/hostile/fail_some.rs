//! Fails when a candidate of the task has `fail`, and says which.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let fails = |params: &hostile_guests::contract::Params| {
        params.get("fail").is_some_and(|value| *value == true)
    };
    match task.candidates.iter().position(fails) {
        None if fails(&task.params) => Err(Fault::Failed("every candidate".to_owned())),
        None => Ok(answer(task)),
        Some(candidate) => Err(Fault::Failed(format!("candidate {candidate}"))),
    }
}
