//! [`DuplicateRows`]: the number of rows that repeat an earlier one.

use rustc_hash::FxHashMap;

use super::Count;
use super::sample::{DistinctSample, SampleEntry, mix};

/// The hash of a row; 0 is an empty slot.
impl SampleEntry for u64 {
    const EMPTY: Self = 0;

    fn is_empty(&self) -> bool {
        *self == 0
    }

    fn hash(&self) -> u64 {
        *self
    }
}

/// Counts rows that repeat an earlier one, by 64-bit hashes of their values:
/// among 10 million distinct rows, two have the same hash with a probability
/// of 3 in 1,000,000.
#[derive(Debug)]
pub(in crate::dataset) struct DuplicateRows {
    hashes: DistinctSample<u64>,
    /// The number of repetitions of each hash that was repeated.
    repeats: FxHashMap<u64, u64>,
}

impl DuplicateRows {
    /// Keeps at most `limit` hashes of 16 bytes each, and as much for those that
    /// repeat. Allocates for `rows` rows at first.
    pub(in crate::dataset) fn new(limit: usize, rows: usize) -> Self {
        Self {
            hashes: DistinctSample::new(limit.next_power_of_two(), rows.max(512)),
            repeats: FxHashMap::default(),
        }
    }

    /// Updates the hashes of rows by the keys of a further column.
    pub(in crate::dataset) fn hash_column(hashes: &mut [u64], keys: &[u64]) {
        for (hash, key) in hashes.iter_mut().zip(keys) {
            let product = u128::from(*hash ^ key) * 0x9e37_79b9_7f4a_7c15;
            *hash = ((product >> 64) as u64 ^ product as u64).wrapping_add(INCREMENT);
        }
    }

    /// Counts rows, given their hashes.
    pub(in crate::dataset) fn update(&mut self, hashes: &mut [u64]) {
        for hashes in hashes.chunks_mut(64) {
            // Loads the slots of many hashes at once.
            let mut first = 0;
            for hash in hashes.iter_mut() {
                *hash = mix(*hash).max(1);
                first |= self.hashes.prefetch(*hash);
            }
            std::hint::black_box(first);
            for hash in hashes {
                self.insert(*hash);
            }
        }
    }

    #[inline]
    fn insert(&mut self, hash: u64) {
        let Some(at) = self.hashes.find(hash, |known| *known == hash) else {
            return;
        };
        let slot = self.hashes.slot(at);
        if *slot == hash {
            *self.repeats.entry(hash).or_insert(0) += 1;
            return;
        }
        *slot = hash;
        if self.hashes.note_filled() {
            let kept = &self.hashes;
            self.repeats.retain(|hash, _| kept.keeps(*hash));
        }
    }

    /// The number of rows that repeat an earlier one.
    pub(in crate::dataset) fn count(&self) -> Count {
        let repeats: u64 = self.repeats.values().sum();
        Count {
            value: repeats * self.hashes.weight(),
            exact: self.hashes.is_whole(),
        }
    }
}

/// Added for each column, so that rows of zeros do not hash to zero.
const INCREMENT: u64 = 0xd1b5_4a32_d192_ed03;

#[cfg(test)]
mod tests {
    use super::*;

    /// Pseudo-random numbers.
    fn noise(row: u64) -> u64 {
        mix(row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 77)
    }

    #[test]
    fn rows_that_repeat_are_counted() {
        let mut duplicates = DuplicateRows::new(1 << 14, 0);
        let mut hashes: Vec<u64> = vec![0; 1000];
        DuplicateRows::hash_column(
            &mut hashes,
            &(0..1000).map(|row| row % 400).collect::<Vec<_>>(),
        );
        DuplicateRows::hash_column(
            &mut hashes,
            &(0..1000).map(|row| row % 400 / 2).collect::<Vec<_>>(),
        );
        duplicates.update(&mut hashes);
        assert_eq!(
            duplicates.count(),
            Count {
                value: 600,
                exact: true
            }
        );
        // Columns do not commute.
        let mut swapped = vec![0; 1];
        DuplicateRows::hash_column(&mut swapped, &[1]);
        DuplicateRows::hash_column(&mut swapped, &[2]);
        let mut other = vec![0; 1];
        DuplicateRows::hash_column(&mut other, &[2]);
        DuplicateRows::hash_column(&mut other, &[1]);
        assert_ne!(swapped, other);
    }

    #[test]
    fn repeats_past_the_limit_are_estimated() {
        let mut duplicates = DuplicateRows::new(1 << 10, 0);
        let mut hashes: Vec<u64> = (0..100_000).map(|row| noise(row % 50_000)).collect();
        duplicates.update(&mut hashes);
        let Count { value, exact } = duplicates.count();
        assert!(!exact);
        assert!((42_000..58_000).contains(&value), "{value}");
        // Equal rows take one slot.
        let mut equal = DuplicateRows::new(1 << 10, 0);
        equal.update(&mut vec![7; 100_000]);
        assert_eq!(
            equal.count(),
            Count {
                value: 99_999,
                exact: true
            }
        );
    }
}
