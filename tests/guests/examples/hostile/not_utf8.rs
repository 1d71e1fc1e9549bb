//! Answers what is no text.

use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let mut bytes = answer(task).into_bytes();
    bytes[0] = 0xff;
    // SAFETY: none; this is the crime.
    Ok(unsafe { String::from_utf8_unchecked(bytes) })
}
