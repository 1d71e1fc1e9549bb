//! [`Duplicates`]: how many rows repeat an earlier one.

use rustc_hash::FxHashMap;

use super::Count;
use super::sample::{Sample, Sampled, mix};

/// A row's hash; 0 is none.
impl Sampled for u64 {
    const EMPTY: Self = 0;

    fn is_empty(&self) -> bool {
        *self == 0
    }

    fn hash(&self) -> u64 {
        *self
    }
}

/// Rows that repeat an earlier one, told by a 64-bit hash of their values:
/// among 10 million different rows, two share one with a probability of
/// 3 in 1,000,000.
#[derive(Debug)]
pub(in crate::dataset) struct Duplicates {
    hashes: Sample<u64>,
    /// How often the hashes that came again came again.
    again: FxHashMap<u64, u64>,
}

impl Duplicates {
    /// Keeps at most `limit` hashes, 16 bytes each, and as much again for
    /// those that repeat. There is room for `rows` from the start.
    pub(in crate::dataset) fn new(limit: usize, rows: usize) -> Self {
        Self {
            hashes: Sample::new(limit.next_power_of_two(), rows.max(512)),
            again: FxHashMap::default(),
        }
    }

    /// Takes the keys of a further column into the rows' hashes.
    pub(in crate::dataset) fn fold(hashes: &mut [u64], keys: &[u64]) {
        for (hash, key) in hashes.iter_mut().zip(keys) {
            let product = u128::from(*hash ^ key) * 0x9e37_79b9_7f4a_7c15;
            *hash = ((product >> 64) as u64 ^ product as u64).wrapping_add(FOLD);
        }
    }

    /// Counts some rows, by their hashes.
    pub(in crate::dataset) fn see(&mut self, hashes: &mut [u64]) {
        for hashes in hashes.chunks_mut(64) {
            // Asks for the memory of many places before it needs any.
            let mut first = 0;
            for hash in hashes.iter_mut() {
                *hash = mix(*hash).max(1);
                first |= self.hashes.touch(*hash);
            }
            std::hint::black_box(first);
            for hash in hashes {
                self.insert(*hash);
            }
        }
    }

    #[inline]
    fn insert(&mut self, hash: u64) {
        let Some(at) = self.hashes.place(hash, |known| *known == hash) else {
            return;
        };
        let slot = self.hashes.slot(at);
        if *slot == hash {
            *self.again.entry(hash).or_insert(0) += 1;
            return;
        }
        *slot = hash;
        if self.hashes.filled() {
            let kept = &self.hashes;
            self.again.retain(|hash, _| kept.keeps(*hash));
        }
    }

    /// The number of rows that repeat an earlier one.
    pub(in crate::dataset) fn count(&self) -> Count {
        let again: u64 = self.again.values().sum();
        Count {
            value: again * self.hashes.weight(),
            exact: self.hashes.is_whole(),
        }
    }
}

/// Keeps a row of zeros from hashing to zero whatever its length.
const FOLD: u64 = 0xd1b5_4a32_d192_ed03;

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers without an order to them.
    fn noise(row: u64) -> u64 {
        mix(row.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 77)
    }

    #[test]
    fn rows_that_repeat_are_counted() {
        let mut duplicates = Duplicates::new(1 << 14, 0);
        let mut hashes: Vec<u64> = vec![0; 1000];
        Duplicates::fold(
            &mut hashes,
            &(0..1000).map(|row| row % 400).collect::<Vec<_>>(),
        );
        Duplicates::fold(
            &mut hashes,
            &(0..1000).map(|row| row % 400 / 2).collect::<Vec<_>>(),
        );
        duplicates.see(&mut hashes);
        assert_eq!(
            duplicates.count(),
            Count {
                value: 600,
                exact: true
            }
        );
        // Columns do not commute.
        let mut swapped = vec![0; 1];
        Duplicates::fold(&mut swapped, &[1]);
        Duplicates::fold(&mut swapped, &[2]);
        let mut other = vec![0; 1];
        Duplicates::fold(&mut other, &[2]);
        Duplicates::fold(&mut other, &[1]);
        assert_ne!(swapped, other);
    }

    #[test]
    fn repeats_past_the_limit_are_estimated() {
        let mut duplicates = Duplicates::new(1 << 10, 0);
        let mut hashes: Vec<u64> = (0..100_000).map(|row| noise(row % 50_000)).collect();
        duplicates.see(&mut hashes);
        let Count { value, exact } = duplicates.count();
        assert!(!exact);
        assert!((42_000..58_000).contains(&value), "{value}");
        // However many rows are equal, there is room for them.
        let mut equal = Duplicates::new(1 << 10, 0);
        equal.see(&mut vec![7; 100_000]);
        assert_eq!(
            equal.count(),
            Count {
                value: 99_999,
                exact: true
            }
        );
    }
}
