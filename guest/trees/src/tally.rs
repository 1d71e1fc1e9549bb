//! [`TallyLayout`]: how rows are counted by class. Counts are integers, so
//! that sums do not depend on the order of the rows; class weights are applied
//! when a split is evaluated.
//!
//! A *tally* is a slice of [`TallyLayout::stride`] counts for a group of rows.
//! A *histogram* is one tally per code of a feature.

use std::fmt::Debug;
use std::ops::{AddAssign, SubAssign};

use crate::criterion::Criterion;

/// An element of a tally.
pub(crate) trait Count:
    Copy + Debug + Default + PartialEq + AddAssign + SubAssign + 'static
{
}
impl Count for u32 {}
impl Count for u64 {}

/// How a tally is stored. *Draws* are the rows with their multiplicity in a
/// bootstrap sample, *rows* the distinct rows.
///
/// # Safety
/// [`Self::stride`] and [`Self::classes`] return the same numbers throughout
/// the life of a layout. For an increment that is `unpack(pack(weight, class))`
/// with `class < classes()`, [`Self::add_unchecked`] accesses no elements but
/// `at..at + stride()`.
#[expect(unsafe_code, reason = "the histogram loop relies on it unchecked")]
pub(crate) unsafe trait TallyLayout: 'static {
    /// The elements of a tally.
    type Count: Count;
    /// What one row adds to a tally.
    type Increment: Copy;

    /// The greatest number of draws of one row.
    const MAX_DRAWS: u16;

    /// Sets the weight of each class; all are 1 before the first call.
    fn set_class_weights(&mut self, weights: &[f64]);
    /// The number of classes.
    fn classes(&self) -> usize;
    /// Whether every class has weight 1.
    fn is_unweighted(&self) -> bool;
    /// The number of draws of each class.
    fn draws_by_class(&self, tally: &[Self::Count]) -> impl Iterator<Item = u32>;
    /// The number of draws and the class in a payload.
    fn parts(payload: u32) -> (u32, u32);
    /// The number of elements of a tally.
    fn stride(&self) -> usize;
    /// The payload of a row of class `class` that was drawn `draws` times.
    fn pack(draws: u16, class: u16) -> u32;
    /// The increment of a payload.
    fn unpack(payload: u32) -> Self::Increment;
    /// Adds a row to the tally `counts[at..at + stride()]`.
    ///
    /// # Safety
    /// `at + stride()` is at most `counts.len()`, and `row` is
    /// `unpack(pack(draws, class))` of some `class < classes()`.
    #[expect(unsafe_code, reason = "called in the innermost loop")]
    unsafe fn add_unchecked(&self, counts: &mut [Self::Count], at: usize, row: Self::Increment);
    /// The increment, or one that adds nothing.
    fn masked(row: Self::Increment, is_kept: bool) -> Self::Increment;
    /// Adds a row to a tally.
    fn add(&self, tally: &mut [Self::Count], row: Self::Increment);
    /// The number of draws.
    fn draws(&self, tally: &[Self::Count]) -> u32;
    /// The number of distinct rows; the number of draws in a layout that does
    /// not count rows.
    fn rows(&self, tally: &[Self::Count]) -> u32;
    /// The sum of the draws' class weights.
    fn weight(&self, tally: &[Self::Count]) -> f64;
    /// The [`Criterion`]'s purity.
    fn purity<C: Criterion>(&self, tally: &[Self::Count]) -> f64;
    /// The sum of the purities of `left` and of `total - left`.
    fn split_purity<C: Criterion>(&self, left: &[Self::Count], total: &[Self::Count]) -> f64;
    /// The weights of `left` and of `total - left`.
    fn split_weights(&self, left: &[Self::Count], total: &[Self::Count]) -> (f64, f64);
    /// [`Criterion::noise_gain`] for the class proportions and weights of a
    /// tally.
    fn noise_gain<C: Criterion>(&self, tally: &[Self::Count]) -> f64;
    /// Whether both tallies are of the same single class. A layout may always
    /// return `false`.
    fn is_same_pure_class(&self, a: &[Self::Count], b: &[Self::Count]) -> bool;
    /// Appends the class proportions: of class 1 for two classes, else of each
    /// class.
    fn push_proportions(&self, tally: &[Self::Count], proportions: &mut Vec<f64>);
    /// Sorts codes so that the best two-way partition of them is, or is likely
    /// to be, a prefix and the rest. `node` is the tally of all rows.
    fn sort_codes(&self, codes: &mut [u8], histogram: &[Self::Count], node: &[Self::Count]);
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

/// [`Criterion::noise_gain`] of one class of weight `class_weight` and share
/// `share` against the other classes, of mean weight `other_weight`: the
/// variance of a sum of weights grows with their squares.
pub(crate) fn weighted_noise_gain<C: Criterion>(
    share: f64,
    class_weight: f64,
    other_weight: f64,
) -> f64 {
    C::noise_gain(share) * ((1.0 - share) * class_weight + share * other_weight)
}
