//! [`Assignment`]: the splits of a search as columns of the splits file.
//!
//! Splits that test each row at most once share a column of fold numbers.
//! Splits that overlap have a column of [`Marks`] each.

use std::ops::Range;

use arrow_array::Int32Array;
use fanout_contract::{Split, Train};
use rayon::prelude::*;

use super::error::SplitError;
use super::marks::{Mark, Marks};
use crate::dataset::parts::SplitPart;

/// The column of the folds.
const FOLD: &str = "fold";

/// The column of the hold-out: 1 is held out, 0 is not.
const HOLDOUT: &str = "holdout";

/// The column of the rows of the search, where no column of folds has them all.
const SEARCH: &str = "search";

/// The fold of a row that is in every training set.
pub(super) const NEVER_TESTED: i32 = -1;

/// The value of a row that takes no part, in memory; null in the file.
const ABSENT: i32 = i32::MIN;

/// The most splits. Threat: a task for each row of a large table.
const MAX_SPLITS: u128 = 100_000;

/// The most columns of the splits file. Threat: thousands of pages a row group.
const MAX_COLUMNS: u128 = 10_000;

/// The most values of columns of marks, and of columns of folds. Threat: a splits
/// file beyond the memory of a guest, which holds it whole.
const MAX_MARKS: u128 = 1 << 30;
const MAX_FOLDS: u128 = 1 << 28;

/// The splits, and the rows that are held out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dataset) struct Assignment {
    /// The columns of the splits of the run, with a value for each row of the dataset.
    columns: Vec<SplitColumn>,
    /// The columns of the splits whose training rows these divide; none where they divide
    /// the rows of the search.
    outer: Vec<SplitColumn>,
    /// Splits behind those of `columns`, with the targets shuffled.
    permuted: Vec<Split>,
    /// The columns that they read beside those of `columns`.
    others: Vec<SplitColumn>,
    /// Which splits belong together; empty where they are those of `cv`.
    pub(in crate::dataset) parts: Vec<SplitPart>,
    /// The number of rows of the search.
    pub(in crate::dataset) search_rows: usize,
    /// The column of the hold-out.
    holdout: Option<SplitColumn>,
    /// Classes with fewer rows than there are folds: code and number of rows.
    pub(in crate::dataset) rare_classes: Vec<(u32, usize)>,
}

/// A column of the splits file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::dataset) struct SplitColumn {
    pub(in crate::dataset) name: String,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Values {
    /// The fold of each row, one split each.
    Folds {
        of_rows: Vec<i32>,
        folds: u32,
        train: Train,
    },
    /// One split.
    Marks(Marks),
}

/// The rows of a split by class: those of the test, and those to train on.
pub(in crate::dataset) type ClassCounts = (Vec<u64>, Vec<u64>);

impl Assignment {
    /// The splits of the search, in order.
    pub(in crate::dataset) fn splits(&self) -> Vec<Split> {
        let splits = self.columns.iter().flat_map(SplitColumn::splits);
        splits.chain(self.permuted.iter().cloned()).collect()
    }

    /// Trains on all rows of the search, tests none.
    pub(in crate::dataset) fn refit(&self) -> Split {
        let all = |column: &&SplitColumn| matches!(column.values, Values::Folds { .. });
        let column = self.outermost().iter().find(all);
        split(column.map_or(SEARCH, |column| &column.name), None)
    }

    /// Trains on all rows of the search, tests those that are held out.
    pub(in crate::dataset) fn holdout(&self) -> Option<Split> {
        self.holdout.as_ref().map(|_| split(HOLDOUT, Some(1)))
    }

    /// The columns of the splits file.
    pub(in crate::dataset) fn columns(&self) -> Vec<&SplitColumn> {
        let columns = self.columns.iter().chain(&self.outer);
        columns.chain(&self.others).chain(&self.holdout).collect()
    }

    /// The columns that divide the rows of the search.
    fn outermost(&self) -> &[SplitColumn] {
        match self.outer.as_slice() {
            [] => &self.columns,
            outer => outer,
        }
    }

    /// The fold in which a row is tested, where the splits are folds.
    pub(in crate::dataset) fn fold(&self, row: usize) -> Option<u32> {
        match &self.outermost().first()?.values {
            Values::Folds { of_rows, .. } => u32::try_from(of_rows[row]).ok(),
            Values::Marks(_) => None,
        }
    }

