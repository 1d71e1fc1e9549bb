//! [`ColumnStatistics`]: the missing and distinct values of a column, and
//! whether it leaks the target; [`DuplicateRows`]: the number of rows that
//! repeat an earlier one. Both in bounded memory: see [`DistinctSample`].

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use sample::{DistinctSample, SampleEntry};

mod duplicates;
mod rows;
mod sample;

pub(super) use duplicates::DuplicateRows;
pub(super) use rows::RowSample;
pub(super) use sample::mix;

/// The key of a missing value: the bits of a NaN, which no number has as its
/// key, and a whole number that is in no table.
pub(super) const MISSING: u64 = 0x7ff8_dead_beef_cafe;

/// A column leaks the target if it does not explain the class of at most this
/// share of the rows.
const UNEXPLAINED: f64 = 0.001;

/// The same as a share of the rows outside the most frequent class: with 999 of
/// 1,000 rows in one class, every column would explain 99.9 %.
const UNEXPLAINED_OF_REST: f64 = 0.05;

/// The least number of rows to report a leak.
const SUPPORT: u64 = 50;

/// The least number of rows outside the most frequent class to report a leak.
const SUPPORT_OF_REST: u64 = 10;

/// Replaces `keys` by a 64-bit key for each value of the column: [`MISSING`],
/// the bits of a real number, or the whole number.
pub(super) fn value_keys(column: &ArrayRef, keys: &mut Vec<u64>) {
    keys.clear();
    match column.data_type() {
        DataType::Boolean => keys.extend(column.as_boolean().values().iter().map(u64::from)),
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>().values();
            keys.extend(values.iter().map(|value| i64::from(*value) as u64));
        }
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            keys.extend(values.iter().map(|value| *value as u64));
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().values();
            keys.extend(values.iter().map(|value| real_key(f64::from(*value))));
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            keys.extend(values.iter().map(|value| real_key(*value)));
        }
        other => unreachable!("the encoder makes no `{other}`"),
    }
    if let Some(nulls) = column.nulls().filter(|nulls| nulls.null_count() > 0) {
        for (key, valid) in keys.iter_mut().zip(nulls) {
            *key = if valid { *key } else { MISSING };
        }
    }
}

fn real_key(value: f64) -> u64 {
    if value.is_nan() {
        MISSING
    } else {
        (value + 0.0).to_bits()
    }
}

/// The order of a column's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// None: they are categories.
    None,
    /// As whole numbers.
    Whole,
    /// As real numbers.
    Real,
}

/// A count that may be an estimate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Count {
    /// The count.
    pub value: u64,
    /// Whether it is exact.
    pub exact: bool,
}

impl std::fmt::Display for Count {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}{}",
            if self.exact { "" } else { "about " },
            self.value
        )
    }
}

/// What of a column determines the class.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeakKind {
    /// Whether it is missing.
    Missing,
    /// Its value: each occurs with one class.
    Value,
    /// Whether it is above this threshold.
    Threshold(f64),
}

/// The rows of one value.
#[derive(Clone, Copy, Debug)]
struct ValueCounts {
    key: u64,
    rows: u32,
    /// A majority vote (Boyer and Moore, "MJRTY", 1991): the leading class and
    /// its lead. With two classes, the lead is exactly the difference.
    class: u32,
    lead: u32,
}

impl SampleEntry for ValueCounts {
    const EMPTY: Self = Self {
        key: 0,
        rows: 0,
        class: 0,
        lead: 0,
    };

    fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn hash(&self) -> u64 {
        mix(self.key)
    }
}

impl ValueCounts {
    #[inline]
    fn add(&mut self, class: u32) {
        self.rows += 1;
        self.class = if self.lead == 0 { class } else { self.class };
        let ahead = u32::from(self.class == class);
        self.lead = self.lead + 2 * ahead - 1;
    }

    /// The rows that the value does not explain: all but those of its most
    /// frequent class. A value that occurs once explains nothing: its row counts
    /// as if the most frequent class of the table were predicted.
    fn unexplained(&self, majority: u32) -> u64 {
        if self.rows == 1 {
            u64::from(self.class != majority)
        } else {
            u64::from((self.rows - self.lead) / 2)
        }
    }
}

/// The statistics of one column.
#[derive(Debug)]
pub(super) struct ColumnStatistics {
    /// The values from 0 up to the limit, by value: codes and small numbers. All
    /// of them are kept.
    small: Vec<ValueCounts>,
    limit: usize,
    /// All others.
    others: DistinctSample<ValueCounts>,
    missing: u64,
    missing_classes: Vec<u64>,
}

