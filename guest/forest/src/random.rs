//! [`Key`]: randomness by name. What is drawn at a node is a function of the
//! seed, the tree and the path from the root, so that no node knows which
//! others were grown, or in what order. It keeps no state between draws of
//! different names, and is not for secrets.

/// The odd constant of SplitMix64 (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, 2014): 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// The name of a place where something random is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(u64);

impl Key {
    /// The name of everything drawn under `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(STEP)))
    }

    /// The name of the place `index` below this one.
    pub(crate) fn child(self, index: u64) -> Self {
        Self(mix(
            self.0.rotate_left(23) ^ mix(index.wrapping_add(1).wrapping_mul(STEP))
        ))
    }

    /// The draws of this place.
    pub(crate) fn draws(self) -> Draws {
        Draws { state: self.0 }
    }
}

/// A stream of random numbers (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Draws {
    state: u64,
}

impl Draws {
    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }

    /// A whole number in `0..bound`, every one equally likely (Lemire: Fast
    /// random integer generation in an interval, 2019). `bound` is not 0.
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        loop {
            if let Some(number) = scale(self.bits() >> 32, bound) {
                return number;
            }
        }
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }
}

/// Scales 32 random bits to `0..bound`, or refuses the few that would make
/// some numbers likelier than others.
#[inline]
pub(crate) fn scale(bits: u64, bound: u32) -> Option<u32> {
    let product = bits * u64::from(bound);
    let low = product as u32;
    // The threshold needs a division; it is at most `bound`, which seldom matters.
    if low < bound && low < bound.wrapping_neg() % bound {
        return None;
    }
    Some((product >> 32) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_a_bound_is_as_likely() {
        let mut draws = Key::new(3).child(5).draws();
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[draws.below(7) as usize] += 1;
        }
        // Chi-square with 6 degrees of freedom: 22.5 is its 99.9th percentile.
        let chi: f64 = counts
            .iter()
            .map(|&count| (f64::from(count) - 10_000.0).powi(2) / 10_000.0)
            .sum();
        assert!(chi < 22.5, "chi-square {chi}");
    }

    #[test]
    fn unit_numbers_fill_their_interval() {
        let mut draws = Key::new(0).draws();
        let numbers: Vec<f64> = (0..10_000).map(|_| draws.unit()).collect();
        assert!(numbers.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / 10_000.0;
        // Five standard errors of a mean of 10,000 uniform numbers.
        assert!((mean - 0.5).abs() < 0.015, "mean {mean}");
    }

    #[test]
    fn siblings_and_depths_have_names_of_their_own() {
        let root = Key::new(1);
        let names = [
            root,
            root.child(0),
            root.child(1),
            root.child(0).child(1),
            root.child(1).child(0),
            Key::new(2),
        ];
        for (i, a) in names.iter().enumerate() {
            assert!(names[..i].iter().all(|b| a != b));
        }
    }
}
