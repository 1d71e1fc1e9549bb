//! Traps when a candidate of the task has `fail`.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut all = task.candidates.iter().chain([&task.params]);
    if all.any(|params| params.get("fail").is_some_and(|value| *value == true)) {
        core::arch::wasm32::unreachable()
    }
    Ok(answer(task))
}