impl ColumnStatistics {
    /// Keeps at most `limit` small values of 24 bytes each, and as many others of
    /// 48 bytes.
    pub(super) fn new(limit: usize) -> Self {
        let limit = limit.next_power_of_two();
        Self {
            small: Vec::new(),
            limit,
            others: DistinctSample::new(limit, 32),
            missing: 0,
            missing_classes: Vec::new(),
        }
    }

    /// Counts rows, given the keys of their values and their classes.
    pub(super) fn update(&mut self, keys: &[u64], classes: &[u32]) {
        for (key, class) in keys.iter().zip(classes) {
            if *key == MISSING {
                self.missing += 1;
                let class = *class as usize;
                if self.missing_classes.len() <= class {
                    self.missing_classes.resize(class + 1, 0);
                }
                self.missing_classes[class] += 1;
                continue;
            }
            if let Some(slot) = self.small.get_mut(*key as usize) {
                slot.add(*class);
                continue;
            }
            if (*key as usize) < self.limit {
                self.grow_small(*key);
                self.small[*key as usize].add(*class);
                continue;
            }
            let Some(at) = self.others.find(mix(*key), |slot| slot.key == *key) else {
                continue;
            };
            let slot = self.others.slot(at);
            let is_new = slot.is_empty();
            slot.key = *key;
            slot.add(*class);
            if is_new {
                self.others.note_filled();
            }
        }
    }

    #[cold]
    fn grow_small(&mut self, key: u64) {
        let old = self.small.len();
        self.small
            .resize((key as usize + 1).next_power_of_two(), ValueCounts::EMPTY);
        for (key, slot) in self.small.iter_mut().enumerate().skip(old) {
            slot.key = key as u64;
        }
    }

    /// The number of missing values.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    /// The number of distinct values.
    pub(super) fn distinct(&self) -> Count {
        let small = self.small.iter().filter(|slot| slot.rows != 0).count();
        Count {
            value: small as u64 + self.others.kept() * self.others.weight(),
            exact: self.others.is_whole(),
        }
    }

    /// What of the column determines the class, if anything does, and the share
    /// of rows whose class it explains. `classes` holds the number of rows of
    /// each class.
    pub(super) fn leak(&self, classes: &[u64], order: KeyOrder) -> Option<(LeakKind, f64)> {
        let rows: u64 = classes.iter().sum();
        let (majority, most) = most_frequent(classes)?;
        let rest = rows - most;
        if rows < SUPPORT || rest < SUPPORT_OF_REST {
            return None;
        }
        let share = |unexplained: u64| {
            let bad = unexplained as f64;
            let enough =
                bad <= UNEXPLAINED * rows as f64 && bad <= UNEXPLAINED_OF_REST * rest as f64;
            enough.then(|| 1.0 - bad / rows as f64)
        };

        let missing_of = |class: usize| self.missing_classes.get(class).copied().unwrap_or(0);
        let present: Vec<u64> = classes
            .iter()
            .enumerate()
            .map(|(class, rows)| rows - missing_of(class))
            .collect();
        let others = |classes: &[u64]| classes.iter().sum::<u64>() - most_frequent_rows(classes);
        let by_missing = others(&self.missing_classes);
        if self.missing > 0
            && let Some(share) = share(by_missing + others(&present))
        {
            return Some((LeakKind::Missing, share));
        }

        // A sampled value stands for several.
        let counted = || {
            let small = self.small.iter().map(|slot| (slot, 1));
            let weight = self.others.weight();
            let others = self.others.iter().map(move |slot| (slot, weight));
            small.chain(others).filter(|(slot, _)| slot.rows != 0)
        };
        let by_value: u64 = counted()
            .map(|(slot, weight)| slot.unexplained(majority as u32) * weight)
            .sum();
        if let Some(share) = share(by_missing + by_value) {
            return Some((LeakKind::Value, share));
        }

        if order == KeyOrder::None || classes.len() != 2 {
            return None;
        }
        let number = |slot: &ValueCounts| match order {
            KeyOrder::Real => f64::from_bits(slot.key),
            KeyOrder::None | KeyOrder::Whole => slot.key as i64 as f64,
        };
        let mut slots: Vec<(f64, [u64; 2])> = counted()
            .map(|(slot, weight)| {
                let ahead = u64::from((slot.rows + slot.lead) / 2) * weight;
                let behind = u64::from(slot.rows) * weight - ahead;
                let rows = if slot.class == 0 {
                    [ahead, behind]
                } else {
                    [behind, ahead]
                };
                (number(slot), rows)
            })
            .collect();
        if slots.is_empty() {
            return None;
        }
        slots.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let total = slots
            .iter()
            .fold([0, 0], |t, (_, r)| [t[0] + r[0], t[1] + r[1]]);
        let mut below = [0, 0];
        let mut best = (u64::MAX, 0.0);
        for (value, rows) in &slots {
            below = [below[0] + rows[0], below[1] + rows[1]];
            // The rows on the wrong side, whichever side is which.
            let wrong = (below[0] + total[1] - below[1]).min(below[1] + total[0] - below[0]);
            if wrong < best.0 {
                best = (wrong, *value);
            }
        }
        share(by_missing + best.0).map(|share| (LeakKind::Threshold(best.1), share))
    }
}

