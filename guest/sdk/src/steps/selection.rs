//! `variance_threshold`, `select_k_best`, `select_percentile`: choose columns.
//! Coded blocks stay coded. `k` and `percentile` are nested: fewer columns are some
//! of more.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::information::{self, Of};
use super::order::{Ordered, extremes};
use super::scalers::is_constant;
use super::{Fit, Step, StepParams, at_least, choice, choices, describe};
use crate::contract::{Param, ParamKind, StepDescription};
use crate::onnx::{Columns, Graph};
use crate::{Fault, Matrix, Target};

/// Keeps the columns whose variance is above a threshold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct VarianceThreshold {
    kept: Vec<usize>,
}

impl Step for VarianceThreshold {
    const NAME: &'static str = "variance_threshold";

    fn description() -> StepDescription {
        let threshold = ParamKind::Float {
            min: Some(0.0),
            max: None,
            above_min: false,
        };
        describe::<Self>(
            "Keeps the columns whose variance is above a threshold.",
            vec![Param::new(
                "threshold",
                vec![threshold],
                json!(0.0),
                "The greatest variance of a column that is left out; 0 leaves out constant columns.",
            )],
        )
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let threshold = fit.params.number("threshold").unwrap_or(0.0);
        let moments = fit.matrix.moments(fit.train, None);
        let mut kept = Vec::new();
        let extremes = extremes(fit.matrix, fit.train);
        for (column, (moments, (least, greatest))) in moments.iter().zip(extremes).enumerate() {
            // The range is exact where the variance has rounding errors.
            let constant = threshold == 0.0 && least == greatest;
            if moments.variance > threshold && !constant {
                kept.push(column);
            }
        }
        if kept.is_empty() {
            return Err(Fault::Failed(format!(
                "no column has a variance above {threshold:?} in the training rows"
            )));
        }
        Ok(Self { kept })
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(matrix.select(&self.kept))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(columns.select(graph, &self.kept))
    }
}

/// Keeps the columns of the greatest scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SelectKBest(Selected);

/// Keeps a share of the columns, those of the greatest scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct SelectPercentile(Selected);

/// Columns that were chosen by their scores.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Selected {
    scores: Vec<f64>,
    /// Ascending.
    kept: Vec<usize>,
}

impl Selected {
    /// The choice of fewer columns, and where they are among the kept ones.
    fn narrowed(&self, kept: Vec<usize>) -> Option<(Self, Vec<usize>)> {
        let places = kept
            .iter()
            .map(|column| self.kept.binary_search(column).ok());
        let places = places.collect::<Option<Vec<usize>>>()?;
        let narrowed = Self {
            scores: self.scores.clone(),
            kept,
        };
        Some((narrowed, places))
    }
}

/// The functions that score columns.
const SCORES: [&str; 6] = [
    "f_classif",
    "f_regression",
    "chi2",
    "r_regression",
    "mutual_info_classif",
    "mutual_info_regression",
];

fn score_param() -> Param {
    choice(
        "score_func",
        &SCORES,
        "The score of a column: the F-value of an analysis of variance between classes, the F-value \
         of a linear regression, the chi-squared statistic of counts in classes, Pearson's \
         correlation, or the mutual information with classes or with numbers.",
    )
}

impl Step for SelectKBest {
    const NAME: &'static str = "select_k_best";

