//! The SDK for guests: everything that the guest contract requires, apart from
//! the algorithm.
//!
//! A guest is a crate of type `cdylib` that implements [`Trainer`] for each of
//! its estimators and calls [`export!`] once. The SDK reads the Parquet files and
//! JSON documents, checks hyper-parameters, computes the metrics and exports both
//! interfaces of the component. An algorithm sees a [`Table`], the indices of the
//! training and test rows, and hyper-parameters.
//!
//! # Writing a trainer
//!
//! 1. [`Trainer::description`] names the trainer, the kinds of target that it
//!    supports, and its hyper-parameters. The host refuses values that these do
//!    not allow, so that a trainer only has to check combinations of values.
//! 2. [`Trainer::prepare`] converts the features once per dataset, for example
//!    with `Schema::records` to a matrix (feature `ndarray`), or feature by
//!    feature with [`Table::values`]. Missing values are NaN and
//!    [`Values::MISSING`].
//! 3. [`Trainer::evaluate`] fits every candidate of a [`Job`] on its training rows
//!    and passes predictions for the test rows to the [`Scorer`].
//! 4. [`Trainer::fit`] returns a model, and [`Trainer::predict`] applies it to
//!    other tables. A model keeps a [`Schema`], so that features are found by name
//!    and categories by label.
//!
//! A hyper-parameter is *nested* if one fit at its largest value gives the results
//! of all smaller values, bit for bit: the number of trees of a forest, the depth
//! of a tree, the number of boosting rounds. The candidates of a job then differ in
//! nested hyper-parameters only, and can be served by one fit. Mark it with
//! [`Param::nested`].
//!
//! Every trainer can be bagged without more ([`contract::bagging`]): the SDK then fits
//! many of it, on training rows some of which occur more than once.
//!
//! The results of a trainer have to depend on its arguments only, since a task has
//! to give the same bits on every host and in every order. Use a seed from a
//! hyper-parameter for random numbers, do not iterate over
//! [`std::collections::HashMap`], and compute logarithms and the like with `libm`
//! if native builds have to agree with WebAssembly. A guest has no clock, files,
//! threads or environment variables. A panic ends the task with the panic's
//! message; [`Fault`] is for errors that a user can fix.
//!
//! ```
//! use fanout_sdk::{
//!     Fault, Job, Learning, Prediction, PredictionBuf, PredictionValues, Scorer, Table, Target,
//!     Trainer, TrainerDescription,
//! };
//!
//! /// Predicts the mean of the training rows.
//! pub struct Mean;
//!
//! impl Trainer for Mean {
//!     type Prepared = ();
//!     type Model = f64;
//!
//!     fn description() -> TrainerDescription {
//!         TrainerDescription::new(
//!             "mean",
//!             "Predicts the mean of the training rows.",
//!             vec![Learning::Regression],
//!             vec![],
//!         )
//!     }
//!
//!     fn prepare(_: &Table) -> Result<(), Fault> {
//!         Ok(())
//!     }
//!
//!     fn evaluate(data: &(), job: &Job<'_>, scorer: &mut dyn Scorer) -> Result<u32, Fault> {
//!         let mean = Self::fit(data, job)?;
//!         for candidate in 0..job.candidates.len() {
//!             scorer.test(candidate, Prediction::Numbers(&vec![mean; job.test.len()]))?;
//!             if scorer.wants_train() {
//!                 scorer.train(candidate, Prediction::Numbers(&vec![mean; job.train.len()]))?;
//!             }
//!         }
//!         Ok(1)
//!     }
//!
//!     fn fit((): &(), job: &Job<'_>) -> Result<f64, Fault> {
//!         let Target::Numbers(target) = job.target else {
//!             return Err(Fault::InvalidTask("`mean` is a regressor".to_owned()));
//!         };
//!         let sum: f64 = job.train.iter().map(|&row| target[row as usize]).sum();
//!         Ok(sum / job.train.len() as f64)
//!     }
//!
//!     fn predict(mean: &f64, table: &Table) -> Result<PredictionBuf, Fault> {
//!         Ok(PredictionBuf {
//!             classes: vec![],
//!             values: PredictionValues::Numbers(vec![*mean; table.rows()]),
//!         })
//!     }
//! }
//!
//! fanout_sdk::export! {
//!     guest: "mean 0.1.0",
//!     trainers: [Mean],
//! }
//! ```
//!
//! To test a trainer, pass it a [`Table::from_columns`] and a [`Job`], or whole
//! files and tasks to a [`Dataset`].

pub mod bagging;
mod behind;
pub mod body;
pub mod dataset;
pub mod dense;
#[cfg(target_family = "wasm")]
pub mod doors;
pub mod dummy;
pub mod eigen;
pub mod equal;
pub mod explanation;
pub mod exponential;
mod file;
#[cfg(any(fuzzing, test))]
#[cfg_attr(not(test), expect(dead_code, reason = "some of it is for the tests"))]
mod fixture;
pub mod function;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
pub mod guest;
mod labels;
pub mod matrix;
pub mod metrics;
pub mod model;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod normal;
pub mod numpy;
pub mod offer;
pub mod onnx;
mod outputs;
mod permutation;
pub mod pipeline;
mod prediction;
pub mod random;
pub mod request;
pub mod schema;
mod scoring;
mod served;
mod sort;
mod splits;
pub mod steps;
pub mod table;
pub mod target;
mod task;
pub mod trainer;
pub mod votes;

pub use dataset::{Dataset, Evaluation};
pub use dense::{Dense, DenseData, DenseTarget, DenseTrainer};
pub use fanout_contract as contract;
pub use fanout_contract::{
    Abilities, Cost, Fault, Learning, Param, ParamKind, Params, TrainerDescription,
};
pub use guest::Guest;
pub use matrix::Matrix;
pub use model::Model;
pub use outputs::Artifact;
pub use pipeline::{Pipeline, StepCache};
pub use schema::Schema;
pub use scoring::scores;
pub use table::{Feature, Table, Values};
pub use target::Target;
pub use trainer::{Job, Prediction, PredictionBuf, PredictionValues, Scorer, Trainer};
