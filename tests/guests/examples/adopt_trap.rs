//! Traps when it is given what it shared itself.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn adopt(_shared: Vec<u8>) -> Result<(), Fault> {
        core::arch::wasm32::unreachable()
    }
}

export!(Component);
