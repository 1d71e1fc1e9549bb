//! [`TaskIds`]: the ids of tasks and the keys of fits. An id is the digest of
//! the text of a [`TaskIdentity`](super::TaskIdentity): all that the fits of a
//! family share; a key identifies a fit within its family. Neither depends on the
//! search, so that another search finds every fit that it has in common.

use std::collections::BTreeSet;

use fanout_contract::{Param, Params, Task, TaskStep};
use serde_json::{Value, json};

use super::{Candidates, Data, Estimator, canonical};
use crate::digest::{Digest, Hasher};
use crate::plan::{ArmPlan, NONE, StepPlan};

/// Makes the ids and keys of one expansion.
#[derive(Clone, Debug)]
pub(super) struct TaskIds {
    /// The hyper-parameters that are part of the id, sorted.
    shared: Vec<IdParam>,
    /// The hyper-parameters that are part of the key, sorted.
    nested: Vec<IdParam>,
    /// The text of an identity up to the shared hyper-parameters.
    head: String,
    /// The digest of that.
    hashed: Hasher,
    /// The text between the hyper-parameters and the split.
    middle: String,
    steps: Vec<IdStep>,
    /// The text after the steps.
    tail: String,
}

/// A hyper-parameter, its values in canonical JSON. All hyper-parameters of the
/// trainer and of the chosen steps are part of ids and keys: to leave one to its
/// default is the same as to set it to that.
#[derive(Clone, Debug)]
struct IdParam {
    /// `"max_depth":`
    name: String,
    /// The column of the candidates; `None` if it is not searched.
    column: Option<usize>,
    /// The searched values, by cell.
    values: Vec<String>,
    /// The value for a candidate that does not set it.
    default: Option<String>,
    /// For a parameter of a step: whether the chosen step has it.
    of_step: Option<ByChoice<bool>>,
}

/// A step of the pipeline in canonical JSON; `None` where the choice is [`NONE`].
type IdStep = ByChoice<Option<String>>;

/// What depends on which of the steps to choose from a candidate has.
#[derive(Clone, Debug)]
struct ByChoice<T> {
    /// The column of the choice; `None` if there is none.
    column: Option<usize>,
    /// By cell of it.
    chosen: Vec<T>,
    /// For a candidate that does not choose.
    default: T,
}

impl<T> ByChoice<T> {
    fn new(step: &StepPlan, candidates: &Candidates, of: impl Fn(&str) -> T) -> Self {
        let column = candidates.column(step.name());
        let chosen = column.map_or(&[][..], |_| candidates.values(step.name()));
        Self {
            column,
            // A value that is no text is no choice: see `ArmSteps`.
            chosen: (chosen.iter())
                .map(|choice| of(choice.as_str().unwrap_or(&step.step[0])))
                .collect(),
            default: of(&step.step[0]),
        }
    }

    fn get(&self, row: &[u32]) -> &T {
        self.column
            .and_then(|column| self.chosen.get(row[column] as usize))
            .unwrap_or(&self.default)
    }
}

