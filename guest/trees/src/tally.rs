//! [`TallyLayout`]: how the targets of rows are added up. Tallies are integers,
//! so that sums do not depend on the order of the rows; class weights are applied
//! when a split is evaluated.
//!
//! A *tally* is a slice of [`TallyLayout::stride`] counts for a group of rows.
//! A *histogram* is one tally per code of a feature.

use std::fmt::Debug;
use std::ops::{AddAssign, SubAssign};

use crate::payload::Payload;
use crate::runs::{Place, Runs};

/// An element of a tally.
pub(crate) trait Count:
    Copy + Debug + Default + PartialEq + AddAssign + SubAssign + 'static
{
}
impl Count for u32 {}
impl Count for u64 {}
impl Count for i64 {}
impl Count for i128 {}

/// The minimum of either side of a split.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LeafLimits {
    /// The minimum number of distinct rows.
    pub(crate) rows: u32,
    /// The minimum weight, in the unit of [`TallyLayout::weight`].
    pub(crate) weight: f64,
}

impl LeafLimits {
    /// Whether every split meets the limits.
    pub(crate) fn is_met_by_all(self) -> bool {
        self.rows <= 1 && self.weight <= 0.0
    }

    /// Whether the split of `total` into `left` and the rest meets the limits.
    pub(crate) fn is_met<L: TallyLayout>(
        self,
        layout: &L,
        left: &[L::Count],
        total: &[L::Count],
    ) -> bool {
        let rows = layout.rows(left);
        let (a, b) = layout.split_weights(left, total);
        rows >= self.rows
            && layout.rows(total) - rows >= self.rows
            && a >= self.weight
            && b >= self.weight
    }
}

