//! What a model is worth, from its predictions of rows whose target is known
//! ([`PredictedRows`]): [`Assessment`], what is told of them, with intervals by
//! `bootstrap`; [`Curves`], the points behind it; and [`threshold`], the decision
//! threshold that serves a metric best. [`Library`] combines candidates to an
//! [`Ensemble`]. [`compare`] holds two models against each other
//! on the same rows, [`ColumnDrift`] new values against those of training, and [`Anova`]
//! tells which hyper-parameters scores follow. Pure: bytes and numbers in, numbers out.
//!
//! Definitions are scikit-learn's; `vectors.py` beside the tests compares.

mod anova;
mod assessment;
mod bootstrap;
mod calibration;
mod classes;
mod curves;
mod drawn;
mod drift;
mod ensemble;
mod kolmogorov;
mod over_targets;
mod residuals;
mod rows;
#[cfg(test)]
mod tests;
pub mod threshold;

pub use anova::{Anova, AnovaMethod, Design, MainEffect, PairEffect};
pub use assessment::{Assessment, Scoring, Worth, compare};
pub use bootstrap::{Comparison, Interval};
pub use calibration::{Bin, Binning, Calibration};
pub use classes::{Average, ClassScores, ClassificationReport};
pub use curves::{Curves, PrecisionRecallPoint, RocPoint};
pub use drawn::{DrawnCurve, DrawnRowsWorth, DrawnWorth, Histogram};
pub use drift::{Change, ColumnDrift, NewCategories, of_target, predicted};
pub use ensemble::{
    Ensemble, LeftOut, Library, Member, Members, SplitScores, score_rows, stacked, vote,
};
pub use kolmogorov::KolmogorovSmirnov;
pub use over_targets::{OverTargetScores, OverTargets};
pub use residuals::{PredictionInterval, Residuals};
pub use rows::{PredictedRows, RowsError};
