//! Returns an output of 256 MiB beside a good answer.

use hostile_guests::door::Artifact;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    Ok(answer(task))
}

pub fn artifacts() -> Vec<Artifact> {
    vec![Artifact {
        output: "predictions".to_owned(),
        candidate: 0,
        bytes: vec![b'x'; 256 << 20],
    }]
}
