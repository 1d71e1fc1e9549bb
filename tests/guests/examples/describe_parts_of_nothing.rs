//! Counts the parts of its models by a parameter that is not there.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.trainers[0].parts = Some("n_estimators".to_owned());
        })
    }
}

export!(Component);
