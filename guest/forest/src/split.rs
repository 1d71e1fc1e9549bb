//! [`Best`]: the best split of a node found so far, and the search of one
//! feature's histogram for a better one. It sees counts, never rows.

use crate::bins::{Coding, Column};
use crate::criterion::Criterion;
use crate::histogram::{Layout, Word, add, clear, copy};
use crate::random::{Draws, Key};
use crate::sorted::Sorted;
use crate::tree::{CodeSet, contains, insert};

/// What either side of a split must have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Least {
    /// Rows.
    pub(crate) rows: u32,
    /// The sum of their class weights.
    pub(crate) weight: f64,
}

impl Least {
    /// Whether any row is enough.
    pub(crate) fn is_met_by_all(self) -> bool {
        self.rows <= 1 && self.weight <= 0.0
    }

    fn is_met<L: Layout>(self, layout: &L, left: &[L::Word], total: &[L::Word]) -> bool {
        let rows = layout.rows(left);
        let (a, b) = layout.weights(left, total);
        rows >= self.rows
            && layout.rows(total) - rows >= self.rows
            && a >= self.weight
            && b >= self.weight
    }
}

/// Which codes go left, before it has a place in a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cut {
    /// See [`crate::tree::Test::UpTo`].
    UpTo {
        /// The last code that goes left.
        cut: u8,
        /// Where missing values go; `None` where the node had none.
        missing_left: Option<bool>,
    },
    /// See [`crate::tree::Test::In`].
    In {
        /// The codes that go left.
        left: CodeSet,
        /// The codes that the node had.
        present: CodeSet,
    },
}

/// The best split found so far.
#[derive(Clone, Debug)]
pub(crate) struct Best<W> {
    /// The sum of both sides' purities, less the feature's handicap; minus
    /// infinity before any split.
    pub(crate) score: f64,
    /// The sum of both sides' purities.
    pub(crate) purity: f64,
    /// The feature.
    pub(crate) feature: usize,
    /// Which codes go left.
    pub(crate) cut: Cut,
    /// The tally of the rows that go left.
    pub(crate) left: Vec<W>,
}

impl<W: Word> Best<W> {
    /// Nothing found yet.
    pub(crate) fn new(stride: usize) -> Self {
        Self {
            score: f64::NEG_INFINITY,
            purity: f64::NEG_INFINITY,
            feature: 0,
            cut: Cut::UpTo {
                cut: 0,
                missing_left: None,
            },
            left: vec![W::default(); stride],
        }
    }

    /// Forgets what was found.
    pub(crate) fn clear(&mut self) {
        self.score = f64::NEG_INFINITY;
    }

    /// Whether a split was found.
    pub(crate) fn is_some(&self) -> bool {
        self.score > f64::NEG_INFINITY
    }
}

/// The codes that rows of a node have of one feature.
#[derive(Debug)]
pub(crate) struct Present {
    list: [u8; 256],
    number: usize,
    /// Whether some rows miss a value. Their code is not in the list.
    pub(crate) has_missing: bool,
}

impl Present {
    /// None.
    pub(crate) const NONE: Self = Self {
        list: [0; 256],
        number: 0,
        has_missing: false,
    };

    /// Notes those with rows in a histogram of `codes` tallies, the last of
    /// them for missing values.
    pub(crate) fn note_histogram<W: Word>(&mut self, histogram: &[W], codes: usize) {
        let stride = histogram.len() / codes;
        self.number = 0;
        let is_empty = |tally: &[W]| tally.iter().all(|&word| word == W::default());
        let mut see = |code: usize, tally: &[W]| {
            // Written always and kept if occupied: no branch to mispredict.
            self.list[self.number & 255] = code as u8;
            self.number += usize::from(!is_empty(tally));
        };
        let values = &histogram[..(codes - 1) * stride];
        if stride == 1 {
            // In chunks for the reason that `in_chunks` gives.
            let (chunks, rest) = values.as_chunks::<8>();
            for (index, chunk) in chunks.iter().enumerate() {
                for (at, word) in chunk.iter().enumerate() {
                    see(index * 8 + at, std::slice::from_ref(word));
                }
            }
            for (at, word) in rest.iter().enumerate() {
                see(chunks.len() * 8 + at, std::slice::from_ref(word));
            }
        } else {
            for (code, tally) in values.chunks_exact(stride).enumerate() {
                see(code, tally);
            }
        }
        self.has_missing = !is_empty(&histogram[(codes - 1) * stride..]);
    }

