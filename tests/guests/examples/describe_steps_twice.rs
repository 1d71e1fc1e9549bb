//! Offers two steps of one name.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::{StepDescription, Takes};
use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.steps = vec![step("scale"), step("scale")];
        })
    }
}

fn step(name: &str) -> StepDescription {
    StepDescription {
        name: name.to_owned(),
        summary: "Does nothing.".to_owned(),
        takes: Takes::Any,
        missing: true,
        uses_target: false,
        params: Vec::new(),
    }
}

export!(Component);
