//! [`ByteCodes`]: the features of a dataset with one byte a value, for the loops of
//! boosting: by row, to count a row into the histograms of all features, and by
//! column, to divide the rows of a node.

use std::borrow::Cow;

use crate::bins::{Bins, Coding, Column, MAX_SUBSET_LABELS};
use crate::codes::CodesRef;
use crate::quantiles;

/// The greatest number of codes of a feature.
pub(crate) const CODES: usize = 256;

/// Features that are counted at a time; rows are padded to a multiple of it.
pub(crate) const LANES: usize = 4;

/// Features as bytes.
#[derive(Debug)]
pub(crate) struct ByteCodes<'a> {
    rows: usize,
    columns: Vec<Column>,
    by_column: Vec<Cow<'a, [u8]>>,
    /// By row, in the order of the columns, padded by zeros.
    by_row: Vec<[u8; LANES]>,
}

impl<'a> ByteCodes<'a> {
    /// The features of `bins`, of which those with more than `most` bins get fewer:
    /// numbers and ordered categories by joining neighbours, others by leaving the
    /// rarest labels to the code of unknown labels. `most` is 2 to 255.
    pub(crate) fn new(bins: &'a Bins, most: usize) -> Self {
        let features = 0..bins.columns().len();
        let (columns, by_column) = features.map(|index| narrow(bins, index, most)).unzip();
        let mut codes = Self {
            rows: bins.rows(),
            columns,
            by_column,
            by_row: Vec::new(),
        };
        codes.by_row = codes.transposed();
        codes
    }

    fn transposed(&self) -> Vec<[u8; LANES]> {
        let width = self.row_width();
        let mut by_row = vec![[0; LANES]; self.rows * width];
        // Some rows at a time, so that they stay in the processor's cache.
        const ROWS: usize = 1024;
        for (block, rows) in by_row.chunks_mut((ROWS * width).max(1)).enumerate() {
            for (feature, column) in self.by_column.iter().enumerate() {
                let (place, lane) = (feature / LANES, feature % LANES);
                let column = &column[block * ROWS..];
                for (row, &code) in rows.chunks_exact_mut(width).zip(column) {
                    row[place][lane] = code;
                }
            }
        }
        by_row
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The features, with codes of one byte.
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The codes of a feature, by row.
    pub(crate) fn column(&self, feature: usize) -> &[u8] {
        &self.by_column[feature]
    }

    /// The codes of all features of all rows, [`Self::row_width`] arrays a row.
    pub(crate) fn by_row(&self) -> &[[u8; LANES]] {
        &self.by_row
    }

    /// The number of arrays of a row.
    pub(crate) fn row_width(&self) -> usize {
        self.columns.len().div_ceil(LANES)
    }

    /// The number of codes of a feature, those of missing values and unknown labels
    /// included.
    pub(crate) fn codes(&self, feature: usize) -> usize {
        self.columns[feature].coding.codes()
    }
}

/// A feature with at most `most` bins.
fn narrow(bins: &Bins, index: usize, most: usize) -> (Column, Cow<'_, [u8]>) {
    let column = &bins.columns()[index];
    let with = |coding, centers| Column {
        name: column.name.clone(),
        coding,
        centers,
    };
    match &column.coding {
        Coding::Number { thresholds } => {
            let (codes, number) = bins.counted(index);
            // The last of the dataset's codes in each bin.
            let mut last: Vec<usize> = match bins.coarse(index) {
                Some(coarse) => coarse.last.iter().map(|&last| last as usize).collect(),
                None => (0..number).collect(),
            };
            let mut codes = Cow::Borrowed(codes);
            if number > most {
                let ends = joined(&codes, number, most);
                last = ends.iter().map(|&end| last[end - 1]).collect();
                let mut table = [0; CODES];
                let mut bin = 0;
                for (code, place) in table.iter_mut().enumerate().take(number) {
                    bin += usize::from(ends[bin] <= code);
                    *place = bin as u8;
                }
                table[number] = ends.len() as u8;
                codes = codes.iter().map(|&code| table[usize::from(code)]).collect();
            }
            let firsts = std::iter::once(0).chain(last.iter().map(|&last| last + 1));
            let centers = firsts.zip(&last);
            let centers = centers
                .map(|(first, &last)| column.centers[first] / 2.0 + column.centers[last] / 2.0)
                .collect();
            last.pop();
            let thresholds = last.iter().map(|&last| thresholds[last]).collect();
            (with(Coding::Number { thresholds }, centers), codes)
        }
        Coding::Category { labels, ordered } => {
            if let (CodesRef::Narrow(codes), false) = (bins.codes(index), ordered)
                && labels.len() <= most
            {
                return (
                    with(column.coding.clone(), Vec::new()),
                    Cow::Borrowed(codes),
                );
            }
            let most = most.min(MAX_SUBSET_LABELS);
            let (coding, codes) = match bins.codes(index) {
                CodesRef::Narrow(codes) => {
                    frequent(labels, codes.iter().map(|&c| u32::from(c)), most)
                }
                CodesRef::Wide(codes) => frequent(labels, codes.iter().copied(), most),
            };
            (with(coding, Vec::new()), Cow::Owned(codes))
        }
    }
}

/// The ends of at most `most` bins of about equally many rows, each of some of the
/// codes `0..number`.
fn joined(codes: &[u8], number: usize, most: usize) -> Vec<usize> {
    let mut counts = vec![(0.0, 0_u32); number];
    for &code in codes {
        if let Some((_, count)) = counts.get_mut(usize::from(code)) {
            *count += 1;
        }
    }
    quantiles::ends(&counts, most)
}

/// The `most` labels with the most rows as a category of their own; others are
/// unknown labels.
fn frequent(
    labels: &[String],
    codes: impl Iterator<Item = u32> + Clone,
    most: usize,
) -> (Coding, Vec<u8>) {
    let mut counts = vec![0_u32; labels.len()];
    for code in codes.clone() {
        if let Some(count) = counts.get_mut(code as usize) {
            *count += 1;
        }
    }
    let mut kept: Vec<usize> = (0..labels.len()).collect();
    // The first of equally frequent labels.
    kept.sort_by_key(|&label| std::cmp::Reverse(counts[label]));
    kept.truncate(most);
    kept.sort_unstable();
    let missing = kept.len() as u8;
    let mut table = vec![missing + 1; labels.len()];
    for (place, &label) in kept.iter().enumerate() {
        table[label] = place as u8;
    }
    let code = |code: u32| table.get(code as usize).copied().unwrap_or(missing);
    let codes = codes.map(code).collect();
    let coding = Coding::Category {
        labels: kept
            .into_iter()
            .map(|label| labels[label].clone())
            .collect(),
        ordered: false,
    };
    (coding, codes)
}
