//! [`Combinations`]: sets of some of several things, in the order of Python's
//! `itertools.combinations`.

/// Iterates over the sets of `size` of the numbers below `of`, each ascending.
#[derive(Debug)]
pub(super) struct Combinations {
    of: usize,
    next: Option<Vec<usize>>,
}

impl Combinations {
    pub(super) fn new(of: usize, size: usize) -> Self {
        let next = (size <= of).then(|| (0..size).collect());
        Self { of, next }
    }
}

impl Iterator for Combinations {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let set = self.next.take()?;
        let size = set.len();
        // The last number that has one greater behind it.
        let movable = (0..size).rev().find(|at| set[*at] < self.of - size + at);
        self.next = movable.map(|at| {
            let mut next = set.clone();
            let first = set[at] + 1;
            (at..size).for_each(|later| next[later] = first + later - at);
            next
        });
        Some(set)
    }
}

/// The number of sets of `size` of `of` things; [`u128::MAX`] if it, times `of`, is
/// greater than that.
pub(super) fn binomial(of: usize, size: usize) -> u128 {
    if size > of {
        return 0;
    }
    let mut count: u128 = 1;
    for taken in 0..size.min(of - size) as u128 {
        // The product of so many neighbouring numbers is divisible.
        match count.checked_mul(of as u128 - taken) {
            Some(product) => count = product / (taken + 1),
            None => return u128::MAX,
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_in_the_order_of_itertools() {
        let sets: Vec<Vec<usize>> = Combinations::new(4, 2).collect();
        let expected = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]];
        assert_eq!(sets, expected);
        assert_eq!(Combinations::new(3, 3).count(), 1);
        assert_eq!(Combinations::new(2, 3).count(), 0);
    }

    #[test]
    fn sets_are_counted_without_making_them() {
        for of in 0..12 {
            for size in 0..12 {
                let made = Combinations::new(of, size).count() as u128;
                assert_eq!(binomial(of, size), made, "{size} of {of}");
            }
        }
        assert_eq!(binomial(100_000, 2), 4_999_950_000);
        assert_eq!(binomial(100_000, 50_000), u128::MAX);
    }
}