    /// Notes those of a set.
    pub(crate) fn note_set(&mut self, mut set: CodeSet, missing: u8) {
        self.number = 0;
        self.has_missing = contains(&set, missing);
        set[usize::from(missing >> 6)] &= !(1 << (missing & 63));
        for (index, mut word) in set.into_iter().enumerate() {
            while word != 0 {
                self.list[self.number & 255] = (index * 64) as u8 + word.trailing_zeros() as u8;
                self.number += 1;
                word &= word - 1;
            }
        }
    }

    /// The codes, ascending, without that of missing values.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.list[..self.number]
    }
}

/// A feature's histogram at a node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature<'a, W> {
    /// The feature's index.
    pub(crate) index: usize,
    /// The feature's meaning.
    pub(crate) column: &'a Column,
    /// A tally a code.
    pub(crate) histogram: &'a [W],
    /// The codes with rows in them, without that of missing values.
    pub(crate) codes: &'a [u8],
    /// Whether the node has missing values.
    pub(crate) has_missing: bool,
}

impl<W: Word> Feature<'_, W> {
    fn tally(&self, code: u8, stride: usize) -> &[W] {
        &self.histogram[usize::from(code) * stride..][..stride]
    }

    /// Whether all rows have the same code, so that nothing can be split.
    fn is_constant(&self) -> bool {
        self.codes.is_empty() || (self.codes.len() == 1 && !self.has_missing)
    }
}

/// The search of a node's features for its best split.
#[derive(Debug)]
pub(crate) struct Search<L: Layout> {
    /// How rows are counted.
    pub(crate) layout: L,
    /// What either side must have.
    pub(crate) least: Least,
    /// By how much drawing rows more than once adds to chance: the mean of
    /// the squares of a row's draws over that of its draws.
    pub(crate) noise: f64,
    /// The best split found so far.
    pub(crate) best: Best<L::Word>,
    left: Vec<L::Word>,
}

impl<L: Layout> Search<L> {
    /// A search that has found nothing.
    pub(crate) fn new(layout: L) -> Self {
        let stride = layout.stride();
        Self {
            least: Least {
                rows: 0,
                weight: 0.0,
            },
            noise: 1.0,
            best: Best::new(stride),
            left: vec![L::Word::default(); stride],
            layout,
        }
    }

    /// Looks for a better split by one feature: among all, or at one random
    /// split if there is a key to draw it by. Returns whether there are any.
    pub(crate) fn look<C: Criterion>(
        &mut self,
        feature: Feature<'_, L::Word>,
        total: &[L::Word],
        guess: Option<Key>,
    ) -> bool {
        if feature.is_constant() {
            return false;
        }
        match guess {
            None => self.exhaust::<C>(feature, total),
            Some(key) => self.guess::<C>(feature, total, key),
        }
        true
    }

    /// The same for a number of a node whose rows can be sorted: among all
    /// splits.
    pub(crate) fn look_at_sorted<C: Criterion>(
        &mut self,
        index: usize,
        column: &Column,
        sorted: &mut Sorted,
        total: &[L::Word],
    ) {
        let missing = column.coding.missing();
        let draws = self.layout.draws_by_class(total);
        let Some(place) = sorted.search::<L, C>(missing, draws, self.least) else {
            return;
        };
        clear(&mut self.left);
        for payload in sorted.left(place) {
            self.layout.add_row(&mut self.left, L::unpack(payload));
        }
        let purity = self.layout.purities::<C>(&self.left, total);
        if purity > self.best.score {
            let (codes, has_missing) = sorted.codes(missing);
            self.best.score = purity;
            self.best.purity = purity;
            self.best.feature = index;
            copy(&mut self.best.left, &self.left);
            self.best.cut = Cut::UpTo {
                cut: number_cut(column, codes, place.at),
                missing_left: has_missing.then_some(place.missing_left),
            };
        }
    }

