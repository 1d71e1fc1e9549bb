//! [`DistinctSample`]: a hash table of bounded size.
//!
//! It holds all distinct values as long as they fit. Beyond that it keeps the
//! values whose hashes end in a number of zero bits, with all of their rows: an
//! unbiased sample of the values (Flajolet, "On adaptive sampling", 1990).

/// A slot of a [`DistinctSample`].
pub(super) trait SampleEntry: Copy {
    /// An empty slot.
    const EMPTY: Self;

    /// Whether it is empty.
    fn is_empty(&self) -> bool;

    /// The hash of its value, with all bits well mixed.
    fn hash(&self) -> u64;
}

/// The distinct values, or a sample of them.
#[derive(Debug)]
pub(super) struct DistinctSample<S> {
    /// Open addressing, at most half full.
    slots: Vec<S>,
    used: usize,
    limit: usize,
    /// The number of low bits that are zero in the hash of a kept value.
    bits: u32,
}

impl<S: SampleEntry> DistinctSample<S> {
    /// A sample of at most `limit` values, a power of two, with room for
    /// `room` of them from the start.
    pub(super) fn new(limit: usize, room: usize) -> Self {
        let slots = (room * 2).next_power_of_two().min(limit * 2);
        Self {
            slots: vec![S::EMPTY; slots],
            used: 0,
            limit,
            bits: 0,
        }
    }

    /// The slot of the value with this hash that `is` recognises, or the empty
    /// slot for it; `None` if the value is not kept.
    #[inline]
    pub(super) fn find(&self, hash: u64, is: impl Fn(&S) -> bool) -> Option<usize> {
        if !self.keeps(hash) {
            return None;
        }
        let mut at = self.first_slot(hash);
        while !self.slots[at].is_empty() && !is(&self.slots[at]) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        Some(at)
    }

    /// The slot that [`DistinctSample::find`] returned.
    #[inline]
    pub(super) fn slot(&mut self, at: usize) -> &mut S {
        &mut self.slots[at]
    }

    /// Counts an empty slot that was filled. Returns whether the sample was
    /// thinned, so that values may have been removed.
    #[inline]
    pub(super) fn note_filled(&mut self) -> bool {
        self.used += 1;
        self.used * 2 > self.slots.len() && self.grow()
    }

    /// Reads the first slot of a value, so that it is cached when it is needed.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) -> &S {
        &self.slots[self.first_slot(hash)]
    }

    /// Whether a value with this hash is kept.
    #[inline]
    pub(super) fn keeps(&self, hash: u64) -> bool {
        hash & ((1 << self.bits) - 1) == 0
    }

    /// Whether all values are kept.
    pub(super) fn is_whole(&self) -> bool {
        self.bits == 0
    }

    /// The number of kept values.
    pub(super) fn kept(&self) -> u64 {
        self.used as u64
    }

    /// The number of values that each kept value stands for.
    pub(super) fn weight(&self) -> u64 {
        1 << self.bits
    }

    /// The kept values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().filter(|slot| !slot.is_empty())
    }

    #[inline]
    fn first_slot(&self, hash: u64) -> usize {
        // The high bits, since the low ones choose the sample.
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let mut slots = self.slots.len();
        let thins = self.used > self.limit;
        if thins {
            self.bits += 1;
        } else {
            slots *= 2;
        }
        let old = std::mem::replace(&mut self.slots, vec![S::EMPTY; slots]);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| !slot.is_empty()) {
            // All values are distinct.
            if let Some(at) = self.find(slot.hash(), |_| false) {
                self.slots[at] = slot;
                self.used += 1;
            }
        }
        thins
    }
}

/// Mixes the bits of a key (the finalizer of MurmurHash3).
#[inline]
pub(in crate::dataset) fn mix(key: u64) -> u64 {
    let mut hash = key;
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}
