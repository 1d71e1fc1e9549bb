//! Never returns.

use hostile_guests::{Fault, contract::Task, spin};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    spin()
}
