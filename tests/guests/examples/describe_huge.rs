//! Describes itself in 64 MiB of blanks.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        " ".repeat(64 << 20)
    }
}

export!(Component);
