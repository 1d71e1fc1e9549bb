//! [`described`]: what the interpreter offers, asked once an instance.

use std::sync::OnceLock;

use fanout_sdk::contract::{Param, StepDescription};
use fanout_sdk::{Params, TrainerDescription};
use serde::{Deserialize, Serialize};

use crate::interpreter::call;
use crate::message::Request;

/// The answer to `describe`.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Described {
    pub(crate) trainers: Vec<TrainerDescription>,
    pub(crate) steps: Vec<StepDescription>,
}

#[derive(Serialize)]
struct Head {
    op: &'static str,
}

/// The hyper-parameters that are not the default of those that are `known`: others are left
/// to the estimator, whose default need not be a value of JSON.
pub(crate) fn other_than_default(params: &Params, known: &[Param]) -> Params {
    let given = params.iter().filter(|(name, value)| {
        let mut known = known.iter();
        let param = known.find(|param| param.name == **name);
        param.is_none_or(|param| param.default != **value)
    });
    given
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// What the interpreter offers.
///
/// # Panics
/// If the interpreter can't say it.
pub(crate) fn described() -> &'static Described {
    static DESCRIBED: OnceLock<Described> = OnceLock::new();
    DESCRIBED.get_or_init(|| {
        // Outside of a component, there is no interpreter.
        if cfg!(not(target_family = "wasm")) {
            return Described::default();
        }
        let answer = call(Request::new(&Head { op: "describe" }, 0));
        let described = answer.and_then(|answer| answer.head());
        described.unwrap_or_else(|fault| panic!("{fault}"))
    })
}