    fn exhaust<C: Criterion>(&mut self, feature: Feature<'_, L::Word>, total: &[L::Word]) {
        match &feature.column.coding {
            Coding::Number { .. } => {
                let missing = feature.column.coding.missing();
                let last = feature.codes.len() - 1;
                // Missing values right: also the split that parts them from all others.
                let end = if feature.has_missing { last + 1 } else { last };
                clear(&mut self.left);
                if let Some(at) = self.sweep::<C>(feature, end, total, 0.0) {
                    self.best.cut = Cut::UpTo {
                        cut: number_cut(feature.column, feature.codes, at),
                        missing_left: feature.has_missing.then_some(false),
                    };
                }
                if feature.has_missing {
                    let stride = self.layout.stride();
                    copy(&mut self.left, feature.tally(missing, stride));
                    if let Some(at) = self.sweep::<C>(feature, last, total, 0.0) {
                        self.best.cut = Cut::UpTo {
                            cut: number_cut(feature.column, feature.codes, at),
                            missing_left: Some(true),
                        };
                    }
                }
            }
            Coding::Category { .. } => {
                let mut codes = [0_u8; 256];
                let (codes, present) = all_codes(&feature, &mut codes);
                self.layout.sort_bins(codes, feature.histogram, total);
                let sorted = Feature {
                    codes,
                    has_missing: false,
                    ..feature
                };
                let chance = self.noise * self.layout.chance::<C>(total);
                let handicap = chance * by_chance(sorted.codes.len());
                clear(&mut self.left);
                if let Some(at) = self.sweep::<C>(sorted, sorted.codes.len() - 1, total, handicap) {
                    let mut left = CodeSet::default();
                    sorted.codes[..=at]
                        .iter()
                        .for_each(|&code| insert(&mut left, code));
                    self.best.cut = Cut::In { left, present };
                }
            }
        }
    }

    /// Moves the rows of one code after the other to the left side, and looks
    /// at the split after each of the first `end`. Returns the index of the
    /// code after which the best split so far lies, if it is among these.
    fn sweep<C: Criterion>(
        &mut self,
        feature: Feature<'_, L::Word>,
        end: usize,
        total: &[L::Word],
        handicap: f64,
    ) -> Option<usize> {
        let Self {
            layout,
            least,
            best,
            left,
            ..
        } = self;
        let stride = layout.stride();
        let free = least.is_met_by_all();
        let mut found = None;
        for (index, &code) in feature.codes[..end].iter().enumerate() {
            let tally = feature.tally(code, stride);
            add(left, tally);
            if free {
                // Between two bins of one and the same class alone no split is
                // better than before the first or after the second of them: both
                // criteria are concave (Fayyad and Irani, 1992).
                if let Some(&next) = feature.codes.get(index + 1)
                    && layout.alike(tally, feature.tally(next, stride))
                {
                    continue;
                }
            } else if !least.is_met(layout, left, total) {
                continue;
            }
            let purity = layout.purities::<C>(left, total);
            if purity - handicap > best.score {
                best.score = purity - handicap;
                best.purity = purity;
                best.feature = feature.index;
                copy(&mut best.left, left);
                found = Some(index);
            }
        }
        found
    }

    /// Numbers are split at a threshold uniform between the node's least and
    /// greatest, with missing values on a random side, as scikit-learn does;
    /// categories by a random subset of those that the node has (Geurts,
    /// Ernst, Wehenkel: Extremely randomized trees, 2006).
    fn guess<C: Criterion>(&mut self, feature: Feature<'_, L::Word>, total: &[L::Word], key: Key) {
        let Self {
            layout,
            least,
            best,
            left,
            ..
        } = self;
        let stride = layout.stride();
        let mut draws = key.child(feature.index as u64).draws();
        clear(left);
        let cut = match &feature.column.coding {
            Coding::Number { .. } => {
                let cut = random_cut(feature.column, feature.codes, &mut draws);
                for &code in feature.codes.iter().take_while(|&&code| code <= cut) {
                    add(left, feature.tally(code, stride));
                }
                // One number alone can only be parted from the missing values.
                let missing_left = feature
                    .has_missing
                    .then(|| draws.below(2) == 1 && feature.codes.len() > 1);
                if missing_left == Some(true) {
                    let missing = feature.column.coding.missing();
                    add(left, feature.tally(missing, stride));
                }
                Cut::UpTo { cut, missing_left }
            }
            Coding::Category { .. } => {
                let mut codes = [0_u8; 256];
                let (codes, present) = all_codes(&feature, &mut codes);
                let mut set = CodeSet::default();
                for &code in random_subset(codes, &mut draws) {
                    insert(&mut set, code);
                    add(left, feature.tally(code, stride));
                }
                Cut::In { left: set, present }
            }
        };
        let drawn = layout.drawn(left);
        let parts = drawn > 0 && drawn < layout.drawn(total);
        if !parts || !least.is_met(layout, left, total) {
            return;
        }
        let purity = layout.purities::<C>(left, total);
        if purity > best.score {
            best.score = purity;
            best.purity = purity;
            best.feature = feature.index;
            copy(&mut best.left, left);
            best.cut = cut;
        }
    }
}

