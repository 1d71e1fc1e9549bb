//! `fanout`: many independent fits on one table, each in a sandboxed
//! WebAssembly trainer.
//!
//! The way through: [`plan`] reads and checks a plan; [`dataset`] prepares
//! its table and splits in the [`store`]; [`expand`] makes candidates,
//! families and tasks; [`run`] sends them to a [`pool`], which runs them in
//! the [`sandbox`]; [`reduce`] turns scores into one answer; [`report`] shows
//! it. The library prints nothing.

mod chance;
pub mod dataset;
pub mod digest;
pub mod expand;
pub mod guest;
pub mod plan;
pub mod pool;
pub mod queue;
pub mod reduce;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod store;
pub mod worker;
