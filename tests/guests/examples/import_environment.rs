//! Imports the environment's variables.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::{Fault, Guest, export, scored, wasip2};

struct Component;

impl Guest for Component {
    fn evaluate(task: &Task) -> Result<String, Fault> {
        let variables = wasip2::cli::environment::get_environment();
        Ok(serde_json::to_string(&scored(task, variables.len() as f64)).unwrap())
    }
}

export!(Component);
