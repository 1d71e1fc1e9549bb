//! [`MemoryEstimate`]: the physical memory that a run holds at its peak, from
//! its table, its classes and its trees.
//!
//! The constants were fitted to measured runs of forests and single trees, over
//! tables of up to 400,000 rows and of 2 to 1,000 classes. Fits of a trainer with
//! other needs may hold more.

use fanout_contract::TrainerDescription;
use serde_json::Value;

use crate::dataset::{ColumnSummary, Prepared, Reads};
use crate::expand::{Candidates, Inputs};
use crate::plan::{ArmPlan, Plan};
use crate::pool::SHARED_FROM;

/// The most values of a feature that trees keep in one byte a row.
const NARROW: u64 = 254;

/// What they keep of a value of other features: its code, and its bin.
const WIDE: u64 = 5;

/// What a fit holds of the name of a category, and a model and its bytes each.
const LABEL: u64 = 200;

/// From so many classes on, trees tell all numbers apart.
const EXACT_CLASSES: u64 = 64;

/// What a fit and its scores hold a row.
const ROW: u64 = 110;

/// The same for each worker of several that share a large table.
const SHARED_ROW: u64 = 125;

/// What trees without a limit of depth hold a row in addition.
const DEEP_ROW: u64 = 35;

/// The program itself.
const PROGRAM: u64 = 40 << 20;

/// What a fit holds a test row and class, of three classes or more, where trees
/// are fitted to samples of the rows, and where they are fitted to all.
const CLASS: [u64; 2] = [68, 88];

/// What a model holds a leaf. Its bytes are written while its trees are held.
const LEAF: u64 = 48;

/// What it holds of a class in a leaf, of three classes or more: a leaf names
/// those of its rows.
const LEAF_CLASS: u64 = 40;

/// What the tree that is grown holds a leaf and class, of three classes or more.
const GROWN_CLASS: u64 = 32;

/// The leaves of a tree without limits, in hundredths of its rows, as above.
const LEAVES: [u64; 2] = [40, 72];

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

/// The greatest trees of any candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Trees {
    count: u64,
    /// Whether their depth has no limit.
    deep: bool,
    /// Whether each is fitted to all rows: 1, or 0.
    whole: usize,
    /// The most leaves of one.
    leaves: u64,
}

impl MemoryEstimate {
    /// The estimate for so many `workers` at a time in this process. `held` is
    /// what this process held while it read the table, as a run does.
    pub fn new(
        plan: &Plan,
        inputs: &Inputs,
        prepared: &Prepared,
        workers: usize,
        held: u64,
    ) -> Self {
        let arms = plan.arms().zip(&inputs.arms);
        let trees = arms
            .filter_map(|(arm, estimator)| Trees::largest(arm, &estimator.trainer, prepared.rows))
            .reduce(Trees::or);
        let (rows, workers) = (prepared.rows, workers as u64);
        let columns = prepared.summary.columns.iter();
        let columns: u64 = columns.map(|column| code(column, prepared)).sum();
        let labels = prepared.summary.columns.iter();
        let labels: u64 = labels.map(|column| levels(column) * LABEL).sum();
        let classes = match prepared.classes.len() as u64 {
            classes @ 3.. => classes,
            _ => 0,
        };
        let tested = prepared
            .fold_classes
            .iter()
            .map(|fold| fold.test.iter().sum());
        let tested: u64 = tested.max().unwrap_or(0);
        let (whole, deep) = trees.map_or((1, false), |trees| (trees.whole, trees.deep));
        let a_row = columns + ROW + if deep { DEEP_ROW } else { 0 };
        let fit = rows * a_row + tested * classes * CLASS[whole] + labels;

        let file = prepared.dataset_bytes;
        let alone = file + rows * (columns + ROW);
        let large = match file >= SHARED_FROM as u64 {
            true if workers > 1 => workers * rows * (2 * columns + SHARED_ROW),
            true => alone,
            false => 0,
        };
        let search = (held + workers * fit).max(PROGRAM + large);
        let model = trees.map_or(0, |trees| {
            let of_leaf = rows.div_ceil(trees.leaves.max(1)).min(classes);
            let tree = trees.leaves * (LEAF + LEAF_CLASS * of_leaf);
            trees.count * tree + trees.leaves * classes * GROWN_CLASS
        });
        let model = rows * (columns + ROW) + model + 2 * labels;
        // The instances of the other workers keep what their fits held.
        let left = (workers - 1) * fit;
        let refits = plan.refit.is_some() && (plan.output.is_some() || prepared.holdout.is_some());
        Self {
            search,
            refit: refits.then_some(held + model + left),
            model,
        }
    }
}

/// Bytes that trees keep a row of a column. Numbers of small tables, which may
/// be told apart, too, do not count.
fn code(column: &ColumnSummary, prepared: &Prepared) -> u64 {
    let many_classes = prepared.classes.len() as u64 >= EXACT_CLASSES;
    let wide = match column.reads {
        Reads::Category(_) => levels(column) > NARROW,
        _ => many_classes && column.distinct.value > NARROW,
    };
    if wide { WIDE } else { 1 }
}

/// The categories of a column.
fn levels(column: &ColumnSummary) -> u64 {
    match column.reads {
        Reads::Category(levels) => levels,
        _ => 0,
    }
}

impl Trees {
    /// Each as great as in one of both.
    fn or(self, other: Self) -> Self {
        Self {
            count: self.count.max(other.count),
            deep: self.deep || other.deep,
            whole: self.whole.max(other.whole),
            leaves: self.leaves.max(other.leaves),
        }
    }

    /// `None` for a trainer that grows none.
    fn largest(arm: ArmPlan<'_>, trainer: &TrainerDescription, rows: u64) -> Option<Self> {
        trainer.param("max_depth")?;
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
        let whole = usize::from(bootstrap.is_empty() || bootstrap.iter().any(is_false));
        let depth = greatest("max_depth");
        let of_depth = depth.map_or(u64::MAX, |depth| 1 << depth.min(62));
        let of_nodes = greatest("max_leaf_nodes").unwrap_or(u64::MAX);
        let of_rows =
            (rows * LEAVES[whole] / 100).min(rows / least("min_samples_leaf").unwrap_or(1).max(1));
        Some(Self {
            count: greatest("n_estimators").unwrap_or(1),
            deep: depth.is_none(),
            whole,
            leaves: of_depth.min(of_nodes).min(of_rows),
        })
    }
}
