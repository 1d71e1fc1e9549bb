//! [`BoundedRows`]: lists of rows that are known to be rows of the dataset, so
//! that the innermost loops may index columns without a check per row.
//!
//! A list carries its [`Bounds`]. Whoever fills one proves once that its items
//! are within them; partitioning only moves items, so that the proof goes on
//! holding for every node of a tree, and a loop over a list checks the bounds
//! alone against its columns.

use std::fmt::Debug;
use std::ops::{Deref, Range};

use crate::chunks;
use crate::codes::Code;
use crate::divide::{ByteTest, GROUP, divide};
use crate::payload::Payload;
use crate::tally::TallyLayout;

/// An item that stands for a row.
///
/// # Safety
/// [`Self::index`] is a function of the value alone.
#[expect(unsafe_code, reason = "the partition loop relies on it unchecked")]
pub(crate) unsafe trait RowItem: Copy {
    /// The row's number.
    fn index(self) -> usize;
    /// Whether the item is within `bounds`.
    fn is_within(self, bounds: Bounds) -> bool;
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a conversion of the value.
unsafe impl RowItem for u32 {
    #[inline]
    fn index(self) -> usize {
        self as usize
    }

    fn is_within(self, bounds: Bounds) -> bool {
        self.index() < bounds.rows
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a conversion of the value.
unsafe impl RowItem for u16 {
    #[inline]
    fn index(self) -> usize {
        usize::from(self)
    }

    fn is_within(self, bounds: Bounds) -> bool {
        self.index() < bounds.rows
    }
}

/// A row in a tree's sample: its number, and its payload in layout `L`.
pub(crate) struct Entry<L: TallyLayout> {
    packed: <L::Payload as Payload>::Entry,
}

impl<L: TallyLayout> Entry<L> {
    /// An entry of row `row`.
    #[inline]
    pub(crate) fn new(row: u32, payload: L::Payload) -> Self {
        Self {
            packed: payload.entry(row),
        }
    }

    /// What the row carries.
    #[inline]
    pub(crate) fn payload(self) -> L::Payload {
        L::Payload::of_entry(self.packed)
    }
}

impl<L: TallyLayout> Clone for Entry<L> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<L: TallyLayout> Copy for Entry<L> {}

impl<L: TallyLayout> Debug for Entry<L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Entry({:?})", self.packed)
    }
}

#[expect(unsafe_code, reason = "the trait's condition")]
// SAFETY: a part of the value.
unsafe impl<L: TallyLayout> RowItem for Entry<L> {
    #[inline]
    fn index(self) -> usize {
        L::Payload::row(self.packed) as usize
    }

    fn is_within(self, bounds: Bounds) -> bool {
        self.index() < bounds.rows && L::is_within(self.payload(), bounds.classes)
    }
}

/// Upper bounds, exclusive, of the items of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Of the row numbers: the number of rows of the dataset.
    pub(crate) rows: usize,
    /// Of the classes in the payloads of entries; 0 for numbers.
    pub(crate) classes: usize,
}

/// A list of items within [`Bounds`].
#[derive(Clone, Debug)]
pub(crate) struct BoundedRows<R> {
    bounds: Bounds,
    /// Invariant: all are within `bounds`.
    items: Vec<R>,
}

/// A part of a [`BoundedRows`].
#[derive(Debug)]
pub(crate) struct BoundedSlice<'a, R> {
    bounds: Bounds,
    /// Invariant: all are within `bounds`.
    items: &'a [R],
}

impl<R> Clone for BoundedSlice<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for BoundedSlice<'_, R> {}

impl<R> Deref for BoundedSlice<'_, R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        self.items
    }
}

impl<R: RowItem> BoundedSlice<'_, R> {
    /// What all items are within.
    pub(crate) fn bounds(self) -> Bounds {
        self.bounds
    }

    /// Appends `map` of every item and its code in `column` to `into`, in order.
    #[inline]
    #[expect(unsafe_code, reason = "a loop over rows that are known to be bounded")]
    pub(crate) fn extend_codes<K: Code, U: Copy>(
        self,
        column: &[K],
        into: &mut Vec<U>,
        mut map: impl FnMut(R, K) -> U,
    ) {
        assert!(
            self.bounds.rows <= column.len(),
            "a column of another dataset"
        );
        chunks::extend(into, self.items, |item| {
            // SAFETY: the items are within bounds that the column covers.
            map(item, unsafe { *column.get_unchecked(item.index()) })
        });
    }

    /// Calls `body` with every item and its code in `column`, in order.
    #[inline]
    #[expect(unsafe_code, reason = "a loop over rows that are known to be bounded")]
    pub(crate) fn for_each_code<K: Code>(self, column: &[K], mut body: impl FnMut(R, K)) {
        assert!(
            self.bounds.rows <= column.len(),
            "a column of another dataset"
        );
        chunks::for_each(self.items, |item| {
            // SAFETY: the items are within bounds that the column covers.
            body(item, unsafe { *column.get_unchecked(item.index()) });
        });
    }
}

