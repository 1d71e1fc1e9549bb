//! [`Layout`]: how the rows of a bin are counted by class, and the loop that
//! counts them. Counts are whole numbers, so that sums never depend on the
//! order of the rows; class weights come in when a split is judged.
//!
//! A *tally* is a slice of [`Layout::stride`] words: the counts of some rows.
//! A *histogram* is one tally a bin.

use std::fmt::Debug;
use std::ops::{AddAssign, SubAssign};

use crate::criterion::Criterion;
use crate::rows::{Entry, in_chunks};

/// What counts are kept in.
pub(crate) trait Word:
    Copy + Debug + Default + PartialEq + AddAssign + SubAssign + 'static
{
}
impl Word for u32 {}
impl Word for u64 {}

/// How a tally stands in words. *Weight* is the number of times that rows
/// were drawn, *rows* the number of different rows.
pub(crate) trait Layout: 'static {
    /// The words of a tally.
    type Word: Word;
    /// What one row adds to a tally.
    type Add: Copy;

    /// The most often that a row may be drawn.
    const MOST: u16;

    /// Gives every class a weight; 1 before that.
    fn weigh_classes(&mut self, weights: &[f64]);
    /// How many classes there are.
    fn classes(&self) -> usize;
    /// Whether every class has weight 1.
    fn is_unweighted(&self) -> bool;
    /// How often the rows of each class were drawn.
    fn draws_by_class(&self, tally: &[Self::Word]) -> impl Iterator<Item = u32>;
    /// How often an entry's row was drawn, and its class.
    fn parts(payload: u32) -> (u32, u32);
    /// How many words a tally has.
    fn stride(&self) -> usize;
    /// What an entry carries of a row that was drawn `weight` times.
    fn pack(weight: u16, class: u16) -> u32;
    /// The same, ready to be added.
    fn unpack(payload: u32) -> Self::Add;
    /// Adds a row to the tally that starts at word `at`.
    ///
    /// # Safety
    /// `at + stride` is at most the histogram's length, and the row's class
    /// is less than the number of classes.
    #[expect(unsafe_code, reason = "called in the innermost loop")]
    unsafe fn add_unchecked(&self, histogram: &mut [Self::Word], at: usize, row: Self::Add);
    /// Adds a row to a tally.
    fn add_row(&self, tally: &mut [Self::Word], row: Self::Add);
    /// How often the rows were drawn.
    fn drawn(&self, tally: &[Self::Word]) -> u32;
    /// How many different rows there are; how often they were drawn where
    /// rows are not counted.
    fn rows(&self, tally: &[Self::Word]) -> u32;
    /// The sum of the class weights of the rows.
    fn weight(&self, tally: &[Self::Word]) -> f64;
    /// [`Criterion`]'s purity of the rows.
    fn purity<C: Criterion>(&self, tally: &[Self::Word]) -> f64;
    /// The purity of the rows in `left` and of the other rows of `total`.
    fn purities<C: Criterion>(&self, left: &[Self::Word], total: &[Self::Word]) -> f64;
    /// The weights in `left` and in the rest of `total`.
    fn weights(&self, left: &[Self::Word], total: &[Self::Word]) -> (f64, f64);
    /// [`Criterion::chance`] for the rows' classes, with their weights.
    fn chance<C: Criterion>(&self, tally: &[Self::Word]) -> f64;
    /// Whether both tallies hold rows of one class alone, the same. `false`
    /// is always a good answer.
    fn alike(&self, a: &[Self::Word], b: &[Self::Word]) -> bool;
    /// Appends the class proportions: of class 1 for two classes, else of each.
    fn proportions(&self, tally: &[Self::Word], values: &mut Vec<f64>);
    /// Sorts `bins` so that the best subset of them is likely to be a prefix.
    fn sort_bins(&self, bins: &mut [u8], histogram: &[Self::Word], node: &[Self::Word]);
}

/// Adds the tally `from` to `into`.
#[inline]
pub(crate) fn add<W: Word>(into: &mut [W], from: &[W]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

/// Takes the tally `from` off `into`.
#[inline]
pub(crate) fn subtract<W: Word>(into: &mut [W], from: &[W]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into -= from;
    }
}

