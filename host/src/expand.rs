//! [`Expansion`]: a checked plan's candidates, their families, and the tasks.
//! It does no I/O.
//!
//! A run may have a million candidates, so that no map or text is kept for each
//! of them: a candidate is a row of indices into the searched values, and the
//! document of a task is made on request.

mod candidates;
mod family;
mod ids;
mod sampler;
mod search;
#[cfg(test)]
mod tests;

use std::hash::{BuildHasher as _, RandomState};

use fanout_contract::{CONTRACT, Params, Scores, Split, Task, TrainerDescription};
use serde::{Deserialize, Serialize};

pub use candidates::Candidates;

use crate::digest::Digest;
use crate::plan::Plan;
use ids::TaskIds;

/// The candidates, splits and tasks of a run.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The candidates in the order of `cv_results_`: the searched
    /// hyper-parameters alone.
    pub candidates: Candidates,
    /// The splits, in order.
    pub splits: Vec<Split>,
    /// The names of the scores, in the plan's order.
    pub scoring: Vec<String>,
    /// The tasks, the costliest first by an estimate.
    pub tasks: Vec<TaskSpec>,
    ids: TaskIds,
    template: Task,
}

/// The guest and the data of all tasks of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The guest.
    pub guest: Digest,
    /// The dataset's Parquet file.
    pub dataset: Digest,
    /// The splits' Parquet file.
    pub splits: Digest,
}

/// One family, or a part of one, on one split.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSpec {
    /// The digest of all that the fits of its family share. The parts of a split
    /// family have one id.
    pub id: Digest,
    /// The index of the split.
    pub split: u32,
    /// The indices of the candidates, ascending.
    pub candidates: Vec<u32>,
}

impl Expansion {
    /// Expands a checked plan. Families are split until there are at least
    /// `workers` tasks or every fit is a task.
    ///
    /// A task's id depends only on what decides its scores: not on how the plan
    /// writes hyper-parameters, what else it searches, the order of tasks, or
    /// the number of workers.
    pub fn new(
        plan: &Plan,
        trainer: &TrainerDescription,
        data: &Data,
        splits: Vec<Split>,
        workers: usize,
    ) -> Self {
        let mut expansion = Self::without_tasks(plan, trainer, data, splits);
        let candidates = &expansion.candidates;
        let mut families = family::group(candidates, trainer, plan.families);
        family::split(&mut families, expansion.splits.len(), workers);
        family::sort_by_cost(&mut families, candidates, &plan.trainer.params, trainer);
        expansion.tasks = expansion.specs(families);
        expansion
    }

    /// The candidates and splits alone, for a worker that receives its tasks in
    /// messages.
    pub fn without_tasks(
        plan: &Plan,
        trainer: &TrainerDescription,
        data: &Data,
        splits: Vec<Split>,
    ) -> Self {
        let candidates = Candidates::of(&plan.search);
        let template = Task {
            contract: CONTRACT,
            trainer: plan.trainer.name.clone(),
            params: plan.trainer.params.clone(),
            candidates: Vec::new(),
            split: Split {
                column: String::new(),
                test: None,
                train: Default::default(),
            },
            target: plan.dataset.target.clone(),
            positive: plan.dataset.positive.clone(),
            scoring: plan.scoring.clone(),
            train_score: plan.return_train_score,
        };
        Self {
            ids: TaskIds::new(&candidates, trainer, plan.families, data, &template),
            candidates,
            splits,
            scoring: plan
                .scoring
                .iter()
                .map(|score| score.name.clone())
                .collect(),
            tasks: Vec::new(),
            template,
        }
    }

