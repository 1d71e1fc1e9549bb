//! Traps when it is given a dataset.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn open() -> Result<(), Fault> {
        core::arch::wasm32::unreachable()
    }
}

export!(Component);
