//! Binning of numbers: one bin per distinct number where these are few, else
//! quantile bins of about equally many rows.

use crate::chunks;
use crate::codes::{ColumnCodes, NARROW};
use crate::random::Key;

/// The greatest number of bins of a number feature. One further code stands
/// for missing values.
pub const MAX_NUMBER_BINS: usize = 255;

/// The greatest range of integers that are counted in a table.
const TABLE: usize = 1 << 16;

/// The cells of [`Cells`].
const CELLS: usize = 1 << 12;

/// The number of rows up to which quantiles are exact. Of more rows, about
/// this many random ones decide: the error of a bin's share is then below
/// 1/1000 of all rows.
const SAMPLE: usize = 1 << 18;

/// Numbers as codes.
pub(crate) struct Binned {
    /// The thresholds between bins, ascending.
    pub(crate) thresholds: Vec<f64>,
    /// The centers of the bins, ascending.
    pub(crate) centers: Vec<f64>,
    /// One code per number; that of NaN is the number of bins.
    pub(crate) codes: ColumnCodes,
}

/// Bins numbers into at most `most` bins. `most` is [`MAX_NUMBER_BINS`], or no
/// limit.
pub(crate) fn bin(values: &[f64], most: usize) -> Binned {
    let table = Table::of(values);
    let groups = match &table {
        Some(table) => Groups::of(&table.distinct(), most),
        None => Groups::of(&distinct(values, most), most),
    };
    let codes = match table {
        Some(table) => table.encode(values, &groups),
        None => encode(values, &groups.thresholds),
    };
    Binned {
        thresholds: groups.thresholds,
        centers: groups.centers,
        codes,
    }
}

/// The code of each number: the number of thresholds below it; for NaN the
/// number of thresholds plus one.
pub(crate) fn encode(values: &[f64], thresholds: &[f64]) -> ColumnCodes {
    let missing = thresholds.len() + 1;
    if missing >= NARROW {
        let code = |value: f64| {
            if value.is_nan() {
                missing as u32
            } else {
                thresholds.partition_point(|&threshold| threshold < value) as u32
            }
        };
        let codes = values.iter().map(|&value| code(finite(value)));
        return ColumnCodes::Wide(codes.collect());
    }
    if values.len() >= CELLS
        && let Some(cells) = Cells::of(thresholds)
    {
        return cells.encode(values);
    }
    let mut padded = [f64::MAX; NARROW];
    padded[..thresholds.len()].copy_from_slice(thresholds);
    let codes = values.iter().map(|&value| {
        let value = finite(value);
        let mut code = 0_usize;
        // A branchless binary search over 255 thresholds.
        for step in [128, 64, 32, 16, 8, 4, 2, 1] {
            code += if padded[(code + step - 1) & 255] < value {
                step
            } else {
                0
            };
        }
        if value.is_nan() {
            missing as u8
        } else {
            code as u8
        }
    });
    ColumnCodes::Narrow(codes.collect())
}

/// The range from the first to the last of a few thresholds, in cells of equal width.
struct Cells {
    least: f64,
    /// Cells by width of one.
    scale: f64,
    /// By cell: the thresholds in those before it.
    before: [u8; CELLS],
    /// Infinity behind the last, so that a code has a threshold.
    thresholds: [f64; NARROW],
    missing: u8,
}

impl Cells {
    /// `None` where more than two thresholds share a cell.
    fn of(thresholds: &[f64]) -> Option<Self> {
        let (&least, &greatest) = (thresholds.first()?, thresholds.last()?);
        let width = (greatest - least) / (CELLS - 1) as f64;
        let mut cells = Self {
            least,
            scale: if width > 0.0 { width.recip() } else { 0.0 },
            before: [0; CELLS],
            thresholds: [f64::INFINITY; NARROW],
            missing: (thresholds.len() + 1) as u8,
        };
        cells.thresholds[..thresholds.len()].copy_from_slice(thresholds);
        let places: Vec<usize> = thresholds.iter().map(|&one| cells.cell(one)).collect();
        if places.windows(3).any(|three| three[0] == three[2]) || !cells.scale.is_finite() {
            return None;
        }
        let mut first = 0;
        for (before, place) in (0..).zip(places) {
            // Nothing for the second of a cell.
            if first <= place {
                cells.before[first..=place].fill(before);
                first = place + 1;
            }
        }
        cells.before[first..].fill(thresholds.len() as u8);
        Some(cells)
    }

