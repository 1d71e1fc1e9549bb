//! [`Pipeline`]: the steps of a task, fitted in order on the training rows.
//!
//! # Use in a task
//!
//! 1. [`check`] finds mistakes in steps without data.
//! 2. [`Pipeline::fit`] fits the steps on the training rows of a [`Matrix`] (the
//!    dataset's, [`Matrix::of`], kept once per dataset), and returns the fitted
//!    pipeline, which is part of a model, with the matrix for the estimator. A
//!    [`StepCache`] keeps what several candidates share: a prefix of equal steps
//!    on one split is fitted once.
//! 3. [`crate::Trainer::prepare_matrix`] prepares that matrix, and the trainer is
//!    fitted on it with the rows of the task.
//! 4. [`Pipeline::apply`] transforms another table, for predictions.
//!
//! No step reads a row that is not a training row in its fit. The result of a
//! candidate does not depend on the cache, bit for bit.
//!
//! # Nested parameters
//!
//! If [`StepCache::expect`] was told which candidates there are, a step with nested
//! parameters (`n_components`, `k`) is fitted once, at the widest of their values,
//! and its narrower fits are cut out of that.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::contract::step::matches_pattern;
use crate::contract::{Columns, StepDescription, Takes, TaskStep};
use crate::matrix::Block;
use crate::steps::{self, Fit, FittedStep, StepParams};
use crate::{Fault, Matrix, Table, Target, onnx};

pub use cache::StepCache;
pub(crate) use cache::bytes_of;
use cache::{CachedStep, prefix_key, split_key};

mod cache;
#[cfg(test)]
mod tests;

/// Fitted steps, in order. It is serialised in postcard's format, as part of a
/// model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pipeline {
    inputs: Vec<Input>,
    steps: Vec<FittedTaskStep>,
}

/// A column of the table that the pipeline was fitted on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Input {
    name: String,
    is_category: bool,
}

/// A [`TaskStep`], fitted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct FittedTaskStep {
    name: String,
    /// The names of the columns that it transforms, in order.
    columns: Vec<String>,
    /// `None` if no column is selected.
    step: Option<FittedStep>,
}

/// The rows that a pipeline is fitted on, and those that it transforms.
#[derive(Clone, Copy, Debug)]
pub struct FitRows<'a> {
    /// A text that tells apart all else in this struct, for the [`StepCache`]: the
    /// target's name and the split as JSON.
    pub key: &'a str,
    /// The target of all rows of the table. Only training rows are read.
    pub target: &'a Target,
    /// The training rows, ascending; at least one.
    pub train: &'a [u32],
    /// The test rows, ascending. They are transformed, not read by any fit. Other
    /// rows have undefined values in the result.
    pub test: &'a [u32],
    /// A weight for each row of the table. `standard_scaler` and
    /// `k_bins_discretizer` use it, as in scikit-learn; a scikit-learn pipeline
    /// passes weights to its last estimator only, which is `None` here.
    pub weights: Option<&'a [f64]>,
}

/// Checks steps without data: that there are such steps, that their names are
/// unique, and that parameters have allowed values.
///
/// # Errors
/// [`Fault::InvalidTask`] or [`Fault::InvalidParams`], with the step's name.
pub fn check(steps: &[TaskStep]) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    for step in steps {
        if !names.insert(&step.name) {
            return Err(Fault::InvalidTask(format!(
                "two steps are named `{}`",
                step.name
            )));
        }
        resolve(step)?;
    }
    Ok(())
}

/// The description of a step and its parameters, with defaults.
fn resolve(step: &TaskStep) -> Result<(StepDescription, StepParams), Fault> {
    let description = steps::description(&step.step).map_err(|fault| within(step, fault))?;
    let params =
        StepParams::new(&description, &step.params).map_err(|fault| within(step, fault))?;
    Ok((description, params))
}

/// A fault with the name of its step.
fn within(step: &TaskStep, fault: Fault) -> Fault {
    let is_same = step.name == step.step;
    fault.map_message(|message| {
        if is_same {
            format!("step `{}`: {message}", step.name)
        } else {
            format!("step `{}` (`{}`): {message}", step.name, step.step)
        }
    })
}

