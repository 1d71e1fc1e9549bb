//! [`MedianLayout`]: the criterion `absolute_error` of scikit-learn, the mean
//! absolute error around the weighted median, `sum w_i |y_i - median| / w`. A
//! tally does not determine it: purities and values are computed from rows, in
//! exact integers.

use crate::fixed_point::FixedPoint;
use crate::payload::NumberPayload;
use crate::tally::TallyLayout;

/// The sum of the weights, and the number of distinct rows. `WEIGHTED`: whether
/// weights are sample weights, and not draws.
#[derive(Debug)]
pub(crate) struct MedianLayout<const WEIGHTED: bool> {
    fixed: FixedPoint,
    per_step: f64,
    prefixes: Prefixes,
}

impl<const WEIGHTED: bool> MedianLayout<WEIGHTED> {
    /// A layout of targets in fixed point.
    pub(crate) fn new(fixed: FixedPoint) -> Self {
        Self {
            fixed,
            per_step: fixed.per_step(),
            prefixes: Prefixes::default(),
        }
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a tally is the two elements from `at` on, whatever the payload; both
// numbers are constants.
unsafe impl<const WEIGHTED: bool> TallyLayout for MedianLayout<WEIGHTED> {
    type Count = i64;
    type Payload = NumberPayload;
    type Increment = i64;

    const MAX_DRAWS: u16 = u16::MAX;
    const BY_ROWS: bool = true;
    const IS_NUMERIC: bool = true;

    fn classes(&self) -> usize {
        0
    }

    fn is_within(_payload: NumberPayload, _classes: usize) -> bool {
        true
    }

    fn stride(&self) -> usize {
        2
    }

    fn unpack(payload: NumberPayload) -> i64 {
        i64::from(payload.weight)
    }

    unsafe fn add_unchecked(&self, counts: &mut [i64], at: usize, weight: i64) {
        self.add(&mut counts[at..at + 2], weight);
    }

    fn masked(weight: i64, is_kept: bool) -> i64 {
        if is_kept { weight } else { 0 }
    }

    #[inline]
    fn add(&self, tally: &mut [i64], weight: i64) {
        tally[0] += weight;
        tally[1] += i64::from(weight != 0);
    }

    fn draws(&self, tally: &[i64]) -> u32 {
        tally[usize::from(WEIGHTED)] as u32
    }

    fn rows(&self, tally: &[i64]) -> u32 {
        tally[1] as u32
    }

    fn weight(&self, tally: &[i64]) -> f64 {
        tally[0] as f64
    }

    /// Of rows: [`Self::purity_of_rows`].
    fn purity(&self, _tally: &[i64]) -> f64 {
        0.0
    }

    /// Of rows: [`Self::split_purities`].
    fn split_purity(&self, _left: &[i64], _total: &[i64]) -> f64 {
        0.0
    }

    fn split_weights(&self, left: &[i64], total: &[i64]) -> (f64, f64) {
        (left[0] as f64, (total[0] - left[0]) as f64)
    }

    /// Tallies do not tell it.
    fn greatest_purity(&self, _tally: &[i64]) -> f64 {
        f64::INFINITY
    }

    /// [`Self::is_pure`] decides.
    fn may_be_impure(&self, _tally: &[i64]) -> bool {
        true
    }

    /// The gain of a least-squares fit to signs, `1 / (4 f)` with the density `f`
    /// at the median, which is `1 / (2 b)` where errors are Laplace distributed
    /// with mean absolute error `b`. It is taken from the variance `2 b^2`.
    fn noise_gain(&self, _tally: &[i64], variance: f64) -> f64 {
        0.5 * (0.5 * variance).sqrt()
    }

    fn is_same_pure_class(&self, _a: &[i64], _b: &[i64]) -> bool {
        false
    }

    /// A place: [`Self::value_of_rows`] gives the value.
    fn push_values(&self, _tally: &[i64], values: &mut Vec<f64>) {
        values.push(0.0);
    }

    /// By rows: [`Self::sort_key_of_rows`].
    fn sort_codes(&self, _codes: &mut [u8], _histogram: &[i64], _node: &[i64]) {}

    fn may_sort(&self, _tally: &[i64]) -> bool {
        true
    }

    fn scale_decrease(&self, decrease: f64) -> f64 {
        self.fixed.unscaled(decrease, 1)
    }

    fn is_pure(mut rows: impl Iterator<Item = NumberPayload>) -> bool {
        let first = rows.next();
        rows.all(|row| Some(row.value) == first.map(|first| first.value))
    }

    fn variance(&self, rows: impl Iterator<Item = NumberPayload>) -> f64 {
        // The order of the rows must not change a bit.
        const DROPPED: u32 = 22;
        let (mut weight, mut sum, mut squares) = (0_i128, 0_i128, 0_i128);
        for row in rows {
            let (row_weight, value) = (i128::from(row.weight), i128::from(row.value >> DROPPED));
            weight += row_weight;
            sum += row_weight * value;
            squares += row_weight * value * value;
        }
        let mean = sum as f64 / weight as f64;
        let unit = libm::scalbn(self.per_step, DROPPED as i32);
        (squares as f64 / weight as f64 - mean * mean).max(0.0) * unit * unit
    }

    fn purity_of_rows(&self, rows: &mut [NumberPayload]) -> f64 {
        let (low, _) = weighted_median(rows);
        let errors = rows
            .iter()
            .map(|row| i128::from(row.weight) * i128::from(row.value.abs_diff(low)));
        -(errors.sum::<i128>() as f64) * self.per_step
    }

    fn value_of_rows(&self, rows: &mut [NumberPayload]) -> f64 {
        let (low, high) = weighted_median(rows);
        self.fixed.target(low as f64 / 2.0 + high as f64 / 2.0)
    }

    fn split_purities(&mut self, runs: &[&[NumberPayload]], purities: &mut Vec<f64>) {
        purities.clear();
        let Some((last, others)) = runs.split_last() else {
            return;
        };
        let prefixes = &mut self.prefixes;
        prefixes.start(runs);
        for run in others {
            prefixes.add(run);
            purities.push(-(prefixes.absolute_error() as f64) * self.per_step);
        }
        prefixes.clear();
        prefixes.add(last);
        for (purity, run) in purities.iter_mut().zip(others).rev() {
            *purity -= prefixes.absolute_error() as f64 * self.per_step;
            prefixes.add(run);
        }
    }

    fn sort_key_of_rows(&self, rows: &mut [NumberPayload]) -> i64 {
        weighted_median(rows).0
    }
}

/// The least value of which at least half of the weight is not above, and the
/// greatest of which at least half is not below, as in scikit-learn: the median
/// is half-way between them. Sorts the rows, of which there is at least one.
fn weighted_median(rows: &mut [NumberPayload]) -> (i64, i64) {
    rows.sort_unstable_by_key(|row| row.value);
    let total: u64 = rows.iter().map(|row| u64::from(row.weight)).sum();
    let mut upto = 0;
    for (at, row) in rows.iter().enumerate() {
        upto += u64::from(row.weight);
        if 2 * upto > total {
            return (row.value, row.value);
        }
        if 2 * upto == total {
            let next = rows[at + 1..].iter().find(|row| row.weight > 0);
            return (row.value, next.map_or(row.value, |next| next.value));
        }
    }
    rows.last().map_or((0, 0), |row| (row.value, row.value))
}

/// The weights and weighted values of the rows added so far, summed by value in a
/// tree of prefix sums (Fenwick: A new data structure for cumulative frequency
/// tables, 1994): a row is added, and the absolute error around the median found,
/// in a time that grows with the logarithm of the number of rows.
#[derive(Debug, Default)]
struct Prefixes {
    /// The distinct values, ascending.
    values: Vec<i64>,
    /// The sums of weights and of weighted values, from index 1 on.
    sums: Vec<(u64, i128)>,
    total: (u64, i128),
}

impl Prefixes {
    /// Takes the values of the rows that will be added.
    fn start(&mut self, runs: &[&[NumberPayload]]) {
        self.values.clear();
        for run in runs {
            self.values.extend(run.iter().map(|row| row.value));
        }
        self.values.sort_unstable();
        self.values.dedup();
        self.clear();
    }

    /// Removes all rows.
    fn clear(&mut self) {
        self.sums.clear();
        self.sums.resize(self.values.len() + 1, (0, 0));
        self.total = (0, 0);
    }

    fn add(&mut self, rows: &[NumberPayload]) {
        for row in rows {
            let (weight, weighted) = (
                u64::from(row.weight),
                i128::from(row.weight) * i128::from(row.value),
            );
            self.total.0 += weight;
            self.total.1 += weighted;
            let mut at = self.values.partition_point(|&value| value < row.value) + 1;
            while let Some(sums) = self.sums.get_mut(at) {
                sums.0 += weight;
                sums.1 += weighted;
                at += at & at.wrapping_neg();
            }
        }
    }

    /// The sum of the weighted distances to the median.
    fn absolute_error(&self) -> i128 {
        let (mut at, mut below) = (0, (0, 0));
        let mut step = self
            .values
            .len()
            .checked_ilog2()
            .map_or(0, |log2| 1 << log2);
        // The values whose prefixes have less than half of the weight.
        while step > 0 {
            if let Some(sums) = self.sums.get(at + step)
                && 2 * (below.0 + sums.0) < self.total.0
            {
                at += step;
                below = (below.0 + sums.0, below.1 + sums.1);
            }
            step /= 2;
        }
        let Some(&median) = self.values.get(at) else {
            return 0;
        };
        let (weight, sum) = (i128::from(below.0), below.1);
        let above = (i128::from(self.total.0) - weight, self.total.1 - sum);
        let median = i128::from(median);
        (above.1 - median * above.0) + (median * weight - sum)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row((value, weight): (i64, u32)) -> NumberPayload {
        NumberPayload { weight, value }
    }

    /// The least sum of weighted distances to any of the values.
    fn absolute_error(rows: &[NumberPayload]) -> i128 {
        let around = |center: i64| {
            let distance = |row: &NumberPayload| i128::from(row.value - center).abs();
            rows.iter()
                .map(|row| i128::from(row.weight) * distance(row))
                .sum()
        };
        rows.iter().map(|row| around(row.value)).min().unwrap_or(0)
    }

    #[test]
    fn medians_are_half_way_between_the_middle_values() {
        let of = |rows: &[(i64, u32)]| {
            weighted_median(&mut rows.iter().copied().map(row).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(5, 1), (1, 1), (9, 1)]), (5, 5));
        assert_eq!(of(&[(5, 1), (1, 1), (9, 1), (7, 1)]), (5, 7));
        assert_eq!(of(&[(5, 2), (1, 1), (9, 1), (7, 2)]), (5, 7));
        assert_eq!(of(&[(5, 4), (1, 1), (9, 1), (7, 1)]), (5, 5));
        assert_eq!(of(&[(4, 2)]), (4, 4));
    }

    proptest! {
        #[test]
        fn purities_are_the_least_absolute_errors(
            runs in prop::collection::vec(
                prop::collection::vec((-9..9_i64, 1..5_u32).prop_map(row), 1..6), 2..9,
            ),
        ) {
            let (fixed, _) = FixedPoint::of(&[-9.0, 9.0], 4, false);
            let mut layout = MedianLayout::<false>::new(fixed);
            let mut purities = Vec::new();
            let slices: Vec<&[NumberPayload]> = runs.iter().map(Vec::as_slice).collect();
            layout.split_purities(&slices, &mut purities);
            prop_assert_eq!(purities.len(), runs.len() - 1);
            for (index, purity) in purities.into_iter().enumerate() {
                let (mut left, mut right) = (runs[..=index].concat(), runs[index + 1..].concat());
                let expected = absolute_error(&left) + absolute_error(&right);
                prop_assert_eq!(purity, -(expected as f64) * layout.per_step);
                let sides = layout.purity_of_rows(&mut left) + layout.purity_of_rows(&mut right);
                prop_assert_eq!(purity, sides);
            }
        }
    }
}
