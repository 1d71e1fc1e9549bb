//! Shares no dataset.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn share() -> Result<Vec<u8>, Fault> {
        Err(Fault::Failed("it is mine".to_owned()))
    }
}

export!(Component);
