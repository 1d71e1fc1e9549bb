//! Offers a parameter whose minimum is above its maximum.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::ParamKind;
use hostile_guests::{Guest, changed_description, export};

struct Component;

impl Guest for Component {
    fn describe() -> String {
        changed_description(|description| {
            description.trainers[0].params[0].kinds = vec![ParamKind::Int {
                min: Some(3),
                max: Some(2),
            }];
        })
    }
}

export!(Component);
