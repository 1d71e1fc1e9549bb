//! [`Expansion`]: a checked plan's candidates, their families, and the tasks.
//! It does no I/O.
//!
//! A run may have a million candidates, so that no map or text is kept for each
//! of them: a candidate is a row of indices into the searched values, and the
//! document of a task is made on request.

mod candidates;
mod cuts;
mod family;
mod groups;
mod identity;
mod ids;
mod members;
mod sampler;
mod search;
mod separate;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use fanout_contract::{
    CONTRACT, Cost, Learning, Output, Param, Params, Scores, Split, StepDescription, Task,
    TrainerDescription,
};
use serde::{Deserialize, Serialize};

pub use candidates::{Candidates, TRAINER};
pub use cuts::fit_seconds;
pub use groups::TaskGroup;
pub use identity::{FamilyTask, TaskIdentity};
pub use members::{MemberError, member};

use crate::dataset::SplitPart;
use crate::digest::Digest;
use crate::plan::{ArmPlan, Plan, StepPlan};
use cuts::ArmCost;
use ids::TaskIds;
use steps::ArmSteps;

/// The candidates, splits and tasks of a run.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The candidates of all arms in the order of `cv_results_`: the searched
    /// hyper-parameters alone, and the trainer where there are several arms.
    pub candidates: Candidates,
    /// The splits, in order.
    pub splits: Vec<Split>,
    /// Which splits belong together; empty where they are those of `cv`.
    pub parts: Vec<SplitPart>,
    /// The names of the scores, in the plan's order.
    pub scoring: Vec<String>,
    /// What is wanted of each fit beside its scores.
    outputs: Vec<Output>,
    /// The tasks: those of a group one after the other, and else the costliest of
    /// each arm first, by an estimate.
    pub tasks: Vec<TaskSpec>,
    /// The groups of the tasks, in order. There is one if no arm has steps.
    pub groups: Vec<TaskGroup>,
    /// The tasks of the baseline, one a split, where there is one. They name it as
    /// the candidate behind the last; it is none of the search's.
    pub baseline_tasks: Vec<TaskSpec>,
    arms: Vec<Arm>,
    /// By arm: what its fits take. None before [`Expansion::with_cuts`].
    costs: Vec<ArmCost>,
    /// By task of the search that is cut: the ends of its parts.
    cut_tasks: BTreeMap<usize, Vec<u32>>,
    /// By candidate, seconds of a fit, once the search has measured them.
    seconds: Vec<f64>,
    /// The baseline as a search of one candidate, without tasks.
    baseline: Option<Box<Self>>,
}

/// What the tasks of a run are made from, beside its plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inputs {
    /// By arm of the plan: the estimator.
    pub arms: Vec<Estimator>,
    /// The estimator with whose scores those of the candidates are compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Estimator>,
    /// The kind of the target.
    pub learning: Learning,
    /// The dataset and the splits.
    pub data: Data,
    /// The splits of the search, in order.
    pub splits: Vec<Split>,
    /// Which of them belong together; empty where they are those of `cv`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<SplitPart>,
}

impl Inputs {
    /// Whether what one instance prepared serves all tasks: there is one trainer, and
    /// no steps, which need the table.
    pub fn share_prepared(&self) -> bool {
        matches!(self.arms.as_slice(), [arm] if arm.steps.is_empty())
    }

    /// The guests of all arms, each once.
    pub fn guests(&self) -> Vec<Digest> {
        let mut guests = Vec::new();
        for estimator in &self.arms {
            if !guests.contains(&estimator.guest) {
                guests.push(estimator.guest);
            }
        }
        guests
    }
}

/// A trainer, and the guest that offers it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Estimator {
    /// What the guest says of the trainer.
    pub trainer: TrainerDescription,
    /// By step of the arm: what the guest says of those to choose from.
    #[serde(default)]
    pub steps: Vec<Vec<StepDescription>>,
    /// The guest.
    pub guest: Digest,
}

impl Estimator {
    /// The hyper-parameter `key` of the trainer, or of one of `steps`, those of the
    /// arm.
    pub(crate) fn param(&self, steps: &[StepPlan], key: &str) -> Option<&Param> {
        self.trainer.param(key).or_else(|| {
            let (name, param) = key.split_once("__")?;
            let step = steps.iter().position(|step| step.name() == name)?;
            let mut offered = self.steps.get(step)?.iter();
            offered.find_map(|offered| offered.param(param))
        })
    }
}

