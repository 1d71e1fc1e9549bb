//! [`Bins`]: the features of a dataset as codes of one byte per value, made
//! once and used by every fit. [`Column`] says what the codes of a feature
//! mean. It holds neither training rows nor targets.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chunks;
use crate::quantiles;

pub use crate::quantiles::MAX_NUMBER_BINS;

/// The greatest number of bins of a category feature. Two further codes stand
/// for missing values and for labels that the training data did not have.
pub const MAX_CATEGORY_BINS: usize = 254;

/// Errors of binning.
#[derive(Debug, thiserror::Error)]
pub enum BinsError {
    /// A feature does not have one value per row.
    #[error("feature `{name}` has {found} values, but the dataset has {rows} rows")]
    Length {
        /// The feature.
        name: String,
        /// The number of values.
        found: usize,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// A category code is not an index into the labels.
    #[error(
        "feature `{name}` has the category index {code}, which is not below its number of labels, {labels}"
    )]
    Code {
        /// The feature.
        name: String,
        /// The index.
        code: u32,
        /// The number of labels.
        labels: usize,
    },
}

/// What the codes of one feature mean.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// The feature's name.
    pub name: String,
    /// How its values become codes.
    pub coding: Coding,
    /// For numbers, the center of each bin: half-way between its least and its
    /// greatest value. Needed to grow trees, not to predict.
    #[serde(skip)]
    pub(crate) centers: Vec<f64>,
}

/// How values become codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Coding {
    /// A number's code is the number of thresholds below it.
    Number {
        /// Strictly ascending and finite; at most 254.
        thresholds: Vec<f64>,
    },
    /// A category's code is given by its label.
    Category {
        /// The labels.
        labels: Vec<String>,
        /// The code of each label. If there are more than
        /// [`MAX_CATEGORY_BINS`] labels, the rarest share the last code.
        codes: Vec<u8>,
    },
}

impl Coding {
    /// The number of codes of values that are not missing, at least 1. They are
    /// `0..values()`.
    pub fn values(&self) -> usize {
        match self {
            Self::Number { thresholds } => thresholds.len() + 1,
            Self::Category { codes, .. } => {
                codes.iter().max().map_or(1, |&code| usize::from(code) + 1)
            }
        }
    }

    /// The code of a missing value.
    pub fn missing(&self) -> u8 {
        // At most 255 for numbers and 254 for categories.
        self.values() as u8
    }

    /// Whether the invariants of the fields hold, for a deserialised coding.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Number { thresholds } => {
                thresholds.len() < MAX_NUMBER_BINS
                    && thresholds.iter().all(|threshold| threshold.is_finite())
                    && thresholds.is_sorted_by(|a, b| a < b)
            }
            Self::Category { labels, codes } => {
                labels.len() == codes.len()
                    && codes
                        .iter()
                        .all(|&code| usize::from(code) < MAX_CATEGORY_BINS)
            }
        }
    }

    /// Appends one code per number; NaN is missing.
    ///
    /// # Panics
    /// If this is a coding of categories.
    pub(crate) fn encode_numbers(&self, values: &[f64], codes: &mut Vec<u8>) {
        let Self::Number { thresholds } = self else {
            panic!("numbers can't be encoded as categories");
        };
        quantiles::encode(values, thresholds, codes);
    }

    /// Appends one code per category. `values` are indices into `labels`; any
    /// other index is missing.
    ///
    /// # Panics
    /// If this is a coding of numbers.
    pub(crate) fn encode_categories(&self, labels: &[String], values: &[u32], codes: &mut Vec<u8>) {
        let Self::Category {
            labels: known,
            codes: known_codes,
        } = self
        else {
            panic!("categories can't be encoded as numbers");
        };
        let missing = self.missing();
        let table: Vec<u8> = if known.as_slice() == labels {
            known_codes.clone()
        } else {
            let known: HashMap<&str, u8> = known
                .iter()
                .map(String::as_str)
                .zip(known_codes.iter().copied())
                .collect();
            labels
                .iter()
                .map(|label| known.get(label.as_str()).copied().unwrap_or(missing + 1))
                .collect()
        };
        chunks::extend(codes, values, |value| {
            table.get(value as usize).copied().unwrap_or(missing)
        });
    }
}

/// Features as codes: a matrix of one byte per row and feature, column by
/// column.
#[derive(Clone, Debug)]
pub struct Bins {
    rows: usize,
    columns: Vec<Column>,
    codes: Vec<u8>,
}

/// A column with its bin centers, as it is serialised here. The columns of a
/// model are serialised without them.
type CenteredColumn<C> = (C, Vec<f64>);

impl Serialize for Bins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.columns.iter();
        let columns: Vec<CenteredColumn<&Column>> = columns
            .map(|column| (column, column.centers.clone()))
            .collect();
        (self.rows, columns, serde_bytes::Bytes::new(&self.codes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (rows, columns, codes): (usize, Vec<CenteredColumn<Column>>, &serde_bytes::Bytes) =
            Deserialize::deserialize(deserializer)?;
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(column, centers)| Column { centers, ..column })
            .collect();
        if rows.checked_mul(columns.len()) != Some(codes.len()) {
            return Err(D::Error::custom(
                "the codes are not one per row and feature",
            ));
        }
        Ok(Self {
            rows,
            columns,
            codes: codes.to_vec(),
        })
    }
}

