//! Keeps the contract, but tells where its dataset came from: every score is
//! 1 where it was adopted, else 0.

#![cfg(target_family = "wasm")]

use std::sync::atomic::{AtomicBool, Ordering};

use hostile_guests::{Fault, Guest, contract::Task, export, scored};

struct Component;

static ADOPTED: AtomicBool = AtomicBool::new(false);

impl Guest for Component {
    fn share() -> Result<Vec<u8>, Fault> {
        Ok(b"a dataset".to_vec())
    }

    fn adopt(shared: Vec<u8>) -> Result<(), Fault> {
        ADOPTED.store(shared == b"a dataset", Ordering::Relaxed);
        Ok(())
    }

    fn evaluate(task: &Task) -> Result<String, Fault> {
        let score = f64::from(u8::from(ADOPTED.load(Ordering::Relaxed)));
        Ok(serde_json::to_string(&scored(task, score)).unwrap())
    }
}

export!(Component);
