//! Offers a parameter that takes no value at all.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.trainers[0].params[0].kinds = Vec::new();
        })
    }
}

export!(Component);
