//! Keeps the contract with values of 160 MiB: what it shares, its model and
//! its predictions.

#![cfg(target_family = "wasm")]

use hostile_guests::{Fault, Guest, contract::Task, export};

struct Component;

const BYTES: usize = 160 << 20;

impl Guest for Component {
    fn share() -> Result<Vec<u8>, Fault> {
        Ok(vec![b's'; BYTES])
    }

    fn adopt(shared: Vec<u8>) -> Result<(), Fault> {
        if shared.len() == BYTES && shared.iter().all(|byte| *byte == b's') {
            Ok(())
        } else {
            Err(Fault::InvalidDataset(format!("{} bytes", shared.len())))
        }
    }

    fn model(_: &Task) -> Vec<u8> {
        vec![b'm'; BYTES]
    }

    fn predict(model: &[u8]) -> Result<Vec<u8>, Fault> {
        Ok(vec![b'p'; model.len()])
    }
}

export!(Component);