    /// The rows of each split by class; `class` gives the class of a row, below
    /// `classes`.
    pub(in crate::dataset) fn count_classes(
        &self,
        class: impl Fn(usize) -> usize + Sync,
        classes: usize,
    ) -> Vec<ClassCounts> {
        let columns: Vec<Vec<ClassCounts>> = self
            .columns
            .par_iter()
            .map(|column| column.count_classes(&class, classes))
            .collect();
        columns.into_iter().flatten().collect()
    }
}

impl SplitColumn {
    /// Its splits.
    pub(super) fn splits(&self) -> Vec<Split> {
        self.each().map(|(_, number)| self.split(number)).collect()
    }

    /// Each of its splits: the column, and the value of the test rows.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Self, i32)> {
        let values = match &self.values {
            Values::Folds { folds, .. } => 0..*folds as i32,
            Values::Marks(_) => 1..2,
        };
        values.map(move |value| (self, value))
    }

    /// The split whose test rows have this value.
    pub(super) fn split(&self, test: i32) -> Split {
        let train = match &self.values {
            Values::Folds { train, .. } => train.clone(),
            Values::Marks(_) => Train::Rest,
        };
        Split {
            train,
            ..split(&self.name, Some(test))
        }
    }

    /// The rows that are this in the split whose test rows have the value `test`,
    /// ascending.
    pub(super) fn rows_with(&self, test: i32, mark: Mark) -> Vec<u32> {
        let of_row = |row: usize| match &self.values {
            Values::Marks(marks) => marks.get(row),
            Values::Folds { of_rows, train, .. } => match of_rows[row] {
                ABSENT => Mark::Neither,
                fold if fold == test => Mark::Test,
                fold if *train == Train::Before && fold > test => Mark::Neither,
                _ => Mark::Train,
            },
        };
        let rows = (0..self.rows() as u32).filter(|row| of_row(*row as usize) == mark);
        rows.collect()
    }

    /// The values of a column of no split, by row.
    pub(super) fn unsplit_values(&self) -> impl Iterator<Item = Option<i32>> {
        let values = match &self.values {
            Values::Folds { of_rows, .. } => of_rows.as_slice(),
            Values::Marks(_) => &[],
        };
        values
            .iter()
            .map(|value| Some(*value).filter(|value| *value != ABSENT))
    }

    /// The number of rows.
    pub(in crate::dataset) fn rows(&self) -> usize {
        match &self.values {
            Values::Folds { of_rows, .. } => of_rows.len(),
            Values::Marks(marks) => marks.len(),
        }
    }

    /// Whether the column has few values in any order, so that a dictionary makes
    /// the file smaller.
    pub(in crate::dataset) fn is_coded(&self) -> bool {
        matches!(self.values, Values::Marks(_))
    }

    /// The values of some rows, as they are in the file.
    pub(in crate::dataset) fn array(&self, rows: Range<usize>) -> Int32Array {
        match &self.values {
            Values::Folds { of_rows, .. } => of_rows[rows]
                .iter()
                .map(|fold| Some(*fold).filter(|fold| *fold != ABSENT))
                .collect(),
            Values::Marks(marks) => rows
                .map(|row| match marks.get(row) {
                    Mark::Neither => None,
                    Mark::Train => Some(0),
                    Mark::Test => Some(1),
                })
                .collect(),
        }
    }

    fn count_classes(&self, class: impl Fn(usize) -> usize, classes: usize) -> Vec<ClassCounts> {
        let none = || vec![0; classes];
        match &self.values {
            Values::Folds { folds: 0, .. } => Vec::new(),
            Values::Folds {
                of_rows,
                folds,
                train,
            } => {
                let mut test = vec![none(); *folds as usize];
                let mut others = none();
                for (row, fold) in of_rows.iter().enumerate().filter(|(_, f)| **f != ABSENT) {
                    let of_fold = usize::try_from(*fold).ok().and_then(|f| test.get_mut(f));
                    if let Some(count) = of_fold.unwrap_or(&mut others).get_mut(class(row)) {
                        *count += 1;
                    }
                }
                let add = |sum: &mut Vec<u64>, of_fold: &[u64]| {
                    sum.iter_mut().zip(of_fold).for_each(|(sum, n)| *sum += n)
                };
                let mut before = others;
                let mut all = before.clone();
                test.iter().for_each(|of_fold| add(&mut all, of_fold));
                let counts = test.into_iter().map(|test| {
                    let train = match train {
                        Train::Before => before.clone(),
                        _ => all
                            .iter()
                            .zip(&test)
                            .map(|(all, test)| all - test)
                            .collect(),
                    };
                    add(&mut before, &test);
                    (test, train)
                });
                counts.collect()
            }
            Values::Marks(marks) => {
                let (mut test, mut train) = (none(), none());
                for row in 0..marks.len() {
                    let counts = match marks.get(row) {
                        Mark::Neither => continue,
                        Mark::Train => &mut train,
                        Mark::Test => &mut test,
                    };
                    if let Some(count) = counts.get_mut(class(row)) {
                        *count += 1;
                    }
                }
                vec![(test, train)]
            }
        }
    }
}

