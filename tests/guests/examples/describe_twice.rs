//! Offers two trainers of one name.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        description(&["honest", "honest"])
    }
}

export!(Component);
