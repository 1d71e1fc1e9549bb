//! [`PartialDependence`]: the predictions of a model by the values of a feature, as
//! scikit-learn's `partial_dependence` with `method="brute"` gives them.

use std::ops::Range;

use super::predictions::responses;
use super::{ModelTarget, PredictError, Predictor};
use crate::dataset::{DrawnRows, Grid};
use crate::numpy;
use crate::plan::DependencePlan;
use crate::task::TaskFault;

/// Rows of a table that a guest predicts at once, of one point at least.
const ROWS_AT_ONCE: usize = 1 << 16;

/// The dependence of a model's outputs on single features, over the same rows.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialDependence {
    /// The indices of the rows among all rows.
    pub rows: Vec<u64>,
    /// The number of all rows.
    pub of: u64,
    /// The outputs: classes, of two the positive one; `None` for numbers.
    pub outputs: Vec<Option<String>>,
    /// By feature.
    pub features: Vec<FeatureDependence>,
}

/// The dependence on one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDependence {
    /// The feature.
    pub feature: String,
    /// The values that it is set to.
    pub grid: Grid,
    /// By output and point: the mean over the rows; empty unless it is wanted.
    pub average: Vec<Vec<f64>>,
    /// By output, point and row: the predictions; empty unless they are wanted.
    pub individual: Vec<Vec<Vec<f64>>>,
}

impl PartialDependence {
    /// The dependence on `features`, as `plan` wants it.
    ///
    /// # Errors
    /// If a feature is none of the model's, or the model can't predict.
    pub fn new(
        predictor: &Predictor<'_>,
        target: &ModelTarget,
        rows: &DrawnRows,
        features: &[String],
        plan: &DependencePlan,
    ) -> Result<Self, PredictError> {
        let grids = features.iter().map(|feature| grid(rows, feature, plan));
        let grids: Vec<Grid> = grids.collect::<Result<_, _>>()?;
        let at_once = (ROWS_AT_ONCE / rows.len().max(1)).max(1);
        let jobs: Vec<(usize, Range<usize>)> = (grids.iter().enumerate())
            .flat_map(|(feature, grid)| {
                let starts = (0..grid.len()).step_by(at_once);
                starts.map(move |start| (feature, start..(start + at_once).min(grid.len())))
            })
            .collect();
        let made = predictor.each(jobs.len(), |instance, job| {
            let (feature, points) = &jobs[job];
            let table = rows.table_at(&features[*feature], &grids[*feature], points.clone())?;
            let predicted = instance.predict(&table).map_err(PredictError::Guest)?;
            let found = responses(&predicted.into(), points.len() * rows.len(), target);
            let malformed = |message| PredictError::Guest(TaskFault::MalformedAnswer { message });
            found.map_err(malformed)?.ok_or(PredictError::ClassesAlone)
        })?;
        let outputs = match (target.classes.as_slice(), target.positive()) {
            ([], _) => vec![None],
            (_, Some(positive)) => vec![Some(positive.to_owned())],
            (classes, None) => classes.iter().cloned().map(Some).collect(),
        };
        let empty = |(feature, grid): (&String, Grid)| FeatureDependence {
            feature: feature.clone(),
            grid,
            average: vec![Vec::new(); outputs.len()],
            individual: vec![Vec::new(); outputs.len()],
        };
        let mut told: Vec<FeatureDependence> = features.iter().zip(grids).map(empty).collect();
        for ((feature, _), made) in jobs.iter().zip(made) {
            let of = &mut told[*feature];
            for (output, predictions) in made.iter().enumerate() {
                for point in predictions.chunks(rows.len()) {
                    of.average[output].push(numpy::mean(point));
                    if plan.kind.has_individual() {
                        of.individual[output].push(point.to_vec());
                    }
                }
            }
        }
        for of in &mut told {
            if !plan.kind.has_average() {
                of.average.clear();
            }
            if !plan.kind.has_individual() {
                of.individual.clear();
            }
        }
        Ok(Self {
            rows: rows.rows.clone(),
            of: rows.of,
            outputs,
            features: told,
        })
    }
}

/// The values of a feature, as scikit-learn's `_grid_from_X` chooses them: all of a
/// category, and of numbers if they are fewer than `grid_resolution`; else so many
/// equally spaced ones between the percentiles.
///
/// Where scikit-learn refuses percentiles that are one number, these are the least and
/// the greatest value. Missing values are none of the grid's.
fn grid(rows: &DrawnRows, feature: &str, plan: &DependencePlan) -> Result<Grid, PredictError> {
    let mut numbers = match rows.values(feature)? {
        Grid::Numbers(numbers) => numbers,
        categories => return Ok(categories),
    };
    numbers.sort_by(f64::total_cmp);
    let mut unique = numbers.clone();
    unique.dedup();
    let points = plan.grid_resolution as usize;
    if unique.len() < points {
        return Ok(Grid::Numbers(unique));
    }
    let [mut start, mut stop] = plan.percentiles.map(|share| quantile(&numbers, share));
    // `numpy.allclose`.
    if (start - stop).abs() <= 1e-8 + 1e-5 * stop.abs() {
        (start, stop) = (numbers[0], numbers[numbers.len() - 1]);
    }
    let step = (stop - start) / (points - 1) as f64;
    let mut spaced: Vec<f64> = (0..points).map(|at| at as f64 * step + start).collect();
    spaced[points - 1] = stop;
    Ok(Grid::Numbers(spaced))
}

/// A quantile of sorted numbers, as `scipy.stats.mstats.mquantiles` estimates it with
/// its defaults, α = β = 0.4.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let count = sorted.len() as f64;
    let at = count * share + (0.4 + share * (1.0 - 0.4 - 0.4));
    let below = at.clamp(1.0, (count - 1.0).max(1.0)).floor();
    let above = (at - below).clamp(0.0, 1.0);
    let place = below as usize - 1;
    let next = (place + 1).min(sorted.len() - 1);
    (1.0 - above) * sorted[place] + above * sorted[next]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `mquantiles([1, 2, 4, 8, 16, 32], [0.05, 0.5, 0.95])`.
    #[test]
    fn quantiles_are_those_of_scipy() {
        let numbers = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
        let found = [0.05, 0.5, 0.95].map(|share| quantile(&numbers, share));
        assert_eq!(found, [1.0, 6.0, 32.0]);
        assert!((quantile(&numbers, 0.25) - 1.95).abs() < 1e-15);
        assert_eq!(quantile(&[3.0], 0.5), 3.0);
    }
}
