//! [`Bins`]: the features of a dataset as codes, made once and used by every
//! fit. [`Column`] says what the codes of a feature mean. It holds neither
//! training rows nor targets.

use std::collections::HashMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::coarse::CoarseCodes;
use crate::codes::CodesRef;
pub use crate::codes::ColumnCodes;
use crate::quantiles;

pub use crate::quantiles::MAX_NUMBER_BINS;

/// The greatest number of labels of a category feature that may be split into
/// subsets. Two further codes stand for missing
/// values and for labels that the training data did not have.
pub const MAX_SUBSET_LABELS: usize = 254;

/// The number of rows up to which every distinct number has a bin of its own, if
/// there are no more than [`EXACT_FEATURES`] features.
pub const EXACT_ROWS: usize = 10_000;

/// See [`EXACT_ROWS`]. With few features, each has to separate many rows. With
/// more, 255 bins of each separate as many rows as all of their numbers, in less
/// time. Does not hold for numeric targets, whose trees in small tables are
/// scikit-learn's.
pub const EXACT_FEATURES: usize = 8;

/// The number of classes from which on every distinct number has a bin of its
/// own: 255 bins can't tell so many classes apart.
pub const EXACT_CLASSES: usize = 64;

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
        /// Strictly ascending and finite.
        thresholds: Vec<f64>,
    },
    /// A category's code is the index of its label.
    Category {
        /// The labels.
        labels: Vec<String>,
        /// Whether the labels are split by their order alone, as numbers are, and
        /// never into subsets.
        ordered: bool,
    },
}

impl Coding {
    /// The number of codes of values that are not missing, at least 1. They are
    /// `0..values()`.
    pub fn values(&self) -> usize {
        match self {
            Self::Number { thresholds } => thresholds.len() + 1,
            Self::Category { labels, .. } => labels.len().max(1),
        }
    }

    /// The code of a missing value, the greatest but that of unknown labels.
    pub fn missing(&self) -> u32 {
        self.values() as u32
    }

    /// Whether codes are split by their order alone.
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::Number { .. } => true,
            Self::Category { ordered, .. } => *ordered,
        }
    }

    /// The number of codes, those of missing values and unknown labels included.
    pub(crate) fn codes(&self) -> usize {
        self.values() + if self.is_ordered() { 1 } else { 2 }
    }

    /// Whether the invariants of the fields hold, for a deserialised coding.
    pub(crate) fn is_valid(&self) -> bool {
        match self {
            Self::Number { thresholds } => {
                thresholds.len() < u32::MAX as usize / 2
                    && thresholds.iter().all(|threshold| threshold.is_finite())
                    && thresholds.is_sorted_by(|a, b| a < b)
            }
            Self::Category { labels, ordered } => {
                labels.len() < u32::MAX as usize / 2
                    && (*ordered || labels.len() <= MAX_SUBSET_LABELS)
            }
        }
    }

    /// The codes of numbers; NaN is missing.
    ///
    /// # Panics
    /// If this is a coding of categories.
    pub(crate) fn encode_numbers(&self, values: &[f64]) -> ColumnCodes {
        let Self::Number { thresholds } = self else {
            panic!("numbers can't be encoded as categories");
        };
        quantiles::encode(values, thresholds)
    }

    /// The codes of categories. `values` are indices into `labels`; any other
    /// index is missing. A label that is not known is a code of its own, or
    /// missing where codes are ordered.
    ///
    /// # Panics
    /// If this is a coding of numbers.
    pub(crate) fn encode_categories(&self, labels: &[String], values: &[u32]) -> ColumnCodes {
        let Self::Category { labels: known, .. } = self else {
            panic!("categories can't be encoded as numbers");
        };
        let missing = self.missing();
        let unknown = self.codes() as u32 - 1;
        let mut codes = ColumnCodes::of(self.codes());
        if known.as_slice() == labels {
            let number = known.len() as u32;
            codes.extend(values, |value| if value < number { value } else { missing });
            return codes;
        }
        let known: HashMap<&str, u32> = known.iter().map(String::as_str).zip(0..).collect();
        let table: Vec<u32> = labels
            .iter()
            .map(|label| known.get(label.as_str()).copied().unwrap_or(unknown))
            .collect();
        codes.extend(values, |value| {
            table.get(value as usize).copied().unwrap_or(missing)
        });
        codes
    }
}

impl Column {
    /// The number that stands for an ordered code: of a bin its center.
    pub(crate) fn center(&self, code: u32) -> f64 {
        match self.coding {
            Coding::Number { .. } => self.centers[code as usize],
            Coding::Category { .. } => f64::from(code),
        }
    }