impl Values {
    /// A column of no split.
    fn unsplit(of_rows: impl Iterator<Item = i32>) -> Self {
        Self::Folds {
            of_rows: of_rows.collect(),
            folds: 0,
            train: Train::Rest,
        }
    }
}

fn split(column: &str, test: Option<i32>) -> Split {
    Split {
        column: column.to_owned(),
        test,
        train: Train::Rest,
        shuffle: None,
    }
}

/// Makes an [`Assignment`] from the splits of the rows of the search.
pub(super) struct Builder<'a> {
    method: &'static str,
    /// The rows of the search, ascending.
    rows: &'a [u32],
    /// The number of rows of the dataset.
    total: usize,
    columns: Vec<SplitColumn>,
    outer: Vec<SplitColumn>,
    permuted: Vec<Split>,
    others: Vec<SplitColumn>,
    splits: usize,
}

impl<'a> Builder<'a> {
    pub(super) fn new(method: &'static str, rows: &'a [u32], total: usize) -> Self {
        Self {
            method,
            rows,
            total,
            columns: Vec::new(),
            outer: Vec::new(),
            permuted: Vec::new(),
            others: Vec::new(),
            splits: 0,
        }
    }

    /// Takes the splits that were added.
    pub(super) fn take(&mut self) -> Vec<SplitColumn> {
        self.splits = 0;
        std::mem::take(&mut self.columns)
    }

    /// Sets the splits: those of `columns` divide the training rows of those of `outer`.
    pub(super) fn put_inside(&mut self, outer: Vec<SplitColumn>, columns: Vec<SplitColumn>) {
        self.outer = outer;
        self.columns = columns;
    }

    /// The columns that were added.
    pub(super) fn columns(&self) -> &[SplitColumn] {
        &self.columns
    }

    /// A column of no split: `value` is that of each row of the search, by its number
    /// among them.
    pub(super) fn unsplit(&self, name: &str, value: impl Fn(usize) -> i32) -> SplitColumn {
        let mut values = vec![ABSENT; self.total];
        for (number, row) in self.rows.iter().enumerate() {
            values[*row as usize] = value(number);
        }
        SplitColumn {
            name: name.to_owned(),
            values: Values::unsplit(values.into_iter()),
        }
    }

    /// Sets the splits with the targets shuffled, and the columns that they read beside
    /// those that were added.
    pub(super) fn put_permuted(&mut self, splits: Vec<Split>, columns: Vec<SplitColumn>) {
        self.permuted = splits;
        self.others = columns;
    }

    /// Refuses more splits, in columns of folds, than a run is made for; before
    /// any of them is made.
    pub(super) fn expect_folds(&self, splits: u128, columns: u128) -> Result<(), SplitError> {
        self.expect(splits, MAX_SPLITS, columns, MAX_FOLDS)
    }

    /// The same of splits that have a column each.
    pub(super) fn expect_marks(&self, splits: u128) -> Result<(), SplitError> {
        self.expect(splits, MAX_COLUMNS, splits, MAX_MARKS)
    }

    fn expect(
        &self,
        splits: u128,
        most: u128,
        columns: u128,
        most_values: u128,
    ) -> Result<(), SplitError> {
        let (method, rows) = (self.method, self.rows.len());
        if splits > most {
            let splits = match splits {
                // Its product with a number of rows has no 128 bits.
                u128::MAX => "more than 10^28".to_owned(),
                splits => splits.to_string(),
            };
            return Err(SplitError::TooManySplits {
                method,
                rows,
                splits,
                most: most as u64,
            });
        }
        if columns > 1 && columns.saturating_mul(self.total as u128) > most_values {
            return Err(SplitError::TooManyValues {
                method,
                columns: columns as u64,
                rows: self.total,
                most: most_values as u64,
            });
        }
        Ok(())
    }