impl Pipeline {
    /// Fits `steps` in order on the training rows of `matrix`. Returns the fitted
    /// steps, and the matrix as the last of them leaves it, with the same rows; the
    /// training rows of a `target_encoder` are cross-fitted.
    ///
    /// # Errors
    /// If a step can't be fitted, or can't transform a training or test row. The
    /// message names the step.
    pub fn fit(
        steps: &[TaskStep],
        matrix: &Matrix,
        rows: &FitRows<'_>,
        cache: &mut StepCache,
    ) -> Result<(Self, Matrix), Fault> {
        check(steps)?;
        let mut used: Vec<u32> = [rows.train, rows.test].concat();
        // Two ascending runs, which this sort merges.
        used.sort();
        let (mut key, mut matrix_now) = (rows.key.to_owned(), matrix.clone());
        let mut fitted = Vec::with_capacity(steps.len());
        for step in steps {
            let (one, out) = fit_step(step, &matrix_now, rows, &used, &key, cache)?;
            fitted.push(one);
            matrix_now = out;
            key = prefix_key(&key, step);
        }
        let pipeline = Self {
            steps: fitted,
            ..Self::without_steps(matrix)
        };
        Ok((pipeline, matrix_now))
    }

    /// A pipeline that changes nothing: [`Self::apply`] finds the columns of
    /// `matrix` in another table, by name.
    pub fn without_steps(matrix: &Matrix) -> Self {
        let inputs = matrix.blocks().iter().flat_map(|block| {
            let is_category = matches!(block, Block::Category(_));
            block.names().map(move |name| Input {
                name: name.to_owned(),
                is_category,
            })
        });
        Self {
            inputs: inputs.collect(),
            steps: Vec::new(),
        }
    }

    /// The names of the columns that it takes, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.inputs.iter().map(|input| input.name.as_str())
    }

    /// Transforms all rows of a table. Its features are found by name, categories
    /// by label; it may have others.
    ///
    /// # Errors
    /// [`Fault::InvalidDataset`] if a feature is missing or of another kind, and
    /// [`Fault::Failed`] if a row has a value that a step can't transform.
    pub fn apply(&self, table: &Table) -> Result<Matrix, Fault> {
        let mut matrix = Matrix::of_features(table, self.places(table)?)?;
        let rows = matrix.all_rows();
        for fitted in &self.steps {
            matrix = fitted.transform(&matrix, &rows)?;
        }
        Ok(matrix)
    }

    /// The operators of ONNX that transform rows as [`Self::apply`] does. The features
    /// become inputs of the graph.
    ///
    /// # Errors
    /// If a step can't be said in ONNX; the message names it.
    pub fn onnx(&self, graph: &mut onnx::Graph) -> Result<onnx::Columns, Fault> {
        let inputs = self.inputs.iter();
        let inputs = inputs.map(|input| (input.name.as_str(), input.is_category));
        let mut columns = onnx::Columns::inputs(graph, inputs);
        for fitted in &self.steps {
            columns = fitted.onnx(graph, columns)?;
        }
        Ok(columns)
    }

    /// By input: the index of its feature in a table.
    fn places(&self, table: &Table) -> Result<Vec<usize>, Fault> {
        let features = table.features();
        let by_name: BTreeMap<&str, usize> = features
            .iter()
            .map(|feature| feature.name.as_str())
            .zip(0..)
            .collect();
        let kind = |is_category| {
            if is_category {
                "a category"
            } else {
                "a number"
            }
        };
        let places = self.inputs.iter().map(|input| {
            let place = *by_name.get(input.name.as_str()).ok_or_else(|| {
                Fault::InvalidDataset(format!(
                    "the model was fitted on a feature `{}`, which the dataset does not have",
                    input.name
                ))
            })?;
            let is_category = features[place].labels.is_some();
            if is_category != input.is_category {
                return Err(Fault::InvalidDataset(format!(
                    "feature `{}` is {} in the model, but {} in the dataset",
                    input.name,
                    kind(input.is_category),
                    kind(is_category)
                )));
            }
            Ok(place)
        });
        places.collect()
    }
}