    /// The greatest code that goes left if a node is split between the codes
    /// `low` and `high`. The threshold is the mean of their centers, rounded to a
    /// code. Without `high`, all values go left.
    pub(crate) fn last_left(&self, low: u32, high: Option<u32>) -> u32 {
        let Some(high) = high else {
            return self.coding.missing() - 1;
        };
        if high == low + 1 {
            return low;
        }
        self.code_at(self.center(low) / 2.0 + self.center(high) / 2.0, low, high)
    }

    /// The last code of `low..high` whose center is at most `number`; `low` if
    /// there is none.
    pub(crate) fn code_at(&self, number: f64, low: u32, high: u32) -> u32 {
        match self.coding {
            Coding::Number { .. } => {
                let between = &self.centers[low as usize + 1..high as usize];
                low + between.partition_point(|&center| center <= number) as u32
            }
            Coding::Category { .. } => (number as u32).clamp(low, high - 1),
        }
    }
}

/// Features as codes, column by column.
#[derive(Clone, Debug)]
pub struct Bins {
    rows: usize,
    is_exact: bool,
    columns: Vec<Column>,
    codes: Vec<ColumnCodes>,
    /// By feature: its codes in bins, if it has more than one byte a code.
    coarse: Vec<Option<CoarseCodes>>,
}

/// A column with its bin centers and its codes, as it is serialised here. The
/// columns of a model are serialised without them.
type SharedColumn<C, B> = (C, Vec<f64>, B);

impl Serialize for Bins {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let columns = self.columns.iter().zip(&self.codes);
        let columns: Vec<SharedColumn<&Column, serde_bytes::ByteBuf>> = columns
            .map(|(column, codes)| {
                let codes = serde_bytes::ByteBuf::from(codes.to_bytes());
                (column, column.centers.clone(), codes)
            })
            .collect();
        (self.rows, self.is_exact, columns).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Bins {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Shared<'a> = Vec<SharedColumn<Column, &'a serde_bytes::Bytes>>;
        let (rows, is_exact, shared): (usize, bool, Shared<'de>) =
            Deserialize::deserialize(deserializer)?;
        let mut bins = Self {
            is_exact,
            ..Self::new(rows)
        };
        for (column, centers, bytes) in shared {
            let number = column.coding.codes();
            let codes = ColumnCodes::from_bytes(number, bytes);
            let is_within = match codes.view() {
                // A histogram has room for every code of one byte.
                CodesRef::Narrow(_) => true,
                CodesRef::Wide(codes) => codes.iter().all(|code| (*code as usize) < number),
            };
            if codes.len() != rows || !is_within || !column.coding.is_valid() {
                let fault = "the codes are not one per row, each of a value";
                return Err(D::Error::custom(fault));
            }
            bins.push(Column { centers, ..column }, codes);
        }
        Ok(bins)
    }
}

impl Bins {
    /// The bins of a dataset with `rows` rows, without features yet, of which
    /// there will be few.
    pub fn new(rows: usize) -> Self {
        Self::of_table(rows, 1, 2)
    }

    /// The bins of a dataset with `rows` rows, without features yet, of which
    /// there will be `features`, for a target of `classes` classes; 0 for numbers.
    pub fn of_table(rows: usize, features: usize, classes: usize) -> Self {
        let is_small = rows <= EXACT_ROWS && (features <= EXACT_FEATURES || classes == 0);
        Self {
            rows,
            is_exact: is_small || classes >= EXACT_CLASSES,
            columns: Vec::new(),
            codes: Vec::new(),
            coarse: Vec::new(),
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
    pub(crate) fn codes(&self, index: usize) -> CodesRef<'_> {
        self.codes[index].view()
    }

    /// The bins of feature `index`, if it has more than one byte a code.
    pub(crate) fn coarse(&self, index: usize) -> Option<&CoarseCodes> {
        self.coarse[index].as_ref()
    }

    /// The codes of feature `index` that are counted into histograms, and their
    /// number without that of missing values.
    pub(crate) fn counted(&self, index: usize) -> (&[u8], usize) {
        match (self.codes[index].view(), &self.coarse[index]) {
            (CodesRef::Narrow(codes), _) => (codes, self.columns[index].coding.values()),
            (_, Some(coarse)) => (&coarse.codes, coarse.last.len()),
            (_, None) => (&[], 1),
        }
    }

    /// Adds a feature of numbers, one per row; NaN is missing. Distinct numbers
    /// have a bin each if there are at most [`MAX_NUMBER_BINS`] of them, few rows
    /// of few features ([`EXACT_ROWS`]), or many classes ([`EXACT_CLASSES`]); else
    /// numbers are binned by quantiles.
    ///
    /// # Errors
    /// If there is not one value per row.
    pub fn push_numbers(&mut self, name: &str, values: &[f64]) -> Result<(), BinsError> {
        self.check_length(name, values.len())?;
        let most = if self.is_exact {
            usize::MAX
        } else {
            MAX_NUMBER_BINS
        };
        let binned = quantiles::bin(values, most);
        let column = Column {
            name: name.to_owned(),
            coding: Coding::Number {
                thresholds: binned.thresholds,
            },
            centers: binned.centers,
        };
        self.push(column, binned.codes);
        Ok(())
    }

    /// Adds a feature of categories, one index into `labels` per row;
    /// `u32::MAX` is missing. Up to [`MAX_SUBSET_LABELS`] labels are split by their
    /// order or into subsets, which is chosen at each node; more labels by their
    /// order. All are kept apart.
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
        let is_label = |code: u32| code == u32::MAX || (code as usize) < labels.len();
        if let Some(&code) = values.iter().find(|&&code| !is_label(code)) {
            return Err(BinsError::Code {
                name: name.to_owned(),
                code,
                labels: labels.len(),
            });
        }
        let coding = Coding::Category {
            labels: labels.to_vec(),
            ordered: labels.len() > MAX_SUBSET_LABELS,
        };
        let codes = coding.encode_categories(labels, values);
        let column = Column {
            name: name.to_owned(),
            coding,
            centers: Vec::new(),
        };
        self.push(column, codes);
        Ok(())
    }

