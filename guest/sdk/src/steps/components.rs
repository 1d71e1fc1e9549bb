//! `pca` and `truncated_svd`: the directions of greatest variance, or of greatest
//! norm, by an eigendecomposition of the products of columns, or of rows if these are
//! fewer. `n_components` is
//! nested: fewer components are the first of more.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Fit, Step, StepParams, at_least, check_dense, choices, describe, switch};
use crate::contract::{Param, ParamKind, StepDescription};
use crate::eigen::{Eigen, symmetric_eigen};
use crate::matrix::{Block, dot};
use crate::onnx::{Columns, Graph};
use crate::{Fault, Matrix};

/// Directions on which rows are projected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Directions {
    /// Of norm 1; the entry of greatest absolute value is above 0.
    vectors: Vec<Vec<f64>>,
    /// By direction: what is added to the projection.
    shifts: Vec<f64>,
    /// By direction: what the projection is divided by.
    scales: Vec<f64>,
    /// What the names of the columns begin with.
    prefix: String,
}

impl Directions {
    fn project(&self, matrix: &Matrix) -> Matrix {
        let rows = matrix.all_rows();
        let shifts = self.shifts.iter();
        let mut projected: Vec<Vec<f64>> = shifts.map(|shift| vec![*shift; rows.len()]).collect();
        let vectors: Vec<&[f64]> = self.vectors.iter().map(Vec::as_slice).collect();
        let mut out: Vec<&mut [f64]> = projected.iter_mut().map(Vec::as_mut_slice).collect();
        matrix.multiply_add_many(&rows, &vectors, &mut out);
        let blocks = projected.into_iter().zip(&self.scales).enumerate();
        let blocks = blocks.map(|(index, (mut values, scale))| {
            values.iter_mut().for_each(|value| *value /= scale);
            Block::number(format!("{}{index}", self.prefix), values)
        });
        let blocks = blocks.collect();
        Matrix::new(rows.len(), blocks)
    }

    /// [`Self::project`] in ONNX.
    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        let value = columns.numbers(graph)?;
        let count = self.vectors.len();
        let by_column = (0..columns.len()).flat_map(|at| self.vectors.iter().map(move |v| v[at]));
        let vectors = graph.table(count, by_column.collect());
        let shifts = graph.row(self.shifts.clone());
        let scales = graph.row(self.scales.clone());
        let projected = graph.op("MatMul", [value, vectors]);
        let shifted = graph.op("Add", [projected, shifts]);
        let names = (0..count).map(|index| format!("{}{index}", self.prefix));
        Ok(Columns::of_numbers(
            names.collect(),
            graph.op("Div", [shifted, scales]),
        ))
    }

    /// The first directions.
    fn first(&self, count: usize) -> Option<Self> {
        (count <= self.vectors.len()).then(|| Self {
            vectors: self.vectors[..count].to_vec(),
            shifts: self.shifts[..count].to_vec(),
            scales: self.scales[..count].to_vec(),
            prefix: self.prefix.clone(),
        })
    }
}

/// The squared singular values of the training rows less `means`, greatest first,
/// and the right singular vectors, as many as there are columns, or rows if these
/// are fewer. A vector has the sign of scikit-learn's
/// `svd_flip(u_based_decision=False)`; one whose value can't be told from 0 is 0.
fn decompose(
    matrix: &Matrix,
    train: &[u32],
    means: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<Vec<f64>>), Fault> {
    let size = matrix.columns().max(train.len()) as f64;
    let (values, mut vectors) = if matrix.columns() <= train.len() {
        let gram = matrix.gram(train, None, &[], means);
        let Eigen { values, vectors } = eigen(gram.products(), matrix.columns())?;
        (values, vectors)
    } else {
        of_rows(matrix, train, means)?
    };
    let least = size * f64::EPSILON * values.first().copied().unwrap_or(0.0);
    for (vector, value) in vectors.iter_mut().zip(&values) {
        let mut greatest = 0.0_f64;
        for &x in vector.iter() {
            if x.abs() > greatest.abs() {
                greatest = x;
            }
        }
        let sign = match greatest {
            _ if *value <= least => 0.0,
            greatest if greatest < 0.0 => -1.0,
            _ => 1.0,
        };
        vector.iter_mut().for_each(|x| *x *= sign);
    }
    let values = values.into_iter().map(|value| value.max(0.0)).collect();
    Ok((values, vectors))
}

fn eigen(products: &[f64], size: usize) -> Result<Eigen, Fault> {
    symmetric_eigen(products, size)
        .ok_or_else(|| Fault::Failed("the products of the columns overflow".to_owned()))
}

