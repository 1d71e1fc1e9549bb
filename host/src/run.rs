//! A run: its tasks, the search that drives a pool through them, its record in
//! the store, and its history.
//!
//! [`search`](search::search) runs the tasks of an expansion on a
//! [`Pool`](pool::Pool) and emits [`Event`](event::Event)s;
//! [`Record`](record::Record) is what the store keeps of tasks, and
//! [`Manifest`](manifest::Manifest) what it keeps of a run, and
//! [`Journal`](journal::Journal) its events. Nothing here prints, and nothing here
//! knows which pools there are.

mod boards;
pub mod data_summary;
pub mod event;
pub mod findings;
pub mod history;
pub mod journal;
pub mod manifest;
pub mod pool;
pub mod predictions;
pub mod record;
pub mod search;
pub mod stages;
pub mod summary;
pub mod sweep;
pub mod tasks;
