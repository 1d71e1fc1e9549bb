//! [`DataSummary`]: the table of a run in short, as its report tells it and its
//! [`Summary`](super::summary::Summary) keeps it.

use fanout_contract::{Learning, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manifest::Manifest;
use crate::dataset::{ColumnSummary, Prepared};

/// The most columns that are told. Threat: a summary of megabytes for each run.
const COLUMNS: usize = 200;
/// The most classes that are told.
const CLASSES: usize = 100;

/// The table of a run, for the search of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSummary {
    /// What is learnt.
    pub learning: Learning,
    /// Rows, those held out included.
    pub rows: u64,
    /// Features.
    pub features: usize,
    /// Rows of the search; null where that is not kept, as in stores of before.
    pub search_rows: Option<u64>,
    /// Rows that repeat an earlier one; likewise.
    pub duplicates: Option<u64>,
    /// The first 200 columns, features first.
    pub columns: Vec<DataColumn>,
    /// The most frequent 100 classes of the target, in the order of the labels; none for
    /// numbers.
    pub classes: Vec<DataClass>,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DataColumn {
    /// Its name.
    pub name: String,
    /// Feature or target.
    #[schemars(with = "String")]
    pub role: Role,
    /// As what it is read, in words.
    pub reads: String,
    /// Missing values.
    pub missing: u64,
    /// Distinct values.
    pub distinct: u64,
    /// Whether that number is no estimate.
    pub exact: bool,
    /// The least and the greatest value of numbers and dates; null of what has no order, and
    /// in stores of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[String; 2]>,
}

/// A class of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataClass {
    /// Its label.
    pub label: String,
    /// Its rows.
    pub rows: u64,
}

impl DataColumn {
    fn new(column: &ColumnSummary) -> Self {
        Self {
            name: column.name.clone(),
            role: column.role,
            reads: column.reads.to_string(),
            missing: column.missing,
            distinct: column.distinct.value,
            exact: column.distinct.exact,
            range: column.range.clone(),
        }
    }

    /// The first 200 columns of a table: its features, and then all of its targets.
    pub fn of_table(prepared: &Prepared) -> Vec<Self> {
        let columns = prepared.summary.columns.iter();
        columns.take(COLUMNS).map(Self::new).collect()
    }
}

impl DataSummary {
    /// The summary of a dataset that was prepared.
    pub fn new(prepared: &Prepared) -> Self {
        let summary = &prepared.summary;
        let mut most: Vec<usize> = (0..summary.classes.len()).collect();
        most.sort_by_key(|class| std::cmp::Reverse(summary.classes[*class].rows));
        most.truncate(CLASSES);
        most.sort_unstable();
        let classes = most.into_iter().map(|class| DataClass {
            label: summary.classes[class].label.clone(),
            rows: summary.classes[class].rows,
        });
        Self {
            learning: prepared.learning,
            rows: prepared.rows,
            features: prepared.features(),
            search_rows: Some(prepared.search_rows),
            duplicates: Some(summary.duplicates.value),
            columns: DataColumn::of_table(prepared),
            classes: classes.collect(),
        }
    }

    /// What a manifest alone tells.
    pub fn of_manifest(manifest: &Manifest) -> Self {
        Self {
            learning: manifest.inputs.learning,
            rows: manifest.rows,
            features: manifest.features,
            search_rows: None,
            duplicates: None,
            columns: Vec::new(),
            classes: Vec::new(),
        }
    }
}
