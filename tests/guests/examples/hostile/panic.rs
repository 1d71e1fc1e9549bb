//! Panics, which aborts.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    panic!("trainer `{}` panics", task.trainer)
}
