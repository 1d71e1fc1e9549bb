//! One component, and a trainer in it for every file beside this one.

#![cfg(target_family = "wasm")]

use hostile_guests::contract::Task;
use hostile_guests::door::Artifact;
use hostile_guests::{Fault, Guest, description, export};

macro_rules! trainers {
    ($($name:ident),+ $(,)?) => {
        $(mod $name;)+

        struct Hostile;

        impl Guest for Hostile {
            fn describe() -> String {
                description(&[$(stringify!($name)),+])
            }

            fn evaluate(task: &Task) -> Result<String, Fault> {
                match task.trainer.as_str() {
                    $(stringify!($name) => $name::evaluate(task),)+
                    other => Err(Fault::InvalidTask(format!("there is no trainer `{other}`"))),
                }
            }

            fn artifacts(task: &Task) -> Vec<Artifact> {
                match task.trainer.as_str() {
                    "artifact_huge" => artifact_huge::artifacts(),
                    "artifact_names" => artifact_names::artifacts(),
                    "artifact_unasked" => artifact_unasked::artifacts(),
                    "artifacts_many" => artifacts_many::artifacts(),
                    _ => Vec::new(),
                }
            }
        }
    };
}

trainers! {
    artifact_huge,
    artifact_names,
    artifact_unasked,
    artifacts_many,
    block_flush,
    block_poll,
    block_pollable,
    block_write,
    block_zeroes,
    call_out,
    empty_answer,
    escape_fault,
    exhaust_memory,
    extra_metric,
    fail,
    fail_some,
    grow_memory,
    honest,
    huge_answer,
    huge_fault,
    huge_scores,
    invalid_dataset,
    invalid_params,
    invalid_task,
    keep_state,
    long_fault,
    loop_forever,
    loop_some,
    malformed_json,
    many_resources,
    missing_metric,
    nan_scores,
    nested_json,
    not_utf8,
    null_scores,
    other_contract,
    overflow_stack,
    panic,
    too_few_scores,
    too_many_scores,
    trap,
    trap_some,
}

export!(Hostile);
