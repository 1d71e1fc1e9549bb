//! Gradient boosting: [`HistGradientBoosting`] and [`HistGradientBoostingRegressor`].
//!
//! A model is a sum of trees, each of which is fitted to the gradients of the loss at
//! the sum of those before it (Friedman: Greedy function approximation, 2001). Trees
//! grow best-first from histograms of gradients and Hessians, which are small whole
//! numbers, so that a histogram is exact in any order of rows, and that of a node's
//! larger child is its own less that of the smaller child (Ke et al.: LightGBM, 2017).
//!
//! | module | contents |
//! | --- | --- |
//! | `params` | hyper-parameters |
//! | `codes` | features with one byte a value |
//! | `objective` | losses, their gradients, and predictions |
//! | `rounding` | gradients as small whole numbers |
//! | `histograms`; `split` | the sums of a node; its best split |
//! | `constraints`; `rows`; `grower` | growing a tree |
//! | `fit` | rounds, early stopping, families |
//! | `trainer` | the interface to the guest |

mod codes;
mod constraints;
mod cuts;
mod fit;
mod grower;
mod histograms;
mod objective;
mod params;
mod rounding;
mod rows;
mod split;
mod trainer;

pub use trainer::{HistGradientBoosting, HistGradientBoostingRegressor};
