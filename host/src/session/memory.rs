//! [`MemoryEstimate`]: the physical memory that a run holds at its peak, from
//! its table, its classes and what its trainers say that their fits hold
//! ([`MemoryUse`]).

use std::collections::BTreeMap;

use fanout_contract::bagging::N_ESTIMATORS;
use fanout_contract::{MemoryUse, TrainerDescription, TreesMemory, WideColumns};
use serde_json::Value;

use crate::dataset::{ColumnSummary, Prepared, Reads};
use crate::digest::Digest;
use crate::expand::{Candidates, Estimator, Inputs};
use crate::plan::{ArmPlan, Plan};
use crate::pool::SHARED_FROM;

/// What each worker of several that share a large table holds a row beside the rest:
/// its copy of the target and of the splits.
const SHARED_ROW: u64 = 15;

/// The program itself.
const PROGRAM: u64 = 40 << 20;

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The search.
    pub search: u64,
    /// The refit of the largest candidate, where there is one.
    pub refit: Option<u64>,
    /// What the instance of the refit holds, which `limits.memory` bounds.
    pub model: u64,
}

/// The bytes of one arm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ArmMemory {
    /// A worker's instance at the peak of a fit.
    fit: u64,
    /// The columns that fits read.
    columns: u64,
    /// All that a row holds, beside the columns.
    rows: u64,
    /// The model of the largest candidate, with what its fit holds.
    model: u64,
}

/// The greatest trees of any candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trees {
    count: u64,
    /// Whether their depth has no limit.
    deep: bool,
    /// Whether each is fitted to all rows.
    whole: bool,
    /// The most leaves of one.
    leaves: u64,
}

impl MemoryEstimate {
    /// The estimate for so many `workers` at a time in this process, none where fits
    /// are made elsewhere. `held` is what this process held while it read the table, as
    /// a run does.
    pub fn new(
        plan: &Plan,
        inputs: &Inputs,
        prepared: &Prepared,
        workers: usize,
        held: u64,
    ) -> Self {
        let workers = workers as u64;
        // An instance serves all arms of its guest, one after the other; a worker has
        // one of each guest.
        let mut guests: BTreeMap<Digest, u64> = BTreeMap::new();
        let mut most = ArmMemory::default();
        for (arm, estimator) in plan.arms().zip(&inputs.arms) {
            let memory = ArmMemory::new(arm, estimator, prepared, workers);
            let fit = guests.entry(estimator.guest).or_default();
            *fit = memory.fit.max(*fit);
            most.columns = memory.columns.max(most.columns);
            most.rows = memory.rows.max(most.rows);
            most.model = memory.model.max(most.model);
        }
        let fit: u64 = guests.values().sum();
        let file = prepared.dataset_bytes;
        let large = match file >= SHARED_FROM as u64 {
            true if workers > 1 => {
                workers * (2 * most.columns + most.rows + prepared.rows * SHARED_ROW)
            }
            true => file + most.columns + most.rows,
            false => 0,
        };
        let search = (held + workers * fit).max(PROGRAM + large);
        let model = most.model;
        // The instances of the other workers keep what their fits held.
        let left = workers.saturating_sub(1) * fit;
        let refits = plan.kind.refits()
            && plan.refit.is_some()
            && (plan.output.is_some() || prepared.holdout.is_some());
        Self {
            search,
            refit: refits.then_some(held + model + left),
            model,
        }
    }
}

impl ArmMemory {
    fn new(arm: ArmPlan<'_>, estimator: &Estimator, prepared: &Prepared, workers: u64) -> Self {
        let trainer = &estimator.trainer;
        let memory = trainer.memory.unwrap_or_default();
        let rows = prepared.rows;
        let of_columns = |bytes: &dyn Fn(&ColumnSummary) -> u64| -> u64 {
            let columns = prepared.summary.columns.iter();
            let features = columns.filter(|column| prepared.is_feature(&column.name));
            features.map(bytes).sum()
        };
        let labels = of_columns(&levels) * memory.label;
        let expanded = of_columns(&|column| levels(column).max(1));
        let classes = match prepared.classes.len() as u64 {
            classes @ 3.. => classes,
            _ => 0,
        };
        let own = of_columns(&|column| value(&memory, column, prepared));
        let columns = match arm.steps.len() as u64 {
            0 => own,
            _ => {
                let kept = &memory.steps;
                let matrix = of_columns(&|column| match column.reads {
                    Reads::Category(_) => kept.category,
                    _ => kept.number,
                });
                // Each split has columns of its own, as long as its steps are kept.
                let splits = prepared.folds.len() as u64;
                let most = (kept.kept / rows.max(1)).max(kept.times * matrix);
                own.max(matrix) + (matrix * splits.div_ceil(workers)).min(most)
            }
        };
        let trees = memory
            .trees
            .zip(Trees::largest(arm, trainer, &memory, rows));
        let class = match trees {
            Some((of_trees, trees)) if trees.whole => of_trees.whole_class,
            _ => memory.class,
        };
        let deep_row = trees.map_or(
            0,
            |(of_trees, trees)| {
                if trees.deep { of_trees.deep_row } else { 0 }
            },
        );
        let tested = prepared
            .fold_classes
            .iter()
            .map(|fold| fold.test.iter().sum());
        let tested: u64 = tested.max().unwrap_or(0);
        let pairs = memory.column_pair * expanded * expanded
            + (memory.row_pair.saturating_mul(rows).saturating_mul(rows)).min(memory.row_pairs);
        let fit = memory.instance
            + rows * (columns + memory.row + deep_row)
            + tested * classes * class
            + labels
            + pairs;
        let of_trees = trees.map_or(0, |(memory, trees)| trees.bytes(&memory, rows, classes));
        Self {
            fit,
            columns: rows * columns,
            rows: rows * memory.row,
            model: rows * (columns + memory.row) + of_trees + 2 * labels + pairs,
        }
    }
}

