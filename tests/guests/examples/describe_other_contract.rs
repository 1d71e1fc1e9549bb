//! Keeps a contract that is not known yet.

#![cfg(target_family = "wasm")]

use hostile_guests::{Guest, description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        description(&["honest"]).replacen(r#""contract":2"#, r#""contract":99"#, 1)
    }
}

export!(Component);
