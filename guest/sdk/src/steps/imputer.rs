//! `simple_imputer`: fills missing values of a column with one value.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::order::Ordered;
use super::{Fit, Step, StepParams, choice, describe, switch};
use crate::contract::{Param, ParamKind, StepDescription, Takes};
use crate::labels::sort_order;
use crate::matrix::{Block, CategoryColumn, CodedBlock, CodedColumn, Codes, Shared};
use crate::onnx::{self, Columns, Graph};
use crate::{Fault, Matrix};

/// Fills missing values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SimpleImputer {
    columns: Vec<Column>,
}

/// What is done to a column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Column {
    /// `None` if the column was missing in all training rows and is left out.
    fill: Option<Fill>,
    /// Whether a column says which rows were missing.
    indicator: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Fill {
    Number(f64),
    Label(String),
    /// A coded column is never missing.
    Nothing,
}

/// The label that fills categories by default, and that of an empty one.
const MISSING_LABEL: &str = "missing_value";

impl Step for SimpleImputer {
    const NAME: &'static str = "simple_imputer";

    fn description() -> StepDescription {
        let any_number = ParamKind::Float {
            min: None,
            max: None,
            above_min: false,
        };
        StepDescription {
            takes: Takes::Any,
            ..describe::<Self>(
                "Fills missing values with a column's mean, median, most frequent value or a \
                 constant.",
                vec![
                    choice(
                        "strategy",
                        &["mean", "median", "most_frequent", "constant"],
                        "The value that fills missing ones: of the training rows, or `fill_value`. \
                         Of several most frequent ones, the first in order. `mean` and `median` \
                         fill numbers only.",
                    ),
                    Param::new(
                        "fill_value",
                        vec![ParamKind::Null, any_number, ParamKind::Text],
                        Value::Null,
                        "The value of the strategy `constant`: a number for columns of numbers, a \
                         text for categories; `null` is 0 or `missing_value`.",
                    ),
                    switch(
                        "add_indicator",
                        false,
                        "Whether a column `missingindicator_<name>` of 0 and 1 is added for each \
                         column that is missing in training rows.",
                    ),
                    switch(
                        "keep_empty_features",
                        false,
                        "Whether a column that is missing in all training rows is filled with 0 \
                         (or `fill_value`), not left out.",
                    ),
                ],
            )
        }
    }

