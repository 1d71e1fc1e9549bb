//! [`PlsRegression`]: partial least squares for one target.

use std::convert::Infallible;

use fanout_sdk::dense::{DenseData, DenseTarget, DenseTrainer};
use fanout_sdk::{Fault, Param, ParamKind, Params, TrainerDescription};
use serde_json::json;

use crate::algebra::{add, dot};
use crate::describe::{Gives, Values, count, dense};
use crate::linear::{LinearModel, NormalEquations, predicts_numbers};

/// scikit-learn's `PLSRegression` for one target.
///
/// | parameter | default | meaning |
/// | --- | --- | --- |
/// | `n_components` | 2 | the number of components (nested) |
/// | `scale` | true | whether columns and target are scaled to a variance of 1 |
///
/// Components are computed of the products of the columns (the kernel algorithm of
/// Dayal and MacGregor, 1997) instead of deflated copies of them, so that all
/// candidates share one pass over the rows. With one target scikit-learn's NIPALS
/// converges at its first step, so that `max_iter` and `tol` have no part here.
#[derive(Debug)]
pub struct PlsRegression(Infallible);

impl DenseTrainer for PlsRegression {
    type Model = LinearModel;

    fn description() -> TrainerDescription {
        dense(
            "pls_regression",
            "Partial least squares; all numbers of components share one fit (ours, not linfa's: \
             coded columns, nested components).",
            Gives::UnweightedNumbers,
            vec![
                Param::new(
                    "n_components",
                    vec![count(1)],
                    json!(2),
                    "The number of components, at most that of the rows and of the columns.",
                )
                .nested(),
                Param::new(
                    "scale",
                    vec![ParamKind::Bool],
                    json!(true),
                    "Whether columns and target are scaled to a variance of 1.",
                ),
            ],
        )
        .effort(0.002, 1.0, 1.0)
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<LinearModel, Fault> {
        let mut components = Components::new(data, params.flag("scale"))?;
        Ok(components.model(count_of(data, params)?))
    }

    fn fit_all(
        data: &DenseData<'_>,
        candidates: &[Params],
        each: &mut dyn FnMut(usize, LinearModel) -> Result<(), Fault>,
    ) -> Result<u32, Fault> {
        let mut fits = 0;
        let mut known: Option<(bool, Components)> = None;
        for (candidate, params) in candidates.iter().enumerate() {
            let scale = params.flag("scale");
            let kept = known.take().filter(|(of, _)| *of == scale);
            let (_, components) = match kept {
                Some(kept) => known.insert(kept),
                None => {
                    fits += 1;
                    known.insert((scale, Components::new(data, scale)?))
                }
            };
            each(candidate, components.model(count_of(data, params)?))?;
        }
        Ok(fits)
    }

    predicts_numbers!();
}

fn count_of(data: &DenseData<'_>, params: &Params) -> Result<usize, Fault> {
    let count = params.count("n_components");
    let (rows, columns) = (data.train.len(), data.matrix.columns());
    if count > rows.min(columns) {
        return Err(Fault::InvalidParams(format!(
            "`n_components` is {count}, but the training rows are {rows} of {columns} columns; \
             choose {} or less",
            rows.min(columns)
        )));
    }
    Ok(count)
}

/// The components so far.
struct Components {
    normal: NormalEquations,
    /// By column: what it is divided by.
    scales: Vec<f64>,
    /// What is left of the products of columns and target.
    left: Vec<f64>,
    /// By component: the weights of the columns, and the loadings.
    rotations: Vec<Vec<f64>>,
    loadings: Vec<Vec<f64>>,
    /// By component: the coefficient of the target.
    coefficients: Vec<f64>,
    /// The sum of squares of the target that counts as nothing left.
    nothing: f64,
}

impl Components {
    fn new(data: &DenseData<'_>, scale: bool) -> Result<Self, Fault> {
        let DenseTarget::Numbers(target) = &data.target else {
            return Err(data.wrong_target::<PlsRegression>());
        };
        let targets = std::slice::from_ref(target);
        let mut normal = NormalEquations::new(data.matrix, data.train, None, targets, true);
        let size = normal.size;
        let rows = normal.weight - 1.0;
        let scales: Vec<f64> = (0..size)
            .map(|column| {
                let deviation = (normal.gram[column * size + column] / rows).sqrt();
                if scale && deviation > 0.0 {
                    deviation
                } else {
                    1.0
                }
            })
            .collect();
        for (row, scale) in normal.gram.chunks_exact_mut(size).zip(&scales) {
            for (cell, other) in row.iter_mut().zip(&scales) {
                *cell /= scale * other;
            }
        }
        let right = normal.right[0].iter().zip(&scales);
        let left: Vec<f64> = right.map(|(product, scale)| product / scale).collect();
        let most = (0..size).fold(0.0, |most, column| {
            f64::max(most, normal.gram[column * size + column])
        });
        Ok(Self {
            nothing: 1e-20 * most * normal.squares[0],
            normal,
            scales,
            left,
            rotations: Vec::new(),
            loadings: Vec::new(),
            coefficients: Vec::new(),
        })
    }

    /// Adds a component. `false` if nothing is left of the target.
    fn grow(&mut self) -> bool {
        let square = dot(&self.left, &self.left);
        if square <= self.nothing {
            return false;
        }
        let weights: Vec<f64> = self.left.iter().map(|s| s / square.sqrt()).collect();
        let mut rotation = weights.clone();
        for (loading, before) in self.loadings.iter().zip(&self.rotations) {
            add(&mut rotation, -dot(loading, &weights), before);
        }
        let rows = self.normal.gram.chunks_exact(self.normal.size);
        let mut loading: Vec<f64> = rows.map(|row| dot(row, &rotation)).collect();
        let norm = dot(&rotation, &loading);
        if norm.is_nan() || norm <= 0.0 {
            return false;
        }
        loading.iter_mut().for_each(|value| *value /= norm);
        let coefficient = dot(&rotation, &self.left) / norm;
        add(&mut self.left, -coefficient * norm, &loading);
        self.rotations.push(rotation);
        self.loadings.push(loading);
        self.coefficients.push(coefficient);
        true
    }

    /// The model of the first `count` components, or of all that there are.
    fn model(&mut self, count: usize) -> LinearModel {
        while self.rotations.len() < count && self.grow() {}
        let mut coefficients = vec![0.0; self.normal.size];
        let components = self.rotations.iter().zip(&self.coefficients);
        for (rotation, coefficient) in components.take(count) {
            add(&mut coefficients, *coefficient, rotation);
        }
        for (coefficient, scale) in coefficients.iter_mut().zip(&self.scales) {
            *coefficient /= scale;
        }
        self.normal.model(vec![coefficients])
    }
}
