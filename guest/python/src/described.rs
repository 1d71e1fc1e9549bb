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
/// to the estimator, whose default need not be a value of JSON. Equal values are the same
/// bits, however a task was sent.
pub(crate) fn other_than_default(params: &Params, known: &[Param]) -> Params {
    let given = params.iter().filter_map(|(name, value)| {
        let param = known.iter().find(|param| param.name == *name);
        let value = match param {
            None => value.clone(),
            Some(param) => {
                let value = param.canonical(value);
                let differs = value != param.canonical(&param.default);
                differs.then_some(value)?
            }
        };
        Some((name.clone(), value))
    });
    given.collect()
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

#[cfg(test)]
mod tests {
    use fanout_sdk::contract::ParamKind;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn equal_values_are_sent_as_the_same_and_defaults_not_at_all() {
        let float = ParamKind::Float {
            min: None,
            max: None,
            above_min: false,
        };
        let int = ParamKind::Int {
            min: None,
            max: None,
        };
        let known = [
            Param::new("size", vec![float.clone()], json!(200), ""),
            Param::new("part", vec![float, int], json!(1), ""),
        ];
        let sent = |size, part| {
            let params = [("size", size), ("part", part), ("other", json!(7))];
            let params = params.map(|(name, value)| (name.to_owned(), value));
            Value::from_iter(other_than_default(&Params::from(params), &known))
        };
        for default in [json!(200), json!(200.0)] {
            assert_eq!(sent(default, json!(1)), json!({"other": 7}));
        }
        for size in [json!(3), json!(3.0)] {
            // One of the whole rows or features, and all of them.
            let sent = sent(size, json!(1.0));
            assert_eq!(sent.to_string(), r#"{"other":7,"part":1.0,"size":3.0}"#);
        }
    }
}
