//! [`Expansion`]: a checked plan's candidates, their families, and the tasks.
//! Pure: it does no I/O, and knows no pool and no store.
//!
//! A run may have a million candidates, so nothing here holds a map or a text
//! a candidate: a candidate is a row of indices into the values that are
//! tried, and a task's document is made when it is asked for.

mod candidates;
mod family;
mod sample;
#[cfg(test)]
mod tests;

use fanout_contract::{CONTRACT, Params, Split, Task, TrainerDescription};
use serde::Serialize;
use serde_json::Value;

pub use candidates::Candidates;

use crate::digest::{Digest, Hasher};
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
    ///
    /// A task's id depends on nothing but what decides its result: not on the
    /// order in which the plan names hyper-parameters, nor on that in which
    /// tasks are to start. The number of workers may decide which tasks there
    /// are; it decides no score.
    pub fn new(
        plan: &CheckedPlan,
        trainer: &TrainerDescription,
        data: Data,
        splits: Vec<Split>,
        workers: usize,
    ) -> Self {
        let candidates = Candidates::of(&plan.search);
        let mut families = family::group(&candidates, trainer, plan.families);
        family::split(&mut families, splits.len(), workers);
        family::rank(&mut families, &candidates, &plan.trainer.params, trainer);
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
        expansion.tasks = expansion.specs(families);
        expansion
    }

    /// How many fits there are: candidates × splits.
    pub fn fits(&self) -> usize {
        self.candidates.len() * self.splits.len()
    }

    /// How many of the fits task `index` serves.
    pub fn fits_served(&self, index: usize) -> usize {
        self.tasks[index].candidates.len()
    }

    /// All hyper-parameters that the plan gives candidate `index`: the fixed
    /// and the searched.
    pub fn params(&self, index: usize) -> Params {
        let mut params = self.template.params.clone();
        params.extend(self.candidates.get(index));
        params
    }

    /// The document of task `index`.
    pub fn task(&self, index: usize) -> Task {
        let TaskSpec {
            split, candidates, ..
        } = &self.tasks[index];
        let (shared, own) = self.candidates.columns(candidates);
        let mut task = self.template.clone();
        task.params
            .extend(self.candidates.cells(candidates[0] as usize, &shared));
        let own = |&candidate: &u32| self.candidates.cells(candidate as usize, &own).collect();
        task.candidates = candidates.iter().map(own).collect();
        task.split = self.splits[*split as usize].clone();
        task
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

    /// The tasks of the families. Their ids are those of [`Expansion::id`],
    /// digested from a text that is written in the canonical form at once:
    /// there may be a million, and most of each is the same for all.
    fn specs(&self, families: Vec<Vec<u32>>) -> Vec<TaskSpec> {
        let data = canonical(&self.data);
        let values = self.candidates.written();
        let fixed = self.template.params.iter();
        let fixed: Vec<_> = fixed
            .map(|(name, value)| (name.as_str(), canonical(value)))
            .collect();
        // Behind the fields that families differ in, in the keys' order, come
        // those that all tasks share; the split stands among them.
        let Value::Object(mut after) = document(&self.template) else {
            unreachable!("a task is an object")
        };
        let contract = after.remove("contract").unwrap_or_default();
        after.retain(|key, _| !matches!(key.as_str(), "candidates" | "params"));
        let after: Vec<String> = self
            .splits
            .iter()
            .map(|split| {
                after.insert("split".to_owned(), document(split));
                let fields = Value::from(after.clone()).to_string();
                // The two braces close the task and the identity.
                format!(",{}}}", &fields[1..])
            })
            .collect();

        let mut specs = Vec::with_capacity(families.len() * self.splits.len());
        let mut text = String::new();
        for candidates in families {
            let (shared, own) = self.candidates.columns(&candidates);
            text.clear();
            text.push_str(r#"{"data":"#);
            text.push_str(&data);
            text.push_str(r#","task":{"candidates":["#);
            for (index, &candidate) in candidates.iter().enumerate() {
                if index > 0 {
                    text.push(',');
                }
                self.candidates
                    .write(candidate as usize, &own, &values, &[], &mut text);
            }
            text.push_str(&format!(r#"],"contract":{contract},"params":"#));
            let first = candidates[0] as usize;
            self.candidates
                .write(first, &shared, &values, &fixed, &mut text);
            let mut head = Hasher::new();
            head.update(text.as_bytes());
            for (split, after) in after.iter().enumerate() {
                let mut hasher = head.clone();
                hasher.update(after.as_bytes());
                let split = u32::try_from(split).expect("splits fit in 32 bits");
                specs.push(TaskSpec {
                    id: hasher.finish(),
                    split,
                    candidates: candidates.clone(),
                });
            }
        }
        specs
    }
}

/// A part of a document.
fn document(part: &impl Serialize) -> Value {
    serde_json::to_value(part).expect("a document is JSON")
}

/// A part of a document in the form of [`Digest::of_json`]: a
/// [`serde_json::Value`] keeps its maps sorted.
fn canonical(part: &impl Serialize) -> String {
    document(part).to_string()
}
