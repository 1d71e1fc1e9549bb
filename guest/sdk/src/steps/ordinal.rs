//! `ordinal_encoder`: a category as the number of its place in order.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::categories::{Categories, UNKNOWN, categories_param, grouped, infrequent_params};
use super::{Fit, Step, StepParams, choice, choices, describe};
use crate::contract::{Param, ParamKind, StepDescription, Takes};
use crate::matrix::Block;
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix};

/// Encodes each column by a column of whole numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OrdinalEncoder {
    columns: Vec<Column>,
    /// The number of an unknown category; `None` if it is an error.
    unknown: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    categories: Categories,
    /// By category.
    numbers: Vec<f64>,
}

impl Step for OrdinalEncoder {
    const NAME: &'static str = "ordinal_encoder";

    fn description() -> StepDescription {
        let any = ParamKind::Int {
            min: None,
            max: None,
        };
        let mut params = vec![
            categories_param(),
            choice(
                "handle_unknown",
                &["error", "use_encoded_value"],
                "What is done to a category that no training row has: an error, or it becomes \
                 `unknown_value`.",
            ),
            Param::new(
                "unknown_value",
                vec![ParamKind::Null, any.clone(), choices(&["nan"])],
                Value::Null,
                "The number of an unknown category, with `use_encoded_value`; `nan` is missing.",
            ),
            Param::new(
                "encoded_missing_value",
                vec![choices(&["nan"]), any],
                json!("nan"),
                "The number of a missing category; `nan` is missing.",
            ),
        ];
        params.extend(infrequent_params());
        StepDescription {
            takes: Takes::Any,
            ..describe::<Self>("Encodes each category by its place in order.", params)
        }
    }

    fn suits(_: &StepParams, is_category: bool) -> bool {
        is_category
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let given = fit.params.get("unknown_value");
        let uses_value = fit.params.text("handle_unknown") == "use_encoded_value";
        if uses_value == given.is_null() {
            return Err(Fault::InvalidParams(if uses_value {
                "`handle_unknown: use_encoded_value` needs `unknown_value`, a whole number or `nan`"
                    .to_owned()
            } else {
                "`unknown_value` is for `handle_unknown: use_encoded_value` only".to_owned()
            }));
        }
        let unknown = uses_value.then(|| given.as_f64().unwrap_or(f64::NAN));
        let missing = fit
            .params
            .number("encoded_missing_value")
            .unwrap_or(f64::NAN);
        let mut columns = Vec::new();
        let all = Categories::of_columns(fit)?.into_iter();
        for ((categories, mut counts), name) in all.zip(fit.matrix.names()) {
            counts.truncate(categories.known());
            let grouping = grouped(fit.params, &counts, fit.train.len());
            let is_taken = |value: f64| value >= 0.0 && value < grouping.len as f64;
            let taken = [
                ("unknown_value", unknown.is_some_and(is_taken)),
                (
                    "encoded_missing_value",
                    categories.has_missing() && is_taken(missing),
                ),
            ];
            if let Some((param, _)) = taken.iter().find(|(_, taken)| *taken) {
                return Err(Fault::InvalidParams(format!(
                    "`{param}` is the number of a category of column `{name}`, whose categories \
                     are 0 to {}",
                    grouping.len - 1
                )));
            }
            let mut numbers: Vec<f64> = grouping.codes.iter().copied().map(f64::from).collect();
            if categories.has_missing() {
                numbers.push(missing);
            }
            columns.push(Column {
                categories,
                numbers,
            });
        }
        Ok(Self { columns, unknown })
    }

    fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
        let mut blocks = Vec::new();
        let places = matrix.places().into_iter().zip(matrix.names());
        for ((place, name), column) in places.zip(&self.columns) {
            let codes = column.categories.encode(matrix, place);
            if self.unknown.is_none() {
                column.categories.check_known(
                    matrix,
                    place,
                    &codes,
                    rows,
                    "set `handle_unknown: use_encoded_value` and `unknown_value`",
                )?;
            }
            let unknown = self.unknown.unwrap_or(f64::NAN);
            let numbers = codes.iter().map(|&code| match code {
                UNKNOWN => unknown,
                code => column.numbers[code as usize],
            });
            blocks.push(Block::number(name, numbers.collect()));
        }
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let mut blocks = Vec::new();
        for (at, (column, name)) in self.columns.iter().zip(columns.names()).enumerate() {
            let input = columns.select(graph, &[at]);
            let (input, numbers) = (&input.blocks()[0], &column.numbers);
            blocks.push(onnx::Block::Numbers {
                names: vec![name.to_owned()],
                value: column
                    .categories
                    .onnx(graph, input, numbers, self.unknown)?,
            });
        }
        Ok(Columns::new(blocks))
    }
}
