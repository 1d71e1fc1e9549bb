//! [`Sample`]: a hash table that never outgrows its limit.
//!
//! It is whole as long as the distinct values fit. Past that it keeps every
//! value whose hash ends in zero bits, and all of its rows: an unbiased sample
//! of the values (adaptive sampling; Flajolet, "On adaptive sampling", 1990).

/// A place of a [`Sample`].
pub(super) trait Sampled: Copy {
    /// A place that nothing fills.
    const EMPTY: Self;

    /// Whether nothing fills it.
    fn is_empty(&self) -> bool;

    /// The hash of what fills it, all of its bits well spread.
    fn hash(&self) -> u64;
}

/// Distinct values, or as many as fit.
#[derive(Debug)]
pub(super) struct Sample<S> {
    /// Open addressing; at most half of it is filled.
    slots: Vec<S>,
    used: usize,
    limit: usize,
    /// A value is kept if this many low bits of its hash are zero.
    bits: u32,
}

impl<S: Sampled> Sample<S> {
    /// A sample of at most `limit` values, a power of two, with room for
    /// `room` of them from the start.
    pub(super) fn new(limit: usize, room: usize) -> Self {
        let places = (room * 2).next_power_of_two().min(limit * 2);
        Self {
            slots: vec![S::EMPTY; places],
            used: 0,
            limit,
            bits: 0,
        }
    }

    /// Where the value with this hash is, that `is` tells from others, or
    /// where it is to be put; `None` where it is not kept.
    #[inline]
    pub(super) fn place(&self, hash: u64, is: impl Fn(&S) -> bool) -> Option<usize> {
        if !self.keeps(hash) {
            return None;
        }
        let mut at = self.first(hash);
        while !self.slots[at].is_empty() && !is(&self.slots[at]) {
            at = (at + 1) & (self.slots.len() - 1);
        }
        Some(at)
    }

    /// The place that [`Sample::place`] gave.
    #[inline]
    pub(super) fn slot(&mut self, at: usize) -> &mut S {
        &mut self.slots[at]
    }

    /// Takes note that an empty place was filled. Returns whether the sample
    /// thinned: values that were kept may be no more.
    #[inline]
    pub(super) fn filled(&mut self) -> bool {
        self.used += 1;
        self.used * 2 > self.slots.len() && self.grow()
    }

    /// Asks for the memory of a value's place before it is needed.
    #[inline]
    pub(super) fn touch(&self, hash: u64) -> &S {
        &self.slots[self.first(hash)]
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

    /// The number of values that are kept.
    pub(super) fn kept(&self) -> u64 {
        self.used as u64
    }

    /// The number of values that each stands for.
    pub(super) fn weight(&self) -> u64 {
        1 << self.bits
    }

    /// The values that are kept.
    pub(super) fn iter(&self) -> impl Iterator<Item = &S> {
        self.slots.iter().filter(|slot| !slot.is_empty())
    }

    #[inline]
    fn first(&self, hash: u64) -> usize {
        // The high bits: the low ones choose the sample.
        (hash >> 32) as usize & (self.slots.len() - 1)
    }

    #[cold]
    fn grow(&mut self) -> bool {
        let mut places = self.slots.len();
        let thins = self.used > self.limit;
        if thins {
            self.bits += 1;
        } else {
            places *= 2;
        }
        let old = std::mem::replace(&mut self.slots, vec![S::EMPTY; places]);
        self.used = 0;
        for slot in old.into_iter().filter(|slot| !slot.is_empty()) {
            // All values are different.
            if let Some(at) = self.place(slot.hash(), |_| false) {
                self.slots[at] = slot;
                self.used += 1;
            }
        }
        thins
    }
}

/// Spreads the bits of a key (the finalizer of MurmurHash3).
#[inline]
pub(super) fn mix(key: u64) -> u64 {
    let mut hash = key;
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ hash >> 33
}