impl<R> Deref for BoundedRows<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.items
    }
}

impl BoundedRows<u32> {
    /// Some rows of a table of `rows` rows.
    ///
    /// # Panics
    /// If one is not a row of the table.
    pub(crate) fn of(items: &[u32], rows: usize) -> Self {
        let bounds = Bounds { rows, classes: 0 };
        assert!(
            items.iter().all(|item| item.is_within(bounds)),
            "a row of another dataset"
        );
        Self {
            bounds,
            items: items.to_vec(),
        }
    }
}

impl BoundedRows<u16> {
    /// All rows of a table of `rows` rows, of which two bytes can count the last.
    pub(crate) fn all(rows: usize) -> Self {
        Self {
            bounds: Bounds { rows, classes: 0 },
            items: (0..=u16::MAX).take(rows).collect(),
        }
    }

    /// Such a list after `before` items that are any rows; empty if the table is.
    pub(crate) fn all_after(before: usize, rows: usize) -> Self {
        let mut all = Self::all(rows);
        if rows > 0 {
            all.items.splice(0..0, std::iter::repeat_n(0, before));
        }
        all
    }

    /// As [`Self::partition_from`], by codes of one byte, in any order. The eight items
    /// before `range` are lost here.
    #[expect(unsafe_code, reason = "a loop over rows that are known to be bounded")]
    pub(crate) fn divide_from<const ALL: bool>(
        &mut self,
        source: &Self,
        range: Range<usize>,
        column: &[u8],
        test: impl ByteTest,
    ) -> usize {
        // Where eight rows at a time are no faster, tests alone move them so.
        if !cfg!(any(test, target_feature = "simd128")) {
            let (start, source) = (range.start, source.slice(range));
            return self.partition_from(start, source, column, |code| !test.is_left(code));
        }
        assert!(!ALL || range.len() <= column.len(), "more rows than all");
        let range = range.start - GROUP..range.end;
        let source = source.slice(range.clone());
        let target = self.target(range.start, source, column);
        // SAFETY: as in `partition_from`.
        unsafe { divide::<ALL>(source.items, target, column, test) }
    }
}

impl<R: RowItem> BoundedRows<R> {
    /// An empty list.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            items: Vec::new(),
        }
    }

    /// What all items are within.
    pub(crate) fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The items in `range`.
    pub(crate) fn slice(&self, range: Range<usize>) -> BoundedSlice<'_, R> {
        BoundedSlice {
            bounds: self.bounds,
            items: &self.items[range],
        }
    }

    /// Replaces the items: `fill` gets an empty vector.
    ///
    /// # Safety
    /// All items that `fill` leaves are within [`Self::bounds`].
    #[expect(unsafe_code, reason = "the condition is the caller's to prove")]
    pub(crate) unsafe fn refill(&mut self, fill: impl FnOnce(&mut Vec<R>)) {
        // Empty until `fill` returns: should it panic, no item is left unproven.
        let mut items = std::mem::take(&mut self.items);
        items.clear();
        fill(&mut items);
        debug_assert!(items.iter().all(|item| item.is_within(self.bounds)));
        self.items = items;
    }

    /// Makes this list, whose items do not matter, as long as `other`.
    pub(crate) fn match_length(&mut self, other: &Self) {
        assert_eq!(self.bounds, other.bounds, "lists of different datasets");
        match other.first() {
            Some(&item) => self.items.resize(other.len(), item),
            None => self.items.clear(),
        }
    }

    /// The places from `start` on for the items of `source`, which are rows of `column`.
    fn target<K>(&mut self, start: usize, source: BoundedSlice<'_, R>, column: &[K]) -> &mut [R] {
        assert_eq!(self.bounds, source.bounds, "lists of different datasets");
        assert!(
            source.bounds.rows <= column.len(),
            "a column of another dataset"
        );
        &mut self.items[start..start + source.len()]
    }

    /// Partitions the items of `source` into the places of this list from
    /// `start` on: those whose code in `column` does not go right come first,
    /// in order; the others follow in reverse order. Returns how many went left.
    ///
    /// Reading and writing go in one direction each, and ascending or
    /// descending rows stay so on either side.
    #[expect(unsafe_code, reason = "a loop over rows that are known to be bounded")]
    pub(crate) fn partition_from<K: Code>(
        &mut self,
        start: usize,
        source: BoundedSlice<'_, R>,
        column: &[K],
        goes_right: impl Fn(K) -> bool,
    ) -> usize {
        let target = self.target(start, source, column);
        // SAFETY: the items are within bounds that the column covers, and both
        // slices have one length.
        unsafe { partition(source.items, target, column, goes_right) }
    }

    /// Copies the items of `source` whose code in `column` is kept into the
    /// places of this list from `start` on, in order. Returns how many.
    #[expect(unsafe_code, reason = "a loop over rows that are known to be bounded")]
    pub(crate) fn filter_from<K: Code>(
        &mut self,
        start: usize,
        source: BoundedSlice<'_, R>,
        column: &[K],
        is_kept: impl Fn(K) -> bool,
    ) -> usize {
        let target = self.target(start, source, column);
        // SAFETY: as in `partition_from`.
        unsafe { filter(source.items, target, column, is_kept) }
    }
}

