//! Imports a clock.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::{Fault, Guest, export, scored, wasip2};

struct Component;

impl Guest for Component {
    fn evaluate(task: &Task) -> Result<String, Fault> {
        let now = wasip2::clocks::wall_clock::now();
        Ok(serde_json::to_string(&scored(task, now.seconds as f64)).unwrap())
    }
}

export!(Component);
