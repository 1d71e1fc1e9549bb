//! [`Expansion`]: a checked plan's candidates, their families, and the tasks.
//! Pure: it does no I/O.
//!
//! (Written by the lead so that the run could be wired up: build on it, keep
//! its public API, and put the property tests below.)

mod candidates;

use std::collections::BTreeMap;

use fanout_contract::{CONTRACT, Params, Split, Task, TrainerDescription};
use serde::Serialize;
use serde_json::Value;

pub use candidates::Candidates;

use crate::digest::Digest;
use crate::plan::CheckedPlan;

/// What a run consists of.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The candidates in the order of `cv_results_`: the searched
    /// hyper-parameters alone.
    pub candidates: Candidates,
    /// The splits, in order.
    pub splits: Vec<Split>,
    /// The metrics, in the plan's order.
    pub scoring: Vec<String>,
    /// The tasks, those that look costliest first.
    pub tasks: Vec<TaskSpec>,
    data: Data,
    template: Task,
}

/// What every task of a run works with.
#[derive(Clone, Debug, Serialize)]
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
    /// The digest of all that decides its result.
    pub id: Digest,
    /// The index of the split.
    pub split: u32,
    /// The indices of the candidates, ascending.
    pub candidates: Vec<u32>,
}

impl Expansion {
    /// Expands a plan. Families are split until there are at least `workers`
    /// tasks, where there are enough fits.
    pub fn new(
        plan: &CheckedPlan,
        trainer: &TrainerDescription,
        data: Data,
        splits: Vec<Split>,
        workers: usize,
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
        let mut expansion = Self {
            candidates,
            splits,
            scoring: plan.scoring.clone(),
            tasks: Vec::new(),
            data,
            template,
        };
        let families = expansion.families(plan.families, trainer);
        let families = split_for(families, workers.div_ceil(expansion.splits.len().max(1)));
        expansion.add_tasks(families, trainer);
        expansion
    }

    /// The document of task `index`.
    pub fn task(&self, index: usize) -> Task {
        let spec = &self.tasks[index];
        self.document(&spec.candidates, &self.splits[spec.split as usize])
    }

    /// A task outside the search: one candidate with the searched
    /// hyper-parameters `params`, on `split`.
    pub fn single(&self, params: &Params, split: &Split) -> Task {
        let mut task = self.template.clone();
        task.params.extend(params.clone());
        task.candidates = vec![Params::new()];
        task.split = split.clone();
        task
    }

    /// The id of a task: the digest of the task and of the data it works
    /// with.
    pub fn id(&self, task: &Task) -> Digest {
        #[derive(Serialize)]
        struct Identity<'a> {
            data: &'a Data,
            task: &'a Task,
        }
        Digest::of_json(&Identity {
            data: &self.data,
            task,
        })
    }

    /// A task for some candidates: what they share goes to `params`, so that
    /// equal tasks have equal documents however their family came about.
    fn document(&self, candidates: &[u32], split: &Split) -> Task {
        let mut task = self.template.clone();
        let mut candidates: Vec<Params> = candidates
            .iter()
            .map(|&index| self.candidates.get(index as usize))
            .collect();
        let mut shared = candidates[0].clone();
        for candidate in &candidates[1..] {
            shared.retain(|name, value| candidate.get(name) == Some(value));
        }
        for candidate in &mut candidates {
            candidate.retain(|name, _| !shared.contains_key(name));
        }
        task.params.extend(shared);
        task.candidates = candidates;
        task.split = split.clone();
        task
    }

    /// Candidates that share a fit, each family ascending; the families in
    /// the order of their first candidates.
    fn families(&self, share: bool, trainer: &TrainerDescription) -> Vec<Vec<u32>> {
        let all = 0..u32::try_from(self.candidates.len()).expect("candidates fit in 32 bits");
        if !share {
            return all.map(|index| vec![index]).collect();
        }
        let nested = |name: &str| trainer.param(name).is_some_and(|param| param.nested);
        let mut families: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for index in all {
            let key = self.candidates.key(index as usize, |name| !nested(name));
            families.entry(key).or_default().push(index);
        }
        let mut families: Vec<_> = families.into_values().collect();
        families.sort_unstable_by_key(|family| family[0]);
        families
    }

    fn add_tasks(&mut self, families: Vec<Vec<u32>>, trainer: &TrainerDescription) {
        let mut tasks = Vec::with_capacity(families.len() * self.splits.len());
        for family in families {
            let cost = family
                .iter()
                .map(|&index| self.cost(index, trainer))
                .fold(0.0, f64::max);
            for (number, split) in self.splits.iter().enumerate() {
                let id = self.id(&self.document(&family, split));
                let split = u32::try_from(number).expect("splits fit in 32 bits");
                tasks.push((
                    cost,
                    TaskSpec {
                        id,
                        split,
                        candidates: family.clone(),
                    },
                ));
            }
        }
        // A long task that starts last keeps one worker busy and all others
        // idle. The sort is stable: equals stay in the candidates' order.
        tasks.sort_by(|(a, _), (b, _)| b.total_cmp(a));
        self.tasks = tasks.into_iter().map(|(_, task)| task).collect();
    }

    /// How costly a candidate looks: the product of its nested whole numbers
    /// (trees, depth). Thresholds (`min_…`) make fits cheaper, not dearer.
    fn cost(&self, index: u32, trainer: &TrainerDescription) -> f64 {
        /// What `null` (no bound) counts as.
        const UNBOUNDED: f64 = 64.0;
        let values = trainer.params.iter().filter(|param| param.nested);
        values
            .filter(|param| !param.name.starts_with("min_"))
            .map(|param| {
                let value = self
                    .candidates
                    .value(index as usize, &param.name)
                    .or_else(|| self.template.params.get(&param.name))
                    .unwrap_or(&param.default);
                match value {
                    Value::Null => UNBOUNDED,
                    value => value.as_f64().unwrap_or(1.0).max(1.0),
                }
            })
            .product()
    }
}

/// Halves the largest families until there are at least `least`, or none is
/// left to halve.
fn split_for(mut families: Vec<Vec<u32>>, least: usize) -> Vec<Vec<u32>> {
    while families.len() < least {
        let Some(largest) = families.iter_mut().max_by_key(|family| family.len()) else {
            break;
        };
        if largest.len() < 2 {
            break;
        }
        let rest = largest.split_off(largest.len() / 2);
        families.push(rest);
    }
    families
}