/// Copies the tally `from` to `into`. Most tallies are one word, for which the
/// general way would be a call out of the sandbox.
#[inline]
pub(crate) fn copy<W: Word>(into: &mut [W], from: &[W]) {
    match (into, from) {
        ([into], &[from]) => *into = from,
        (into, from) => into.copy_from_slice(from),
    }
}

/// Empties a tally.
#[inline]
pub(crate) fn clear<W: Word>(tally: &mut [W]) {
    match tally {
        [word] => *word = W::default(),
        words => words.fill(W::default()),
    }
}

/// Two classes in one word: drawn in the low bits, of these of class 1 in
/// the middle, and, if `ROWS`, the number of rows in the high bits. An entry
/// carries the lower half of what its row adds, so that little is left to do
/// in the innermost loop; most rows of most tables are counted by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binary<const ROWS: bool> {
    class_weights: [f64; 2],
}

impl<const ROWS: bool> Binary<ROWS> {
    const SHIFT: u32 = if ROWS { 21 } else { 24 };
    const MASK: u64 = (1 << Self::SHIFT) - 1;

    /// The most draws that a tally can hold.
    const CAPACITY: u64 = Self::MASK;

    /// The most often that a row may be expected to be drawn, for it to be
    /// drawn more than [`Layout::MOST`] times as good as never: of a Poisson
    /// variable of this mean, the chance is below 10^-70.
    const OFTEN: f64 = 64.0;

    /// Whether `draws` rows can be counted, of which each is expected to be
    /// drawn at most `often` times.
    pub(crate) fn can_count(draws: u64, often: f64) -> bool {
        draws <= Self::CAPACITY && often <= Self::OFTEN
    }

    /// Tallies of two classes.
    pub(crate) fn new() -> Self {
        Self {
            class_weights: [1.0; 2],
        }
    }

    #[inline]
    fn drawn_and_positive(word: u64) -> (u64, u64) {
        (word & Self::MASK, (word >> Self::SHIFT) & Self::MASK)
    }

    #[inline]
    fn class_weights_of(&self, word: u64) -> (f64, f64) {
        let (drawn, positive) = Self::drawn_and_positive(word);
        (
            (drawn - positive) as u32 as f64 * self.class_weights[0],
            positive as u32 as f64 * self.class_weights[1],
        )
    }
}

impl<const ROWS: bool> Layout for Binary<ROWS> {
    type Word = u64;
    type Add = u64;

    const MOST: u16 = (1 << (32 - Self::SHIFT)) - 1;

    fn weigh_classes(&mut self, weights: &[f64]) {
        self.class_weights = [weights[0], weights[1]];
    }

    fn classes(&self) -> usize {
        2
    }

    fn is_unweighted(&self) -> bool {
        self.class_weights == [1.0; 2]
    }

    fn draws_by_class(&self, tally: &[u64]) -> impl Iterator<Item = u32> {
        let (drawn, positive) = Self::drawn_and_positive(tally[0]);
        [(drawn - positive) as u32, positive as u32].into_iter()
    }

    #[inline]
    fn parts(payload: u32) -> (u32, u32) {
        (
            payload & Self::MASK as u32,
            u32::from(payload >> Self::SHIFT != 0),
        )
    }

    #[inline]
    fn stride(&self) -> usize {
        1
    }

    fn pack(weight: u16, class: u16) -> u32 {
        let drawn = u32::from(weight);
        drawn | if class == 0 { 0 } else { drawn << Self::SHIFT }
    }

    #[inline]
    fn unpack(payload: u32) -> u64 {
        u64::from(payload) | if ROWS { 1 << 42 } else { 0 }
    }

    #[inline]
    #[expect(unsafe_code, reason = "called in the innermost loop")]
    unsafe fn add_unchecked(&self, histogram: &mut [u64], at: usize, row: u64) {
        // SAFETY: the caller's promise.
        unsafe { *histogram.get_unchecked_mut(at) += row };
    }

    #[inline]
    fn add_row(&self, tally: &mut [u64], row: u64) {
        tally[0] += row;
    }

    #[inline]
    fn drawn(&self, tally: &[u64]) -> u32 {
        (tally[0] & Self::MASK) as u32
    }

