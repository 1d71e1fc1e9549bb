//! [`CarriedRows`]: lists of rows that are divided as a tree grows: those that it
//! learns from, and others that it is to predict.

use std::ops::Range;

use crate::entries::{BoundedRows, BoundedSlice};
use crate::route::move_rows;
use crate::tree::{Test, Tree};

/// Where the rows of a node are in a list.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    range: Range<usize>,
    /// How often these rows were moved.
    moves: u32,
}

/// A list of rows. The rows of a node are in one of two buffers, in turn.
#[derive(Debug)]
pub(crate) struct CarriedRows {
    all: BoundedRows<u32>,
    moved: [BoundedRows<u32>; 2],
}

impl CarriedRows {
    /// A list of `rows` of a dataset of `number` rows.
    ///
    /// # Panics
    /// If a row is not in the dataset.
    pub(crate) fn new(rows: &[u32], number: usize) -> Self {
        let all = BoundedRows::of(rows, number);
        Self {
            moved: [all.clone(), all.clone()],
            all,
        }
    }

    /// All rows.
    pub(crate) fn all(&self) -> &[u32] {
        &self.all
    }

    /// The place of the root.
    pub(crate) fn root(&self) -> Place {
        Place {
            range: 0..self.all.len(),
            moves: 0,
        }
    }

    /// The rows of a node.
    pub(crate) fn rows(&self, place: &Place) -> BoundedSlice<'_, u32> {
        let list = match place.moves {
            0 => &self.all,
            moves => &self.moved[moves as usize % 2],
        };
        list.slice(place.range.clone())
    }

    /// Divides the rows of a node by their codes and the node's test in `tree`.
    /// Returns the places of its children.
    pub(crate) fn divide(
        &mut self,
        place: &Place,
        column: &[u8],
        tree: &Tree,
        test: Test,
    ) -> [Place; 2] {
        let [even, odd] = &mut self.moved;
        let moves = place.moves + 1;
        let (source, target) = match place.moves {
            0 => (&self.all, odd),
            moves if moves % 2 == 0 => (&*even, odd),
            _ => (&*odd, even),
        };
        let (start, end) = (place.range.start, place.range.end);
        let source = source.slice(start..end);
        let left = move_rows(target, start, source, tree, test, column);
        [start..start + left, start + left..end].map(|range| Place { range, moves })
    }
}
