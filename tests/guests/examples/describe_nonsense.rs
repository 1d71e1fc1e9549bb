//! Says of itself what is no description.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        r#"{"contract": 1, "guest": "hostile", "trainers": "all"}"#.to_owned()
    }
}

export!(Component);
