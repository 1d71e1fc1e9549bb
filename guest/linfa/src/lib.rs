//! Algorithms of linfa as trainers, and a baseline: [`LinfaDecisionTree`] and
//! [`Dummy`].

pub mod dummy;
pub mod label;
pub mod tree;

pub use dummy::Dummy;
pub use tree::LinfaDecisionTree;

fanout_sdk::export! {
    guest: concat!("linfa ", env!("CARGO_PKG_VERSION")),
    trainers: [LinfaDecisionTree, Dummy],
}
