//! Never comes back from sharing a dataset.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

impl Guest for Component {
    fn share() -> Result<Vec<u8>, Fault> {
        loop {
            std::hint::black_box(());
        }
    }
}

export!(Component);
