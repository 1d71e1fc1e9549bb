//! Remembers: every score is how many tasks this instance was given.

use std::sync::atomic::{AtomicU32, Ordering};

use hostile_guests::{Fault, contract::Task, scored};

static TASKS: AtomicU32 = AtomicU32::new(0);

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let tasks = TASKS.fetch_add(1, Ordering::Relaxed) + 1;
    Ok(serde_json::to_string(&scored(task, f64::from(tasks))).unwrap())
}