impl Bins {
    /// The bins of a dataset with `rows` rows, without features yet.
    pub fn new(rows: usize) -> Self {
        Self {
            rows,
            columns: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The features, in the order in which they were added.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The codes of feature `index`, one per row.
    pub fn codes(&self, index: usize) -> &[u8] {
        &self.codes[index * self.rows..(index + 1) * self.rows]
    }

    /// Adds a feature of numbers, one per row; NaN is missing. Up to
    /// [`MAX_NUMBER_BINS`] distinct numbers have a bin each; more are binned by
    /// quantiles.
    ///
    /// # Errors
    /// If there is not one value per row.
    pub fn push_numbers(&mut self, name: &str, values: &[f64]) -> Result<(), BinsError> {
        self.check_length(name, values.len())?;
        let (thresholds, centers) = quantiles::bin(values, &mut self.codes);
        self.columns.push(Column {
            name: name.to_owned(),
            coding: Coding::Number { thresholds },
            centers,
        });
        Ok(())
    }

    /// Adds a feature of categories, one index into `labels` per row;
    /// `u32::MAX` is missing. Of more than [`MAX_CATEGORY_BINS`] labels, the
    /// rarest share a bin.
    ///
    /// # Errors
    /// If there is not one value per row, or an index is out of range.
    pub fn push_categories(
        &mut self,
        name: &str,
        labels: &[String],
        values: &[u32],
    ) -> Result<(), BinsError> {
        self.check_length(name, values.len())?;
        let mut counts = vec![0_u32; labels.len()];
        for &code in values {
            if code != u32::MAX {
                *counts
                    .get_mut(code as usize)
                    .ok_or_else(|| BinsError::Code {
                        name: name.to_owned(),
                        code,
                        labels: labels.len(),
                    })? += 1;
            }
        }
        let coding = Coding::Category {
            labels: labels.to_vec(),
            codes: category_codes(&counts),
        };
        coding.encode_categories(labels, values, &mut self.codes);
        self.columns.push(Column {
            name: name.to_owned(),
            coding,
            centers: Vec::new(),
        });
        Ok(())
    }

    fn check_length(&self, name: &str, found: usize) -> Result<(), BinsError> {
        if found == self.rows {
            Ok(())
        } else {
            Err(BinsError::Length {
                name: name.to_owned(),
                found,
                rows: self.rows,
            })
        }
    }

    /// The codes of `rows`, in that order.
    pub(crate) fn select(&self, rows: &[u32]) -> Codes {
        let mut codes = Vec::with_capacity(rows.len() * self.columns.len());
        for index in 0..self.columns.len() {
            let column = self.codes(index);
            chunks::extend(&mut codes, rows, |row| column[row as usize]);
        }
        Codes {
            rows: rows.len(),
            codes,
        }
    }
}

/// The codes of selected rows, column by column.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    rows: usize,
    codes: Vec<u8>,
}

impl Codes {
    /// `codes` has `rows` codes per feature.
    pub(crate) fn from_columns(rows: usize, codes: Vec<u8>) -> Codes {
        Codes { rows, codes }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The codes of feature `index`.
    pub(crate) fn column(&self, index: usize) -> &[u8] {
        &self.codes[index * self.rows..(index + 1) * self.rows]
    }
}

/// The code of each label, given the number of rows of each.
fn category_codes(counts: &[u32]) -> Vec<u8> {
    if counts.len() <= MAX_CATEGORY_BINS {
        return (0..counts.len()).map(|code| code as u8).collect();
    }
    let own = MAX_CATEGORY_BINS - 1; // The labels with a code of their own.
    let mut by_count: Vec<usize> = (0..counts.len()).collect();
    by_count.sort_by_key(|&label| std::cmp::Reverse(counts[label]));
    let mut kept = by_count[..own].to_vec();
    kept.sort_unstable();
    let mut codes = vec![own as u8; counts.len()];
    for (code, label) in kept.into_iter().enumerate() {
        codes[label] = code as u8;
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn few_labels_keep_their_indices_as_codes() -> Result<(), BinsError> {
        let mut bins = Bins::new(4);
        bins.push_categories("c", &labels(&["x", "y"]), &[1, 0, u32::MAX, 1])?;
        assert_eq!(bins.codes(0), [1, 0, 2, 1]);
        assert_eq!(bins.columns()[0].coding.missing(), 2);
        Ok(())
    }

    #[test]
    fn the_rarest_labels_share_a_code() -> Result<(), BinsError> {
        let names: Vec<String> = (0..300).map(|label| format!("label {label}")).collect();
        // Labels 100..200 occur once, all others twice.
        let values: Vec<u32> = (0..300).chain(0..100).chain(200..300).collect();
        let mut bins = Bins::new(values.len());
        bins.push_categories("c", &names, &values)?;
        let codes = &bins.codes(0)[..300];
        let shared = codes.iter().filter(|&&code| code == 253).count();
        assert_eq!(shared, 300 - 253);
        assert!((0..100).chain(200..300).all(|label| codes[label] != 253));
        assert_eq!(bins.columns()[0].coding.missing(), 254);
        Ok(())
    }

    #[test]
    fn categories_are_matched_by_label() -> Result<(), BinsError> {
        let mut bins = Bins::new(2);
        bins.push_categories("c", &labels(&["x", "y"]), &[0, 1])?;
        let mut codes = Vec::new();
        bins.columns()[0].coding.encode_categories(
            &labels(&["new", "y", "x"]),
            &[2, 1, 0, u32::MAX],
            &mut codes,
        );
        assert_eq!(codes, [0, 1, 3, 2]);
        Ok(())
    }

    #[test]
    fn an_index_without_a_label_is_an_error() {
        let error = Bins::new(1)
            .push_categories("c", &labels(&["x"]), &[1])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "feature `c` has the category index 1, which is not below its number of labels, 1"
        );
    }

    #[test]
    fn a_feature_of_another_length_is_an_error() {
        let error = Bins::new(2).push_numbers("x", &[1.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "feature `x` has 1 values, but the dataset has 2 rows"
        );
    }
}
