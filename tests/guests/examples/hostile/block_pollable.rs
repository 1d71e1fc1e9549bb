//! Blocks until a full stream that nobody reads is ready.

use hostile_guests::stream::Unread;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let unread = Unread::new();
    unread.fill();
    unread.stream.subscribe().block();
    Ok(answer(task))
}