/// Bytes that a fit holds of a row of a column. Numbers of small tables, which trees
/// may tell apart, too, do not count as of many values.
fn value(memory: &MemoryUse, column: &ColumnSummary, prepared: &Prepared) -> u64 {
    let (bytes, values) = match column.reads {
        Reads::Category(levels) => (memory.category, Some(levels)),
        _ => {
            let many = |wide: &WideColumns| prepared.classes.len() as u64 >= wide.classes;
            let counted = memory.wide.as_ref().is_some_and(many);
            (memory.number, counted.then_some(column.distinct.value))
        }
    };
    match memory.wide {
        Some(wide) if values.is_some_and(|values| values > wide.above) => wide.bytes,
        _ => bytes,
    }
}

/// The categories of a column.
fn levels(column: &ColumnSummary) -> u64 {
    match column.reads {
        Reads::Category(levels) => levels,
        _ => 0,
    }
}

impl Trees {
    /// The bytes of a model, and of the tree that is grown.
    fn bytes(self, memory: &TreesMemory, rows: u64, classes: u64) -> u64 {
        let of_leaf = rows.div_ceil(self.leaves.max(1)).min(classes);
        let tree = self.leaves * (memory.leaf + memory.leaf_class * of_leaf);
        self.count * tree + self.leaves * classes * memory.grown_class
    }

    /// The greatest trees among the candidates of an arm; `None` for a trainer that
    /// grows none.
    fn largest(
        arm: ArmPlan<'_>,
        trainer: &TrainerDescription,
        memory: &MemoryUse,
        rows: u64,
    ) -> Option<Self> {
        let memory = memory.trees?;
        let candidates = Candidates::of(&arm.searched());
        let fixed = &arm.trainer.params;
        // The greatest of each, wherever they occur: from above.
        let all = |name: &str| -> Vec<Value> {
            let searched = candidates.values(name);
            let default = trainer.param(name).map(|param| param.default.clone());
            match (searched, fixed.get(name).cloned()) {
                ([], Some(value)) => vec![value],
                ([], None) => default.into_iter().collect(),
                (searched, _) => searched.to_vec(),
            }
        };
        let greatest = |name: &str| {
            let values = all(name);
            let numbers = values.iter().map(Value::as_u64).collect::<Option<Vec<_>>>();
            numbers.and_then(|numbers| numbers.into_iter().max())
        };
        let least = |name: &str| {
            all(name)
                .iter()
                .map(|value| value.as_u64().unwrap_or(1))
                .min()
        };
        let is_false = |value: &Value| *value == Value::Bool(false);
        let bootstrap = all("bootstrap");
        let whole = bootstrap.is_empty() || bootstrap.iter().any(is_false);
        let depth = greatest("max_depth");
        let of_depth = depth.map_or(u64::MAX, |depth| 1 << depth.min(62));
        let of_nodes = greatest("max_leaf_nodes").unwrap_or(u64::MAX);
        let leaves = match whole {
            true => memory.whole_leaves,
            false => memory.leaves,
        };
        let of_rows =
            (rows * leaves / 100).min(rows / least("min_samples_leaf").unwrap_or(1).max(1));
        Some(Self {
            count: greatest("n_estimators")
                .or_else(|| greatest("max_iter"))
                .unwrap_or(1)
                .saturating_mul(greatest(N_ESTIMATORS).unwrap_or(1)),
            deep: depth.is_none(),
            whole,
            leaves: of_depth.min(of_nodes).min(of_rows),
        })
    }
}
