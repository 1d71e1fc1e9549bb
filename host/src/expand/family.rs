//! Families: the candidates that one fit serves, ascending. They are grouped,
//! split for more workers and sorted by cost; none of it changes a score.

use std::collections::HashMap;

use fanout_contract::{Params, TrainerDescription};
use serde_json::Value as Json;

use super::Candidates;

/// Hyper-parameters that the cost of a fit is proportional to, by their names in
/// scikit-learn.
const COST_PARAMS: [&str; 5] = [
    "n_estimators",
    "max_iter",
    "n_iter",
    "max_depth",
    "max_leaf_nodes",
];

/// The depth that stands for an unbounded tree: more than any bound in use.
const UNBOUNDED: f64 = 64.0;

/// Groups candidates that differ only in nested hyper-parameters; without
/// `sharing`, each is alone. In the order of their first members.
pub(super) fn group(
    candidates: &Candidates,
    trainer: &TrainerDescription,
    sharing: bool,
) -> Vec<Vec<u32>> {
    let nested = |name: &String| trainer.param(name).is_some_and(|param| param.nested);
    let nested: Vec<bool> = candidates.names().iter().map(nested).collect();
    let all = 0..candidates.len() as u32;
    if !sharing || !nested.contains(&true) {
        return all.map(|index| vec![index]).collect();
    }
    let mut families: Vec<Vec<u32>> = Vec::new();
    let mut known: HashMap<Box<[u32]>, usize> = HashMap::new();
    for index in all {
        let row = candidates.row(index as usize).iter().enumerate();
        let key = row
            .filter(|(column, _)| !nested[*column])
            .map(|(_, &cell)| cell)
            .collect();
        let family = *known.entry(key).or_insert_with(|| {
            families.push(Vec::new());
            families.len() - 1
        });
        families[family].push(index);
    }
    families
}

/// Sorts the costliest first, so that no worker starts the longest task when the
/// others are done. Families of one cost keep their order.
pub(super) fn sort_by_cost(
    families: &mut Vec<Vec<u32>>,
    candidates: &Candidates,
    fixed: &Params,
    trainer: &TrainerDescription,
) {
    let costs = CostModel::new(candidates, fixed, trainer);
    let mut ranked: Vec<(f64, Vec<u32>)> = families
        .drain(..)
        .map(|family| {
            let cost = family
                .iter()
                .map(|&member| costs.of(candidates, member))
                .fold(0.0, f64::max);
            (cost, family)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    *families = ranked.into_iter().map(|(_, family)| family).collect();
}

/// Splits families, the largest first, until each of `workers` has a task or
/// every candidate is alone. Members of a family stay in order.
pub(super) fn split(families: &mut Vec<Vec<u32>>, splits: usize, workers: usize) {
    let mut parts = vec![1; families.len()];
    while splits > 0 && parts.iter().sum::<usize>() * splits < workers {
        // The first of those with the largest parts.
        let largest = families
            .iter()
            .zip(&mut parts)
            .filter(|(family, parts)| family.len() > **parts)
            .rev()
            .max_by_key(|(family, parts)| family.len().div_ceil(**parts));
        let Some((_, parts)) = largest else { break };
        *parts += 1;
    }
    let whole = std::mem::take(families);
    for (family, parts) in whole.into_iter().zip(parts) {
        let (size, more) = (family.len() / parts, family.len() % parts);
        let mut rest = &family[..];
        for part in 0..parts {
            let (members, tail) = rest.split_at(size + usize::from(part < more));
            families.push(members.to_vec());
            rest = tail;
        }
    }
}

/// Estimates the cost of a candidate's fit relative to others.
struct CostModel {
    /// The searched hyper-parameters that decide the cost, and their weights for
    /// candidates that do not set them.
    columns: Vec<(&'static str, f64)>,
}

impl CostModel {
    fn new(candidates: &Candidates, fixed: &Params, trainer: &TrainerDescription) -> Self {
        let searched = COST_PARAMS
            .into_iter()
            .filter(|name| candidates.names().iter().any(|known| known == name));
        let columns = searched.map(|name| {
            let default = trainer.param(name).map(|param| &param.default);
            (name, fixed.get(name).or(default).map_or(1.0, weight))
        });
        Self {
            columns: columns.collect(),
        }
    }

    fn of(&self, candidates: &Candidates, candidate: u32) -> f64 {
        let weights = self.columns.iter().map(|(name, default)| {
            candidates
                .value(candidate as usize, name)
                .map_or(*default, weight)
        });
        weights.product()
    }
}

fn weight(value: &Json) -> f64 {
    match value {
        Json::Null => UNBOUNDED,
        value => value.as_f64().filter(|value| *value > 0.0).unwrap_or(1.0),
    }
}
