//! Refuses what it shared itself.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn adopt(_shared: Vec<u8>) -> Result<(), Fault> {
        Err(Fault::InvalidDataset("whose is it?".to_owned()))
    }
}

export!(Component);
