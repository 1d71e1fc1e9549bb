//! [`DrawnWorth`]: predictions as they are drawn: curves of few points, and residuals in
//! bins. The points are those of [`Curves`], thinned; all of them are in the files.

use fanout_sdk::{PredictionValues, Target};
use serde::Serialize;

use super::assessment::Scoring;
use super::curves::Curves;
use super::residuals::differences;
use super::rows::PredictedRows;

/// About as many points are drawn of a curve.
const POINTS: usize = 160;
/// Of so many classes, curves are drawn.
const CLASSES: usize = 12;
/// So many rows are drawn with what is predicted of them.
const ROWS: usize = 600;
/// The bins of residuals.
const BINS: usize = 40;

/// What is drawn of the predictions of a candidate.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DrawnWorth {
    /// Of the test rows of all splits.
    pub out_of_fold: Option<DrawnRowsWorth>,
    /// Of the hold-out rows.
    pub holdout: Option<DrawnRowsWorth>,
}

/// What is drawn of the predictions of some rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct DrawnRowsWorth {
    /// For classes: receiver operating characteristics, of false positive rate and true
    /// positive rate.
    pub roc: Vec<DrawnCurve>,
    /// For classes: of recall and precision.
    pub precision_recall: Vec<DrawnCurve>,
    /// How many classes have no curve here, since there are too many.
    pub more_classes: usize,
    /// For numbers: the predicted and the true number of some rows.
    pub predicted: Vec<[f64; 2]>,
    /// For numbers: the distribution of true minus predicted.
    pub residuals: Option<Histogram>,
}

/// A curve of one class against all others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnCurve {
    /// The class.
    pub label: String,
    /// The area under all points: scikit-learn's `roc_auc_score`, or
    /// `average_precision_score`.
    pub area: f64,
    /// Points.
    pub points: Vec<[f64; 2]>,
}

/// Counts in bins of equal width.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Histogram {
    /// The lower end of the first bin.
    pub low: f64,
    /// The upper end of the last bin.
    pub high: f64,
    /// By bin.
    pub counts: Vec<usize>,
}

impl DrawnWorth {
    /// What is drawn of predictions out of fold and of hold-out rows, as far as there are
    /// any.
    pub fn new(
        out_of_fold: Option<&PredictedRows>,
        holdout: Option<&PredictedRows>,
        scoring: Scoring<'_>,
    ) -> Self {
        let draw = |rows: Option<&PredictedRows>| {
            let rows = rows.filter(|rows| !rows.is_empty());
            rows.map(|rows| DrawnRowsWorth::new(rows, scoring))
        };
        Self {
            out_of_fold: draw(out_of_fold),
            holdout: draw(holdout),
        }
    }
}

impl DrawnRowsWorth {
    /// What is drawn of at least one row.
    pub fn new(rows: &PredictedRows, scoring: Scoring<'_>) -> Self {
        let mut drawn = Self::default();
        match (&rows.target, &rows.predicted.values) {
            (Target::Classes { classes, .. }, _) => {
                let told = scoring.classes(classes);
                drawn.more_classes = told.len().saturating_sub(CLASSES);
                for class in told.take(CLASSES) {
                    let curves = Curves::new(rows, [class]);
                    let label = &classes[class];
                    let roc = curves.roc.iter().map(|point| [point.fpr, point.tpr]);
                    drawn.roc.extend(curve(label, roc.collect(), trapezoids));
                    let recall = curves.precision_recall.iter();
                    let recall = recall.map(|point| [point.recall, point.precision]);
                    let recall = curve(label, recall.collect(), steps);
                    drawn.precision_recall.extend(recall);
                }
            }
            (Target::Numbers(truth), PredictionValues::Numbers(predicted)) => {
                let every = predicted.len().div_ceil(ROWS).max(1);
                let both = predicted.iter().zip(truth).step_by(every);
                let both = both.map(|(predicted, truth)| [*predicted, *truth]);
                drawn.predicted = both.collect();
                drawn.residuals = Histogram::new(&differences(truth, predicted));
            }
            (Target::Numbers(_), _) => {}
        }
        drawn
    }
}