fn most_frequent(classes: &[u64]) -> Option<(usize, u64)> {
    // The first of those with the most rows.
    classes
        .iter()
        .copied()
        .enumerate()
        .rev()
        .max_by_key(|(_, rows)| *rows)
}

fn most_frequent_rows(classes: &[u64]) -> u64 {
    most_frequent(classes).map_or(0, |(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistics(
        rows: impl IntoIterator<Item = (u64, u32)>,
        limit: usize,
    ) -> (ColumnStatistics, Vec<u64>) {
        let mut statistics = ColumnStatistics::new(limit);
        let mut classes = vec![0, 0];
        for (key, class) in rows {
            statistics.update(&[key], &[class]);
            classes[class as usize] += 1;
        }
        (statistics, classes)
    }

    /// Pseudo-random numbers.
    fn noise(row: u64) -> u64 {
        mix(row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 77)
    }

    #[test]
    fn counts_are_exact_while_values_fit() {
        let (statistics, _) = statistics((0..1000).map(|row| (row % 300, 0)), 1024);
        assert_eq!(
            statistics.distinct(),
            Count {
                value: 300,
                exact: true
            }
        );
    }

    #[test]
    fn a_sample_of_values_estimates_their_number() {
        let (statistics, _) = statistics((0..200_000).map(|row| (row % 100_000, 0)), 4096);
        let Count { value, exact } = statistics.distinct();
        assert!(!exact);
        // The standard error is about 1.2 / sqrt(4096).
        assert!((90_000..110_000).contains(&value), "{value}");
        // Of the values that are kept, every row is counted.
        assert!(statistics.others.iter().all(|slot| slot.rows == 2));
    }

    #[test]
    fn a_column_that_is_the_target_renamed_leaks_it() {
        let rows = (0..1000).map(|row| (40 + row % 2, (row % 2) as u32));
        let (statistics, classes) = statistics(rows, 1024);
        assert_eq!(
            statistics.leak(&classes, KeyOrder::None),
            Some((LeakKind::Value, 1.0))
        );
    }

    #[test]
    fn a_column_that_is_missing_for_one_class_leaks_it() {
        let rows = (0..1000).map(|row| match row % 10 {
            0 => (MISSING, 1),
            _ => (noise(row) % 50, 0),
        });
        let (statistics, classes) = statistics(rows, 1024);
        assert_eq!(
            statistics.leak(&classes, KeyOrder::Whole),
            Some((LeakKind::Missing, 1.0))
        );
    }

    #[test]
    fn a_column_that_the_target_is_a_threshold_of_leaks_it() {
        // As many values as rows: only a threshold determines the class.
        for limit in [1 << 14, 256] {
            let rows = (0..10_000).map(|row| {
                let value = (noise(row) % 1_000_000) as f64 / 1e3;
                (value.to_bits(), u32::from(value > 700.0))
            });
            let (statistics, classes) = statistics(rows, limit);
            let Some((LeakKind::Threshold(at), share)) = statistics.leak(&classes, KeyOrder::Real)
            else {
                panic!("a threshold determines the class");
            };
            assert!((600.0..=700.0).contains(&at), "{at}");
            assert!(share > 0.999);
            assert_eq!(
                statistics.leak(&classes, KeyOrder::None),
                None,
                "categories have no threshold"
            );
        }
    }

    #[test]
    fn an_identifier_is_no_leak() {
        let rows = (0..1000).map(|row| (row, (noise(row) % 2) as u32));
        let (statistics, classes) = statistics(rows, 1024);
        assert_eq!(statistics.leak(&classes, KeyOrder::Whole), None);
    }

    #[test]
    fn a_rare_class_is_not_leaked_by_every_column() {
        let rows = (0..100_000).map(|row| (noise(row) % 20, u32::from(row % 2000 == 0)));
        let (statistics, classes) = statistics(rows, 1024);
        assert_eq!(statistics.leak(&classes, KeyOrder::Whole), None);
    }

    #[test]
    fn a_good_feature_is_no_leak() {
        // Right in 98 of 100 rows.
        let rows = (0..10_000).map(|row| {
            let class = (row % 2) as u32;
            let wrong = noise(row) % 100 < 2;
            (u64::from(class) ^ u64::from(wrong), class)
        });
        let (statistics, classes) = statistics(rows, 1024);
        assert_eq!(statistics.leak(&classes, KeyOrder::Whole), None);
    }
}
