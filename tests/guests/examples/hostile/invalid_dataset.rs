//! Returns the fault `invalid-dataset`.

use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    Err(Fault::InvalidDataset("on purpose".to_owned()))
}
