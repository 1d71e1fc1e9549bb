//! `quantile_transformer`: maps a column to a uniform or normal distribution.

use serde::{Deserialize, Serialize};

use super::order::Ordered;
use super::{Fit, Step, at_least, choice, describe, map_values};
use crate::contract::{Param, StepDescription};
use crate::normal::{onnx_quantile as onnx_normal_quantile, quantile as normal_quantile};
use crate::onnx::{Columns, Graph, Tensor, Value};
use crate::{Fault, Matrix};

/// Maps each column by its distribution in the training rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct QuantileTransformer {
    /// By column.
    quantiles: Vec<Vec<f64>>,
    normal: bool,
}

/// The distance from the ends within which a value counts as an end, for a normal
/// distribution.
const BOUND: f64 = 1e-7;

impl Step for QuantileTransformer {
    const NAME: &'static str = "quantile_transformer";

    fn description() -> StepDescription {
        describe::<Self>(
            "Maps a column to a uniform or normal distribution by its quantiles.",
            vec![
                Param::new(
                    "n_quantiles",
                    vec![at_least(1)],
                    1000.into(),
                    "The number of quantiles; at most the number of training rows.",
                ),
                choice(
                    "output_distribution",
                    &["uniform", "normal"],
                    "The distribution of the result.",
                ),
            ],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let count = fit
            .params
            .whole("n_quantiles")
            .unwrap_or(1)
            .min(fit.train.len());
        let quantiles = Ordered::columns(fit.matrix, fit.train).map(|values| {
            (0..count)
                .map(|at| values.quantile(share(at, count)))
                .collect()
        });
        Ok(Self {
            quantiles: quantiles.collect(),
            normal: fit.params.text("output_distribution") == "normal",
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let ends = [BOUND - f64::EPSILON, 1.0 - (BOUND - f64::EPSILON)].map(normal_quantile);
        Ok(map_values(matrix, |column| {
            let quantiles = self.quantiles[column].as_slice();
            move |x| {
                let share = self.share_of(x, quantiles);
                if self.normal {
                    normal_quantile(share).clamp(ends[0], ends[1])
                } else {
                    share
                }
            }
        }))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let bound = BOUND - f64::EPSILON;
        Ok(columns.map(
            graph,
            |graph, value, range| {
                let first = range.start;
                let shares = range.map(|column| {
                    let x = graph.columns(value, vec![(column - first) as i64]);
                    self.onnx_share(graph, x, &self.quantiles[column])
                });
                let shares: Vec<Value> = shares.collect();
                let shares = graph.beside(&shares);
                if !self.normal {
                    return shares;
                }
                let shares = graph.clamp(shares, bound, 1.0 - bound);
                onnx_normal_quantile(graph, shares)
            },
            |column, x| {
                let share = self.share_of(x, &self.quantiles[column]);
                match self.normal {
                    true => normal_quantile(share.clamp(bound, 1.0 - bound)),
                    false => share,
                }
            },
        ))
    }
}

/// Where a line begins, its slope, and the share at its beginning.
type Line = (f64, f64, f64);

/// The share of quantile `at` of `count`.
fn share(at: usize, count: usize) -> f64 {
    if at + 1 == count && count > 1 {
        return 1.0;
    }
    at as f64 * (1.0 / (count.max(2) - 1) as f64)
}

impl QuantileTransformer {
    /// [`Self::share_of`] in ONNX, for a column of shape (rows, 1).
    fn onnx_share(&self, graph: &mut Graph, x: Value, quantiles: &[f64]) -> Value {
        let count = quantiles.len();
        let (first, last) = (quantiles[0], quantiles[count - 1]);
        if first.is_nan() {
            let nothing = graph.number(f64::NAN);
            return graph.op("Mul", [x, nothing]);
        }
        // By number of quantiles up to, or below, `x`: a line.
        let line = |at: usize, next: usize| {
            let share_at = share(at, count);
            let slope = match next < count {
                true => (share(next, count) - share_at) / (quantiles[next] - quantiles[at]),
                false => 0.0,
            };
            (quantiles[at], slope, share_at)
        };
        let below = (0..=count).map(|below| match below {
            0 => (first, 0.0, share(0, count)),
            below => line(below - 1, below),
        });
        let above = (0..=count).map(|above| match above {
            above if above == count => (last, 0.0, share(count - 1, count)),
            above => line(above, above.wrapping_sub(1)),
        });
        let row = graph.row(quantiles.to_vec());
        let lines: [(_, Vec<Line>); 2] = [
            ("GreaterOrEqual", below.collect()),
            ("Greater", above.collect()),
        ];
        let [below, above] = lines.map(|(operator, lines)| {
            let passes = graph.op(operator, [x, row]);
            let passes = graph.int64(passes);
            let number = graph.sum(passes, 1, true);
            let mut of_lines = |of: fn(&Line) -> f64| {
                let numbers = lines.iter().map(of).collect();
                let all = graph.constant(Tensor::Double(vec![count + 1], numbers));
                graph.at(all, number)
            };
            let from = of_lines(|line| line.0);
            let slope = of_lines(|line| line.1);
            let share = of_lines(|line| line.2);
            let distance = graph.op("Sub", [x, from]);
            let rise = graph.op("Mul", [slope, distance]);
            graph.op("Add", [rise, share])
        });
        let both = graph.op("Add", [below, above]);
        let half = graph.number(0.5);
        let mut result = graph.op("Mul", [both, half]);
        // The end that is asked first is set last.
        for (end, bound, operators) in [
            (1.0, last, ["Add", "Greater"]),
            (0.0, first, ["Sub", "Less"]),
        ] {
            let bound = graph.number(bound);
            let is_end = match self.normal {
                true => {
                    let width = graph.number(BOUND);
                    let moved = graph.op(operators[0], [x, width]);
                    graph.op(operators[1], [moved, bound])
                }
                false => graph.op("Equal", [x, bound]),
            };
            let end = graph.number(end);
            result = graph.op("Where", [is_end, end, result]);
        }
        result
    }

    /// The share of the training rows below `x`; NaN for NaN.
    fn share_of(&self, x: f64, quantiles: &[f64]) -> f64 {
        let (first, last) = (quantiles[0], quantiles[quantiles.len() - 1]);
        if x.is_nan() || first.is_nan() {
            return f64::NAN;
        }
        let (is_first, is_last) = if self.normal {
            (x - BOUND < first, x + BOUND > last)
        } else {
            (x == first, x == last)
        };
        if is_first {
            return 0.0;
        }
        if is_last {
            return 1.0;
        }
        // The mean of the interpolations from below and from above: they differ
        // where several quantiles are equal.
        let count = quantiles.len();
        let below = quantiles.partition_point(|&q| q <= x);
        let from_below = if below == 0 {
            share(0, count)
        } else {
            between(quantiles, below - 1, below, x)
        };
        let above = quantiles.partition_point(|&q| q < x);
        let from_above = if above == count {
            share(count - 1, count)
        } else {
            between(quantiles, above, above.wrapping_sub(1), x)
        };
        0.5 * (from_below + from_above)
    }
}

/// The share at `x` on the line through quantiles `at` and `next`; that of `at` if
/// there is no `next`.
fn between(quantiles: &[f64], at: usize, next: usize, x: f64) -> f64 {
    let count = quantiles.len();
    if next >= count {
        return share(at, count);
    }
    let slope = (share(next, count) - share(at, count)) / (quantiles[next] - quantiles[at]);
    slope * (x - quantiles[at]) + share(at, count)
}
