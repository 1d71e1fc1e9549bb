//! Writes zeroes to a stream that nobody reads, and waits for each write.

use hostile_guests::stream::Unread;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let unread = Unread::new();
    while unread.stream.blocking_write_zeroes_and_flush(4096).is_ok() {}
    Ok(answer(task))
}
