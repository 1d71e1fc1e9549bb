//! Imports the file system.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::{Fault, Guest, export, scored, wasip2};

struct Component;

impl Guest for Component {
    fn evaluate(task: &Task) -> Result<String, Fault> {
        let folders = wasip2::filesystem::preopens::get_directories();
        Ok(serde_json::to_string(&scored(task, folders.len() as f64)).unwrap())
    }
}

export!(Component);