impl FittedTaskStep {
    fn transform(&self, matrix: &Matrix, rows: &[u32]) -> Result<Matrix, Fault> {
        let Some(step) = &self.step else {
            return Ok(matrix.clone());
        };
        let (selected, rest) = divide(matrix, &places_of(matrix, &self.columns)?);
        let out = step.transform(&selected, rows).map_err(|fault| {
            fault.map_message(|message| format!("step `{}`: {message}", self.name))
        })?;
        Ok(join(out, rest, &self.name))
    }

    fn onnx(
        &self,
        graph: &mut onnx::Graph,
        columns: onnx::Columns,
    ) -> Result<onnx::Columns, Fault> {
        let Some(step) = &self.step else {
            return Ok(columns);
        };
        let places = places_among(&columns.names(), &self.columns)?;
        let rest = others(columns.len(), &places);
        let selected = columns.select(graph, &places);
        let rest = columns.select(graph, &rest);
        let out = step.onnx(graph, &selected).map_err(|fault| {
            fault.map_message(|message| format!("step `{}`: {message}", self.name))
        })?;
        let out = out.renamed(unique(rest.names(), &self.name));
        Ok(out.beside(rest))
    }
}

/// The places of columns, by name.
fn places_of(matrix: &Matrix, names: &[String]) -> Result<Vec<usize>, Fault> {
    places_among(&matrix.names().collect::<Vec<_>>(), names)
}

/// The places of names among `known`.
fn places_among(known: &[&str], names: &[String]) -> Result<Vec<usize>, Fault> {
    let by_name: BTreeMap<&str, usize> = known.iter().copied().zip(0..).collect();
    let places = names.iter().map(|name| {
        by_name.get(name.as_str()).copied().ok_or_else(|| {
            Fault::InvalidTask(format!(
                "there is no column `{name}` at this step; the columns are `{}`",
                known.join("`, `")
            ))
        })
    });
    places.collect()
}

/// The selected columns, and the others in their order.
fn divide(matrix: &Matrix, selected: &[usize]) -> (Matrix, Matrix) {
    let rest = others(matrix.columns(), selected);
    (matrix.select(selected), matrix.select(&rest))
}

/// The columns of `count` that are not selected, in their order.
fn others(count: usize, selected: &[usize]) -> Vec<usize> {
    let mut is_selected = vec![false; count];
    selected
        .iter()
        .for_each(|&column| is_selected[column] = true);
    (0..count).filter(|&column| !is_selected[column]).collect()
}

/// The output of a step and the other columns.
fn join(out: Matrix, rest: Matrix, step: &str) -> Matrix {
    let out = out.renamed(unique(rest.names(), step));
    out.beside(rest)
}

/// Names for the output of a step beside columns `taken`. A name that a column has
/// already gets the step's name before it, and a number behind it if that is taken too.
fn unique<'a>(taken: impl IntoIterator<Item = &'a str>, step: &str) -> impl FnMut(&str) -> String {
    let mut taken: BTreeSet<String> = taken.into_iter().map(str::to_owned).collect();
    move |name| {
        let mut new = name.to_owned();
        let mut number = 1;
        while !taken.insert(new.clone()) {
            new = match number {
                1 => format!("{step}__{name}"),
                number => format!("{step}__{name}__{number}"),
            };
            number += 1;
        }
        new
    }
}

