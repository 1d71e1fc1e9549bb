//! [`Histograms`]: the sums of a node by feature and code.

use crate::boosting::codes::{ByteCodes, CODES, LANES};
use crate::boosting::rounding::{Packing, Sums, Words};
use crate::entries::BoundedSlice;

/// The words of a few rows by code, of [`LANES`] features.
type Lanes = [[u64; CODES]; LANES];

/// Counts rows, in buffers that it keeps.
#[derive(Debug)]
pub(crate) struct Histograms {
    /// The sums of the words of a block.
    lanes: Vec<Lanes>,
    /// Where the sums of each feature start in a histogram; last, its length.
    offsets: Vec<usize>,
    free: Vec<Vec<Sums>>,
}

impl Histograms {
    /// For the features of `codes`.
    pub(crate) fn new(codes: &ByteCodes<'_>) -> Self {
        let mut offsets = vec![0];
        let mut end = 0;
        for feature in 0..codes.columns().len() {
            end += codes.codes(feature);
            offsets.push(end);
        }
        Self {
            lanes: vec![[[0; CODES]; LANES]; codes.row_width()],
            offsets,
            free: Vec::new(),
        }
    }

    /// The length of a histogram.
    pub(crate) fn len(&self) -> usize {
        self.offsets[self.offsets.len() - 1]
    }

    /// The sums of a feature by code.
    pub(crate) fn of<'a>(&self, histogram: &'a [Sums], feature: usize) -> &'a [Sums] {
        &histogram[self.offsets[feature]..self.offsets[feature + 1]]
    }

    /// Gives a histogram back, to be used again.
    pub(crate) fn release(&mut self, histogram: Vec<Sums>) {
        self.free.push(histogram);
    }

    /// The histogram of some rows.
    pub(crate) fn count(
        &mut self,
        codes: &ByteCodes<'_>,
        words: &Words,
        packing: &Packing,
        rows: BoundedSlice<'_, u32>,
    ) -> Vec<Sums> {
        let mut histogram = self.free.pop().unwrap_or_default();
        histogram.clear();
        histogram.resize(self.len(), Sums::default());
        for block in rows.chunks(packing.block()) {
            add_words(&mut self.lanes, codes, words, block);
            let features = self.lanes.iter_mut().flatten();
            for (sums, ends) in features.zip(self.offsets.windows(2)) {
                let histogram = &mut histogram[ends[0]..ends[1]];
                for (sum, word) in histogram.iter_mut().zip(sums) {
                    *sum += packing.unpack(std::mem::take(word));
                }
            }
        }
        histogram
    }

    /// Subtracts the sums of some rows of a node from its own.
    pub(crate) fn subtract(histogram: &mut [Sums], other: &[Sums]) {
        for (sum, other) in histogram.iter_mut().zip(other) {
            *sum -= *other;
        }
    }
}

/// Adds the words of `rows` to the sums of their codes.
fn add_words(lanes: &mut [Lanes], codes: &ByteCodes<'_>, words: &Words, rows: &[u32]) {
    let words = &words.words[..];
    macro_rules! widths {
        ($($width:literal)*) => {
            match lanes.len() {
                $($width => if let Ok(lanes) = lanes.try_into() {
                    add_words_of::<$width>(lanes, codes.by_row(), words, rows);
                },)*
                width => {
                    for &row in rows {
                        let word = words[row as usize];
                        let codes = &codes.by_row()[row as usize * width..][..width];
                        for (lanes, codes) in lanes.iter_mut().zip(codes) {
                            add(lanes, codes, word);
                        }
                    }
                }
            }
        };
    }
    widths!(1 2 3 4 5 6 7 8);
}

/// [`add_words`] for `WIDTH` arrays a row, with no loop but that over rows.
///
/// Not inlined: in WebAssembly, a loop in a large function shares its registers with
/// everything that the function keeps.
#[inline(never)]
fn add_words_of<const WIDTH: usize>(
    lanes: &mut [Lanes; WIDTH],
    codes: &[[u8; LANES]],
    words: &[u64],
    rows: &[u32],
) {
    let (codes, _) = codes.as_chunks::<WIDTH>();
    let words = &words[..codes.len()];
    for &row in rows {
        let (word, codes) = (words[row as usize], &codes[row as usize]);
        for group in 0..WIDTH {
            add(&mut lanes[group], &codes[group], word);
        }
    }
}

#[inline(always)]
fn add(lanes: &mut Lanes, codes: &[u8; LANES], word: u64) {
    for lane in 0..LANES {
        let sum = &mut lanes[lane][usize::from(codes[lane])];
        *sum = sum.wrapping_add(word);
    }
}
