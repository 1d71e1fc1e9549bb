//! [`Dialect`]: how a plan's CSV files are written, and which of their texts
//! mean a missing value.

use crate::plan::CsvOptions;

/// What CSV files have in common.
#[derive(Clone, Debug)]
pub(in crate::dataset) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) header: bool,
    pub(super) names: Option<Vec<String>>,
    pub(super) nulls: Nulls,
    /// The bytes of a piece.
    pub(super) piece: usize,
}

impl Dialect {
    /// The dialect of a plan, for files whose names end in `ending`, read
    /// `piece` bytes at a time.
    pub(in crate::dataset) fn new(options: &CsvOptions, ending: &str, piece: usize) -> Self {
        let delimiter = u8::try_from(options.delimiter).unwrap_or(b',');
        // Nobody separates the values of a `.tsv` by commas.
        let delimiter = if ending == "tsv" && delimiter == b',' {
            b'\t'
        } else {
            delimiter
        };
        Self {
            delimiter,
            header: options.header,
            names: options.names.clone(),
            nulls: Nulls::new(&options.null_values),
            piece,
        }
    }
}

/// The texts that mean a missing value.
#[derive(Clone, Debug)]
pub(super) struct Nulls {
    texts: Vec<Vec<u8>>,
    /// By first byte, a bit for each length: rejects almost every other text
    /// without a comparison.
    lengths: Box<[u64; 256]>,
    empty: bool,
}

impl Nulls {
    fn new(texts: &[String]) -> Self {
        let mut lengths = Box::new([0; 256]);
        for text in texts.iter().map(String::as_bytes) {
            if let Some(first) = text.first() {
                lengths[usize::from(*first)] |= 1 << text.len().min(63);
            }
        }
        Self {
            texts: texts.iter().map(|text| text.clone().into_bytes()).collect(),
            lengths,
            empty: texts.iter().any(String::is_empty),
        }
    }

    /// Whether a field is one of the texts.
    #[inline]
    pub(super) fn contains(&self, field: &[u8]) -> bool {
        match field.first() {
            None => self.empty,
            Some(first) => {
                self.lengths[usize::from(*first)] >> field.len().min(63) & 1 == 1
                    && self.texts.iter().any(|text| text == field)
            }
        }
    }
}