    fn description() -> StepDescription {
        StepDescription {
            missing: false,
            uses_target: true,
            ..describe::<Self>(
                "Keeps the k columns that tell most of the target, one by one.",
                vec![
                    score_param(),
                    Param::new(
                        "k",
                        vec![at_least(0), choices(&["all"])],
                        json!(10),
                        "The number of columns; `all` keeps all.",
                    )
                    .nested(),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let scores = scores(fit)?;
        let kept = k_best(&scores, fit.params);
        Ok(Self(Selected { scores, kept }))
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(matrix.select(&self.0.kept))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(columns.select(graph, &self.0.kept))
    }

    fn widest(all: &[StepParams]) -> StepParams {
        let count = |params: &&StepParams| params.whole("k").unwrap_or(usize::MAX);
        all.iter().max_by_key(count).unwrap_or(&all[0]).clone()
    }

    fn narrowed(&self, params: &StepParams) -> Option<(Self, Vec<usize>)> {
        let kept = k_best(&self.0.scores, params);
        let (selected, places) = self.0.narrowed(kept)?;
        Some((Self(selected), places))
    }
}

/// The columns of the `k` greatest scores; of equal ones, the last.
fn k_best(scores: &[f64], params: &StepParams) -> Vec<usize> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let count = params.whole("k").unwrap_or(usize::MAX).min(scores.len());
    let mut kept = order.split_off(scores.len() - count);
    kept.sort_unstable();
    kept
}

impl Step for SelectPercentile {
    const NAME: &'static str = "select_percentile";

    fn description() -> StepDescription {
        let percentile = ParamKind::Float {
            min: Some(0.0),
            max: Some(100.0),
            above_min: false,
        };
        StepDescription {
            missing: false,
            uses_target: true,
            ..describe::<Self>(
                "Keeps a share of the columns, those that tell most of the target, one by one.",
                vec![
                    score_param(),
                    Param::new(
                        "percentile",
                        vec![percentile],
                        json!(10),
                        "The share of the columns, in per cent.",
                    )
                    .nested(),
                ],
            )
        }
    }

    fn fit(fit: &Fit<'_>) -> Result<Self, Fault> {
        let scores = scores(fit)?;
        let kept = best_share(&scores, fit.params);
        Ok(Self(Selected { scores, kept }))
    }

    fn transform(&self, matrix: &Matrix, _: &[u32]) -> Result<Matrix, Fault> {
        Ok(matrix.select(&self.0.kept))
    }

    fn onnx(&self, graph: &mut Graph, columns: &Columns) -> Result<Columns, Fault> {
        Ok(columns.select(graph, &self.0.kept))
    }

    fn widest(all: &[StepParams]) -> StepParams {
        let share = |params: &StepParams| params.number("percentile").unwrap_or(0.0);
        let widest = all.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
        widest.unwrap_or(&all[0]).clone()
    }

    fn narrowed(&self, params: &StepParams) -> Option<(Self, Vec<usize>)> {
        let kept = best_share(&self.0.scores, params);
        let (selected, places) = self.0.narrowed(kept)?;
        Some((Self(selected), places))
    }
}

/// The columns whose scores are above a percentile of them, and as many of those
/// that equal it as the share allows, the first ones.
fn best_share(scores: &[f64], params: &StepParams) -> Vec<usize> {
    let percent = params.number("percentile").unwrap_or(10.0);
    if percent == 0.0 || scores.is_empty() {
        return Vec::new();
    }
    if percent == 100.0 {
        return (0..scores.len()).collect();
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let threshold = Ordered::Values(sorted).quantile((100.0 - percent) / 100.0);
    let most = (scores.len() as f64 * percent / 100.0) as usize;
    let above = scores.iter().filter(|score| **score > threshold).count();
    let mut ties = most.saturating_sub(above);
    let kept = (0..scores.len()).filter(|&column| {
        let is_tie = scores[column] == threshold && ties > 0;
        ties -= usize::from(is_tie);
        scores[column] > threshold || is_tie
    });
    kept.collect()
}

/// The score of each column; the least number for one without a score.
fn scores(fit: &Fit<'_>) -> Result<Vec<f64>, Fault> {
    let scores = match (fit.params.text("score_func"), fit.target) {
        (score @ "f_regression", target) => f_regression(fit, &numbers(score, target, fit.train)?),
        (score @ "r_regression", target) => r_regression(fit, &numbers(score, target, fit.train)?),
        (score @ "mutual_info_regression", target) => {
            let numbers = numbers(score, target, fit.train)?;
            information::scores(fit, &Of::Numbers(&numbers))?
        }
        (score, Target::Numbers(_)) => {
            let instead = match score {
                "mutual_info_classif" => "mutual_info_regression",
                _ => "f_regression",
            };
            return Err(Fault::InvalidParams(format!(
                "`score_func: {score}` takes a target of classes, but the target is numeric; use \
                 `{instead}`"
            )));
        }
        ("mutual_info_classif", Target::Classes { codes, .. }) => {
            let codes: Vec<u32> = fit.train.iter().map(|&row| codes[row as usize]).collect();
            information::scores(fit, &Of::Classes(&codes))?
        }
        ("chi2", Target::Classes { codes, .. }) => chi2(fit, codes)?,
        (_, Target::Classes { codes, .. }) => f_classif(fit, codes),
    };
    Ok(scores
        .into_iter()
        .map(|score| if score.is_nan() { f64::MIN } else { score })
        .collect())
}

/// The target of the training rows as numbers, for the function `score`: numbers, or
/// labels that are numbers.
fn numbers(score: &str, target: &Target, train: &[u32]) -> Result<Vec<f64>, Fault> {
    match target {
        Target::Numbers(numbers) => Ok(train.iter().map(|&row| numbers[row as usize]).collect()),
        Target::Classes { classes, codes } => {
            let labels: Option<Vec<f64>> = classes.iter().map(|label| label.parse().ok()).collect();
            let labels = labels.ok_or_else(|| {
                let instead = match score {
                    "mutual_info_regression" => "mutual_info_classif",
                    _ => "f_classif",
                };
                Fault::InvalidParams(format!(
                    "`score_func: {score}` takes a target of numbers, but the labels of the target \
                     are texts; use `{instead}`"
                ))
            })?;
            Ok(train
                .iter()
                .map(|&row| labels[codes[row as usize] as usize])
                .collect())
        }
    }
}

/// By class that occurs: its training rows.
fn rows_of_classes(codes: &[u32], train: &[u32]) -> Vec<Vec<u32>> {
    let classes = train
        .iter()
        .map(|&row| codes[row as usize] as usize + 1)
        .max();
    let mut rows = vec![Vec::new(); classes.unwrap_or(0)];
    for &row in train {
        rows[codes[row as usize] as usize].push(row);
    }
    rows.retain(|rows| !rows.is_empty());
    rows
}

/// By class, then by column: the sum of the values.
fn class_sums(matrix: &Matrix, classes: &[Vec<u32>]) -> Vec<Vec<f64>> {
    let sums = classes
        .iter()
        .map(|rows| matrix.transposed_multiply(rows, &vec![1.0; rows.len()]));
    sums.collect()
}

/// The F-value of a one-way analysis of variance; NaN for a constant column.
fn f_classif(fit: &Fit<'_>, codes: &[u32]) -> Vec<f64> {
    let classes = rows_of_classes(codes, fit.train);
    let sums = class_sums(fit.matrix, &classes);
    let rows = fit.train.len() as f64;
    let moments = fit.matrix.moments(fit.train, None).into_iter().enumerate();
    let scores = moments.map(|(column, moments)| {
        if is_constant(moments.variance, moments.mean, rows) {
            return f64::NAN;
        }
        let between = classes.iter().zip(&sums).map(|(of_class, sums)| {
            let count = of_class.len() as f64;
            let deviation = sums[column] - count * moments.mean;
            deviation * deviation / count
        });
        let between: f64 = between.sum();
        let within = (rows * moments.variance - between).max(0.0);
        let between = between / (classes.len() as f64 - 1.0);
        between / (within / (rows - classes.len() as f64))
    });
    scores.collect()
}

/// Pearson's correlation of each column and the target; 0 for a constant one.
fn r_regression(fit: &Fit<'_>, target: &[f64]) -> Vec<f64> {
    let rows = fit.train.len() as f64;
    let mean = target.iter().sum::<f64>() / rows;
    let centred: Vec<f64> = target.iter().map(|y| y - mean).collect();
    let norm = centred.iter().map(|y| y * y).sum::<f64>().sqrt();
    let products = fit.matrix.transposed_multiply(fit.train, &centred);
    let moments = fit.matrix.moments(fit.train, None);
    let correlations = products.iter().zip(&moments).map(|(product, moments)| {
        let correlation = product / (rows * moments.variance).sqrt() / norm;
        let constant = is_constant(moments.variance, moments.mean, rows);
        if constant || correlation.is_nan() {
            return 0.0;
        }
        correlation
    });
    correlations.collect()
}

/// The F-value of a linear regression on each column; 0 for a constant one, and the
/// greatest number for one that is a linear function of the target.
fn f_regression(fit: &Fit<'_>, target: &[f64]) -> Vec<f64> {
    let rows = fit.train.len() as f64;
    let correlations = r_regression(fit, target).into_iter();
    let scores = correlations.map(|correlation| {
        let square = correlation * correlation;
        let score = square / (1.0 - square) * (rows - 2.0);
        if score.is_infinite() || score < 0.0 {
            return f64::MAX;
        }
        score
    });
    scores.collect()
}

/// The chi-squared statistic of the sums of a column in the classes.
fn chi2(fit: &Fit<'_>, codes: &[u32]) -> Result<Vec<f64>, Fault> {
    for ((least, _), name) in extremes(fit.matrix, fit.train).zip(fit.matrix.names()) {
        if least < 0.0 {
            return Err(Fault::Failed(format!(
                "`score_func: chi2` takes numbers of at least 0, but column `{name}` has {least}"
            )));
        }
    }
    let classes = rows_of_classes(codes, fit.train);
    let observed = class_sums(fit.matrix, &classes);
    let rows = fit.train.len() as f64;
    let scores = (0..fit.matrix.columns()).map(|column| {
        let total: f64 = observed.iter().map(|sums| sums[column]).sum();
        let terms = classes.iter().zip(&observed).map(|(of_class, sums)| {
            let expected = of_class.len() as f64 / rows * total;
            (sums[column] - expected) * (sums[column] - expected) / expected
        });
        terms.sum()
    });
    Ok(scores.collect())
}
