//! Traps when asked what it offers.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        core::arch::wasm32::unreachable()
    }
}

export!(Component);
