//! `fanout`: many independent fits on one table, each in a sandboxed
//! WebAssembly trainer.
//!
//! [`session`] is the way in: [`session::load()`] reads a plan and
//! [`session::execute`] runs it. On the way, [`plan`] checks what a person
//! wrote; [`dataset`] prepares the table and the splits in the [`store`];
//! [`expand`] makes candidates, families and tasks; [`run`] drives a [`pool`],
//! which runs them in the [`sandbox`]; [`reduce`] turns scores into results;
//! [`report`] renders them. The library prints nothing.
//!
//! ```no_run
//! use std::path::Path;
//!
//! use fanout::run::event::Listeners;
//! use fanout::session::{Options, execute, load};
//!
//! let plan = load(Path::new("plans/quickstart.yaml"), &[])?;
//! let reports = execute(&plan, &Options::default(), &mut Listeners::default())?;
//! for report in &reports.targets {
//!     println!("{:?}", report.best().map(|best| best.params));
//! }
//! # Ok::<(), fanout::session::SessionError>(())
//! ```

pub mod dashboard;
pub mod dataset;
pub mod digest;
pub mod error;
pub mod expand;
pub mod exposition;
#[cfg(any(fuzzing, test))]
pub mod fuzzing;
mod guard;
pub mod guest;
mod jitter;
pub mod model;
mod numpy;
pub mod plan;
pub mod pool;
pub mod python;
pub mod queue;
mod random;
pub mod reduce;
pub mod report;
pub mod run;
pub mod sandbox;
mod serving;
pub mod session;
pub mod store;
pub mod task;
pub mod worker;
pub mod worth;
