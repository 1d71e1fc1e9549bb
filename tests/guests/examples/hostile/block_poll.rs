//! Polls a full stream that nobody reads, until it is ready.

use hostile_guests::stream::Unread;
use hostile_guests::wasip2::io::poll::poll;
use hostile_guests::{Fault, answer, contract::Task};

pub fn evaluate(task: &Task) -> Result<String, Fault> {
    let unread = Unread::new();
    unread.fill();
    poll(&[&unread.stream.subscribe()]);
    Ok(answer(task))
}
