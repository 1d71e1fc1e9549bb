//! Never says what it offers.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export, spin};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        spin()
    }
}

export!(Component);
