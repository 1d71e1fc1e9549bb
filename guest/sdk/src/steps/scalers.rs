//! `standard_scaler`, `min_max_scaler`, `robust_scaler`, `max_abs_scaler`: a
//! linear function of each column. Missing values are skipped by the fit and stay
//! missing. A coded block stays one.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::order::{Ordered, extremes};
use super::{Fit, Step, describe, map_values, switch};
use crate::contract::{Param, ParamKind, StepDescription};
use crate::normal::quantile as normal_quantile;
use crate::onnx::{Columns, Graph};
use crate::{Fault, Matrix};

/// Subtracts the mean and divides by the standard deviation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StandardScaler {
    columns: Vec<Centred>,
}

/// A column is mapped to `(x - centre) / scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Centred {
    centre: f64,
    scale: f64,
}

impl Centred {
    fn map_all(columns: &[Self], matrix: &Matrix) -> Matrix {
        map_values(matrix, |column| {
            let Self { centre, scale } = columns[column];
            move |x| (x - centre) / scale
        })
    }

    fn onnx_all(all: &[Self], graph: &mut Graph, columns: &Columns) -> Columns {
        columns.map(
            graph,
            |graph, value, range| {
                let of_columns = all[range].iter();
                let centres = graph.row(of_columns.clone().map(|column| column.centre).collect());
                let scales = graph.row(of_columns.map(|column| column.scale).collect());
                let centred = graph.op("Sub", [value, centres]);
                graph.op("Div", [centred, scales])
            },
            |column, x| (x - all[column].centre) / all[column].scale,
        )
    }
}

/// Numbers as they are, but those beyond two bounds as these.
fn onnx_clamped(graph: &mut Graph, columns: &Columns, [low, high]: [f64; 2]) -> Columns {
    columns.map(
        graph,
        |graph, value, _| graph.clamp(value, low, high),
        |_, x| x.clamp(low, high),
    )
}

/// The least scale that is not taken for 0, ten times the machine precision.
pub(super) const LEAST_SCALE: f64 = 10.0 * f64::EPSILON;

/// A scale to divide by: 1 for a column whose scale is near 0.
pub(super) fn divisor(scale: f64) -> f64 {
    if scale < LEAST_SCALE { 1.0 } else { scale }
}

/// Whether a variance can't be told from that of a constant column: the error
/// bound of the two-pass algorithm, as scikit-learn's `_is_constant_feature`.
pub(super) fn is_constant(variance: f64, mean: f64, rows: f64) -> bool {
    let bound = rows * mean * f64::EPSILON;
    variance <= rows * f64::EPSILON * variance + bound * bound
}

impl Step for StandardScaler {
    const NAME: &'static str = "standard_scaler";

