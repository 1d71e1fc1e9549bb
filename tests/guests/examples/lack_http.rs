//! Has the trainer's door alone.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export_trainer};

struct Component;

impl Guest for Component {}

export_trainer!(Component with_types_in hostile_guests::bindings);
