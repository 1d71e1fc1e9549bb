//! Scores by a metric that nobody asked for.

use hostile_guests::{Fault, contract::Task, scored};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut answer = scored(task, 0.5);
    for scores in &mut answer.scores {
        scores.test.insert("charm".to_owned(), Some(1.0));
    }
    Ok(serde_json::to_string(&answer).unwrap())
}
