//! Calls itself without end.

use std::hint::black_box;

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Ok(deeper(0).to_string())
}

#[allow(unconditional_recursion, reason = "that is what it is for")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 16]);
    deeper(frame[0] + 1) + black_box(frame)[15]
}
