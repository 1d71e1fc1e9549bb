//! [`TaskIdentity`]: what a task's id is the digest of.

use fanout_contract::{Learning, Output, Params, Part, Permute, Score, Split, Task, TaskStep};
use serde::{Deserialize, Serialize};

use super::{Data, canonical};
use crate::digest::Digest;

/// All that decides the scores of the fits of a family, but for the nested
/// hyper-parameters in which they differ: the keys of the fits. The digest of its
/// text, canonical JSON, is the task's id. So a task is run, and its id checked, by
/// whoever has its text and the keys, and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskIdentity {
    /// The dataset and the splits.
    pub data: Data,
    /// The guest.
    pub guest: Digest,
    /// What the guest is to do.
    pub task: FamilyTask,
}

/// A [`Task`] without its candidates. Every hyper-parameter that they share has a
/// value; those of steps stand among those of the trainer, as `step__param`. Its
/// fields are those of [`Task`].
#[expect(missing_docs, reason = "they are documented there")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FamilyTask {
    /// Left out where it is false, so that ids of other fits do not know of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bagging: bool,
    pub contract: u32,
    pub learning: Learning,
    pub params: Params,
    /// Left out where it is none, so that ids of whole fits do not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    /// Left out where it is none, so that ids of fits do not know of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permute: Option<Permute>,
    pub positive: Option<String>,
    /// Sorted by name.
    pub scoring: Vec<Score>,
    pub split: Split,
    pub steps: Vec<TaskStep>,
    pub target: String,
    pub train_score: bool,
    pub trainer: String,
    pub weight: Option<String>,
}

impl TaskIdentity {
    /// Reads the text of an identity.
    ///
    /// # Errors
    /// If it is none, or one of another version.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The text of the identity of the same fits, in whose stead a model of these
    /// hyper-parameters scores the test rows with a feature permuted.
    pub(crate) fn permuting(mut self, permute: Permute) -> (String, Self) {
        self.task.train_score = false;
        self.task.permute = Some(permute);
        (canonical(&self), self)
    }

    /// The text of the identity of a part of the model of the same fits, which is not
    /// scored.
    pub(crate) fn of_part(mut self, part: Part) -> (String, Self) {
        self.task.part = Some(part);
        self.task.positive = None;
        self.task.scoring.clear();
        self.task.train_score = false;
        (canonical(&self), self)
    }

    /// The task of these candidates, by their keys. `outputs` are wanted beside scores,
    /// and decide none.
    pub fn into_task(self, candidates: Vec<Params>, outputs: Vec<Output>) -> Task {
        let task = self.task;
        Task {
            contract: task.contract,
            trainer: task.trainer,
            bagging: task.bagging,
            steps: task.steps,
            params: task.params,
            candidates,
            split: task.split,
            target: task.target,
            learning: task.learning,
            positive: task.positive,
            weight: task.weight,
            scoring: task.scoring,
            train_score: task.train_score,
            outputs,
            part: task.part,
            permute: task.permute,
        }
    }
}
