//! [`Ranking`]: rows ordered by score, and the metrics that depend on the order
//! only; [`WeightedRanking`], the same of rows with weights; and the means of
//! these over several classes ([`multiclass`]).
//!
//! Formulas: scikit-learn 1.9's `roc_auc_score` and
//! `average_precision_score`. Areas are summed in integers, so that
//! they do not depend on the order of the rows.

pub mod multiclass;
mod weighted;

pub use weighted::WeightedRanking;

use crate::sort::sort_keys;

/// The numbers of positive and negative rows of one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    positives: u64,
    negatives: u64,
}

/// Positive and negative rows grouped by score, the greatest score first.
#[derive(Clone, Debug)]
pub struct Ranking {
    steps: Vec<Step>,
    positives: u64,
    negatives: u64,
}

impl Ranking {
    /// Ranks rows, given as (score, whether it is positive). `None` if a score is
    /// NaN.
    pub fn of(rows: impl Iterator<Item = (f64, bool)> + Clone) -> Option<Self> {
        // Without the sign, the bits of a float are in the order of its
        // magnitude. The shift frees the lowest bit for the kind of row.
        let key = |(score, positive): (f64, bool)| score.to_bits() << 1 | u64::from(positive);
        let (mut nan, mut below) = (false, false);
        let keys = rows.clone().map(|row| {
            nan |= row.0.is_nan();
            below |= row.0 < 0.0;
            key(row)
        });
        let keys: Vec<u64> = keys.collect();
        if nan {
            return None;
        }
        let mut steps = if below {
            steps(rows.clone().filter(|row| row.0 >= 0.0).map(key).collect())
        } else {
            steps(keys)
        };
        steps.reverse();
        if below {
            steps.extend(self::steps(
                rows.filter(|row| row.0 < 0.0).map(key).collect(),
            ));
        }
        Some(Self {
            positives: steps.iter().map(|step| step.positives).sum(),
            negatives: steps.iter().map(|step| step.negatives).sum(),
            steps,
        })
    }

    /// The area under the receiver operating characteristic curve: the fraction
    /// of pairs of a positive and a negative row in which the positive row has
    /// the greater score, ties counting half. NaN if all rows are of one kind.
    pub fn roc_auc(&self) -> f64 {
        if self.positives == 0 || self.negatives == 0 {
            return f64::NAN;
        }
        let (mut before, mut halves) = (0, 0);
        for step in &self.steps {
            // In halves: two for a pair in order, one for a tie.
            halves += u128::from(step.negatives) * u128::from(2 * before + step.positives);
            before += step.positives;
        }
        area(halves, self.positives, self.negatives)
    }

    /// The mean over the positive rows of the precision at their score. 0 if no
    /// row is positive.
    pub fn average_precision(&self) -> f64 {
        if self.positives == 0 {
            return 0.0;
        }
        let (mut positives, mut rows, mut sum) = (0, 0, 0.0);
        for step in &self.steps {
            positives += step.positives;
            rows += step.positives + step.negatives;
            sum += step.positives as f64 * (positives as f64 / rows as f64);
        }
        sum / self.positives as f64
    }
}

/// `halves` divided by twice the number of pairs.
fn area(halves: u128, positives: u64, negatives: u64) -> f64 {
    let pairs = u128::from(positives) * u128::from(negatives);
    halves as f64 / (2 * pairs) as f64
}

/// Groups keys by all bits but the lowest, ascending.
fn steps(mut keys: Vec<u64>) -> Vec<Step> {
    if let Some(steps) = few_steps(&keys) {
        return steps;
    }
    sort_keys(&mut keys);
    let groups = keys.chunk_by(|a, b| a >> 1 == b >> 1);
    let steps = groups.map(|group| {
        let negatives = group.partition_point(|key| key & 1 == 0) as u64;
        Step {
            positives: group.len() as u64 - negatives,
            negatives,
        }
    });
    steps.collect()
}

/// An entry of the hash table of [`few_steps`]. Without rows, it is free.
#[derive(Clone, Copy, Debug, Default)]
struct ScoreCount {
    score: u64,
    /// The numbers of negative and of positive rows.
    rows: [u32; 2],
}

