//! `power_transformer`: makes columns more normal by a power of maximum likelihood.

use serde::{Deserialize, Serialize};

use super::order::{Ordered, extremes};
use super::scalers::is_constant;
use super::{Fit, Step, choice, describe, map_values, switch};
use crate::contract::StepDescription;
use crate::onnx::{Columns, Graph, Value};
use crate::{Fault, Matrix};

/// Transforms each column by a power, and standardises it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PowerTransformer {
    method: Method,
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Method {
    YeoJohnson,
    BoxCox,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    lambda: f64,
    mean: f64,
    scale: f64,
}

impl Step for PowerTransformer {
    const NAME: &'static str = "power_transformer";

    fn description() -> StepDescription {
        describe::<Self>(
            "Makes columns more like a normal distribution by a power of maximum likelihood.",
            vec![
                choice(
                    "method",
                    &["yeo-johnson", "box-cox"],
                    "The family of powers; `box-cox` takes numbers above 0 only.",
                ),
                switch(
                    "standardize",
                    true,
                    "Whether the result is scaled to a mean of 0 and a variance of 1.",
                ),
            ],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let method = match fit.params.text("method") {
            "box-cox" => Method::BoxCox,
            _ => Method::YeoJohnson,
        };
        check_positive(method, fit.matrix, fit.train)?;
        let standardize = fit.params.is("standardize");
        let ordered = Ordered::columns(fit.matrix, fit.train).zip(fit.matrix.names());
        let columns = ordered.map(|(values, name)| {
            let values = values.counted();
            let sample = Sample { method, values };
            let (mean, variance) = sample.moments(|x| x);
            let constant = is_constant(variance, mean, sample.weight());
            let lambda = match (sample.values.is_empty(), constant, method) {
                (true, ..) => {
                    return Err(Fault::Failed(format!(
                        "column `{name}` is missing in all training rows"
                    )));
                }
                (_, true, Method::YeoJohnson) => 1.0,
                (_, true, Method::BoxCox) => {
                    return Err(Fault::Failed(format!(
                        "column `{name}` is constant in the training rows, which `box-cox` does \
                         not take"
                    )));
                }
                _ => sample.best_lambda(),
            };
            let (mean, variance) = sample.moments(|x| method.map(x, lambda));
            let constant = is_constant(variance, mean, sample.weight());
            Ok(Column {
                lambda,
                mean: if standardize { mean } else { 0.0 },
                scale: if standardize && !constant {
                    variance.sqrt()
                } else {
                    1.0
                },
            })
        });
        Ok(Self {
            method,
            columns: columns.collect::<Result<_, Fault>>()?,
        })
    }

    fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
        check_positive(self.method, matrix, rows)?;
        Ok(map_values(matrix, |column| {
            let Column {
                lambda,
                mean,
                scale,
            } = self.columns[column];
            move |x| (self.method.map(x, lambda) - mean) / scale
        }))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(columns.map(
            graph,
            |graph, value, range| {
                let of_columns = &self.columns[range];
                let row = |graph: &mut Graph, of: fn(&Column) -> f64| {
                    graph.row(of_columns.iter().map(of).collect())
                };
                let lambdas: Vec<f64> = of_columns.iter().map(|column| column.lambda).collect();
                let mapped = self.method.onnx(graph, value, &lambdas);
                let means = row(graph, |column| column.mean);
                let scales = row(graph, |column| column.scale);
                let centred = graph.op("Sub", [mapped, means]);
                graph.op("Div", [centred, scales])
            },
            |column, x| {
                let of = &self.columns[column];
                (self.method.map(x, of.lambda) - of.mean) / of.scale
            },
        ))
    }
}

/// Checks that Box-Cox can take the numbers of `rows`.
fn check_positive(method: Method, matrix: &Matrix, rows: &[u32]) -> Result<(), Fault> {
    if method == Method::YeoJohnson {
        return Ok(());
    }
    for ((least, _), name) in extremes(matrix, rows).zip(matrix.names()) {
        if least <= 0.0 {
            return Err(Fault::Failed(format!(
                "`box-cox` takes numbers above 0 only, but column `{name}` has {least}; use \
                 `method: yeo-johnson`"
            )));
        }
    }
    Ok(())
}

