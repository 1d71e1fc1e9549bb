//! Finds every dataset invalid.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn open() -> Result<(), Fault> {
        Err(Fault::InvalidDataset("on purpose".to_owned()))
    }
}

export!(Component);
