//! Traps when it is to share a dataset.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn share() -> Result<Vec<u8>, Fault> {
        core::arch::wasm32::unreachable()
    }
}

export!(Component);