    /// The cell of a number; the first or last for one below or above all. Never less for
    /// a greater number, however it is rounded.
    fn cell(&self, value: f64) -> usize {
        const LAST: f64 = (CELLS - 1) as f64;
        // From here on floating-point numbers are whole: a cheaper conversion.
        const WHOLE: f64 = (1_u64 << 52) as f64;
        let place = (value - self.least) * self.scale;
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < LAST { place } else { LAST };
        (place + WHOLE).to_bits() as usize % CELLS
    }

    fn encode(&self, values: &[f64]) -> ColumnCodes {
        let mut codes = Vec::new();
        chunks::extend(&mut codes, values, |value| {
            let before = self.before[self.cell(value)];
            let code = before + u8::from(self.thresholds[usize::from(before)] < value);
            let code = code + u8::from(self.thresholds[usize::from(code)] < value);
            if value.is_nan() { self.missing } else { code }
        });
        ColumnCodes::Narrow(codes)
    }
}

/// Clamps infinities to the greatest finite numbers, so that thresholds can
/// separate them from others.
fn finite(value: f64) -> f64 {
    value.clamp(f64::MIN, f64::MAX)
}

/// The counts of integers of a small range.
struct Table {
    /// The integer of the first count.
    least: f64,
    counts: Vec<u32>,
}

impl Table {
    /// `None` where some numbers are not integers, or their range exceeds
    /// [`TABLE`].
    fn of(values: &[f64]) -> Option<Self> {
        let (mut least, mut greatest, mut whole) = (f64::INFINITY, f64::NEG_INFINITY, true);
        chunks::for_each(values, |value| {
            // `f64::min` and `max` are function calls in WebAssembly. Both
            // comparisons are false for NaN.
            least = if value < least { value } else { least };
            greatest = if value > greatest { value } else { greatest };
            whole &= value.is_nan() || value.trunc() == value;
        });
        let span = greatest - least;
        if !whole || !(0.0..TABLE as f64).contains(&span) || least.abs() > 9e15 {
            return None;
        }
        let mut counts = vec![0_u32; span as usize + 1];
        chunks::for_each(values, |value| {
            if !value.is_nan() {
                counts[(value - least) as usize] += 1;
            }
        });
        Some(Self { least, counts })
    }

    fn distinct(&self) -> Vec<(f64, u32)> {
        self.counts
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count > 0)
            .map(|(index, &count)| (self.least + index as f64, count))
            .collect()
    }

    fn encode(&self, values: &[f64], groups: &Groups) -> ColumnCodes {
        let mut code = 0;
        let table: Vec<u32> = (0..self.counts.len())
            .map(|index| {
                let value = self.least + index as f64;
                while groups
                    .thresholds
                    .get(code)
                    .is_some_and(|&threshold| threshold < value)
                {
                    code += 1;
                }
                code as u32
            })
            .collect();
        let missing = groups.thresholds.len() + 1;
        let mut codes = ColumnCodes::of(missing + 1);
        codes.extend(values, |value| {
            if value.is_nan() {
                missing as u32
            } else {
                table[(value - self.least) as usize]
            }
        });
        codes
    }
}

