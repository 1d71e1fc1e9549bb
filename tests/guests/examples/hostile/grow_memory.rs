//! Takes all the memory that it is given and goes on: every score is the
//! number of bytes of its memory.

use hostile_guests::{Fault, contract::Task, scored};

const PAGE: usize = 1 << 16;

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    // By 16 MiB, then by the page, to end close to the limit.
    for step in [256, 1] {
        while core::arch::wasm32::memory_grow::<0>(step) != usize::MAX {}
    }
    let bytes = core::arch::wasm32::memory_size::<0>() * PAGE;
    Ok(serde_json::to_string(&scored(task, bytes as f64)).unwrap())
}
