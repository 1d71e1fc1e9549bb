//! What a model is worth, from its predictions of rows whose target is known
//! ([`PredictedRows`]): [`Assessment`], what is told of them, with intervals by
//! `bootstrap`; [`Curves`], the points behind it; and [`threshold`], the decision
//! threshold that serves a metric best. Pure: bytes and numbers in, numbers out.
//!
//! Definitions are scikit-learn's; `vectors.py` beside the tests compares.

mod assessment;
mod bootstrap;
mod calibration;
mod classes;
mod curves;
mod residuals;
mod rows;
#[cfg(test)]
mod tests;
pub mod threshold;

pub use assessment::{Assessment, Scoring, Worth};
pub use bootstrap::Interval;
pub use calibration::{Bin, Binning, Calibration};
pub use classes::{Average, ClassScores, ClassificationReport};
pub use curves::{Curves, PrecisionRecallPoint, RocPoint};
pub use residuals::{PredictionInterval, Residuals};
pub use rows::{PredictedRows, RowsError};