impl Method {
    /// The power of a number, in the forms of SciPy's `yeojohnson` and `boxcox`.
    fn map(self, x: f64, lambda: f64) -> f64 {
        match self {
            Self::YeoJohnson if x >= 0.0 => power(libm::log1p(x), lambda),
            Self::YeoJohnson => -power(libm::log1p(-x), 2.0 - lambda),
            Self::BoxCox => power(libm::log(x), lambda),
        }
    }

    /// [`Self::map`] in ONNX, which has neither `log1p` nor `expm1`: the error is some
    /// units of 1e-16, and of small λ, below 1e-10.
    fn onnx(self, graph: &mut Graph, value: Value, lambdas: &[f64]) -> Value {
        let (one, zero) = (graph.number(1.0), graph.number(0.0));
        match self {
            Self::BoxCox => {
                let log = graph.op("Log", [value]);
                onnx_power(graph, log, lambdas)
            }
            Self::YeoJohnson => {
                let absolute = graph.op("Abs", [value]);
                let from_one = graph.op("Add", [absolute, one]);
                let log = graph.op("Log", [from_one]);
                let above = onnx_power(graph, log, lambdas);
                let mirrored: Vec<f64> = lambdas.iter().map(|lambda| 2.0 - lambda).collect();
                let below = onnx_power(graph, log, &mirrored);
                let below = graph.op("Neg", [below]);
                let is_above = graph.op("GreaterOrEqual", [value, zero]);
                graph.op("Where", [is_above, above, below])
            }
        }
    }

    /// The logarithm of the derivative of [`Self::map`], by λ - 1.
    fn log_derivative(self, x: f64) -> f64 {
        match self {
            Self::YeoJohnson => libm::log1p(x.abs()).copysign(x),
            Self::BoxCox => libm::log(x),
        }
    }
}

/// `(exp(l)^λ - 1) / λ`, which tends to `l` as λ tends to 0.
fn power(log: f64, lambda: f64) -> f64 {
    if lambda.abs() < f64::EPSILON {
        return log;
    }
    libm::expm1(lambda * log) / lambda
}

/// [`power`] in ONNX, by column. λ near 0, where the exponential less 1 has no digits
/// left, is a series.
fn onnx_power(graph: &mut Graph, log: Value, lambdas: &[f64]) -> Value {
    const SMALL: f64 = 1e-5;
    let is_small = |lambda: &f64| lambda.abs() < SMALL;
    let divisors = lambdas.iter().map(|x| if is_small(x) { 1.0 } else { *x });
    let divisors = graph.row(divisors.collect());
    let one = graph.number(1.0);
    let exponent = graph.op("Mul", [log, divisors]);
    let power = graph.op("Exp", [exponent]);
    let less_one = graph.op("Sub", [power, one]);
    let whole = graph.op("Div", [less_one, divisors]);
    if !lambdas.iter().any(is_small) {
        return whole;
    }
    let row = graph.row(lambdas.to_vec());
    let (half, third, small) = (
        graph.number(0.5),
        graph.number(1.0 / 3.0),
        graph.number(SMALL),
    );
    let exponent = graph.op("Mul", [log, row]);
    let mut series = graph.op("Mul", [exponent, third]);
    for factor in [half, one] {
        series = graph.op("Add", [series, one]);
        let next = if factor == half { exponent } else { log };
        series = graph.op("Mul", [series, next]);
        series = graph.op("Mul", [series, factor]);
    }
    let sizes = graph.op("Abs", [row]);
    let is_series = graph.op("Less", [sizes, small]);
    graph.op("Where", [is_series, series, whole])
}

/// The values of a column with how often each occurs.
struct Sample {
    method: Method,
    values: Vec<(f64, f64)>,
}

impl Sample {
    fn weight(&self) -> f64 {
        self.values.iter().map(|(_, count)| count).sum()
    }

    /// The mean and the variance of a function of the values.
    fn moments(&self, map: impl Fn(f64) -> f64) -> (f64, f64) {
        let mapped: Vec<(f64, f64)> = self.values.iter().map(|&(x, n)| (map(x), n)).collect();
        let mean = mapped.iter().map(|(y, n)| y * n).sum::<f64>() / self.weight();
        let squares = mapped.iter().map(|(y, n)| (y - mean) * (y - mean) * n);
        (mean, squares.sum::<f64>() / self.weight())
    }

