//! Answers half an answer.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut answer = answer(task);
    answer.truncate(answer.len() / 2);
    Ok(answer)
}
