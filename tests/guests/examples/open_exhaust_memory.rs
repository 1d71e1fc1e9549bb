//! Allocates without end when it is given a dataset.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, exhaust_memory, export};

struct Component;

impl Guest for Component {
    fn open() -> Result<(), Fault> {
        exhaust_memory()
    }
}

export!(Component);