    #[inline]
    fn rows(&self, tally: &[u64]) -> u32 {
        if ROWS {
            (tally[0] >> 42) as u32
        } else {
            self.drawn(tally)
        }
    }

    #[inline]
    fn weight(&self, tally: &[u64]) -> f64 {
        let (a, b) = self.class_weights_of(tally[0]);
        a + b
    }

    #[inline]
    fn purity<C: Criterion>(&self, tally: &[u64]) -> f64 {
        let (a, b) = self.class_weights_of(tally[0]);
        C::binary(a, b)
    }

    #[inline]
    fn purities<C: Criterion>(&self, left: &[u64], total: &[u64]) -> f64 {
        let (a, b) = self.class_weights_of(left[0]);
        let (c, d) = self.class_weights_of(total[0] - left[0]);
        C::binary(a, b) + C::binary(c, d)
    }

    #[inline]
    fn weights(&self, left: &[u64], total: &[u64]) -> (f64, f64) {
        let (a, b) = self.class_weights_of(left[0]);
        let (c, d) = self.class_weights_of(total[0] - left[0]);
        (a + b, c + d)
    }

    fn chance<C: Criterion>(&self, tally: &[u64]) -> f64 {
        let (a, b) = self.class_weights_of(tally[0]);
        let share = b / (a + b);
        chance::<C>(share, self.class_weights[1], self.class_weights[0])
    }

    #[inline]
    fn alike(&self, a: &[u64], b: &[u64]) -> bool {
        let (drawn_a, positive_a) = Self::drawn_and_positive(a[0]);
        let (drawn_b, positive_b) = Self::drawn_and_positive(b[0]);
        (positive_a | positive_b) == 0 || (drawn_a == positive_a && drawn_b == positive_b)
    }

    fn proportions(&self, tally: &[u64], values: &mut Vec<f64>) {
        let (a, b) = self.class_weights_of(tally[0]);
        values.push(b / (a + b));
    }

    fn sort_bins(&self, bins: &mut [u8], histogram: &[u64], _node: &[u64]) {
        let mut keys = [0_u64; 256];
        let keys = &mut keys[..bins.len()];
        for (key, &bin) in keys.iter_mut().zip(bins.iter()) {
            let (a, b) = self.class_weights_of(histogram[usize::from(bin)]);
            *key = ranked(b / (a + b), bin);
        }
        keys.sort_unstable();
        for (bin, &key) in bins.iter_mut().zip(keys.iter()) {
            *bin = key as u8;
        }
    }
}

/// [`Criterion::chance`] where rows of the class and others have weights: the
/// variance of a sum of weights grows with their squares.
fn chance<C: Criterion>(share: f64, class_weight: f64, other_weight: f64) -> f64 {
    C::chance(share) * ((1.0 - share) * class_weight + share * other_weight)
}

/// A sort key: by a number in 0..=1, in steps of 2^-52, then by bin.
fn ranked(number: f64, bin: u8) -> u64 {
    (((number * (1_u64 << 52) as f64) as u64) << 8) | u64::from(bin)
}

/// Any number of classes: a word a class, and one more for the number of
/// rows where rows are counted.
#[derive(Clone, Debug)]
pub(crate) struct Many {
    class_weights: Vec<f64>,
    count_rows: bool,
}

impl Many {
    /// The most draws that a tally can hold.
    pub(crate) const CAPACITY: u64 = u32::MAX as u64;

    /// Tallies of `classes` classes, with or without a count of rows.
    pub(crate) fn new(classes: usize, count_rows: bool) -> Self {
        Self {
            class_weights: vec![1.0; classes],
            count_rows,
        }
    }

    #[inline]
    fn class_weights_of<'a>(&'a self, tally: &'a [u32]) -> impl Iterator<Item = f64> + 'a {
        tally
            .iter()
            .zip(&self.class_weights)
            .map(|(&count, weight)| f64::from(count) * weight)
    }

    #[inline]
    fn class_weights_of_rest<'a>(
        &'a self,
        left: &'a [u32],
        total: &'a [u32],
    ) -> impl Iterator<Item = f64> + 'a {
        total
            .iter()
            .zip(left)
            .zip(&self.class_weights)
            .map(|((&total, &left), weight)| f64::from(total - left) * weight)
    }
}

