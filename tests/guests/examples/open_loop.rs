//! Never has its dataset open.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export, spin};

struct Component;

impl Guest for Component {
    fn open() -> Result<(), Fault> {
        spin()
    }
}

export!(Component);
