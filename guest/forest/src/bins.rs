//! [`Bins`]: a dataset's features as one byte a value, made once and used by
//! every fit. It knows neither rows to fit on nor targets; a bin's meaning
//! stands in its [`Column`].

use std::borrow::Cow;
use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::quantiles;
use crate::rows::extend_in_chunks;

/// The most bins for the numbers of a feature. One more code is for missing
/// values.
pub const MAX_NUMBER_BINS: usize = 255;

/// The most bins for the categories of a feature. One more code is for
/// missing values, and one for labels that the training data did not have.
pub const MAX_CATEGORY_BINS: usize = 254;

/// Why values can't be binned.
#[derive(Debug, thiserror::Error)]
pub enum BinsError {
    /// A feature has another number of values than the dataset has rows.
    #[error("feature `{name}` has {found} values where the dataset has {rows} rows")]
    Length {
        /// The feature.
        name: String,
        /// Its number of values.
        found: usize,
        /// The dataset's number of rows.
        rows: usize,
    },
    /// A category's code is no index of its labels.
    #[error("feature `{name}` has category code {code}, but only {labels} labels")]
    Code {
        /// The feature.
        name: String,
        /// The code.
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
    /// For numbers, where each bin lies: half-way between its least and its
    /// greatest value. Growth alone needs it, a fitted model does not.
    #[serde(skip)]
    pub(crate) centers: Vec<f64>,
}

/// How values become codes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Coding {
    /// Numbers. A number's code is how many thresholds are less than it.
    Number {
        /// Ascending, at most 254.
        thresholds: Vec<f64>,
    },
    /// Categories.
    Category {
        /// The labels.
        labels: Vec<String>,
        /// The code of each label. Where there are more labels than
        /// [`MAX_CATEGORY_BINS`], the rarest share the last code.
        codes: Vec<u8>,
    },
}

impl Coding {
    /// How many codes values have: `0..values()`. At least one.
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

    /// Whether this coding could have been made by this crate.
    pub(crate) fn is_sound(&self) -> bool {
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

    /// Appends the codes of numbers; NaN is missing. `self` codes numbers.
    pub(crate) fn encode_numbers(&self, values: &[f64], codes: &mut Vec<u8>) {
        let Self::Number { thresholds } = self else {
            unreachable!("a category's coding was asked to code numbers");
        };
        quantiles::encode(values, thresholds, codes);
    }

    /// Appends the codes of categories that are indices into `labels`; other
    /// indices are missing values. `self` codes categories.
    pub(crate) fn encode_categories(&self, labels: &[String], values: &[u32], codes: &mut Vec<u8>) {
        let Self::Category {
            labels: known,
            codes: known_codes,
        } = self
        else {
            unreachable!("a number's coding was asked to code categories");
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
        extend_in_chunks(codes, values, |value| {
            table.get(value as usize).copied().unwrap_or(missing)
        });
    }
}

/// Features as codes, one byte a value.
#[derive(Clone, Debug)]
pub struct Bins {
    rows: usize,
    columns: Vec<Column>,
    codes: Vec<u8>,
}

/// A feature's column, the centers of its bins.
type Coded<C> = (C, Vec<f64>);

/// Written with the centers of bins, which a model's columns go without.
impl Serialize for Bins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.columns.iter();
        let columns: Vec<Coded<&Column>> = columns
            .map(|column| (column, column.centers.clone()))
            .collect();
        (self.rows, columns, serde_bytes::Bytes::new(&self.codes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (rows, columns, codes): (usize, Vec<Coded<Column>>, &serde_bytes::Bytes) =
            Deserialize::deserialize(deserializer)?;
        let columns: Vec<Column> = columns
            .into_iter()
            .map(|(column, centers)| Column { centers, ..column })
            .collect();
        if rows.checked_mul(columns.len()) != Some(codes.len()) {
            return Err(D::Error::custom("not a code a row and feature"));
        }
        Ok(Self {
            rows,
            columns,
            codes: codes.to_vec(),
        })
    }
}

impl Bins {
    /// No features yet, of a dataset with `rows` rows.
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

    /// The features.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The codes of feature `index`, one a row.
    pub fn codes(&self, index: usize) -> &[u8] {
        &self.codes[index * self.rows..(index + 1) * self.rows]
    }

    /// Adds a feature of numbers, one a row; NaN is missing. Up to
    /// [`MAX_NUMBER_BINS`] distinct numbers keep a bin each; more share bins
    /// of about equally many rows.
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

    /// Adds a feature of categories, an index into `labels` a row; `u32::MAX`
    /// is missing. Beyond [`MAX_CATEGORY_BINS`] labels the rarest share a bin.
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

    /// The codes of some rows, in the order of `rows`.
    pub(crate) fn select(&self, rows: &[u32]) -> Codes<'static> {
        let mut codes = Vec::with_capacity(rows.len() * self.columns.len());
        for index in 0..self.columns.len() {
            let column = self.codes(index);
            extend_in_chunks(&mut codes, rows, |row| column[row as usize]);
        }
        Codes {
            rows: rows.len(),
            codes: Cow::Owned(codes),
        }
    }
}

/// Codes of some rows, column after column.
#[derive(Clone, Debug)]
pub(crate) struct Codes<'a> {
    rows: usize,
    codes: Cow<'a, [u8]>,
}

impl Codes<'_> {
    /// Takes codes that stand column after column, `rows` each.
    pub(crate) fn from_columns(rows: usize, codes: Vec<u8>) -> Codes<'static> {
        Codes {
            rows,
            codes: Cow::Owned(codes),
        }
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

/// A code for each label, given how often each occurs.
fn category_codes(counts: &[u32]) -> Vec<u8> {
    if counts.len() <= MAX_CATEGORY_BINS {
        return (0..counts.len()).map(|code| code as u8).collect();
    }
    let own = MAX_CATEGORY_BINS - 1;
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
    fn few_categories_keep_their_codes() -> Result<(), BinsError> {
        let mut bins = Bins::new(4);
        bins.push_categories("c", &labels(&["x", "y"]), &[1, 0, u32::MAX, 1])?;
        assert_eq!(bins.codes(0), [1, 0, 2, 1]);
        assert_eq!(bins.columns()[0].coding.missing(), 2);
        Ok(())
    }

    #[test]
    fn the_rarest_categories_share_a_code() -> Result<(), BinsError> {
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
    fn labels_decide_and_not_codes() -> Result<(), BinsError> {
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
    fn a_code_without_a_label_is_refused() {
        let error = Bins::new(1)
            .push_categories("c", &labels(&["x"]), &[1])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "feature `c` has category code 1, but only 1 labels"
        );
    }

    #[test]
    fn a_feature_of_another_length_is_refused() {
        let error = Bins::new(2).push_numbers("x", &[1.0]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "feature `x` has 1 values where the dataset has 2 rows"
        );
    }
}
