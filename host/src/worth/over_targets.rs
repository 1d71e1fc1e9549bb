//! [`OverTargets`]: metrics over the predictions of several targets of the same rows.
//!
//! Definitions are scikit-learn's for multilabel classification (`hamming_loss`,
//! `accuracy_score`, `f1_score`), and `r2_score` with `uniform_average`. scikit-learn has
//! the first two for targets of two classes alone; with more classes they count wrong
//! labels and wholly right rows in the same way.

use std::collections::BTreeMap;

use fanout_sdk::Target;
use serde::Serialize;

use super::assessment::Scoring;
use super::rows::PredictedRows;

/// Collects the predictions of targets.
#[derive(Debug, Default)]
pub struct OverTargets {
    classes: Vec<OfTarget<u32>>,
    numbers: Vec<OfTarget<f64>>,
    /// By row, where rows are weighted.
    weights: BTreeMap<u32, f64>,
}

/// The predictions of one target.
#[derive(Debug)]
struct OfTarget<T> {
    /// By row: the true value and the predicted one.
    rows: BTreeMap<u32, [T; 2]>,
    /// Of two classes: the positive one.
    positive: Option<u32>,
}

/// The scores over targets, of the rows that have all of them and of which all are
/// predicted. Null where there are no targets or rows to score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OverTargetScores {
    /// The rows by which targets of classes are scored.
    pub rows: usize,
    /// The share of wrong labels, over targets and rows.
    pub hamming_loss: Option<f64>,
    /// The share of rows of which every label is right.
    pub subset_accuracy: Option<f64>,
    /// Of targets of two classes: the mean F1 of the rows.
    pub f1_samples: Option<f64>,
    /// Of targets of two classes: the mean F1 of the targets.
    pub f1_macro: Option<f64>,
    /// Of targets of two classes: the F1 of all labels at once.
    pub f1_micro: Option<f64>,
    /// The rows by which targets of numbers are scored.
    pub rows_of_numbers: usize,
    /// The mean R² of the targets of numbers.
    pub mean_r2: Option<f64>,
}

impl OverTargets {
    /// Adds the predictions of a target. `positive` is the label of its positive class, the
    /// last by default; from `threshold` on, it is predicted.
    pub fn add(&mut self, rows: &PredictedRows, positive: Option<&str>, threshold: Option<f64>) {
        let scoring = Scoring {
            scores: &[],
            positive,
        };
        let positive = scoring.positive(rows.target.classes());
        if let (Some(threshold), Some(positive)) = (threshold, positive) {
            let decided = rows.clone().with_threshold(positive, threshold);
            return self.add_decided(&decided, Some(positive));
        }
        self.add_decided(rows, positive);
    }

    fn add_decided(&mut self, rows: &PredictedRows, positive: Option<usize>) {
        if let Some(weights) = &rows.weights {
            let of_rows = rows.rows.iter().copied();
            self.weights.extend(of_rows.zip(weights.iter().copied()));
        }
        let pairs = |true_values: &[f64], predicted: &[f64]| {
            let values = true_values.iter().zip(predicted);
            let values = values.map(|(truth, predicted)| [*truth, *predicted]);
            rows.rows.iter().copied().zip(values).collect()
        };
        match &rows.target {
            Target::Numbers(truth) => self.numbers.push(OfTarget {
                rows: match &rows.predicted.values {
                    fanout_sdk::PredictionValues::Numbers(numbers) => pairs(truth, numbers),
                    _ => BTreeMap::new(),
                },
                positive: None,
            }),
            Target::Classes { classes, codes } => {
                let predicted = rows.prediction();
                let predicted = predicted.classes(classes.len());
                let values = codes.iter().zip(predicted.iter());
                let values = values.map(|(truth, predicted)| [*truth, *predicted]);
                self.classes.push(OfTarget {
                    rows: rows.rows.iter().copied().zip(values).collect(),
                    positive: positive.map(|class| class as u32),
                });
            }
        }
    }

