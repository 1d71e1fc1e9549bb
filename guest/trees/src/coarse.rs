//! [`CoarseCodes`]: bins of the codes of a feature that has more than 256.

use crate::chunks;
use crate::quantiles::{self, MAX_NUMBER_BINS};

/// Ordered codes of more than one byte in at most 255 bins of about equally many
/// rows, in which large nodes are counted.
#[derive(Clone, Debug)]
pub(crate) struct CoarseCodes {
    /// One per row; that of missing values is the number of bins.
    pub(crate) codes: Vec<u8>,
    /// The last code in each bin.
    pub(crate) last: Vec<u32>,
}

impl CoarseCodes {
    /// Bins `codes`, of which those below `values` are not missing.
    pub(crate) fn of(codes: &[u32], values: usize) -> Self {
        let mut counts = vec![(0.0, 0_u32); values];
        chunks::for_each(codes, |code| {
            if let Some((_, count)) = counts.get_mut(code as usize) {
                *count += 1;
            }
        });
        let ends = quantiles::ends(&counts, MAX_NUMBER_BINS);
        let mut bins = Vec::with_capacity(values + 1);
        for (bin, &end) in (0..=u8::MAX).zip(&ends) {
            bins.resize(end, bin);
        }
        bins.push(ends.len() as u8);
        let mut coarse = Vec::with_capacity(codes.len());
        let missing = bins.len() - 1;
        chunks::extend(&mut coarse, codes, |code| {
            bins[(code as usize).min(missing)]
        });
        Self {
            codes: coarse,
            last: ends.iter().map(|&end| end as u32 - 1).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coarse_codes_are_the_bins_of_codes() {
        let codes: Vec<u32> = (0..2_000).map(|row| row * 8 % 1_001).collect();
        let coarse = CoarseCodes::of(&codes, 1_000);
        assert_eq!(coarse.last.len(), MAX_NUMBER_BINS);
        assert_eq!(coarse.last.last(), Some(&999));
        assert!(coarse.last.is_sorted_by(|a, b| a < b));
        for (&code, &bin) in codes.iter().zip(&coarse.codes) {
            let expected = coarse.last.partition_point(|&last| last < code);
            assert_eq!(usize::from(bin), expected);
        }
    }
}
