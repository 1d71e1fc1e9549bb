//! A run: its events, and the way from tasks to results.

pub mod event;
pub mod record;