    /// The scores; `None` if there are fewer than two targets.
    pub fn finish(self) -> Option<OverTargetScores> {
        if self.classes.len() + self.numbers.len() < 2 {
            return None;
        }
        let weight = |row: &u32| self.weights.get(row).copied().unwrap_or(1.0);
        let labels = Table::of(&self.classes, weight);
        let binary: Vec<&OfTarget<u32>> = self
            .classes
            .iter()
            .filter(|target| target.positive.is_some())
            .collect();
        let several = self.classes.len() > 1 && !labels.weights.is_empty();
        let f1 = (binary.len() > 1 && several).then(|| F1::new(&binary, &labels.rows, weight));
        let numbers = Table::of(&self.numbers, weight);
        Some(OverTargetScores {
            rows: if several { labels.rows.len() } else { 0 },
            hamming_loss: several.then(|| {
                let share = |row: &Vec<[u32; 2]>| wrong(row) as f64 / row.len() as f64;
                labels.mean(share)
            }),
            subset_accuracy: several
                .then(|| labels.mean(|row| if wrong(row) == 0 { 1.0 } else { 0.0 })),
            f1_samples: f1.as_ref().map(|f1| f1.samples),
            f1_macro: f1.as_ref().map(|f1| f1.macro_average),
            f1_micro: f1.as_ref().map(|f1| f1.micro),
            rows_of_numbers: numbers.rows.len(),
            mean_r2: (!numbers.rows.is_empty()).then(|| {
                let count = self.numbers.len();
                let sum: f64 = (0..count).map(|target| numbers.r2(target)).sum();
                sum / count as f64
            }),
        })
    }
}

fn wrong(row: &[[u32; 2]]) -> usize {
    row.iter()
        .filter(|[truth, predicted]| truth != predicted)
        .count()
}

/// The rows that all targets have.
struct Table<T> {
    rows: Vec<u32>,
    /// By row: of each target, the true value and the predicted one.
    values: Vec<Vec<[T; 2]>>,
    weights: Vec<f64>,
}

impl<T: Copy> Table<T> {
    fn of(targets: &[OfTarget<T>], weight: impl Fn(&u32) -> f64) -> Self {
        let mut table = Self {
            rows: Vec::new(),
            values: Vec::new(),
            weights: Vec::new(),
        };
        let Some(first) = targets.first() else {
            return table;
        };
        for row in first.rows.keys() {
            let of_row = targets.iter().map(|target| target.rows.get(row).copied());
            if let Some(values) = of_row.collect::<Option<Vec<_>>>() {
                table.rows.push(*row);
                table.values.push(values);
                table.weights.push(weight(row));
            }
        }
        table
    }

    /// The weighted mean of a number of each row.
    fn mean(&self, of: impl Fn(&Vec<[T; 2]>) -> f64) -> f64 {
        let rows = self.values.iter().zip(&self.weights);
        let sum: f64 = rows.map(|(row, weight)| weight * of(row)).sum();
        sum / self.weights.iter().sum::<f64>()
    }
}

impl Table<f64> {
    /// scikit-learn's `r2_score`: of a target of one value alone, 1 if it is predicted
    /// without error, else 0.
    fn r2(&self, target: usize) -> f64 {
        let mean = self.mean(|row| row[target][0]);
        let residual = self.mean(|row| (row[target][0] - row[target][1]).powi(2));
        let total = self.mean(|row| (row[target][0] - mean).powi(2));
        match (residual == 0.0, total == 0.0) {
            (true, _) => 1.0,
            (false, true) => 0.0,
            (false, false) => 1.0 - residual / total,
        }
    }
}

/// F1 over the positive classes of targets; 0 where there is neither a positive label nor
/// a predicted one, as by scikit-learn's default.
struct F1 {
    samples: f64,
    macro_average: f64,
    micro: f64,
}

impl F1 {
    fn new(targets: &[&OfTarget<u32>], rows: &[u32], weight: impl Fn(&u32) -> f64) -> Self {
        // Both right, and the sum of true and predicted ones.
        let mut of_targets = vec![[0.0; 2]; targets.len()];
        let (mut samples, mut weights) = (0.0, 0.0);
        for row in rows {
            let weight = weight(row);
            let mut of_row = [0.0; 2];
            for (target, sums) in targets.iter().zip(&mut of_targets) {
                let [truth, predicted] = target.rows[row].map(|code| Some(code) == target.positive);
                let both = f64::from(truth && predicted);
                let either = f64::from(truth) + f64::from(predicted);
                of_row = [of_row[0] + both, of_row[1] + either];
                *sums = [sums[0] + weight * both, sums[1] + weight * either];
            }
            samples += weight * f1(of_row);
            weights += weight;
        }
        let all = of_targets
            .iter()
            .fold([0.0; 2], |all, sums| [all[0] + sums[0], all[1] + sums[1]]);
        let sum: f64 = of_targets.iter().map(|sums| f1(*sums)).sum();
        Self {
            samples: samples / weights,
            macro_average: sum / targets.len() as f64,
            micro: f1(all),
        }
    }
}

fn f1([both, either]: [f64; 2]) -> f64 {
    match either == 0.0 {
        true => 0.0,
        false => 2.0 * both / either,
    }
}