impl TaskIds {
    /// The ids and keys of an arm. `template` holds what all its tasks share; with
    /// `families`, nested hyper-parameters are part of the keys, else of the ids.
    ///
    /// The parameters of the chosen steps are hyper-parameters here, defaults
    /// included, whether they are searched or not.
    pub(super) fn new(
        candidates: &Candidates,
        arm: ArmPlan<'_>,
        estimator: &Estimator,
        families: bool,
        data: &Data,
        template: &Task,
    ) -> Self {
        let guest = &estimator.guest;
        let mut fixed = template.params.clone();
        let mut names: BTreeSet<String> = BTreeSet::new();
        for (step, offered) in arm.steps.iter().zip(&estimator.steps) {
            let name = step.name();
            let own = step.params.iter();
            fixed.extend(own.map(|(param, value)| (format!("{name}__{param}"), value.clone())));
            let params = offered.iter().flat_map(|offered| &offered.params);
            names.extend(params.map(|param| format!("{name}__{}", param.name)));
        }
        let own = estimator.trainer.params.iter();
        names.extend(own.map(|param| param.name.clone()));
        names.extend(arm.searched().names().cloned());
        names.extend(fixed.keys().cloned());
        // A choice among steps is part of the steps.
        names.retain(|name| arm.steps.iter().all(|step| step.name() != name));
        let (nested, shared) = names
            .iter()
            .map(|name| {
                let param = estimator.param(arm.steps, name);
                let nested = families && param.is_some_and(|param| param.nested);
                let of_step = of_step(name, arm.steps, estimator, candidates);
                let param = IdParam::new(name, param, candidates, &fixed, of_step);
                (nested, param)
            })
            .partition::<Vec<_>, _>(|(nested, _)| *nested);
        let params =
            |params: Vec<(bool, IdParam)>| params.into_iter().map(|(_, param)| param).collect();
        let steps = arm.steps.iter().map(|step| {
            ByChoice::new(step, candidates, |choice| {
                let task_step = TaskStep {
                    name: step.name().to_owned(),
                    step: choice.to_owned(),
                    columns: step.columns.clone(),
                    params: Params::new(),
                };
                (choice != NONE).then(|| canonical(&task_step))
            })
        });

        // The fields of a task, sorted by name: those before `params`, those between
        // it and `split`, and those after `steps`.
        let mut scoring = template.scoring.clone();
        scoring.sort_by(|a, b| a.name.cmp(&b.name));
        let contract = template.contract;
        let bagging = match template.bagging {
            true => r#""bagging":true,"#,
            false => "",
        };
        let head = format!(
            r#"{{"data":{},"guest":"{guest}","task":{{{bagging}"contract":{contract},"learning":{},"params":"#,
            canonical(data),
            canonical(&template.learning),
        );
        let mut hashed = Hasher::new();
        hashed.update(head.as_bytes());
        let inner = |fields: Value| {
            let fields = fields.to_string();
            fields[1..fields.len() - 1].to_owned()
        };
        let middle = inner(json!({"positive": template.positive, "scoring": scoring}));
        let tail = inner(json!({
            "target": template.target,
            "train_score": template.train_score,
            "trainer": template.trainer,
            "weight": template.weight,
        }));
        Self {
            shared: params(shared),
            nested: params(nested),
            head,
            hashed,
            middle: format!(r#",{middle},"split":"#),
            steps: steps.collect(),
            tail: format!("],{tail}}}}}"),
        }
    }

    /// The id of the task that fits `candidate` on `split`, which is canonical
    /// JSON. `text` is a buffer.
    pub(super) fn id(
        &self,
        candidates: &Candidates,
        candidate: u32,
        split: &str,
        text: &mut String,
    ) -> Digest {
        text.clear();
        self.write_rest(candidates.row(candidate as usize), split, text);
        let mut hasher = self.hashed.clone();
        hasher.update(text.as_bytes());
        hasher.finish()
    }

    /// What [`TaskIds::id`] is the digest of.
    pub(super) fn identity(&self, candidates: &Candidates, candidate: u32, split: &str) -> String {
        let mut text = self.head.clone();
        self.write_rest(candidates.row(candidate as usize), split, &mut text);
        text
    }

    /// Writes the identity of the task that fits a candidate, after the head.
    fn write_rest(&self, row: &[u32], split: &str, text: &mut String) {
        write_params(&self.shared, row, text);
        for part in [&self.middle, split, r#","steps":["#] {
            text.push_str(part);
        }
        let start = text.len();
        for step in self.steps.iter().filter_map(|step| step.get(row).as_ref()) {
            if text.len() > start {
                text.push(',');
            }
            text.push_str(step);
        }
        text.push_str(&self.tail);
    }

    /// The key of `candidate` within its family: an object in canonical JSON.
    pub(super) fn key(&self, candidates: &Candidates, candidate: u32) -> String {
        let mut text = String::new();
        write_params(&self.nested, candidates.row(candidate as usize), &mut text);
        text
    }
}

/// Whether the chosen step has the parameter that a hyper-parameter is; `None` for
/// one of the trainer.
fn of_step(
    name: &str,
    steps: &[StepPlan],
    estimator: &Estimator,
    candidates: &Candidates,
) -> Option<ByChoice<bool>> {
    let (step, param) = name.split_once("__")?;
    let at = steps.iter().position(|known| known.name() == step)?;
    let offered = estimator.steps.get(at)?;
    Some(ByChoice::new(&steps[at], candidates, |choice| {
        let chosen = offered.iter().find(|known| known.name == choice);
        chosen.is_some_and(|chosen| chosen.param(param).is_some())
    }))
}

fn write_params(params: &[IdParam], row: &[u32], text: &mut String) {
    text.push('{');
    let start = text.len();
    for param in params {
        if param.of_step.as_ref().is_some_and(|has| !has.get(row)) {
            continue;
        }
        let value = param
            .column
            .and_then(|column| param.values.get(row[column] as usize))
            .or(param.default.as_ref());
        let Some(value) = value else { continue };
        if text.len() > start {
            text.push(',');
        }
        text.push_str(&param.name);
        text.push_str(value);
    }
    text.push('}');
}

impl IdParam {
    fn new(
        name: &str,
        param: Option<&Param>,
        candidates: &Candidates,
        fixed: &Params,
        of_step: Option<ByChoice<bool>>,
    ) -> Self {
        let written = |value: &Value| match param {
            Some(param) => canonical(&param.canonical(value)),
            None => canonical(value),
        };
        Self {
            name: format!("{}:", canonical(&name)),
            column: candidates.column(name),
            values: candidates.values(name).iter().map(written).collect(),
            default: fixed
                .get(name)
                .or(param.map(|param| &param.default))
                .map(written),
            of_step,
        }
    }
}