/// The columns that a step transforms.
fn select(step: &TaskStep, params: &StepParams, matrix: &Matrix) -> Result<Vec<usize>, Fault> {
    let is_category: Vec<bool> = matrix
        .blocks()
        .iter()
        .flat_map(|block| vec![matches!(block, Block::Category(_)); block.columns()])
        .collect();
    let all = 0..matrix.columns();
    Ok(match &step.columns {
        Columns::All => all.collect(),
        Columns::Numeric => all.filter(|&column| !is_category[column]).collect(),
        Columns::Categorical => all.filter(|&column| is_category[column]).collect(),
        Columns::Suited => all
            .filter(|&column| steps::suits(&step.step, params, is_category[column]))
            .collect(),
        Columns::Names(names) => {
            let places = places_of(matrix, names)?;
            if let Some((_, twice)) = (1..)
                .zip(&places)
                .find(|(next, place)| places[*next..].contains(place))
            {
                let name = matrix.names().nth(*twice).unwrap_or_default();
                return Err(Fault::InvalidTask(format!(
                    "column `{name}` is selected twice"
                )));
            }
            places
        }
        Columns::Pattern(pattern) => {
            let names = matrix.names().enumerate();
            let matching = names.filter(|(_, name)| matches_pattern(pattern, name));
            let places: Vec<usize> = matching.map(|(place, _)| place).collect();
            if places.is_empty() {
                let known: Vec<&str> = matrix.names().collect();
                return Err(Fault::InvalidTask(format!(
                    "no column matches `{pattern}` at this step; the columns are `{}`",
                    known.join("`, `")
                )));
            }
            places
        }
    })
}

/// Checks that a step can take its columns.
fn check_columns(
    description: &StepDescription,
    selected: &Matrix,
    rows: &[u32],
) -> Result<(), Fault> {
    if description.takes == Takes::Numbers
        && let Some(name) = selected.first_category()
    {
        return Err(Fault::InvalidTask(format!(
            "it takes numbers, but column `{name}` is a category; select `columns: numeric`, or \
             add the step `one_hot_encoder` before it"
        )));
    }
    if let Some((name, row)) = selected.first_infinite(rows) {
        return Err(Fault::InvalidDataset(format!(
            "it takes no infinite numbers, but column `{name}` is infinite in row {row} (counted \
             from 0)"
        )));
    }
    if !description.missing
        && let Some((name, row)) = selected.first_missing(rows)
    {
        return Err(Fault::InvalidDataset(format!(
            "it takes no missing values, but column `{name}` is missing in row {row} (counted \
             from 0); add the step `simple_imputer` before it"
        )));
    }
    Ok(())
}

/// Fits one step, or takes its fit from the cache. `before` is the key of the
/// steps before it.
fn fit_step(
    step: &TaskStep,
    matrix: &Matrix,
    rows: &FitRows<'_>,
    used: &[u32],
    before: &str,
    cache: &mut StepCache,
) -> Result<(FittedTaskStep, Matrix), Fault> {
    let (description, params) = resolve(step)?;
    let (key, _) = split_key(before, step, &description);
    if let Some(found) = cache.find(&key, &params) {
        return Ok(found);
    }
    let fault = |fault| within(step, fault);
    let columns = select(step, &params, matrix).map_err(fault)?;
    let (selected, rest) = divide(matrix, &columns);
    let names: Vec<&str> = matrix.names().collect();
    let mut fitted = FittedTaskStep {
        name: step.name.clone(),
        columns: columns
            .iter()
            .map(|&column| names[column].to_owned())
            .collect(),
        step: None,
    };
    if columns.is_empty() {
        return Ok((fitted, matrix.clone()));
    }
    check_columns(&description, &selected, used).map_err(fault)?;
    let widest = cache.widest(&key, &step.step, &params);
    // A wider fit may fail where a candidate's own does not.
    let mut attempts = vec![&params];
    if widest != params {
        attempts.insert(0, &widest);
    }
    let mut result = Err(Fault::Failed("it was not fitted".to_owned()));
    for params_of_fit in attempts {
        let fit = Fit {
            matrix: &selected,
            params: params_of_fit,
            target: rows.target,
            train: rows.train,
            weights: rows.weights,
        };
        let (one, out) = match FittedStep::fit_transform(&step.step, &fit, used) {
            Ok(fitted) => fitted,
            Err(fault) => {
                result = Err(fault);
                continue;
            }
        };
        let own_columns = out.columns();
        fitted.step = Some(one);
        cache.add(CachedStep {
            key: key.clone(),
            params: params_of_fit.clone(),
            own_columns,
            fitted: fitted.clone(),
            output: join(out, rest.clone(), &step.name),
        });
        if let Some(found) = cache.find(&key, &params) {
            return Ok(found);
        }
    }
    result.map_err(fault)
}