impl Layout for Many {
    type Word = u32;
    type Add = (u32, u32);

    const MOST: u16 = u16::MAX;

    fn weigh_classes(&mut self, weights: &[f64]) {
        self.class_weights.copy_from_slice(weights);
    }

    fn classes(&self) -> usize {
        self.class_weights.len()
    }

    fn is_unweighted(&self) -> bool {
        self.class_weights.iter().all(|&weight| weight == 1.0)
    }

    fn draws_by_class(&self, tally: &[u32]) -> impl Iterator<Item = u32> {
        tally[..self.class_weights.len()].iter().copied()
    }

    #[inline]
    fn parts(payload: u32) -> (u32, u32) {
        (payload & 0xffff, payload >> 16)
    }

    #[inline]
    fn stride(&self) -> usize {
        self.class_weights.len() + usize::from(self.count_rows)
    }

    fn pack(weight: u16, class: u16) -> u32 {
        u32::from(weight) | (u32::from(class) << 16)
    }

    #[inline]
    fn unpack(payload: u32) -> (u32, u32) {
        (payload & 0xffff, payload >> 16)
    }

    #[inline]
    #[expect(unsafe_code, reason = "called in the innermost loop")]
    unsafe fn add_unchecked(&self, histogram: &mut [u32], at: usize, (weight, class): (u32, u32)) {
        // SAFETY: the caller's promise; the count of rows is the tally's last word.
        unsafe {
            *histogram.get_unchecked_mut(at + class as usize) += weight;
            if self.count_rows {
                *histogram.get_unchecked_mut(at + self.class_weights.len()) += 1;
            }
        }
    }

    #[inline]
    fn add_row(&self, tally: &mut [u32], (weight, class): (u32, u32)) {
        tally[class as usize] += weight;
        if self.count_rows {
            tally[self.class_weights.len()] += 1;
        }
    }

    #[inline]
    fn drawn(&self, tally: &[u32]) -> u32 {
        tally[..self.class_weights.len()].iter().sum()
    }

    #[inline]
    fn rows(&self, tally: &[u32]) -> u32 {
        if self.count_rows {
            tally[self.class_weights.len()]
        } else {
            self.drawn(tally)
        }
    }

    #[inline]
    fn weight(&self, tally: &[u32]) -> f64 {
        self.class_weights_of(tally).sum()
    }

    #[inline]
    fn purity<C: Criterion>(&self, tally: &[u32]) -> f64 {
        C::many(self.weight(tally), self.class_weights_of(tally))
    }

    #[inline]
    fn purities<C: Criterion>(&self, left: &[u32], total: &[u32]) -> f64 {
        let (a, b) = self.weights(left, total);
        C::many(a, self.class_weights_of(left))
            + C::many(b, self.class_weights_of_rest(left, total))
    }

    #[inline]
    fn weights(&self, left: &[u32], total: &[u32]) -> (f64, f64) {
        (
            self.class_weights_of(left).sum(),
            self.class_weights_of_rest(left, total).sum(),
        )
    }

    /// That of the class with the greatest: the variance along the best axis
    /// between classes is at most so great (Gershgorin's bound).
    fn chance<C: Criterion>(&self, tally: &[u32]) -> f64 {
        let weight = self.weight(tally);
        let shares = || self.class_weights_of(tally).map(|class| class / weight);
        let mean: f64 = shares()
            .zip(&self.class_weights)
            .map(|(share, weight)| share * weight)
            .sum();
        shares()
            .zip(&self.class_weights)
            .filter(|&(share, _)| share > 0.0 && share < 1.0)
            .map(|(share, &class)| {
                chance::<C>(share, class, (mean - share * class) / (1.0 - share))
            })
            .fold(0.0, f64::max)
    }

    #[inline]
    fn alike(&self, _a: &[u32], _b: &[u32]) -> bool {
        false
    }

    fn proportions(&self, tally: &[u32], values: &mut Vec<f64>) {
        let weight = self.weight(tally);
        let first = usize::from(self.class_weights.len() == 2);
        values.extend(
            self.class_weights_of(tally)
                .skip(first)
                .map(|class| class / weight),
        );
    }

