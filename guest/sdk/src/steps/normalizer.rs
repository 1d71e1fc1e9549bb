//! `normalizer`: divides each row by its norm.

use serde::{Deserialize, Serialize};

use super::{Fit, Step, check_dense, choice, describe};
use crate::contract::StepDescription;
use crate::matrix::Block;
use crate::onnx::{Columns, Graph};
use crate::{Fault, Matrix};

/// Divides each row by its norm. Its fit learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Normalizer {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    L2,
    /// The greatest absolute value.
    Max,
}

impl Step for Normalizer {
    const NAME: &'static str = "normalizer";

    fn description() -> StepDescription {
        StepDescription {
            missing: false,
            ..describe::<Self>(
                "Divides each row by its norm over the selected columns.",
                vec![choice(
                    "norm",
                    &["l2", "l1", "max"],
                    "The norm: the root of the sum of squares, the sum of absolute values, or the \
                     greatest of these.",
                )],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        Ok(match fit.params.text("norm") {
            "l1" => Self::L1,
            "max" => Self::Max,
            _ => Self::L2,
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        check_dense(matrix.rows(), matrix.columns())?;
        let rows = matrix.all_rows();
        let columns = matrix.places().into_iter();
        let mut columns: Vec<Vec<f64>> = columns
            .map(|place| matrix.blocks()[place.block].values(place.column, &rows))
            .collect();
        let mut norms = vec![0.0; rows.len()];
        for column in &columns {
            for (norm, x) in norms.iter_mut().zip(column) {
                *norm = match self {
                    Self::L1 => *norm + x.abs(),
                    Self::L2 => *norm + x * x,
                    Self::Max => f64::max(*norm, x.abs()),
                };
            }
        }
        for norm in &mut norms {
            if *self == Self::L2 {
                *norm = norm.sqrt();
            }
            *norm = super::scalers::divisor(*norm);
        }
        for column in &mut columns {
            column
                .iter_mut()
                .zip(&norms)
                .for_each(|(x, norm)| *x /= norm);
        }
        let blocks = matrix.names().zip(columns);
        let blocks = blocks.map(|(name, column)| Block::number(name, column));
        Ok(Matrix::new(rows.len(), blocks.collect()))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let value = columns.numbers(graph)?;
        let absolute = graph.op("Abs", [value]);
        let norms = match self {
            Self::L1 => graph.sum(absolute, 1, true),
            Self::L2 => {
                let squares = graph.op("Mul", [value, value]);
                let sums = graph.sum(squares, 1, true);
                graph.op("Sqrt", [sums])
            }
            Self::Max => graph.greatest(absolute),
        };
        let (least, one) = (graph.number(super::scalers::LEAST_SCALE), graph.number(1.0));
        let is_none = graph.op("Less", [norms, least]);
        let norms = graph.op("Where", [is_none, one, norms]);
        Ok(Columns::of_numbers(
            columns.names().into_iter().map(str::to_owned).collect(),
            graph.op("Div", [value, norms]),
        ))
    }
}
