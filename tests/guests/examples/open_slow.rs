//! Keeps the contract, but takes a while to open a dataset, the same work
//! every time.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, export};

struct Component;

/// About a tenth of a second of one core.
const STEPS: u64 = 1 << 26;

impl Guest for Component {
    fn open() -> Result<(), Fault> {
        for step in 0..STEPS {
            std::hint::black_box(step);
        }
        Ok(())
    }
}

export!(Component);
