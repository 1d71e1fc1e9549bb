//! The tests that run the real binary, real guests and real servers: one
//! program, `cargo test --test e2e MODULE::` for one module of it.
//!
//! With `FANOUT_LONG=1` the tests in which processes die and connections break
//! at random do so many more times (`make test-long`).

mod artifacts;
mod bagging;
mod baseline;
mod book;
mod dashboard;
mod data;
mod deploy;
mod ensemble;
mod ensembles;
mod example;
mod explain;
mod fire;
mod fit;
mod functions;
mod history;
mod kinds;
mod models;
mod nats;
mod onnx;
mod pipelines;
mod plans;
mod pool;
mod program;
mod python_guest;
mod python_plans;
mod reading;
mod report;
mod resume;
mod retrain;
mod run;
mod sandbox;
mod servers;
mod shell;
mod splitters;
mod stores;
mod structure;
mod targets;
mod terminal;
mod trackers;
mod worth;

mod guests {
    pub(crate) mod appended;
    pub(crate) mod built;
    pub(crate) mod expected;
}

mod s3 {
    pub(crate) mod canned;
    pub(crate) mod contract;
    pub(crate) mod moto;
    pub(crate) mod proxy;
    pub(crate) mod server;
}

/// The number of faults that a test injects: `short`, or `long` under
/// `FANOUT_LONG=1`.
fn faults(short: usize, long: usize) -> usize {
    match std::env::var("FANOUT_LONG").as_deref() {
        Ok("1") => long,
        _ => short,
    }
}
