//! [`MersenneTwister`]: the random numbers of NumPy's `RandomState` and of libsvm, and
//! [`GroupShuffle`], permutations within groups by them.

/// MT19937 (Matsumoto, Nishimura, 1998), seeded as by NumPy's `RandomState` and C++'s
/// `std::mt19937`.
#[derive(Clone, Debug)]
pub struct MersenneTwister {
    state: Vec<u32>,
    next: usize,
}

impl MersenneTwister {
    const SIZE: usize = 624;
    const SHIFT: usize = 397;

    /// The generator of a seed.
    pub fn new(seed: u32) -> Self {
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
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next()) * u64::from(bound);
        if (product as u32) < bound {
            let biased = bound.wrapping_neg() % bound;
            while (product as u32) < biased {
                product = u64::from(self.next()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }

    /// A number up to `most`, as NumPy's `RandomState` draws it: the bits of `most` of
    /// the next numbers, up to the first that is in range.
    fn up_to(&mut self, most: u32) -> u32 {
        let mask = u32::MAX.checked_shr(most.leading_zeros()).unwrap_or(0);
        loop {
            let drawn = self.next() & mask;
            if drawn <= most {
                return drawn;
            }
        }
    }
}

/// The seed that scikit-learn passes to libsvm:
/// `numpy.random.RandomState(random_state).randint(2**31 - 1)`.
pub fn numpy_seed(random_state: u32) -> u32 {
    // `randint` draws as `RandomState.shuffle` does.
    MersenneTwister::new(random_state).up_to(i32::MAX as u32 - 1)
}

/// Permutations of rows within groups, one after the other, as those of scikit-learn's
/// `permutation_test_score` and of
/// [`TargetShuffle`](fanout_contract::TargetShuffle).
#[derive(Clone, Debug)]
pub struct GroupShuffle {
    random: MersenneTwister,
    /// The rows of each group, ascending.
    groups: Vec<Vec<u32>>,
    made: u32,
}

impl GroupShuffle {
    /// The permutations of a seed. `groups` has the group of each row, `None` for a row
    /// that keeps its place.
    pub fn new(random_state: u32, groups: impl IntoIterator<Item = Option<i32>>) -> Self {
        let mut rows = std::collections::BTreeMap::<i32, Vec<u32>>::new();
        for (row, group) in (0..).zip(groups) {
            if let Some(group) = group {
                rows.entry(group).or_default().push(row);
            }
        }
        Self {
            random: MersenneTwister::new(random_state),
            groups: rows.into_values().collect(),
            made: 0,
        }
    }

    /// How many permutations were made.
    pub fn made(&self) -> u32 {
        self.made
    }

    /// Makes the next permutation for nobody.
    pub fn skip(&mut self) {
        for rows in &self.groups {
            for last in (1..rows.len()).rev() {
                self.random.up_to(last as u32);
            }
        }
        self.made += 1;
    }

    /// The values by row after the next permutation.
    pub fn shuffled<T: Copy>(&mut self, values: &[T]) -> Vec<T> {
        let mut shuffled = values.to_vec();
        let mut order = Vec::new();
        for rows in &self.groups {
            order.clone_from(rows);
            for last in (1..order.len()).rev() {
                order.swap(last, self.random.up_to(last as u32) as usize);
            }
            for (&row, &from) in rows.iter().zip(&order) {
                shuffled[row as usize] = values[from as usize];
            }
        }
        self.made += 1;
        shuffled
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

    /// `[_shuffle(numpy.arange(9), None, random).tolist() for _ in range(3)]` of
    /// `sklearn.model_selection._validation`, and with groups for two permutations.
    #[test]
    fn permutations_are_those_of_scikit_learn() {
        let of = |seed: u32, groups: &[i32], count: usize| -> Vec<Vec<u32>> {
            let rows: Vec<u32> = (0..groups.len() as u32).collect();
            let mut shuffle = GroupShuffle::new(seed, groups.iter().map(|&group| Some(group)));
            (0..count).map(|_| shuffle.shuffled(&rows)).collect()
        };
        for (seed, permutations) in PERMUTATIONS {
            assert_eq!(of(seed, &[0; 9], 3), permutations);
        }
        assert_eq!(of(3, &[2, 0, 1, 0, 2, 0, 1, 2, 0, 5], 2), WITHIN_GROUPS);
    }

    #[test]
    fn rows_without_a_group_keep_their_values() {
        let groups = [0, 0, 9, 0, 0, 0, 9, 0, 0, 0, 0];
        let group = |group: i32| (group == 0).then_some(group);
        let mut shuffle = GroupShuffle::new(7, groups.map(group));
        shuffle.skip();
        assert_eq!(shuffle.made(), 1);
        let values = [0, 1, 90, 2, 3, 4, 91, 5, 6, 7, 8];
        let mut shuffled = shuffle.shuffled(&values);
        assert_eq!((shuffled.remove(6), shuffled.remove(2)), (91, 90));
        assert_eq!(shuffled, PERMUTATIONS[1].1[1]);
    }

    const PERMUTATIONS: [(u32, [[u32; 9]; 3]); 3] = [
        (
            0,
            [
                [7, 2, 1, 4, 8, 6, 3, 0, 5],
                [3, 1, 7, 6, 8, 0, 4, 2, 5],
                [5, 2, 3, 4, 1, 0, 8, 7, 6],
            ],
        ),
        (
            7,
            [
                [2, 7, 0, 8, 5, 3, 6, 1, 4],
                [6, 3, 4, 8, 5, 2, 1, 0, 7],
                [1, 5, 2, 6, 3, 8, 4, 7, 0],
            ],
        ),
        (
            4_294_967_295,
            [
                [5, 1, 8, 7, 0, 6, 4, 2, 3],
                [8, 1, 5, 4, 6, 2, 3, 7, 0],
                [2, 0, 3, 4, 1, 5, 8, 7, 6],
            ],
        ),
    ];

    const WITHIN_GROUPS: [[u32; 10]; 2] = [
        [4, 8, 2, 3, 7, 1, 6, 0, 5, 9],
        [0, 8, 2, 5, 4, 3, 6, 7, 1, 9],
    ];

    const SEEDS: [(u32, u32); 4] = [
        (0, 209_652_396),
        (1, 1_791_095_845),
        (42, 1_608_637_542),
        (4_294_967_295, 419_326_371),
    ];
}
