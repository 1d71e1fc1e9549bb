//! Returns a hundred thousand outputs of nothing.

use hostile_guests::door::Artifact;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task))
}

pub fn artifacts() -> Vec<Artifact> {
    let nothing = |candidate| Artifact {
        output: String::new(),
        candidate,
        bytes: Vec::new(),
    };
    (0..100_000).map(nothing).collect()
}
