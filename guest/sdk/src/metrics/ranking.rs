//! [`Ranking`]: rows in the order of their score, and the metrics that depend
//! on that order alone.
//!
//! Formulas: scikit-learn 1.9's `roc_auc_score` and
//! `average_precision_score`. Areas are counted in whole numbers, so that
//! they do not depend on the order of rows.

/// How many rows of each kind have one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    positives: u64,
    negatives: u64,
}

/// Rows of two kinds, positive and not, grouped by their score, greatest
/// score first.
#[derive(Clone, Debug)]
pub struct Ranking {
    steps: Vec<Step>,
    positives: u64,
    negatives: u64,
}

impl Ranking {
    /// Ranks rows by `(score, positive)`; `None` where a score is NaN.
    pub fn of(rows: impl Iterator<Item = (f64, bool)> + Clone) -> Option<Self> {
        // The bits of a float without its sign are in the order of its
        // magnitude, and leave the lowest bit to the kind of row.
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

    /// The area under the receiver operating characteristic: the chance that
    /// a positive row is ranked before another, ties counting half. NaN where
    /// all rows are of one kind.
    pub fn roc_auc(&self) -> f64 {
        if self.positives == 0 || self.negatives == 0 {
            return f64::NAN;
        }
        let (mut before, mut halves) = (0, 0);
        for step in &self.steps {
            // Two halves for each positive before a negative, one beside.
            halves += u128::from(step.negatives) * u128::from(2 * before + step.positives);
            before += step.positives;
        }
        area(halves, self.positives, self.negatives)
    }

    /// The mean precision over the positive rows, each at the end of its
    /// step. 0 where no row is positive.
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

/// `halves` out of two for every pair.
fn area(halves: u128, positives: u64, negatives: u64) -> f64 {
    let pairs = u128::from(positives) * u128::from(negatives);
    halves as f64 / (2 * pairs) as f64
}

/// Groups keys by all but their lowest bit, ascending.
fn steps(mut keys: Vec<u64>) -> Vec<Step> {
    if let Some(steps) = few_steps(&keys) {
        return steps;
    }
    keys.sort_unstable();
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

/// A score, and how many rows of each kind have it: none in a free place.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    score: u64,
    /// By kind: not positive, positive.
    rows: [u32; 2],
}

/// The same by counting, several times faster: an estimator with few leaves
/// gives few scores. `None` where they are not few.
fn few_steps(keys: &[u64]) -> Option<Vec<Step>> {
    /// Rows that a score has on average for counting to be worth it.
    const EACH: usize = 4;
    let most = keys.len() / EACH;
    // Places are probed one by one, and at most half of them are taken.
    let mut places = vec![Tally::default(); 1 << 10];
    let mut taken = 0;
    for key in keys {
        let tally = place(&mut places, key >> 1);
        let is_new = tally.rows == [0; 2];
        tally.score = key >> 1;
        tally.rows[(key & 1) as usize] += 1;
        if is_new {
            taken += 1;
            if taken > most {
                return None;
            }
            if taken * 2 > places.len() {
                let mut more = vec![Tally::default(); places.len() * 4];
                for tally in taken_of(places) {
                    *place(&mut more, tally.score) = tally;
                }
                places = more;
            }
        }
    }
    let mut tallies: Vec<Tally> = taken_of(places).collect();
    tallies.sort_unstable_by_key(|tally| tally.score);
    let steps = tallies.into_iter().map(|tally| Step {
        positives: tally.rows[1].into(),
        negatives: tally.rows[0].into(),
    });
    Some(steps.collect())
}

/// Where a score is, or the free place that it is to have. There is one, and
/// the places are a power of two.
#[inline]
fn place(places: &mut [Tally], score: u64) -> &mut Tally {
    let mask = places.len() - 1;
    let hash = score.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut at = (hash >> 32) as usize & mask;
    while places[at].score != score && places[at].rows != [0; 2] {
        at = (at + 1) & mask;
    }
    &mut places[at]
}

fn taken_of(places: Vec<Tally>) -> impl Iterator<Item = Tally> {
    places.into_iter().filter(|tally| tally.rows != [0; 2])
}

/// The mean area of each class against the rest, with probabilities
/// row-major. NaN where a class has no row.
pub fn roc_auc_ovr(truth: &[u32], table: &[f64], classes: usize, weighted: bool) -> f64 {
    one_vs_rest(truth, table, classes, weighted, Ranking::roc_auc)
}

/// The mean average precision of each class against the rest. NaN where a
/// class has no row.
pub fn average_precision_ovr(truth: &[u32], table: &[f64], classes: usize) -> f64 {
    one_vs_rest(truth, table, classes, false, Ranking::average_precision)
}

fn one_vs_rest(
    truth: &[u32],
    table: &[f64],
    classes: usize,
    weighted: bool,
    metric: fn(&Ranking) -> f64,
) -> f64 {
    let Some(sizes) = sizes(truth, classes) else {
        return f64::NAN;
    };
    let scores = (0..classes).map(|class| {
        let column = table.iter().skip(class).step_by(classes);
        let rows = column
            .zip(truth)
            .map(|(p, real)| (*p, *real as usize == class));
        Ranking::of(rows).map_or(f64::NAN, |ranking| metric(&ranking))
    });
    if weighted {
        weighted_mean(scores.zip(sizes.iter().copied()))
    } else {
        super::mean(scores)
    }
}

/// The mean area of each class against each other, both ways, with
/// probabilities row-major. NaN where a class has no row.
pub fn roc_auc_ovo(truth: &[u32], table: &[f64], classes: usize, weighted: bool) -> f64 {
    let Some(sizes) = sizes(truth, classes) else {
        return f64::NAN;
    };
    // areas[a][b]: how well the probability of a tells a from b.
    let areas: Option<Vec<Vec<f64>>> = (0..classes)
        .map(|class| areas(truth, table, class, &sizes))
        .collect();
    let Some(areas) = areas else {
        return f64::NAN;
    };
    let pairs = (0..classes).flat_map(|a| (a + 1..classes).map(move |b| (a, b)));
    let scores = pairs.map(|(a, b)| ((areas[a][b] + areas[b][a]) / 2.0, sizes[a] + sizes[b]));
    if weighted {
        weighted_mean(scores)
    } else {
        super::mean(scores.map(|(score, _)| score))
    }
}

/// By class: the area of `class` against it, by the probability of `class`.
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
    // `==` takes -0 and 0 as one score, which stand side by side.
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

/// The number of rows of each class; `None` where one has none.
fn sizes(truth: &[u32], classes: usize) -> Option<Vec<u64>> {
    let mut sizes = vec![0; classes];
    truth.iter().for_each(|class| sizes[*class as usize] += 1);
    sizes.iter().all(|size| *size > 0).then_some(sizes)
}

fn weighted_mean(scores: impl Iterator<Item = (f64, u64)>) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for (score, weight) in scores {
        sum += score * weight as f64;
        weights += weight as f64;
    }
    sum / weights
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ranking(rows: &[(f64, bool)]) -> Ranking {
        Ranking::of(rows.iter().copied()).unwrap()
    }

    /// Every pair, one by one.
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
    fn a_score_that_is_not_a_number_ranks_nothing() {
        assert!(Ranking::of([(0.5, true), (f64::NAN, false)].into_iter()).is_none());
    }

    #[test]
    fn one_kind_of_row() {
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
        fn the_area_is_that_of_all_pairs(
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
        fn counting_is_sorting(distinct in 1u64..5000, seed: u64) {
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
