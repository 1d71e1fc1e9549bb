//! Offers a trainer whose name clears the terminal.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.trainers[0].name = "\u{1b}[2Jhonest".to_owned();
        })
    }
}

export!(Component);