    /// Sorts by the first principal component of the bins' class proportions
    /// (Coppersmith, Hong, Hosking: Partitioning nominal attributes in
    /// decision trees, 1999), found by a fixed number of power iterations.
    fn sort_bins(&self, bins: &mut [u8], histogram: &[u32], node: &[u32]) {
        const ITERATIONS: usize = 12;
        let classes = self.class_weights.len();
        let stride = self.stride();
        let node_weight = self.weight(node);
        let mean: Vec<f64> = self
            .class_weights_of(node)
            .map(|class| class / node_weight)
            .collect();
        let mut weights = Vec::with_capacity(bins.len());
        let mut deviations = Vec::with_capacity(bins.len() * classes);
        for &bin in bins.iter() {
            let tally = &histogram[usize::from(bin) * stride..][..stride];
            let weight = self.weight(tally);
            weights.push(weight);
            deviations.extend(
                self.class_weights_of(tally)
                    .zip(&mean)
                    .map(|(class, mean)| class / weight - mean),
            );
        }
        let spread = |index: usize| {
            let row = &deviations[index * classes..][..classes];
            weights[index]
                * row
                    .iter()
                    .map(|deviation| deviation * deviation)
                    .sum::<f64>()
        };
        let farthest = (0..bins.len()).max_by(|&a, &b| spread(a).total_cmp(&spread(b)));
        let Some(farthest) = farthest else { return };
        let mut axis = deviations[farthest * classes..][..classes].to_vec();
        let mut next = vec![0.0; classes];
        for _ in 0..ITERATIONS {
            next.fill(0.0);
            for (row, weight) in deviations.chunks_exact(classes).zip(&weights) {
                let along = weight * dot(row, &axis);
                for (next, deviation) in next.iter_mut().zip(row) {
                    *next += along * deviation;
                }
            }
            let length = dot(&next, &next).sqrt();
            if length == 0.0 {
                break;
            }
            for (axis, next) in axis.iter_mut().zip(&next) {
                *axis = next / length;
            }
        }
        let mut order: Vec<(f64, u8)> = bins
            .iter()
            .zip(deviations.chunks_exact(classes))
            .map(|(&bin, row)| (dot(row, &axis), bin))
            .collect();
        order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        for (bin, (_, sorted)) in bins.iter_mut().zip(order) {
            *bin = sorted;
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Counts `entries` into `FEATURES` histograms at once: their sums do not
/// wait for each other. Histogram `f` starts at word `starts[f]`.
///
/// Never a part of its caller, for the reason that [`crate::rows::partition`]
/// gives.
#[inline(never)]
#[expect(
    unsafe_code,
    reason = "the innermost loop: bounds checks cost a third of it"
)]
pub(crate) fn fill<L: Layout, const FEATURES: usize>(
    layout: &L,
    entries: &[Entry],
    columns: [&[u8]; FEATURES],
    starts: [usize; FEATURES],
    histogram: &mut [L::Word],
) {
    let stride = layout.stride();
    for start in starts {
        assert!(
            start + 256 * stride <= histogram.len(),
            "a histogram out of its buffer"
        );
    }
    in_chunks(entries, |entry| {
        let row = L::unpack(entry.payload());
        for feature in 0..FEATURES {
            // SAFETY: an entry's row is one of the dataset (`Rows` checked it
            // on the way in) and a column has a code for each; a code is less
            // than 256, so that its tally is in the histogram.
            unsafe {
                let code = *columns[feature].get_unchecked(entry.row());
                let at = starts[feature] + usize::from(code) * stride;
                layout.add_unchecked(histogram, at, row);
            }
        }
    });
}

/// [`fill`] for a few entries of one feature, noting which bins they are in.
pub(crate) fn fill_few<L: Layout>(
    layout: &L,
    entries: &[Entry],
    column: &[u8],
    histogram: &mut [L::Word],
) -> [u64; 4] {
    let stride = layout.stride();
    let mut present = [0_u64; 4];
    for entry in entries {
        let code = usize::from(column[entry.row()]);
        let tally = &mut histogram[code * stride..][..stride];
        layout.add_row(tally, L::unpack(entry.payload()));
        present[code >> 6] |= 1 << (code & 63);
    }
    present
}
