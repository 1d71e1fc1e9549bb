//! The hyper-parameters that classifier and regressor have.

use fanout_sdk::contract::MemoryUse;
use fanout_sdk::{Param, ParamKind, Params};
use serde_json::json;

use super::solver::Limits;
use crate::describe::{Values, any_number, at_least, choice, count, inverse_penalty, positive};

/// What a fit holds: the kernel's rows that the cache keeps.
pub(super) fn kernel_rows() -> MemoryUse {
    MemoryUse {
        row_pair: 8,
        row_pairs: 200_000_000,
        ..MemoryUse::default()
    }
}

/// The parameters that both estimators have.
pub(super) fn shared_params() -> Vec<Param> {
    vec![
        inverse_penalty(),
        Param::new(
            "kernel",
            vec![choice(&["rbf", "poly", "linear", "sigmoid"])],
            json!("rbf"),
            "The kernel.",
        ),
        Param::new(
            "degree",
            vec![count(0)],
            json!(3),
            "The degree of the kernel `poly`.",
        ),
        Param::new(
            "gamma",
            vec![choice(&["scale", "auto"]), at_least(0.0)],
            json!("scale"),
            "The factor of the kernel; `scale`: 1 / (columns × variance of all values), `auto`: \
             1 / columns.",
        ),
        Param::new(
            "coef0",
            vec![any_number()],
            json!(0.0),
            "The constant of the kernels `poly` and `sigmoid`.",
        ),
        Param::new(
            "tol",
            vec![positive()],
            json!(1e-3),
            "The violation of the optimum's conditions to stop at.",
        ),
        Param::new(
            "cache_size",
            vec![positive()],
            json!(200),
            "The size of the cache of the kernel's rows in megabytes.",
        ),
        Param::new(
            "max_iter",
            vec![ParamKind::Null, count(-1)],
            json!(-1),
            "The greatest number of steps; -1 or null: no limit.",
        ),
    ]
}

/// What the solver takes of the parameters.
pub(super) fn limits(params: &Params) -> Limits {
    Limits {
        tol: params.number("tol"),
        // -1 is no limit, as null.
        steps: params["max_iter"]
            .as_u64()
            .map_or(usize::MAX, |steps| steps as usize),
        cache: (params.number("cache_size") * 1e6) as usize,
    }
}