/// The data of all tasks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The dataset's Parquet file.
    pub dataset: Digest,
    /// The splits' Parquet file.
    pub splits: Digest,
}

/// One trainer with its search.
#[derive(Clone, Debug)]
struct Arm {
    guest: Digest,
    /// Its candidates among those of the run.
    candidates: Range<u32>,
    ids: TaskIds,
    /// Its steps are the first of each choice.
    template: Task,
    steps: ArmSteps,
}

/// One family, or a part of one, on one split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// The digest of all that the fits of its family share. The parts of a split
    /// family have one id.
    pub id: Digest,
    /// The index of the split.
    pub split: u32,
    /// The indices of the candidates, ascending; all of one arm.
    pub candidates: Vec<u32>,
}

impl Expansion {
    /// Expands a checked plan. Families are split until there are at least
    /// `workers` tasks or every fit is a task; where each value takes a fit of its
    /// own, the last ones are divided so that all `workers` are busy to the end.
    ///
    /// A task's id depends only on what decides its scores: not on how the plan
    /// writes hyper-parameters, what else it searches, the order of tasks, or
    /// the number of workers.
    pub fn new(plan: &Plan, inputs: &Inputs, workers: usize) -> Self {
        let mut expansion = Self::without_tasks(plan, inputs);
        let candidates = &expansion.candidates;
        let (mut families, mut separate) = (Vec::new(), Vec::new());
        for ((arm, planned), estimator) in expansion.arms.iter().zip(plan.arms()).zip(&inputs.arms)
        {
            let trainer = &estimator.trainer;
            let range = arm.candidates.clone();
            let param = |name: &str| estimator.param(planned.steps, name);
            let nested = |name: &str| param(name).is_some_and(|param| param.nested);
            let mut own = family::group(candidates, range, nested, plan.families);
            family::sort_by_cost(&mut own, candidates, &planned.trainer.params, trainer);
            families.append(&mut own);
            let names = candidates.names().iter().enumerate();
            let is_separate = |name: &str| {
                let param = param(name);
                plan.families && param.is_some_and(|param| param.nested && param.separate)
            };
            let names = names.filter(|(_, name)| is_separate(name));
            separate.push(names.map(|(column, _)| column).collect::<Vec<_>>());
        }
        let arm = |family: &[u32]| candidates.arm(family[0] as usize);
        let is_whole = |family: &[u32]| !separate[arm(family)].is_empty();
        family::split(&mut families, is_whole, expansion.splits.len(), workers);
        let mut tasks = Vec::new();
        for families in families.chunk_by(|a, b| arm(a) == arm(b)) {
            let mut own = expansion.specs(families);
            let separate = &separate[arm(&families[0])];
            separate::divide_last(&mut own, separate, candidates, workers);
            tasks.append(&mut own);
        }
        expansion.tasks = tasks;
        groups::arrange(&mut expansion, plan.arms(), |arm, name| {
            let steps = plan.arms().nth(arm).map_or(&[][..], |arm| arm.steps);
            let param = inputs.arms[arm].param(steps, name);
            param.is_some_and(|param| param.nested)
        });
        if expansion.baseline.is_some() {
            let baseline = index(expansion.candidates.len());
            expansion.baseline_tasks = expansion.specs(&[vec![baseline]]);
        }
        expansion
    }

    /// The expansion in which `candidate` is one of a search, and its index there:
    /// this one, or the baseline's.
    fn place(&self, candidate: u32) -> (&Self, u32) {
        match &self.baseline {
            Some(baseline) if candidate as usize == self.candidates.len() => (baseline.as_ref(), 0),
            _ => (self, candidate),
        }
    }

    /// What is wanted of the fits of a candidate beside their scores.
    pub fn outputs(&self, candidate: u32) -> &[Output] {
        &self.place(candidate).0.outputs
    }

    /// The name of the baseline's trainer, where there is one.
    pub fn baseline_trainer(&self) -> Option<&str> {
        let arm = self.baseline.as_ref()?.arms.first()?;
        Some(&arm.template.trainer)
    }