/// The distinct numbers, ascending, each with its count; those of a random
/// sample where there are more than [`SAMPLE`] rows and more distinct numbers
/// than bins, of which there are at most `most`.
fn distinct(values: &[f64], most: usize) -> Vec<(f64, u32)> {
    let present = values.iter().filter(|value| !value.is_nan());
    let mut sorted: Vec<f64> = if values.len() <= SAMPLE || most > MAX_NUMBER_BINS {
        present.map(|&value| finite(value)).collect()
    } else if let Some(few) = few_distinct(values) {
        few
    } else {
        let mut rng = Key::new(0).rng();
        let share = SAMPLE as f64 / values.len() as f64;
        present
            .filter(|_| rng.next_f64() < share)
            .map(|&value| finite(value))
            .collect()
    };
    sorted.sort_unstable_by(f64::total_cmp);
    let mut distinct: Vec<(f64, u32)> = Vec::new();
    for value in sorted {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    distinct
}

/// The distinct numbers, ascending; `None` if there are more than bins.
fn few_distinct(values: &[f64]) -> Option<Vec<f64>> {
    let mut few: Vec<f64> = Vec::with_capacity(MAX_NUMBER_BINS + 1);
    for &value in values {
        if value.is_nan() {
            continue;
        }
        // Adding zero turns -0 into 0.
        let value = finite(value) + 0.0;
        if let Err(at) = few.binary_search_by(|known| known.total_cmp(&value)) {
            if few.len() == MAX_NUMBER_BINS {
                return None;
            }
            few.insert(at, value);
        }
    }
    Some(few)
}

/// Bins, each a group of neighbouring distinct numbers.
struct Groups {
    /// Half-way between the last number of each bin and the first of the next.
    thresholds: Vec<f64>,
    /// Half-way between the first and the last number of each bin.
    centers: Vec<f64>,
}

impl Groups {
    fn of(distinct: &[(f64, u32)], most: usize) -> Self {
        let mut groups = Self {
            thresholds: Vec::new(),
            centers: Vec::new(),
        };
        let mut first = 0;
        for end in ends(distinct, most) {
            groups
                .centers
                .push(middle(distinct[first].0, distinct[end - 1].0));
            if let Some(&(next, _)) = distinct.get(end) {
                groups.thresholds.push(middle(distinct[end - 1].0, next));
            }
            first = end;
        }
        if groups.centers.is_empty() {
            groups.centers.push(0.0);
        }
        groups
    }
}

/// The end of each bin among the distinct numbers, exclusive. A number that
/// alone has a bin's share of the rows does not share its bin with the next.
pub(crate) fn ends(distinct: &[(f64, u32)], most: usize) -> Vec<usize> {
    if distinct.len() <= most {
        return (1..=distinct.len()).collect();
    }
    let mut rows: u64 = distinct.iter().map(|&(_, count)| u64::from(count)).sum();
    let mut bins = most as u64;
    let mut ends = Vec::with_capacity(most);
    let mut held = 0_u64;
    for (index, &(_, count)) in distinct.iter().enumerate() {
        held += u64::from(count);
        let Some(&(_, next)) = distinct.get(index + 1) else {
            ends.push(index + 1);
            break;
        };
        let full = held * bins >= rows;
        let next_is_full = u64::from(next) * bins >= rows && held * bins * 2 >= rows;
        if bins > 1 && (full || next_is_full) {
            ends.push(index + 1);
            rows -= held;
            bins -= 1;
            held = 0;
        }
    }
    ends
}

/// The mean of two numbers, rounded to be at least `low`, and less than `high`
/// where they differ.
fn middle(low: f64, high: f64) -> f64 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high {
        middle
    } else {
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bin_of(values: &[f64]) -> (Vec<f64>, Vec<f64>, Vec<u8>) {
        let binned = bin(values, MAX_NUMBER_BINS);
        let ColumnCodes::Narrow(codes) = binned.codes else {
            panic!("more than 256 codes");
        };
        (binned.thresholds, binned.centers, codes)
    }

    #[test]
    fn few_numbers_have_a_bin_each() {
        let (thresholds, centers, codes) = bin_of(&[3.0, 1.0, f64::NAN, 7.0, 1.0]);
        assert_eq!(thresholds, [2.0, 5.0]);
        assert_eq!(centers, [1.0, 3.0, 7.0]);
        assert_eq!(codes, [1, 0, 3, 2, 0]);
    }

    #[test]
    fn zeros_of_both_signs_share_a_bin() {
        let (thresholds, _, codes) = bin_of(&[0.5, -0.0, 0.0]);
        assert_eq!(thresholds, [0.25]);
        assert_eq!(codes, [1, 0, 0]);
    }

    #[test]
    fn infinities_are_binned_as_the_greatest_numbers() {
        let (thresholds, _, codes) = bin_of(&[f64::INFINITY, 0.5, f64::NEG_INFINITY]);
        assert!(thresholds.iter().all(|threshold| threshold.is_finite()));
        assert_eq!(codes, [2, 1, 0]);
    }

    #[test]
    fn missing_values_alone_make_one_bin() {
        let (thresholds, centers, codes) = bin_of(&[f64::NAN, f64::NAN]);
        assert_eq!((thresholds.len(), centers.len()), (0, 1));
        assert_eq!(codes, [1, 1]);
    }

    #[test]
    fn a_frequent_number_has_its_own_bin() {
        let mut values: Vec<f64> = (0..1000).map(|value| f64::from(value) + 0.5).collect();
        values.extend([500.5; 9000]);
        let (thresholds, _, codes) = bin_of(&values);
        assert!(thresholds.len() <= 254);
        let own = codes[500];
        assert_eq!(codes.iter().filter(|&&code| code == own).count(), 9001);
    }

    #[test]
    fn sampled_bins_have_about_equally_many_rows() {
        let values: Vec<f64> = (0..400_000)
            .map(|row| f64::from(row).mul_add(0.618_033_988_7, 0.0).fract())
            .collect();
        let (thresholds, centers, codes) = bin_of(&values);
        assert_eq!((thresholds.len(), centers.len()), (254, 255));
        let mut counts = [0_u32; 256];
        codes
            .iter()
            .for_each(|&code| counts[usize::from(code)] += 1);
        assert!(
            counts[..255]
                .iter()
                .all(|&count| (1_000..2_200).contains(&count))
        );
    }

    #[test]
    fn few_distinct_numbers_of_many_rows_are_exact() {
        let values: Vec<f64> = (0..300_000).map(|row| f64::from(row % 200) / 8.0).collect();
        let (thresholds, centers, _) = bin_of(&values);
        assert_eq!((thresholds.len(), centers.len()), (199, 200));
        assert_eq!(centers[5], 0.625);
    }

    proptest! {
        #[test]
        fn codes_are_consistent_with_thresholds(
            values in prop::collection::vec(
                prop_oneof![
                    8 => -1e3..1e3_f64,
                    4 => (-40..40_i32).prop_map(f64::from),
                    1 => Just(f64::NAN),
                    1 => any::<f64>(),
                ],
                1..700,
            ),
            whole in any::<bool>(),
        ) {
            let values: Vec<f64> =
                values.into_iter().map(|value| if whole { value.trunc() } else { value }).collect();
            let (thresholds, centers, codes) = bin_of(&values);
            prop_assert!(thresholds.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(thresholds.len() + 1, centers.len());
            prop_assert!(centers.len() <= MAX_NUMBER_BINS);
            for (value, code) in values.iter().zip(&codes) {
                let expected = if value.is_nan() {
                    thresholds.len() + 1
                } else {
                    thresholds.iter().filter(|&threshold| threshold < value).count()
                };
                prop_assert_eq!(usize::from(*code), expected);
            }
            prop_assert_eq!(ColumnCodes::Narrow(codes), encode(&values, &thresholds));
            // Without a limit, every distinct number has a bin.
            let exact = bin(&values, usize::MAX);
            let mut distinct: Vec<f64> =
                values.iter().filter(|value| !value.is_nan()).map(|&value| finite(value)).collect();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            prop_assert_eq!(exact.centers.len(), distinct.len().max(1));
            prop_assert_eq!(&exact.codes, &encode(&values, &exact.thresholds));
        }

        #[test]
        fn cells_give_the_codes_of_a_search(
            mut thresholds in prop::collection::vec(
                prop_oneof![-1e3..1e3_f64, (-400..400_i32).prop_map(f64::from)],
                1..250,
            ),
            others in prop::collection::vec(
                prop_oneof![Just(f64::NAN), any::<f64>(), -2e3..2e3_f64],
                0..200,
            ),
        ) {
            thresholds.sort_by(f64::total_cmp);
            thresholds.dedup();
            let cells = Cells::of(&thresholds);
            prop_assume!(cells.is_some());
            let mut values = vec![f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN];
            values.extend(thresholds.iter().flat_map(|one| [one.next_down(), *one, one.next_up()]));
            values.extend(others);
            let codes = cells.map(|cells| cells.encode(&values));
            prop_assert_eq!(codes, Some(encode(&values, &thresholds)));
        }
    }
}