/// How many times [`Criterion::chance`] the best split of `categories` that
/// are sorted by what is to be predicted gains by chance, beyond what a split
/// of two does: its mean and one standard deviation.
///
/// Of `n` standard normal deviates, sorted and parted at zero, either half has
/// its mean at `sqrt(2 / pi)` from zero. So the parts explain `2 n / pi` of
/// variance, give or take `2 sqrt(2 / pi) sqrt(1 - 2 / pi) sqrt(n)`. Without
/// this handicap, categories of few rows each win over features that tell
/// more: the forest learns its training rows.
fn by_chance(categories: usize) -> f64 {
    const MEAN: f64 = std::f64::consts::FRAC_2_PI;
    let beyond_two = categories.saturating_sub(2) as f64;
    let deviation = 2.0 * (MEAN * (1.0 - MEAN) * beyond_two).sqrt();
    MEAN * beyond_two + deviation
}

/// The codes of a category at a node, missing as one of them, ascending, and
/// the same as a set.
fn all_codes<'b, W: Word>(
    feature: &Feature<'_, W>,
    buffer: &'b mut [u8; 256],
) -> (&'b mut [u8], CodeSet) {
    let mut number = feature.codes.len();
    buffer[..number].copy_from_slice(feature.codes);
    if feature.has_missing {
        buffer[number] = feature.column.coding.missing();
        number += 1;
    }
    let codes = &mut buffer[..number];
    let mut present = CodeSet::default();
    codes.iter().for_each(|&code| insert(&mut present, code));
    (codes, present)
}

/// The last code that goes left, when a node's numbers are split after its
/// code `at`: as near as the bins allow to half-way to the next. After the
/// last code, all numbers go left.
fn number_cut(column: &Column, codes: &[u8], at: usize) -> u8 {
    let low = codes[at];
    let Some(&high) = codes.get(at + 1) else {
        return (column.coding.values() - 1) as u8;
    };
    if high == low + 1 {
        return low;
    }
    let centers = &column.centers;
    let middle = centers[usize::from(low)] / 2.0 + centers[usize::from(high)] / 2.0;
    cut_at(column, middle, low, high)
}

/// The last code between `low` and below `high` whose center is at most `number`.
fn cut_at(column: &Column, number: f64, low: u8, high: u8) -> u8 {
    let between = &column.centers[usize::from(low) + 1..usize::from(high)];
    low + between.partition_point(|&center| center <= number) as u8
}

/// The last code that goes left at a random threshold.
fn random_cut(column: &Column, codes: &[u8], draws: &mut Draws) -> u8 {
    let (low, high) = (codes[0], codes[codes.len() - 1]);
    if low == high {
        return low;
    }
    let (from, to) = (
        column.centers[usize::from(low)],
        column.centers[usize::from(high)],
    );
    let share = draws.unit();
    cut_at(column, from * (1.0 - share) + to * share, low, high)
}

/// A random subset of at least two codes, neither empty nor all of them:
/// every such subset is as likely.
fn random_subset<'b>(codes: &'b mut [u8], draws: &mut Draws) -> &'b [u8] {
    loop {
        let mut kept = 0;
        let mut bits = 0;
        for index in 0..codes.len() {
            if index % 64 == 0 {
                bits = draws.bits();
            }
            if (bits >> (index % 64)) & 1 == 1 {
                codes.swap(kept, index);
                kept += 1;
            }
        }
        if kept > 0 && kept < codes.len() {
            return &codes[..kept];
        }
        // The order changed, which changes no likelihood.
    }
}
