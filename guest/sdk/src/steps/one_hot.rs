//! `one_hot_encoder`: a column of 0 and 1 per category, as a coded block.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::categories::{Categories, UNKNOWN, categories_param, grouped, infrequent_params};
use super::{Fit, Step, StepParams, choice, choices, describe};
use crate::contract::{Param, ParamKind, StepDescription, Takes};
use crate::matrix::{Block, CodedBlock, CodedColumn, Codes};
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix};

/// Encodes each column by a coded block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct OneHotEncoder {
    columns: Vec<Column>,
    refuses_unknown: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    categories: Categories,
    /// By category: its output column, or [`CodedBlock::NONE`].
    column_of: Vec<u32>,
    /// The output column of an unknown category, or [`CodedBlock::NONE`].
    unknown: u32,
    names: Vec<String>,
}

impl Step for OneHotEncoder {
    const NAME: &'static str = "one_hot_encoder";

    fn description() -> StepDescription {
        let mut params = vec![
            categories_param(),
            choice(
                "handle_unknown",
                &["error", "ignore", "infrequent_if_exist", "warn"],
                "What is done to a category that no training row has: an error, 0 in all columns, \
                 or the column of infrequent categories if there is one (`warn` as well).",
            ),
            Param::new(
                "drop",
                vec![ParamKind::Null, choices(&["first", "if_binary"])],
                Value::Null,
                "Whether the first category of every column, or of those of two categories, has \
                 no column.",
            ),
        ];
        params.extend(infrequent_params());
        StepDescription {
            takes: Takes::Any,
            ..describe::<Self>("Encodes each category by a column of 0 and 1.", params)
        }
    }

    fn suits(_: &StepParams, is_category: bool) -> bool {
        is_category
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let columns = Categories::of_columns(fit)?.into_iter();
        let columns = columns.zip(fit.matrix.names());
        let columns = columns.map(|((categories, counts), name)| {
            column(fit.params, name, categories, &counts, fit.train.len())
        });
        Ok(Self {
            columns: columns.collect(),
            refuses_unknown: fit.params.text("handle_unknown") == "error",
        })
    }

    fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
        let mut blocks = Vec::new();
        for (place, column) in matrix.places().into_iter().zip(&self.columns) {
            let codes = column.categories.encode(matrix, place);
            if self.refuses_unknown {
                column.categories.check_known(
                    matrix,
                    place,
                    &codes,
                    rows,
                    "set `handle_unknown` to `ignore` or `infrequent_if_exist`",
                )?;
            }
            if column.names.is_empty() {
                continue;
            }
            // The last level is that of unknown categories.
            let unknown = column.categories.len();
            let levels = codes.iter().map(|&code| match code {
                UNKNOWN => unknown as u32,
                code => code,
            });
            let codes = Codes::new(unknown + 1, levels);
            let mut column_of = column.column_of.clone();
            column_of.push(column.unknown);
            let columns = column.names.iter().map(|name| CodedColumn {
                name: name.clone(),
                offset: 0.0,
                scale: 1.0,
            });
            blocks.push(Block::Coded(CodedBlock::new(
                codes,
                column_of,
                columns.collect(),
            )));
        }
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let place = |column: u32| match column {
            CodedBlock::NONE => -1.0,
            column => f64::from(column),
        };
        let mut blocks = Vec::new();
        for (at, column) in self.columns.iter().enumerate() {
            if column.names.is_empty() {
                continue;
            }
            let places: Vec<f64> = column.column_of.iter().copied().map(place).collect();
            let unknown = (!self.refuses_unknown).then(|| place(column.unknown));
            let input = columns.select(graph, &[at]);
            let input = &input.blocks()[0];
            let code = column.categories.onnx(graph, input, &places, unknown)?;
            blocks.push(onnx::Block::one_hot(graph, code, column.names.clone()));
        }
        Ok(Columns::new(blocks))
    }
}

/// The output columns of a column.
fn column(
    params: &StepParams,
    name: &str,
    categories: Categories,
    counts: &[usize],
    rows: usize,
) -> Column {
    let grouping = grouped(params, counts, rows);
    let dropped = match params.text("drop") {
        "first" => Some(0),
        "if_binary" if grouping.len == 2 => Some(0),
        _ => None,
    };
    // The output column of a code: those after the dropped one move up.
    let output = |code: u32| match dropped {
        Some(dropped) if code == dropped => CodedBlock::NONE,
        Some(dropped) if code > dropped => code - 1,
        _ => code,
    };
    let column_of: Vec<u32> = grouping.codes.iter().map(|&code| output(code)).collect();
    let mut names = vec![String::new(); grouping.len];
    for (category, &code) in grouping.codes.iter().enumerate() {
        names[code as usize] = if grouping.group == Some(code) {
            format!("{name}_infrequent_sklearn")
        } else {
            format!("{name}_{}", categories.name(category))
        };
    }
    if let Some(dropped) = dropped
        && !names.is_empty()
    {
        names.remove(dropped as usize);
    }
    let takes_unknown = matches!(
        params.text("handle_unknown"),
        "infrequent_if_exist" | "warn"
    );
    let unknown = grouping.group.filter(|_| takes_unknown);
    Column {
        categories,
        column_of,
        unknown: unknown.map_or(CodedBlock::NONE, output),
        names,
    }
}