/// How a tally is stored, and the impurity measure that is computed from it.
/// *Draws* are the rows with their multiplicity in a bootstrap sample, *rows* the
/// distinct rows.
///
/// # Safety
/// [`Self::stride`] and [`Self::classes`] return the same numbers throughout
/// the life of a layout. For an increment that is `unpack(payload)` of a payload
/// that is within `classes()`, [`Self::add_unchecked`] accesses no elements but
/// `at..at + stride()`.
#[expect(unsafe_code, reason = "the histogram loop relies on it unchecked")]
pub(crate) unsafe trait TallyLayout: 'static {
    /// The elements of a tally.
    type Count: Count;
    /// What a row carries.
    type Payload: Payload;
    /// What one row adds to a tally.
    type Increment: Copy;

    /// The greatest number of draws of one row.
    const MAX_DRAWS: u16;
    /// Whether purities and values are computed from the rows of a node
    /// ([`Self::split_purities`], [`Self::purity_of_rows`],
    /// [`Self::value_of_rows`]) and not from its tally.
    const BY_ROWS: bool = false;
    /// Whether the target is numeric. Its small tables are split between all
    /// codes, and whether a node is pure is seen from its rows.
    const IS_NUMERIC: bool = false;

    /// The number of classes; 0 for numbers.
    fn classes(&self) -> usize;
    /// Whether the class of a payload is below `classes`.
    fn is_within(payload: Self::Payload, classes: usize) -> bool;
    /// The number of elements of a tally.
    fn stride(&self) -> usize;
    /// The increment of a payload.
    fn unpack(payload: Self::Payload) -> Self::Increment;
    /// Adds a row to the tally `counts[at..at + stride()]`.
    ///
    /// # Safety
    /// `at + stride()` is at most `counts.len()`, and `row` is `unpack(payload)`
    /// of a payload that is within `classes()`.
    #[expect(unsafe_code, reason = "called in the innermost loop")]
    unsafe fn add_unchecked(&self, counts: &mut [Self::Count], at: usize, row: Self::Increment);
    /// The increment, or one that adds nothing.
    fn masked(row: Self::Increment, is_kept: bool) -> Self::Increment;
    /// Adds a row to a tally.
    fn add(&self, tally: &mut [Self::Count], row: Self::Increment);
    /// The number of draws; of rows with sample weights, the number of rows.
    fn draws(&self, tally: &[Self::Count]) -> u32;
    /// The number of distinct rows; the number of draws in a layout that does
    /// not count rows.
    fn rows(&self, tally: &[Self::Count]) -> u32;
    /// The weight: the sum of the draws' class weights, or of sample weights in
    /// fixed point.
    fn weight(&self, tally: &[Self::Count]) -> f64;
    /// The purity: the weight times (a constant minus the impurity), in the
    /// units of the layout. The best split has the greatest sum of purities.
    fn purity(&self, tally: &[Self::Count]) -> f64;
    /// The sum of the purities of `left` and of `total - left`.
    fn split_purity(&self, left: &[Self::Count], total: &[Self::Count]) -> f64;
    /// The weights of `left` and of `total - left`.
    fn split_weights(&self, left: &[Self::Count], total: &[Self::Count]) -> (f64, f64);
    /// What no sum of purities of parts of a node exceeds.
    fn greatest_purity(&self, tally: &[Self::Count]) -> f64;
    /// Whether a node may be impure, as far as its tally tells.
    fn may_be_impure(&self, tally: &[Self::Count]) -> bool;
    /// The purity that a split into two random parts is expected to gain, if
    /// every row weighs 1 and the feature has no relation to the target.
    /// `variance` is [`Self::variance`] of the node's rows.
    fn noise_gain(&self, tally: &[Self::Count], variance: f64) -> f64;
    /// Whether both tallies are of the same single class. A layout may always
    /// return `false`.
    fn is_same_pure_class(&self, a: &[Self::Count], b: &[Self::Count]) -> bool;
    /// Appends the predicted values: for two classes the proportion of class 1,
    /// for more that of each class, for numbers the predicted number.
    fn push_values(&self, tally: &[Self::Count], values: &mut Vec<f64>);
    /// Sorts codes so that the best two-way partition of them is, or is likely
    /// to be, a prefix and the rest. `node` is the tally of all rows.
    fn sort_codes(&self, codes: &mut [u8], histogram: &[Self::Count], node: &[Self::Count]);
    /// Whether the sorted rows of a node of this tally give the same splits as
    /// its histograms, bit for bit or because all such nodes are sorted.
    fn may_sort(&self, tally: &[Self::Count]) -> bool;

    /// Whether [`Self::search_integers`] searches nodes of this tally.
    fn has_integers(&self, _tally: &[Self::Count]) -> bool {
        false
    }
    /// The best split of a feature that meets `limits`, from integer sums over
    /// sorted rows. There is more than one code. `sides` is a buffer.
    fn search_integers(
        &self,
        _runs: Runs<'_, Self::Payload>,
        _sides: &mut Vec<[u32; 2]>,
        _total: &[Self::Count],
        _limits: LeafLimits,
    ) -> Option<Place> {
        None
    }
    /// A decrease of purity by weight in the unit of `min_impurity_decrease`.
    fn scale_decrease(&self, decrease: f64) -> f64 {
        decrease
    }
    /// Whether all rows have the same number for a target.
    fn is_pure(_rows: impl Iterator<Item = Self::Payload>) -> bool {
        false
    }
    /// The variance of the target, for [`Self::noise_gain`].
    fn variance(&self, _rows: impl Iterator<Item = Self::Payload>) -> f64 {
        0.0
    }
    /// [`Self::purity`] by rows, whose order may change.
    fn purity_of_rows(&self, _rows: &mut [Self::Payload]) -> f64 {
        0.0
    }
    /// The predicted number by rows, whose order may change.
    fn value_of_rows(&self, _rows: &mut [Self::Payload]) -> f64 {
        0.0
    }
    /// [`Self::split_purity`] by rows, for the split after each of `runs` but
    /// the last.
    fn split_purities(&mut self, _runs: &[&[Self::Payload]], _purities: &mut Vec<f64>) {}
    /// What runs are sorted by, so that a good two-way partition of them is a
    /// prefix and the rest. May change the order of `rows`.
    fn sort_key_of_rows(&self, _rows: &mut [Self::Payload]) -> i64 {
        0
    }
}

/// Adds tally `from` to tally `into`.
#[inline]
pub(crate) fn add<W: Count>(into: &mut [W], from: &[W]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

/// Subtracts tally `from` from tally `into`.
#[inline]
pub(crate) fn subtract<W: Count>(into: &mut [W], from: &[W]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into -= from;
    }
}

/// Copies tally `from` to tally `into`. Most tallies have one element, for
/// which `copy_from_slice` would be a function call in WebAssembly.
#[inline]
pub(crate) fn copy<W: Count>(into: &mut [W], from: &[W]) {
    match (into, from) {
        ([into], &[from]) => *into = from,
        (into, from) => into.copy_from_slice(from),
    }
}

/// Sets a tally to zero.
#[inline]
pub(crate) fn clear<W: Count>(tally: &mut [W]) {
    match tally {
        [count] => *count = W::default(),
        counts => counts.fill(W::default()),
    }
}