    /// The candidates and splits alone.
    fn without_tasks(plan: &Plan, inputs: &Inputs) -> Self {
        let baseline = inputs.baseline.as_ref().map(|estimator| {
            let inputs = Inputs {
                arms: vec![estimator.clone()],
                baseline: None,
                ..inputs.clone()
            };
            let plan = plan.of_trainer(&estimator.trainer.name);
            Box::new(Self::without_tasks(&plan, &inputs))
        });
        let candidates = Candidates::of_arms(plan.arms());
        let arms = plan.arms().zip(&inputs.arms).enumerate();
        let arms = arms.map(|(index, (planned, estimator))| {
            let template = template(plan, planned, inputs.learning);
            Arm {
                guest: estimator.guest,
                candidates: candidates.range(index),
                ids: TaskIds::new(
                    &candidates,
                    planned,
                    estimator,
                    plan.families,
                    &inputs.data,
                    &template,
                ),
                template,
                steps: ArmSteps::new(planned.steps, estimator),
            }
        });
        Self {
            arms: arms.collect(),
            costs: Vec::new(),
            cut_tasks: BTreeMap::new(),
            seconds: Vec::new(),
            candidates,
            splits: inputs.splits.clone(),
            parts: inputs.parts.clone(),
            scoring: plan
                .scoring
                .iter()
                .map(|score| score.name.clone())
                .collect(),
            outputs: outputs(plan),
            tasks: Vec::new(),
            groups: Vec::new(),
            baseline_tasks: Vec::new(),
            baseline,
        }
    }

    fn arm(&self, candidate: u32) -> &Arm {
        let (of, candidate) = self.place(candidate);
        &of.arms[of.candidates.arm(candidate as usize)]
    }

    /// The guest of candidate `index`.
    pub fn guest(&self, index: usize) -> Digest {
        self.arm(self::index(index)).guest
    }

    /// The trainer of candidate `index`.
    pub fn trainer(&self, index: usize) -> &str {
        &self.arm(self::index(index)).template.trainer
    }

    /// The number of fits: candidates × splits.
    pub fn fits(&self) -> usize {
        self.candidates.len() * self.splits.len()
    }

    /// The number of fits that task `index` serves.
    pub fn fits_served(&self, index: usize) -> usize {
        self.tasks[index].candidates.len()
    }

    /// All hyper-parameters that the plan sets for candidate `index`, fixed and
    /// searched.
    pub fn params(&self, index: usize) -> Params {
        let (of, candidate) = self.place(self::index(index));
        let mut params = of.arm(candidate).template.params.clone();
        params.extend(of.candidates.searched(candidate as usize));
        params
    }

    /// Task `index` of the search and, behind those, of the baseline.
    pub fn any_task(&self, index: usize) -> &TaskSpec {
        let behind = || &self.baseline_tasks[index - self.tasks.len()];
        self.tasks.get(index).unwrap_or_else(behind)
    }

    /// What hyper-parameters make of the time of task `index`, as a multiple of that
    /// of a fit with the defaults of `trainer`, its own: that of its costliest
    /// candidate.
    pub fn relative_cost(&self, index: usize, trainer: &TrainerDescription) -> f64 {
        let candidates = self.any_task(index).candidates.iter();
        let costs = candidates.map(|&candidate| self.weight(candidate as usize, trainer));
        costs.fold(0.0, f64::max)
    }

    /// The same of the fit of one candidate.
    fn weight(&self, candidate: usize, trainer: &TrainerDescription) -> f64 {
        let params = self.params(candidate);
        let costly = trainer.params.iter();
        let factors = costly
            .filter(|param| param.cost != Cost::None)
            .map(|param| {
                let value = params.get(&param.name).unwrap_or(&param.default);
                family::weight(param.cost, value) / family::weight(param.cost, &param.default)
            });
        factors.product()
    }

    /// The ends of the parts in which the fit of task `index` is made; none if it is
    /// made whole.
    pub fn cuts_of_task(&self, index: usize) -> &[u32] {
        self.cut_tasks.get(&index).map_or(&[], Vec::as_slice)
    }

    /// The document of task `index`, the baseline's included.
    pub fn task(&self, index: usize) -> Task {
        self.document(self.any_task(index))
    }

    /// The document of a task.
    pub fn document(&self, spec: &TaskSpec) -> Task {
        let TaskSpec {
            split, candidates, ..
        } = spec;
        if candidates[0] as usize == self.candidates.len() {
            return self.single(self.candidates.len(), &self.splits[*split as usize]);
        }
        let (shared, own) = self.candidates.columns(candidates);
        let mut task = self.arm(candidates[0]).template.clone();
        task.params
            .extend(self.candidates.cells(candidates[0] as usize, &shared));
        let own = |&candidate: &u32| self.candidates.cells(candidate as usize, &own).collect();
        task.candidates = candidates.iter().map(own).collect();
        task.split = self.splits[*split as usize].clone();
        self.arm(candidates[0]).steps.resolve(&mut task);
        task
    }

