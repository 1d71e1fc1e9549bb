//! [`Dialect`]: the delimiter, header and null values of a plan's CSV files.

use crate::plan::CsvOptions;

/// How CSV files are written and read.
#[derive(Clone, Debug)]
pub(in crate::dataset::source) struct Dialect {
    pub(super) delimiter: u8,
    pub(super) header: bool,
    pub(super) names: Option<Vec<String>>,
    pub(super) nulls: Nulls,
    /// The size of a chunk in bytes.
    pub(super) chunk_bytes: usize,
}

impl Dialect {
    /// The dialect of a plan, for files with this extension, read in chunks of
    /// `chunk_bytes` bytes.
    pub(in crate::dataset::source) fn new(
        options: &CsvOptions,
        extension: &str,
        chunk_bytes: usize,
    ) -> Self {
        let delimiter = u8::try_from(options.delimiter).unwrap_or(b',');
        // A `.tsv` is separated by tabs unless the plan names another delimiter.
        let delimiter = if extension == "tsv" && delimiter == b',' {
            b'\t'
        } else {
            delimiter
        };
        Self {
            delimiter,
            header: options.header,
            names: options.names.clone(),
            nulls: Nulls::new(&options.null_values),
            chunk_bytes,
        }
    }
}

/// The texts that stand for a missing value.
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
