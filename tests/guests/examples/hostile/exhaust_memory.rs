//! Allocates and touches memory until it is refused more, and aborts.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    hostile_guests::exhaust_memory()
}
