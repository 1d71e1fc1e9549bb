//! Offers a trainer with two parameters of one name.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            let again = description.trainers[0].params[0].clone();
            description.trainers[0].params.push(again);
        })
    }
}

export!(Component);
