//! [`ClassificationReport`]: scikit-learn's `classification_report` and
//! `confusion_matrix`.

use serde::{Deserialize, Serialize};

/// The scores of one class, or their average. A division by 0 is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Average {
    /// Of the rows predicted to be of the class, the share that are.
    pub precision: f64,
    /// Of the rows of the class, the share that are predicted to be.
    pub recall: f64,
    /// The harmonic mean of both.
    #[serde(rename = "f1-score")]
    pub f1: f64,
    /// The weight of the rows of the class: their number without weights.
    pub support: f64,
}

/// The scores of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Its label.
    pub label: String,
    /// Its scores.
    #[serde(flatten)]
    pub scores: Average,
}

/// Scores by class, their averages, and the confusion matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassificationReport {
    /// By class, in the order of the sorted labels.
    pub classes: Vec<ClassScores>,
    /// The share of the rows whose class is predicted.
    pub accuracy: f64,
    /// The mean over the classes.
    #[serde(rename = "macro avg")]
    pub macro_avg: Average,
    /// The mean over the classes, weighted by their support.
    #[serde(rename = "weighted avg")]
    pub weighted_avg: Average,
    /// The weight of the rows of each true class (outer) that are predicted to be of
    /// each class (inner). `None` for more than [`MATRIX`](Self::MATRIX) classes.
    pub confusion_matrix: Option<Vec<Vec<f64>>>,
}

/// `a / b`, 0 where `b` is.
fn share(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}

impl ClassificationReport {
    /// The most classes whose confusion matrix is told.
    pub const MATRIX: usize = 100;

    /// The report of rows of true and predicted classes, as indices into `labels`.
    pub fn new(
        labels: &[String],
        truth: &[u32],
        predicted: &[u32],
        weights: Option<&[f64]>,
    ) -> Self {
        let count = labels.len();
        let mut matrix = vec![vec![0.0; count]; count];
        for (row, (truth, predicted)) in truth.iter().zip(predicted).enumerate() {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            matrix[*truth as usize][*predicted as usize] += weight;
        }
        let classes: Vec<ClassScores> = (0..count)
            .map(|class| {
                let hits = matrix[class][class];
                let support: f64 = matrix[class].iter().sum();
                let named: f64 = matrix.iter().map(|row| row[class]).sum();
                ClassScores {
                    label: labels[class].clone(),
                    scores: Average {
                        precision: share(hits, named),
                        recall: share(hits, support),
                        f1: share(2.0 * hits, named + support),
                        support,
                    },
                }
            })
            .collect();
        let all: f64 = classes.iter().map(|class| class.scores.support).sum();
        let hits: f64 = (0..count).map(|class| matrix[class][class]).sum();
        let mean = |weight: &dyn Fn(&Average) -> f64| {
            let of = |score: fn(&Average) -> f64| {
                let scores = classes.iter().map(|class| &class.scores);
                scores.map(|scores| weight(scores) * score(scores)).sum()
            };
            Average {
                precision: of(|scores| scores.precision),
                recall: of(|scores| scores.recall),
                f1: of(|scores| scores.f1),
                support: all,
            }
        };
        Self {
            accuracy: share(hits, all),
            macro_avg: mean(&|_| 1.0 / count as f64),
            weighted_avg: mean(&|scores| share(scores.support, all)),
            classes,
            confusion_matrix: (count <= Self::MATRIX).then_some(matrix),
        }
    }
}
