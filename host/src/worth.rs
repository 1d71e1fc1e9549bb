//! What a model is worth, from its predictions of rows whose target is known:
//! [`PredictedRows`]. Pure: bytes and numbers in, numbers out.

mod rows;

pub use rows::{PredictedRows, RowsError};
