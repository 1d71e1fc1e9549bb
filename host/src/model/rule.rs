//! [`Rule`]: what becomes of the predictions of the members of a composite model.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::{ModelHead, Votes};

/// What becomes of the predictions of the members of a composite model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Each member predicts a target of its own; the predictions of all stand side by
    /// side.
    Targets,
    /// The same; a member reads, behind the features of the rows, what those before it in
    /// the chain predict.
    Chain {
        /// The indices of the members, the first of the chain first.
        order: Vec<usize>,
    },
    /// All members predict one target, and vote on it.
    Voting {
        /// How their votes are counted.
        votes: Votes,
        /// The weight of each member.
        weights: Vec<f64>,
    },
    /// The last member predicts the target of the others, from what these predict.
    Stacking {
        /// The names of the features that are made of the others' predictions, in order:
        /// numbers, the probability of the second of two classes, or those of all classes.
        features: Vec<String>,
    },
    /// Each target has members of its own, one after the other; the predictions of all
    /// targets stand side by side.
    Ensembles {
        /// By target.
        targets: Vec<TargetMembers>,
    },
}

/// The members of a target of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetMembers {
    /// How many; at least one.
    pub members: usize,
    /// What becomes of their predictions: a vote, or stacking; `None` of one member.
    pub rule: Option<Box<Rule>>,
}

impl Rule {
    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Targets => "targets",
            Self::Chain { .. } => "chain",
            Self::Voting { .. } => "voting",
            Self::Stacking { .. } => "stacking",
            Self::Ensembles { .. } => "ensembles",
        }
    }

    /// Whether classes are predicted without probabilities, by the votes of members.
    pub(super) fn is_majority(&self) -> bool {
        match self {
            Self::Voting { votes, .. } => *votes == Votes::Majority,
            _ => false,
        }
    }

    /// Checks that members of one target are what a vote or a second stage has, and that
    /// those of several targets are as many as the rule says.
    ///
    /// # Errors
    /// What they are not.
    pub(super) fn check(&self, heads: &[&ModelHead]) -> Result<(), String> {
        let Some((first, others)) = heads.split_first() else {
            return Err("it has no members".to_owned());
        };
        match self {
            Self::Targets | Self::Chain { .. } => return Ok(()),
            Self::Ensembles { targets } => {
                for (target, members) in self.groups(heads.len()).into_iter().zip(targets) {
                    let own = heads.get(target).unwrap_or_default();
                    match (&members.rule, own.len() == members.members) {
                        (None, true) if own.len() == 1 => {}
                        (Some(rule), true) if rule.is_of_one_target() => rule.check(own)?,
                        _ => return Err("its targets don't have the members named".to_owned()),
                    }
                }
                let all: usize = targets.iter().map(|target| target.members).sum();
                return match all == heads.len() {
                    true => Ok(()),
                    false => Err("its targets don't have the members named".to_owned()),
                };
            }
            Self::Voting { weights, .. } => {
                let is_weight = |weight: &f64| *weight > 0.0 && weight.is_finite();
                if weights.len() != heads.len() || !weights.iter().all(is_weight) {
                    return Err("its weights are not those of its members".to_owned());
                }
            }
            Self::Stacking { features } => {
                if features.len() != others.len() * first.target.stacked().len() {
                    return Err("its features are not those of its members".to_owned());
                }
            }
        }
        let target = |head: &ModelHead| (head.target_name().to_owned(), head.target.clone());
        let own = target(first);
        match others.iter().any(|head| target(head) != own) {
            true => Err("its members have different targets".to_owned()),
            false => Ok(()),
        }
    }

    /// Whether all members predict one target.
    pub(super) fn is_of_one_target(&self) -> bool {
        matches!(self, Self::Voting { .. } | Self::Stacking { .. })
    }

    /// The members of each target, of so many members.
    pub(super) fn groups(&self, members: usize) -> Vec<Range<usize>> {
        match self {
            Self::Targets | Self::Chain { .. } => (0..members).map(|at| at..at + 1).collect(),
            Self::Voting { .. } | Self::Stacking { .. } => std::iter::once(0..members).collect(),
            Self::Ensembles { targets } => {
                let mut end = 0_usize;
                let mut next = |target: &TargetMembers| {
                    let start = end;
                    end = end.saturating_add(target.members);
                    start..end
                };
                targets.iter().map(&mut next).collect()
            }
        }
    }

    /// What becomes of the predictions of the members of each target; `None` of one that is
    /// predicted by one member.
    pub(super) fn of_groups(&self, members: usize) -> Vec<Option<&Self>> {
        match self {
            Self::Targets | Self::Chain { .. } => vec![None; members],
            Self::Voting { .. } | Self::Stacking { .. } => vec![Some(self)],
            Self::Ensembles { targets } => targets
                .iter()
                .map(|target| target.rule.as_deref())
                .collect(),
        }
    }
}