/// [`steps`] by counting in a hash table instead of sorting, which is several
/// times faster for few distinct scores. `None` if they are not few.
fn few_steps(keys: &[u64]) -> Option<Vec<Step>> {
    /// The number of rows per score from which on counting is faster.
    const ROWS_PER_SCORE: usize = 4;
    let limit = keys.len() / ROWS_PER_SCORE;
    // Open addressing with linear probing, at most half full.
    let mut places = vec![ScoreCount::default(); 1 << 10];
    let mut taken = 0;
    for key in keys {
        let entry = find_entry(&mut places, key >> 1);
        let is_new = entry.rows == [0; 2];
        entry.score = key >> 1;
        entry.rows[(key & 1) as usize] += 1;
        if is_new {
            taken += 1;
            if taken > limit {
                return None;
            }
            if taken * 2 > places.len() {
                let mut more = vec![ScoreCount::default(); places.len() * 4];
                for entry in occupied(places) {
                    *find_entry(&mut more, entry.score) = entry;
                }
                places = more;
            }
        }
    }
    let mut entries: Vec<ScoreCount> = occupied(places).collect();
    entries.sort_unstable_by_key(|entry| entry.score);
    let steps = entries.into_iter().map(|entry| Step {
        positives: entry.rows[1].into(),
        negatives: entry.rows[0].into(),
    });
    Some(steps.collect())
}

/// The entry of a score, or the free entry for it. The number of entries is a
/// power of two, and some are free.
#[inline]
fn find_entry(places: &mut [ScoreCount], score: u64) -> &mut ScoreCount {
    let mask = places.len() - 1;
    let hash = score.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = (hash >> 32) as usize & mask;
    while places[at].score != score && places[at].rows != [0; 2] {
        at = (at + 1) & mask;
    }
    &mut places[at]
}

fn occupied(places: Vec<ScoreCount>) -> impl Iterator<Item = ScoreCount> {
    places.into_iter().filter(|entry| entry.rows != [0; 2])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(rows: &[(f64, bool)]) -> Ranking {
        Ranking::of(rows.iter().copied()).unwrap()
    }

    /// The area by its definition.
    fn slow_area(rows: &[(f64, bool)]) -> f64 {
        let (mut halves, mut pairs) = (0.0, 0.0);
        for (positive, _) in rows.iter().filter(|row| row.1) {
            for (negative, _) in rows.iter().filter(|row| !row.1) {
                pairs += 1.0;
                halves += match positive.partial_cmp(negative) {
                    Some(std::cmp::Ordering::Greater) => 2.0,
                    Some(std::cmp::Ordering::Equal) => 1.0,
                    _ => 0.0,
                };
            }
        }
        halves / (2.0 * pairs)
    }

    #[test]
    fn a_nan_score_gives_no_ranking() {
        assert!(Ranking::of([(0.5, true), (f64::NAN, false)].into_iter()).is_none());
    }

    #[test]
    fn rows_of_one_kind() {
        assert!(ranking(&[(0.5, true), (0.1, true)]).roc_auc().is_nan());
        assert_eq!(
            ranking(&[(0.5, false), (0.1, false)]).average_precision(),
            0.0
        );
        assert_eq!(
            ranking(&[(0.5, true), (0.1, true)]).average_precision(),
            1.0
        );
    }

    proptest! {
        #[test]
        fn the_area_equals_its_definition(
            rows in prop::collection::vec((-3i32..4, any::<bool>()), 2..40)
        ) {
            let rows: Vec<(f64, bool)> = rows
                .into_iter()
                .map(|(score, positive)| (f64::from(score) * 0.25, positive))
                .collect();
            let (fast, slow) = (ranking(&rows).roc_auc(), slow_area(&rows));
            prop_assert!(fast == slow || (fast.is_nan() && slow.is_nan()));
        }

        #[test]
        fn counting_equals_sorting(distinct in 1u64..5000, seed: u64) {
            let mut state = seed | 1;
            let keys: Vec<u64> = (0..20_000)
                .map(|_| {
                    state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    let score = (state >> 33) % distinct;
                    (score << 40) | ((state >> 20) & 1)
                })
                .collect();
            let counted = few_steps(&keys);
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            let groups: Vec<Step> = sorted
                .chunk_by(|a, b| a >> 1 == b >> 1)
                .map(|group| Step {
                    positives: group.iter().map(|key| key & 1).sum(),
                    negatives: group.iter().map(|key| 1 - (key & 1)).sum(),
                })
                .collect();
            prop_assert_eq!(&steps(keys.clone()), &groups);
            match counted {
                Some(counted) => prop_assert_eq!(counted, groups),
                None => prop_assert!(groups.len() > keys.len() / 4),
            }
        }
    }
}
