//! Scores a candidate that nobody asked for.

use hostile_guests::{Fault, contract::Task, scored};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut answer = scored(task, 0.5);
    answer.scores.push(answer.scores[0].clone());
    Ok(serde_json::to_string(&answer).unwrap())
}