    /// The document of a task outside the search: `candidate` alone, on `split`.
    pub fn single(&self, candidate: usize, split: &Split) -> Task {
        let arm = self.arm(index(candidate));
        let mut task = arm.template.clone();
        task.params = self.params(candidate);
        task.candidates = vec![Params::new()];
        task.split = split.clone();
        arm.steps.resolve(&mut task);
        task
    }

    /// The id of the task that fits `candidate` on `split`.
    pub fn id(&self, candidate: usize, split: &Split) -> Digest {
        self.written_id(index(candidate), &canonical(split), &mut String::new())
    }

    /// The same for a split in canonical JSON. `text` is a buffer.
    fn written_id(&self, candidate: u32, split: &str, text: &mut String) -> Digest {
        let (of, candidate) = self.place(candidate);
        let ids = &of.arm(candidate).ids;
        ids.id(&of.candidates, candidate, split, text)
    }

    /// What that id is the digest of: the text of a [`TaskIdentity`].
    pub fn identity(&self, candidate: usize, split: &Split) -> String {
        let (of, candidate) = self.place(index(candidate));
        let ids = &of.arm(candidate).ids;
        ids.identity(&of.candidates, candidate, &canonical(split))
    }

    /// The key of `candidate` among the fits of its task: its nested
    /// hyper-parameters, defaults included, as an object in canonical JSON.
    pub fn key(&self, candidate: usize) -> String {
        let (of, candidate) = self.place(index(candidate));
        of.arm(candidate).ids.key(&of.candidates, candidate)
    }

    /// The scores of a fit on its test rows, by metric in the plan's order.
    pub fn named(&self, scores: &Scores) -> Vec<(String, Option<f64>)> {
        let score = |name: &String| (name.clone(), scores.test.get(name).copied().flatten());
        self.scoring.iter().map(score).collect()
    }

    /// Reverses the order of the tasks and shuffles neighbours. Of two concurrent
    /// runs of the same tasks, one begins at each end; of more, those that begin
    /// at the same end still take them in different orders. Groups stay together.
    pub fn reverse_with_jitter(&mut self) {
        groups::reverse_with_jitter(self);
    }

    /// The tasks of families on all splits. There may be a million tasks, so that
    /// splits are serialised once.
    fn specs(&self, families: &[Vec<u32>]) -> Vec<TaskSpec> {
        let splits: Vec<String> = self.splits.iter().map(canonical).collect();
        let mut specs = Vec::with_capacity(families.len() * splits.len());
        let mut text = String::new();
        for candidates in families {
            for (split, written) in splits.iter().enumerate() {
                let id = self.written_id(candidates[0], written, &mut text);
                specs.push(TaskSpec {
                    id,
                    split: index(split),
                    candidates: candidates.clone(),
                });
            }
        }
        specs
    }
}

/// The task of an arm without its candidates and its split.
fn template(plan: &Plan, arm: ArmPlan<'_>, learning: Learning) -> Task {
    Task {
        contract: CONTRACT,
        trainer: arm.trainer.name.clone(),
        bagging: arm.trainer.bagging,
        params: arm.trainer.params.clone(),
        candidates: Vec::new(),
        split: Split {
            column: String::new(),
            test: None,
            train: Default::default(),
            shuffle: None,
        },
        target: plan.dataset.target.clone(),
        learning,
        positive: plan.dataset.positive.clone(),
        weight: plan.dataset.weight.clone(),
        scoring: plan.scoring.clone(),
        train_score: plan.return_train_score,
        outputs: outputs(plan),
        part: None,
        permute: None,
        steps: steps::of_plan(arm.steps),
    }
}

fn outputs(plan: &Plan) -> Vec<Output> {
    let wanted = plan.predictions.then_some(Output::Predictions);
    wanted.into_iter().collect()
}

fn index(index: usize) -> u32 {
    u32::try_from(index).expect("indices fit in 32 bits")
}

/// Canonical JSON, as [`Digest::of_json`] digests it: the maps of
/// [`serde_json::Value`] are sorted.
fn canonical(part: &impl Serialize) -> String {
    let value = serde_json::to_value(part).expect("a document is JSON");
    value.to_string()
}
