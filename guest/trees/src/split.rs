//! [`BestSplit`]: the best split of a node that was found so far, and the
//! histogram of one feature at a node, in which splits are searched.

use crate::bins::Column;
use crate::coarse::CoarseCodes;
use crate::tally::{Count, copy};
use crate::tree::{CodeSet, contains};

/// Which codes go left, in a split that is not yet part of a tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum SplitRule {
    /// See [`crate::tree::Test::Threshold`].
    Threshold {
        /// The greatest code that goes left.
        last_left: u32,
        /// Whether missing values go left; `None` if the node has none.
        missing_left: Option<bool>,
    },
    /// See [`crate::tree::Test::Subset`].
    Subset {
        /// The codes that go left.
        left: CodeSet,
        /// The codes that occur in the node.
        present: CodeSet,
    },
}

/// The best split of a node found so far.
#[derive(Clone, Debug)]
pub(crate) struct BestSplit<W> {
    /// The sum of both sides' purities minus the penalty of the feature; minus
    /// infinity before any split was found.
    pub(crate) score: f64,
    /// The sum of both sides' purities.
    pub(crate) purity: f64,
    /// The index of the feature.
    pub(crate) feature: usize,
    /// Which codes go left.
    pub(crate) rule: SplitRule,
    /// The tally of the rows that go left.
    pub(crate) left: Vec<W>,
}

impl<W: Count> BestSplit<W> {
    /// No split, for tallies of `stride` counts.
    pub(crate) fn new(stride: usize) -> Self {
        Self {
            score: f64::NEG_INFINITY,
            purity: f64::NEG_INFINITY,
            feature: 0,
            rule: SplitRule::Threshold {
                last_left: 0,
                missing_left: None,
            },
            left: vec![W::default(); stride],
        }
    }

    /// Forgets what was found.
    pub(crate) fn clear(&mut self) {
        self.score = f64::NEG_INFINITY;
    }

    /// Takes a split of `feature` whose left side is `left`, if it is better than the
    /// best so far after `penalty`. Returns whether it is; its rule is then to be set.
    #[inline]
    pub(crate) fn improve(
        &mut self,
        feature: usize,
        purity: f64,
        penalty: f64,
        left: &[W],
    ) -> bool {
        let score = purity - penalty;
        let is_better = score > self.score;
        if is_better {
            self.score = score;
            self.purity = purity;
            self.feature = feature;
            copy(&mut self.left, left);
        }
        is_better
    }

    /// Whether a split was found.
    pub(crate) fn is_some(&self) -> bool {
        self.score > f64::NEG_INFINITY
    }
}

/// The codes of one feature that occur in a node.
#[derive(Debug)]
pub(crate) struct PresentCodes {
    list: [u8; 256],
    number: usize,
    /// Whether some values are missing. Their code is not in the list.
    pub(crate) has_missing: bool,
}

impl PresentCodes {
    /// No codes.
    pub(crate) const NONE: Self = Self {
        list: [0; 256],
        number: 0,
        has_missing: false,
    };

    /// Sets the codes to those that are not empty in a histogram of `codes`
    /// tallies, of which the last is that of missing values.
    pub(crate) fn set_from_histogram<W: Count>(&mut self, histogram: &[W], codes: usize) {
        let stride = histogram.len() / codes;
        self.number = 0;
        let is_empty = |tally: &[W]| tally.iter().all(|&word| word == W::default());
        let mut add = |code: usize, tally: &[W]| {
            // Always written, and kept if not empty: no branch to mispredict.
            self.list[self.number & 255] = code as u8;
            self.number += usize::from(!is_empty(tally));
        };
        let values = &histogram[..(codes - 1) * stride];
        if stride == 1 {
            // In chunks for the reason given in `chunks`.
            let (chunks, rest) = values.as_chunks::<8>();
            for (index, chunk) in chunks.iter().enumerate() {
                for (at, word) in chunk.iter().enumerate() {
                    add(index * 8 + at, std::slice::from_ref(word));
                }
            }
            for (at, word) in rest.iter().enumerate() {
                add(chunks.len() * 8 + at, std::slice::from_ref(word));
            }
        } else {
            for (code, tally) in values.chunks_exact(stride).enumerate() {
                add(code, tally);
            }
        }
        self.has_missing = !is_empty(&histogram[(codes - 1) * stride..]);
    }

    /// Sets the codes to those of a set.
    pub(crate) fn set_from_code_set(&mut self, mut set: CodeSet, missing: u8) {
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

/// A feature, and which of its codes are searched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Feature<'a> {
    /// The feature's index.
    pub(crate) index: usize,
    /// What its codes mean.
    pub(crate) column: &'a Column,
    /// The bins that are searched in place of codes.
    pub(crate) bins: Option<&'a CoarseCodes>,
}

impl Feature<'_> {
    /// The code of missing values.
    pub(crate) fn missing(self) -> u32 {
        match self.bins {
            Some(bins) => bins.last.len() as u32,
            None => self.column.coding.missing(),
        }
    }

    /// The greatest code of the column that goes left if a node's rows are split
    /// between the codes `low` and `high`; without `high`, all values go left.
    pub(crate) fn last_left(self, low: u32, high: Option<u32>) -> u32 {
        let Some(bins) = self.bins else {
            return self.column.last_left(low, high);
        };
        let last = |bin: u32| bins.last[bin as usize];
        // Bins are adjacent.
        let first = high.map(|high| last(high - 1) + 1);
        self.column.last_left(last(low), first)
    }
}

/// One feature of a node with its histogram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeatureHistogram<'a, W> {
    /// The feature.
    pub(crate) feature: Feature<'a>,
    /// One tally per code.
    pub(crate) histogram: &'a [W],
    /// The codes that are not empty, without that of missing values.
    pub(crate) codes: &'a [u8],
    /// Whether some values are missing.
    pub(crate) has_missing: bool,
}

impl<W: Count> FeatureHistogram<'_, W> {
    /// The tally of `code`.
    pub(crate) fn tally(&self, code: u8, stride: usize) -> &[W] {
        &self.histogram[usize::from(code) * stride..][..stride]
    }

    /// The code of missing values.
    pub(crate) fn missing(&self) -> u8 {
        self.feature.missing() as u8
    }

    /// The greatest code of the column that goes left if the node's rows are
    /// split after `codes[at]`.
    pub(crate) fn last_left(&self, at: usize) -> u32 {
        let high = self.codes.get(at + 1).copied().map(u32::from);
        self.feature.last_left(u32::from(self.codes[at]), high)
    }

    /// Whether all rows have the same code, so that there is no split.
    pub(crate) fn is_constant(&self) -> bool {
        self.codes.is_empty() || (self.codes.len() == 1 && !self.has_missing)
    }
}
