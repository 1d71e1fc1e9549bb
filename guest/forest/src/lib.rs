//! Forests of decision trees over binned features, as trainers of a guest and
//! behind linfa's traits: [`RandomForest`], [`ExtraTrees`] and
//! [`DecisionTree`].
//!
//! Features are binned once a dataset to one byte a value ([`Bins`]). A tree
//! counts the classes of a node's rows into histograms over these bins,
//! chooses the split from the counts, and sends the rows to either side in
//! place. A split depends on the seed, the tree and the path from the root
//! alone, so that a tree grown to loose limits contains the tree of any
//! tighter ones: one growth serves a whole family of candidates, bit for bit.
//!
//! The crate does no I/O and has no threads.

pub mod bins;
mod counter;
mod criterion;
pub mod estimator;
pub mod forest;
mod growth;
mod histogram;
pub mod model;
pub mod params;
mod plan;
mod quantiles;
mod random;
mod route;
mod rows;
mod sorted;
mod split;
pub mod trainers;
mod tree;

pub use bins::Bins;
pub use estimator::ForestClassifier;
pub use model::Forest;
pub use params::{ForestParams, ForestValidParams};
pub use plan::PlanError;
pub use rows::SampleError;
pub use trainers::{DecisionTree, ExtraTrees, RandomForest};

fanout_sdk::export! {
    guest: concat!("forest ", env!("CARGO_PKG_VERSION")),
    trainers: [RandomForest, ExtraTrees, DecisionTree],
}
