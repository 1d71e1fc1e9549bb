//! Returns the fault `invalid-task`.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::InvalidTask("on purpose".to_owned()))
}
