//! Models as files of ONNX (<https://onnx.ai>): [`Graph`] is what a model becomes.
//!
//! A trainer says how it predicts in [`crate::Trainer::onnx`], a step how it
//! transforms columns; the SDK makes one graph of both. `docs/models.md` has what a
//! file takes and gives.
//!
//! - Numbers are of 64 bits throughout, as those of a model are: a threshold of a
//!   tree, or a decision near 0, decides as in the guest. Operators that compute the
//!   same sums in another order differ in the last bits.
//! - Every feature is an input of shape (rows, 1) with the feature's name: a number is
//!   `tensor(double)`, NaN if missing; a category is `tensor(string)`, empty if
//!   missing.
//! - What ONNX can't say is refused with the reason.

use crate::Fault;

pub use columns::{Block, Columns};
pub use ensemble::{Aggregate, Ensemble, TreeNode, TreeTest};
pub use graph::{Attribute, Graph, Tensor, Value};
pub use prediction::Prediction;

mod columns;
mod ensemble;
mod graph;
mod lookup;
mod prediction;
mod wire;

pub(crate) use lookup::Table;

/// The fault of what has no form in ONNX: `what`, and why.
pub fn refused(what: &str, reason: &str) -> Fault {
    Fault::InvalidTask(format!("{what} has no form in ONNX: {reason}"))
}
