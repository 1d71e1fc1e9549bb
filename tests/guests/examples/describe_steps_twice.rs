//! Offers two steps of one name.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export, step};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.steps = vec![step("scale"), step("scale")];
        })
    }
}

export!(Component);
