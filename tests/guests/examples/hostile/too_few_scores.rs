//! Leaves the last candidate out.

use hostile_guests::{Fault, contract::Task, scored};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut answer = scored(task, 0.5);
    answer.scores.pop();
    Ok(serde_json::to_string(&answer).unwrap())
}