/// [`decompose`] by the products of rows, for fewer rows than columns: the right
/// singular vectors are the rows' sums weighted by the left ones.
fn of_rows(
    matrix: &Matrix,
    train: &[u32],
    means: Option<&[f64]>,
) -> Result<(Vec<f64>, Vec<Vec<f64>>), Fault> {
    let (rows, columns) = (train.len(), matrix.columns());
    check_dense(rows, columns)?;
    let mut dense = vec![0.0; rows * columns];
    matrix.gather(train, &mut dense);
    if let Some(means) = means {
        for row in dense.chunks_exact_mut(columns) {
            row.iter_mut().zip(means).for_each(|(x, mean)| *x -= mean);
        }
    }
    let dense: Vec<&[f64]> = dense.chunks_exact(columns).collect();
    let mut products = vec![0.0; rows * rows];
    for (a, left) in dense.iter().enumerate() {
        for (b, right) in dense.iter().enumerate().take(a + 1) {
            let product = dot(left, right);
            products[a * rows + b] = product;
            products[b * rows + a] = product;
        }
    }
    let Eigen { values, vectors } = eigen(&products, rows)?;
    let right = vectors.iter().map(|left| {
        let mut sum = vec![0.0; columns];
        for (weight, row) in left.iter().zip(&dense) {
            sum.iter_mut()
                .zip(*row)
                .for_each(|(sum, x)| *sum += weight * x);
        }
        let norm = dot(&sum, &sum).sqrt();
        sum.iter_mut()
            .for_each(|x| *x /= norm.max(f64::MIN_POSITIVE));
        sum
    });
    let right = right.collect();
    Ok((values, right))
}

/// Projects on the directions of greatest variance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Pca {
    directions: Directions,
    /// The variances of all directions, greatest first.
    variances: Vec<f64>,
    /// The number of columns and of training rows.
    size: [usize; 2],
}

impl Step for Pca {
    const NAME: &'static str = "pca";