    fn push(&mut self, column: Column, codes: ColumnCodes) {
        let values = column.coding.values();
        self.coarse.push(match codes.view() {
            CodesRef::Narrow(_) => None,
            CodesRef::Wide(codes) => Some(CoarseCodes::of(codes, values)),
        });
        self.columns.push(column);
        self.codes.push(codes);
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
        Codes {
            rows: rows.len(),
            columns: self.codes.iter().map(|codes| codes.select(rows)).collect(),
        }
    }
}

/// The codes of selected rows, column by column.
#[derive(Clone, Debug)]
pub(crate) struct Codes {
    rows: usize,
    columns: Vec<ColumnCodes>,
}

impl Codes {
    /// `columns` have `rows` codes each.
    pub(crate) fn from_columns(rows: usize, columns: Vec<ColumnCodes>) -> Codes {
        Codes { rows, columns }
    }

    /// The number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The codes of feature `index`.
    pub(crate) fn column(&self, index: usize) -> CodesRef<'_> {
        self.columns[index].view()
    }
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
        assert_eq!(bins.codes(0), CodesRef::Narrow(&[1, 0, 2, 1]));
        assert_eq!(bins.columns()[0].coding.missing(), 2);
        Ok(())
    }

    #[test]
    fn many_labels_are_kept_apart() -> Result<(), BinsError> {
        let names: Vec<String> = (0..300).map(|label| format!("{label:03}")).collect();
        let values: Vec<u32> = (0..300).rev().chain([u32::MAX]).collect();
        let mut bins = Bins::new(values.len());
        bins.push_categories("c", &names, &values)?;
        let codes: Vec<u32> = (0..=300).rev().map(|code| (code + 300) % 301).collect();
        assert_eq!(bins.codes(0), CodesRef::Wide(&codes));
        let column = &bins.columns()[0];
        assert!(column.coding.is_ordered());
        // A label that is not known is a missing value.
        let others = labels(&["299", "new", "000"]);
        let encoded = column.coding.encode_categories(&others, &[0, 1, 2]);
        assert_eq!(encoded, ColumnCodes::Wide(vec![299, 300, 0]));
        assert_eq!(column.code_at(4.5, 2, 9), 4);
        assert_eq!(
            (column.code_at(0.0, 2, 9), column.code_at(11.0, 2, 9)),
            (2, 8)
        );
        Ok(())
    }

    #[test]
    fn numbers_are_exact_where_rows_are_few_or_classes_many() -> Result<(), BinsError> {
        let bins_of = |rows: usize, features, classes| {
            let values: Vec<f64> = (0..rows).map(|row| row as f64 / 7.0).collect();
            let mut bins = Bins::of_table(rows, features, classes);
            bins.push_numbers("x", &values)?;
            Ok(bins.columns()[0].coding.values())
        };
        assert_eq!(bins_of(700, EXACT_FEATURES, 2)?, 700);
        assert_eq!(bins_of(700, EXACT_FEATURES + 1, 2)?, MAX_NUMBER_BINS);
        assert_eq!(bins_of(EXACT_ROWS + 1, 1, 2)?, MAX_NUMBER_BINS);
        assert_eq!(bins_of(EXACT_ROWS + 1, 9, EXACT_CLASSES)?, EXACT_ROWS + 1);
        Ok(())
    }

    #[test]
    fn categories_are_matched_by_label() -> Result<(), BinsError> {
        let mut bins = Bins::new(2);
        bins.push_categories("c", &labels(&["x", "y"]), &[0, 1])?;
        let codes = bins.columns()[0]
            .coding
            .encode_categories(&labels(&["new", "y", "x"]), &[2, 1, 0, u32::MAX]);
        assert_eq!(codes, ColumnCodes::Narrow(vec![0, 1, 3, 2]));
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
