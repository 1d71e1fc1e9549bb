//! [`Table`]: a dataset as an estimator reads it, one feature at a time.
//!
//! A feature is decoded when it is asked for and not kept, so that the memory
//! of a fit is what the estimator makes of the columns, not the columns.

use crate::Fault;

/// A dataset. Cheap to open: it holds the compressed bytes.
#[derive(Debug)]
pub struct Table {
    rows: usize,
    features: Vec<Feature>,
}

/// What is known of a feature before its values are read.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// The column's name.
    pub name: String,
    /// For a category, its labels in sorted order; `None` for a number.
    pub labels: Option<Vec<String>>,
}

/// The values of one feature, one a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Numbers; NaN is missing.
    Number(Vec<f64>),
    /// Indices into the feature's labels; [`Values::MISSING`] is missing.
    Category(Vec<u32>),
}

impl Values {
    /// The code of a missing category.
    pub const MISSING: u32 = u32::MAX;
}

/// A target column, decoded. Never missing.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Classes: two or more sorted labels (as numbers where all of them are
    /// numbers, else as text), and an index into them a row.
    Classes {
        /// The sorted labels.
        classes: Vec<String>,
        /// An index a row of the table.
        codes: Vec<u32>,
    },
    /// A number a row of the table.
    Numbers(Vec<f64>),
}

impl Target {
    /// The sorted class labels; empty for numbers.
    pub fn classes(&self) -> &[String] {
        match self {
            Self::Classes { classes, .. } => classes,
            Self::Numbers(_) => &[],
        }
    }
}

impl Table {
    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The features, in the order of the file.
    pub fn features(&self) -> &[Feature] {
        &self.features
    }

    /// Decodes the values of feature `index`.
    pub fn values(&self, index: usize) -> Result<Values, Fault> {
        let _ = index;
        todo!()
    }

    /// Decodes the target column `name`.
    pub fn target(&self, name: &str) -> Result<Target, Fault> {
        let _ = name;
        todo!()
    }
}
