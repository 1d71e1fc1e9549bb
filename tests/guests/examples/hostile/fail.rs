//! Returns the fault `failed`.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::Failed("on purpose".to_owned()))
}