    /// The task of these candidates on a split; `None` if one of them or the split
    /// does not exist, or if the candidates are not of one family.
    pub fn spec(&self, split: u32, candidates: Vec<u32>) -> Option<TaskSpec> {
        let on = self.splits.get(split as usize)?;
        let count = self.candidates.len();
        if !candidates.iter().all(|&at| (at as usize) < count) {
            return None;
        }
        let (&first, rest) = candidates.split_first()?;
        let (mut text, on) = (String::new(), canonical(on));
        let mut id = |candidate| self.ids.id(&self.candidates, candidate, &on, &mut text);
        let task = id(first);
        rest.iter().all(|&other| id(other) == task).then_some(())?;
        Some(TaskSpec {
            id: task,
            split,
            candidates,
        })
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
        let mut params = self.template.params.clone();
        params.extend(self.candidates.get(index));
        params
    }

    /// The document of task `index`.
    pub fn task(&self, index: usize) -> Task {
        self.document(&self.tasks[index])
    }

    /// The document of a task.
    pub fn document(&self, spec: &TaskSpec) -> Task {
        let TaskSpec {
            split, candidates, ..
        } = spec;
        let (shared, own) = self.candidates.columns(candidates);
        let mut task = self.template.clone();
        task.params
            .extend(self.candidates.cells(candidates[0] as usize, &shared));
        let own = |&candidate: &u32| self.candidates.cells(candidate as usize, &own).collect();
        task.candidates = candidates.iter().map(own).collect();
        task.split = self.splits[*split as usize].clone();
        task
    }

    /// The document of a task outside the search: `candidate` alone, on `split`.
    pub fn single(&self, candidate: usize, split: &Split) -> Task {
        let mut task = self.template.clone();
        task.params = self.params(candidate);
        task.candidates = vec![Params::new()];
        task.split = split.clone();
        task
    }

    /// The id of the task that fits `candidate` on `split`.
    pub fn id(&self, candidate: usize, split: &Split) -> Digest {
        let mut text = String::new();
        let split = canonical(split);
        self.ids
            .id(&self.candidates, index(candidate), &split, &mut text)
    }

    /// The key of `candidate` among the fits of its task: its nested
    /// hyper-parameters, defaults included, as an object in canonical JSON.
    pub fn key(&self, candidate: usize) -> String {
        self.ids.key(&self.candidates, index(candidate))
    }

    /// The scores of a fit on its test rows, by metric in the plan's order.
    pub fn named(&self, scores: &Scores) -> Vec<(String, Option<f64>)> {
        let score = |name: &String| (name.clone(), scores.test.get(name).copied().flatten());
        self.scoring.iter().map(score).collect()
    }

    /// Reverses the order of the tasks and shuffles neighbours. Of two concurrent
    /// runs of the same tasks, one begins at each end; of more, those that begin
    /// at the same end still take them in different orders.
    pub fn reverse_with_jitter(&mut self) {
        // Seeded by the operating system.
        let random = RandomState::new();
        let distance = self.tasks.len() / 16 + 4;
        let tasks = std::mem::take(&mut self.tasks);
        let mut placed: Vec<(usize, TaskSpec)> = tasks
            .into_iter()
            .rev()
            .enumerate()
            .map(|(place, task)| (place + random.hash_one(place) as usize % distance, task))
            .collect();
        placed.sort_by_key(|(place, _)| *place);
        self.tasks = placed.into_iter().map(|(_, task)| task).collect();
    }

    /// The tasks of families on all splits. There may be a million tasks, so that
    /// splits are serialised once.
    fn specs(&self, families: Vec<Vec<u32>>) -> Vec<TaskSpec> {
        let splits: Vec<String> = self.splits.iter().map(canonical).collect();
        let mut specs = Vec::with_capacity(families.len() * splits.len());
        let mut text = String::new();
        for candidates in families {
            for (split, written) in splits.iter().enumerate() {
                let id = self
                    .ids
                    .id(&self.candidates, candidates[0], written, &mut text);
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

fn index(index: usize) -> u32 {
    u32::try_from(index).expect("indices fit in 32 bits")
}

/// Canonical JSON, as [`Digest::of_json`] digests it: the maps of
/// [`serde_json::Value`] are sorted.
fn canonical(part: &impl Serialize) -> String {
    let value = serde_json::to_value(part).expect("a document is JSON");
    value.to_string()
}
