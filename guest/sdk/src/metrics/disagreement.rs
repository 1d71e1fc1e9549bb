//! Metrics of pairs of a true and a predicted class: Cohen's kappa, and costs.
//!
//! Formula: scikit-learn 1.9's `cohen_kappa_score`.

use super::{Counts, Sum, Weights, weighted_mean};
use crate::contract::metric::Disagreement;

/// Cohen's kappa: 1 for perfect agreement, 0 for chance. NaN if all rows are of
/// one class and predicted to be. `counts` are those of the same rows.
pub fn cohen_kappa(
    truth: &[u32],
    predicted: &[u32],
    weights: Weights<'_>,
    counts: &Counts,
    disagreement: Disagreement,
) -> f64 {
    let distance = |a: usize, b: usize| {
        let apart = a.abs_diff(b) as f64;
        match disagreement {
            Disagreement::Any => f64::from(u8::from(a != b)),
            Disagreement::Linear => apart,
            Disagreement::Quadratic => apart * apart,
        }
    };
    // Distances are counted in classes that are seen.
    let seen: Vec<(usize, f64, f64)> = counts.seen().collect();
    let mut places = vec![0; seen.last().map_or(0, |(class, ..)| class + 1)];
    for (place, (class, ..)) in seen.iter().enumerate() {
        places[*class] = place;
    }
    let pairs = truth.iter().zip(predicted);
    let found = weighted_mean(
        pairs.map(|(actual, predicted)| {
            distance(places[*actual as usize], places[*predicted as usize])
        }),
        weights,
    );
    let mut expected = Sum::default();
    for (a, (_, actual, _)) in seen.iter().enumerate() {
        for (b, (.., predicted)) in seen.iter().enumerate() {
            expected.add(actual * predicted * distance(a, b));
        }
    }
    let rows: Sum = seen.iter().map(|(_, actual, _)| *actual).collect();
    let expected = expected.total() / (rows.total() * rows.total());
    match expected == 0.0 {
        true => f64::NAN,
        false => 1.0 - found / expected,
    }
}

/// The mean cost of the predictions. `costs` has shape (classes, classes),
/// row-major, the true class first.
pub fn mean_cost(
    truth: &[u32],
    predicted: &[u32],
    weights: Weights<'_>,
    costs: &[f64],
    classes: usize,
) -> f64 {
    let pairs = truth.iter().zip(predicted);
    weighted_mean(
        pairs.map(|(actual, predicted)| costs[*actual as usize * classes + *predicted as usize]),
        weights,
    )
}
