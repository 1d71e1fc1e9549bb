//! [`Summary`]: what a person should know of a dataset before a search is
//! spent on it, gathered while the dataset streams by.
//!
//! It judges columns one at a time; what two columns give away together it
//! does not see.

use std::fmt;

use fanout_contract::{ColumnKind, Layout, Role};
use rayon::prelude::*;
use serde::Serialize;

use super::encode::Encoded;
use super::tally::{self, Duplicates, Order, Tally};

pub use super::tally::{Count, Tell};

/// The distinct values kept of all columns together, 48 bytes each.
const VALUES: usize = 1 << 18;

/// The rows whose hashes are kept, 16 bytes each.
const HASHES: usize = 1 << 20;

/// The rows whose hashes a thread makes at a time.
const HASHED: usize = 4096;

/// Fewer rows than these may well all be different.
const IDENTIFIER_ROWS: u64 = 100;

/// What is known of a dataset.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The number of rows.
    pub rows: u64,
    /// The columns, in the dataset's order: the features, then the target.
    pub columns: Vec<ColumnSummary>,
    /// The rows of each class, in the order of the sorted labels; empty where
    /// the target is a number.
    pub classes: Vec<ClassSummary>,
    /// The rows that repeat an earlier one in every column.
    pub duplicates: Count,
    /// What looks wrong, the worst first.
    pub warnings: Vec<Warning>,
}

/// What is known of a column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// Its type in the source, such as `int64` or `string`.
    pub source_type: String,
    /// Whether it holds categories, not numbers.
    pub category: bool,
    /// The rows without a value.
    pub missing: u64,
    /// The number of different values.
    pub distinct: Count,
}

/// What is known of a class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassSummary {
    /// Its label.
    pub label: String,
    /// Its rows.
    pub rows: u64,
}

/// What looks wrong in a dataset, though it can be learnt from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "warning", rename_all = "snake_case")]
pub enum Warning {
    /// A column tells the class alone: scores would mean nothing.
    GivesTargetAway {
        /// The column.
        column: String,
        /// How it tells.
        by: Tell,
        /// The share of rows whose class it tells.
        share: f64,
    },
    /// A column has another value in every row.
    Identifier {
        /// The column.
        column: String,
    },
    /// A column has no value at all.
    AllMissing {
        /// The column.
        column: String,
    },
    /// A column has the same value in every row.
    Constant {
        /// The column.
        column: String,
    },
    /// Rows are there twice, and may be trained on and tested on.
    DuplicateRows {
        /// How many repeat an earlier one.
        count: Count,
        /// Of how many.
        rows: u64,
    },
    /// Almost every row has a class of its own.
    ManyClasses {
        /// The target.
        target: String,
        /// The number of classes.
        classes: u64,
        /// The number of rows.
        rows: u64,
    },
    /// A class has so few rows that scores are noise.
    RareClass {
        /// Its label.
        label: String,
        /// Its rows.
        count: u64,
        /// Of how many.
        rows: u64,
    },
    /// A class has fewer rows than there are folds: some have none of it.
    FewerRowsThanFolds {
        /// Its label.
        label: String,
        /// Its rows.
        count: u64,
        /// The number of folds.
        folds: u32,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GivesTargetAway { column, by, share } => {
                // Never rounded up to all rows.
                let share = (share * 10_000.0).floor() / 100.0;
                match by {
                    Tell::Value => write!(f, "`{column}` gives the target away: its value alone")?,
                    Tell::Missing => {
                        write!(
                            f,
                            "`{column}` gives the target away: whether it is missing alone"
                        )?;
                    }
                    Tell::Threshold(at) => write!(
                        f,
                        "`{column}` gives the target away: whether it is above {at} alone"
                    )?,
                }
                write!(
                    f,
                    " tells the class in {share} % of the rows; leave it out of the features"
                )
            }
            Self::Identifier { column } => write!(
                f,
                "`{column}` has another value in every row: an identifier teaches nothing; leave \
                 it out of the features"
            ),
            Self::AllMissing { column } => write!(f, "`{column}` has no value in any row"),
            Self::Constant { column } => write!(f, "`{column}` has the same value in every row"),
            Self::DuplicateRows { count, rows } => write!(
                f,
                "{count} of {rows} rows repeat an earlier row: a model may be tested on what it \
                 was trained on"
            ),
            Self::ManyClasses {
                target,
                classes,
                rows,
            } => write!(
                f,
                "the target `{target}` has {classes} classes in {rows} rows: is it a number to \
                 predict, or an identifier?"
            ),
            Self::RareClass { label, count, rows } => {
                write!(f, "the class `{label}` has only {count} of {rows} rows")
            }
            Self::FewerRowsThanFolds {
                label,
                count,
                folds,
            } => write!(
                f,
                "the class `{label}` has {count} rows, fewer than the {folds} folds: some folds \
                 test none of it"
            ),
        }
    }
}

