//! Returns an output whose name takes over a terminal, of a candidate that is not there.

use hostile_guests::door::Artifact;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task))
}

pub fn artifacts() -> Vec<Artifact> {
    vec![Artifact {
        output: "\u{1b}[2J../../results\n".repeat(9),
        candidate: u32::MAX,
        bytes: Vec::new(),
    }]
}
