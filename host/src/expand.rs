//! [`Expansion`]: a checked plan's candidates, their families, and the tasks.
//! Pure: it does no I/O.

use fanout_contract::{Params, Split};

use crate::digest::Digest;

/// What a run consists of.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The candidates in the order of `cv_results_`: the searched
    /// hyper-parameters alone.
    pub candidates: Vec<Params>,
    /// The splits, in order.
    pub splits: Vec<Split>,
    /// The metrics, in the plan's order.
    pub scoring: Vec<String>,
    /// The tasks.
    pub tasks: Vec<TaskSpec>,
}

/// One family on one split.
#[derive(Clone, Debug)]
pub struct TaskSpec {
    /// The digest of all that decides its result.
    pub id: Digest,
    /// The index of the split.
    pub split: u32,
    /// The indices of the candidates, ascending.
    pub candidates: Vec<u32>,
}
