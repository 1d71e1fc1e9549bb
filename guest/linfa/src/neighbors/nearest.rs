//! [`Nearest`]: the nearest of the points that were offered.

/// A point and the sum of terms between it and the query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Neighbor {
    pub(super) sum: f64,
    pub(super) point: u32,
}

impl Neighbor {
    /// By distance; of equal ones the first point.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.sum
            .total_cmp(&other.sum)
            .then(self.point.cmp(&other.point))
    }
}

/// The `count` nearest of the points that were offered, and some more.
#[derive(Debug)]
pub(super) struct Nearest {
    count: usize,
    /// The greatest sum that can still be among the nearest.
    bound: f64,
    kept: Vec<Neighbor>,
}

impl Nearest {
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            bound: f64::INFINITY,
            kept: Vec::with_capacity(Self::room(count)),
        }
    }

    /// How many are kept until the farthest are dropped: each drop takes time in
    /// proportion to them.
    fn room(count: usize) -> usize {
        2 * count + 32
    }

    /// A point whose sum is greater is not among the nearest.
    #[inline(always)]
    pub(super) fn bound(&self) -> f64 {
        self.bound
    }

    /// Takes a point whose sum is at most the bound.
    pub(super) fn offer(&mut self, sum: f64, point: u32) {
        self.kept.push(Neighbor { sum, point });
        if self.kept.len() == Self::room(self.count) {
            self.drop_farthest();
        }
    }

    fn drop_farthest(&mut self) {
        let last = self.count - 1;
        let (_, bound, _) = self.kept.select_nth_unstable_by(last, Neighbor::order);
        self.bound = bound.sum;
        self.kept.truncate(self.count);
    }

    /// The nearest, in order.
    pub(super) fn into_sorted(mut self) -> Vec<Neighbor> {
        self.kept.sort_unstable_by(Neighbor::order);
        self.kept.truncate(self.count);
        self.kept
    }
}
