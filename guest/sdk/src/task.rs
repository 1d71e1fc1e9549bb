//! Reading a [`Task`]: its contract version, and its hyper-parameters against
//! the trainer's description.

use serde::Deserialize;

use crate::contract::{CONTRACT, Task};
use crate::{Fault, Params, TrainerDescription};

/// The field that tasks of every version of the contract have.
#[derive(Deserialize)]
struct TaskVersion {
    contract: u32,
}

/// Reads a task (JSON).
///
/// # Errors
/// If it is not a task of this version of the contract, or has no candidate.
pub(crate) fn read(json: &str) -> Result<Task, Fault> {
    let task: Task = serde_json::from_str(json).map_err(|error| {
        match serde_json::from_str::<TaskVersion>(json) {
            Ok(version) if version.contract != CONTRACT => other_contract("task", version.contract),
            _ => Fault::InvalidTask(format!("the task can't be read: {error}")),
        }
    })?;
    if task.contract != CONTRACT {
        return Err(other_contract("task", task.contract));
    }
    if task.candidates.is_empty() {
        return Err(Fault::InvalidTask("the task has no candidate".to_owned()));
    }
    Ok(task)
}

/// The fault of a document of another version of the contract.
pub(crate) fn other_contract(what: &str, contract: u32) -> Fault {
    Fault::InvalidTask(format!(
        "the {what} is of contract {contract}, but this guest implements contract {CONTRACT}"
    ))
}

/// The candidates of a task, each with all hyper-parameters: its own value, else
/// that of the task, else the default.
///
/// # Errors
/// If a hyper-parameter is unknown or its value is out of range.
pub(crate) fn candidates(trainer: &TrainerDescription, task: &Task) -> Result<Vec<Params>, Fault> {
    let mut shared: Params = trainer
        .params
        .iter()
        .map(|param| (param.name.clone(), param.default.clone()))
        .collect();
    set(trainer, &mut shared, &task.params)?;
    let merged = task.candidates.iter().map(|own| {
        let mut candidate = shared.clone();
        set(trainer, &mut candidate, own)?;
        Ok(candidate)
    });
    merged.collect()
}

/// Sets hyper-parameters, after checking them.
fn set(trainer: &TrainerDescription, params: &mut Params, own: &Params) -> Result<(), Fault> {
    for (name, value) in own {
        let param = trainer.param(name).ok_or_else(|| {
            let names: Vec<&str> = trainer.params.iter().map(|p| p.name.as_str()).collect();
            Fault::InvalidParams(format!(
                "trainer `{}` has no hyper-parameter `{name}`; its hyper-parameters are `{}`",
                trainer.name,
                names.join("`, `")
            ))
        })?;
        param.check(value).map_err(Fault::InvalidParams)?;
        params.insert(name.clone(), value.clone());
    }
    Ok(())
}