/// The loop of [`BoundedRows::partition_from`].
///
/// Not inlined: in WebAssembly, a loop in a large function shares its
/// registers with everything that the function keeps.
///
/// # Safety
/// The index of every item of `source` is less than `column.len()`, and
/// `source` and `target` have one length.
#[expect(unsafe_code, reason = "the second of the two innermost loops")]
#[inline(never)]
unsafe fn partition<R: RowItem, K: Code>(
    source: &[R],
    target: &mut [R],
    column: &[K],
    goes_right: impl Fn(K) -> bool,
) -> usize {
    debug_assert_eq!(source.len(), target.len());
    debug_assert!(source.iter().all(|item| item.index() < column.len()));
    let mut waiting = source.len();
    let (chunks, rest) = source.as_chunks::<8>();
    let start = target.as_mut_ptr();
    let mut first = start;
    for chunk in chunks {
        waiting -= chunk.len();
        for (at, &item) in chunk.iter().enumerate() {
            // SAFETY: the free places are as many as the items that are still
            // to be written, and start at `first`. The item is written to the
            // first and to the last of them, and whichever is wrong is
            // overwritten by a later item. The caller vouches for the column.
            unsafe {
                first.write(item);
                first.add(waiting).add(chunk.len() - 1 - at).write(item);
                first = first.add(usize::from(!goes_right(
                    *column.get_unchecked(item.index()),
                )));
            }
        }
    }
    // SAFETY: both are in `target` or at its end, `first` not before `start`.
    let mut left = unsafe { first.offset_from_unsigned(start) };
    for &item in rest {
        waiting -= 1;
        target[left] = item;
        target[left + waiting] = item;
        left += usize::from(!goes_right(column[item.index()]));
    }
    left
}

/// The loop of [`BoundedRows::filter_from`]. Not inlined, as [`partition`].
///
/// # Safety
/// As for [`partition`].
#[expect(unsafe_code, reason = "half of the partition, and as hot")]
#[inline(never)]
unsafe fn filter<R: RowItem, K: Code>(
    source: &[R],
    target: &mut [R],
    column: &[K],
    is_kept: impl Fn(K) -> bool,
) -> usize {
    debug_assert_eq!(source.len(), target.len());
    debug_assert!(source.iter().all(|item| item.index() < column.len()));
    let start = target.as_mut_ptr();
    let mut place = start;
    chunks::for_each(source, |item| {
        // SAFETY: at most one place is taken per item, so that `place` is in
        // `target` while there is an item. The caller vouches for the column.
        unsafe {
            place.write(item);
            place = place.add(usize::from(is_kept(*column.get_unchecked(item.index()))));
        }
    });
    // SAFETY: both are in `target` or at its end, `place` not before `start`.
    unsafe { place.offset_from_unsigned(start) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_partition_keeps_the_order_on_the_left_and_reverses_the_right(
            column in prop::collection::vec(0..4_u8, 1..100), cut in 0..4_u8,
        ) {
            let source = BoundedRows::all(column.len());
            let mut target = source.clone();
            let all = source.slice(0..column.len());
            let number = target.partition_from(0, all, &column, |code| code > cut);
            let is_left = |row: &u16| column[*row as usize] <= cut;
            let (left, mut right): (Vec<u16>, Vec<u16>) = source.iter().partition(|row| is_left(row));
            right.reverse();
            prop_assert_eq!(&target[..number], &left);
            prop_assert_eq!(&target[number..], &right);
            let kept = target.filter_from(0, all, &column, |code| code <= cut);
            prop_assert_eq!(&target[..kept], &left);
        }
    }

    #[test]
    #[should_panic(expected = "a column of another dataset")]
    fn a_short_column_is_refused() {
        let rows = BoundedRows::all(9);
        rows.clone()
            .partition_from(0, rows.slice(0..9), &[0_u8; 8], |_| false);
    }

    #[test]
    #[should_panic(expected = "lists of different datasets")]
    fn lists_of_different_bounds_are_not_mixed() {
        let rows = BoundedRows::all(9);
        BoundedRows::all(8).partition_from(0, rows.slice(0..8), &[0_u8; 9], |_| false);
    }
}
