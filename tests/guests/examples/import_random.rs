//! Imports random numbers.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::{Fault, Guest, export, scored, wasip2};

struct Component;

impl Guest for Component {
    fn evaluate(task: &Task) -> Result<String, Fault> {
        let number = wasip2::random::random::get_random_u64();
        Ok(serde_json::to_string(&scored(task, number as f64)).unwrap())
    }
}

export!(Component);
