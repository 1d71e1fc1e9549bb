//! [`MersenneTwister`]: the random numbers of NumPy and libsvm.

/// MT19937 (Matsumoto, Nishimura, 1998), seeded as by NumPy's `RandomState` and C++'s
/// `std::mt19937`.
#[derive(Clone, Debug)]
pub(crate) struct MersenneTwister {
    state: Vec<u32>,
    next: usize,
}

impl MersenneTwister {
    const SIZE: usize = 624;
    const SHIFT: usize = 397;

    pub(crate) fn new(seed: u32) -> Self {
        let mut state = Vec::with_capacity(Self::SIZE);
        let mut word = seed;
        for at in 1..=Self::SIZE as u32 {
            state.push(word);
            word = (word ^ (word >> 30))
                .wrapping_mul(1_812_433_253)
                .wrapping_add(at);
        }
        Self {
            state,
            next: Self::SIZE,
        }
    }

    fn next(&mut self) -> u32 {
        if self.next == Self::SIZE {
            self.next = 0;
            for at in 0..Self::SIZE {
                let upper = self.state[at] & 0x8000_0000;
                let both = upper | (self.state[(at + 1) % Self::SIZE] & 0x7fff_ffff);
                let twisted = (both >> 1) ^ if both & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[at] = self.state[(at + Self::SHIFT) % Self::SIZE] ^ twisted;
            }
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// A number below `bound`, as scikit-learn's libsvm draws it (Lemire, 2019).
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next()) * u64::from(bound);
        if (product as u32) < bound {
            let biased = bound.wrapping_neg() % bound;
            while (product as u32) < biased {
                product = u64::from(self.next()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }
}

/// The seed that scikit-learn passes to libsvm:
/// `numpy.random.RandomState(random_state).randint(2**31 - 1)`.
pub(crate) fn numpy_seed(random_state: u32) -> u32 {
    let mut random = MersenneTwister::new(random_state);
    loop {
        let drawn = random.next() & 0x7fff_ffff;
        if drawn < 0x7fff_ffff {
            return drawn;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_those_of_numpy() {
        // `[RandomState(s).randint(2**31 - 1) for s in …]`
        for (state, seed) in SEEDS {
            assert_eq!(numpy_seed(state), seed);
        }
        // The 10,000th number of `std::mt19937` with its default seed, by the standard.
        let mut random = MersenneTwister::new(5489);
        let last = (0..10_000).map(|_| random.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }

    const SEEDS: [(u32, u32); 4] = [
        (0, 209_652_396),
        (1, 1_791_095_845),
        (42, 1_608_637_542),
        (4_294_967_295, 419_326_371),
    ];
}
