//! Areas and precisions over several classes. `truth` has one class per row;
//! `table`, probabilities or decisions, has shape (rows, classes), row-major.
//!
//! Formulas: scikit-learn 1.9's `roc_auc_score` with `multi_class`, and
//! `average_precision_score`.

use super::{Ranking, WeightedRanking, area};
use crate::metrics::{Weights, class_weights, mean};

/// The mean over the classes of the area under the ROC curve of each class
/// against the rest. NaN if a class has no rows. `by_size`: classes count by their
/// rows.
pub fn roc_auc_ovr(
    truth: &[u32],
    weights: Weights<'_>,
    table: &[f64],
    classes: usize,
    by_size: bool,
) -> f64 {
    let metric = (Ranking::roc_auc as _, WeightedRanking::roc_auc as _);
    one_vs_rest(truth, weights, table, classes, by_size, metric)
}

/// The mean over the classes of the average precision of each class against the
/// rest. NaN if a class has no rows.
pub fn average_precision_ovr(
    truth: &[u32],
    weights: Weights<'_>,
    table: &[f64],
    classes: usize,
) -> f64 {
    let metric = (
        Ranking::average_precision as _,
        WeightedRanking::average_precision as _,
    );
    one_vs_rest(truth, weights, table, classes, false, metric)
}

/// A metric of a ranking, and the same with weights.
type Metric = (fn(&Ranking) -> f64, fn(&WeightedRanking) -> f64);

fn one_vs_rest(
    truth: &[u32],
    weights: Weights<'_>,
    table: &[f64],
    classes: usize,
    by_size: bool,
    (metric, weighted_metric): Metric,
) -> f64 {
    if sizes(truth, classes).is_none() {
        return f64::NAN;
    }
    let scores = (0..classes).map(|class| {
        let column = table.iter().skip(class).step_by(classes);
        let rows = column
            .zip(truth)
            .map(|(p, real)| (*p, *real as usize == class));
        let score = match weights {
            None => Ranking::of(rows).map(|ranking| metric(&ranking)),
            Some(weights) => {
                let ranking = WeightedRanking::of(rows.zip(weights.iter().copied()));
                ranking.map(|ranking| weighted_metric(&ranking))
            }
        };
        score.unwrap_or(f64::NAN)
    });
    if by_size {
        let sizes = class_weights(truth, classes, weights);
        // A class of no weight has no score and counts nothing.
        let scores = scores.zip(sizes);
        weighted_mean(scores.map(|(score, size)| (if size > 0.0 { score } else { 0.0 }, size)))
    } else {
        mean(scores)
    }
}

/// The mean over all pairs of classes of the area under the ROC curve of each
/// class against the other (Hand and Till, 2001). NaN if a class has no rows.
/// `by_size`: pairs count by their rows. scikit-learn takes no weights of rows.
pub fn roc_auc_ovo(truth: &[u32], table: &[f64], classes: usize, by_size: bool) -> f64 {
    let Some(sizes) = sizes(truth, classes) else {
        return f64::NAN;
    };
    // areas[a][b]: the area of class a against class b, by the probability of a.
    let areas: Option<Vec<Vec<f64>>> = (0..classes)
        .map(|class| areas(truth, table, class, &sizes))
        .collect();
    let Some(areas) = areas else {
        return f64::NAN;
    };
    let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
    let scores = pairs.map(|(a, b)| {
        let rows = (sizes[a] + sizes[b]) as f64;
        ((areas[a][b] + areas[b][a]) / 2.0, rows)
    });
    if by_size {
        weighted_mean(scores)
    } else {
        mean(scores.map(|(score, _)| score))
    }
}

/// The area of `class` against each other class, by the probability of `class`.
/// `None` if a probability is NaN.
fn areas(truth: &[u32], table: &[f64], class: usize, sizes: &[u64]) -> Option<Vec<f64>> {
    let column = table.iter().skip(class).step_by(sizes.len());
    let mut rows: Vec<(f64, u32)> = column.copied().zip(truth.iter().copied()).collect();
    if rows.iter().any(|(score, _)| score.is_nan()) {
        return None;
    }
    rows.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut halves = vec![0u128; sizes.len()];
    let mut below = vec![0u64; sizes.len()];
    let mut beside = vec![0u64; sizes.len()];
    // `==` treats -0 and 0 as one score; they are neighbours in this order.
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        beside.fill(0);
        group
            .iter()
            .for_each(|(_, real)| beside[*real as usize] += 1);
        let own = u128::from(beside[class]);
        for other in 0..sizes.len() {
            halves[other] += own * u128::from(2 * below[other] + beside[other]);
            below[other] += beside[other];
        }
    }
    let others = halves.iter().zip(sizes);
    Some(
        others
            .map(|(h, size)| area(*h, sizes[class], *size))
            .collect(),
    )
}

/// The number of rows of each class; `None` if one has no rows.
fn sizes(truth: &[u32], classes: usize) -> Option<Vec<u64>> {
    let mut sizes = vec![0; classes];
    truth.iter().for_each(|class| sizes[*class as usize] += 1);
    sizes.iter().all(|size| *size > 0).then_some(sizes)
}

/// The mean of scores, each with its weight.
fn weighted_mean(scores: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (score, weight) in scores {
        sum += score * weight;
        weights += weight;
    }
    sum / weights
}
