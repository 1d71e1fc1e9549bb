//! [`WeightedRanking`]: a [`Ranking`](super::Ranking) of rows with weights.

use crate::metrics::Sum;

/// The weights of the positive and of the negative rows of one score.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Step {
    positives: f64,
    negatives: f64,
}

/// Weights of positive and negative rows grouped by score, the greatest score
/// first. Rows of no weight are left out.
///
/// The rows of one score are summed in the order of their weights, so that results
/// do not depend on the order of the rows.
#[derive(Clone, Debug)]
pub struct WeightedRanking {
    steps: Vec<Step>,
    positives: f64,
    negatives: f64,
}

impl WeightedRanking {
    /// Ranks rows, given as ((score, whether it is positive), weight). `None` if a
    /// score is NaN. Weights are finite and at least 0.
    pub fn of(rows: impl Iterator<Item = ((f64, bool), f64)>) -> Option<Self> {
        let mut nan = false;
        // The weights of negative rows are negated here.
        let mut keys: Vec<(u64, f64)> = rows
            .inspect(|((score, _), _)| nan |= score.is_nan())
            .filter(|(_, weight)| *weight > 0.0)
            .map(|((score, positive), weight)| {
                (descending(score), if positive { weight } else { -weight })
            })
            .collect();
        if nan {
            return None;
        }
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        let steps = keys.chunk_by(|a, b| a.0 == b.0).map(|group| {
            let (negatives, positives) = group.split_at(group.partition_point(|row| row.1 < 0.0));
            Step {
                positives: positives.iter().map(|row| row.1).collect::<Sum>().total(),
                negatives: negatives.iter().map(|row| -row.1).collect::<Sum>().total(),
            }
        });
        let steps: Vec<Step> = steps.collect();
        let sum = |of: fn(&Step) -> f64| steps.iter().map(of).collect::<Sum>().total();
        Some(Self {
            positives: sum(|step| step.positives),
            negatives: sum(|step| step.negatives),
            steps,
        })
    }

    /// [`Ranking::roc_auc`](super::Ranking::roc_auc) of pairs that count by the
    /// product of their weights. NaN if all weight is on one kind of rows.
    pub fn roc_auc(&self) -> f64 {
        if self.positives == 0.0 || self.negatives == 0.0 {
            return f64::NAN;
        }
        let (mut before, mut area) = (Sum::default(), Sum::default());
        for step in &self.steps {
            area.add(step.negatives * (before.total() + step.positives / 2.0));
            before.add(step.positives);
        }
        area.total() / self.positives / self.negatives
    }

    /// [`Ranking::average_precision`](super::Ranking::average_precision) of rows
    /// that count by their weights. 0 if no positive row has a weight; NaN if no
    /// row has.
    pub fn average_precision(&self) -> f64 {
        if self.positives == 0.0 {
            return if self.negatives > 0.0 { 0.0 } else { f64::NAN };
        }
        let (mut positives, mut rows) = (Sum::default(), Sum::default());
        let mut sum = Sum::default();
        for step in &self.steps {
            positives.add(step.positives);
            rows.add(step.positives + step.negatives);
            sum.add(step.positives * (positives.total() / rows.total()));
        }
        sum.total() / self.positives
    }
}

/// A key whose ascending order is the descending order of scores; the same for 0
/// and -0.
fn descending(score: f64) -> u64 {
    let bits = (score + 0.0).to_bits();
    match bits >> 63 {
        0 => !bits & !(1 << 63),
        _ => bits,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Ranking;
    use super::*;

    #[test]
    fn keys_are_in_descending_order() {
        let scores = [
            f64::INFINITY,
            2.0,
            1e-300,
            0.0,
            -1e-300,
            -2.0,
            f64::NEG_INFINITY,
        ];
        assert!(scores.map(descending).is_sorted_by(|a, b| a < b));
        assert_eq!(descending(0.0), descending(-0.0));
    }

    #[test]
    fn a_nan_score_gives_no_ranking() {
        let rows = [((0.5, true), 1.0), ((f64::NAN, false), 0.0)];
        assert!(WeightedRanking::of(rows.into_iter()).is_none());
    }

    /// Rows of few scores and of whole, half and odd weights.
    fn rows() -> impl Strategy<Value = Vec<((f64, bool), f64)>> {
        let row = (-3i32..4, any::<bool>(), 0u32..5).prop_map(|(score, positive, weight)| {
            ((f64::from(score) * 0.25, positive), f64::from(weight) * 0.3)
        });
        prop::collection::vec(row, 2..60)
    }

    proptest! {
        #[test]
        fn the_order_of_the_rows_changes_no_bit(rows in rows(), seed: u64) {
            let metrics = |rows: &[_]| {
                let ranking = WeightedRanking::of(rows.iter().copied()).unwrap();
                [ranking.roc_auc().to_bits(), ranking.average_precision().to_bits()]
            };
            let mut shuffled = rows.clone();
            let mut state = seed;
            for place in (1..shuffled.len()).rev() {
                state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                shuffled.swap(place, (state >> 33) as usize % (place + 1));
            }
            prop_assert_eq!(metrics(&rows), metrics(&shuffled));
        }

        #[test]
        fn whole_weights_are_repeated_rows(rows in rows()) {
            let whole = rows.iter().map(|(row, weight)| (*row, (weight / 0.3).round()));
            let weighted = WeightedRanking::of(whole.clone()).unwrap();
            let repeated = whole.flat_map(|(row, weight)| std::iter::repeat_n(row, weight as usize));
            let repeated: Vec<(f64, bool)> = repeated.collect();
            let ranking = Ranking::of(repeated.iter().copied()).unwrap();
            let same = |a: f64, b: f64| (a - b).abs() < 1e-14 || (a.is_nan() && b.is_nan());
            prop_assert!(same(weighted.roc_auc(), ranking.roc_auc()));
            if !repeated.is_empty() {
                let precision = weighted.average_precision();
                prop_assert!(same(precision, ranking.average_precision()));
            }
        }
    }
}
