//! Reading a [`Task`]: its contract version, and its hyper-parameters against
//! the trainer's description.

use serde::Deserialize;

use crate::contract::{CONTRACT, Task, TaskStep};
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

/// A candidate of a task: every hyper-parameter of the trainer, and the steps with
/// the parameters that the candidate gives them.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) params: Params,
    pub(crate) steps: Vec<TaskStep>,
}

/// The candidates of a task. The value of a hyper-parameter is that of the
/// candidate, else that of the task, else the default.
///
/// # Errors
/// If a hyper-parameter is unknown or its value is out of range.
pub(crate) fn candidates(
    trainer: &TrainerDescription,
    task: &Task,
) -> Result<Vec<Candidate>, Fault> {
    if task.bagging && task.steps.iter().any(|step| step.name == "bagging") {
        return Err(Fault::InvalidTask(
            "a step of a bagged trainer can't be called `bagging`".to_owned(),
        ));
    }
    let defaults = trainer.params.iter();
    let mut shared = Candidate {
        params: defaults
            .map(|param| (param.name.clone(), param.default.clone()))
            .collect(),
        steps: task.steps.clone(),
    };
    shared.set(trainer, &task.params)?;
    let merged = task.candidates.iter().map(|own| {
        let mut candidate = shared.clone();
        candidate.set(trainer, own)?;
        Ok(candidate)
    });
    merged.collect()
}

impl Candidate {
    /// Sets hyper-parameters, after checking those of the trainer.
    fn set(&mut self, trainer: &TrainerDescription, own: &Params) -> Result<(), Fault> {
        for (name, value) in own {
            if let Some((step, param)) = name.split_once("__")
                && let Some(step) = self.steps.iter_mut().find(|known| known.name == step)
            {
                step.params.insert(param.to_owned(), value.clone());
                continue;
            }
            let param = trainer.param(name).ok_or_else(|| {
                let names: Vec<&str> = trainer.params.iter().map(|p| p.name.as_str()).collect();
                Fault::InvalidParams(format!(
                    "trainer `{}` has no hyper-parameter `{name}`; its hyper-parameters are `{}`",
                    trainer.name,
                    names.join("`, `")
                ))
            })?;
            param.check(value).map_err(Fault::InvalidParams)?;
            self.params.insert(name.clone(), value.clone());
        }
        Ok(())
    }
}
