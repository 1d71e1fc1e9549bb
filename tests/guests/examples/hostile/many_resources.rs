//! Makes host resources without end and drops none.

use hostile_guests::wasip2::http::types::Fields;
use hostile_guests::{Fault, contract::Task};

pub fn evaluate(_: &Task) -> Result<String, Fault> {
    loop {
        std::mem::forget(Fields::new());
    }
}
