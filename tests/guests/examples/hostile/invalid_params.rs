//! Returns the fault `invalid-params`.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::InvalidParams("on purpose".to_owned()))
}
