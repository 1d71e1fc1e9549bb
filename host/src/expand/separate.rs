//! Families that are divided between the values of hyper-parameters that are fitted
//! separately ([`Param::separate`](fanout_contract::Param::separate)): each part makes
//! the preparation again, and none of the fits.

use std::collections::HashMap;

use super::{Candidates, TaskSpec};

/// Divides the last tasks of an arm, in the order in which they start, where these
/// leave workers idle: 5 tasks on 2 workers become 6, the last two of which are
/// halves. No part waits for another, so that the arm never takes longer. `columns`
/// are the searched hyper-parameters that are fitted separately.
pub(super) fn divide_last(
    tasks: &mut Vec<TaskSpec>,
    columns: &[usize],
    candidates: &Candidates,
    workers: usize,
) {
    let last = tasks.len() % workers.max(1);
    if columns.is_empty() || last == 0 {
        return;
    }
    let parts = workers / last;
    for task in tasks.split_off(tasks.len() - last) {
        let parts = divided(&task.candidates, columns, candidates, parts);
        tasks.extend(parts.into_iter().map(|candidates| TaskSpec {
            candidates,
            ..task.clone()
        }));
    }
}

/// The parts of a family, at most `parts`, of about as many separate fits each.
/// Neighbouring values, which take about as long, are in different parts.
fn divided(
    family: &[u32],
    columns: &[usize],
    candidates: &Candidates,
    parts: usize,
) -> Vec<Vec<u32>> {
    let mut known: HashMap<Vec<u32>, usize> = HashMap::new();
    let mut divided: Vec<Vec<u32>> = Vec::new();
    for &member in family {
        let row = candidates.row(member as usize);
        let values = columns.iter().map(|&column| row[column]).collect();
        let count = known.len();
        let part = *known.entry(values).or_insert(count) % parts;
        if part == divided.len() {
            divided.push(Vec::new());
        }
        divided[part].push(member);
    }
    divided
}
