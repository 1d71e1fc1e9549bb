//! [`Summary`]: statistics of a dataset and warnings about it, collected while
//! the dataset is streamed.
//!
//! Each column is examined alone; that two columns together leak the target
//! goes unnoticed.

use fanout_contract::{ColumnKind, Layout, Role};
use rayon::prelude::*;
use serde::Serialize;

use super::encode::EncodedBatch;
use super::statistics::{self, ColumnStatistics, DuplicateRows, KeyOrder};

use super::range::ValueRange;
use super::reads::{ReadColumn, Reads};
use super::statistics::{Count, RowSample};
use super::warning::Warning;

/// The distinct values that are kept, over all columns; 48 bytes each.
const VALUES: usize = 1 << 18;

/// The row hashes that are kept; 16 bytes each.
const HASHES: usize = 1 << 20;

/// The rows that a thread hashes at a time.
const HASHED: usize = 4096;

/// The least number of rows to report an identifier.
const IDENTIFIER_ROWS: u64 = 100;

/// Statistics of a dataset, and warnings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The number of rows.
    pub rows: u64,
    /// The columns, in the dataset's order: the features, then the targets.
    pub columns: Vec<ColumnSummary>,
    /// The rows of each class, in the order of the sorted labels; empty for a
    /// regression target, and where rows may lack the target.
    pub classes: Vec<ClassSummary>,
    /// The number of rows that repeat an earlier one in every column.
    pub duplicates: Count,
    /// What looks wrong, the worst first.
    pub warnings: Vec<Warning>,
}

/// Statistics of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Feature or target.
    pub role: Role,
    /// Its type in the source, such as `int64` or `string`.
    pub source_type: String,
    /// As what it is read.
    pub reads: Reads,
    /// A value of it, as it was read; `None` if all are missing.
    pub example: Option<String>,
    /// The number of missing values.
    pub missing: u64,
    /// The number of distinct values.
    pub distinct: Count,
    /// The least and the greatest value of numbers and dates, as texts.
    pub range: Option<[String; 2]>,
}

/// Statistics of a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassSummary {
    /// Its label.
    pub label: String,
    /// Its number of rows.
    pub rows: u64,
}

/// Collects a [`Summary`].
#[derive(Debug)]
pub(super) struct SummaryBuilder {
    rows: u64,
    statistics: Vec<ColumnStatistics>,
    ranges: Vec<ValueRange>,
    duplicates: DuplicateRows,
    sample: RowSample,
    classes: Vec<u64>,
    /// Buffers that batches share: keys by column, row hashes, and classes for a
    /// regression target.
    keys: Vec<Vec<u64>>,
    hashes: Vec<u64>,
    zeros: Vec<u32>,
}

impl SummaryBuilder {
    /// A builder for a dataset of `columns` columns, and of `rows` rows if that is
    /// known.
    pub(super) fn new(columns: usize, rows: Option<u64>) -> Self {
        let rows = rows
            .and_then(|rows| usize::try_from(rows).ok())
            .unwrap_or(0);
        let limit = (VALUES / columns.max(1)).clamp(256, 16_384);
        Self {
            rows: 0,
            statistics: (0..columns).map(|_| ColumnStatistics::new(limit)).collect(),
            ranges: vec![ValueRange::default(); columns],
            duplicates: DuplicateRows::new(HASHES, rows.min(HASHES)),
            sample: RowSample::new(columns),
            classes: Vec::new(),
            keys: vec![Vec::new(); columns],
            hashes: Vec::new(),
            zeros: Vec::new(),
        }
    }

    /// Adds a batch.
    pub(super) fn update(&mut self, batch: &EncodedBatch) {
        let rows = batch.columns.first().map_or(0, |column| column.len());
        self.rows += rows as u64;
        let classes = match batch.classes() {
            Some(classes) => {
                for class in classes {
                    let class = *class as usize;
                    if self.classes.len() <= class {
                        self.classes.resize(class + 1, 0);
                    }
                    self.classes[class] += 1;
                }
                classes
            }
            None => {
                self.zeros.resize(rows, 0);
                &self.zeros
            }
        };
        self.hashes.clear();
        self.hashes.resize(rows, 0);
        let columns = batch.columns.par_iter().zip(&mut self.statistics);
        columns.zip(&mut self.ranges).zip(&mut self.keys).for_each(
            |(((column, statistics), range), keys)| {
                range.update(column);
                statistics::value_keys(column, keys);
                statistics.update(keys, &classes[..rows]);
            },
        );
        let keys = &self.keys;
        self.hashes
            .par_chunks_mut(HASHED)
            .enumerate()
            .for_each(|(chunk, hashes)| {
                let from = chunk * HASHED;
                for keys in keys {
                    DuplicateRows::hash_column(hashes, &keys[from..from + hashes.len()]);
                }
            });
        self.duplicates.update(&mut self.hashes);
        self.sample.update(keys, &classes[..rows]);
    }

