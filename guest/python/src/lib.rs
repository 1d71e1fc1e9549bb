//! The adapter: offers the estimators of a Python interpreter as trainers.
//!
//! Alone it is no guest: it imports `fanout:python/interpreter`. `fanout guest python`
//! makes a component of both. The SDK does here what it does in every guest (Parquet,
//! splits, steps, metrics, both interfaces), so that scores mean the same; `offer`
//! hands rows to the interpreter and takes predictions back, in the messages of
//! `message`. Which estimators there are, and which hyper-parameters they take, the
//! interpreter says.
//!
//! `runner/fanout_runner.py` is the interpreter's side.

mod described;
mod features;
mod interpreter;
mod message;
mod offer;
mod prediction;
mod steps;

pub use interpreter::NAME as INTERPRETER;

fanout_sdk::export! {
    guest: concat!("python ", env!("CARGO_PKG_VERSION")),
    offers: offer::all(),
    steps: Some(&steps::PythonSteps),
    instances: fanout_sdk::contract::Instances::OneTask,
}