impl Histogram {
    /// Of numbers; `None` if there is none that is finite.
    fn new(numbers: &[f64]) -> Option<Self> {
        let finite = || numbers.iter().copied().filter(|number| number.is_finite());
        let (low, high) = (finite().reduce(f64::min)?, finite().reduce(f64::max)?);
        let mut counts = vec![0; BINS];
        let width = (high - low) / BINS as f64;
        for number in finite() {
            let bin = match width > 0.0 {
                true => ((number - low) / width) as usize,
                false => 0,
            };
            counts[bin.min(BINS - 1)] += 1;
        }
        Some(Self { low, high, counts })
    }
}

/// The area under points of ascending first coordinate.
fn trapezoids(points: &[[f64; 2]]) -> f64 {
    let pairs = points.windows(2);
    pairs
        .map(|pair| (pair[1][0] - pair[0][0]) * (pair[1][1] + pair[0][1]) / 2.0)
        .sum()
}

/// The mean precision, weighted by the recall that each adds; recall descends.
fn steps(points: &[[f64; 2]]) -> f64 {
    let pairs = points.windows(2);
    pairs
        .map(|pair| (pair[0][0] - pair[1][0]) * pair[0][1])
        .sum()
}

/// A curve of few of these points; `None` if there is none.
fn curve(label: &str, all: Vec<[f64; 2]>, area: fn(&[[f64; 2]]) -> f64) -> Option<DrawnCurve> {
    let area = area(&all);
    let last = *all.last()?;
    let distance = |a: &[f64; 2], b: &[f64; 2]| (a[0] - b[0]).abs() + (a[1] - b[1]).abs();
    let length: f64 = all
        .windows(2)
        .map(|pair| distance(&pair[0], &pair[1]))
        .sum();
    let step = length / POINTS as f64;
    let mut points = vec![all[0]];
    let mut before = all[0];
    let mut gone = 0.0;
    for point in &all[1..] {
        gone += distance(&before, point);
        if gone >= step {
            // Corners stay where a step jumps over them.
            if gone > 2.0 * step && points.last() != Some(&before) {
                points.push(before);
            }
            points.push(*point);
            gone = 0.0;
        }
        before = *point;
    }
    if points.last() != Some(&last) {
        points.push(last);
    }
    let rounded = |number: f64| (number * 1e5).round() / 1e5;
    Some(DrawnCurve {
        label: label.to_owned(),
        area,
        points: points.into_iter().map(|point| point.map(rounded)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_keeps_its_ends_its_corners_and_its_area() {
        let flat = (0..=1000).map(|at| [f64::from(at) / 1000.0, 1.0]);
        let all: Vec<[f64; 2]> = std::iter::once([0.0, 0.0]).chain(flat).collect();
        let drawn = curve("yes", all, trapezoids).unwrap();
        assert_eq!(drawn.area, 1.0);
        assert_eq!(drawn.points[..2], [[0.0, 0.0], [0.0, 1.0]]);
        assert_eq!(drawn.points.last(), Some(&[1.0, 1.0]));
        assert!(drawn.points.len() < 2 * POINTS, "{}", drawn.points.len());
        assert_eq!(curve("no", Vec::new(), steps), None);
        // As scikit-learn: precision 1 up to a recall of 0.5, then 0.5.
        let recall = vec![[1.0, 0.5], [0.5, 1.0], [0.0, 1.0]];
        assert_eq!(curve("yes", recall, steps).unwrap().area, 0.75);
    }

    #[test]
    fn a_histogram_counts_all_that_is_finite() {
        let of = |numbers: &[f64]| Histogram::new(numbers);
        assert_eq!(of(&[f64::NAN]), None);
        let same = of(&[2.0, 2.0]).unwrap();
        assert_eq!((same.low, same.high, same.counts[0]), (2.0, 2.0, 2));
        let some = of(&[0.0, 1.0, 40.0, f64::INFINITY]).unwrap();
        assert_eq!((some.counts[0], some.counts[1], some.counts[39]), (1, 1, 1));
    }
}