    fn suits(params: &StepParams, is_category: bool) -> bool {
        match (params.text("strategy"), params.get("fill_value")) {
            ("mean" | "median", _) | ("constant", Value::Number(_)) => !is_category,
            ("constant", Value::String(_)) => is_category,
            _ => true,
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let add_indicator = fit.params.is("add_indicator");
        let mut columns = Vec::new();
        for block in fit.matrix.blocks() {
            let mut push = |(fill, missing)| {
                columns.push(Column {
                    fill,
                    indicator: add_indicator && missing > 0,
                });
            };
            match block {
                Block::Number(column) => {
                    for values in Ordered::of_block(block, fit.train) {
                        let missing = fit.train.len() - values.len();
                        push((number(fit.params, &column.name, &values)?, missing));
                    }
                }
                Block::Category(column) => push(label(fit.params, column, fit.train)?),
                Block::Coded(block) => {
                    block
                        .columns()
                        .iter()
                        .for_each(|_| push((Some(Fill::Nothing), 0)));
                }
            }
        }
        Ok(Self { columns })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let kept: Vec<usize> = all
            .iter()
            .copied()
            .filter(|&column| self.columns[column].fill.is_some())
            .collect();
        let selected = matrix.select(&kept);
        let mut fills = kept
            .iter()
            .filter_map(|&column| self.columns[column].fill.as_ref());
        let mut blocks: Vec<Block> = Vec::new();
        for block in selected.blocks() {
            let fill = fills.nth(block.columns() - 1);
            blocks.push(match (block, fill) {
                // Nothing to fill: the column is shared.
                (Block::Number(column), _) if !column.values.may_have(f64::is_nan) => block.clone(),
                (Block::Number(column), Some(&Fill::Number(fill))) => {
                    let fill = |x: f64| if x.is_nan() { fill } else { x };
                    Block::numbers(&column.name, column.values.map(fill))
                }
                (Block::Category(column), Some(Fill::Label(fill))) => {
                    Block::Category(filled(column, fill))
                }
                (block, _) => block.clone(),
            });
        }
        let places = matrix.places();
        for &column in all.iter().filter(|&&column| self.columns[column].indicator) {
            blocks.push(indicator(&matrix.blocks()[places[column].block]));
        }
        Ok(Matrix::new(matrix.rows(), blocks))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let all = 0..self.columns.len();
        let kept: Vec<usize> = all
            .clone()
            .filter(|&column| self.columns[column].fill.is_some())
            .collect();
        let fills: Vec<&Fill> = kept
            .iter()
            .filter_map(|&column| self.columns[column].fill.as_ref())
            .collect();
        let number = |fill: &&Fill| match fill {
            Fill::Number(number) => *number,
            Fill::Label(_) | Fill::Nothing => 0.0,
        };
        let out = columns.select(graph, &kept).map(
            graph,
            |graph, value, range| {
                let fill = graph.row(fills[range].iter().map(number).collect());
                let is_missing = graph.op("IsNaN", [value]);
                graph.op("Where", [is_missing, fill, value])
            },
            |_, x| x,
        );
        let mut first = 0;
        let filled = out.blocks().iter().map(|block| {
            let mut block = block.clone();
            if let (onnx::Block::Category { filled, .. }, Fill::Label(label)) =
                (&mut block, fills[first])
                && filled.is_none()
            {
                *filled = Some(label.clone());
            }
            first += block.len();
            block
        });
        let mut blocks: Vec<onnx::Block> = filled.collect();
        for column in all.filter(|&column| self.columns[column].indicator) {
            let column = columns.select(graph, &[column]);
            blocks.push(onnx_indicator(graph, &column)?);
        }
        Ok(Columns::new(blocks))
    }
}

/// [`indicator`] of one column.
fn onnx_indicator(graph: &mut Graph, column: &Columns) -> Result<onnx::Block, Fault> {
    let is_missing = match &column.blocks()[0] {
        block @ onnx::Block::Category { .. } => {
            block.look_up(graph, &[], &[], [Some(1.0), Some(0.0)])?
        }
        block => {
            let value = block.numbers(graph)?;
            let is_missing = graph.op("IsNaN", [value]);
            graph.double(is_missing)
        }
    };
    let column = CodedColumn {
        name: format!("missingindicator_{}", column.names()[0]),
        offset: 0.0,
        scale: 1.0,
    };
    Ok(onnx::Block::Coded {
        columns: vec![column],
        inside: is_missing,
    })
}

/// The number that fills a column.
fn number(params: &StepParams, name: &str, values: &Ordered) -> Result<Option<Fill>, Fault> {
    let keep_empty = params.is("keep_empty_features");
    let constant = match (params.text("strategy"), params.get("fill_value")) {
        ("constant", Value::String(text)) => {
            return Err(Fault::InvalidParams(format!(
                "`fill_value` is the text `{text}`, but column `{name}` has numbers"
            )));
        }
        ("constant", fill) => fill.as_f64().unwrap_or(0.0),
        _ => 0.0,
    };
    if values.len() == 0 {
        return Ok(keep_empty.then_some(Fill::Number(constant)));
    }
    Ok(Some(Fill::Number(match params.text("strategy") {
        "mean" => {
            let sum: f64 = (0..values.len()).map(|rank| values.get(rank)).sum();
            sum / values.len() as f64
        }
        "median" => values.median(),
        "most_frequent" => most_frequent(values),
        _ => constant,
    })))
}

/// The value that occurs most; of several, the least.
fn most_frequent(values: &Ordered) -> f64 {
    let (mut best, mut best_count, mut start) = (f64::NAN, 0, 0);
    for rank in 0..values.len() {
        if values.get(rank) != values.get(start) {
            start = rank;
        }
        if rank + 1 - start > best_count {
            (best, best_count) = (values.get(rank), rank + 1 - start);
        }
    }
    best
}

/// The label that fills a column of categories, and the number of missing training
/// rows.
fn label(
    params: &StepParams,
    column: &CategoryColumn,
    train: &[u32],
) -> Result<(Option<Fill>, usize), Fault> {
    let constant = match (params.text("strategy"), params.get("fill_value")) {
        ("constant", Value::Number(number)) => {
            return Err(Fault::InvalidParams(format!(
                "`fill_value` is the number `{number}`, but column `{}` is a category",
                column.name
            )));
        }
        ("constant", fill) => fill.as_str().unwrap_or(MISSING_LABEL),
        ("most_frequent", _) => "0",
        (strategy, _) => {
            return Err(Fault::InvalidParams(format!(
                "the strategy `{strategy}` fills numbers, but column `{}` is a category; select \
                 `columns: numeric`, or use the strategy `most_frequent`",
                column.name
            )));
        }
    };
    let (counts, missing) = column.counts(train);
    // The last of equal counts in reverse order: the first label.
    let most = (0..counts.len()).rev().max_by_key(|&code| counts[code]);
    let fill = if missing == train.len() {
        params.is("keep_empty_features").then_some(constant)
    } else if params.text("strategy") == "most_frequent" {
        most.map(|code| column.labels[code].as_str())
    } else {
        Some(constant)
    };
    Ok((fill.map(|fill| Fill::Label(fill.to_owned())), missing))
}

/// A column of categories without missing values. A label that is new is added in
/// its place in the order.
fn filled(column: &CategoryColumn, fill: &str) -> CategoryColumn {
    let mut labels = column.labels.clone();
    let mut recode: Option<Vec<u32>> = None;
    if !labels.iter().any(|label| label == fill) {
        let mut added: Vec<String> = labels.to_vec();
        added.push(fill.to_owned());
        let order = sort_order(&added);
        let mut ranks = vec![0; added.len()];
        for (rank, &place) in (0u32..).zip(&order) {
            ranks[place] = rank;
        }
        labels = Shared::new(order.iter().map(|&place| added[place].clone()).collect());
        recode = Some(ranks);
    }
    let fill = labels.iter().position(|label| label == fill);
    let fill = fill.expect("the label was added") as u32;
    let codes = column.codes.iter().map(|code| match (code, &recode) {
        (CategoryColumn::MISSING, _) => fill,
        (code, None) => code,
        (code, Some(ranks)) => ranks[code as usize],
    });
    CategoryColumn {
        name: column.name.clone(),
        codes: codes.collect(),
        labels,
    }
}

/// A column of 0 and 1: whether a column is missing.
fn indicator(block: &Block) -> Block {
    let codes = match block {
        Block::Number(column) => Codes::new(2, column.values.iter().map(|x| u32::from(x.is_nan()))),
        Block::Category(column) => {
            let missing = column
                .codes
                .iter()
                .map(|code| u32::from(code == CategoryColumn::MISSING));
            Codes::new(2, missing)
        }
        Block::Coded(block) => Codes::new(2, (0..block.codes().len()).map(|_| 0)),
    };
    let column = CodedColumn {
        name: format!("missingindicator_{}", block.name(0)),
        offset: 0.0,
        scale: 1.0,
    };
    Block::Coded(CodedBlock::new(
        codes,
        vec![CodedBlock::NONE, 0],
        vec![column],
    ))
}