/// Gathers a [`Summary`].
#[derive(Debug)]
pub(super) struct Observer {
    rows: u64,
    tallies: Vec<Tally>,
    duplicates: Duplicates,
    classes: Vec<u64>,
    /// Scratch, kept for its memory: keys by column.
    keys: Vec<Vec<u64>>,
    hashes: Vec<u64>,
    zeros: Vec<u32>,
}

impl Observer {
    /// An observer of a dataset of `columns` columns, and of so many rows
    /// where that is known.
    pub(super) fn new(columns: usize, rows: Option<u64>) -> Self {
        let rows = rows
            .and_then(|rows| usize::try_from(rows).ok())
            .unwrap_or(0);
        let limit = (VALUES / columns.max(1)).clamp(256, 16_384);
        Self {
            rows: 0,
            tallies: (0..columns).map(|_| Tally::new(limit)).collect(),
            duplicates: Duplicates::new(HASHES, rows.min(HASHES)),
            classes: Vec::new(),
            keys: vec![Vec::new(); columns],
            hashes: Vec::new(),
            zeros: Vec::new(),
        }
    }

    /// Takes in a batch.
    pub(super) fn see(&mut self, batch: &Encoded) {
        let rows = batch.columns.first().map_or(0, |column| column.len());
        self.rows += rows as u64;
        let classes = match &batch.classes {
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
        let columns = batch.columns.par_iter().zip(&mut self.tallies);
        columns
            .zip(&mut self.keys)
            .for_each(|((column, tally), keys)| {
                tally::keys(column, keys);
                tally.see(keys, &classes[..rows]);
            });
        let keys = &self.keys;
        self.hashes
            .par_chunks_mut(HASHED)
            .enumerate()
            .for_each(|(chunk, hashes)| {
                let from = chunk * HASHED;
                for keys in keys {
                    Duplicates::fold(hashes, &keys[from..from + hashes.len()]);
                }
            });
        self.duplicates.see(&mut self.hashes);
    }

    /// The summary of what was seen.
    pub(super) fn finish(self, layout: &Layout, source_types: Vec<String>) -> Summary {
        let columns: Vec<ColumnSummary> = layout
            .columns
            .iter()
            .zip(&self.tallies)
            .zip(source_types)
            .map(|((column, tally), source_type)| ColumnSummary {
                name: column.name.clone(),
                role: column.role,
                source_type,
                category: matches!(column.kind, ColumnKind::Category { .. }),
                missing: tally.missing(),
                distinct: tally.distinct(),
            })
            .collect();
        let duplicates = self.duplicates.count();

        let mut given_away = Vec::new();
        let mut others = Vec::new();
        for (column, tally) in columns.iter().zip(&self.tallies) {
            if column.role != Role::Feature {
                continue;
            }
            let real = column.source_type.starts_with("float")
                || column.source_type.starts_with("decimal");
            let order = match (column.category, real) {
                (true, _) => Order::None,
                (false, true) => Order::Real,
                (false, false) => Order::Whole,
            };
            let name = column.name.clone();
            let distinct = column.distinct;
            if let Some((by, share)) = tally.tell(&self.classes, order) {
                given_away.push(Warning::GivesTargetAway {
                    column: name,
                    by,
                    share,
                });
            } else if column.missing == self.rows {
                others.push(Warning::AllMissing { column: name });
            } else if distinct.value == 1 && distinct.exact && column.missing == 0 {
                others.push(Warning::Constant { column: name });
            } else if !real
                && self.rows >= IDENTIFIER_ROWS
                && column.missing == 0
                && is_all(distinct, self.rows)
            {
                others.push(Warning::Identifier { column: name });
            }
        }
        let mut warnings = given_away;
        warnings.append(&mut others);
        if duplicates.value > 0 {
            warnings.push(Warning::DuplicateRows {
                count: duplicates,
                rows: self.rows,
            });
        }

        let mut classes = Vec::new();
        if let Some(ColumnKind::Category { labels }) = layout.columns.last().map(|c| &c.kind) {
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
            for label in super::encode::sorted(labels) {
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
        Summary {
            rows: self.rows,
            columns,
            classes,
            duplicates,
            warnings,
        }
    }
}

/// Whether as many different values were seen as there are rows, as far as an
/// estimate tells.
fn is_all(distinct: Count, rows: u64) -> bool {
    if distinct.exact {
        distinct.value == rows
    } else {
        distinct.value * 20 >= rows * 19
    }
}
