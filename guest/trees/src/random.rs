//! [`Key`]: counter-based random numbers. What is drawn at a node is a
//! function of the seed, the tree and the path from the root, so that it does
//! not depend on which other nodes were grown, or in what order. Not for
//! cryptography.

/// The increment of SplitMix64 (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, 2014): 2^64 divided by the golden ratio.
const INCREMENT: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Identifies one stream of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// The root key of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(INCREMENT)))
    }

    /// The key of child `index`. The children of a key are independent of
    /// each other and of the key itself.
    pub(crate) fn child(self, index: u64) -> Self {
        Self(mix(
            self.0.rotate_left(23) ^ mix(index.wrapping_add(1).wrapping_mul(INCREMENT))
        ))
    }

    /// 64 random bits of place `index`.
    #[inline]
    pub(crate) fn word(self, index: u64) -> u64 {
        mix(self.0.wrapping_add(index.wrapping_mul(INCREMENT)))
    }

    /// The stream of this key, from its start.
    pub(crate) fn rng(self) -> Rng {
        Rng { state: self.0 }
    }
}

/// A stream of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Rng {
    state: u64,
}

impl Rng {
    /// 64 random bits.
    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(INCREMENT);
        mix(self.state)
    }

    /// A uniform integer in `0..bound` (Lemire: Fast random integer
    /// generation in an interval, 2019). `bound` is not 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        loop {
            if let Some(number) = scale(self.next_u64() >> 32, bound) {
                return number;
            }
        }
    }

    /// A uniform multiple of 2^-53 in `[0, 1)`.
    pub(crate) fn next_f64(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

/// Scales 32 random bits to `0..bound`; `None` for the few values that have to
/// be rejected to keep the result uniform.
#[inline]
pub(crate) fn scale(bits: u64, bound: u32) -> Option<u32> {
    let product = bits * u64::from(bound);
    let low = product as u32;
    // The exact test needs a division. The threshold is below `bound`, so that
    // the division is seldom reached.
    if low < bound && low < bound.wrapping_neg() % bound {
        return None;
    }
    Some((product >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_is_uniform() {
        let mut rng = Key::new(3).child(5).rng();
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
        }
        // Chi-square with 6 degrees of freedom: 22.5 is its 99.9th percentile.
        let chi: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - 10_000.0).powi(2) / 10_000.0)
            .sum();
        assert!(chi < 22.5, "chi-square {chi}");
    }

    #[test]
    fn next_f64_is_in_the_unit_interval() {
        let mut rng = Key::new(0).rng();
        let numbers: Vec<f64> = (0..10_000).map(|_| rng.next_f64()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        // Five standard errors of a mean of 10,000 uniform numbers.
        assert!((mean - 0.5).abs() < 0.015, "mean {mean}");
    }

    #[test]
    fn keys_of_different_paths_differ() {
        let root = Key::new(1);
        let keys = [
            root,
            root.child(0),
            root.child(1),
            root.child(0).child(1),
            root.child(1).child(0),
            Key::new(2),
        ];
        for (i, a) in keys.iter().enumerate() {
            assert!(keys[..i].iter().all(|b| a != b));
        }
    }
}
