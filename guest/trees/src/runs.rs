//! [`Runs`]: the payloads of a node's rows, sorted by the codes of one feature.

/// Sorted payloads with the end of each code's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runs<'a, P> {
    /// The payloads, sorted by code.
    pub(crate) payloads: &'a [P],
    /// The end of each code's payloads.
    pub(crate) ends: &'a [u32],
    /// Whether the last code is that of missing values.
    pub(crate) has_missing: bool,
}

/// A split of ordered codes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The index of the last code on the left, among those that occur.
    pub(crate) at: usize,
    /// Whether missing values go left.
    pub(crate) missing_left: bool,
}

impl<'a, P: Copy> Runs<'a, P> {
    /// The payloads of code `index`.
    #[inline]
    pub(crate) fn run(self, index: usize) -> &'a [P] {
        let start = match index {
            0 => 0,
            _ => self.ends[index - 1],
        };
        &self.payloads[start as usize..self.ends[index] as usize]
    }

    /// The number of codes.
    pub(crate) fn len(self) -> usize {
        self.ends.len()
    }

    /// The payloads of the rows on the left of a split.
    pub(crate) fn left(self, place: Place) -> impl Iterator<Item = P> + 'a {
        let end = self.ends[place.at] as usize;
        let missing = if place.missing_left {
            self.ends[self.ends.len() - 2] as usize
        } else {
            self.payloads.len()
        };
        let (left, others) = self.payloads.split_at(end);
        left.iter()
            .chain(&others[missing.max(end) - end..])
            .copied()
    }
}
