//! Offers a hundred thousand steps.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::{StepDescription, Takes};
use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.steps = (0..100_000).map(|at| step(&format!("step{at}"))).collect();
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
