//! Everything that a guest needs to keep the contract, but its algorithm: a
//! guest is a crate that implements [`Trainer`] and calls [`export!`].
//!
//! The algorithm sees a [`Table`], rows to fit on and rows to score; it never
//! sees Parquet, JSON, HTTP or the WebAssembly boundary.

pub mod dataset;
#[cfg(target_family = "wasm")]
pub mod doors;
mod file;
#[cfg(any(fuzzing, test))]
#[cfg_attr(not(test), expect(dead_code, reason = "some of it is for the tests"))]
mod fixture;
pub mod function;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod guest;
pub mod metrics;
mod multipart;
mod prediction;
pub mod schema;
mod scoring;
mod splits;
pub mod table;
pub mod trainer;

pub use dataset::Dataset;
pub use fanout_contract as contract;
pub use fanout_contract::{Fault, Learning, Param, ParamKind, Params, TrainerDescription};
pub use guest::Guest;
pub use schema::Schema;
pub use table::{Feature, Table, Target, Values};
pub use trainer::{Job, Prediction, PredictionBuf, PredictionValues, Scorer, Trainer};