    fn description() -> StepDescription {
        let share = ParamKind::Float {
            min: Some(0.0),
            max: Some(1.0),
            above_min: true,
        };
        StepDescription {
            missing: false,
            ..describe::<Self>(
                "Projects rows on the directions of greatest variance (principal components).",
                vec![
                    Param::new(
                        "n_components",
                        vec![ParamKind::Null, at_least(1), share, choices(&["mle"])],
                        Value::Null,
                        "The number of directions; as a share, so many that they explain more than \
                         that of the variance; `mle` is Minka's estimate of their number; `null` \
                         is all.",
                    )
                    .nested(),
                    switch(
                        "whiten",
                        false,
                        "Whether each component is scaled to a variance of 1.",
                    ),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let rows = fit.train.len();
        if rows < 2 {
            return Err(Fault::Failed("it needs two training rows".to_owned()));
        }
        let most = rows.min(fit.matrix.columns());
        let means: Vec<f64> = fit
            .matrix
            .moments(fit.train, None)
            .into_iter()
            .map(|moments| moments.mean)
            .collect();
        let (mut values, vectors) = decompose(fit.matrix, fit.train, Some(&means))?;
        values
            .iter_mut()
            .for_each(|value| *value /= (rows - 1) as f64);
        values.truncate(most);
        let size = [fit.matrix.columns(), rows];
        let count = components(fit.params, &values, size)?;
        let whiten = fit.params.is("whiten");
        let shifts = vectors.iter().map(|vector| {
            let projected = means.iter().zip(vector).map(|(mean, x)| mean * x);
            -projected.sum::<f64>()
        });
        let directions = Directions {
            shifts: shifts.collect(),
            scales: values
                .iter()
                .map(|value| {
                    if whiten {
                        value.sqrt().max(f64::EPSILON)
                    } else {
                        1.0
                    }
                })
                .collect(),
            vectors,
            prefix: "pca".to_owned(),
        };
        let directions = directions.first(count).unwrap_or(directions);
        Ok(Self {
            directions,
            variances: values,
            size,
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(self.directions.project(matrix))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        self.directions.onnx(graph, columns)
    }

    /// All components, if one of the candidates takes them or says a share.
    fn widest(all: &[StepParams]) -> StepParams {
        let count = |params: &StepParams| params.whole("n_components").unwrap_or(usize::MAX);
        let widest = all
            .iter()
            .max_by_key(|params| count(params))
            .unwrap_or(&all[0]);
        match widest.whole("n_components") {
            Some(_) => widest.clone(),
            None => widest.with("n_components", Value::Null),
        }
    }

    fn narrowed(&self, params: &StepParams) -> Option<(Self, Vec<usize>)> {
        let count = components(params, &self.variances, self.size).ok()?;
        let narrowed = Self {
            directions: self.directions.first(count)?,
            variances: self.variances.clone(),
            size: self.size,
        };
        Some((narrowed, (0..count).collect()))
    }
}

/// The number of components of `n_components`, at most that of `variances`. `size` is
/// the number of columns and of training rows.
fn components(
    params: &StepParams,
    variances: &[f64],
    [columns, rows]: [usize; 2],
) -> Result<usize, Fault> {
    let most = variances.len();
    match (params.whole("n_components"), params.number("n_components")) {
        (Some(count), _) if count > most => Err(Fault::InvalidParams(format!(
            "`n_components` is {count}, but there are {most} directions at most: as many as \
             columns, or training rows if these are fewer"
        ))),
        (Some(count), _) => Ok(count),
        (None, Some(share)) => {
            let total: f64 = variances.iter().sum();
            let sums = variances.iter().scan(0.0, |sum, variance| {
                *sum += variance / total;
                Some(*sum)
            });
            let fewer = sums.take_while(|&sum| sum <= share).count();
            Ok((fewer + 1).min(most))
        }
        (None, None) if params.text("n_components") == "mle" => {
            if rows < columns {
                return Err(Fault::InvalidParams(format!(
                    "`n_components: mle` needs as many training rows as columns, but there are \
                     {rows} rows and {columns} columns"
                )));
            }
            Ok(likeliest(variances, rows))
        }
        (None, None) => Ok(most),
    }
}

/// The number of components of the greatest likelihood, less than that of columns
/// (Minka, 2000, "Automatic choice of dimensionality for PCA", equation 30).
fn likeliest(variances: &[f64], rows: usize) -> usize {
    let mut best = (f64::NEG_INFINITY, 0);
    for rank in 1..variances.len() {
        let likelihood = log_likelihood(variances, rank, rows as f64);
        if likelihood > best.0 {
            best = (likelihood, rank);
        }
    }
    best.1
}

/// The logarithm of the likelihood that `rank` directions are not noise.
fn log_likelihood(variances: &[f64], rank: usize, rows: f64) -> f64 {
    const LEAST: f64 = 1e-15;
    if variances[rank - 1] < LEAST {
        return f64::NEG_INFINITY;
    }
    let (kept, noise) = variances.split_at(rank);
    let count = |of: usize| of as f64;
    let mut of_directions = -count(rank) * libm::log(2.0);
    for left in (variances.len() - rank + 1..=variances.len()).rev() {
        let half = count(left) / 2.0;
        of_directions += libm::lgamma(half) - libm::log(PI) * half;
    }
    let of_kept = -kept.iter().map(|&x| libm::log(x)).sum::<f64>() * rows / 2.0;
    let level = f64::max(LEAST, noise.iter().sum::<f64>() / count(noise.len()));
    let of_noise = -libm::log(level) * rows * count(noise.len()) / 2.0;
    let free = count(variances.len() * rank) - count(rank * (rank + 1)) / 2.0;
    let of_free = libm::log(2.0 * PI) * (free + count(rank)) / 2.0;
    let mut of_pairs = 0.0;
    for (at, &variance) in kept.iter().enumerate() {
        for (other, &lesser) in variances.iter().enumerate().skip(at + 1) {
            let known = if other < rank { lesser } else { level };
            of_pairs += libm::log((variance - lesser) * (1.0 / known - 1.0 / variance));
            of_pairs += libm::log(rows);
        }
    }
    of_directions + of_kept + of_noise + of_free
        - of_pairs / 2.0
        - count(rank) * libm::log(rows) / 2.0
}

/// Projects on the directions of greatest norm. Columns are not centred.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct TruncatedSvd {
    directions: Directions,
}

impl Step for TruncatedSvd {
    const NAME: &'static str = "truncated_svd";

    fn description() -> StepDescription {
        StepDescription {
            missing: false,
            ..describe::<Self>(
                "Projects rows on the right singular vectors of the columns, which are not centred.",
                vec![
                    Param::new(
                        "n_components",
                        vec![at_least(1)],
                        2.into(),
                        "The number of singular vectors; at most that of columns.",
                    )
                    .nested(),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let (columns, rows) = (fit.matrix.columns(), fit.train.len());
        let count = fit.params.whole("n_components").unwrap_or(2);
        if count > columns {
            return Err(Fault::InvalidParams(format!(
                "`n_components` is {count}, but there are {columns} columns"
            )));
        }
        let count = count.min(rows);
        let (_, mut vectors) = decompose(fit.matrix, fit.train, None)?;
        vectors.truncate(count);
        Ok(Self {
            directions: Directions {
                vectors,
                shifts: vec![0.0; count],
                scales: vec![1.0; count],
                prefix: "truncatedsvd".to_owned(),
            },
        })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(self.directions.project(matrix))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        self.directions.onnx(graph, columns)
    }

    fn widest(all: &[StepParams]) -> StepParams {
        let widest = all.iter().max_by_key(|params| params.whole("n_components"));
        widest.unwrap_or(&all[0]).clone()
    }

    fn narrowed(&self, params: &StepParams) -> Option<(Self, Vec<usize>)> {
        let count = params.whole("n_components")?;
        let directions = self.directions.first(count)?;
        Some((Self { directions }, (0..count).collect()))
    }
}