    /// The summary of all batches, and a sample of the rows.
    pub(super) fn finish(self, layout: &Layout, read: Vec<ReadColumn>) -> (Summary, RowSample) {
        let columns: Vec<ColumnSummary> = layout
            .columns
            .iter()
            .zip(&self.statistics)
            .zip(&self.ranges)
            .zip(read)
            .map(|(((column, statistics), range), read)| ColumnSummary {
                name: column.name.clone(),
                role: column.role,
                range: range.shown(&read.reads, &read.source_type),
                source_type: read.source_type,
                reads: read.reads,
                example: read.example,
                missing: statistics.missing(),
                distinct: statistics.distinct(),
            })
            .collect();
        let duplicates = self.duplicates.count();

        let mut leaks = Vec::new();
        let mut others = Vec::new();
        for (column, statistics) in columns.iter().zip(&self.statistics) {
            if column.role != Role::Feature {
                continue;
            }
            let real = column.source_type.starts_with("float")
                || column.source_type.starts_with("decimal");
            let order = match (matches!(column.reads, Reads::Category(_)), real) {
                (true, _) => KeyOrder::None,
                (false, true) => KeyOrder::Real,
                (false, false) => KeyOrder::Whole,
            };
            let name = column.name.clone();
            let distinct = column.distinct;
            if let Some((by, share)) = statistics.leak(&self.classes, order) {
                leaks.push(Warning::TargetLeakage {
                    column: name,
                    by,
                    share,
                });
            } else if column.missing == self.rows {
                others.push(Warning::AllMissing { column: name });
            } else if distinct.value == 1 && distinct.exact && column.missing == 0 {
                others.push(Warning::Constant { column: name });
            } else if order == KeyOrder::None
                && self.rows >= IDENTIFIER_ROWS
                && column.missing == 0
                && is_all(distinct, self.rows)
            {
                others.push(Warning::Identifier { column: name });
            }
        }
        let mut warnings = leaks;
        warnings.append(&mut others);
        if duplicates.value > 0 {
            warnings.push(Warning::DuplicateRows {
                count: duplicates,
                rows: self.rows,
            });
        }

        let mut classes = Vec::new();
        if let Some(ColumnKind::Category { labels }) = layout.columns.last().map(|c| &c.kind)
            && !self.classes.is_empty()
        {
            let number = labels.len() as u64;
            if number > 20 && number * 2 > self.rows {
                warnings.push(Warning::ManyClasses {
                    target: layout
                        .columns
                        .last()
                        .map(|c| c.name.clone())
                        .unwrap_or_default(),
                    classes: number,
                    rows: self.rows,
                });
            }
            let rows: rustc_hash::FxHashMap<&str, u64> = labels
                .iter()
                .map(String::as_str)
                .zip(self.classes.iter().copied())
                .collect();
            for label in super::labels::sorted_labels(labels) {
                let count = rows[label.as_str()];
                // Below 1 %, and below a tenth of an even share.
                if number * 2 <= self.rows
                    && count * 100 < self.rows
                    && count * number * 10 < self.rows
                {
                    warnings.push(Warning::RareClass {
                        label: label.clone(),
                        count,
                        rows: self.rows,
                    });
                }
                classes.push(ClassSummary { label, rows: count });
            }
        }
        let summary = Summary {
            rows: self.rows,
            columns,
            classes,
            duplicates,
            warnings,
        };
        (summary, self.sample)
    }
}

/// Whether there are as many distinct values as rows; of an estimate, 95 %.
pub(super) fn is_all(distinct: Count, rows: u64) -> bool {
    if distinct.exact {
        distinct.value == rows
    } else {
        distinct.value * 20 >= rows * 19
    }
}
