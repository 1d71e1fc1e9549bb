//! [`Marks`]: which rows a split trains on and tests, two bits a row.

/// What a row is in a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dataset) enum Mark {
    /// It takes no part.
    Neither = 0,
    /// A training row.
    Train = 1,
    /// A test row.
    Test = 2,
}

/// The marks of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::dataset) struct Marks {
    bytes: Vec<u8>,
    len: usize,
}

impl Marks {
    /// Rows that take no part.
    pub(super) fn neither(len: usize) -> Self {
        let bytes = vec![0; len.div_ceil(4)];
        Self { bytes, len }
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, row: usize) -> Mark {
        match self.bytes[row / 4] >> (row % 4 * 2) & 0b11 {
            0 => Mark::Neither,
            1 => Mark::Train,
            _ => Mark::Test,
        }
    }

    pub(super) fn set(&mut self, row: usize, mark: Mark) {
        let (byte, shift) = (&mut self.bytes[row / 4], row % 4 * 2);
        *byte = *byte & !(0b11 << shift) | (mark as u8) << shift;
    }

    /// Appends a row.
    pub(in crate::dataset) fn push(&mut self, mark: Mark) {
        if self.len.is_multiple_of(4) {
            self.bytes.push(0);
        }
        self.len += 1;
        self.set(self.len - 1, mark);
    }

    /// Whether a row has the mark.
    pub(super) fn has(&self, mark: Mark) -> bool {
        (0..self.len).any(|row| self.get(row) == mark)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_keep_what_was_set() {
        let marks = [
            Mark::Test,
            Mark::Train,
            Mark::Neither,
            Mark::Train,
            Mark::Test,
        ];
        let mut pushed = Marks::default();
        marks.iter().for_each(|mark| pushed.push(*mark));
        let mut set = Marks::neither(5);
        for (row, mark) in marks.iter().enumerate() {
            set.set(row, Mark::Test);
            set.set(row, *mark);
        }
        assert_eq!(pushed, set);
        let found: Vec<Mark> = (0..set.len()).map(|row| set.get(row)).collect();
        assert_eq!(found, marks);
        assert!(set.has(Mark::Neither) && !Marks::neither(5).has(Mark::Test));
    }
}
