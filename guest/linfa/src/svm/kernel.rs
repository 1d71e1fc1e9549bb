//! [`Kernel`], and [`Vectors`], the rows that it compares with.

use fanout_sdk::dense::DenseData;
use fanout_sdk::onnx::{Columns, Graph, Value as Node};
use fanout_sdk::{Fault, Matrix, Params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::describe::Values;
use crate::points::{LANES, Metric, Points, Query};
use fanout_sdk::exponential::exp;

/// A kernel of two rows.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Kernel {
    /// `xᵀ z`.
    Linear,
    /// `exp(-gamma ‖x - z‖²)`.
    Rbf {
        /// The factor.
        gamma: f64,
    },
    /// `(gamma xᵀ z + coef0)ᵈᵉᵍʳᵉᵉ`.
    Poly {
        /// The factor.
        gamma: f64,
        /// The constant.
        coef0: f64,
        /// The exponent.
        degree: u32,
    },
    /// `tanh(gamma xᵀ z + coef0)`.
    Sigmoid {
        /// The factor.
        gamma: f64,
        /// The constant.
        coef0: f64,
    },
}

impl Kernel {
    pub(super) fn of(params: &Params, data: &DenseData<'_>) -> Self {
        let columns = data.matrix.columns() as f64;
        let gamma = match &params["gamma"] {
            Value::String(name) if name == "scale" => {
                let variance = variance(data);
                if variance > 0.0 {
                    1.0 / (columns * variance)
                } else {
                    1.0
                }
            }
            Value::String(_) => 1.0 / columns,
            number => number.as_f64().unwrap_or(1.0),
        };
        let coef0 = params.number("coef0");
        match params.text("kernel") {
            "linear" => Self::Linear,
            "poly" => Self::Poly {
                gamma,
                coef0,
                degree: params.count("degree") as u32,
            },
            "sigmoid" => Self::Sigmoid { gamma, coef0 },
            _ => Self::Rbf { gamma },
        }
    }

    /// Of inner products.
    fn of_product(self, product: f64) -> f64 {
        match self {
            Self::Poly {
                gamma,
                coef0,
                degree,
            } => power(gamma * product + coef0, degree),
            Self::Sigmoid { gamma, coef0 } => libm::tanh(gamma * product + coef0),
            Self::Linear | Self::Rbf { .. } => product,
        }
    }
}

/// By squaring, as libsvm: `f64::powi` may differ from host to host.
fn power(mut base: f64, mut exponent: u32) -> f64 {
    let mut result = 1.0;
    while exponent > 0 {
        if exponent % 2 == 1 {
            result *= base;
        }
        base *= base;
        exponent /= 2;
    }
    result
}

/// The variance of all values of the training rows, of whatever column.
fn variance(data: &DenseData<'_>) -> f64 {
    let moments = data.matrix.moments(data.train, None);
    let columns = moments.len() as f64;
    let mean = moments.iter().map(|column| column.mean).sum::<f64>() / columns;
    let squares = moments.iter().map(|column| {
        let from_mean = column.mean - mean;
        column.variance + from_mean * from_mean
    });
    squares.sum::<f64>() / columns
}

/// Rows that queries are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Vectors(Points);

impl Vectors {
    pub(super) fn new(matrix: &Matrix, rows: &[u32]) -> Self {
        Self(Points::new(matrix, rows, Metric::Euclidean))
    }

    /// The number of rows.
    pub(super) fn count(&self) -> usize {
        self.0.count()
    }

    /// The kernel of rows and every one of these, of shape (rows, count), in ONNX.
    ///
    /// # Errors
    /// If the columns are not theirs.
    pub(super) fn onnx(
        &self,
        kernel: Kernel,
        graph: &mut Graph,
        columns: &Columns,
    ) -> Result<Node, Fault> {
        if let Kernel::Rbf { gamma } = kernel {
            let order: Vec<usize> = (0..self.count()).collect();
            let sums = self
                .0
                .onnx_sums(graph, columns, Metric::Euclidean, &order)?;
            let gamma = graph.number(-gamma);
            let exponents = graph.op("Mul", [sums, gamma]);
            return Ok(graph.op("Exp", [exponents]));
        }
        let products = self.0.onnx_products(graph, columns)?;
        let scaled = |graph: &mut Graph, gamma, coef0| {
            let (gamma, coef0) = (graph.number(gamma), graph.number(coef0));
            let scaled = graph.op("Mul", [products, gamma]);
            graph.op("Add", [scaled, coef0])
        };
        Ok(match kernel {
            Kernel::Linear | Kernel::Rbf { .. } => products,
            Kernel::Poly {
                gamma,
                coef0,
                degree,
            } => {
                let (base, degree) = (scaled(graph, gamma, coef0), graph.number(degree.into()));
                graph.op("Pow", [base, degree])
            }
            Kernel::Sigmoid { gamma, coef0 } => {
                let scaled = scaled(graph, gamma, coef0);
                graph.op("Tanh", [scaled])
            }
        })
    }

    /// The kernel of a query and every row.
    pub(super) fn kernel_row(&self, kernel: Kernel, query: &Query, out: &mut Vec<f64>) {
        out.clear();
        for pack in 0..self.0.packs() {
            let mut values = match kernel {
                Kernel::Rbf { .. } => self.0.sums(pack, query, Metric::Euclidean),
                _ => self.0.products(pack, query),
            };
            let real = (self.0.count() - pack * LANES).min(LANES);
            match kernel {
                Kernel::Rbf { gamma } => {
                    values.iter_mut().for_each(|value| *value *= -gamma);
                    exp(&mut values);
                }
                kernel => {
                    let products = values.iter_mut();
                    products.for_each(|value| *value = kernel.of_product(*value));
                }
            }
            out.extend_from_slice(&values[..real]);
        }
    }
}
