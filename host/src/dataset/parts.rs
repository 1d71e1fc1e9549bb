//! [`SplitPart`]: the splits of a run that belong together, where they are not those of
//! `cv` alone.

use fanout_contract::Split;
use serde::{Deserialize, Serialize};

/// Splits of a run, one after the other, that are reduced together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitPart {
    /// How many splits.
    pub splits: u32,
    /// What they have in common.
    pub of: PartOf,
}

/// What the splits of a [`SplitPart`] have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PartOf {
    /// A size of a learning curve: so many training rows, or all of a split that has fewer.
    TrainSize(u32),
    /// The split of a nested cross-validation whose training rows they divide.
    Outer(Split),
    /// Those of `cv`, with the targets as they are, of a permutation test.
    Unshuffled,
    /// A permutation of the targets, from 0.
    Permutation(u32),
}
