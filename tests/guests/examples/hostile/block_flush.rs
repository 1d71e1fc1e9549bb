//! Waits until a full stream that nobody reads is flushed.

use hostile_guests::stream::Unread;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let unread = Unread::new();
    unread.fill();
    let _ = unread.stream.blocking_flush();
    Ok(answer(task))
}
