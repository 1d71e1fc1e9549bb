//! [`ColumnCodes`]: the codes of one feature, one byte per value where it has
//! few codes, else four. Loops over rows are generic over [`Code`].

use crate::chunks;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_codes_are_restored_from_bytes() {
        let codes = ColumnCodes::Wide(vec![0, 77_777, 256]);
        assert_eq!(ColumnCodes::from_bytes(77_778, &codes.to_bytes()), codes);
        let codes = ColumnCodes::Narrow(vec![0, 255]);
        assert_eq!(ColumnCodes::from_bytes(256, &codes.to_bytes()), codes);
    }
}