    /// Adds splits that share the column `fold`. `of_rows` is the fold of each row
    /// of the search.
    pub(super) fn folds(
        &mut self,
        of_rows: &[i32],
        folds: u32,
        train: Train,
    ) -> Result<(), SplitError> {
        self.named_folds(FOLD.to_owned(), of_rows, folds, train)
    }

    /// Adds one repeat of folds.
    pub(super) fn repeat(&mut self, of_rows: &[i32], folds: u32) -> Result<(), SplitError> {
        let name = format!("repeat{}", self.columns.len());
        self.named_folds(name, of_rows, folds, Train::Rest)
    }

    fn named_folds(
        &mut self,
        name: String,
        of_rows: &[i32],
        folds: u32,
        train: Train,
    ) -> Result<(), SplitError> {
        let mut sizes = vec![0_usize; folds as usize];
        let mut values = vec![ABSENT; self.total];
        let mut others = 0;
        for (row, fold) in self.rows.iter().zip(of_rows) {
            values[*row as usize] = *fold;
            let size = usize::try_from(*fold).ok().and_then(|f| sizes.get_mut(f));
            *size.unwrap_or(&mut others) += 1;
        }
        let mut before = others;
        for (fold, size) in sizes.iter().enumerate() {
            let trained = match train {
                Train::Before => before,
                _ => self.rows.len() - size,
            };
            self.check_sizes(fold, *size > 0, trained > 0)?;
            before += size;
        }
        self.columns.push(SplitColumn {
            name,
            values: Values::Folds {
                of_rows: values,
                folds,
                train,
            },
        });
        self.splits += folds as usize;
        Ok(())
    }

    /// Adds a split. `mark` is what each row of the search is in it, by its number
    /// among them.
    pub(super) fn split(&mut self, mark: impl Fn(usize) -> Mark) -> Result<(), SplitError> {
        let mut marks = Marks::neither(self.total);
        let (mut tested, mut trained) = (false, false);
        for (number, row) in self.rows.iter().enumerate() {
            let mark = mark(number);
            tested |= mark == Mark::Test;
            trained |= mark == Mark::Train;
            marks.set(*row as usize, mark);
        }
        self.check_sizes(0, tested, trained)?;
        self.add(marks);
        Ok(())
    }

    /// Adds a split. `marks` are those of all rows of the dataset; rows that are
    /// held out have none.
    pub(super) fn add(&mut self, marks: Marks) {
        let name = format!("split{}", self.columns.len());
        let values = Values::Marks(marks);
        self.columns.push(SplitColumn { name, values });
        self.splits += 1;
    }

    fn check_sizes(&self, split: usize, tested: bool, trained: bool) -> Result<(), SplitError> {
        let what = match (tested, trained) {
            (true, true) => return Ok(()),
            (false, _) => "test row",
            (true, false) => "row to train on",
        };
        Err(SplitError::EmptySplit {
            method: self.method,
            split: self.splits + split,
            what,
        })
    }

    pub(super) fn finish(
        self,
        held_out: Option<Vec<bool>>,
        rare_classes: Vec<(u32, usize)>,
        parts: Vec<SplitPart>,
    ) -> Assignment {
        let outermost = match self.outer.is_empty() {
            true => &self.columns,
            false => &self.outer,
        };
        let is_coded = outermost.iter().all(SplitColumn::is_coded);
        let search = is_coded.then(|| self.unsplit(SEARCH, |_| 0));
        let (mut columns, mut outer) = (self.columns, self.outer);
        match outer.is_empty() {
            true => columns.extend(search),
            false => outer.extend(search),
        }
        Assignment {
            columns,
            outer,
            permuted: self.permuted,
            others: self.others,
            parts,
            search_rows: self.rows.len(),
            holdout: held_out.map(|held_out| SplitColumn {
                name: HOLDOUT.to_owned(),
                values: Values::unsplit(held_out.into_iter().map(i32::from)),
            }),
            rare_classes,
        }
    }
}
