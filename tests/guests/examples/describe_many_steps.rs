//! Offers a hundred thousand steps.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, changed_description, export, step};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.steps = (0..100_000).map(|at| step(&format!("step{at}"))).collect();
        })
    }
}

export!(Component);
