//! [`ArmSteps`]: the steps of an arm's tasks, from the choices and the parameters
//! of a candidate.

use fanout_contract::{Params, StepDescription, Task, TaskStep};
use serde_json::Value;

use super::Estimator;
use crate::plan::{NONE, StepPlan};

/// What resolves the steps of an arm's tasks.
#[derive(Clone, Debug)]
pub(super) struct ArmSteps {
    /// By step: its name, and what the guest says of those to choose from.
    steps: Vec<(String, Vec<StepDescription>)>,
}

/// The steps of a plan, the first of each choice.
pub(super) fn of_plan(steps: &[StepPlan]) -> Vec<TaskStep> {
    let first = steps.iter().map(|step| TaskStep {
        name: step.name().to_owned(),
        step: step.step[0].clone(),
        columns: step.columns.clone(),
        params: step.params.clone(),
    });
    first.collect()
}

impl ArmSteps {
    pub(super) fn new(steps: &[StepPlan], estimator: &Estimator) -> Self {
        let names = steps.iter().map(|step| step.name().to_owned());
        Self {
            steps: names.zip(estimator.steps.iter().cloned()).collect(),
        }
    }

    /// Takes the choices among steps out of the hyper-parameters that all candidates
    /// share, leaves out steps that are [`NONE`], and parameters that the chosen step
    /// does not have.
    pub(super) fn resolve(&self, task: &mut Task) {
        for (step, (name, offered)) in task.steps.iter_mut().zip(&self.steps) {
            if let Some(Value::String(choice)) = task.params.remove(name) {
                step.step = choice;
            }
            let chosen = offered.iter().find(|known| known.name == step.step);
            let has = |param: &str| chosen.is_some_and(|chosen| chosen.param(param).is_some());
            step.params.retain(|param, _| has(param));
            let retain = |params: &mut Params| {
                params.retain(|key, _| match key.split_once("__") {
                    Some((of, param)) if of == name => has(param),
                    _ => true,
                });
            };
            retain(&mut task.params);
            task.candidates.iter_mut().for_each(retain);
        }
        task.steps.retain(|step| step.step != NONE);
    }
}
