//! [`TaskGroup`]: tasks that share fitted steps, one after the other. A guest keeps
//! the steps that it fitted last, and those of a split serve every candidate that
//! begins with the same steps.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use super::{Expansion, TaskSpec};
use crate::digest::Digest;
use crate::plan::{ArmPlan, StepPlan};

/// Tasks that lie one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskGroup {
    /// Their indices.
    pub tasks: Range<usize>,
    /// Whether they share fitted steps, or a model whose features they permute: they are
    /// of one guest and one split, and those with more steps in common lie closer together. One worker is to have as many
    /// of them as possible.
    pub shares_steps: bool,
}

impl TaskGroup {
    /// `count` tasks that share nothing.
    pub fn of_unrelated(count: usize) -> Self {
        Self {
            tasks: 0..count,
            shares_steps: false,
        }
    }
}

/// The steps of an arm, as far as they decide what its tasks share.
struct Steps {
    guest: Digest,
    /// By step: its number among the different steps of all arms, and the columns of
    /// the candidates that search it. Nested parameters are left out: a guest fits
    /// their widest values once.
    steps: Vec<(u32, Vec<usize>)>,
}

/// Puts tasks of one guest, split and beginning of steps one after the other: groups
/// in the order of their first tasks, and so within a group the tasks that begin with
/// the same steps. Tasks without steps are one group and keep their order.
pub(super) fn arrange<'a>(
    expansion: &mut Expansion,
    arms: impl Iterator<Item = ArmPlan<'a>>,
    is_nested: impl Fn(usize, &str) -> bool,
) {
    let mut different: Vec<&StepPlan> = Vec::new();
    let arms: Vec<Steps> = (arms.zip(&expansion.arms).enumerate())
        .map(|(arm, (planned, known))| {
            let steps = planned.steps.iter().map(|step| {
                let number = different.iter().position(|other| *other == step);
                let number = number.unwrap_or_else(|| {
                    different.push(step);
                    different.len() - 1
                });
                let names = expansion.candidates.names().iter().enumerate();
                let searched = names.filter(|(_, name)| {
                    let of = name.split_once("__").map_or(name.as_str(), |(of, _)| of);
                    of == step.name() && !is_nested(arm, name)
                });
                (super::index(number), searched.map(|(at, _)| at).collect())
            });
            Steps {
                guest: known.guest,
                steps: steps.collect(),
            }
        })
        .collect();
    let tasks = std::mem::take(&mut expansion.tasks);
    if arms.iter().all(|arm| arm.steps.is_empty()) {
        expansion.groups = vec![TaskGroup::of_unrelated(tasks.len())];
        expansion.tasks = tasks;
        return;
    }
    // Of a group and of every beginning of steps in it: a number in the order in which
    // they occur, so that the order of these numbers is that of their first tasks.
    let mut groups: HashMap<Option<(Digest, u32)>, u32> = HashMap::new();
    let mut beginnings: HashMap<(u32, u32, Vec<u32>), u32> = HashMap::new();
    let mut placed: Vec<(Vec<u32>, TaskSpec)> = Vec::with_capacity(tasks.len());
    for task in tasks {
        let first = task.candidates[0] as usize;
        let arm = &arms[expansion.candidates.arm(first)];
        let row = expansion.candidates.row(first);
        let has_steps = !arm.steps.is_empty();
        let count = super::index(groups.len());
        let group = groups.entry(has_steps.then_some((arm.guest, task.split)));
        let mut place = vec![*group.or_insert(count)];
        // Numbers of beginnings of different groups have to differ, too.
        let mut before = u32::MAX - place[0];
        for (step, columns) in &arm.steps {
            let cells = columns.iter().map(|&column| row[column]).collect();
            let count = super::index(beginnings.len());
            before = *beginnings.entry((before, *step, cells)).or_insert(count);
            place.push(before);
        }
        placed.push((place, task));
    }
    placed.sort_by(|(a, _), (b, _)| a.cmp(b));
    let unrelated = groups.get(&None).copied();
    for chunk in placed.chunk_by(|(a, _), (b, _)| a[0] == b[0]) {
        let start = expansion.groups.last().map_or(0, |group| group.tasks.end);
        expansion.groups.push(TaskGroup {
            tasks: start..start + chunk.len(),
            shares_steps: Some(chunk[0].0[0]) != unrelated,
        });
    }
    expansion.tasks = placed.into_iter().map(|(_, task)| task).collect();
}

/// Reverses the order of the groups, and of the tasks in each, and shuffles
/// neighbours; tasks that share steps stay where they are in their group.
pub(super) fn reverse_with_jitter(expansion: &mut Expansion) {
    // Seeded by the operating system.
    let random = RandomState::new();
    let mut tasks = std::mem::take(&mut expansion.tasks);
    let mut groups = Vec::with_capacity(expansion.groups.len());
    for group in expansion.groups.iter().rev() {
        let mut own = tasks.split_off(group.tasks.start);
        match group.shares_steps {
            true => own.reverse(),
            false => own = reversed(own, &random),
        }
        groups.push((group.shares_steps, own));
    }
    groups.reverse();
    expansion.groups.clear();
    for (shares_steps, mut own) in reversed(groups, &random) {
        let start = expansion.tasks.len();
        expansion.tasks.append(&mut own);
        expansion.groups.push(TaskGroup {
            tasks: start..expansion.tasks.len(),
            shares_steps,
        });
    }
}

/// The items in reverse order, each at most a sixteenth of the way from its place.
fn reversed<T>(items: Vec<T>, random: &RandomState) -> Vec<T> {
    let distance = items.len() / 16 + 4;
    let items = items.into_iter().rev().enumerate();
    let mut placed: Vec<(usize, T)> = items
        .map(|(place, item)| (place + random.hash_one(place) as usize % distance, item))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, item)| item).collect()
}
