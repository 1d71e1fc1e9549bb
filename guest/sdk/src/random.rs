//! [`Random`]: reproducible random numbers, the same on every host.

/// A generator of random numbers: SplitMix64 (Steele, Lea and Flood, 2014). Not for
/// cryptography.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The generator of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A uniform multiple of 2⁻⁵³ in `[0, 1)`.
    pub fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Puts a list in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let drawn = self.below(last + 1);
            list.swap(last, drawn);
        }
    }

    /// A whole number from 0 to below `count`, which is not 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        // The high half of the product.
        ((u128::from(self.next_u64()) * count as u128) >> 64) as usize
    }
}