    /// The λ of maximum likelihood, found in the interval in which no power
    /// overflows, as SciPy's `yeojohnson_normmax` finds it.
    fn best_lambda(&self) -> f64 {
        let logs = self.values.iter().map(|&(x, _)| match self.method {
            Method::YeoJohnson => libm::log1p(20.0 * x.abs()),
            Method::BoxCox => (libm::log(x)).abs() + 3.0,
        });
        let greatest = logs.fold(0.0, f64::max);
        let log_epsilon = libm::log(f64::EPSILON);
        let low = (libm::log(f64::MIN_POSITIVE) - log_epsilon) / 2.0 / greatest;
        let high = (libm::log(f64::MAX) + log_epsilon) / 2.0 / greatest;
        let is_negative = |&(x, _): &(f64, f64)| x < 0.0;
        let (low, high) = match self.method {
            Method::YeoJohnson if self.values.iter().all(is_negative) => (2.0 - high, 2.0 - low),
            Method::YeoJohnson if self.values.iter().any(is_negative) => {
                ((2.0 - high).max(low), (2.0 - low).min(high))
            }
            _ => (low, high),
        };
        let log_derivatives = self.values.iter();
        let slope: f64 = log_derivatives
            .map(|&(x, n)| self.method.log_derivative(x) * n)
            .sum();
        let weight = self.weight();
        minimum(low, high, |lambda| {
            let (_, variance) = self.moments(|x| self.method.map(x, lambda));
            if variance < f64::MIN_POSITIVE {
                return f64::INFINITY;
            }
            weight / 2.0 * libm::log(variance) - (lambda - 1.0) * slope
        })
    }
}

/// The place of a minimum of `f` between `low` and `high`: Brent's method of golden
/// sections and parabolas, with the constants and the tolerance of SciPy's
/// `fminbound(xtol=1.48e-8)`.
fn minimum(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let root_epsilon = 2.2e-16_f64.sqrt();
    let golden = 0.5 * (3.0 - 5.0_f64.sqrt());
    let (mut a, mut b) = (low, high);
    // The best place, the second and the third best, and the values there.
    let mut best = a + golden * (b - a);
    let (mut second, mut third) = (best, best);
    let mut at_best = f(best);
    let (mut at_second, mut at_third) = (at_best, at_best);
    let (mut step, mut last_step): (f64, f64) = (0.0, 0.0);
    for _ in 0..500 {
        let middle = 0.5 * (a + b);
        let tolerance = root_epsilon * best.abs() + 1.48e-8 / 3.0;
        if (best - middle).abs() <= 2.0 * tolerance - 0.5 * (b - a) {
            break;
        }
        let mut parabola = None;
        if last_step.abs() > tolerance {
            let r = (best - second) * (at_best - at_third);
            let q = (best - third) * (at_best - at_second);
            let p = (best - third) * q - (best - second) * r;
            let q = 2.0 * (q - r);
            let (p, q) = if q > 0.0 { (-p, q) } else { (p, -q) };
            let before = last_step;
            last_step = step;
            if p.abs() < (0.5 * q * before).abs() && p > q * (a - best) && p < q * (b - best) {
                let x = best + p / q;
                let at_end = x - a < 2.0 * tolerance || b - x < 2.0 * tolerance;
                parabola = Some(if at_end {
                    tolerance.copysign(if middle >= best { 1.0 } else { -1.0 })
                } else {
                    p / q
                });
            }
        }
        step = parabola.unwrap_or_else(|| {
            last_step = if best >= middle { a - best } else { b - best };
            golden * last_step
        });
        let sign = if step >= 0.0 { 1.0 } else { -1.0 };
        let x = best + sign * step.abs().max(tolerance);
        let at_x = f(x);
        if at_x <= at_best {
            if x >= best {
                a = best
            } else {
                b = best
            }
            (third, at_third) = (second, at_second);
            (second, at_second) = (best, at_best);
            (best, at_best) = (x, at_x);
        } else {
            if x < best {
                a = x
            } else {
                b = x
            }
            if at_x <= at_second || second == best {
                (third, at_third) = (second, at_second);
                (second, at_second) = (x, at_x);
            } else if at_x <= at_third || third == best || third == second {
                (third, at_third) = (x, at_x);
            }
        }
    }
    best
}
