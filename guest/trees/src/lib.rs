//! Decision trees and forests over binned features: the trainers
//! [`RandomForest`], [`ExtraTrees`], [`DecisionTree`] and
//! [`HistGradientBoosting`] of a guest, and [`ForestClassifier`] behind linfa's `Fit` and `Predict`.
//!
//! The features of a dataset are binned once, to one byte per value, or four
//! where 255 bins would merge what trees are to tell apart ([`Bins`]). To split a
//! large node, its rows are counted by class into one histogram per feature; the
//! rows of a small one are sorted; a random split needs neither. So the cost of a
//! node follows its rows, not its bins. A split depends on the node's rows, the seed, the index of the
//! tree and the path from the root only. So a tree that was grown to loose
//! limits contains the trees of all tighter limits, and one forest serves all
//! candidates that differ in nested hyper-parameters, bit for bit.
//!
//! The crate does no I/O and starts no threads.
//!
//! Each module uses only modules above it in this list:
//!
//! | module | contents |
//! | --- | --- |
//! | `chunks`, `random`, `criterion`, `number_criterion`, `tree`, [`params`] | unrolled loops, random numbers, impurity measures, the tests of a tree, hyper-parameters |
//! | `codes`, `quantiles`, `coarse`, [`bins`] | codes of one or four bytes; binning |
//! | `fixed_point` | numeric targets and weights as whole numbers |
//! | `payload`, `runs`; `tally`; `class_layout`; `integers` | what rows carry, and how it is added up |
//! | `binary`, `multiclass`; `mean_layout`, `median_layout` | tallies of classes, and of numbers |
//! | `entries`; `sample`, `number_sample`, `weighted_classes`; `training`; `bootstrap` | rows within checked bounds; training rows with their targets and weights; bootstrap samples |
//! | `histogram` | the loop that counts rows |
//! | `split`; `sorted`; `search`, `by_rows`, `draw` | the best split of a node, and random ones |
//! | `node_histograms` | histograms of nodes, counted or by subtraction |
//! | `grown`, `moving`; `pending`; `grower` | growing trees |
//! | `resolved` | hyper-parameters resolved for given training rows |
//! | `growth`; `route`; `fitted`; [`model`] | weights and gains of nodes, leaves of rows, predictions, the fitted forest |
//! | `onnx` | forests in ONNX |
//! | `out_of_bag` | predictions of training rows by the trees that did not draw them |
//! | `features` | features of a table as a fitted forest reads them |
//! | `shapley`; `explain` | Shapley values of trees; contributions and importances of models |
//! | [`forest`] | fitting and evaluating candidates |
//! | [`estimator`], [`trainers`] | the interfaces to linfa and to the guest |
//! | `boosting` | gradient boosting on the same bins |

mod binary;
pub mod bins;
mod boosting;
mod bootstrap;
mod by_rows;
mod chunks;
mod class_layout;
mod coarse;
mod codes;
mod criterion;
mod divide;
mod draw;
mod entries;
pub mod estimator;
mod explain;
mod features;
mod fitted;
mod fixed_point;
pub mod forest;
mod grower;
mod grown;
mod growth;
mod histogram;
mod integers;
mod lanes;
mod mean_layout;
mod median_layout;
pub mod model;
mod moving;
mod multiclass;
mod node_histograms;
mod noise;
mod number_criterion;
mod number_sample;
mod onnx;
mod out_of_bag;
mod packed;
pub mod params;
mod payload;
mod pending;
mod quadrature;
mod quantiles;
mod random;
mod resolved;
mod route;
mod runs;
mod sample;
mod search;
mod shapley;
mod sorted;
mod split;
mod tally;
pub mod trainers;
mod training;
mod tree;
mod weighted_classes;

pub use bins::Bins;
pub use boosting::{HistGradientBoosting, HistGradientBoostingRegressor};
pub use estimator::ForestClassifier;
pub use model::Forest;
pub use params::{ForestParams, ForestValidParams};
pub use resolved::ResolveError;
pub use sample::SampleError;
pub use trainers::{
    DecisionTree, DecisionTreeRegressor, ExtraTrees, ExtraTreesRegressor, RandomForest,
    RandomForestRegressor,
};

fanout_sdk::export! {
    guest: concat!("trees ", env!("CARGO_PKG_VERSION")),
    trainers: [
        RandomForest,
        RandomForestRegressor,
        ExtraTrees,
        ExtraTreesRegressor,
        DecisionTree,
        DecisionTreeRegressor,
        HistGradientBoosting,
        HistGradientBoostingRegressor,
    ],
}