    fn description() -> StepDescription {
        describe::<Self>(
            "Subtracts the mean of a column and divides by its standard deviation.",
            vec![
                switch("with_mean", true, "Whether the mean is subtracted."),
                switch(
                    "with_std",
                    true,
                    "Whether it is divided by the standard deviation.",
                ),
            ],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let (with_mean, with_std) = (fit.params.is("with_mean"), fit.params.is("with_std"));
        let moments = fit
            .matrix
            .moments(fit.train, fit.train_weights().as_deref());
        let columns = moments.into_iter().map(|moments| {
            let constant = is_constant(moments.variance, moments.mean, moments.weight);
            Centred {
                centre: if with_mean { moments.mean } else { 0.0 },
                scale: if with_std && !constant {
                    moments.variance.sqrt()
                } else {
                    1.0
                },
            }
        });
        Ok(Self {
            columns: columns.collect(),
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(Centred::map_all(&self.columns, matrix))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(Centred::onnx_all(&self.columns, graph, columns))
    }
}

/// Maps the range of a column to a given one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MinMaxScaler {
    /// By column: `x * scale + min`.
    columns: Vec<(f64, f64)>,
    clip: Option<(f64, f64)>,
}

impl Step for MinMaxScaler {
    const NAME: &'static str = "min_max_scaler";

    fn description() -> StepDescription {
        let range = ParamKind::Pair {
            min: None,
            max: None,
        };
        describe::<Self>(
            "Maps the least and the greatest value of a column to a given range.",
            vec![
                Param::new(
                    "feature_range",
                    vec![range],
                    json!([0, 1]),
                    "The range of the training rows' values.",
                ),
                switch(
                    "clip",
                    false,
                    "Whether values of other rows beyond the range are set to its ends.",
                ),
            ],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let (low, high) = fit.params.pair("feature_range");
        let columns = extremes(fit.matrix, fit.train).map(|(least, greatest)| {
            let scale = (high - low) / divisor(greatest - least);
            (scale, low - least * scale)
        });
        Ok(Self {
            columns: columns.collect(),
            clip: fit.params.is("clip").then_some((low, high)),
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let (low, high) = self.clip.unwrap_or((f64::NEG_INFINITY, f64::INFINITY));
        Ok(map_values(matrix, |column| {
            let (scale, min) = self.columns[column];
            move |x: f64| (x * scale + min).clamp(low, high)
        }))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let scaled = columns.map(
            graph,
            |graph, value, range| {
                let of_columns = self.columns[range].iter();
                let scales = graph.row(of_columns.clone().map(|column| column.0).collect());
                let least = graph.row(of_columns.map(|column| column.1).collect());
                let scaled = graph.op("Mul", [value, scales]);
                graph.op("Add", [scaled, least])
            },
            |column, x| x * self.columns[column].0 + self.columns[column].1,
        );
        Ok(match self.clip {
            Some((low, high)) => onnx_clamped(graph, &scaled, [low, high]),
            None => scaled,
        })
    }
}

/// Subtracts the median and divides by a range between quantiles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct RobustScaler {
    columns: Vec<Centred>,
}

impl Step for RobustScaler {
    const NAME: &'static str = "robust_scaler";

    fn description() -> StepDescription {
        let range = ParamKind::Pair {
            min: Some(0.0),
            max: Some(100.0),
        };
        describe::<Self>(
            "Subtracts the median of a column and divides by the range between two quantiles.",
            vec![
                switch("with_centering", true, "Whether the median is subtracted."),
                switch("with_scaling", true, "Whether it is divided by the range."),
                Param::new(
                    "quantile_range",
                    vec![range],
                    json!([25.0, 75.0]),
                    "The quantiles, in per cent.",
                ),
                switch(
                    "unit_variance",
                    false,
                    "Whether the scale is that at which a normal distribution has a variance of 1.",
                ),
            ],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let (low, high) = fit.params.pair("quantile_range");
        let (low, high) = (low / 100.0, high / 100.0);
        let adjust = if fit.params.is("unit_variance") {
            normal_quantile(high) - normal_quantile(low)
        } else {
            1.0
        };
        let columns = Ordered::columns(fit.matrix, fit.train).map(|values| Centred {
            centre: if fit.params.is("with_centering") {
                values.median()
            } else {
                0.0
            },
            scale: if fit.params.is("with_scaling") {
                divisor(values.quantile(high) - values.quantile(low)) / adjust
            } else {
                1.0
            },
        });
        Ok(Self {
            columns: columns.collect(),
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(Centred::map_all(&self.columns, matrix))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(Centred::onnx_all(&self.columns, graph, columns))
    }
}

/// Divides by the greatest absolute value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct MaxAbsScaler {
    columns: Vec<Centred>,
    clip: bool,
}

impl Step for MaxAbsScaler {
    const NAME: &'static str = "max_abs_scaler";

    fn description() -> StepDescription {
        describe::<Self>(
            "Divides by the greatest absolute value of a column.",
            vec![switch(
                "clip",
                false,
                "Whether values of other rows beyond -1 and 1 are set to these.",
            )],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let columns = extremes(fit.matrix, fit.train).map(|(least, greatest)| Centred {
            centre: 0.0,
            scale: divisor(least.abs().max(greatest.abs())),
        });
        Ok(Self {
            columns: columns.collect(),
            clip: fit.params.is("clip"),
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let scaled = Centred::map_all(&self.columns, matrix);
        if !self.clip {
            return Ok(scaled);
        }
        Ok(map_values(&scaled, |_| |x: f64| x.clamp(-1.0, 1.0)))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let scaled = Centred::onnx_all(&self.columns, graph, columns);
        Ok(match self.clip {
            true => onnx_clamped(graph, &scaled, [-1.0, 1.0]),
            false => scaled,
        })
    }
}
