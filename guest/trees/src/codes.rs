//! [`ColumnCodes`]: the codes of one feature, one byte per value where it has
//! few codes, else four. Loops over rows are generic over [`Code`].

use crate::chunks;
use crate::quantiles::{self, MAX_NUMBER_BINS};

/// The code of a value.
pub(crate) trait Code: Copy + Ord + 'static {
    /// The code as an index.
    fn as_usize(self) -> usize;
}

impl Code for u8 {
    #[inline]
    fn as_usize(self) -> usize {
        usize::from(self)
    }
}

impl Code for u32 {
    #[inline]
    fn as_usize(self) -> usize {
        self as usize
    }
}

/// The greatest number of codes that one byte holds.
pub(crate) const NARROW: usize = 256;

/// The codes of one feature, one per row.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnCodes {
    /// At most 256 codes, those of missing and of unknown values included.
    Narrow(Vec<u8>),
    /// More codes.
    Wide(Vec<u32>),
}

/// A view of [`ColumnCodes`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CodesRef<'a> {
    /// At most 256 codes.
    Narrow(&'a [u8]),
    /// More codes.
    Wide(&'a [u32]),
}

/// Evaluates an expression with `$codes` bound to the slice of either width.
macro_rules! with_codes {
    ($column:expr, $codes:ident => $do:expr) => {
        match $column {
            $crate::codes::CodesRef::Narrow($codes) => $do,
            $crate::codes::CodesRef::Wide($codes) => $do,
        }
    };
}
pub(crate) use with_codes;

impl ColumnCodes {
    /// No codes yet, for a feature of `codes` codes.
    pub(crate) fn of(codes: usize) -> Self {
        if codes <= NARROW {
            Self::Narrow(Vec::new())
        } else {
            Self::Wide(Vec::new())
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Self::Narrow(codes) => codes.len(),
            Self::Wide(codes) => codes.len(),
        }
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The codes as slices.
    pub(crate) fn view(&self) -> CodesRef<'_> {
        match self {
            Self::Narrow(codes) => CodesRef::Narrow(codes),
            Self::Wide(codes) => CodesRef::Wide(codes),
        }
    }

    /// Appends one code per value.
    #[inline]
    pub(crate) fn extend<T: Copy>(&mut self, values: &[T], mut code: impl FnMut(T) -> u32) {
        match self {
            Self::Narrow(codes) => chunks::extend(codes, values, |value| code(value) as u8),
            Self::Wide(codes) => chunks::extend(codes, values, code),
        }
    }

    /// The codes of `rows`, in that order.
    pub(crate) fn select(&self, rows: &[u32]) -> Self {
        fn of<K: Code>(codes: &[K], rows: &[u32]) -> Vec<K> {
            let mut selected = Vec::with_capacity(rows.len());
            chunks::extend(&mut selected, rows, |row| codes[row as usize]);
            selected
        }
        match self {
            Self::Narrow(codes) => Self::Narrow(of(codes, rows)),
            Self::Wide(codes) => Self::Wide(of(codes, rows)),
        }
    }

    /// The codes as bytes, little-endian.
    pub(crate) fn to_bytes(&self) -> std::borrow::Cow<'_, [u8]> {
        match self {
            Self::Narrow(codes) => codes.into(),
            Self::Wide(codes) => {
                let bytes = codes.iter().flat_map(|code| code.to_le_bytes());
                bytes.collect::<Vec<u8>>().into()
            }
        }
    }

    /// The reverse of [`Self::to_bytes`], for a feature of `codes` codes.
    pub(crate) fn from_bytes(codes: usize, bytes: &[u8]) -> Self {
        if codes <= NARROW {
            return Self::Narrow(bytes.to_vec());
        }
        let (codes, _) = bytes.as_chunks();
        Self::Wide(codes.iter().map(|code| u32::from_le_bytes(*code)).collect())
    }
}

impl<'a> CodesRef<'a> {
    /// The codes, if each is one byte.
    pub(crate) fn narrow(self) -> Option<&'a [u8]> {
        match self {
            Self::Narrow(codes) => Some(codes),
            Self::Wide(_) => None,
        }
    }
}

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

    #[test]
    fn wide_codes_are_restored_from_bytes() {
        let codes = ColumnCodes::Wide(vec![0, 77_777, 256]);
        assert_eq!(ColumnCodes::from_bytes(77_778, &codes.to_bytes()), codes);
        let codes = ColumnCodes::Narrow(vec![0, 255]);
        assert_eq!(ColumnCodes::from_bytes(256, &codes.to_bytes()), codes);
    }
}
