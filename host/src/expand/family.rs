//! Families: the candidates that one fit serves, ascending. They are grouped,
//! split for more workers and sorted by cost; none of it changes a score.

use std::collections::HashMap;
use std::ops::Range;

use fanout_contract::{Cost, Param, Params, TrainerDescription};
use serde_json::Value as Json;

use super::Candidates;

/// The value that stands for `null`, no limit: more than any limit in use.
const UNBOUNDED: f64 = 64.0;

/// Groups those candidates of `range`, an arm's, that differ only in `nested`
/// hyper-parameters; without `sharing`, each is alone. In the order of their first
/// members.
pub(super) fn group(
    candidates: &Candidates,
    range: Range<u32>,
    nested: impl Fn(&str) -> bool,
    sharing: bool,
) -> Vec<Vec<u32>> {
    let nested: Vec<bool> = candidates.names().iter().map(|name| nested(name)).collect();
    if !sharing || !nested.contains(&true) {
        return range.map(|index| vec![index]).collect();
    }
    let mut families: Vec<Vec<u32>> = Vec::new();
    let mut known: HashMap<Box<[u32]>, usize> = HashMap::new();
    for index in range {
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

/// Splits those families that `is_whole` does not name, the largest first, until
/// each of `workers` has a task or every candidate is alone. Members of a family stay
/// in order.
pub(super) fn split(
    families: &mut Vec<Vec<u32>>,
    is_whole: impl Fn(&[u32]) -> bool,
    splits: usize,
    workers: usize,
) {
    let mut parts = vec![1; families.len()];
    while splits > 0 && parts.iter().sum::<usize>() * splits < workers {
        // The first of those with the largest parts.
        let largest = families
            .iter()
            .zip(&mut parts)
            .filter(|(family, parts)| family.len() > **parts && !is_whole(family))
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
struct CostModel<'a> {
    /// The searched hyper-parameters that decide the cost, and their weights for
    /// candidates that do not set them.
    columns: Vec<(&'a Param, f64)>,
}

impl<'a> CostModel<'a> {
    fn new(candidates: &Candidates, fixed: &Params, trainer: &'a TrainerDescription) -> Self {
        let costly = trainer.params.iter();
        let costly = costly
            .filter(|param| param.cost != Cost::None && candidates.names().contains(&param.name));
        let columns = costly.map(|param| {
            let value = fixed.get(&param.name).unwrap_or(&param.default);
            (param, weight(param.cost, value))
        });
        Self {
            columns: columns.collect(),
        }
    }

    fn of(&self, candidates: &Candidates, candidate: u32) -> f64 {
        let weights = self.columns.iter().map(|(param, default)| {
            candidates
                .value(candidate as usize, &param.name)
                .map_or(*default, |value| weight(param.cost, value))
        });
        weights.product()
    }
}

/// The factor of the cost by the value of a hyper-parameter.
pub(super) fn weight(cost: Cost, value: &Json) -> f64 {
    let value = match value {
        Json::Null => UNBOUNDED,
        value => value.as_f64().filter(|value| *value > 0.0).unwrap_or(1.0),
    };
    match cost {
        Cost::None => 1.0,
        Cost::Linear => value,
        Cost::Log => (1.0 + value).ln(),
    }
}
