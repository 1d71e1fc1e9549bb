//! How what several members predict of one target becomes one prediction, as scikit-learn's
//! `VotingClassifier` and `VotingRegressor` have it. Pure functions of numbers, for bags of
//! models in a guest and in the host.

/// The weighted mean of tables of one length, of which there is one at least: sums in the
/// order of the members. That of one is itself, bit for bit.
pub fn mean(members: &[(&[f64], f64)]) -> Vec<f64> {
    if let [(only, _)] = members {
        return only.to_vec();
    }
    let mut sums = vec![0.0; members.first().map_or(0, |(first, _)| first.len())];
    for (table, weight) in members {
        add(table, *weight, &mut sums);
    }
    let total: f64 = members.iter().map(|(_, weight)| weight).sum();
    sums.iter_mut().for_each(|sum| *sum /= total);
    sums
}

/// Adds a table times its weight.
pub fn add(table: &[f64], weight: f64, sums: &mut [f64]) {
    for (sum, value) in sums.iter_mut().zip(table) {
        *sum += weight * value;
    }
}

/// By row, the class of the greatest sum of weights; of several, the first. `members` are
/// their classes by row.
pub fn majority(members: &[(&[u32], f64)], classes: usize) -> Vec<u32> {
    let mut votes = vec![0.0; classes];
    let class = |row: usize| {
        votes.fill(0.0);
        for (codes, weight) in members {
            votes[codes[row] as usize] += weight;
        }
        let most = |best: usize, class: usize| match votes[class] > votes[best] {
            true => class,
            false => best,
        };
        (0..classes).fold(0, most) as u32
    };
    let rows = members.first().map_or(0, |(first, _)| first.len());
    (0..rows).map(class).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_averaged_by_weight() {
        assert_eq!(
            mean(&[(&[0.25, 0.75], 1.0), (&[1.0, 0.25], 3.0)]),
            [0.8125, 0.375]
        );
        // Not multiplied and divided again.
        assert_eq!(mean(&[(&[0.1], 3.0)]), [0.1]);
        assert_eq!(mean(&[]), [0.0; 0]);
    }

    #[test]
    fn the_first_of_the_classes_of_the_most_weight_is_chosen() {
        let members: [&[u32]; 3] = [&[0, 2], &[1, 1], &[2, 2]];
        let voted = |weights: [f64; 3]| {
            let members: Vec<(&[u32], f64)> = members.into_iter().zip(weights).collect();
            majority(&members, 3)
        };
        assert_eq!(voted([1.0; 3]), [0, 2]);
        assert_eq!(voted([1.0, 2.5, 1.0]), [1, 1]);
    }
}
