//! [`below`] and [`shuffle`]: uniform draws from a seeded generator. They are
//! made here and not by the `rand` crate, whose versions may draw other numbers
//! from one seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng as _;

/// A uniform whole number in `0..bound` (Lemire, "Fast random integer generation
/// in an interval", ACM TOMACS 29(1), 2019).
pub(crate) fn below(bound: u64, rng: &mut ChaCha8Rng) -> u64 {
    let biased = bound.wrapping_neg() % bound;
    loop {
        let product = u128::from(rng.next_u64()) * u128::from(bound);
        if product as u64 >= biased {
            return (product >> 64) as u64;
        }
    }
}

/// Shuffles uniformly (Fisher and Yates; Durstenfeld, CACM 7(7), 1964).
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(last as u64 + 1, rng) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::rand_core::SeedableRng as _;

    #[test]
    fn draws_below_a_bound_are_uniform() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0_u32; 6];
        for _ in 0..60_000 {
            counts[below(6, &mut rng) as usize] += 1;
        }
        // Five standard deviations of a binomial.
        assert!(
            counts.iter().all(|count| count.abs_diff(10_000) < 460),
            "{counts:?}"
        );
    }

    #[test]
    fn shuffling_permutes() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut items = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        shuffle(&mut items, &mut rng);
        let mut sorted = items;
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_ne!(items, sorted);
    }
}
