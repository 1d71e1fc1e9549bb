//! [`Curves`]: scikit-learn's `roc_curve` and `precision_recall_curve`, with
//! `drop_intermediate`.

use fanout_sdk::Target;

use super::rows::PredictedRows;

/// A point of a receiver operating characteristic curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RocPoint {
    /// The index of the class that counts as positive, against all others.
    pub class: usize,
    /// The false positive rate.
    pub fpr: f64,
    /// The true positive rate.
    pub tpr: f64,
    /// Rows of at least this score count as predicted; infinity at the first point.
    pub threshold: f64,
}

/// A point of a precision-recall curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PrecisionRecallPoint {
    /// The index of the class that counts as positive, against all others.
    pub class: usize,
    /// Of the rows predicted, the share of the class.
    pub precision: f64,
    /// Of the rows of the class, the share predicted.
    pub recall: f64,
    /// Rows of at least this score count as predicted; infinity at the last point,
    /// for which scikit-learn has none.
    pub threshold: f64,
}

/// The curves of some classes, each against the others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Curves {
    /// By class, of descending thresholds. None of a class that all rows have, or
    /// none.
    pub roc: Vec<RocPoint>,
    /// By class, of ascending thresholds. None of a class that no row has.
    pub precision_recall: Vec<PrecisionRecallPoint>,
}

/// The weight of the rows of at least a threshold.
#[derive(Clone, Copy)]
struct Counted {
    /// Of those not of the class.
    fps: f64,
    /// Of those of the class.
    tps: f64,
    threshold: f64,
}

impl Curves {
    /// The curves of `classes`; none where only classes are predicted.
    pub fn new(rows: &PredictedRows, classes: impl IntoIterator<Item = usize>) -> Self {
        let mut curves = Self::default();
        let Target::Classes { codes, .. } = &rows.target else {
            return curves;
        };
        for class in classes {
            let Some(scores) = rows.ranking(class) else {
                continue;
            };
            let truth: Vec<bool> = codes.iter().map(|code| *code as usize == class).collect();
            curves.add(class, &truth, &scores, rows.weights.as_deref());
        }
        curves
    }

    pub(super) fn add(
        &mut self,
        class: usize,
        truth: &[bool],
        scores: &[f64],
        weights: Option<&[f64]>,
    ) {
        let counted = count(truth, scores, weights);
        let Some(all) = counted.last().copied() else {
            return;
        };
        if all.tps > 0.0 && all.fps > 0.0 {
            let start = Counted {
                fps: 0.0,
                tps: 0.0,
                threshold: f64::INFINITY,
            };
            let points = std::iter::once(start).chain(corners(&counted));
            self.roc.extend(points.map(|point| RocPoint {
                class,
                fpr: point.fps / all.fps,
                tpr: point.tps / all.tps,
                threshold: point.threshold,
            }));
        }
        if all.tps > 0.0 {
            let points = ends_of_recall(&counted).into_iter().rev();
            let points = points.map(|point| PrecisionRecallPoint {
                class,
                precision: match point.tps + point.fps {
                    0.0 => 0.0,
                    rows => point.tps / rows,
                },
                recall: point.tps / all.tps,
                threshold: point.threshold,
            });
            self.precision_recall.extend(points);
            self.precision_recall.push(PrecisionRecallPoint {
                class,
                precision: 1.0,
                recall: 0.0,
                threshold: f64::INFINITY,
            });
        }
    }
}

/// scikit-learn's `confusion_matrix_at_thresholds`: one entry a distinct score,
/// descending. Rows without weight do not count.
fn count(truth: &[bool], scores: &[f64], weights: Option<&[f64]>) -> Vec<Counted> {
    let weight = |row: u32| weights.map_or(1.0, |weights| weights[row as usize]);
    let rows = (0..scores.len() as u32).filter(|row| weight(*row) != 0.0);
    let mut order: Vec<u32> = rows.collect();
    order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
    let (mut fps, mut tps) = (0.0, 0.0);
    let mut counted: Vec<Counted> = Vec::new();
    for row in order {
        match truth[row as usize] {
            true => tps += weight(row),
            false => fps += weight(row),
        }
        let threshold = scores[row as usize];
        let point = Counted {
            fps,
            tps,
            threshold,
        };
        match counted.last_mut() {
            Some(last) if last.threshold == threshold => *last = point,
            _ => counted.push(point),
        }
    }
    counted
}

/// Without the points between and in line with their neighbours.
fn corners(points: &[Counted]) -> Vec<Counted> {
    let last = points.len().saturating_sub(1);
    let bends = |at: usize, of: fn(&Counted) -> f64| {
        let [before, here, after] = [at - 1, at, at + 1].map(|at| of(&points[at]));
        (after - here) - (here - before) != 0.0
    };
    let is_kept =
        |at: &usize| *at == 0 || *at == last || bends(*at, |of| of.fps) || bends(*at, |of| of.tps);
    (0..points.len())
        .filter(is_kept)
        .map(|at| points[at])
        .collect()
}

/// The first and the last point of each recall.
fn ends_of_recall(points: &[Counted]) -> Vec<Counted> {
    let last = points.len().saturating_sub(1);
    let differs = |a: usize, b: usize| points[a].tps != points[b].tps;
    let is_kept =
        |at: &usize| *at == 0 || *at == last || differs(*at - 1, *at) || differs(*at, *at + 1);
    (0..points.len())
        .filter(is_kept)
        .map(|at| points[at])
        .collect()
}
